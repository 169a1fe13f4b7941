/* What a thread does when it found no work: spin, yield the core, sleep ever longer, or park on a
 * word until somebody wakes it.
 *
 *   tt_idle_init(i, policy, settings)   TT_OK or TT_E_RANGE
 *   tt_idle_step(i, work)               once a turn of the loop; work > 0 starts over
 *   tt_idle_wake(i)                     any thread: ends a park, or the next one
 *
 * One thread steps; anyone sets the policy, wakes, and reads the counters. A step costs some
 * nanoseconds and what it does.
 */
#ifndef TECTRA_IDLE_H
#define TECTRA_IDLE_H

#include "base.h"

#include <sched.h>
#include <time.h>

#include "atomic.h"
#include "clock.h"
#include "cpu.h"
#include "futex.h"

enum {
    TT_IDLE_SPIN = 0,    /* relax hints for ever */
    TT_IDLE_YIELD = 1,   /* spin, then give the core away */
    TT_IDLE_BACKOFF = 2, /* spin, yield, then sleep, each time twice as long up to a maximum */
    TT_IDLE_PARK = 3,    /* spin, yield, then sleep until woken, at most park_max_ns */
    TT_IDLE_END = 4,
};

/* What one step does: TT_IDLE_DO_*. */
enum { TT_IDLE_DO_SPIN = 0, TT_IDLE_DO_YIELD = 1, TT_IDLE_DO_SLEEP = 2, TT_IDLE_DO_PARK = 3 };

enum { TT_IDLE_NOBODY = 0, TT_IDLE_PARKED = 1, TT_IDLE_PERMIT = 2 };

typedef struct {
    uint32_t spins, yields; /* steps of each before the next stage */
    int64_t sleep_min_ns, sleep_max_ns, park_max_ns;
} tt_idle_settings;

typedef struct {
    tt_atomic_u32 policy;
    tt_atomic_u32 word; /* TT_IDLE_NOBODY, _PARKED or _PERMIT */
    tt_idle_settings set;
    uint64_t turns;   /* the stepping thread's: idle turns since there was work */
    int64_t sleep_ns; /* the next sleep */
    tt_atomic_u64 spins, yields, sleeps, parks;
} tt_idle;

static inline int tt_idle_init(tt_idle *i, uint32_t policy, const tt_idle_settings *set)
{
    if (policy >= TT_IDLE_END || set->sleep_min_ns <= 0 || set->sleep_max_ns < set->sleep_min_ns ||
        set->park_max_ns <= 0)
        return TT_E_RANGE;
    memset(i, 0, sizeof(*i));
    i->set = *set;
    i->sleep_ns = set->sleep_min_ns;
    tt_store_relaxed32(&i->policy, policy);
    return TT_OK;
}

static inline void tt_idle_reset(tt_idle *i)
{
    i->turns = 0;
    i->sleep_ns = i->set.sleep_min_ns;
}

/* The next step by policy and stage: TT_IDLE_DO_*, with its length where it sleeps. */
static inline int tt_idle_choose(tt_idle *i, int64_t *ns)
{
    /* Relaxed: a policy seen one step late is no worse. */
    const uint32_t policy = tt_load_relaxed32(&i->policy);
    const uint64_t turn = i->turns++;
    if (policy == TT_IDLE_SPIN || turn < i->set.spins)
        return TT_IDLE_DO_SPIN;
    if (policy == TT_IDLE_YIELD || turn - i->set.spins < i->set.yields)
        return TT_IDLE_DO_YIELD;
    if (policy == TT_IDLE_PARK) {
        *ns = i->set.park_max_ns;
        return TT_IDLE_DO_PARK;
    }
    *ns = i->sleep_ns;
    i->sleep_ns = i->sleep_ns > i->set.sleep_max_ns / 2 ? i->set.sleep_max_ns : i->sleep_ns * 2;
    return TT_IDLE_DO_SLEEP;
}

/* Do a step that is no park, and count it. */
static inline void tt_idle_do(tt_idle *i, int what, int64_t ns)
{
    if (what == TT_IDLE_DO_SPIN) {
        tt_bump64(&i->spins, 1);
        tt_cpu_relax();
    } else if (what == TT_IDLE_DO_YIELD) {
        tt_bump64(&i->yields, 1);
        sched_yield();
    } else {
        const struct timespec t = {.tv_sec = (time_t)(ns / TT_NS_PER_S),
                                   .tv_nsec = (long)(ns % TT_NS_PER_S)};
        tt_bump64(&i->sleeps, 1);
        (void)nanosleep(&t, NULL); /* a signal ends it: the caller looks for work again */
    }
}

/* Sleep until tt_idle_wake, at most ns. A wake that came before ends it at once. */
static inline void tt_idle_park(tt_idle *i, int64_t ns)
{
    uint32_t found = TT_IDLE_NOBODY;
    tt_bump64(&i->parks, 1);
    /* Pairs with the exchange in tt_idle_wake: one of the two sees the other. */
    if (tt_cas32(&i->word, &found, TT_IDLE_PARKED))
        tt_futex_wait(&i->word, TT_IDLE_PARKED, ns);
    (void)tt_exchange32(&i->word, TT_IDLE_NOBODY);
}

/* Any thread, also of another process where `i` is shared: end the park that is, or the next. */
static inline void tt_idle_wake(tt_idle *i)
{
    if (tt_exchange32(&i->word, TT_IDLE_PERMIT) == TT_IDLE_PARKED)
        tt_futex_wake(&i->word);
}

/* Any thread: from the next step on. Ends a park. */
static inline int tt_idle_set_policy(tt_idle *i, uint32_t policy)
{
    if (policy >= TT_IDLE_END)
        return TT_E_RANGE;
    tt_store_relaxed32(&i->policy, policy);
    tt_idle_wake(i);
    return TT_OK;
}

/* One turn of a loop is over, with so much work done. */
static inline void tt_idle_step(tt_idle *i, int work)
{
    int64_t ns = 0;
    if (work > 0) {
        tt_idle_reset(i);
        return;
    }
    const int what = tt_idle_choose(i, &ns);
    if (what == TT_IDLE_DO_PARK)
        tt_idle_park(i, ns);
    else
        tt_idle_do(i, what, ns);
}

#endif
