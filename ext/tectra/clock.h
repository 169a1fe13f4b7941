/* Clocks of the machine, in int64 nanoseconds. Nothing above core/clock.pyx reads them: an engine
 * is told the time. tt_now_ns and tt_mono_ns cost about 20 ns (vDSO); tt_tsc costs 7 to 20 cycles
 * and needs a calibration to be a time. */
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

/* Time stamp counter, or the nearest thing the processor has. */
static inline uint64_t tt_tsc(void)
{
#if defined(__x86_64__)
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

/* Line from ticks to monotonic nanoseconds: ns = mono_base + (tsc - tsc_base) * ns_per_2_32 / 2^32.
 * */
typedef struct {
    uint64_t tsc_base;
    int64_t mono_base_ns;
    uint64_t ns_per_2_32; /* nanoseconds per tick, times 2^32 */
} tt_tsc_clock;

/* Calibrate over `span_ns` of busy waiting (10 ms gives about 20 ppm): TT_OK, TT_E_RANGE (span
 * outside 0.1 ms to 10 s, or the counter does not advance). The loop ends with the span; the clock
 * it waits for is monotonic. */
static inline int tt_tsc_calibrate(tt_tsc_clock *c, int64_t span_ns)
{
    if (span_ns < TT_NS_PER_MS / 10 || span_ns > 10 * TT_NS_PER_S) {
        return TT_E_RANGE;
    }
    const int64_t mono_start = tt_mono_ns();
    const uint64_t tsc_start = tt_tsc();
    int64_t mono_end = mono_start;
    uint64_t tsc_end = tsc_start;
    while (mono_end - mono_start < span_ns) {
        mono_end = tt_mono_ns();
        tsc_end = tt_tsc();
    }
    if (tsc_end <= tsc_start) {
        return TT_E_RANGE;
    }
    const unsigned __int128 ns = (unsigned __int128)(uint64_t)(mono_end - mono_start) << 32;
    c->tsc_base = tsc_end;
    c->mono_base_ns = mono_end;
    c->ns_per_2_32 = (uint64_t)(ns / (tsc_end - tsc_start));
    return c->ns_per_2_32 > 0 ? TT_OK : TT_E_RANGE;
}

/* Monotonic nanoseconds of a tick count taken at or after the calibration. */
static inline int64_t tt_tsc_to_ns(const tt_tsc_clock *c, uint64_t tsc)
{
    TT_ASSERT(tsc >= c->tsc_base);
    const unsigned __int128 ns = (unsigned __int128)(tsc - c->tsc_base) * c->ns_per_2_32;
    return c->mono_base_ns + (int64_t)(ns >> 32);
}

#endif
