/* Any slots as rows of a stored block: what goes into columns comes out again, whatever form each
 * column has; any column and any planes of the size that it states are read within their bounds;
 * and the scan of a batch finds the records that a plain walk finds.
 *
 * The input: 24 bytes of choices, then slots. */
#include <tectra/batch.h>
#include <tectra/column.h>

#include "guided.h"

enum { CHOICES = 24, SLOTS_MAX = 60 };

static void round_trip(const uint8_t *data, uint32_t rows)
{
    const size_t bytes = (size_t)rows * TT_SLOT_BYTES;
    uint8_t *from = malloc(bytes + 1), *to = calloc(1, bytes + 1);
    uint32_t *at = malloc(rows * sizeof *at + 1);
    uint64_t *temp = malloc(rows * sizeof *temp + 1);
    guided_need(from && to && at && temp, "no memory");
    memcpy(from, data + CHOICES, bytes);
    for (uint32_t i = 0; i < rows; i++)
        at[i] = i;
    for (uint32_t word = 0; word < 8; word++) {
        const uint8_t form = data[word] % (word == 0 ? TT_COLUMN_BESIDE : TT_COLUMN_FORMS);
        tt_column_place place = {.slots = from, .at = at, .rows = rows, .word = word};
        tt_column column;
        uint8_t *planes = malloc((size_t)rows * 8 + 1);
        guided_need(planes != NULL, "no memory");
        const uint64_t used = tt_column_encode(&place, form, temp, &column, planes);
        guided_need(used == tt_column_size(&column, rows), "planes of another size");
        uint8_t *exact = malloc(used + 1);
        guided_need(exact != NULL, "no memory");
        memcpy(exact, planes, used);
        place.slots = to;
        guided_need(tt_column_decode(&place, &column, exact) == TT_OK, "its own column is refused");
        free(exact);
        free(planes);
    }
    guided_need(memcmp(from, to, bytes) == 0, "other words come out");
    free(from);
    free(to);
    free(at);
    free(temp);
}

/* A column that the input makes up: the planes are as long as it says. */
static void made_up(const uint8_t *data, size_t n, uint32_t rows)
{
    tt_column column = {.form = data[8], .varying = data[9]};
    memcpy(&column.base, data + 16, 8);
    const uint64_t need = tt_column_size(&column, rows);
    const uint32_t word = data[10] % 8;
    uint8_t *slots = calloc(rows ? rows : 1, TT_SLOT_BYTES), *planes = calloc(1, need + 1);
    uint32_t *at = malloc(rows * sizeof *at + 1);
    guided_need(slots && planes && at, "no memory");
    memcpy(planes, data, need < n ? need : n);
    for (uint32_t i = 0; i < rows; i++)
        at[i] = rows - 1 - i;
    const tt_column_place place = {.slots = slots, .at = at, .rows = rows, .word = word};
    const int rc = tt_column_decode(&place, &column, planes);
    const int sound = column.form < TT_COLUMN_FORMS && (column.form != TT_COLUMN_BESIDE || word);
    guided_need(rc == (sound ? TT_OK : TT_E_CORRUPT), "another verdict on a form");
    free(slots);
    free(planes);
    free(at);
}

static void scan(const uint8_t *data, uint32_t count)
{
    uint32_t at[SLOTS_MAX], ids[SLOTS_MAX], end = 0, here = 0;
    uint8_t templates[SLOTS_MAX], widths[SLOTS_MAX];
    uint16_t venues[SLOTS_MAX];
    int64_t events[SLOTS_MAX], recvs[SLOTS_MAX];
    uint64_t out[SLOTS_MAX * 8];
    uint8_t *slots = malloc((size_t)count * TT_SLOT_BYTES + 1);
    guided_need(slots != NULL, "no memory");
    memcpy(slots, data + CHOICES, (size_t)count * TT_SLOT_BYTES);
    const tt_batch_rows rows = {at, templates, widths, venues, ids, events, recvs};
    const uint32_t found = tt_batch_scan(slots, count, &rows, &end);
    for (uint32_t i = 0; i < found; i++) {
        const tt_head *head = (const tt_head *)(const void *)(slots + at[i] * TT_SLOT_BYTES);
        guided_need(at[i] == here && templates[i] == head->template_id &&
                        ids[i] == head->instrument_id && events[i] == head->ts_event_ns &&
                        recvs[i] == head->ts_recv_ns,
                    "a row of another record");
        guided_need(tt_template_bytes[head->template_id] == tt_rec_bytes(head) &&
                        widths[i] * TT_SLOT_BYTES == tt_rec_bytes(head),
                    "a record of another size");
        here += tt_rec_bytes(head) / TT_SLOT_BYTES;
    }
    guided_need(here == end && end <= count, "the scan ends elsewhere");
    guided_need(tt_batch_gather(slots, count, at, found, (uint8_t *)out, SLOTS_MAX) == end &&
                    memcmp(out, slots, (size_t)end * TT_SLOT_BYTES) == 0,
                "gathered otherwise");
    free(slots);
}

static void run(const uint8_t *data, size_t n)
{
    if (n < CHOICES)
        return;
    const size_t slots = (n - CHOICES) / TT_SLOT_BYTES;
    const uint32_t rows = (uint32_t)(slots < SLOTS_MAX ? slots : SLOTS_MAX);
    round_trip(data, rows);
    made_up(data, n, rows);
    scan(data, rows);
}

static void seeds(void)
{
    uint8_t bytes[CHOICES + 12 * TT_SLOT_BYTES] = {0};
    size_t at = CHOICES;
    for (uint8_t i = 0; i < 8; i++) {
        const uint16_t id = i % 3 == 2 ? TT_T_INSTRUMENT : TT_T_TRADE; /* two slots, or one */
        _Alignas(64) uint8_t rec[TT_RECORD_BYTES_MAX];
        tt_rec_init(rec, id);
        ((tt_head *)(void *)rec)->ts_event_ns = 1000 + i;
        memcpy(bytes + at, rec, tt_template_bytes[id]);
        at += tt_template_bytes[id];
        bytes[i] = i % 3;
        bytes[8] = i % 4;
        bytes[9] = (uint8_t)(i * 37);
        guided_seed(bytes, at);
    }
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"column", 2048, TT_SLOT_BYTES, run, seeds});
}
