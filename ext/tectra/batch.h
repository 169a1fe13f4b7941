/* Batches of records: where records begin, copies of chosen ones, and one stream out of many.
 *
 * A batch is 64-byte slots, a record takes one or two. Memory comes from the caller; each loop ends
 * with its input. Owner: the thread of the feed. */
#ifndef TECTRA_BATCH_H
#define TECTRA_BATCH_H

#include <string.h>

#include "base.h"
#include "msg.h"

/* Columns of a batch, a row for each record; each has room for as many as there are slots. */
typedef struct {
    uint32_t *slot; /* at which the record begins */
    uint8_t *template_id;
    uint8_t *width; /* slots: 1 or 2 */
    uint16_t *venue_id;
    uint32_t *instrument_id;
    int64_t *ts_event_ns;
    int64_t *ts_recv_ns;
} tt_batch_rows;

/* Slots of the record at `slot`; 0 when it is none of ours. */
static inline uint32_t tt_batch_width(const uint8_t *slot)
{
    const tt_head *head = (const tt_head *)slot;
    const uint32_t bytes = tt_rec_bytes(slot);
    const int known = head->schema_id == TT_SCHEMA_ID && head->template_id < TT_T_END
                      && tt_template_bytes[head->template_id] == bytes;
    return known ? bytes / TT_SLOT_BYTES : 0;
}

/* Fill the columns; returns the records. *end < n: what begins there is malformed or cut. */
static inline uint32_t tt_batch_scan(const uint8_t *slots, uint32_t n, const tt_batch_rows *rows,
                                     uint32_t *end)
{
    uint32_t i = 0, k = 0;
    while (i < n) {
        const uint8_t *p = slots + (uint64_t)i * TT_SLOT_BYTES;
        const tt_head *head = (const tt_head *)p;
        const uint32_t width = tt_batch_width(p);
        if (width == 0 || width > n - i)
            break;
        rows->slot[k] = i;
        rows->template_id[k] = (uint8_t)head->template_id;
        rows->width[k] = (uint8_t)width;
        memcpy(&rows->venue_id[k], p + 38, sizeof(uint16_t));
        rows->instrument_id[k] = head->instrument_id;
        rows->ts_event_ns[k] = head->ts_event_ns;
        rows->ts_recv_ns[k] = head->ts_recv_ns;
        k++;
        i += width;
    }
    *end = i;
    return k;
}

/* Copy the records that begin at at[0..count) one behind the other. Returns slots, or TT_E_RANGE
 * for a record that does not lie in the batch, TT_E_FULL when `cap` slots do not hold them. */
static inline int64_t tt_batch_gather(const uint8_t *slots, uint32_t n, const uint32_t *at,
                                      uint64_t count, uint8_t *out, uint64_t cap)
{
    uint64_t used = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (at[i] >= n)
            return TT_E_RANGE;
        const uint8_t *p = slots + (uint64_t)at[i] * TT_SLOT_BYTES;
        const uint32_t width = tt_batch_width(p);
        if (width == 0 || width > n - at[i])
            return TT_E_RANGE;
        if (used + width > cap)
            return TT_E_FULL;
        memcpy(out + used * TT_SLOT_BYTES, p, (size_t)width * TT_SLOT_BYTES);
        used += width;
    }
    return (int64_t)used;
}

/* Write new instrument ids into the records that begin at at[0..count). */
static inline void tt_batch_renumber(uint8_t *slots, const uint32_t *at, const uint32_t *ids,
                                     uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ((tt_head *)(slots + (uint64_t)at[i] * TT_SLOT_BYTES))->instrument_id = ids[i];
}

/* One of the streams of a merge: records whose keys never go down. */
typedef struct {
    const uint8_t *slots;
    const uint32_t *slot;
    const uint8_t *width;
    const int64_t *key;
    const uint64_t *tie; /* order among equal keys; NULL: all equal */
    uint64_t count;
    uint64_t next;
    uint32_t more; /* further records come once these are used */
} tt_merge_lane;

static inline uint64_t tt_merge_tie(const tt_merge_lane *l)
{
    return l->tie != NULL ? l->tie[l->next] : 0;
}

/* Whether lane a comes before lane b: key, tie, number of the lane. */
static inline int tt_merge_before(const tt_merge_lane *lanes, uint32_t a, uint32_t b)
{
    const tt_merge_lane *x = &lanes[a], *y = &lanes[b];
    if (x->key[x->next] != y->key[y->next])
        return x->key[x->next] < y->key[y->next];
    const uint64_t s = tt_merge_tie(x), t = tt_merge_tie(y);
    return s != t ? s < t : a < b;
}

static inline void tt_merge_sink(const tt_merge_lane *lanes, uint32_t *heap, uint32_t n,
                                 uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= n)
            return;
        if (child + 1 < n && tt_merge_before(lanes, heap[child + 1], heap[child]))
            child++;
        if (tt_merge_before(lanes, heap[at], heap[child]))
            return;
        const uint32_t moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

/* Lanes with records, the first of all at the front. *dry: a lane that has to be filled first, or
 * `count`. Returns the size of the heap. */
static inline uint32_t tt_merge_heap(const tt_merge_lane *lanes, uint32_t count, uint32_t *heap,
                                     uint32_t *dry)
{
    uint32_t n = 0;
    *dry = count;
    for (uint32_t i = 0; i < count; i++) {
        if (lanes[i].next < lanes[i].count)
            heap[n++] = i;
        else if (lanes[i].more && *dry == count)
            *dry = i;
    }
    for (uint32_t i = n / 2; i-- > 0;)
        tt_merge_sink(lanes, heap, n, i);
    return n;
}

/* Copy records in order until a lane runs dry (*dry < count: fill it and call again), `out` has no
 * room for two more slots, or nothing is left. Returns slots written. `heap` has room for `count`.
 */
static inline uint64_t tt_merge_run(tt_merge_lane *lanes, uint32_t count, uint32_t *heap,
                                    uint8_t *out, uint64_t cap, uint32_t *dry)
{
    uint64_t used = 0;
    uint32_t n = tt_merge_heap(lanes, count, heap, dry);
    if (*dry < count)
        return 0;
    while (n > 0 && used + 2 <= cap) {
        const uint32_t first = heap[0];
        tt_merge_lane *l = &lanes[first];
        uint32_t second = first;
        if (n > 1)
            second = n > 2 && tt_merge_before(lanes, heap[2], heap[1]) ? heap[2] : heap[1];
        do { /* the run of this lane up to the next one's record */
            const uint32_t width = l->width[l->next];
            memcpy(out + used * TT_SLOT_BYTES,
                   l->slots + (uint64_t)l->slot[l->next] * TT_SLOT_BYTES,
                   (size_t)width * TT_SLOT_BYTES);
            used += width;
            l->next++;
        } while (l->next < l->count && used + 2 <= cap
                 && (second == first || tt_merge_before(lanes, first, second)));
        if (l->next == l->count) {
            if (l->more) {
                *dry = first;
                return used;
            }
            heap[0] = heap[--n];
        }
        tt_merge_sink(lanes, heap, n, 0);
    }
    return used;
}

#endif
