/* The journal tap: every record in and every record out passes here once, gets its ring_seq, and is
 * counted, digested, journaled and, where its template is in the mask, captured for results or
 * comparison.
 *
 * Owner: the engine's thread. The owner of the memory keeps room ahead (tt_tap_room), so that a
 * write never fails on the hot path.
 */
#ifndef TECTRA_TAP_H
#define TECTRA_TAP_H

#include "base.h"
#include "digest.h"
#include "journal.h"
#include "msg.h"

_Static_assert(TT_T_END <= 64, "capture_mask has one bit a template");

typedef struct {
    uint64_t ring_seq;   /* the last number given */
    tt_segment *journal; /* NULL: not journaled */
    uint8_t *capture;    /* slots, NULL: none */
    uint64_t capture_used, capture_room;
    uint64_t capture_mask; /* bit = template id */
    uint64_t records[4];   /* by TT_DIR_* */
    tt_digest inputs, outputs;
} tt_tap;

#define TT_TAP_BIT(template_id) (1ull << (template_id))

static inline void tt_tap_init(tt_tap *tap)
{
    memset(tap, 0, sizeof(*tap));
    tt_digest_init(&tap->inputs);
    tt_digest_init(&tap->outputs);
}

/* Slots that can be written before the owner must make room: the smaller of journal and capture. */
static inline uint64_t tt_tap_room(const tt_tap *tap)
{
    uint64_t room = UINT64_MAX;
    if (tap->journal != NULL)
        room = tt_journal_room(tap->journal);
    if (tap->capture != NULL && tap->capture_room - tap->capture_used < room)
        room = tap->capture_room - tap->capture_used;
    return room;
}

/* The same before an input received at `ts_recv_ns`: none in the segment of another day. */
static inline uint64_t tt_tap_room_at(const tt_tap *tap, int64_t ts_recv_ns)
{
    if (tap->journal != NULL)
        tt_journal_see_day(tap->journal, ts_recv_ns);
    return tt_tap_room(tap);
}

/* Number, digest, journal and capture one record in the caller's memory. */
static inline int tt_tap_write(tt_tap *tap, void *rec)
{
    tt_head *head = (tt_head *)rec;
    const uint32_t bytes = tt_rec_bytes(rec);
    const uint8_t dir = tt_template_dir[head->template_id];
    TT_ASSERT(head->template_id < TT_T_END && (bytes == 64 || bytes == 128));
    head->ring_seq = ++tap->ring_seq;
    tap->records[dir]++;
    if (dir == TT_DIR_INPUT)
        tt_digest_add(&tap->inputs, rec);
    else if (dir == TT_DIR_OUTPUT)
        tt_digest_add(&tap->outputs, rec);
    if (tap->capture != NULL && (tap->capture_mask >> head->template_id & 1)) {
        if (TT_UNLIKELY(tap->capture_used + bytes / TT_SLOT_BYTES > tap->capture_room))
            return TT_E_FULL;
        memcpy(tap->capture + tap->capture_used * TT_SLOT_BYTES, rec, bytes);
        tap->capture_used += bytes / TT_SLOT_BYTES;
    }
    return tap->journal == NULL ? TT_OK : tt_journal_append(tap->journal, rec);
}

#endif
