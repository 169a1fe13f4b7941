/* Waiting on the multi-producer multi-consumer ring (mpmc.h), bounded by a time: spin with a relax
 * hint, then yield the core, and give up on whoever holds the ring up for longer than its bound.
 * For callers that hold no lock. A caller that must hear signals asks for short stretches.
 */
#ifndef TECTRA_MPMC_WAIT_H
#define TECTRA_MPMC_WAIT_H

#include "base.h"
#include "clock.h"
#include "cpu.h"
#include "mpmc.h"

/* Tries before the first yield: some tens of microseconds. */
#define TT_MPMC_SPINS 2000u
/* Tries between two looks at the clock while spinning. */
#define TT_MPMC_SPINS_A_LOOK 64u

/* One more try is over. 0 when the time is up; *now_ns is set when the clock was looked at. */
static inline int tt_mpmc_pause_(uint64_t tries, int64_t until_mono_ns, int64_t *now_ns)
{
    *now_ns = 0;
    if (tries < TT_MPMC_SPINS) {
        tt_cpu_relax();
        if (tries % TT_MPMC_SPINS_A_LOOK != 0)
            return 1;
    } else {
        sched_yield();
    }
    *now_ns = tt_mono_ns();
    return *now_ns < until_mono_ns;
}

/* Push, waiting for room until a monotonic time. TT_OK, TT_E_FULL, TT_E_LENGTH or TT_E_STATE. */
static inline int tt_mpmc_push_until(tt_mpmc *r, const void *rec, uint32_t tag,
                                     int64_t until_mono_ns)
{
    uint64_t tries = 0;
    int64_t now_ns = 0;
    do {
        /* Looked at first, so that a waiting push does not count as a refusal each time. */
        if (r->me == 0 || !tt_mpmc_is_full(r)) {
            const int rc = tt_mpmc_try_push(r, rec, tag);
            if (rc != TT_E_FULL)
                return rc;
        }
        if (now_ns != 0)
            (void)tt_mpmc_unblock_write(r, now_ns);
    } while (tt_mpmc_pause_(++tries, until_mono_ns, &now_ns));
    return TT_E_FULL;
}

/* Pop into 128 bytes, waiting until a monotonic time. The record's bytes, TT_E_EMPTY or TT_E_STATE.
 */
static inline int tt_mpmc_pop_until(tt_mpmc *r, void *out, uint32_t *tag, int64_t until_mono_ns)
{
    uint64_t tries = 0;
    int64_t now_ns = 0;
    int rc;
    do {
        rc = tt_mpmc_try_pop(r, out, tag);
        if (rc != TT_E_EMPTY)
            return rc;
        if (now_ns != 0)
            (void)tt_mpmc_unblock_read(r, now_ns);
    } while (tt_mpmc_pause_(++tries, until_mono_ns, &now_ns));
    return rc;
}

#endif
