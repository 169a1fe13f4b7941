/* Random batches through the merge beside a plain selection, and random words through columns and
 * back; column heads of noise must never reach outside their memory.
 *
 * usage: feed_fuzz SEED STEPS    exit 0: everything agreed */
#include <tectra/batch.h>
#include <tectra/column.h>

enum { LANES = 7, ROWS = 90 };

#define CHECK(c)                                            \
    do {                                                    \
        if (!(c)) {                                         \
            fprintf(stderr, "line %d: %s\n", __LINE__, #c); \
            exit(1);                                        \
        }                                                   \
    } while (0)

static uint64_t state;

static uint64_t rnd(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A batch in exactly as much memory as it needs, so that a step beyond is seen. */
typedef struct {
    uint8_t *slots;
    uint32_t n, records;
    tt_batch_rows rows;
} batch;

static batch make(uint32_t records, int64_t *clock)
{
    batch b = {0};
    uint8_t *room = malloc((size_t)records * 128 + 1);
    for (uint32_t i = 0; i < records; i++) {
        uint8_t *p = room + (size_t)b.n * 64;
        const uint16_t kind = rnd() % 3 ? TT_T_TRADE : TT_T_QUOTE;
        memset(p, 0, 128);
        tt_rec_init(p, kind);
        tt_head *head = (tt_head *)(void *)p;
        head->ts_recv_ns = *clock += (int64_t)(rnd() % 3);
        head->ring_seq = rnd();
        b.n += tt_rec_bytes(p) / 64;
    }
    b.slots = malloc((size_t)b.n * 64 + 1);
    memcpy(b.slots, room, (size_t)b.n * 64);
    free(room);
    b.rows = (tt_batch_rows){
        malloc(4 * b.n + 1), malloc(b.n + 1),     malloc(b.n + 1),    malloc(2 * b.n + 1),
        malloc(4 * b.n + 1), malloc(8 * b.n + 1), malloc(8 * b.n + 1),
    };
    uint32_t end = 0;
    b.records = tt_batch_scan(b.slots, b.n, &b.rows, &end);
    CHECK(b.records == records && end == b.n);
    return b;
}

static void drop(batch *b)
{
    free(b->slots), free(b->rows.slot), free(b->rows.template_id), free(b->rows.width);
    free(b->rows.venue_id), free(b->rows.instrument_id), free(b->rows.ts_event_ns);
    free(b->rows.ts_recv_ns);
}

/* The lane whose next record is first: key, then number of the lane. */
static uint32_t plain_first(const tt_merge_lane *lanes)
{
    uint32_t best = LANES;
    for (uint32_t i = 0; i < LANES; i++)
        if (lanes[i].next < lanes[i].count
            && (best == LANES || lanes[i].key[lanes[i].next] < lanes[best].key[lanes[best].next]))
            best = i;
    return best;
}

static void merge_once(void)
{
    batch b[LANES];
    tt_merge_lane lanes[LANES], plain[LANES];
    uint32_t heap[LANES], dry = 0, total = 0;
    for (int i = 0; i < LANES; i++) {
        int64_t clock = (int64_t)(rnd() % 20);
        b[i] = make((uint32_t)(rnd() % ROWS), &clock);
        lanes[i] = (tt_merge_lane){.slots = b[i].slots,
                                   .slot = b[i].rows.slot,
                                   .width = b[i].rows.width,
                                   .key = b[i].rows.ts_recv_ns,
                                   .count = b[i].records};
        plain[i] = lanes[i];
        total += b[i].n;
    }
    const uint64_t cap = 2 + rnd() % 50;
    uint8_t *out = malloc(cap * 64);
    uint64_t seen = 0;
    for (;;) {
        const uint64_t used = tt_merge_run(lanes, LANES, heap, out, cap, &dry);
        CHECK(dry == LANES && used <= cap);
        if (used == 0)
            break;
        for (uint64_t at = 0; at < used;) {
            const uint32_t want = plain_first(plain);
            CHECK(want < LANES);
            tt_merge_lane *l = &plain[want];
            const uint32_t width = l->width[l->next];
            CHECK(at + width <= used);
            CHECK(!memcmp(out + at * 64, l->slots + (size_t)l->slot[l->next] * 64, width * 64u));
            l->next++;
            at += width;
        }
        seen += used;
    }
    CHECK(seen == total && plain_first(plain) == LANES);
    free(out);
    for (int i = 0; i < LANES; i++)
        drop(&b[i]);
}

/* Words with the habits of records: equal, counting, near each other, or anything. */
static void columns_once(void)
{
    const uint32_t n = (uint32_t)(rnd() % 3000);
    uint8_t *slots = calloc(n + 1, 64), *back = calloc(n + 1, 64);
    uint32_t *at = malloc(4 * (size_t)n + 4);
    uint64_t *temp = malloc(8 * (size_t)n + 8);
    const uint64_t style = rnd() % 4;
    for (uint32_t i = 0; i < n; i++) {
        at[i] = i;
        for (uint32_t w = 0; w < 8; w++) {
            uint64_t v = style == 0 ? 7 : style == 1 ? i * 1000u : style == 2 ? rnd() % 512 : rnd();
            memcpy(slots + (size_t)i * 64 + w * 8, &v, 8);
        }
    }
    memcpy(back, slots, (size_t)n * 64);
    for (uint32_t w = 0; w < 8; w++) {
        tt_column_place to = {back, at, n, w}, from = {slots, at, n, w};
        const uint8_t form = (uint8_t)(rnd() % (w ? 3 : 2));
        uint8_t *planes = malloc(8 * (size_t)n + 1);
        tt_column column;
        const uint64_t used = tt_column_encode(&from, form, temp, &column, planes);
        CHECK(used == tt_column_size(&column, n));
        uint8_t *exact = malloc(used + 1);
        memcpy(exact, planes, used);
        for (uint32_t i = 0; i < n; i++)
            memset(back + (size_t)i * 64 + w * 8, 0xEE, 8);
        CHECK(tt_column_decode(&to, &column, exact) == TT_OK);
        CHECK(!memcmp(back, slots, (size_t)n * 64));
        uint64_t noise[2] = {rnd(), rnd()};
        memcpy(&column, noise, sizeof(column));
        uint8_t *junk = calloc(tt_column_size(&column, n) + 1, 1);
        const int rc = tt_column_decode(&to, &column, junk);
        CHECK(rc == TT_OK || rc == TT_E_CORRUPT);
        memcpy(back, slots, (size_t)n * 64);
        free(junk), free(exact), free(planes);
    }
    free(slots), free(back), free(at), free(temp);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    state = strtoull(argv[1], NULL, 10);
    for (uint64_t i = strtoull(argv[2], NULL, 10); i > 0; i--) {
        merge_once();
        columns_once();
    }
    return 0;
}
