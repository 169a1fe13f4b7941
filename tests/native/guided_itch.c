/* Any bytes as an ITCH stream, read at once, in pieces cut at places that the input chooses, and
 * message by message: the same records, counts and ends. The first eight bytes are the choices. */
#include <tectra/itch.h>
#include <tectra/itch_scan.h>

#include "guided.h"

enum { SLOTS_MAX = 4096, CHOICES = 8 };

static uint64_t whole[SLOTS_MAX * 8], pieces[SLOTS_MAX * 8], single[16];
static tt_itch_map maps[3];
static const uint64_t symbols[] = {0x4141504c20202020u, 0x4d53465420202020u};

typedef struct {
    tt_itch_ctx cx;
    tt_itch_counts counts;
    size_t slots, used;
    uint64_t messages;
    int end;
} reading;

static void begin(reading *r, tt_itch_map *map, uint8_t how)
{
    *r = (reading){.cx = {.midnight_ns = 1700000000000000000, .map = map}};
    r->cx.counts = &r->counts;
    r->cx.strict = how & 1;
    r->cx.by_type = how >> 1 & 1;
    r->cx.venue_id = how;
    tt_itch_map_init(map, how & 4 ? symbols : NULL, how & 4 ? 2 : 0);
}

/* Read on, up to `n`, in calls of at most `batch` slots. */
static void read_on(reading *r, const uint8_t *bytes, size_t n, uint64_t *out, size_t batch)
{
    do {
        size_t used = 0, slots = 0;
        uint64_t count = 0;
        uint8_t *exact = malloc(n - r->used ? n - r->used : 1);
        guided_need(exact != NULL, "no memory");
        memcpy(exact, bytes + r->used, n - r->used);
        r->end = tt_itch_decode(&r->cx, exact, n - r->used, out + r->slots * 8, batch, &used,
                                &slots, &count);
        free(exact);
        guided_need(used <= n - r->used && slots <= batch, "more than there is, or is room for");
        guided_need((used == 0) == (count == 0), "bytes and messages disagree");
        guided_need(r->end != TT_E_FULL || count > 0, "no progress");
        r->used += used;
        r->slots += slots;
        r->messages += count;
    } while (r->end == TT_E_FULL);
}

/* Each framed message by itself gives the record that the stream gave. */
static void check_single(const reading *r, const uint8_t *bytes)
{
    size_t at = 0, slot = 0;
    while (at < r->used) {
        const int64_t len = tt_itch_frame(bytes + at, r->used - at, r->cx.by_type);
        guided_need(len > 0, "a message that was passed over has no frame");
        const int64_t made = tt_itch_decode_one(bytes + at + 2, (uint32_t)len, &r->cx, single);
        guided_need(made < 0 || made == 64 || made == 128, "a record of another size");
        if (made > 0) {
            guided_need(memcmp(single, whole + slot * 8, (size_t)made) == 0,
                        "a message by itself is read otherwise");
            slot += (size_t)made / 64;
        }
        at += (size_t)len + 2;
    }
    guided_need(slot == r->slots, "records from no message");
}

static void check_scan(const reading *r, const uint8_t *bytes, size_t n)
{
    tt_itch_tally tally;
    uint64_t total = 0;
    size_t used = 0;
    tt_itch_map_init(&maps[2], NULL, 0);
    tt_itch_tally_init(&tally);
    const int end = tt_itch_scan(bytes, n, r->cx.by_type, 0, &maps[2], &tally, &used);
    for (int i = 0; i < 256; i++)
        total += tally.by_type[i];
    guided_need(end == r->end && used == r->used && tally.unknown == r->counts.unknown &&
                    tally.malformed == r->counts.malformed &&
                    total + tally.unknown + tally.malformed == r->messages,
                "scan and decoder disagree");
}

static void run(const uint8_t *data, size_t n)
{
    reading a, b;
    if (n < CHOICES)
        return;
    const uint8_t *bytes = data + CHOICES;
    n -= CHOICES;
    begin(&a, &maps[0], data[0]);
    begin(&b, &maps[1], data[0]);
    read_on(&a, bytes, n, whole, SLOTS_MAX);
    size_t cut = 0;
    b.end = TT_OK;
    for (int i = 1; i < CHOICES && b.end == TT_OK; i++) {
        cut += data[i];
        read_on(&b, bytes, cut < n ? cut : n, pieces, 2 + data[i] % 5);
    }
    if (b.end == TT_OK)
        read_on(&b, bytes, n, pieces, 2 + data[1] % 7);
    guided_need(a.end == b.end && a.used == b.used && a.slots == b.slots &&
                    a.messages == b.messages && memcmp(whole, pieces, a.slots * 64) == 0,
                "pieces change the records");
    guided_need(memcmp(&a.counts, &b.counts, sizeof a.counts) == 0, "pieces change the counts");
    guided_need(memcmp(maps[0].gate, maps[1].gate, sizeof maps[0].gate) == 0 &&
                    maps[0].learned == maps[1].learned,
                "pieces change what was learned");
    if (!(data[0] & 4))
        check_single(&a, bytes);
    if (!(data[0] & 5))
        check_scan(&a, bytes, n);
}

static void seeds(void)
{
    static const char types[] = "SRHYLVWKJhAFECXDUPQBINO";
    uint8_t stream[CHOICES + 23 * 52] = {0};
    for (int how = 0; how < 8; how++) {
        size_t at = CHOICES;
        stream[0] = (uint8_t)how;
        memset(stream + 1, 31, CHOICES - 1);
        for (size_t i = 0; i < 23; i++) {
            const uint8_t type = (uint8_t)types[i];
            const uint32_t len = tt_itch_size(type);
            tt_put_be16(stream + at, how & 2 ? 0 : (uint16_t)len);
            memset(stream + at + 2, 0, len);
            stream[at + 2] = type;
            stream[at + 4] = (uint8_t)(i % 3);
            if (type == 'A' || type == 'F' || type == 'P')
                stream[at + 21] = 'B';
            if (tt_itch_plans[type].stock_at)
                memcpy(stream + at + 2 + tt_itch_plans[type].stock_at, "AAPL    ", 8);
            at += 2 + len;
        }
        guided_seed(stream, at);
        guided_seed(stream, CHOICES + 100);
    }
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"itch", 2048, 1, run, seeds});
}
