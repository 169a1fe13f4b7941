/* How a handle of the multi-producer multi-consumer ring (mpmc_page.h) gets hold of the next slot,
 * to write or to read: the fenced way and the plain way. What is done with the slot is in mpmc.h.
 */
#ifndef TECTRA_MPMC_SLOT_H
#define TECTRA_MPMC_SLOT_H

#include "mpmc_owner.h"

/* The position stands where its slot is taken already: move it on. Any thread does, once. */
static inline void tt_mpmc_help_(tt_atomic_u64 *position, uint64_t pos)
{
    (void)tt_cas64(position, &pos, pos + 1);
}

static inline void tt_mpmc_hold_(tt_mpmc_item *item, tt_mpmc_slot *slot, uint64_t pos)
{
    item->slot = slot;
    item->record = (uint8_t *)slot + TT_MPMC_RECORD_AT;
    item->pos = pos;
}

/* Writers pass over a slot in quarantine; once in a while its owner turns out to be dead. */
TT_MPMC_COLD void tt_mpmc_pass_held_(tt_mpmc *r, tt_mpmc_slot *slot, uint64_t word)
{
    const int look = r->passed++ % TT_MPMC_LOOK_EVERY == 0;
    const int dead = tt_mpmc_is_dead_(r, tt_mpmc_owner(word), look);
    const uint64_t next = dead ? tt_mpmc_disowned_(r, word)
                               : tt_mpmc_reword_(word, 0, tt_mpmc_owner(word), TT_MPMC_LOST);
    if (tt_cas64(&slot->word, &word, next) && !dead)
        tt_bump64(&r->mine->skipped, 1);
}

/* The slot first, then the position: a claim has its owner from the start. */
static inline int tt_mpmc_claim_fenced_(tt_mpmc *r, tt_mpmc_item *item)
{
    tt_mpmc_page *page = r->page;
    for (uint32_t i = 0; i < TT_MPMC_TRIES; i++) {
        const uint64_t pos = tt_load_acquire64(&page->write_pos); /* pairs with tt_mpmc_help_ */
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, pos);
        uint64_t word = tt_load_acquire64(&slot->word); /* pairs with the swap that frees a slot */
        if (TT_LIKELY(word == tt_mpmc_word(pos, 0, TT_MPMC_FREE))) {
            if (TT_LIKELY(
                    tt_cas64(&slot->word, &word, tt_mpmc_word(pos, r->me, TT_MPMC_CLAIMED)))) {
                tt_mpmc_help_(&page->write_pos, pos);
                r->open++;
                tt_mpmc_hold_(item, slot, pos);
                return TT_OK;
            }
            continue;
        }
        const int64_t ahead = tt_mpmc_ahead_(word, pos);
        if (ahead < 0)
            return TT_E_FULL;
        if (ahead == 0 && tt_mpmc_state(word) == TT_MPMC_HELD)
            tt_mpmc_pass_held_(r, slot, word);
        else
            tt_mpmc_help_(&page->write_pos, pos);
    }
    return TT_E_FULL;
}

static inline int tt_mpmc_claim_plain_(tt_mpmc *r, tt_mpmc_item *item)
{
    tt_mpmc_page *page = r->page;
    uint64_t pos = tt_load_relaxed64(&page->write_pos);
    for (uint32_t i = 0; i < TT_MPMC_TRIES; i++) {
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, pos);
        /* Pairs with the release store in tt_mpmc_release. */
        const uint64_t word = tt_load_acquire64(&slot->word);
        const int64_t ahead = (int64_t)(word - tt_mpmc_word(pos, 0, TT_MPMC_FREE));
        if (TT_LIKELY(ahead == 0)) {
            if (TT_LIKELY(tt_cas64(&page->write_pos, &pos, pos + 1))) {
                tt_mpmc_hold_(item, slot, pos);
                return TT_OK;
            }
        } else if (ahead < 0) {
            return TT_E_FULL;
        } else {
            pos = tt_load_relaxed64(&page->write_pos);
        }
    }
    return TT_E_FULL;
}

/* What is ready at `pos` with this word: TT_OK, TT_E_EMPTY when its tag is not accepted, or
 * TT_E_LENGTH when it is longer than `room`. Valid if the word is still the same afterwards. */
static inline int tt_mpmc_inspect_(const tt_mpmc *r, const tt_mpmc_slot *slot, uint32_t room,
                                   tt_mpmc_item *item)
{
    const uint64_t info = tt_load_relaxed64(&slot->info); /* behind the acquire load of the word */
    item->tag = (uint32_t)info;
    item->bytes = (uint32_t)(info >> 32);
    if (TT_UNLIKELY(r->accept != 0 && (item->tag & r->accept) == 0))
        return TT_E_EMPTY;
    return item->bytes > room ? TT_E_LENGTH : TT_OK;
}

static inline int tt_mpmc_peek_fenced_(tt_mpmc *r, uint32_t room, tt_mpmc_item *item)
{
    tt_mpmc_page *page = r->page;
    for (uint32_t i = 0; i < TT_MPMC_TRIES; i++) {
        const uint64_t pos = tt_load_acquire64(&page->read_pos); /* pairs with tt_mpmc_help_ */
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, pos);
        uint64_t word = tt_load_acquire64(&slot->word); /* pairs with the swap in commit */
        const int64_t ahead = tt_mpmc_ahead_(word, pos);
        const uint32_t state = tt_mpmc_state(word);
        if (TT_LIKELY(word == tt_mpmc_word(pos, 0, TT_MPMC_READY))) {
            const int rc = tt_mpmc_inspect_(r, slot, room, item);
            if (TT_UNLIKELY(rc != TT_OK))
                return rc;
            if (TT_LIKELY(
                    tt_cas64(&slot->word, &word, tt_mpmc_word(pos, r->me, TT_MPMC_READING)))) {
                tt_mpmc_help_(&page->read_pos, pos);
                r->open++;
                tt_mpmc_hold_(item, slot, pos);
                return TT_OK;
            }
        } else if (ahead < 0 || (ahead == 0 && state <= TT_MPMC_CLAIMED)) {
            return TT_E_EMPTY; /* a reader a lap behind; nothing yet; or a claim under way */
        } else if (ahead == 0 && state == TT_MPMC_LOST) {
            const uint64_t next =
                tt_mpmc_reword_(word, r->mask + 1, tt_mpmc_owner(word), TT_MPMC_HELD);
            (void)tt_cas64(&slot->word, &word, next);
        } else if (ahead == 0 && state == TT_MPMC_SKIP) {
            (void)tt_cas64(&slot->word, &word, tt_mpmc_word(pos + r->mask + 1, 0, TT_MPMC_FREE));
        } else {
            tt_mpmc_help_(&page->read_pos, pos);
        }
    }
    return TT_E_EMPTY;
}

static inline int tt_mpmc_peek_plain_(tt_mpmc *r, uint32_t room, tt_mpmc_item *item)
{
    tt_mpmc_page *page = r->page;
    uint64_t pos = tt_load_relaxed64(&page->read_pos);
    for (uint32_t i = 0; i < TT_MPMC_TRIES; i++) {
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, pos);
        const uint64_t word = tt_load_acquire64(&slot->word); /* pairs with the store in commit */
        const int64_t ahead = (int64_t)(word - tt_mpmc_word(pos, 0, TT_MPMC_READY));
        if (TT_LIKELY(ahead == 0)) {
            const int rc = tt_mpmc_inspect_(r, slot, room, item);
            if (TT_UNLIKELY(rc != TT_OK))
                return rc;
            if (TT_LIKELY(tt_cas64(&page->read_pos, &pos, pos + 1))) {
                tt_mpmc_hold_(item, slot, pos);
                return TT_OK;
            }
        } else if (ahead < 0) {
            return TT_E_EMPTY;
        } else if (word == tt_mpmc_word(pos, 0, TT_MPMC_SKIP)) {
            if (tt_cas64(&page->read_pos, &pos, pos + 1)) {
                tt_store_release64(&slot->word, tt_mpmc_word(pos + r->mask + 1, 0, TT_MPMC_FREE));
                tt_bump64(&r->mine->passed, 1);
                pos++;
            }
        } else {
            pos = tt_load_relaxed64(&page->read_pos);
        }
    }
    return TT_E_EMPTY;
}

#endif
