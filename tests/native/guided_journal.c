/* A journal header page that the input damages, and any bytes as slots: the checks say what they
 * are, the walk stops before what is no record, and the scan names the one slot whose sum is wrong.
 *
 * The input: 16 bytes of patches of the page (offset u16, value u8; the last byte says how many and
 * whether the page is closed), then slots. */
#include <tectra/journal.h>

#include "guided.h"

enum { CHOICES = 16, SLOTS_MAX = 40 };

static _Alignas(64) uint8_t file[1 << 16];
static _Alignas(64) uint8_t slots[SLOTS_MAX * TT_SLOT_BYTES];

static void check_page(const uint8_t *choices)
{
    static _Alignas(64) uint8_t page[TT_JOURNAL_PAGE], whole[TT_JOURNAL_PAGE];
    const tt_journal_head *head = (const tt_journal_head *)(const void *)page;
    const tt_journal_head want = {.segment_id = 1, .capacity = 16, .epoch = 7};
    tt_segment seg = {0};
    tt_status rec;
    memset(file, 0, sizeof file);
    guided_need(tt_segment_create(&seg, file, &want) == TT_OK, "a segment is refused");
    tt_rec_init(&rec, TT_T_STATUS);
    rec.ring_seq = 1;
    guided_need(tt_journal_append(&seg, &rec) == TT_OK, "an append is refused");
    if (choices[15] & 1)
        tt_segment_closing_page(&seg, whole);
    else
        memcpy(whole, file, sizeof whole);
    memcpy(page, whole, sizeof page);
    for (int i = 0; i < (choices[15] >> 1) % 6; i++) {
        const size_t at = ((size_t)choices[3 * i] << 8 | choices[3 * i + 1]) %
                          (choices[3 * i] & 0x80 ? TT_JOURNAL_PAGE : 256u); /* the fields, mostly */
        page[at] ^= choices[3 * i + 2];
    }
    const int changed = memcmp(page, whole, sizeof page) != 0; /* patches may undo each other */
    const int rc = tt_journal_head_check(head);
    guided_need(rc == TT_OK || rc == TT_E_CORRUPT, "a page of ours is called of another kind");
    guided_need(rc == TT_OK || changed, "a whole page is called damaged");
    if (rc != TT_OK)
        return;
    const int state = tt_journal_head_state(head);
    guided_need(changed || state == (choices[15] & 1), "a whole page in another state");
    guided_need(!changed || state != 1, "a damaged page passes as closed");
    if (!(choices[15] & 1))
        guided_need(state != 0 || (memcmp(page, whole, 64) == 0 &&
                                   memcmp(page + 72, whole + 72, sizeof page - 72) == 0),
                    "a damaged page passes as open");
    guided_need(state != TT_OK || tt_journal_published(head) <= 16, "more slots than there are");
}

static void check_walk(uint32_t n)
{
    uint32_t starts[SLOTS_MAX], end = 0, at = 0;
    const uint32_t found = tt_journal_walk(slots, n, starts, &end);
    for (uint32_t i = 0; i < found; i++) {
        const uint32_t bytes = tt_journal_record_bytes(slots + starts[i] * TT_SLOT_BYTES);
        guided_need(starts[i] == at && (bytes == 64 || bytes == 128), "a record elsewhere");
        at += bytes / TT_SLOT_BYTES;
    }
    guided_need(at == end && end <= n, "the walk ends elsewhere");
    if (end < n) {
        const uint32_t bytes = tt_journal_record_bytes(slots + end * TT_SLOT_BYTES);
        guided_need(bytes == 0 || bytes / TT_SLOT_BYTES > n - end, "a whole record is left out");
    }
}

static void check_sums(uint32_t n, const uint8_t *choices)
{
    uint32_t sums[SLOTS_MAX];
    const uint32_t seed = choices[0] | (uint32_t)choices[1] << 24;
    tt_crc32c_slots(seed, slots, n, sums);
    for (uint32_t i = 0; i < n; i++)
        guided_need(sums[i] == tt_crc32c_table(seed + i, slots + i * TT_SLOT_BYTES, TT_SLOT_BYTES),
                    "a sum differs from the table's");
    guided_need(tt_journal_crc_scan(slots, sums, 0, n, seed) == n, "right sums are called wrong");
    if (n == 0)
        return;
    const uint32_t hurt = choices[2] % n, byte = choices[3] % TT_SLOT_BYTES;
    slots[hurt * TT_SLOT_BYTES + byte] ^= (uint8_t)(1u << choices[4] % 8);
    guided_need(tt_journal_crc_scan(slots, sums, 0, n, seed) == hurt, "a flipped bit goes unseen");
}

static void run(const uint8_t *data, size_t n)
{
    if (n < CHOICES)
        return;
    const uint32_t count = (uint32_t)((n - CHOICES) / TT_SLOT_BYTES);
    const uint32_t most = count < SLOTS_MAX ? count : SLOTS_MAX;
    memcpy(slots, data + CHOICES, (size_t)most * TT_SLOT_BYTES);
    check_page(data);
    check_walk(most);
    check_sums(most, data);
}

static void seeds(void)
{
    uint8_t bytes[CHOICES + 8 * TT_RECORD_BYTES_MAX] = {0};
    size_t at = CHOICES;
    for (uint16_t id = 1; id < TT_T_END && at + TT_RECORD_BYTES_MAX <= sizeof bytes; id++) {
        if (tt_template_bytes[id] == 0)
            continue;
        _Alignas(64) uint8_t rec[TT_RECORD_BYTES_MAX] = {0};
        tt_rec_init(rec, id);
        memcpy(bytes + at, rec, tt_template_bytes[id]);
        at += tt_template_bytes[id];
        guided_seed(bytes, at);
    }
    for (uint8_t i = 0; i < 8; i++) {
        bytes[15] = i;
        bytes[1] = 60;
        bytes[2] = 1;
        guided_seed(bytes, CHOICES + 64);
    }
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"journal", 2048, 1, run, seeds});
}
