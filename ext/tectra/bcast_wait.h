/* Waiting for a record of the broadcast ring (bcast.h), bounded by a time: spin with a relax hint,
 * then yield the core. For callers that hold no lock. A caller that must hear signals asks for
 * short stretches.
 */
#ifndef TECTRA_BCAST_WAIT_H
#define TECTRA_BCAST_WAIT_H

#include "base.h"
#include "bcast.h"
#include "clock.h"
#include "cpu.h"

/* Tries before the first yield: some tens of microseconds. */
#define TT_BCAST_SPINS 2000u

/* Read into 128 bytes, waiting until a monotonic time. The record's bytes or TT_E_EMPTY. */
static inline int tt_bcast_read_until(tt_bcast_reader *rd, void *out, int64_t until_mono_ns)
{
    uint64_t tries = 0;
    int rc;
    while ((rc = tt_bcast_try_read(rd, out)) == TT_E_EMPTY) {
        if (++tries < TT_BCAST_SPINS) {
            tt_cpu_relax();
            continue;
        }
        sched_yield();
        if (tt_mono_ns() >= until_mono_ns)
            break;
    }
    return rc;
}

#endif
