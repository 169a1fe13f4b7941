/* Any slots as records for the bars, under rules that the input chooses: however small the outlet
 * and wherever the batch is cut, the same bars come out.
 *
 * The input: one slot of choices, then the records. */
#include <tectra/bar_run.h>

#include "guided.h"

enum { SLOTS_MAX = 62, PLACES = 8, BARS_MAX = 600, RULES = 3 };

typedef struct {
    tt_bars bars;
    void *index, *known, *rows[RULES];
    uint64_t out[(BARS_MAX + 2 * SLOTS_MAX) * 2 * 8];
    size_t made; /* slots */
    int rc;
} maker;

static maker at_once, in_parts;

static void begin(maker *m, const uint8_t *choices)
{
    tt_bars *b = &m->bars;
    memset(b, 0, sizeof *b);
    m->made = 0;
    m->rc = TT_OK;
    m->index = calloc(1, tt_table_bytes(4 * PLACES));
    tt_table_init(&b->index, m->index, 4 * PLACES);
    b->known = m->known = calloc(PLACES, sizeof *b->known);
    b->n_max = 1 + choices[0] % PLACES;
    b->n_sets = 1 + choices[1] % RULES;
    b->px_exponent = -4;
    b->crosses = choices[2] & 1;
    b->copy = choices[2] >> 1 & 1;
    b->mids = choices[2] >> 2 & 1;
    for (uint32_t i = 0; i < b->n_sets; i++) {
        tt_bar_rule *rule = &b->sets[i].rule;
        rule->kind = b->mids ? TT_BAR_KIND_TIME : 1 + choices[4 + 4 * i] % 5;
        rule->amount = 1 + choices[5 + 4 * i];
        rule->flat = rule->kind == TT_BAR_KIND_TIME && choices[6 + 4 * i] & 1;
        rule->mids = b->mids;
        rule->align_ns = (int8_t)choices[7 + 4 * i];
        b->sets[i].rows = m->rows[i] = calloc(PLACES, sizeof(tt_bar_row));
    }
}

static void end(maker *m)
{
    free(m->index);
    free(m->known);
    for (uint32_t i = 0; i < m->bars.n_sets; i++)
        free(m->rows[i]);
}

/* A stretch of records, or the end of them (NULL), with `extra` slots more than one record needs. A
 * leap of time makes flat bars without end: what fits is compared. */
static void feed(maker *m, tt_l3_batch *in, size_t extra)
{
    tt_bars *b = &m->bars;
    const size_t room = sizeof m->out / 64;
    while (m->rc == TT_OK) {
        b->cap = tt_bars_room(b) + extra;
        b->used = 0;
        b->out = malloc(b->cap * 64);
        guided_need(b->out != NULL, "no memory");
        const int rc = in == NULL ? tt_bars_flush(b, 0) : tt_bars_run(b, NULL, in);
        guided_need(b->used <= b->cap, "more than there is room for");
        const size_t take = b->used < room - m->made ? b->used : room - m->made;
        memcpy(m->out + m->made * 8, b->out, take * 64);
        m->made += take;
        free(b->out);
        if (m->made == room)
            m->rc = TT_E_FULL;
        else if (rc != TT_E_FULL || !b->out_full)
            m->rc = rc;
        if (rc == TT_OK)
            return;
    }
}

static void run(const uint8_t *data, size_t n)
{
    if (n < 2 * TT_SLOT_BYTES)
        return;
    const size_t count = n / TT_SLOT_BYTES - 1;
    uint64_t *slots = malloc(count * TT_SLOT_BYTES);
    guided_need(slots != NULL, "no memory");
    memcpy(slots, data + TT_SLOT_BYTES, count * TT_SLOT_BYTES);
    tt_l3_batch in = {.slots = slots, .n = count, .until = count};
    begin(&at_once, data);
    begin(&in_parts, data);
    feed(&at_once, &in, 4 * BARS_MAX);
    for (size_t at = 0; at < count && in_parts.rc == TT_OK;) {
        /* Whole records only, as feeds hand them on; what is cut stays with what follows. */
        size_t end_at = at;
        for (size_t i = 0; i <= data[20] % 4u && end_at < count; i++)
            end_at += tt_slot_count(tt_slot_at(slots, end_at));
        end_at = end_at < count ? end_at : count;
        tt_l3_batch part = {.slots = slots + at * 8, .n = end_at - at, .until = end_at - at};
        feed(&in_parts, &part, data[21] % 8u);
        at = end_at;
    }
    if (at_once.rc == TT_OK)
        feed(&at_once, NULL, 4 * BARS_MAX);
    if (in_parts.rc == TT_OK)
        feed(&in_parts, NULL, 0);
    guided_need(at_once.rc == in_parts.rc, "another end");
    guided_need(at_once.made == in_parts.made &&
                    memcmp(at_once.out, in_parts.out, at_once.made * 64) == 0,
                "other bars");
    guided_need(at_once.rc == TT_E_FULL || memcmp(&at_once.bars.counts, &in_parts.bars.counts,
                                                  sizeof at_once.bars.counts) == 0,
                "other counts");
    end(&at_once);
    end(&in_parts);
    free(slots);
}

static void seeds(void)
{
    uint8_t bytes[TT_SLOT_BYTES * 20] = {0};
    size_t at = TT_SLOT_BYTES;
    bytes[0] = 7, bytes[1] = 2, bytes[4] = 0, bytes[8] = 1, bytes[12] = 4, bytes[21] = 1;
    for (int i = 0; i < 12; i++) {
        const uint16_t id = i % 5 == 4 ? TT_T_QUOTE : TT_T_TRADE;
        _Alignas(64) uint8_t rec[TT_RECORD_BYTES_MAX];
        tt_trade *r = (tt_trade *)(void *)rec;
        tt_rec_init(r, id);
        r->ts_event_ns = r->ts_recv_ns = 1000 + 100 * i;
        r->instrument_id = (uint32_t)(i % 3);
        r->px = 10000 + i % 4;
        r->qty = 10;
        r->side = (uint8_t)(1 + i % 2);
        memcpy(bytes + at, rec, tt_template_bytes[id]);
        at += tt_template_bytes[id];
        bytes[2] = (uint8_t)(i % 8);
        bytes[4] = (uint8_t)(i % 5);
        bytes[6] = (uint8_t)(i % 2);
        guided_seed(bytes, at);
    }
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv,
                       &(guided_target){"bars", (SLOTS_MAX + 1) * TT_SLOT_BYTES, TT_SLOT_BYTES, run,
                                        seeds});
}
