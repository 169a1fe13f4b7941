/* Clocks of the machine, in int64 nanoseconds. Nothing above core/clock.pyx reads them: an engine
 * is told the time. tt_now_ns and tt_mono_ns cost about 20 ns (vDSO); tt_tsc costs 7 to 20 cycles
 * and needs a calibration (tsc.h) to be a time. */
#ifndef TECTRA_CLOCK_H
#define TECTRA_CLOCK_H

#include "base.h"

#include <time.h>

#ifndef CLOCK_REALTIME
#error "clock.h needs _GNU_SOURCE: include it before system headers, or use -D_GNU_SOURCE"
#endif

#define TT_NS_PER_US INT64_C(1000)
#define TT_NS_PER_MS INT64_C(1000000)
#define TT_NS_PER_S INT64_C(1000000000)

static inline int64_t tt_clock_read(clockid_t id)
{
    struct timespec t;
    const int rc = clock_gettime(id, &t);
    TT_ASSERT(rc == 0);
    (void)rc;
    return (int64_t)t.tv_sec * TT_NS_PER_S + t.tv_nsec;
}

/* Wall clock: nanoseconds since the epoch, UTC. May step when the machine's time is set. */
static inline int64_t tt_now_ns(void)
{
    return tt_clock_read(CLOCK_REALTIME);
}

/* Monotonic: never steps, has no epoch. For differences on this machine only. */
static inline int64_t tt_mono_ns(void)
{
    return tt_clock_read(CLOCK_MONOTONIC);
}

/* Monotonic, and goes on while the machine is suspended. */
static inline int64_t tt_boot_ns(void)
{
    return tt_clock_read(CLOCK_BOOTTIME);
}

/* Monotonic at the rate of the oscillator: nothing slews it, so it shows what slews the others. */
static inline int64_t tt_raw_ns(void)
{
    return tt_clock_read(CLOCK_MONOTONIC_RAW);
}

/* Time stamp counter, or the nearest thing the processor has. */
static inline uint64_t tt_tsc(void)
{
#if TT_X86
    uint32_t low, high;
    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return (uint64_t)tt_mono_ns();
#endif
}

#endif
