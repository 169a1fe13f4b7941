/* Writing records into the slots of a ring (spsc.h) in place: claim, fill, commit or abort.
 * Producer only; lossless rings only, since a lossy consumer looks at slots that are being written.
 *
 *   tt_spsc_try_claim(r, bytes, &slot)         room for one record of 64 or 128 bytes
 *   tt_spsc_try_claim_n(r, n, &slot, &got)     room for n slots, or fewer where the ring ends
 *   tt_spsc_commit(r, header)                  all at once; the slots made visible
 *   tt_spsc_abort(r)                           as if nothing had been claimed
 *
 * The first 8 bytes of the claim stay as they are: they are the commit word, and tt_spsc_commit
 * writes the header of the first record there (tt_spsc_header). Records behind it in the claim
 * carry their own headers; a 0 there ends them. A claim holds the producer's side: no push, no
 * second claim before it is over. A producer that dies in a claim leaves nothing visible.
 */
#ifndef TECTRA_SPSC_CLAIM_H
#define TECTRA_SPSC_CLAIM_H

#include "spsc.h"

/* The commit word of a record of a template, or 0. */
static inline uint64_t tt_spsc_header(uint32_t template_id)
{
    const uint32_t bytes = template_id < TT_T_END ? tt_template_bytes[template_id] : 0;
    return bytes == 0 ? 0
                      : (uint64_t)(bytes - 8) | (uint64_t)template_id << 16 |
                            (uint64_t)TT_SCHEMA_ID << 32 | (uint64_t)TT_SCHEMA_VERSION << 48;
}

static inline int tt_spsc_claim_slots_(tt_spsc *r, uint64_t pos, uint64_t n, void **slot)
{
    if (!tt_spsc_has_room_(r, pos, n) && tt_spsc_room_(r, pos, n) != TT_OK) {
        tt_bump64(&r->page->full_count, 1);
        return TT_E_FULL;
    }
    r->claimed = n;
    r->claim_clear_to = r->clear_to;
    r->clear_to = pos; /* the fast path of a push stops here, and finds the claim */
    *slot = tt_spsc_commit_word_(r, pos);
    return TT_OK;
}

/* 1 when a claim may begin. */
static inline int tt_spsc_may_claim_(tt_spsc *r)
{
    if (r->flags & TT_SPSC_OVERWRITE)
        return 0;
    return (r->producing || tt_spsc_claim_producer(r) == TT_OK) && r->claimed == 0;
}

/* Claim one record's bytes. TT_OK, TT_E_FULL, TT_E_LENGTH, or TT_E_STATE (lossy, another producer,
 * a claim is open). */
static inline int tt_spsc_try_claim(tt_spsc *r, uint64_t bytes, void **slot)
{
    if (bytes != TT_SLOT_BYTES && bytes != TT_RECORD_BYTES_MAX)
        return TT_E_LENGTH;
    if (!tt_spsc_may_claim_(r))
        return TT_E_STATE;
    const uint64_t pos = tt_load_relaxed64(&r->page->write_pos);
    return tt_spsc_claim_slots_(r, pos, bytes / TT_SLOT_BYTES, slot);
}

/* Claim up to n slots that lie one behind another, fewer before the end of the ring or when less is
 * free; *got says how many. TT_OK, TT_E_FULL, TT_E_RANGE (n is 0), TT_E_STATE. */
static inline int tt_spsc_try_claim_n(tt_spsc *r, uint64_t n, void **slot, uint64_t *got)
{
    if (n == 0)
        return TT_E_RANGE;
    if (!tt_spsc_may_claim_(r))
        return TT_E_STATE;
    const uint64_t pos = tt_load_relaxed64(&r->page->write_pos);
    const uint64_t to_end = r->mask + 1 - (pos & r->mask);
    /* Pairs with the release store of the consumer: it has finished reading the slots before. */
    const uint64_t free_slots = r->mask - (pos - tt_load_acquire64(&r->page->read_pos));
    n = n < to_end ? n : to_end;
    n = n < free_slots || free_slots == 0 ? n : free_slots;
    *got = n;
    return tt_spsc_claim_slots_(r, pos, n, slot);
}

/* Give a claim back, with the words behind the first `keep` slots zero again. */
static inline void tt_spsc_end_claim_(tt_spsc *r, uint64_t pos, uint64_t keep)
{
    for (uint64_t i = keep > 0 ? keep : 1; i < r->claimed; i++)
        tt_store_relaxed64(tt_spsc_commit_word_(r, pos + i), 0);
    r->clear_to = r->claim_clear_to;
    r->claimed = 0;
}

/* Nothing of the claim becomes visible. TT_OK or TT_E_STATE (no claim is open). */
static inline int tt_spsc_abort(tt_spsc *r)
{
    if (r->claimed == 0)
        return TT_E_STATE;
    tt_spsc_end_claim_(r, tt_load_relaxed64(&r->page->write_pos), 0);
    return TT_OK;
}

/* Make the records in the claim visible together: the slots they take, TT_E_STATE (no claim is
 * open), or TT_E_LENGTH when a header is none or its record is cut; then the claim stays open. */
static inline int64_t tt_spsc_commit(tt_spsc *r, uint64_t header)
{
    if (r->claimed == 0)
        return TT_E_STATE;
    tt_spsc_page *page = r->page;
    const uint64_t pos = tt_load_relaxed64(&page->write_pos);
    const uint64_t skew = tt_load_relaxed64(&page->write_skew);
    uint64_t word = header, done = 0, wide = 0;
    do {
        const uint64_t n = tt_spsc_slots_of_(word);
        if (n == 0 || n > r->claimed - done)
            return TT_E_LENGTH;
        uint8_t *slot = (uint8_t *)tt_spsc_commit_word_(r, pos + done);
        const uint64_t number = pos + done + 1 - skew - wide;
        if (r->flags & TT_SPSC_STAMP)
            tt_copy_in(slot + 8, &number, sizeof number);
        done += n;
        wide += n - 1;
        word = done < r->claimed ? tt_load_relaxed64(tt_spsc_commit_word_(r, pos + done)) : 0;
    } while (word != 0);
    tt_spsc_end_claim_(r, pos, done);
    /* All of them at once; pairs with the acquire load in tt_spsc_peek. */
    tt_store_release64(tt_spsc_commit_word_(r, pos), header);
    tt_store_relaxed64(&page->write_skew, skew + wide);
    tt_spsc_advance_(page, pos + done);
    return (int64_t)done;
}

/* The same for records of one header that fill the claim from its start. */
static inline int64_t tt_spsc_commit_same(tt_spsc *r, uint64_t header, uint64_t records)
{
    const uint64_t n = tt_spsc_slots_of_(header);
    const uint64_t pos = tt_load_relaxed64(&r->page->write_pos);
    if (n == 0 || records == 0 || n * records > r->claimed)
        return r->claimed == 0 ? TT_E_STATE : TT_E_LENGTH;
    for (uint64_t i = 1; i < records; i++) /* hidden behind the first */
        tt_store_relaxed64(tt_spsc_commit_word_(r, pos + i * n), header);
    return tt_spsc_commit(r, header);
}

#endif
