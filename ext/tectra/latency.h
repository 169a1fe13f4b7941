/* Order latency of the simulated exchange: constant, or with a uniform jitter drawn from a seed.
 *
 *   arrival = sent + entry_ns + jitter report received = exchange time + response_ns + jitter
 *
 * A link is a queue: what left first arrives first, so a time below the link's last one is lifted
 * to it. The generator is splitmix64, a pure function of the seed and the number of draws: same
 * seed, same run, on every machine.
 */
#ifndef TECTRA_LATENCY_H
#define TECTRA_LATENCY_H

#include "base.h"

typedef struct {
    int64_t entry_ns, response_ns; /* >= 0 */
    int64_t jitter_ns;             /* >= 0; 0 draws nothing */
    uint64_t seed;                 /* state of the generator: moves with each draw */
    int64_t last_arrival_ns, last_report_ns;
} tt_latency;

/* TT_OK, or TT_E_RANGE when a figure is negative or above 1,000 hours (far from where sums of times
 * could overflow). */
static inline int tt_latency_init(tt_latency *l, int64_t entry_ns, int64_t response_ns,
                                  int64_t jitter_ns, uint64_t seed)
{
    const int64_t max = 3600000000000000;
    if (entry_ns < 0 || response_ns < 0 || jitter_ns < 0 || entry_ns > max || response_ns > max ||
        jitter_ns > max)
        return TT_E_RANGE;
    l->entry_ns = entry_ns;
    l->response_ns = response_ns;
    l->jitter_ns = jitter_ns;
    l->seed = seed;
    l->last_arrival_ns = INT64_MIN;
    l->last_report_ns = INT64_MIN;
    return TT_OK;
}

/* Uniform in [0, jitter_ns], by the high half of a product: no division, bias below 2^-12 at the
 * largest jitter. */
static inline int64_t tt_latency_draw_(tt_latency *l)
{
    if (l->jitter_ns == 0)
        return 0;
    l->seed += 0x9E3779B97F4A7C15u;
    uint64_t z = l->seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (int64_t)(((unsigned __int128)z * ((uint64_t)l->jitter_ns + 1u)) >> 64);
}

/* When a request sent at `now_ns` reaches the exchange. */
static inline int64_t tt_latency_arrival(tt_latency *l, int64_t now_ns)
{
    const int64_t at = now_ns + l->entry_ns + tt_latency_draw_(l);
    TT_ASSERT(at >= now_ns);
    l->last_arrival_ns = at > l->last_arrival_ns ? at : l->last_arrival_ns;
    return l->last_arrival_ns;
}

/* When a report made at `exchange_ns` reaches us. */
static inline int64_t tt_latency_report(tt_latency *l, int64_t exchange_ns)
{
    const int64_t at = exchange_ns + l->response_ns + tt_latency_draw_(l);
    TT_ASSERT(at >= exchange_ns);
    l->last_report_ns = at > l->last_report_ns ? at : l->last_report_ns;
    return l->last_report_ns;
}

#endif
