/* Becoming a reader of the broadcast ring (bcast.h), stopping to be one, and looking a ring at rest
 * over. Cold. A reader that is listed has a place in the page, where any process sees how far it
 * is; one that is not listed reads all the same.
 */
#ifndef TECTRA_BCAST_JOIN_H
#define TECTRA_BCAST_JOIN_H

#include "bcast.h"

/* Where the next record will go, or where the oldest one lies that is still whole, and its number.
 * 1, or 0 when the writer was in the way. */
static inline int tt_bcast_locate_(const tt_bcast *r, int where, uint64_t *pos, uint64_t *number)
{
    const tt_bcast_page *page = r->page;
    const uint64_t first = tt_load_relaxed64(&page->first_pos);
    /* Pairs with the release store in tt_bcast_count_: what is below it was stamped. */
    const uint64_t end = tt_load_acquire64(&page->write_pos);
    if (end == first) {
        *pos = first;
        *number = 1;
        return 1;
    }
    if (where == TT_BCAST_OLDEST) {
        const uint64_t intent = tt_load_acquire64(&page->intent_pos);
        *pos = intent - first > r->mask + 1 ? intent - (r->mask + 1) : first;
        *number = tt_bcast_find_(page, r->control, r->mask, pos) >> 1;
        return *number != 0;
    }
    uint64_t at = end - 1;
    uint64_t stamp = tt_load_acquire64(&r->control[at & r->mask].stamp);
    if (stamp == 0 && at != first) /* the second half of the newest record */
        stamp = tt_load_acquire64(&r->control[--at & r->mask].stamp);
    *pos = end;
    *number = (stamp >> 1) + 1;
    return stamp != 0 && at + tt_bcast_slots_in_(stamp) == end &&
           tt_load_acquire64(&page->intent_pos) - at <= r->mask + 1;
}

static inline void tt_bcast_set_mask(tt_bcast_reader *rd, uint64_t mask)
{
    TT_ASSERT(mask != 0);
    rd->mask = mask;
    tt_store_release64(&rd->place->mask, mask); /* pairs with the acquire loads of observers */
}

/* Start to read: from the next record (TT_BCAST_NEWEST) or from the oldest that is still there.
 * `name` is listed with the place, cut to 39 bytes; NULL: not listed. TT_OK; TT_E_RANGE (mask 0
 * sees nothing); TT_E_FULL (64 listed readers live); TT_E_STATE when the writer laps the ring
 * faster than one can look, try again. */
static inline int tt_bcast_join(tt_bcast_reader *rd, const tt_bcast *r, const char *name,
                                uint64_t mask, int where)
{
    uint64_t pos = 0, number = 0;
    int found = 0;
    TT_ASSERT(((uintptr_t)rd & (TT_FALSE_SHARING - 1)) == 0);
    if (mask == 0)
        return TT_E_RANGE;
    memset(rd, 0, sizeof(*rd));
    tt_bcast_place *place = name != NULL ? tt_bcast_take_place_(r) : &rd->own;
    if (place == NULL)
        return TT_E_FULL;
    tt_store_release64(&place->joined, 0); /* not to be looked at until the last store below */
    for (int i = 0; i < TT_BCAST_TRIES_MAX && !found; i++)
        found = tt_bcast_locate_(r, where, &pos, &number);
    if (!found) {
        uint64_t mine = r->owner;
        tt_cas64(&place->owner, &mine, 0);
        return TT_E_STATE;
    }
    *rd = (tt_bcast_reader){.page = r->page,
                            .control = r->control,
                            .slots = r->slots,
                            .place = place,
                            .ring_mask = r->mask,
                            .owner = r->owner,
                            .pos = pos,
                            .next = number};
    uint64_t words[TT_BCAST_NAME_WORDS] = {0};
    for (size_t i = 0; name != NULL && i < TT_BCAST_NAME_BYTES - 1 && name[i] != 0; i++)
        ((char *)words)[i] = name[i];
    for (uint32_t i = 0; i < TT_BCAST_NAME_WORDS; i++)
        tt_store_relaxed64(&place->name[i], words[i]);
    tt_store_relaxed64(&place->skipped, 0);
    tt_store_relaxed64(&place->lost, 0);
    tt_store_relaxed64(&place->gaps, 0);
    tt_store_relaxed64(&place->lag_high, 0);
    tt_store_relaxed64(&place->beat_ns, 0);
    tt_bcast_set_mask(rd, mask);
    tt_bcast_tell_(rd);
    tt_store_release64(&place->joined, number); /* pairs with the acquire loads of observers */
    return TT_OK;
}

/* Give the place back. */
static inline void tt_bcast_part(tt_bcast_reader *rd)
{
    uint64_t mine = rd->owner;
    if (rd->place != NULL && rd->place != &rd->own)
        tt_cas64(&rd->place->owner, &mine, 0); /* pairs with the exchange of the next reader */
    rd->place = NULL;
}

/* Records published and not yet passed, for observers: a snapshot. */
static inline uint64_t tt_bcast_lag(const tt_bcast_page *page, const tt_bcast_place *place)
{
    const uint64_t next = tt_load_acquire64(&place->next);
    const int64_t lag = (int64_t)(tt_load_acquire64(&page->published) + 1 - next);
    return lag < 0 ? 0 : (uint64_t)lag;
}

/* Integrity of a ring at rest: numbers follow one another up to the newest. TT_OK or TT_E_CORRUPT.
 */
static inline int tt_bcast_check(const tt_bcast *r)
{
    const uint64_t end = tt_load_acquire64(&r->page->write_pos);
    uint64_t pos = 0, number = 0;
    if (!tt_bcast_locate_(r, TT_BCAST_OLDEST, &pos, &number))
        return TT_E_CORRUPT;
    for (uint64_t i = 0; i <= r->mask && pos != end; i++) {
        const uint64_t stamp = tt_load_acquire64(&r->control[pos & r->mask].stamp);
        const uint64_t word = tt_load_acquire64(tt_bcast_slot_(r->slots, pos & r->mask));
        if (stamp >> 1 != number || tt_bcast_slots_of_(word) != tt_bcast_slots_in_(stamp))
            return TT_E_CORRUPT;
        pos += tt_bcast_slots_in_(stamp);
        number++;
    }
    return pos == end && number == tt_load_acquire64(&r->page->published) + 1 ? TT_OK
                                                                              : TT_E_CORRUPT;
}

#endif
