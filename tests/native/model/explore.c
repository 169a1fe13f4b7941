/* The search of the explorer: see explore.h for what it explores and what it leaves out. */
#include "state.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const tm_program *tm_the;
tm_event tm_trace[TM_EVENTS];
uint32_t tm_events;

static tm_options opt;
static tm_result res;

/* What each thread need not do at this state: it was explored before, elsewhere in the search. */
typedef struct {
    uint8_t upto[TM_THREADS]; /* loads of stores below this index */
    uint8_t write[TM_THREADS], stop[TM_THREADS];
} sleeping;

typedef struct {
    uint32_t n;
    int choice[TM_STORES + 2];
} choices;

/* Saved states, one behind another. */
#define SAVED_BYTES (64u << 20)
static char *saved;
static size_t saved_used;

typedef struct {
    tm_world world;
    uint32_t events, undos, lines;
} snapshot;

static size_t stack_used(uint32_t t)
{
    return (size_t)(tm_own[t].stack + TM_STACK - tm_now.thread[t].low);
}

static size_t align64(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static snapshot *save(void)
{
    snapshot *s = (snapshot *)(void *)(saved + saved_used);
    size_t need = align64(sizeof *s) + tm_lines * TM_LINE;
    for (uint32_t t = 0; t < tm_the->threads; t++)
        need += tm_the->local_bytes + stack_used(t);
    if (saved_used + align64(need) > SAVED_BYTES)
        tm_fail("the search is too deep to save its states");
    s->world = tm_now;
    s->events = tm_events;
    s->undos = tm_shadow_mark();
    s->lines = tm_lines;
    char *at = (char *)s + align64(sizeof *s);
    for (uint32_t i = 0; i < tm_lines; i++, at += TM_LINE)
        memcpy(at, tm_shared + tm_line[i] * TM_LINE, TM_LINE);
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        memcpy(at, tm_own[t].local, tm_the->local_bytes);
        at += tm_the->local_bytes;
        memcpy(at, tm_now.thread[t].low, stack_used(t));
        at += stack_used(t);
    }
    saved_used += align64(need);
    return s;
}

static void restore(const snapshot *s)
{
    /* Locations found since stay known, with their first store. */
    tm_now = s->world;
    for (uint32_t i = 0; i < tm_locations; i++)
        if (tm_now.stores[i] == 0)
            tm_now.stores[i] = 1;
    tm_events = s->events;
    tm_shadow_undo(s->undos);
    const char *at = (const char *)s + align64(sizeof *s);
    for (uint32_t i = 0; i < s->lines; i++, at += TM_LINE)
        memcpy(tm_shared + tm_line[i] * TM_LINE, at, TM_LINE);
    /* First written to since: as init left it. */
    for (uint32_t i = s->lines; i < tm_lines; i++)
        memcpy(tm_shared + tm_line[i] * TM_LINE, tm_first + tm_line[i] * TM_LINE, TM_LINE);
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        memcpy(tm_own[t].local, at, tm_the->local_bytes);
        at += tm_the->local_bytes;
        memcpy(tm_now.thread[t].low, at, stack_used(t));
        at += stack_used(t);
    }
}

static uint32_t running(void)
{
    uint32_t mask = 0;
    for (uint32_t t = 0; t < tm_the->threads; t++)
        mask |= (uint32_t)(tm_now.thread[t].state == TM_RUNNING) << t;
    return mask;
}

/* Does the thread's operation commute with everything that the others may still do? */
static int alone(uint32_t t, uint32_t mask)
{
    const tm_next *next = &tm_now.thread[t].next;
    const uint32_t others = mask & ~(1u << t);
    if (next->kind == TM_ACQUIRE || next->kind == TM_RELEASE)
        return 1;
    if (next->kind == TM_FULL)
        return (tm_fullers & others) == 0;
    if (next->kind == TM_STORE && tm_contended[next->location] == 0)
        return 1;
    return (tm_writers[next->location] & others) == 0;
}

static void list(uint32_t t, const sleeping *asleep, choices *out)
{
    const tm_thread *thread = &tm_now.thread[t];
    const tm_next *next = &thread->next;
    out->n = 0;
    uint32_t newest = next->location >= 0 ? tm_now.stores[next->location] - 1u : 0;
    const int succeeds =
        next->kind == TM_CAS && tm_history[next->location][newest].value == next->expected;
    if (next->kind != TM_LOAD && !asleep->write[t] && (next->kind != TM_CAS || succeeds))
        out->choice[out->n++] = TM_DO;
    if (next->kind == TM_CAS && opt.fresh_cas) {
        if (!succeeds && !asleep->write[t])
            out->choice[out->n++] = (int)newest;
    } else if (tm_is_load(next->kind)) {
        const uint32_t known = thread->now.at[next->location];
        const uint32_t from = known > asleep->upto[t] ? known : asleep->upto[t];
        for (uint32_t i = newest + 1; i-- > from;)
            if (next->kind == TM_LOAD || tm_history[next->location][i].value != next->expected)
                out->choice[out->n++] = (int)i;
    }
    if ((tm_the->may_stop >> t & 1u) && !asleep->stop[t])
        out->choice[out->n++] = TM_STOP;
}

/* Does the operation that was done change what the other thread's write would do? */
static int disturbs(const tm_next *done, int wrote, const tm_next *theirs)
{
    if (done->location < 0)
        return wrote && theirs->kind == TM_FULL && done->kind == TM_FULL;
    if (theirs->location != done->location)
        return 0;
    if (wrote)
        return 1;
    /* A swap that failed because of the newest store, before a write. */
    const uint64_t newest = tm_history[done->location][tm_now.stores[done->location] - 1].value;
    return opt.fresh_cas && done->kind == TM_CAS && tm_is_write(theirs->kind) &&
           (theirs->kind != TM_CAS || newest == theirs->expected);
}

/* Do it, run the thread up to its next operation, and wake what does not commute with it. */
static void take(uint32_t t, int choice, sleeping *asleep)
{
    tm_thread *thread = &tm_now.thread[t];
    tm_next done = thread->next;
    if (tm_events == TM_EVENTS)
        tm_fail("more than %d operations in one execution", TM_EVENTS);
    tm_event *event = &tm_trace[tm_events++];
    res.operations++;
    if (choice == TM_STOP) {
        done = (tm_next){.kind = TM_ACQUIRE, .location = -1};
        if (tm_the->stop_is_death) {
            void *at = tm_shared + tm_alive_offset(t);
            done = (tm_next){.kind = TM_STORE, .bytes = 8, .ordered = 1, .value = 1};
            done.location = tm_location(at, 8);
            thread->next = done;
            tm_perform(t, TM_DO);
        }
        thread->state = TM_STOPPED;
        thread->graph = tm_mix(thread->graph, 77);
    } else {
        tm_perform(t, choice);
    }
    *event = (tm_event){.thread = t, .choice = choice, .what = done, .read = thread->seen};
    event->stores = done.location >= 0 ? tm_now.stores[done.location] : 0;
    const int wrote = choice == TM_DO || (choice == TM_STOP && done.kind == TM_STORE);
    if (wrote && done.location >= 0)
        event->wrote = tm_history[done.location][tm_now.stores[done.location] - 1].value;
    if (choice != TM_STOP) {
        tm_resume(t);
        if (thread->state == TM_RUNNING)
            tm_announce(t);
    }
    asleep->upto[t] = asleep->write[t] = asleep->stop[t] = 0;
    for (uint32_t u = 0; u < TM_THREADS; u++)
        if (u != t && disturbs(&done, wrote, &tm_now.thread[u].next))
            asleep->write[u] = 0;
}

static double leaf(void)
{
    uint64_t graph = 0;
    for (uint32_t t = 0; t < tm_the->threads; t++)
        graph = tm_mix(graph, tm_now.thread[t].graph);
    if (opt.graphs)
        res.graphs += (uint64_t)tm_set_add(graph);
    res.ends++;
    if (tm_events > res.depth)
        res.depth = tm_events;
    tm_the->check();
    return 1;
}

/* Threads to try here: one whose operation commutes with all the rest, else all of them. */
static uint32_t candidates(uint32_t mask, const sleeping *asleep, choices *found)
{
    uint32_t best = mask, fewest = TM_STORES + 3;
    if (!opt.reduce)
        return mask;
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        if (!(mask >> t & 1u) || !alone(t, mask))
            continue;
        choices c;
        list(t, asleep, &c);
        if (c.n < fewest) {
            fewest = c.n;
            best = 1u << t;
            *found = c;
            if (c.n <= 1)
                break;
        }
    }
    return best;
}

static double explore(sleeping asleep);

static double branch(uint32_t mask, sleeping asleep)
{
    const size_t before = saved_used;
    const snapshot *here = save();
    double total = 0;
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        choices c;
        if (!(mask >> t & 1u))
            continue;
        list(t, &asleep, &c);
        for (uint32_t i = 0; i < c.n && !res.cut && !tm_surprise; i++) {
            sleeping next = asleep;
            take(t, c.choice[i], &next);
            total += explore(next);
            restore(here);
        }
        const int location = tm_now.thread[t].next.location;
        if (opt.reduce) {
            asleep.upto[t] = location >= 0 ? tm_now.stores[location] : 0;
            asleep.write[t] = asleep.stop[t] = 1;
        }
    }
    saved_used = before;
    return total;
}

/* State and what sleeps there, as far as it says anything. */
static uint64_t state_key(uint32_t mask, const sleeping *asleep)
{
    uint64_t key = tm_state_hash();
    for (uint32_t t = 0; t < tm_the->threads; t++) {
        const tm_next *next = &tm_now.thread[t].next;
        if (tm_now.thread[t].state != TM_RUNNING)
            continue;
        uint32_t upto = 0;
        if (next->kind == TM_LOAD || (next->kind == TM_CAS && !opt.fresh_cas)) {
            const uint32_t known = tm_now.thread[t].now.at[next->location];
            upto = asleep->upto[t] > known ? asleep->upto[t] - known : 0;
        }
        key = tm_mix(key, upto | (uint64_t)asleep->write[t] << 8 | (uint64_t)asleep->stop[t] << 9 |
                              (uint64_t)(mask >> t & 1u) << 10);
    }
    return key;
}

static double explore(sleeping asleep)
{
    uint32_t mask;
    for (;;) {
        choices found = {.n = 0};
        mask = running();
        if (tm_surprise)
            return 0;
        if (opt.most != 0 && res.operations > opt.most) {
            res.cut = 1;
            return 0;
        }
        for (uint32_t t = 0; t < tm_the->threads; t++)
            if (tm_now.thread[t].state == TM_LEFT_OUT) {
                res.left_out++;
                return 0;
            }
        if (mask == 0)
            return leaf();
        mask = candidates(mask, &asleep, &found);
        if (!opt.reduce || (mask & (mask - 1)) != 0 || found.n > 1)
            break;
        if (found.n == 0) {
            res.blocked++;
            return 0;
        }
        take((uint32_t)__builtin_ctz(mask), found.choice[0], &asleep);
    }
    if (!opt.merge)
        return branch(mask, asleep);
    const uint64_t key = state_key(mask, &asleep);
    const double *known = tm_table_find(key);
    if (known != NULL) {
        res.merged++;
        return *known;
    }
    res.states++;
    const double total = branch(mask, asleep);
    if (!res.cut && !tm_surprise)
        tm_table_put(key, total);
    return total;
}

static void crashed(int number)
{
    tm_fail("signal %d%s", number, number == SIGABRT ? ": an assertion of the header" : "");
}

static void out_of_time(int number)
{
    (void)number;
    tm_fail("no end in sight");
}

static void start(void)
{
    memset(tm_shared, 0, sizeof tm_shared);
    memset(tm_own, 0, sizeof tm_own);
    tm_events = 0;
    saved_used = 0;
    tm_current = -1;
    tm_the->init();
    memcpy(tm_first, tm_shared, sizeof tm_first);
    tm_memory_reset();
    for (uint32_t t = 0; t < tm_the->threads; t++)
        if (tm_the->stop_is_death && (tm_the->may_stop >> t & 1u))
            tm_writers[tm_location(tm_shared + tm_alive_offset(t), 8)] |= 1u << t;
    tm_threads_start();
}

tm_result tm_explore(const tm_program *program, const tm_options *options)
{
    static stack_t other = {.ss_size = 65536};
    struct timespec from, to;
    tm_the = program;
    opt = *options;
    tm_memory_forget();
    if (other.ss_sp == NULL) {
        other.ss_sp = malloc(other.ss_size);
        saved = aligned_alloc(64, SAVED_BYTES);
        if (other.ss_sp == NULL || saved == NULL)
            abort();
        sigaltstack(&other, NULL);
        struct sigaction act = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
        sigaction(SIGABRT, &act, NULL);
        sigaction(SIGSEGV, &act, NULL);
        sigaction(SIGBUS, &act, NULL);
        act.sa_handler = out_of_time;
        sigaction(SIGALRM, &act, NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    uint64_t restarts = 0;
    do {
        res = (tm_result){.restarts = restarts++, .fresh_cas = opt.fresh_cas};
        tm_surprise = 0;
        tm_table_reset();
        start();
        tm_surprise = 0;
        res.executions = explore((sleeping){.upto = {0}});
    } while (tm_surprise);
    clock_gettime(CLOCK_MONOTONIC, &to);
    res.seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    return res;
}

void tm_print(const tm_program *program, const tm_result *r)
{
    printf("%s: %.0f executions, %s; %llu run to their end", program->name, r->executions,
           r->cut         ? "CUT by the bound"
           : r->fresh_cas ? "all explored (failed swaps read the newest)"
                          : "all explored",
           (unsigned long long)r->ends);
    if (r->states != 0)
        printf(", %llu states, %llu met again", (unsigned long long)r->states,
               (unsigned long long)r->merged);
    printf(", %llu asleep, %llu operations, depth %u, %.2f s\n", (unsigned long long)r->blocked,
           (unsigned long long)r->operations, r->depth, r->seconds);
    fflush(stdout);
}

static const char *const KIND[] = {"load", "store",         "add",           "swap",
                                   "cas",  "fence acquire", "fence release", "fence full"};

static void print_event(uint32_t i)
{
    const tm_event *e = &tm_trace[i];
    char name[64] = "";
    if (e->what.location >= 0) {
        const size_t offset = tm_offset[e->what.location];
        const size_t alive = tm_alive_offset(0);
        snprintf(name, sizeof name, "+%zu", offset);
        if (offset >= alive)
            snprintf(name, sizeof name, "dead[%zu]", (offset - alive) / 8);
        else if (tm_the->name_of)
            tm_the->name_of(offset, name, sizeof name);
    }
    fprintf(stderr, "%5u  t%u  %-26s %4d  ", i, e->thread,
            e->what.site.function ? e->what.site.function : "", e->what.site.line);
    if (e->choice == TM_STOP) {
        fprintf(stderr, "STOPPED for ever\n");
        return;
    }
    fprintf(stderr, "%s%s %s", KIND[e->what.kind],
            e->what.location < 0       ? ""
            : e->what.kind == TM_LOAD  ? (e->what.ordered ? ".acq" : ".rlx")
            : e->what.kind == TM_STORE ? (e->what.ordered ? ".rel" : ".rlx")
                                       : ".acq_rel",
            name);
    if (e->choice != TM_DO)
        fprintf(stderr, " -> %llx%s%s", (unsigned long long)e->read,
                e->what.kind == TM_CAS ? " (failed)" : "",
                e->choice + 1 < e->stores ? " (STALE)" : "");
    else if (e->what.location >= 0 && e->what.kind != TM_STORE)
        fprintf(stderr, " %llx =", (unsigned long long)e->read);
    if (e->choice == TM_DO && e->what.location >= 0)
        fprintf(stderr, " := %llx", (unsigned long long)e->wrote);
    fprintf(stderr, "\n");
}

void tm_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "%s: FAILED: ", tm_the->name);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nschedule (number, thread, function, line, operation; values in hex), %s:\n",
            tm_current < 0 ? "at its end" : "and then the failure");
    const uint32_t events = tm_events;
    for (uint32_t i = events > 120 ? events - 120 : 0; i < events; i++)
        print_event(i);
    fflush(stderr);
    _exit(1);
}
