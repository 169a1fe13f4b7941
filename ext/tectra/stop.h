/* The stop flag: nogil loops cannot hear Ctrl-C from Python, so a signal handler sets a word and
 * each loop looks at it once a batch. Setting is async-signal-safe (one lock-free store); reading
 * costs one relaxed load. */
#ifndef TECTRA_STOP_H
#define TECTRA_STOP_H

#include "base.h"
#include "atomic.h"

/* Low 32 bits: why (a signal number, or TT_STOP_REQUESTED); 0 = run on. */
#define TT_STOP_REQUESTED 1024u

typedef struct {
    tt_atomic_u32 reason;
    tt_atomic_u32 requests; /* how often stop was asked for since it was cleared */
} tt_stop;

static inline void tt_stop_clear(tt_stop *s)
{
    tt_store_relaxed32(&s->requests, 0);
    tt_store_release32(&s->reason, 0);
}

/* Ask the loops to end. The first reason stays. `reason` must not be 0. */
static inline void tt_stop_set(tt_stop *s, uint32_t reason)
{
    uint32_t none = 0;
    TT_ASSERT(reason != 0);
    (void)tt_fetch_add32(&s->requests, 1);
    (void)tt_cas32(&s->reason, &none, reason);
}

/* Relaxed: a loop that sees the flag one batch late is no worse off. */
static inline int tt_stop_is_set(const tt_stop *s)
{
    return tt_load_relaxed32(&s->reason) != 0;
}

/* TT_OK to run on, TT_E_STOPPED to leave the loop. */
static inline int tt_stop_check(const tt_stop *s)
{
    return TT_UNLIKELY(tt_stop_is_set(s)) ? TT_E_STOPPED : TT_OK;
}

static inline uint32_t tt_stop_reason(const tt_stop *s)
{
    return tt_load_acquire32(&s->reason);
}

static inline uint32_t tt_stop_requests(const tt_stop *s)
{
    return tt_load_relaxed32(&s->requests);
}

#endif
