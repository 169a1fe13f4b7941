/* Broadcast ring of records, in shared or private memory: one writer, any number of readers, each
 * with its own cursor. The writer never waits and never fails for want of room; a reader that is
 * lapped is told exactly which records it lost, as a `gap` record in its own stream.
 *
 * Layout, sides and handles: bcast_page.h. One thread writes; each reader handle has one thread;
 * anyone may read the counters.
 *
 *   tt_bcast_publish(r, rec, tag)      one record, TT_OK | TT_E_LENGTH | TT_E_RANGE | TT_E_STATE
 *   tt_bcast_publish_n(...)            whole records, a chunk of them visible at once
 *   tt_bcast_claim / _commit / _abort  build records in the handle's own memory, then publish
 *   tt_bcast_join / _part              become a reader, and stop being one: bcast_join.h
 *   tt_bcast_try_read(rd, out)         copy the next wanted record, or the gap before it, out
 *   tt_bcast_read_n(rd, out, n, batch) as many as fit, with the end of the batch
 *
 * Tags: a reader sees the records whose tag has a bit in common with its mask, and every gap. A gap
 * of first..last means: these numbers were overwritten before this reader looked at them, whatever
 * their tags were; records outside of gaps were either handed out or carry no wanted tag.
 *
 * Every word of a slot is an atomic of its own, so copying while the writer writes is defined;
 * ordering comes from the words (release here, acquire there), not from fences, which
 * ThreadSanitizer does not know. On x86 these are plain moves. Since a slow reader may still be
 * copying a slot when the writer comes round, nobody gets a slot to write into by other means.
 */
#ifndef TECTRA_BCAST_H
#define TECTRA_BCAST_H

#include "bcast_page.h"

/* Words of a slot that are copied: every one. An explorer of interleavings may take larger steps.
 */
#ifndef TT_BCAST_WORD_STEP
#define TT_BCAST_WORD_STEP 1u
#endif

/* What a batch read found. */
typedef struct {
    uint32_t slots, records, gaps; /* filled; records handed out; gap records among the slots */
    uint32_t end_of_batch;         /* 1: nothing more was published when it was looked at */
} tt_bcast_batch;

static inline tt_atomic_u64 *tt_bcast_slot_(uint8_t *slots, uint64_t index)
{
    return (tt_atomic_u64 *)(void *)(slots + index * TT_SLOT_BYTES);
}

static inline uint64_t tt_bcast_word_(const void *rec, uint64_t i)
{
    uint64_t word;
    memcpy(&word, (const uint8_t *)rec + i * 8, sizeof(word));
    return word;
}

/* -- writer */

/* Everything of a record but its stamp, which is void from before the first word changes: whoever
 * reads a new word also sees that. */
static inline void tt_bcast_fill_(tt_bcast *r, uint64_t pos, const void *rec, uint64_t n,
                                  uint64_t number, uint64_t tag)
{
    const uint64_t index = pos & r->mask;
    tt_atomic_u64 *slot = tt_bcast_slot_(r->slots, index);
    tt_store_relaxed64(&r->control[index].stamp, 0);
    if (TT_UNLIKELY(n == 2))
        tt_store_relaxed64(&r->control[(index + 1) & r->mask].stamp, 0);
    /* Word by word from the source: wide loads of words just stored would wait for each other. */
    const uint64_t second = (r->flags & TT_BCAST_STAMP) ? number : tt_bcast_word_(rec, 1);
    for (uint64_t i = 0; i < TT_SLOT_BYTES / 8; i += TT_BCAST_WORD_STEP)
        /* Pairs with the acquire loads in tt_bcast_copy_. */
        tt_store_release64(slot + i, i == 1 ? second : tt_bcast_word_(rec, i));
    if (TT_UNLIKELY(n == 2))
        for (uint64_t i = TT_SLOT_BYTES / 8; i < TT_RECORD_BYTES_MAX / 8; i += TT_BCAST_WORD_STEP)
            tt_store_release64(slot + i, tt_bcast_word_(rec, i));
    /* Pairs with the acquire load in tt_bcast_step_. */
    tt_store_release64(&r->control[index].tag, tag);
}

/* Say how far writing may go, before anything changes. Every release store behind it carries it to
 * a reader. It never falls: a writer that died may have announced more than its successor writes
 * first. */
static inline void tt_bcast_intend_(tt_bcast *r, uint64_t end)
{
    if ((int64_t)(end - tt_load_relaxed64(&r->page->intent_pos)) > 0)
        tt_store_relaxed64(&r->page->intent_pos, end);
}

static inline void tt_bcast_stamp_(tt_bcast *r, uint64_t pos, uint64_t n, uint64_t number)
{
    /* Pairs with the acquire loads in tt_bcast_step_ and of the searches. */
    tt_store_release64(&r->control[pos & r->mask].stamp, number << 1 | (n - 1));
}

static inline void tt_bcast_count_(tt_bcast *r, uint64_t pos, uint64_t number)
{
    /* Pairs with the acquire loads of readers that were lapped, and of observers. */
    tt_store_release64(&r->page->write_pos, pos);
    tt_store_release64(&r->page->published, number);
}

/* Publish one record under a tag that is not 0. TT_OK, TT_E_LENGTH (no record), TT_E_RANGE (tag 0
 * reaches nobody), or TT_E_STATE (another live writer). */
static inline int tt_bcast_publish(tt_bcast *r, const void *rec, uint64_t tag)
{
    const uint64_t n = tt_bcast_slots_of_(tt_bcast_word_(rec, 0));
    if (TT_UNLIKELY(n == 0 || tag == 0))
        return n == 0 ? TT_E_LENGTH : TT_E_RANGE;
    if (TT_UNLIKELY(!r->writing) && tt_bcast_claim_writer(r) != TT_OK)
        return TT_E_STATE;
    const uint64_t pos = tt_load_relaxed64(&r->page->write_pos);
    const uint64_t number = tt_load_relaxed64(&r->page->published) + 1;
    tt_bcast_intend_(r, pos + n);
    tt_bcast_fill_(r, pos, rec, n, number, tag);
    tt_bcast_stamp_(r, pos, n, number);
    tt_bcast_count_(r, pos + n, number);
    return TT_OK;
}

/* Records in n_slots contiguous slots, or TT_E_LENGTH (a header that is none, or a record that is
 * cut), TT_E_RANGE (a tag 0). */
static inline int64_t tt_bcast_count_records_(const uint8_t *in, uint64_t n_slots,
                                              const uint64_t *tags, uint64_t tag)
{
    uint64_t at = 0, records = 0;
    while (at < n_slots) {
        const uint64_t n = tt_bcast_slots_of_(tt_bcast_word_(in + at * TT_SLOT_BYTES, 0));
        if (n == 0 || at + n > n_slots)
            return TT_E_LENGTH;
        if ((tags != NULL ? tags[records] : tag) == 0)
            return TT_E_RANGE;
        at += n;
        records++;
    }
    return (int64_t)records;
}

/* As many whole records of the input as a quarter of the ring holds, visible at once: the first
 * stamp comes last, and no reader passes it. Slots taken. */
static inline uint64_t tt_bcast_put_chunk_(tt_bcast *r, const uint8_t *in, uint64_t n_slots,
                                           const uint64_t *tags, uint64_t tag, uint64_t *records)
{
    const uint64_t start = tt_load_relaxed64(&r->page->write_pos);
    const uint64_t first = tt_load_relaxed64(&r->page->published) + 1;
    const uint64_t quarter = (r->mask + 1) / 4;
    const uint64_t most = n_slots < quarter ? n_slots : quarter;
    uint64_t done = 0, number = first, first_slots = 0;
    tt_bcast_intend_(r, start + most);
    while (done < most) {
        const uint8_t *rec = in + done * TT_SLOT_BYTES;
        const uint64_t n = tt_bcast_slots_of_(tt_bcast_word_(rec, 0));
        if (done + n > most)
            break;
        tt_bcast_fill_(r, start + done, rec, n, number, tags != NULL ? tags[number - first] : tag);
        if (done == 0)
            first_slots = n;
        else
            tt_bcast_stamp_(r, start + done, n, number);
        done += n;
        number++;
    }
    TT_ASSERT(first_slots != 0);
    tt_bcast_stamp_(r, start, first_slots, first);
    tt_bcast_count_(r, start + done, number - 1);
    *records = number - first;
    return done;
}

/* Publish whole records out of n_slots contiguous slots, all under `tag`, or each under its own
 * when `tags` is not NULL. The records published, all of them; or, with nothing published,
 * TT_E_LENGTH, TT_E_RANGE, TT_E_STATE. A reader sees a chunk of up to a quarter of the ring at
 * once. */
static inline int64_t tt_bcast_publish_n(tt_bcast *r, const void *slots, uint64_t n_slots,
                                         const uint64_t *tags, uint64_t tag)
{
    const uint8_t *in = (const uint8_t *)slots;
    const int64_t records = tt_bcast_count_records_(in, n_slots, tags, tag);
    if (records <= 0)
        return records;
    if (TT_UNLIKELY(!r->writing) && tt_bcast_claim_writer(r) != TT_OK)
        return TT_E_STATE;
    for (uint64_t at = 0; at < n_slots;) {
        uint64_t taken = 0;
        at += tt_bcast_put_chunk_(r, in + at * TT_SLOT_BYTES, n_slots - at, tags, tag, &taken);
        tags = tags != NULL ? tags + taken : NULL;
    }
    return records;
}

/* Memory for n_slots slots of records (1 to 32), to be published together by the commit or given up
 * by the abort. NULL: out of range, another claim is open, or another live writer. */
static inline uint8_t *tt_bcast_claim(tt_bcast *r, uint32_t n_slots)
{
    if (n_slots == 0 || n_slots > TT_BCAST_CLAIM_SLOTS || r->claimed != 0)
        return NULL;
    if (!r->writing && tt_bcast_claim_writer(r) != TT_OK)
        return NULL;
    r->claimed = n_slots;
    return r->claim;
}

/* Publish what the open claim holds: like tt_bcast_publish_n. The claim stays open when it is
 * refused. TT_E_STATE: none is open. */
static inline int64_t tt_bcast_commit(tt_bcast *r, const uint64_t *tags, uint64_t tag)
{
    if (r->claimed == 0)
        return TT_E_STATE;
    const int64_t records = tt_bcast_publish_n(r, r->claim, r->claimed, tags, tag);
    if (records > 0)
        r->claimed = 0;
    return records;
}

/* Give the open claim up; nobody sees it. */
static inline int tt_bcast_abort(tt_bcast *r)
{
    if (r->claimed == 0)
        return TT_E_STATE;
    r->claimed = 0;
    tt_bump64(&r->page->aborted, 1);
    return TT_OK;
}

/* -- readers */

/* The stamp of the record that starts at *pos or, when that is a second half, behind it; 0 when the
 * writer has come over it. Whoever reads the stamp of a later lap also sees the intent before it.
 */
static inline uint64_t tt_bcast_find_(const tt_bcast_page *page, const tt_bcast_control *control,
                                      uint64_t mask, uint64_t *pos)
{
    const uint64_t from = *pos;
    uint64_t stamp = tt_load_acquire64(&control[from & mask].stamp);
    if (stamp == 0) {
        *pos = from + 1;
        stamp = tt_load_acquire64(&control[*pos & mask].stamp);
    }
    return tt_load_acquire64(&page->intent_pos) - from <= mask + 1 ? stamp : 0;
}

static inline void tt_bcast_tell_(tt_bcast_reader *rd)
{
    tt_store_relaxed64(&rd->place->read, rd->read);
    tt_store_relaxed64(&rd->place->pos, rd->pos);
    tt_store_release64(&rd->place->next, rd->next); /* pairs with the acquire loads of observers */
}

static inline void tt_bcast_note_lag_(tt_bcast_reader *rd)
{
    /* Pairs with the release store in tt_bcast_count_. */
    const uint64_t lag = tt_load_acquire64(&rd->page->published) + 1 - rd->next;
    if ((int64_t)lag > (int64_t)tt_load_relaxed64(&rd->place->lag_high))
        tt_store_relaxed64(&rd->place->lag_high, lag);
}

/* Put the loss of next..number-1 into `out` with the times of the record that comes behind, so that
 * time does not run back. 0 when the writer came over that one too. */
static inline int tt_bcast_tell_gap_(tt_bcast_reader *rd, uint64_t at, uint64_t stamp, void *out)
{
    const tt_atomic_u64 *slot = tt_bcast_slot_(rd->slots, at & rd->ring_mask);
    const uint64_t last = (stamp >> 1) - 1;
    tt_gap gap;
    tt_rec_init(&gap, TT_T_GAP);
    gap.ring_seq = last;
    gap.ts_event_ns = (int64_t)tt_load_acquire64(slot + 2); /* pairs with tt_bcast_fill_ */
    gap.ts_recv_ns = (int64_t)tt_load_acquire64(slot + 3);
    gap.first_seq = rd->next;
    gap.last_seq = last;
    if (tt_load_relaxed64(&rd->control[at & rd->ring_mask].stamp) != stamp)
        return 0;
    memcpy(out, &gap, sizeof(gap));
    tt_bcast_note_lag_(rd);
    rd->lost += last - rd->next + 1;
    rd->gaps++;
    rd->pos = at;
    rd->next = last + 1;
    tt_store_relaxed64(&rd->place->lost, rd->lost);
    tt_store_relaxed64(&rd->place->gaps, rd->gaps);
    return 1;
}

/* The next record was not there. Slots of the gap put into `out`, 0: nothing is published, or
 * TT_E_GAP: look again. Half a ring behind the writer keeps half of what is left and gives time to
 * read it. */
TT_BCAST_COLD int tt_bcast_behind_(tt_bcast_reader *rd, void *out)
{
    for (int i = 0; i < TT_BCAST_TRIES_MAX; i++) {
        /* Pairs with the release store in tt_bcast_count_: what is below it was stamped. */
        const uint64_t end = tt_load_acquire64(&rd->page->write_pos);
        if ((int64_t)(end - rd->pos) <= 0)
            return 0;
        if (tt_load_acquire64(&rd->control[rd->pos & rd->ring_mask].stamp) >> 1 == rd->next)
            return TT_E_GAP;
        uint64_t at = end - (rd->ring_mask + 1) / 2;
        const uint64_t stamp = tt_bcast_find_(rd->page, rd->control, rd->ring_mask, &at);
        if (stamp >> 1 > rd->next && tt_bcast_tell_gap_(rd, at, stamp, out))
            return 1;
    }
    return 0;
}

static inline void tt_bcast_copy_(void *out, const tt_atomic_u64 *slot, uint64_t n)
{
    uint8_t *to = (uint8_t *)out;
    for (uint64_t i = 0; i < TT_SLOT_BYTES / 8; i += TT_BCAST_WORD_STEP) {
        const uint64_t word = tt_load_acquire64(slot + i); /* pairs with tt_bcast_fill_ */
        memcpy(to + i * 8, &word, sizeof(word));
    }
    if (TT_LIKELY(n == 1))
        return;
    for (uint64_t i = TT_SLOT_BYTES / 8; i < TT_RECORD_BYTES_MAX / 8; i += TT_BCAST_WORD_STEP) {
        const uint64_t word = tt_load_acquire64(slot + i);
        memcpy(to + i * 8, &word, sizeof(word));
    }
}

/* Pass records until one is wanted, and copy it out. Its slots, 0: nothing more, or TT_E_LENGTH: it
 * takes more than `room`. The caller tells the place. */
static inline int tt_bcast_step_(tt_bcast_reader *rd, void *out, uint64_t room)
{
    for (uint64_t i = 0; i <= rd->ring_mask + TT_BCAST_TRIES_MAX; i++) {
        const uint64_t index = rd->pos & rd->ring_mask;
        const tt_bcast_control *control = &rd->control[index];
        /* Pairs with the release store in tt_bcast_stamp_. */
        const uint64_t stamp = tt_load_acquire64(&control->stamp);
        /* A branch and not arithmetic: the next position then does not wait for the load. */
        const uint64_t n = TT_LIKELY(stamp == rd->next << 1) ? 1
                           : stamp == (rd->next << 1 | 1)    ? 2
                                                             : 0;
        /* Pairs with the release store in tt_bcast_fill_. */
        const uint64_t wanted = n != 0 ? tt_load_acquire64(&control->tag) & rd->mask : 0;
        if (TT_UNLIKELY(wanted != 0 && n > room))
            return TT_E_LENGTH;
        if (wanted != 0)
            tt_bcast_copy_(out, tt_bcast_slot_(rd->slots, index), n);
        /* Unchanged after the copy: all of it was of this record. */
        if (TT_LIKELY(n != 0 && tt_load_relaxed64(&control->stamp) == stamp)) {
            rd->next++;
            if (TT_LIKELY(n == 1))
                rd->pos += 1;
            else
                rd->pos += 2;
            if (wanted != 0) {
                rd->read++;
                return (int)n;
            }
            rd->skipped++;
            continue;
        }
        const int slots = tt_bcast_behind_(rd, out);
        if (slots != TT_E_GAP)
            return slots;
    }
    return 0;
}

/* Copy the next wanted record, or the gap before it, to `out` (128 bytes of room): its bytes, or
 * TT_E_EMPTY. */
static inline int tt_bcast_try_read(tt_bcast_reader *rd, void *out)
{
    const uint64_t from = rd->next, skipped = rd->skipped;
    const int n = tt_bcast_step_(rd, out, 2);
    if (rd->next != from)
        tt_bcast_tell_(rd);
    if (rd->skipped != skipped)
        tt_store_relaxed64(&rd->place->skipped, rd->skipped);
    if ((rd->next & 15) == 0) /* the writer's line is looked at now and then */
        tt_bcast_note_lag_(rd);
    return n > 0 ? n * (int)TT_SLOT_BYTES : TT_E_EMPTY;
}

/* Copy wanted records and gaps into max_slots slots at `out`. TT_OK, or TT_E_LENGTH when the first
 * one needs more room. Nothing waiting: TT_OK and no slots. */
static inline int tt_bcast_read_n(tt_bcast_reader *rd, void *out, uint64_t max_slots,
                                  tt_bcast_batch *batch)
{
    const uint64_t read = rd->read, gaps = rd->gaps;
    uint64_t done = 0;
    int n = 0;
    tt_bcast_note_lag_(rd);
    while (done < max_slots &&
           (n = tt_bcast_step_(rd, (uint8_t *)out + done * TT_SLOT_BYTES, max_slots - done)) > 0)
        done += (uint64_t)n;
    tt_bcast_tell_(rd);
    tt_store_relaxed64(&rd->place->skipped, rd->skipped);
    /* Pairs with the release stores in tt_bcast_stamp_ and, for a reader just lapped, in
     * tt_bcast_count_. */
    const uint64_t stamp = tt_load_acquire64(&rd->control[rd->pos & rd->ring_mask].stamp);
    const int more =
        stamp >> 1 == rd->next || (int64_t)(tt_load_acquire64(&rd->page->write_pos) - rd->pos) > 0;
    *batch = (tt_bcast_batch){.slots = (uint32_t)done,
                              .records = (uint32_t)(rd->read - read),
                              .gaps = (uint32_t)(rd->gaps - gaps),
                              .end_of_batch = !more};
    return n == TT_E_LENGTH && done == 0 ? TT_E_LENGTH : TT_OK;
}

#endif
