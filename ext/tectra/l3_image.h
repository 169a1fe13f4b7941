/* Whole books at once: the tops of a market, an image that builds the same books again, a digest.
 *
 * An image is one book_add for each order, best level first and front of the queue first, and the
 * priority number of each order beside it: applied in this order every queue stands as it stood.
 * Owner: the thread that applies. */
#ifndef TECTRA_L3_IMAGE_H
#define TECTRA_L3_IMAGE_H

#include "digest.h"
#include "l3_batch.h"

typedef struct {
    uint32_t instrument_id, state; /* state: TT_BOOK_* flags of the top */
    tt_top top;
} tt_l3_top_row;
_Static_assert(sizeof(tt_l3_top_row) == 48, "tt_l3_top_row: size");

/* One row for each slot. */
static inline void tt_l3_tops(const tt_l3 *b, tt_l3_top_row *out)
{
    for (uint32_t slot = 0; slot < b->slots; slot++) {
        const tt_l3_book *book = &b->books[slot];
        out[slot] = (tt_l3_top_row){book->instrument_id, tt_top_state(&book->top), book->top};
    }
}

/* Orders of a slot as book_add records made like `like` (its head, flags and venue), and their
 * priorities; the slot's `orders` of each must fit. How many there were. */
static inline size_t tt_l3_image(const tt_l3 *b, uint32_t slot, const tt_book_add *like,
                                 tt_book_add *out, uint64_t *prio)
{
    const tt_l3_book *book = &b->books[slot];
    size_t n = 0;
    for (uint32_t side = 0; side < 2; side++) {
        tt_ladder_cursor c = tt_ladder_begin(b, book, side);
        for (uint32_t k = 0; k < book->levels[side]; k++) {
            const tt_l3_level *level = &b->levels[tt_ladder_next(&c)];
            uint32_t i = level->head;
            for (uint32_t q = 0; q < level->orders && i; q++, i = b->orders[i].next, n++) {
                TT_PREFETCH_W(&b->orders[b->orders[i].next]);
                out[n] = *like;
                out[n].instrument_id = book->instrument_id;
                out[n].side = tt_side_of(side);
                out[n].order_ref = tt_l3_ref(b, i);
                out[n].px = level->px;
                out[n].qty = b->orders[i].qty;
                prio[n] = b->orders[i].prio;
            }
        }
    }
    TT_ASSERT(n == book->orders);
    return n;
}

/* Every order of a slot, 64 bytes each: who, reference, priority (0 where it does not count), price
 * and quantity, in the order of tt_l3_image. */
static inline void tt_l3_digest_slot(const tt_l3 *b, uint32_t slot, int with_prio, tt_digest *d)
{
    const tt_l3_book *book = &b->books[slot];
    for (uint32_t side = 0; side < 2; side++) {
        tt_ladder_cursor c = tt_ladder_begin(b, book, side);
        for (uint32_t k = 0; k < book->levels[side]; k++) {
            const tt_l3_level *level = &b->levels[tt_ladder_next(&c)];
            uint32_t i = level->head;
            for (uint32_t q = 0; q < level->orders && i; q++, i = b->orders[i].next) {
                const tt_l3_node *order = &b->orders[i];
                const uint64_t row[8] = {(uint64_t)book->instrument_id << 8 | tt_side_of(side),
                                         tt_l3_ref(b, i), with_prio ? order->prio : 0,
                                         (uint64_t)level->px, (uint64_t)order->qty};
                tt_digest_slot(d, row);
            }
        }
    }
}

/* Applying an image: each order gets the priority that it had. */
typedef struct {
    tt_l3 *book;
    const uint64_t *prio;
    size_t n, at;
} tt_l3_loader;

static inline void tt_l3_load_next_(tt_l3_loader *l)
{
    if (l->at < l->n)
        l->book->next_prio = l->prio[l->at];
}

static inline int tt_l3_load_seen_(void *cx, const tt_l3 *b, const tt_head *rec,
                                   const tt_book_effect *fx)
{
    tt_l3_loader *l = (tt_l3_loader *)cx;
    (void)b;
    (void)rec;
    if (fx->kind == TT_FX_ADD) {
        l->at++;
        tt_l3_load_next_(l);
    }
    return 0;
}

/* As tt_l3_run. The owner sets next_prio when the image is at its end. */
static inline int tt_l3_load(tt_l3_loader *l, tt_l3_batch *in)
{
    tt_l3_load_next_(l);
    return tt_l3_run_each(l->book, in, tt_l3_load_seen_, l);
}

#endif
