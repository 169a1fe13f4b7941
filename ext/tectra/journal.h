/* Journal segment: a preallocated, mapped file to which records are appended without a system call.
 *
 *   segment file    0                4096                        slots_offset
 *                   +----------------+---------------------------+---------------------------+
 *                   | header page    | crc32c u32[capacity]      | slots 64 B * capacity     |
 *                   +----------------+---------------------------+---------------------------+
 *   slots_offset = 4096 + 4 * capacity rounded up to 4096. A closed file ends behind its last slot.
 *
 *   header page     0    magic (8)  "TTJRNL\r\n"
 *   (little-endian) 8    layout_version u16 | schema_id u16 | schema_version u16 | slot_bytes u16
 *                   16   segment_id u32 | capacity u32 (slots)
 *                   24   epoch u64                 tells runs apart
 *                   32   base_ring_seq u64         last ring_seq before this segment, 0: none
 *                   40   run_seed u64
 *                   48   clock_domain u8 | reserved (11)
 *                   60   identity_crc u32          of bytes 0..59; written once, at creation
 *                   64   published u64             slots a reader may read: n | ~n << 32; live
 *                   72   reserved (56)
 *                   128  closed u32 | used u32     from here zero until the segment is closed
 *                   136  records u64 | first_ring_seq u64 | last_ring_seq u64
 *                   160  first_ts_recv_ns i64 | last_ts_recv_ns i64
 *                   176  digest u64[2]             tt_digest_value over all slots
 *                   192  merkle_root (32)          SHA-256 tree over the slots; zero: none
 *                   224  chain (32)                head of the chain of segments; zero: none
 *                   256  reserved
 *                   4092 page_crc u32              of bytes 0..4091; zero until closed
 *
 * The checksum of a slot is seeded with epoch, segment and slot index, so a block that is right in
 * itself but lies in the wrong place, segment or run does not pass. In one run each slot of the
 * first 2^32 has its own seed, and CRC32C maps different seeds to different sums of equal data.
 *
 * Order of an append: slot, checksum, then `published` with release. A reader that acquires
 * `published` sees whole records only. The file's pages belong to the kernel once written, so a
 * SIGKILL loses nothing that was appended; power loss may take the tail that was not yet synced.
 *
 * One writer (owner thread of the tt_segment), any number of readers. No allocation, no syscall.
 */
#ifndef TECTRA_JOURNAL_H
#define TECTRA_JOURNAL_H

#include <string.h>

#include "atomic.h"
#include "base.h"
#include "crc32c.h"
#include "digest.h"
#include "msg.h"

#define TT_JOURNAL_LAYOUT 1
#define TT_JOURNAL_PAGE 4096
#define TT_JOURNAL_MAGIC "TTJRNL\r\n"
/* More would not fit `published`, and a segment of 64 GiB is no unit to verify or ship. */
#define TT_JOURNAL_CAPACITY_MAX (1u << 30)

/* Slots summed at a time when reading: 6 KiB, three lanes. */
#define TT_JOURNAL_SCAN 96u

enum { TT_CLOCK_NONE = 0, TT_CLOCK_REALTIME = 1, TT_CLOCK_SIMULATED = 2, TT_CLOCK_JOURNAL = 3 };

typedef struct {
    char magic[8];
    uint16_t layout_version, schema_id, schema_version, slot_bytes;
    uint32_t segment_id, capacity;
    uint64_t epoch, base_ring_seq, run_seed;
    uint8_t clock_domain, reserved0[11];
    uint32_t identity_crc;
    tt_atomic_u64 published;
    uint8_t reserved1[56];
    uint32_t closed, used;
    uint64_t records, first_ring_seq, last_ring_seq;
    int64_t first_ts_recv_ns, last_ts_recv_ns;
    uint64_t digest[2];
    uint8_t merkle_root[32], chain[32];
    uint8_t reserved2[3836];
    uint32_t page_crc;
} tt_journal_head;
_Static_assert(sizeof(tt_journal_head) == TT_JOURNAL_PAGE, "tt_journal_head: size");
_Static_assert(offsetof(tt_journal_head, segment_id) == 16, "tt_journal_head.segment_id");
_Static_assert(offsetof(tt_journal_head, epoch) == 24, "tt_journal_head.epoch");
_Static_assert(offsetof(tt_journal_head, clock_domain) == 48, "tt_journal_head.clock_domain");
_Static_assert(offsetof(tt_journal_head, identity_crc) == 60, "tt_journal_head.identity_crc");
_Static_assert(offsetof(tt_journal_head, published) == 64, "tt_journal_head.published");
_Static_assert(offsetof(tt_journal_head, closed) == 128, "tt_journal_head.closed");
_Static_assert(offsetof(tt_journal_head, records) == 136, "tt_journal_head.records");
_Static_assert(offsetof(tt_journal_head, first_ts_recv_ns) == 160, "tt_journal_head.first_ts");
_Static_assert(offsetof(tt_journal_head, digest) == 176, "tt_journal_head.digest");
_Static_assert(offsetof(tt_journal_head, merkle_root) == 192, "tt_journal_head.merkle_root");
_Static_assert(offsetof(tt_journal_head, chain) == 224, "tt_journal_head.chain");
_Static_assert(offsetof(tt_journal_head, page_crc) == 4092, "tt_journal_head.page_crc");

/* The writer's hands on the open segment. Private memory; the file is behind `head`. */
typedef struct {
    uint8_t *slots;
    uint32_t *crc;
    tt_journal_head *head;       /* NULL: closed, every append says TT_E_CLOSED */
    tt_atomic_u64 last_ring_seq; /* read by the thread that syncs */
    uint64_t records;
    int64_t day_end_ns; /* the segment's UTC day is over from this ts_recv_ns on; 0: not known */
    uint32_t used, capacity;
    uint32_t seed;
    tt_atomic_u32 roll; /* the owner is asked for a new segment: by a thread, by the day */
    uint32_t daily;     /* a segment ends with the UTC day of its first record */
} tt_segment;

/* ---- places and seeds ---- */

static inline uint64_t tt_journal_slots_offset(uint32_t capacity)
{
    return TT_JOURNAL_PAGE
           + ((uint64_t)capacity * 4 + TT_JOURNAL_PAGE - 1) / TT_JOURNAL_PAGE * TT_JOURNAL_PAGE;
}

static inline uint64_t tt_journal_file_bytes(uint32_t capacity)
{
    return tt_journal_slots_offset(capacity) + (uint64_t)capacity * TT_SLOT_BYTES;
}

/* Seed of slot 0; slot i has this plus i. */
static inline uint32_t tt_journal_seed(uint64_t epoch, uint32_t segment_id, uint32_t capacity)
{
    return tt_crc32c(0, &epoch, sizeof(epoch)) + segment_id * capacity;
}

static inline uint32_t tt_journal_slot_crc(uint32_t seed, uint32_t index, const void *slot)
{
    return tt_crc32c_64(seed + index, slot);
}

/* ---- writing ---- */

/* Write the header of a new segment into its zeroed, mapped file and take it over. `capacity` is
 * at least 2, else TT_E_RANGE. The caller fills the identity fields it knows in `want`:
 * segment_id, capacity, epoch, base_ring_seq, run_seed, clock_domain. */
static inline int tt_segment_create(tt_segment *seg, void *file, const tt_journal_head *want)
{
    tt_journal_head *head = (tt_journal_head *)file;
    if (want->capacity < 2 || want->capacity > TT_JOURNAL_CAPACITY_MAX || want->segment_id == 0)
        return TT_E_RANGE;
    memcpy(head->magic, TT_JOURNAL_MAGIC, sizeof(head->magic));
    head->layout_version = TT_JOURNAL_LAYOUT;
    head->schema_id = TT_SCHEMA_ID;
    head->schema_version = TT_SCHEMA_VERSION;
    head->slot_bytes = TT_SLOT_BYTES;
    head->segment_id = want->segment_id;
    head->capacity = want->capacity;
    head->epoch = want->epoch;
    head->base_ring_seq = want->base_ring_seq;
    head->run_seed = want->run_seed;
    head->clock_domain = want->clock_domain;
    head->identity_crc = tt_crc32c(0, head, offsetof(tt_journal_head, identity_crc));
    tt_store_relaxed64(&head->published, (uint64_t)UINT32_MAX << 32);
    seg->head = head;
    seg->crc = (uint32_t *)((uint8_t *)file + TT_JOURNAL_PAGE);
    seg->slots = (uint8_t *)file + tt_journal_slots_offset(want->capacity);
    tt_store_relaxed64(&seg->last_ring_seq, want->base_ring_seq);
    tt_store_relaxed32(&seg->roll, 0);
    seg->records = 0;
    seg->day_end_ns = 0;
    seg->used = 0;
    seg->capacity = want->capacity;
    seg->seed = tt_journal_seed(want->epoch, want->segment_id, want->capacity);
    return TT_OK;
}

/* Go on in another segment, made by tt_segment_create behind what this one holds. */
static inline void tt_segment_move(tt_segment *seg, const tt_segment *fresh)
{
    TT_ASSERT(tt_load_relaxed64(&seg->last_ring_seq) == tt_load_relaxed64(&fresh->last_ring_seq));
    seg->head = fresh->head;
    seg->crc = fresh->crc;
    seg->slots = fresh->slots;
    seg->records = 0;
    seg->day_end_ns = 0;
    seg->used = 0;
    seg->capacity = fresh->capacity;
    seg->seed = fresh->seed;
    tt_store_relaxed32(&seg->roll, 0);
}

/* Slots that the owner may fill before it begins a new segment. */
static inline uint32_t tt_journal_room(const tt_segment *seg)
{
    return TT_UNLIKELY(tt_load_relaxed32(&seg->roll) != 0) ? 0 : seg->capacity - seg->used;
}

/* Take the segment from the writer's hands: later appends say TT_E_CLOSED. */
static inline void tt_segment_detach(tt_segment *seg)
{
    seg->head = NULL;
    seg->capacity = seg->used = 0;
}

/* Append one record of 64 or 128 bytes. TT_E_FULL: rotate, then append again (a 128-byte record
 * never straddles segments); TT_E_LENGTH: its header gives another size. Neither writes. */
static inline int tt_journal_append(tt_segment *seg, const void *rec)
{
    const tt_head *head = (const tt_head *)rec;
    const uint32_t bytes = tt_rec_bytes(rec);
    const uint32_t i = seg->used, take = bytes / TT_SLOT_BYTES;
    if (TT_UNLIKELY(bytes != TT_SLOT_BYTES && bytes != TT_RECORD_BYTES_MAX))
        return TT_E_LENGTH;
    if (TT_UNLIKELY(take > seg->capacity - i))
        return seg->head == NULL ? TT_E_CLOSED : TT_E_FULL;
    TT_ASSERT(head->ring_seq > tt_load_relaxed64(&seg->last_ring_seq));
    uint8_t *slot = seg->slots + (uint64_t)i * TT_SLOT_BYTES;
    memcpy(slot, rec, TT_SLOT_BYTES);
    seg->crc[i] = tt_journal_slot_crc(seg->seed, i, rec);
    if (take == 2) {
        const uint8_t *second = (const uint8_t *)rec + TT_SLOT_BYTES;
        memcpy(slot + TT_SLOT_BYTES, second, TT_SLOT_BYTES);
        seg->crc[i + 1] = tt_journal_slot_crc(seg->seed, i + 1, second);
    }
    seg->used = i + take;
    seg->records++;
    /* Pairs with the acquire in tt_sync_turn: what it reads here lies in the file by then. */
    tt_store_release64(&seg->last_ring_seq, head->ring_seq);
    /* Pairs with the acquire in tt_journal_published: slots and sums are there before the count. */
    tt_store_release64(&seg->head->published, seg->used | (uint64_t)~seg->used << 32);
    return TT_OK;
}

/* Ask for a new segment (`roll`) where the UTC day of this one's first record has ended at
 * `ts_recv_ns`. The first call of a segment sets the day. Writers ask before what they append; the
 * append itself does not. */
static inline void tt_journal_see_day(tt_segment *seg, int64_t ts_recv_ns)
{
    const int64_t day_ns = 86400ll * 1000000000;
    if (TT_LIKELY(!seg->daily))
        return;
    if (seg->day_end_ns == 0) {
        const int64_t day = ts_recv_ns / day_ns - (ts_recv_ns % day_ns < 0);
        seg->day_end_ns = day > INT64_MAX / day_ns - 2 ? INT64_MAX : (day + 1) * day_ns;
    } else if (TT_UNLIKELY(ts_recv_ns >= seg->day_end_ns)) {
        tt_store_relaxed32(&seg->roll, 1);
    }
}

/* ---- reading ---- */

/* Slots that may be read now; -1 when the word is damaged. */
static inline int64_t tt_journal_published(const tt_journal_head *head)
{
    /* Pairs with the release in tt_journal_append. */
    const uint64_t word = tt_load_acquire64(&head->published);
    const uint32_t n = (uint32_t)word;
    return (uint32_t)(word >> 32) == ~n && n <= head->capacity ? (int64_t)n : -1;
}

/* Is this a header page of ours? TT_E_CORRUPT: wrong magic or damaged identity; TT_E_TYPE: another
 * layout or schema; TT_E_RANGE: impossible capacity. */
static inline int tt_journal_head_check(const tt_journal_head *head)
{
    if (memcmp(head->magic, TT_JOURNAL_MAGIC, sizeof(head->magic)) != 0)
        return TT_E_CORRUPT;
    if (head->identity_crc != tt_crc32c(0, head, offsetof(tt_journal_head, identity_crc)))
        return TT_E_CORRUPT;
    if (head->layout_version != TT_JOURNAL_LAYOUT || head->slot_bytes != TT_SLOT_BYTES
        || head->schema_id != TT_SCHEMA_ID || head->schema_version > TT_SCHEMA_VERSION)
        return TT_E_TYPE;
    if (head->capacity < 2 || head->capacity > TT_JOURNAL_CAPACITY_MAX || head->segment_id == 0)
        return TT_E_RANGE;
    return TT_OK;
}

/* State of a page that passed tt_journal_head_check: 1 closed, 0 open, TT_E_CORRUPT when it is
 * neither (what must be zero is not, or a sum is wrong). */
static inline int tt_journal_head_state(const tt_journal_head *head)
{
    const uint8_t *page = (const uint8_t *)head;
    uint8_t any = 0;
    for (int i = 72; i < 128; i++)
        any |= page[i];
    if (any)
        return TT_E_CORRUPT;
    if (head->closed == 1)
        return head->page_crc == tt_crc32c(0, head, offsetof(tt_journal_head, page_crc))
                       && head->used <= head->capacity && tt_journal_published(head) == head->used
                   ? 1
                   : TT_E_CORRUPT;
    for (int i = 128; i < TT_JOURNAL_PAGE; i++)
        any |= page[i];
    return any ? TT_E_CORRUPT : 0;
}

/* Bytes of the record whose head is `slot`; 0 when no record of ours starts like this. */
static inline uint32_t tt_journal_record_bytes(const void *slot)
{
    const tt_head *head = (const tt_head *)slot;
    const uint32_t bytes = tt_rec_bytes(slot);
    const int known = head->schema_id == TT_SCHEMA_ID && head->template_id < TT_T_END
                      && tt_template_bytes[head->template_id] == bytes;
    return known ? bytes : 0;
}

/* Index of the first of slots [from, to) whose sum is wrong; `to` when all are right. */
static inline uint32_t tt_journal_crc_scan(const void *slots, const uint32_t *crc, uint32_t from,
                                           uint32_t to, uint32_t seed)
{
    uint32_t sums[TT_JOURNAL_SCAN];
    while (from < to) {
        const uint32_t n = to - from < TT_JOURNAL_SCAN ? to - from : TT_JOURNAL_SCAN;
        const uint8_t *slot = (const uint8_t *)slots + (uint64_t)from * TT_SLOT_BYTES;
        tt_crc32c_slots(seed + from, slot, n, sums);
        if (TT_UNLIKELY(memcmp(sums, crc + from, n * sizeof(*sums)) != 0))
            for (uint32_t i = 0; i < n; i++)
                if (sums[i] != crc[from + i])
                    return from + i;
        from += n;
    }
    return to;
}

/* Starts of the records among n slots that passed their sums: starts[k] (room for n). Stops before
 * a record that is cut or malformed; *end is then less than n. Returns how many records. */
static inline uint32_t tt_journal_walk(const void *slots, uint32_t n, uint32_t *starts,
                                       uint32_t *end)
{
    uint32_t i = 0, k = 0;
    while (i < n) {
        const uint32_t bytes
            = tt_journal_record_bytes((const uint8_t *)slots + (uint64_t)i * TT_SLOT_BYTES);
        const uint32_t take = bytes / TT_SLOT_BYTES;
        if (take == 0 || take > n - i)
            break;
        starts[k++] = i;
        i += take;
    }
    *end = i;
    return k;
}

/* The page that closes the segment: a copy of the header with the closing block filled in. Reads
 * every slot once for the digest. `page` has TT_JOURNAL_PAGE bytes, 8-byte aligned. */
static inline void tt_segment_closing_page(const tt_segment *seg, void *page)
{
    tt_journal_head *head = (tt_journal_head *)page;
    tt_digest digest;
    memcpy(head, seg->head, TT_JOURNAL_PAGE);
    tt_digest_init(&digest);
    tt_digest_slots(&digest, seg->slots, seg->used);
    tt_digest_value(&digest, head->digest);
    const uint64_t last_seq = tt_load_relaxed64(&seg->last_ring_seq);
    head->closed = 1;
    head->used = seg->used;
    head->records = seg->records;
    if (seg->records > 0) {
        const tt_head *first = (const tt_head *)seg->slots;
        const uint8_t *tail = seg->slots + (uint64_t)seg->used * TT_SLOT_BYTES;
        const tt_head *last = (const tt_head *)(tail - TT_SLOT_BYTES);
        const tt_head *before = (const tt_head *)(tail - TT_RECORD_BYTES_MAX);
        /* The last record starts one or two slots back; only there the sequence number is ours. */
        if (seg->used >= 2 && before->ring_seq == last_seq
            && tt_rec_bytes(before) == TT_RECORD_BYTES_MAX)
            last = before;
        head->first_ring_seq = first->ring_seq;
        head->last_ring_seq = last_seq;
        head->first_ts_recv_ns = first->ts_recv_ns;
        head->last_ts_recv_ns = last->ts_recv_ns;
    }
    head->page_crc = tt_crc32c(0, head, offsetof(tt_journal_head, page_crc));
}

/* Put the root of the segment's tree and the head of the chain, 32 bytes each, into a page that
 * tt_segment_closing_page made. */
static inline void tt_segment_seal_page(void *page, const uint8_t *root, const uint8_t *chain)
{
    tt_journal_head *head = (tt_journal_head *)page;
    TT_ASSERT(head->closed == 1);
    memcpy(head->merkle_root, root, sizeof(head->merkle_root));
    memcpy(head->chain, chain, sizeof(head->chain));
    head->page_crc = tt_crc32c(0, head, offsetof(tt_journal_head, page_crc));
}

#endif
