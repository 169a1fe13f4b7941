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

/* Records between two stages, and between the first and the applied one. */
#define TT_L3_STRIDE 4u
#define TT_L3_AHEAD (4 * TT_L3_STRIDE)
#define TT_L3_PLANS 32u /* a power of two above TT_L3_AHEAD */
/* Below this many live orders the books stay in the cache and stages 2 to 4 cost more than they
 * save. */
#define TT_L3_STAGED_MIN 32768u

static const uint32_t tt_l3_no_place = 0;

typedef struct {
    const tt_head *rec;
    const uint32_t *place; /* of the reference */
    size_t slot_at;
    uint32_t slot_side, hash; /* of the level of an add, else 0 */
    uint32_t level;           /* that the hash proposes, unchecked */
    uint32_t is_add;
} tt_l3_plan;

static inline int tt_l3_is_flow(const tt_head *rec)
{
    return (uint16_t)(rec->template_id - TT_T_BOOK_ADD) <= TT_T_BOOK_REPLACE - TT_T_BOOK_ADD;
}

/* Stage 1, from the record alone: reference, book, and for an add the hash entry of its level. */
static inline void tt_l3_stage1(const tt_l3 *b, const tt_head *rec, tt_l3_plan *p)
{
    *p = (tt_l3_plan){.rec = rec, .place = &tt_l3_no_place};
    if (TT_UNLIKELY(!tt_l3_is_flow(rec)))
        return;
    const tt_book_add *r = (const tt_book_add *)(const void *)rec;
    const uint32_t *place = tt_l3_place(b, r->order_ref);
    const uint32_t slot = tt_l3_slot(b, r->instrument_id);
    if (TT_LIKELY(place != NULL))
        p->place = place;
    TT_PREFETCH_W(p->place);
    if (TT_UNLIKELY(slot == UINT32_MAX))
        return;
    const uint32_t adds = 0u - (uint32_t)(rec->template_id <= TT_T_BOOK_ADD_ATTRIBUTED);
    p->is_add = adds & 1;
    p->slot_side = slot << 1 | (r->side == TT_SIDE_SELL);
    p->hash = adds & tt_l3_hash(p->slot_side, r->px);
    TT_PREFETCH_W(&b->books[slot]);
    TT_PREFETCH_W(&b->level_hash[p->hash & tt_l3_hash_mask(b)]);
}

/* Two lines at the end of a ladder, where a level will most likely come or go; nothing when not
 * `wanted`. */
static inline void tt_l3_prefetch_ladder(const tt_l3 *b, uint32_t slot_side, uint32_t wanted)
{
    const tt_l3_book *book = &b->books[slot_side >> 1];
    const uint32_t end = book->rungs[slot_side & 1] + book->levels[slot_side & 1];
    const tt_l3_rung *rung = &b->rungs[end & (0u - wanted)];
    TT_PREFETCH_W(rung);
    TT_PREFETCH_W((const void *)((uintptr_t)rung - (wanted << 6)));
}

/* Stage 2: the order that the reference names; the level that an add joins and where a new one will
 * stand. */
static inline void tt_l3_stage2(const tt_l3 *b, tt_l3_plan *p)
{
    const uint64_t e = b->level_hash[p->hash & tt_l3_hash_mask(b)];
    p->level = (uint32_t)(e >> 32) == p->hash ? (uint32_t)e & (0u - p->is_add) : 0;
    TT_PREFETCH_W(&b->levels[p->level]);
    TT_PREFETCH_W(&b->orders[*p->place]);
    tt_l3_prefetch_ladder(b, p->slot_side, p->is_add);
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

/* Stage 4: a level that will go with its last order needs its hash entry and its rung; a replace
 * needs the hash entry of the level to come. */
static inline void tt_l3_stage4(const tt_l3 *b, const tt_l3_plan *p)
{
    const tt_l3_level *level = &b->levels[b->orders[*p->place].level];
    const uint32_t last = level->orders == 1, mask = tt_l3_hash_mask(b);
    const uint32_t hash = tt_l3_hash(level->slot_side, level->px) & (0u - last);
    TT_PREFETCH_W(&b->level_hash[hash & mask]);
    tt_l3_prefetch_ladder(b, level->slot_side, last);
    if (p->rec->template_id == TT_T_BOOK_REPLACE) {
        const int64_t px = ((const tt_book_replace *)(const void *)p->rec)->px;
        TT_PREFETCH_W(&b->level_hash[tt_l3_hash(level->slot_side, px) & mask]);
    }
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

/* Apply one record of a batch. TT_OK also for a fault, which is counted; TT_E_FULL goes through. */
static inline int tt_l3_step(tt_l3 *b, const tt_head *rec, size_t left, tt_l3_faults *f,
                             tt_book_effect *fx)
{
    int rc = TT_E_LENGTH;
    fx->kind = TT_FX_NONE;
    if (TT_LIKELY(tt_l3_is_whole(rec, left)))
        rc = tt_l3_apply(b, rec, fx);
    if (TT_UNLIKELY(rc < 0)) {
        if (rc == TT_E_FULL)
            return rc;
        tt_l3_note_fault(b, f, rec, rc);
    }
    return TT_OK;
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

/* `staged` and `seen` are constants where the loop is used, and it is made anew for each of them.
 */
#define TT_L3_INLINE static inline __attribute__((always_inline))

TT_L3_INLINE int tt_l3_loop(tt_l3 *b, tt_l3_batch *in, tt_l3_seen seen, void *cx, const int staged)
{
    tt_l3_plan plans[TT_L3_PLANS];
    const size_t n = in->n, until = in->until < n ? in->until : n;
    size_t next = in->at, made = 0, done = 0;
    tt_book_effect fx;
    for (size_t t = 0; done < made || next < until; t++) {
        if (next < until) {
            tt_l3_plan *p = &plans[t % TT_L3_PLANS];
            tt_l3_stage1(b, tt_slot_at(in->slots, next), p);
            p->slot_at = next;
            next += tt_slot_count(p->rec);
            made++;
        }
        /* while t is still smaller than the distance, the difference wraps around and is not made
         */
        if (staged && t - TT_L3_STRIDE < made)
            tt_l3_stage2(b, &plans[(t - TT_L3_STRIDE) % TT_L3_PLANS]);
        if (staged && t - 2 * TT_L3_STRIDE < made)
            tt_l3_stage3(b, &plans[(t - 2 * TT_L3_STRIDE) % TT_L3_PLANS]);
        if (staged && t - 3 * TT_L3_STRIDE < made)
            tt_l3_stage4(b, &plans[(t - 3 * TT_L3_STRIDE) % TT_L3_PLANS]);
        if (t - TT_L3_AHEAD >= made)
            continue;
        const tt_l3_plan *p = &plans[(t - TT_L3_AHEAD) % TT_L3_PLANS];
        in->at = p->slot_at;
        const int rc = tt_l3_step(b, p->rec, n - p->slot_at, in->faults, &fx);
        if (TT_UNLIKELY(rc < 0))
            return rc;
        const size_t behind = p->slot_at + tt_slot_count(p->rec);
        in->at = behind < n ? behind : n;
        done++;
        if (seen(cx, b, p->rec, &fx))
            return TT_OK;
    }
    return TT_OK;
}

/* Apply a batch and look at each effect. Moves in->at; TT_E_FULL: grow b->short_of and call again.
 * Faults are counted and passed over. */
TT_L3_INLINE int tt_l3_run_each(tt_l3 *b, tt_l3_batch *in, tt_l3_seen seen, void *cx)
{
    if (b->order_pool.live >= TT_L3_STAGED_MIN)
        return tt_l3_loop(b, in, seen, cx, 1);
    return tt_l3_loop(b, in, seen, cx, 0);
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
