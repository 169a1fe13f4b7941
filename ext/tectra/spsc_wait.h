/* Waiting on the ring (spsc.h), bounded by a time: spin with a relax hint, then yield the core. For
 * callers that hold no lock. A caller that must hear signals asks for short stretches.
 */
#ifndef TECTRA_SPSC_WAIT_H
#define TECTRA_SPSC_WAIT_H

#include "base.h"
#include "clock.h"
#include "cpu.h"
#include "spsc.h"

/* Tries before the first yield: some tens of microseconds. */
#define TT_SPSC_SPINS 2000u

/* One more try is over: relax or yield. 0 when the time is up. */
static inline int tt_spsc_pause_(uint64_t tries, int64_t until_mono_ns)
{
    if (tries < TT_SPSC_SPINS) {
        tt_cpu_relax();
        return 1;
    }
    sched_yield();
    return tt_mono_ns() < until_mono_ns;
}

/* Push, waiting for room until a monotonic time. TT_OK, TT_E_FULL, TT_E_LENGTH or TT_E_STATE. */
static inline int tt_spsc_push_until(tt_spsc *r, const void *rec, int64_t until_mono_ns)
{
    const uint64_t slots = tt_spsc_slots_of_(tt_spsc_word_(rec));
    uint64_t tries = 0;
    do {
        /* Looked at first, so that a waiting push does not count as a refusal each time. */
        if (tt_spsc_depth(r) + slots <= r->mask) {
            const int rc = tt_spsc_try_push(r, rec);
            if (rc != TT_E_FULL)
                return rc;
        }
    } while (tt_spsc_pause_(++tries, until_mono_ns));
    return TT_E_FULL;
}

/* Pop into 128 bytes, waiting until a monotonic time. The record's bytes, TT_E_EMPTY, TT_E_STATE or
 * TT_E_CORRUPT. */
static inline int tt_spsc_pop_until(tt_spsc *r, void *out, int64_t until_mono_ns)
{
    uint64_t tries = 0;
    int rc;
    do {
        rc = tt_spsc_try_pop(r, out);
    } while (rc == TT_E_EMPTY && tt_spsc_pause_(++tries, until_mono_ns));
    return rc;
}

#endif
