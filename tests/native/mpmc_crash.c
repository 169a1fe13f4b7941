/* Processes that are killed or stopped while they hold a slot of a multi-producer multi-consumer
 * ring, and others that go on.
 *
 *   mpmc_crash KIND CYCLES
 *
 *   kill    a producer is killed between claim and commit (every other one stays a zombie
 * meanwhile) stop    a producer stops itself there for longer than the bound, then goes on and
 * commits reader  a consumer does the same with a record in place any     producers are killed at
 * any moment while they push
 *
 * Prints one line of figures. Exit 0 when the others went on, nothing that came out was damaged,
 * and what went in is exactly what came out and what was given up; 1 with a line otherwise.
 */
#include "tectra/mpmc_wait.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CAPACITY 16
#define BOUND_NS 10000000
#define CYCLES_MAX 20000
#define CLAIMS_MAX 3
#define GARBAGE 0xee
#define NO_TRACING 77
#define PUSHES_MAX 20000000

/* Shared with the children; all zero at first. */
typedef struct {
    tt_atomic_u64 stage;     /* the cycle in which the child holds what it shall */
    tt_atomic_u64 committed; /* by this child; at most one less than is in the ring */
    tt_atomic_u64 refused, wrong;
} board;

typedef struct {
    board *board;
    void *memory;
    tt_mpmc ring;
    uint64_t bytes, sent, got, abandoned, over;
    uint64_t child_got, child_last; /* records of the child of this cycle */
    double waits_ms[CYCLES_MAX];
} job;

static void fail(const char *what, uint64_t a, uint64_t b)
{
    fprintf(stderr, "mpmc_crash: %s (%llu, %llu)\n", what, (unsigned long long)a,
            (unsigned long long)b);
    exit(1);
}

static void open_ring(const job *j, tt_mpmc *r)
{
    if (tt_mpmc_open(r, j->memory, j->bytes) != TT_SHM_GOOD || tt_mpmc_join(r) != TT_OK)
        fail("open", 0, 0);
}

/* Who sent it, its number there, and a sum over both. */
static void make(uint64_t *words, uint64_t id, uint64_t number)
{
    tt_rec_init(words, TT_T_BOOK_ADD_ATTRIBUTED);
    for (uint64_t i = 2; i < 14; i++)
        words[i] = (id * 31 + number) * (i + 0x9e3779b97f4a7c15ull);
    words[14] = id;
    words[15] = number;
}

static void verify(const uint64_t *got)
{
    uint64_t want[16];
    make(want, got[14], got[15]);
    want[1] = got[1];
    if (memcmp(want, got, sizeof want) != 0)
        fail("damaged", got[14], got[15]);
}

static void push(job *j)
{
    uint64_t words[16];
    make(words, 0, ++j->sent);
    int rc;
    for (uint64_t tries = 0; (rc = tt_mpmc_try_push(&j->ring, words, 0)) == TT_E_FULL; tries++) {
        (void)tt_mpmc_unblock_write(&j->ring, tt_mono_ns());
        if (tries > PUSHES_MAX)
            fail("full for ever", j->sent, j->got);
    }
    if (rc == TT_E_STATE)
        j->sent--; /* this process itself was held up */
    else if (rc != TT_OK)
        fail("push", (uint64_t)-rc, j->sent);
}

/* Pop and check one. 0 when there is none. */
static int pop(job *j)
{
    uint64_t words[16];
    const int rc = tt_mpmc_try_pop(&j->ring, words, NULL);
    if (rc == TT_E_EMPTY)
        return 0;
    if (rc != TT_RECORD_BYTES_MAX)
        fail("pop", (uint64_t)(int64_t)rc, 0);
    verify(words);
    if (words[14] == 0) {
        if (words[15] != ++j->got)
            fail("lost, repeated or out of order", words[15], j->got);
    } else {
        j->child_got++;
        if (words[15] != ++j->child_last)
            fail("a child's record is lost or repeated", words[15], j->child_last);
    }
    return 1;
}

/* Pop what was pushed so far; the milliseconds from the first time that it was not to be had. */
static double drain(job *j)
{
    int64_t first_ns = 0, now_ns = 0;
    while (j->got < j->sent) {
        if (pop(j))
            continue;
        now_ns = tt_mono_ns();
        first_ns = first_ns == 0 ? now_ns : first_ns;
        if (!tt_mpmc_unblock_read(&j->ring, now_ns))
            sched_yield();
    }
    return first_ns == 0 ? 0 : (double)(now_ns - first_ns) / 1e6;
}

/* Twice around the ring. */
static void laps(job *j)
{
    for (int i = 0; i < 2 * CAPACITY; i++) {
        push(j);
        (void)drain(j);
    }
}

static void wait_for(job *j, uint64_t cycle)
{
    while (tt_load_acquire64(&j->board->stage) != cycle)
        sched_yield();
}

static pid_t start(job *j, void (*body)(job *, uint64_t), uint64_t cycle)
{
    const pid_t pid = fork();
    if (pid < 0)
        fail("fork", 0, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(j, cycle);
        _exit(0);
    }
    return pid;
}

static uint32_t claims_of(uint64_t cycle)
{
    return 1 + (uint32_t)(cycle % CLAIMS_MAX);
}

static void claim_and_wait(job *j, uint64_t cycle)
{
    tt_mpmc_item items[CLAIMS_MAX];
    tt_mpmc r;
    open_ring(j, &r);
    if (tt_mpmc_try_claim_n(&r, 128, items, claims_of(cycle)) != claims_of(cycle))
        _exit(3);
    memset(items[0].record, GARBAGE, 100);
    tt_store_release64(&j->board->stage, cycle);
    for (;;)
        pause();
}

static void run_kill(job *j, uint64_t cycles)
{
    for (uint64_t cycle = 1; cycle <= cycles; cycle++) {
        const pid_t pid = start(j, claim_and_wait, cycle);
        const int zombie = cycle % 2 == 0;
        wait_for(j, cycle);
        push(j);
        kill(pid, SIGKILL);
        if (!zombie)
            waitpid(pid, NULL, 0);
        j->waits_ms[cycle - 1] = drain(j);
        j->abandoned += claims_of(cycle);
        laps(j);
        if (zombie)
            waitpid(pid, NULL, 0);
        if (cycle % 16 == 0)
            (void)tt_mpmc_reap(&j->ring);
    }
}

/* Claim, stand still for as long as the parent likes, write, commit. */
static void claim_and_stop(job *j, uint64_t cycles)
{
    tt_mpmc_item item;
    tt_mpmc r;
    open_ring(j, &r);
    for (uint64_t cycle = 1; cycle <= cycles; cycle++) {
        while (tt_mpmc_try_claim(&r, 128, &item) != TT_OK)
            sched_yield();
        tt_store_release64(&j->board->stage, cycle);
        kill(getpid(), SIGSTOP);
        memset(item.record, GARBAGE, 128);
        if (tt_mpmc_commit(&r, &item, 0) == TT_E_STATE)
            tt_fetch_add64(&j->board->refused, 1);
        tt_store_release64(&j->board->committed, cycle);
    }
    tt_mpmc_leave(&r);
}

static void stopped(pid_t pid)
{
    int status = 0;
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        fail("the child did not stop", (uint64_t)status, 0);
}

/* The child goes on; meanwhile others use the ring. */
static void resume(job *j, pid_t pid, uint64_t cycle)
{
    kill(pid, SIGCONT);
    while (tt_load_acquire64(&j->board->committed) != cycle) {
        push(j);
        (void)drain(j);
    }
}

static void run_stop(job *j, uint64_t cycles)
{
    const pid_t pid = start(j, claim_and_stop, cycles);
    for (uint64_t cycle = 1; cycle <= cycles; cycle++) {
        wait_for(j, cycle);
        stopped(pid);
        push(j);
        j->waits_ms[cycle - 1] = drain(j);
        j->abandoned++;
        laps(j);
        resume(j, pid, cycle);
        if (tt_load_acquire64(&j->board->refused) != cycle)
            fail("a late commit went through", cycle, 0);
    }
    waitpid(pid, NULL, 0);
}

/* Peek, stand still, look at the record once more, release. */
static void peek_and_stop(job *j, uint64_t cycles)
{
    tt_mpmc_item item;
    uint64_t words[16], before[16];
    tt_mpmc r;
    open_ring(j, &r);
    for (uint64_t cycle = 1; cycle <= cycles; cycle++) {
        while (tt_load_acquire64(&j->board->stage) != 2 * cycle - 1 ||
               tt_mpmc_try_peek(&r, &item) != TT_OK)
            sched_yield();
        memcpy(before, item.record, sizeof before);
        tt_store_release64(&j->board->stage, 2 * cycle);
        kill(getpid(), SIGSTOP);
        memcpy(words, item.record, sizeof words);
        if (memcmp(words, before, sizeof words) != 0)
            tt_fetch_add64(&j->board->wrong, 1);
        if (tt_mpmc_release(&r, &item) == TT_E_STATE)
            tt_fetch_add64(&j->board->refused, 1);
        tt_store_release64(&j->board->committed, cycle);
    }
    tt_mpmc_leave(&r);
}

static void run_reader(job *j, uint64_t cycles)
{
    const pid_t pid = start(j, peek_and_stop, cycles);
    for (uint64_t cycle = 1; cycle <= cycles; cycle++) {
        push(j);
        tt_store_release64(&j->board->stage, 2 * cycle - 1);
        wait_for(j, 2 * cycle);
        stopped(pid);
        j->got++; /* the child has it, and will be too late */
        for (int i = 0; i < CAPACITY - 1; i++)
            push(j);
        uint64_t words[16];
        make(words, 0, ++j->sent);
        int64_t first_ns = 0, now_ns = 0;
        /* All the others are read: the one in the child's hands is what the writers wait for. */
        while (j->got < j->sent - 1)
            (void)pop(j);
        while (tt_mpmc_try_push(&j->ring, words, 0) == TT_E_FULL) {
            now_ns = tt_mono_ns();
            first_ns = first_ns == 0 ? now_ns : first_ns;
            (void)tt_mpmc_unblock_write(&j->ring, now_ns);
        }
        j->waits_ms[cycle - 1] = (double)(now_ns - first_ns) / 1e6;
        laps(j);
        resume(j, pid, cycle);
        if (tt_load_acquire64(&j->board->refused) != cycle)
            fail("a late release went through", cycle, 0);
    }
    waitpid(pid, NULL, 0);
    if (tt_load_acquire64(&j->board->wrong) != 0)
        fail("a record changed in the hands of its reader", cycles, 0);
}

/* Everything a participant does, one record each. */
static void use_all(job *j, uint64_t cycle)
{
    uint64_t words[16];
    tt_mpmc_item item;
    tt_mpmc r;
    open_ring(j, &r);
    make(words, cycle, 1);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    kill(getpid(), SIGSTOP);
    if (tt_mpmc_try_push(&r, words, 0) == TT_OK)
        tt_store_release64(&j->board->committed, 1);
    if (tt_mpmc_try_claim(&r, 128, &item) == TT_OK)
        (void)tt_mpmc_abort(&r, &item);
    tt_store_release64(&j->board->stage, cycle); /* from here on it takes its own record */
    if (tt_mpmc_try_pop(&r, words, NULL) > 0)
        tt_fetch_add64(&j->board->refused, words[14] == cycle);
    tt_mpmc_leave(&r);
}

/* The child is killed after one more instruction each time, up to the last. The clock of the parent
 * is one that always says that the bound is over. */
static void run_step(job *j, uint64_t stride)
{
    int64_t clock_ns = 1;
    for (uint64_t cycle = 1; cycle <= CYCLES_MAX; cycle++) {
        int status = 0x7f; /* stopped */
        tt_store_release64(&j->board->committed, 0);
        tt_store_release64(&j->board->refused, 0);
        j->child_got = j->child_last = 0;
        const pid_t pid = start(j, use_all, cycle);
        stopped(pid);
        for (uint64_t i = 0; i < cycle * stride && !WIFEXITED(status); i++) {
            if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
                exit(NO_TRACING);
            waitpid(pid, &status, 0);
        }
        const int finished = WIFEXITED(status);
        if (!finished) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
        push(j);
        for (int i = 0; j->got < j->sent; i++) {
            if (!pop(j))
                (void)tt_mpmc_unblock_read(&j->ring, clock_ns += BOUND_NS);
            if (i > 100)
                fail("the ring stands after so many instructions", cycle, j->got);
        }
        const uint64_t committed = tt_load_acquire64(&j->board->committed);
        const uint64_t taken = tt_load_acquire64(&j->board->refused);
        const int took = tt_load_acquire64(&j->board->stage) == cycle;
        if (j->child_got + taken > 1 || (!took && j->child_got < committed))
            fail("the child's record", j->child_got + taken, committed);
        laps(j);
        if (finished) {
            j->over = cycle;
            return;
        }
    }
    fail("the child never came to its end", stride, 0);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void settle(job *j, const char *kind, uint64_t cycles)
{
    cycles = j->over != 0 ? j->over : cycles;
    tt_mpmc r = j->ring;
    uint64_t over = 0;
    qsort(j->waits_ms, cycles, sizeof *j->waits_ms, by_value);
    for (uint64_t i = 0; i < cycles; i++)
        over += j->waits_ms[i] > 10 * BOUND_NS / 1e6;
    (void)tt_mpmc_reap(&r);
    const tt_mpmc_counts c = tt_mpmc_count(&r);
    printf("{\"kind\": \"%s\", \"cycles\": %llu, \"wait_ms_median\": %.3f, \"wait_ms_max\": %.3f, "
           "\"over_10x\": %llu, \"pushed\": %llu, \"popped\": %llu, \"abandoned\": %llu, "
           "\"lost\": %llu, \"fenced\": %llu, \"skipped\": %llu}\n",
           kind, (unsigned long long)cycles, j->waits_ms[cycles / 2], j->waits_ms[cycles - 1],
           (unsigned long long)over, (unsigned long long)c.pushed, (unsigned long long)c.popped,
           (unsigned long long)c.abandoned, (unsigned long long)c.lost,
           (unsigned long long)c.fenced, (unsigned long long)c.skipped);
    if (j->waits_ms[cycles / 2] > 2 * BOUND_NS / 1e6)
        fail("others waited for longer than the bound", 0, 0);
    if (tt_mpmc_check(&r) != TT_OK || c.depth != 0 || c.participants != 1)
        fail("the ring at rest", c.depth, c.participants);
    if (strcmp(kind, "step") == 0) /* a count may be missing with the one who was to make it */
        return;
    const int reader = strcmp(kind, "reader") == 0;
    if (c.pushed != j->sent || c.popped + c.lost != j->got || c.lost != (reader ? cycles : 0) ||
        c.abandoned < j->abandoned)
        fail("counters", c.pushed, c.popped);
    const uint64_t positions = tt_load_acquire64(&r.page->write_pos);
    if (positions != c.pushed + c.abandoned + c.aborted + c.skipped)
        fail("positions", positions, c.abandoned);
    if (strcmp(kind, "kill") != 0 && c.fenced != c.abandoned + c.lost)
        fail("given up, and not fenced", c.fenced, c.abandoned + c.lost);
}

int main(int argc, char **argv)
{
    static job j;
    static const struct {
        const char *name;
        void (*run)(job *, uint64_t);
    } kinds[] = {
        {"kill", run_kill}, {"stop", run_stop}, {"reader", run_reader}, {"step", run_step}};
    if (argc != 3)
        return 2;
    const uint64_t cycles = strtoull(argv[2], NULL, 10);
    if (cycles == 0 || cycles > CYCLES_MAX)
        return 2;
    alarm(40 + (unsigned)cycles / 10);
    j.bytes = tt_mpmc_bytes(CAPACITY, TT_MPMC_FENCED | TT_MPMC_WIDE);
    uint8_t *memory = (uint8_t *)mmap(NULL, j.bytes + 4096, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("memory", 0, 0);
    j.board = (board *)(void *)memory;
    j.memory = memory + 4096;
    if (tt_mpmc_init(j.memory, CAPACITY, TT_MPMC_FENCED | TT_MPMC_WIDE, 0, BOUND_NS, 1) != TT_OK)
        fail("init", 0, 0);
    open_ring(&j, &j.ring);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0) {
            kinds[i].run(&j, cycles);
            settle(&j, argv[1], cycles);
            return 0;
        }
    return 2;
}
