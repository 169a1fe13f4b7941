/* One thread appends 64- and 128-byte records to a segment; others read along by its published
 * count. A reader must see whole records only, in order, each with its right checksum.
 *
 * usage: journal_append [slots]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <tectra/journal.h>

enum { READERS = 2 };

static tt_segment segment;
static tt_journal_head *page;
static uint32_t capacity = 20000;

static void fill(uint64_t *rec, uint64_t seq)
{
    tt_rec_init(rec, seq % 3 == 0 ? TT_T_ORDER_EVENT : TT_T_BOOK_ADD);
    rec[1] = seq;
    for (uint32_t i = 5; i < tt_rec_bytes(rec) / 8; i++)
        rec[i] = seq * 0x9e3779b97f4a7c15ull + i;
}

static void *write_all(void *arg)
{
    uint64_t rec[16], seq = 1;
    (void)arg;
    for (;; seq++) {
        fill(rec, seq);
        if (tt_journal_append(&segment, rec) != TT_OK)
            break;
    }
    return NULL;
}

static void *read_along(void *arg)
{
    const uint8_t *slots = (const uint8_t *)page + tt_journal_slots_offset(capacity);
    const uint32_t *crc = (const uint32_t *)((const uint8_t *)page + TT_JOURNAL_PAGE);
    const uint32_t seed = tt_journal_seed(7, 1, capacity);
    uint64_t want[16], seq = 1;
    uint32_t at = 0;
    (void)arg;
    while (at + 2 <= capacity) {
        const int64_t published = tt_journal_published(page);
        if (published < at)
            return (void *)1;
        while (at < published) {
            const uint8_t *rec = slots + (uint64_t)at * TT_SLOT_BYTES;
            fill(want, seq);
            const uint32_t bytes = tt_rec_bytes(want), take = bytes / TT_SLOT_BYTES;
            if (memcmp(rec, want, bytes) != 0 || at + take > published)
                return (void *)1;
            if (tt_journal_crc_scan(slots, crc, at, at + take, seed) != at + take)
                return (void *)1;
            at += take;
            seq++;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t writer, readers[READERS];
    tt_journal_head want = {.segment_id = 1, .epoch = 7};
    uint64_t page_copy[TT_JOURNAL_PAGE / 8];
    int bad = 0;
    if (argc > 1)
        capacity = (uint32_t)strtoul(argv[1], NULL, 10);
    want.capacity = capacity;
    page = aligned_alloc(4096, (tt_journal_file_bytes(capacity) + 4095) / 4096 * 4096);
    memset(page, 0, tt_journal_file_bytes(capacity));
    if (tt_segment_create(&segment, page, &want) != TT_OK || tt_journal_head_check(page) != TT_OK)
        return 2;
    for (int i = 0; i < READERS; i++)
        pthread_create(&readers[i], NULL, read_along, NULL);
    pthread_create(&writer, NULL, write_all, NULL);
    pthread_join(writer, NULL);
    for (int i = 0; i < READERS; i++) {
        void *result;
        pthread_join(readers[i], &result);
        bad += result != NULL;
    }
    bad += tt_journal_head_state(page) != 0;
    tt_segment_closing_page(&segment, page_copy);
    bad += tt_journal_head_state((const tt_journal_head *)page_copy) != 1;
    tt_segment_detach(&segment);
    bad += tt_journal_append(&segment, page_copy) >= 0;
    printf("%u slots, %d bad\n", capacity, bad);
    free(page);
    return bad != 0;
}
