/* Every bit of a 64 KiB segment, flipped alone, through the C functions that reading is made of:
 * the header's check and state, the scan of the checksums, the walk over the records. A flipped bit
 * must make the header unreadable or damaged, or end the prefix before the record it hurts; what is
 * left of the prefix must be the bytes that were written. Then every size of the file.
 *
 * usage: journal_bits   (prints what was tried)
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <tectra/journal.h>

enum { CAPACITY = 896, IMAGE = 65536 };

static _Alignas(4096) uint8_t whole[IMAGE], file[IMAGE];
static uint32_t edges[CAPACITY + 1], records; /* slots before each record */

static void make(void)
{
    const tt_journal_head want = {.segment_id = 3, .capacity = CAPACITY, .epoch = 77};
    static _Alignas(8) uint8_t page[TT_JOURNAL_PAGE];
    uint64_t rec[16], seq = 1;
    tt_segment seg = {0};
    if (tt_journal_file_bytes(CAPACITY) != IMAGE || tt_segment_create(&seg, whole, &want) != TT_OK)
        exit(2);
    while (seg.used < CAPACITY) {
        const int wide = seq % 3 == 0 && CAPACITY - seg.used >= 2;
        tt_rec_init(rec, wide ? TT_T_ORDER_EVENT : TT_T_BOOK_ADD);
        rec[1] = seq;
        for (uint32_t i = 2; i < tt_rec_bytes(rec) / 8; i++)
            rec[i] = seq * 0x9e3779b97f4a7c15ull + i;
        edges[records++] = seg.used;
        if (tt_journal_append(&seg, rec) != TT_OK)
            exit(2);
        seq++;
    }
    edges[records] = CAPACITY;
    tt_segment_closing_page(&seg, page);
    memcpy(whole, page, sizeof page);
}

/* Slots of the longest valid prefix of a file of `size` bytes; -1: the header is damaged. */
static int64_t prefix(uint64_t size)
{
    static uint32_t starts[CAPACITY];
    const tt_journal_head *head = (const tt_journal_head *)(const void *)file;
    const uint64_t base = tt_journal_slots_offset(CAPACITY);
    uint32_t end = 0;
    if (size < TT_JOURNAL_PAGE || tt_journal_head_check(head) != TT_OK)
        return -1;
    const int state = tt_journal_head_state(head);
    if (state != 1)
        return -1;
    uint64_t n = size > base ? (size - base) / TT_SLOT_BYTES : 0;
    n = n < head->used ? n : head->used;
    const uint32_t seed = tt_journal_seed(head->epoch, head->segment_id, head->capacity);
    const uint32_t *crc = (const uint32_t *)(const void *)(file + TT_JOURNAL_PAGE);
    const uint32_t good = tt_journal_crc_scan(file + base, crc, 0, (uint32_t)n, seed);
    tt_journal_walk(file + base, good, starts, &end);
    return end;
}

static uint32_t edge_before(uint32_t slot)
{
    uint32_t at = 0;
    while (at < records && edges[at + 1] <= slot)
        at++;
    return edges[at];
}

static int wrong_bit(uint32_t bit)
{
    const uint32_t byte = bit / 8, base = (uint32_t)tt_journal_slots_offset(CAPACITY);
    const int64_t got = prefix(IMAGE);
    if (byte < TT_JOURNAL_PAGE)
        return got != -1;
    if (byte < base && (byte - TT_JOURNAL_PAGE) / 4 >= CAPACITY)
        return got != CAPACITY; /* padding: no record depends on it; verify says so */
    const uint32_t slot
        = byte < base ? (byte - TT_JOURNAL_PAGE) / 4 : (byte - base) / TT_SLOT_BYTES;
    if (got != edge_before(slot))
        return 1;
    return memcmp(file + base, whole + base, (size_t)got * TT_SLOT_BYTES) != 0;
}

int main(void)
{
    const uint32_t base = (uint32_t)tt_journal_slots_offset(CAPACITY);
    uint32_t bad = 0, bits = 0, sizes = 0;
    make();
    memcpy(file, whole, IMAGE);
    if (prefix(IMAGE) != CAPACITY)
        return 2;
    for (uint32_t bit = 0; bit < IMAGE * 8u; bit++, bits++) {
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bad += wrong_bit(bit) != 0;
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (uint32_t size = 0; size <= IMAGE; size++, sizes++) {
        const uint32_t slots = size > base ? (size - base) / TT_SLOT_BYTES : 0;
        const int64_t want = size < TT_JOURNAL_PAGE ? -1
                             : slots == CAPACITY    ? CAPACITY
                                                    : (int64_t)edge_before(slots);
        bad += prefix(size) != want;
    }
    printf("%u bits, %u sizes, %u wrong\n", bits, sizes, bad);
    return bad != 0;
}
