/* Loops over many records: staged prefetch, and the account of what could not be applied.
 *
 * A message of a whole market misses the cache three or four times in a row (reference, order,
 * level, neighbours). The loop plans each record well before it applies it; between the two, stages
 * touch what the stage before brought in. The stages have no branches on the type of a message,
 * as the order in which types come has no pattern: what does not apply points at item 0, which is
 * always in the cache. */
#ifndef TECTRA_L3_BATCH_H
#define TECTRA_L3_BATCH_H

#include "l3_query.h"

/* Records that take a stage together; a record is applied three groups after its first stage. */
#define TT_L3_GROUP 8u
#define TT_L3_GROUPS 4u /* a power of two */
/* Below this many live orders the books stay in the cache and stages cost more than they save. */
#define TT_L3_STAGED_MIN 32768u

static uint32_t tt_l3_no_place; /* stays 0 */

typedef struct {
    const tt_head *rec;
    uint32_t *place;         /* of the reference */
    const tt_window *window; /* of the side that an add joins, else of bids */
    int64_t key;             /* of an add */
    uint32_t level;          /* near level that an add joins, else 0 */
    uint32_t is_add;
} tt_l3_plan;

typedef struct {
    tt_l3_plan plan[TT_L3_GROUP];
    uint32_t n;
} tt_l3_group;

/* Stage 1, from the record alone: reference, book and its windows. */
static inline void tt_l3_stage1(const tt_l3 *b, const tt_head *rec, tt_l3_plan *p)
{
    *p = (tt_l3_plan){.rec = rec, .place = &tt_l3_no_place, .window = &b->books[0].window[0]};
    if (TT_UNLIKELY(!tt_l3_is_flow(rec)))
        return;
    const tt_book_add *r = (const tt_book_add *)(const void *)rec;
    uint32_t *place = tt_l3_place(b, r->order_ref);
    const uint32_t slot = tt_l3_slot(b, r->instrument_id);
    if (TT_LIKELY(place != NULL))
        p->place = place;
    TT_PREFETCH_W(p->place);
    if (TT_UNLIKELY(slot == UINT32_MAX))
        return;
    const tt_l3_book *book = &b->books[slot];
    const uint32_t side = r->side == TT_SIDE_SELL;
    p->is_add = rec->template_id <= TT_T_BOOK_ADD_ATTRIBUTED;
    p->window = &book->window[side];
    p->key = side ? (int64_t)(0 - (uint64_t)r->px) : r->px;
    tt_l3_prefetch_book(book);
}

/* Stage 2: the order that the reference names; the level that an add joins. */
static inline void tt_l3_stage2(const tt_l3 *b, tt_l3_plan *p)
{
    p->level = tt_window_at(p->window, p->key) & (0u - p->is_add);
    TT_PREFETCH_W(&b->levels[p->level]);
    TT_PREFETCH_W(&b->orders[*p->place]);
}

/* Stage 3: level and neighbours of the order; for an add the tail of the queue that it joins. */
static inline void tt_l3_stage3(const tt_l3 *b, const tt_l3_plan *p)
{
    const tt_l3_node *order = &b->orders[*p->place];
    TT_PREFETCH_W(&b->levels[order->level]);
    TT_PREFETCH_W(&b->orders[order->next]);
    TT_PREFETCH_W(&b->orders[order->prev]);
    TT_PREFETCH_W(&b->orders[b->levels[p->level].tail]);
}

/* For loops of one's own: what can be touched from a record a few messages ahead. */
static inline void tt_l3_prefetch(const tt_l3 *b, const tt_head *rec)
{
    tt_l3_plan plan;
    tt_l3_stage1(b, rec, &plan);
}

/* What went wrong in batches: how often by code, and the first few in full. */
#define TT_L3_FAULTS_KEPT 16u
#define TT_L3_FAULT_KINDS 32u

typedef struct {
    uint64_t ring_seq, order_ref;
    int64_t ts_event_ns;
    uint32_t instrument_id;
    int16_t code;
    uint16_t template_id;
} tt_l3_fault;

typedef struct {
    uint64_t total;
    uint64_t by_code[TT_L3_FAULT_KINDS]; /* index: -code */
    tt_l3_fault first[TT_L3_FAULTS_KEPT];
} tt_l3_faults;

/* Count a record that could not be applied, and mark its instrument. Out of line of the loop: rare.
 */
static inline void tt_l3_note_fault(tt_l3 *b, tt_l3_faults *f, const tt_head *rec, int code)
{
    TT_ASSERT(code < 0 && -code < (int)TT_L3_FAULT_KINDS);
    const uint32_t slot = tt_l3_slot(b, rec->instrument_id);
    if (f->total < TT_L3_FAULTS_KEPT)
        f->first[f->total] =
            (tt_l3_fault){.ring_seq = rec->ring_seq,
                          .order_ref = ((const tt_book_add *)(const void *)rec)->order_ref,
                          .ts_event_ns = rec->ts_event_ns,
                          .instrument_id = rec->instrument_id,
                          .code = (int16_t)code,
                          .template_id = rec->template_id};
    f->total++;
    f->by_code[-code]++;
    if (slot != UINT32_MAX)
        b->books[slot].faults++;
}

static inline size_t tt_slot_count(const tt_head *rec)
{
    return (tt_rec_bytes(rec) + TT_SLOT_BYTES - 1) / TT_SLOT_BYTES;
}

static inline const tt_head *tt_slot_at(const void *slots, size_t i)
{
    return (const tt_head *)(const void *)((const char *)slots + i * TT_SLOT_BYTES);
}

/* Order flow whose record is shorter than its template, or ends behind the batch, must not be read.
 */
static inline int tt_l3_is_whole(const tt_head *rec, size_t left)
{
    const uint16_t id = rec->template_id;
    return tt_slot_count(rec) <= left &&
           (id >= TT_T_END || tt_rec_bytes(rec) >= tt_template_bytes[id]);
}

/* A stretch of slots: `n` are there, records that begin before `until` are wanted, `at` is where
 * the next one begins. */
typedef struct {
    const void *slots;
    size_t n, until, at;
    tt_l3_faults *faults;
} tt_l3_batch;

/* Called after each applied record; not 0 ends the loop behind that record. */
typedef int (*tt_l3_seen)(void *cx, const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx);

/* `seen` is a constant where the loop is used, and the loop is made anew for each of them. */
#define TT_L3_INLINE static inline __attribute__((always_inline))

/* Apply the record at in->at, move behind it, and let it be seen. 1: seen says stop. A fault is
 * counted and passed over; TT_E_FULL goes through. */
TT_L3_INLINE int tt_l3_take(tt_l3 *b, tt_l3_batch *in, uint32_t *place, tt_l3_seen seen, void *cx)
{
    tt_book_effect fx;
    const tt_head *rec = tt_slot_at(in->slots, in->at);
    const size_t left = in->n - in->at, count = tt_slot_count(rec);
    int rc = TT_E_LENGTH;
    fx.kind = TT_FX_NONE;
    if (TT_LIKELY(tt_l3_is_whole(rec, left))) {
        if (place == NULL && tt_l3_is_flow(rec))
            place = tt_l3_place(b, ((const tt_book_add *)(const void *)rec)->order_ref);
        rc = TT_LIKELY(place || tt_l3_is_flow(rec)) ? tt_l3_apply_at(b, rec, place, &fx)
                                                    : tt_l3_apply(b, rec, &fx);
    }
    if (TT_UNLIKELY(rc < 0)) {
        if (rc == TT_E_FULL)
            return rc;
        fx.kind = TT_FX_NONE;
        tt_l3_note_fault(b, in->faults, rec, rc);
    }
    in->at += count < left ? count : left;
    return seen(cx, b, rec, &fx) != 0;
}

TT_L3_INLINE int tt_l3_loop(tt_l3 *b, tt_l3_batch *in, tt_l3_seen seen, void *cx)
{
    const size_t until = in->until < in->n ? in->until : in->n;
    while (in->at < until) {
        const int rc = tt_l3_take(b, in, NULL, seen, cx);
        if (TT_UNLIKELY(rc != TT_OK))
            return rc < 0 ? rc : TT_OK;
    }
    return TT_OK;
}

/* The first stage of the records at `next`, as many as a group holds; where the next group begins.
 */
static inline size_t tt_l3_plan_group(const tt_l3 *b, const tt_l3_batch *in, size_t next,
                                      size_t until, tt_l3_group *g)
{
    g->n = 0;
    while (g->n < TT_L3_GROUP && next < until) {
        const tt_head *rec = tt_slot_at(in->slots, next);
        tt_l3_stage1(b, rec, &g->plan[g->n++]);
        next += tt_slot_count(rec);
    }
    return next;
}

TT_L3_INLINE int tt_l3_loop_staged(tt_l3 *b, tt_l3_batch *in, tt_l3_seen seen, void *cx)
{
    tt_l3_group ring[TT_L3_GROUPS];
    const size_t until = in->until < in->n ? in->until : in->n;
    size_t next = in->at;
    for (uint32_t i = 0; i < TT_L3_GROUPS; i++)
        ring[i].n = 0;
    for (uint32_t t = 0; in->at < until; t++) {
        next = tt_l3_plan_group(b, in, next, until, &ring[t % TT_L3_GROUPS]);
        tt_l3_group *g = &ring[(t - 1) % TT_L3_GROUPS];
        for (uint32_t i = 0; i < g->n; i++)
            tt_l3_stage2(b, &g->plan[i]);
        g = &ring[(t - 2) % TT_L3_GROUPS];
        for (uint32_t i = 0; i < g->n; i++)
            tt_l3_stage3(b, &g->plan[i]);
        g = &ring[(t - 3) % TT_L3_GROUPS];
        for (uint32_t i = 0; i < g->n; i++) {
            uint32_t *place = g->plan[i].place;
            const int rc = tt_l3_take(b, in, place == &tt_l3_no_place ? NULL : place, seen, cx);
            if (TT_UNLIKELY(rc != TT_OK))
                return rc < 0 ? rc : TT_OK;
        }
    }
    return TT_OK;
}

/* Apply a batch and look at each effect. Moves in->at; TT_E_FULL: grow b->short_of and call again.
 * Faults are counted and passed over. */
TT_L3_INLINE int tt_l3_run_each(tt_l3 *b, tt_l3_batch *in, tt_l3_seen seen, void *cx)
{
    if (b->order_pool.live >= TT_L3_STAGED_MIN)
        return tt_l3_loop_staged(b, in, seen, cx);
    return tt_l3_loop(b, in, seen, cx);
}

static inline int tt_l3_count_applied(void *cx, const tt_l3 *b, const tt_head *rec,
                                      const tt_book_effect *fx)
{
    (void)b;
    (void)rec;
    *(uint64_t *)cx += fx->kind != TT_FX_NONE;
    return 0;
}

/* tt_l3_run_each without a look; *applied grows by the records that changed a book. */
static inline int tt_l3_run(tt_l3 *b, tt_l3_batch *in, uint64_t *applied)
{
    return tt_l3_run_each(b, in, tt_l3_count_applied, applied);
}

#endif
