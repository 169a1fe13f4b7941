/* Waiting on the ring (spsc.h) by an idle policy (idle.h), bounded by a time. For callers that hold
 * no lock. A caller that must hear signals asks for short stretches.
 *
 * A side that parks raises its word in the page; the other side wakes it. Where the kernel lacks
 * the fence (futex.h) a park is short, so that a wake that was missed costs no more than that.
 */
#ifndef TECTRA_SPSC_WAIT_H
#define TECTRA_SPSC_WAIT_H

#include "base.h"
#include "clock.h"
#include "idle.h"
#include "spsc.h"

#define TT_SPSC_UNFENCED_NS INT64_C(1000000)
/* Spins between two looks at the clock. */
#define TT_SPSC_SPINS_A_LOOK 64u

/* Is there something to pop? Lossy: to look at. The consumer asks, with its side claimed. */
static inline int tt_spsc_is_filled_(const tt_spsc *r)
{
    if (r->flags & TT_SPSC_OVERWRITE)
        return r->held != TT_SPSC_HELD_NONE ||
               tt_load_acquire64(&r->page->write_pos) != tt_load_relaxed64(&r->page->read_pos);
    const uint64_t pos = tt_load_relaxed64(&r->page->read_pos);
    return tt_load_acquire64(tt_spsc_commit_word_(r, pos)) != 0; /* pairs with the commits */
}

/* Do `slots` more fit? Asked by the producer. */
static inline int tt_spsc_has_space_(const tt_spsc *r, uint64_t slots)
{
    return (r->flags & TT_SPSC_OVERWRITE) || tt_spsc_depth(r) + slots <= r->mask;
}

/* The longest park: a side that no fence reaches may miss the word. */
static inline int64_t tt_spsc_park_ns_(const tt_atomic_u32 *unfenced, int64_t ns)
{
    const int fenced = tt_fence_others() && tt_load_acquire32(unfenced) == 0;
    return fenced || ns < TT_SPSC_UNFENCED_NS ? ns : TT_SPSC_UNFENCED_NS;
}

/* Sleep until the producer has published, at most ns. */
static inline void tt_spsc_park_consumer_(tt_spsc *r, tt_idle *idle, int64_t ns)
{
    tt_spsc_page *page = r->page;
    tt_bump64(&idle->parks, 1);
    tt_store_relaxed32(&page->consumer_parked, 1); /* pairs with the load in tt_spsc_advance_ */
    ns = tt_spsc_park_ns_(&page->producer_unfenced, ns);
    if (!tt_spsc_is_filled_(r)) /* behind the fence: it may have come meanwhile */
        tt_futex_wait(&page->consumer_parked, 1, ns);
    tt_store_relaxed32(&page->consumer_parked, 0);
}

/* Sleep until the consumer has given something back, at most ns. */
static inline void tt_spsc_park_producer_(tt_spsc *r, tt_idle *idle, int64_t ns, uint64_t slots)
{
    tt_spsc_page *page = r->page;
    tt_bump64(&idle->parks, 1);
    tt_store_relaxed32(&page->producer_parked, 1); /* pairs with the load in tt_spsc_give_back_ */
    ns = tt_spsc_park_ns_(&page->consumer_unfenced, ns);
    if (!tt_spsc_has_space_(r, slots))
        tt_futex_wait(&page->producer_parked, 1, ns);
    tt_store_relaxed32(&page->producer_parked, 0);
}

/* One idle step of a side: slots 0 for the consumer. 0 when the time is up. */
static inline int tt_spsc_idle_(tt_spsc *r, tt_idle *idle, int64_t until_mono_ns, uint64_t slots)
{
    int64_t ns = 0;
    const int what = tt_idle_choose(idle, &ns);
    if (what != TT_IDLE_DO_SPIN || idle->turns % TT_SPSC_SPINS_A_LOOK == 0) {
        const int64_t left = until_mono_ns - tt_mono_ns();
        if (left <= 0)
            return 0;
        ns = ns < left ? ns : left;
    }
    if (what != TT_IDLE_DO_PARK)
        tt_idle_do(idle, what, ns);
    else if (slots == 0)
        tt_spsc_park_consumer_(r, idle, ns);
    else
        tt_spsc_park_producer_(r, idle, ns, slots);
    return 1;
}

/* Any thread: end the parks of both sides, so that they look around. */
static inline void tt_spsc_unpark(tt_spsc *r)
{
    tt_unpark(&r->page->consumer_parked);
    tt_unpark(&r->page->producer_parked);
}

/* Wait for something to peek until a monotonic time: TT_OK, TT_E_EMPTY or TT_E_STATE. */
static inline int tt_spsc_wait_filled(tt_spsc *r, tt_idle *idle, int64_t until_mono_ns)
{
    if (!r->consuming && tt_spsc_claim_consumer(r) != TT_OK)
        return TT_E_STATE;
    while (!tt_spsc_is_filled_(r))
        if (!tt_spsc_idle_(r, idle, until_mono_ns, 0))
            return TT_E_EMPTY;
    return TT_OK;
}

/* Wait for room for some slots until a monotonic time: TT_OK, TT_E_FULL or TT_E_STATE. */
static inline int tt_spsc_wait_space(tt_spsc *r, tt_idle *idle, int64_t until_mono_ns,
                                     uint64_t slots)
{
    if (!r->producing && tt_spsc_claim_producer(r) != TT_OK)
        return TT_E_STATE;
    while (!tt_spsc_has_space_(r, slots))
        if (!tt_spsc_idle_(r, idle, until_mono_ns, slots))
            return TT_E_FULL;
    return TT_OK;
}

/* Push, waiting for room: TT_OK, TT_E_FULL, TT_E_LENGTH or TT_E_STATE. A push that waits is no
 * refusal until the time is up. */
static inline int tt_spsc_push_wait(tt_spsc *r, const void *rec, tt_idle *idle,
                                    int64_t until_mono_ns)
{
    const uint64_t slots = tt_spsc_slots_of_(tt_spsc_word_(rec));
    const int rc = slots == 0 ? TT_E_LENGTH : tt_spsc_wait_space(r, idle, until_mono_ns, slots);
    return rc == TT_OK ? tt_spsc_try_push(r, rec) : rc;
}

/* Pop into 128 bytes, waiting: the record's bytes, TT_E_EMPTY, TT_E_STATE or TT_E_CORRUPT. A lossy
 * ring that is lapped while it is read may be empty again: another round then. */
static inline int tt_spsc_pop_wait(tt_spsc *r, void *out, tt_idle *idle, int64_t until_mono_ns)
{
    int rc;
    do {
        rc = tt_spsc_wait_filled(r, idle, until_mono_ns);
        if (rc != TT_OK)
            return rc;
        rc = tt_spsc_try_pop(r, out);
    } while (rc == TT_E_EMPTY && tt_mono_ns() < until_mono_ns);
    return rc;
}

#endif
