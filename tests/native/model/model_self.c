/* The explorer explores itself: small programs whose outcomes under C11 are known, each with the
 * reduction, with merging and without both. All three must find the same outcomes, and the reduced
 * search must run each different execution (who read which store, in which order the stores came)
 * exactly once.
 *
 *   model_self             all programs
 *   model_self broken_ring a ring that publishes before it writes: must fail
 */
#include "tectra/atomic.h"

#include "explore.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    tt_atomic_u64 x, y, z;
    uint64_t plain;
} page;

typedef struct {
    uint64_t at, r[4];
} local;

static page *shared(void)
{
    return tm_arena();
}

static void init(void)
{
}

/* The registers of all threads as one number, a hex digit each, the first thread in front. */
static void check(void)
{
    uint64_t out = 0;
    for (uint32_t t = 0; t < 4; t++)
        for (uint32_t i = 0; i < 2; i++)
            out = out << 4 | ((local *)tm_local(t))->r[i];
    tm_outcome(out);
}

#define LITMUS(name) static int name(uint32_t t, void *mine)
#define ME                                                                                         \
    local *me = mine;                                                                              \
    page *p = shared();                                                                            \
    (void)me, (void)p, (void)t

/* Message passing: 0 relaxed, 1 release and acquire, 2 fences, 3 only the store is a release. */
static int passing;

LITMUS(message)
{
    ME;
    if (t == 0) {
        tt_store_relaxed64(&p->x, 1);
        if (passing == 2)
            tt_fence_release();
        if (passing == 1 || passing == 3)
            tt_store_release64(&p->y, 1);
        else
            tt_store_relaxed64(&p->y, 1);
        return 0;
    }
    me->r[0] = passing == 1 ? tt_load_acquire64(&p->y) : tt_load_relaxed64(&p->y);
    if (passing == 2)
        tt_fence_acquire();
    me->r[1] = tt_load_relaxed64(&p->x);
    return 0;
}

/* Store buffering; with full fences both cannot read 0. */
static int fenced;

LITMUS(buffering)
{
    ME;
    tt_store_relaxed64(t == 0 ? &p->x : &p->y, 1);
    if (fenced)
        tt_fence_full();
    me->r[0] = tt_load_relaxed64(t == 0 ? &p->y : &p->x);
    return 0;
}

/* Load buffering: both read 1 only where program order and reads-from make a cycle. */
LITMUS(load_buffering)
{
    ME;
    me->r[0] = tt_load_acquire64(t == 0 ? &p->y : &p->x);
    tt_store_release64(t == 0 ? &p->x : &p->y, 1);
    return 0;
}

/* Independent reads of independent writes: acquire readers may disagree. */
LITMUS(iriw)
{
    ME;
    if (t < 2) {
        tt_store_release64(t == 0 ? &p->x : &p->y, 1);
        return 0;
    }
    me->r[0] = tt_load_acquire64(t == 2 ? &p->x : &p->y);
    if (fenced)
        tt_fence_full();
    me->r[1] = tt_load_acquire64(t == 2 ? &p->y : &p->x);
    return 0;
}

/* One location: two reads never go back. */
LITMUS(coherence)
{
    ME;
    if (t == 0) {
        tt_store_relaxed64(&p->x, 1);
        tt_store_relaxed64(&p->x, 2);
        return 0;
    }
    me->r[0] = tt_load_relaxed64(&p->x);
    me->r[1] = tt_load_relaxed64(&p->x);
    return 0;
}

/* Causality over a third thread. */
LITMUS(causality)
{
    ME;
    if (t == 0) {
        tt_store_relaxed64(&p->x, 1);
        tt_store_release64(&p->y, 1);
    } else if (t == 1) {
        if ((me->r[0] = tt_load_acquire64(&p->y)) == 1)
            tt_store_release64(&p->z, 1);
    } else {
        me->r[0] = tt_load_acquire64(&p->z);
        me->r[1] = tt_load_relaxed64(&p->x);
    }
    return 0;
}

/* A release sequence: the addition in between carries the first store on. */
LITMUS(sequence)
{
    ME;
    if (t == 0) {
        tt_store_relaxed64(&p->x, 1);
        tt_store_release64(&p->y, 1);
    } else if (t == 1) {
        me->r[0] = tt_fetch_add64(&p->y, 1);
    } else {
        me->r[0] = tt_load_acquire64(&p->y);
        me->r[1] = tt_load_relaxed64(&p->x);
    }
    return 0;
}

/* Counters: compare-and-swap with two tries, and additions. */
LITMUS(counter)
{
    ME;
    if (t == 2) {
        me->r[0] = tt_fetch_add64(&p->x, 1);
        return 0;
    }
    uint64_t found = 0;
    for (int i = 0; i < 2; i++)
        if (tt_cas64(&p->x, &found, found + 1)) {
            me->r[0] = 1;
            return 0;
        }
    return 0;
}

static void counter_check(void)
{
    const uint64_t done = ((local *)tm_local(0))->r[0] + ((local *)tm_local(1))->r[0] + 1;
    TM_CHECK(tt_load_relaxed64(&shared()->x) == done);
    check();
}

/* A lock by exchange around plain memory: no race, as the try that fails does not touch it. */
LITMUS(lock)
{
    ME;
    if (tt_exchange64(&p->y, 1) == 0) {
        p->plain = p->plain + 1;
        me->r[0] = p->plain;
        tt_store_release64(&p->y, 0);
    }
    return ++me->at < 2;
}

/* Two slots, published before they are written. */
LITMUS(broken_ring)
{
    ME;
    if (t == 0) {
        tt_store_release64(&p->x, 1);
        p->plain = 7;
        return 0;
    }
    if (tt_load_acquire64(&p->x) == 1)
        me->r[0] = p->plain;
    return 0;
}

typedef struct {
    const char *name;
    uint32_t threads;
    int (*step)(uint32_t, void *);
    int passing, fenced;
    uint32_t outcomes; /* how many */
    uint64_t out[12];  /* which, sorted; none: only counted */
} litmus;

static const litmus LIST[] = {
    {"message passing, relaxed", 2, message, 0, 0, 4, {0x00, 0x01, 0x10, 0x11}},
    {"message passing, release and acquire", 2, message, 1, 0, 3, {0x00, 0x01, 0x11}},
    {"message passing, fences", 2, message, 2, 0, 3, {0x00, 0x01, 0x11}},
    {"message passing, release only", 2, message, 3, 0, 4, {0x00, 0x01, 0x10, 0x11}},
    {"store buffering", 2, buffering, 0, 0, 4, {0x0000, 0x0010, 0x1000, 0x1010}},
    {"store buffering, full fences", 2, buffering, 0, 1, 3, {0x0010, 0x1000, 0x1010}},
    {"load buffering", 2, load_buffering, 0, 0, 3, {0x0000, 0x0010, 0x1000}},
    {"independent reads, acquire", 4, iriw, 0, 0, 16, {0}},
    {"independent reads, full fences", 4, iriw, 0, 1, 15, {0}},
    {"coherence", 2, coherence, 0, 0, 6, {0x00, 0x01, 0x02, 0x11, 0x12, 0x22}},
    {"causality", 3, causality, 0, 0, 5, {0x000000, 0x000001, 0x001000, 0x001001, 0x001011}},
    {"release sequence",
     3,
     sequence,
     0,
     0,
     8,
     {0x000000, 0x000001, 0x000010, 0x000011, 0x001000, 0x001001, 0x001011, 0x001021}},
    {"counter", 3, counter, 0, 0, 0, {0}},
    {"lock", 2, lock, 0, 0, 0, {0}},
};

static tm_program program_of(const litmus *l)
{
    passing = l->passing;
    fenced = l->fenced;
    return (tm_program){.name = l->name,
                        .threads = l->threads,
                        .local_bytes = sizeof(local),
                        .init = init,
                        .step = l->step,
                        .check = l->step == counter ? counter_check : check};
}

static size_t copy_outcomes(uint64_t *to)
{
    const uint64_t *from;
    const size_t n = tm_outcomes(&from);
    for (size_t i = 0; i < n && i < 256; i++)
        to[i] = from[i];
    return n;
}

static void try(const litmus *l)
{
    const tm_program p = program_of(l);
    uint64_t all[256], less[256], merged[256];
    const tm_result brute = tm_explore(&p, &(tm_options){.graphs = 1});
    const size_t n = copy_outcomes(all);
    const tm_result reduced = tm_explore(&p, &(tm_options){.reduce = 1, .graphs = 1});
    const size_t n_less = copy_outcomes(less);
    const tm_result known = tm_explore(&p, &(tm_options){.reduce = 1, .merge = 1});
    const size_t n_merged = copy_outcomes(merged);
    const tm_result fresh_all = tm_explore(&p, &(tm_options){.graphs = 1, .fresh_cas = 1});
    const tm_result fresh = tm_explore(&p, &(tm_options){.reduce = 1, .graphs = 1, .fresh_cas = 1});
    TM_CHECK(fresh.ends == fresh.graphs && fresh.graphs == fresh_all.graphs);
    printf("%-38s %8llu interleavings, %5llu different, %5llu explored, %2zu outcomes\n", l->name,
           (unsigned long long)brute.ends, (unsigned long long)brute.graphs,
           (unsigned long long)reduced.ends, n);
    TM_CHECK(n == n_less && n == n_merged);
    TM_CHECK(memcmp(all, less, n * 8) == 0 && memcmp(all, merged, n * 8) == 0);
    TM_CHECK(reduced.ends == reduced.graphs); /* none twice */
    TM_CHECK(reduced.graphs == brute.graphs); /* none left out */
    TM_CHECK(known.executions == reduced.executions);
    TM_CHECK(reduced.executions == (double)reduced.ends);
    TM_CHECK(l->outcomes == 0 || n == l->outcomes);
    for (size_t i = 0; i < n && i < 12 && l->out[n > 12 ? 0 : n - 1] != 0; i++)
        TM_CHECK(all[i] >> (4 * (8 - 2 * l->threads)) == l->out[i]);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "broken_ring") == 0) {
        const litmus l = {.name = "broken ring", .threads = 2, .step = broken_ring};
        const tm_program p = program_of(&l);
        tm_explore(&p, &(tm_options){.reduce = 1});
        return 0;
    }
    for (size_t i = 0; i < sizeof LIST / sizeof *LIST; i++)
        try(&LIST[i]);
    return 0;
}
