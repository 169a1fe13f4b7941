/* Mutation fuzz of the ITCH headers: random, damaged and cut streams in blocks of exactly their
 * size, so that a sanitizer sees every byte read too far. Invariants are checked beside it:
 * progress by whole messages, the same records whatever the batch size, the same counts as the
 * scan.
 *
 * usage: itch_fuzz SEED STREAMS
 */
#include <tectra/itch.h>
#include <tectra/itch_scan.h>

enum { BYTES_MAX = 4096, SLOTS_MAX = 4096 };

static uint64_t state;
static uint64_t big[SLOTS_MAX * 8], small[SLOTS_MAX * 8];
static tt_itch_map maps[3];

static uint64_t next_random(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "itch_fuzz: %s (state %llx)\n", what, (unsigned long long)state);
        exit(1);
    }
}

static size_t make_stream(uint8_t *to, int by_type)
{
    static const char types[] = "SRHYLVWKJhAFECXDUPQBINO";
    size_t at = 0;
    const size_t messages = next_random() % 40;
    for (size_t i = 0; i < messages; i++) {
        const uint8_t type = (uint8_t)types[next_random() % 23];
        const uint32_t len = tt_itch_size(type);
        tt_put_be16(to + at, by_type ? 0 : (uint16_t)len);
        for (uint32_t k = 0; k < len; k++)
            to[at + 2 + k] = (uint8_t)(next_random() >> 56);
        to[at + 2] = type;
        if (type == 'A' || type == 'F' || type == 'P')
            to[at + 21] = next_random() & 1 ? 'B' : 'S';
        at += 2 + len;
    }
    for (uint64_t k = next_random() % 6; at > 0 && k > 0; k--) {
        uint8_t *victim = to + next_random() % at;
        *victim = next_random() & 1 ? (uint8_t)next_random()
                                    : (uint8_t)(*victim ^ 1u << next_random() % 8);
    }
    return next_random() & 1 ? at : at - (at ? next_random() % at : 0);
}

static size_t decode(const uint8_t *bytes, size_t n, tt_itch_ctx *cx, uint64_t *out, size_t batch,
                     int *end, uint64_t *messages)
{
    size_t made = 0;
    int rc = TT_E_FULL;
    *messages = 0;
    while (rc == TT_E_FULL) {
        size_t used = 0, slots = 0;
        uint64_t count = 0;
        rc = tt_itch_decode(cx, bytes, n, out + made * 8, batch, &used, &slots, &count);
        need(used <= n && slots <= batch, "more consumed or made than there is room for");
        need(rc != TT_E_FULL || count > 0, "no progress");
        need((used == 0) == (count == 0), "bytes and messages disagree");
        bytes += used;
        n -= used;
        made += slots;
        *messages += count;
    }
    need(rc != TT_OK || n < 2 || cx->by_type || tt_be16(bytes) + 2u > n, "a whole message is left");
    *end = rc;
    return made;
}

static void check_records(const uint64_t *out, size_t slots)
{
    for (size_t at = 0; at < slots;) {
        const tt_head *head = (const tt_head *)(out + at * 8);
        const uint32_t bytes = tt_rec_bytes(head);
        need(bytes == 64 || bytes == 128, "a record of another size");
        need(head->template_id < TT_T_END && tt_template_bytes[head->template_id] == bytes,
             "a template and its size disagree");
        at += bytes / 64;
        need(at <= slots, "a record that is cut");
    }
}

static void one(int strict, int by_type)
{
    uint8_t scratch[BYTES_MAX];
    const size_t n = make_stream(scratch, by_type);
    uint8_t *exact = malloc(n ? n : 1);
    tt_itch_counts counts[2] = {{0}, {0}};
    tt_itch_tally tally;
    uint64_t messages[2], total = 0;
    size_t used = 0, made[2];
    int end[2], scanned;
    need(exact != NULL, "no memory");
    memcpy(exact, scratch, n);
    for (int i = 0; i < 2; i++) {
        tt_itch_ctx cx = {.midnight_ns = 1, .map = &maps[i], .counts = &counts[i]};
        cx.strict = (uint8_t)strict, cx.by_type = (uint8_t)by_type;
        tt_itch_map_init(&maps[i], NULL, 0);
        made[i] = decode(exact, n, &cx, i ? small : big, i ? 2 + next_random() % 5 : SLOTS_MAX,
                         &end[i], &messages[i]);
    }
    need(made[0] == made[1] && end[0] == end[1] && messages[0] == messages[1] &&
             memcmp(big, small, made[0] * 64) == 0,
         "the batch size changes the records");
    check_records(big, made[0]);
    tt_itch_map_init(&maps[2], NULL, 0);
    tt_itch_tally_init(&tally);
    scanned = tt_itch_scan(exact, n, by_type, 0, &maps[2], &tally, &used);
    for (int i = 0; i < 256; i++)
        total += tally.by_type[i];
    if (!strict)
        need(scanned == end[0] && total + tally.unknown + tally.malformed == messages[0] &&
                 tally.unknown == counts[0].unknown && tally.malformed == counts[0].malformed &&
                 maps[2].learned <= maps[0].learned,
             "scan and decoder disagree");
    free(exact);
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const long streams = argc > 2 ? atol(argv[2]) : 2000;
    state = seed;
    for (long i = 0; i < streams; i++)
        one(i % 3 == 2, i % 5 == 4);
    printf("itch_fuzz: %ld streams, seed %llu\n", streams, (unsigned long long)seed);
    return 0;
}
