/* Coverage-guided fuzzing with nothing but the compiler: an input that reaches an edge, or brings a
 * comparison nearer to equality than any before, is kept, and later inputs are made from it.
 *
 * A target is one C file: a function that takes bytes in a block of exactly their size and calls
 * guided_need where something is wrong, seeds, and a main that calls guided_main. Compiled with
 * -fsanitize-coverage=trace-pc,trace-cmp under sanitizers.
 *
 *   TARGET SEED EXECUTIONS [blind] [FILE...]    blind: inputs are kept for no reason
 *   TARGET hex BYTES                            one input, in this process
 *
 * The inputs run in a child. Before each one its bytes go to memory that the parent shares, so that
 * whatever ends the child, a sanitizer or a signal, the parent prints the input and the command
 * that repeats it. An input that burns more than a second or two of processor time ends it too.
 * The same seed, program and machine word give the same inputs. */
#ifndef GUIDED_H
#define GUIDED_H

#include "guided_change.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { GUIDED_RSS_KB = 512 << 10 };

typedef struct {
    uint64_t executions;
    uint32_t n, is_running;
    uint8_t input[GUIDED_BYTES_MAX];
} guided_shared;

static guided_shared *guided_now;
static uint64_t guided_ticked;

GUIDED_OWN static int guided_execute(const guided_target *t, const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    guided_need(exact != NULL, "no memory");
    memcpy(exact, data, n);
    memcpy(guided_now->input, data, n);
    guided_now->n = (uint32_t)n;
    guided_now->executions++;
    guided_n_touched = 0;
    guided_before = 0;
    guided_now->is_running = 1;
    guided_is_on = 1;
    t->run(exact, n);
    guided_is_on = 0;
    guided_now->is_running = 0;
    free(exact);
    return guided_is_new();
}

GUIDED_OWN static void guided_tick(int signal_number)
{
    static const char text[] = "guided: one input took more than a second\n";
    (void)signal_number;
    if (guided_now->is_running && guided_ticked == guided_now->executions) {
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
        _exit(1);
    }
    guided_ticked = guided_now->executions;
}

GUIDED_OWN static void guided_file(const char *path)
{
    static uint8_t data[GUIDED_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    guided_need(file != NULL, path);
    const size_t n = fread(data, 1, sizeof data, file);
    fclose(file);
    guided_seed(data, n);
}

/* The child: seeds and files first, then what comes of them. */
GUIDED_OWN static int guided_campaign(const guided_target *t, uint64_t executions, int is_blind)
{
    static uint8_t data[GUIDED_BYTES_MAX];
    const struct itimerval second = {{1, 0}, {1, 0}};
    struct rusage used;
    signal(SIGVTALRM, guided_tick);
    setitimer(ITIMER_VIRTUAL, &second, NULL);
    for (uint32_t i = 0, n = guided_n; i < n; i++)
        (void)guided_execute(t, guided_corpus[i],
                             guided_sizes[i] < t->max ? guided_sizes[i] : t->max);
    while (guided_now->executions < executions) {
        const size_t n = guided_make(data, t);
        if (guided_execute(t, data, n) && !is_blind)
            guided_keep(data, n);
    }
    getrusage(RUSAGE_SELF, &used);
    printf("guided %s: %llu executions, %u edges, corpus %u, %ld MB\n", t->name,
           (unsigned long long)guided_now->executions, guided_edges, guided_n,
           used.ru_maxrss >> 10);
    fflush(stdout);
    guided_need(used.ru_maxrss < GUIDED_RSS_KB, "memory grew beyond 512 MB");
    for (uint32_t i = 0; i < guided_n; i++)
        free(guided_corpus[i]);
    memset(guided_corpus, 0, sizeof guided_corpus);
    return 0;
}

GUIDED_OWN static void guided_tell(const char *program, uint64_t seed, uint64_t executions)
{
    fprintf(stderr, "guided: after %llu executions; again: %s %llu %llu\n",
            (unsigned long long)guided_now->executions, program, (unsigned long long)seed,
            (unsigned long long)executions);
    if (!guided_now->is_running)
        return;
    fprintf(stderr, "input: %s hex ", program);
    for (uint32_t i = 0; i < guided_now->n; i++)
        fprintf(stderr, "%02x", guided_now->input[i]);
    fprintf(stderr, "%s\n", guided_now->n ? "" : "''");
}

GUIDED_OWN static int guided_one(const guided_target *t, const char *hex)
{
    static uint8_t data[GUIDED_BYTES_MAX];
    size_t n = 0;
    unsigned byte = 0;
    for (; n < t->max && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        data[n] = (uint8_t)byte;
    (void)guided_execute(t, data, n);
    printf("guided %s: %zu bytes, nothing found\n", t->name, n);
    return 0;
}

GUIDED_OWN static int guided_main(int argc, char **argv, const guided_target *t)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint64_t executions = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    int is_blind = 0, status = 0;
    guided_now = mmap(NULL, sizeof *guided_now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    guided_need(guided_now != MAP_FAILED && t->max <= GUIDED_BYTES_MAX,
                "no memory, or long inputs");
    if (argc > 2 && strcmp(argv[1], "hex") == 0)
        return guided_one(t, argv[2]);
    guided_state = seed;
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a run that is given up leaves nobody behind */
        guided_seed("", 0);
        t->seeds();
        for (int i = 3; i < argc; i++) {
            if (strcmp(argv[i], "blind") == 0)
                is_blind = 1;
            else
                guided_file(argv[i]);
        }
        return guided_campaign(t, executions, is_blind);
    }
    guided_need(child > 0 && waitpid(child, &status, 0) == child, "no child");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    guided_tell(argv[0], seed, executions);
    return 1;
}

#endif
