/* MoldUDP64 packets of ITCH adds and deletes to records: with arbitration, against the same packets
 * parsed and decoded without any. One line; and two lines that bring the same packets, against
 * parsing both and decoding one. Packets of 1 message (a quiet feed) and of 30 (a busy one).
 *
 * usage: arbiter_bench            ratios
 *        arbiter_bench COUNT MODE 0: plain, 1: one line, 2: two lines; for callgrind
 */
#include <tectra/arbiter.h>
#include <tectra/clock.h>
#include <tectra/itch.h>

enum { PACKETS = 512, ROUNDS = 31, BYTES = 1500, SLOTS = 128, WINDOW = 1024 };

static uint8_t packets[PACKETS][BYTES];
static uint32_t lengths[PACKETS], messages_each;
static uint64_t out[SLOTS * 8];
static tt_itch_map map;
static tt_itch_counts counts;
static tt_itch_ctx cx = {.map = &map, .counts = &counts};
static tt_arbiter arbiter;
static uint64_t window[WINDOW * 12];
static volatile uint64_t sink;

static void make(uint32_t messages)
{
    messages_each = messages;
    tt_itch_map_init(&map, NULL, 0);
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint32_t at = TT_MOLD_HEAD_BYTES;
        tt_mold_put_head(packets[i], (const uint8_t *)"000000001A", 1 + (uint64_t)i * messages,
                         (uint16_t)messages);
        for (uint32_t m = 0; m < messages; m++) {
            const uint8_t type = (i + m) % 2 == 0 ? 'A' : 'D';
            const uint32_t len = tt_itch_size(type);
            uint8_t *msg = packets[i] + at + 2;
            tt_put_be16(packets[i] + at, (uint16_t)len);
            memset(msg, 0, len);
            msg[0] = type;
            tt_put_be16(msg + 1, (uint16_t)(1 + (i * 7 + m) % 500));
            tt_put_be64(msg + 11, i * 64 + m);
            if (type == 'A')
                memcpy(msg + 19, "B\0\0\0dAAPL    ", 13);
            at += 2 + len;
        }
        lengths[i] = at;
    }
}

static uint64_t decode(const uint8_t *blocks, size_t n)
{
    size_t used = 0, slots = 0;
    uint64_t messages = 0;
    tt_itch_decode(&cx, blocks, n, out, SLOTS, &used, &slots, &messages);
    return messages + out[0];
}

static tt_mold_packet parsed(uint32_t i)
{
    tt_mold_packet p;
    if (tt_mold_parse(packets[i], lengths[i], &p) != TT_OK)
        abort();
    return p;
}

static uint64_t plain_of(int lines)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PACKETS; i++) {
        const tt_mold_packet p = parsed(i);
        sum += decode(p.blocks, p.blocks_bytes);
        for (int line = 1; line < lines; line++)
            sum += parsed(i).sequence;
    }
    return sum;
}

static uint64_t arbitrated(int lines)
{
    const tt_arb_settings set = {.lines = (uint32_t)lines, .slots = WINDOW, .slot_bytes = 56,
                                 .hold_ns = 100000000, .dead_ns = 1000000000};
    uint64_t sum = 0;
    tt_arb_span span;
    if (arbiter.set.lines != set.lines &&
        (tt_arbiter_bytes(&set) > sizeof window ||
         tt_arbiter_init(&arbiter, &set, window, 1, 0) != TT_OK))
        abort();
    tt_sequence_reset(&arbiter.seq, 1); /* the same packets again */
    arbiter.highest = 0;
    for (uint32_t i = 0; i < PACKETS; i++) {
        for (int line = 0; line < lines; line++) {
            const tt_mold_packet p = parsed(i);
            if (tt_arbiter_offer(&arbiter, (uint32_t)line, &p, 1, 1, &span) == TT_ARB_NEW)
                sum += decode(span.blocks, span.bytes);
            else
                sum += p.sequence;
        }
    }
    for (int line = 0; line < lines; line++)
        arbiter.line[line].next = 0;
    return sum;
}

static double time_of(uint64_t (*work)(int), int lines, int repeat)
{
    const int64_t start = tt_mono_ns();
    for (int k = 0; k < repeat; k++)
        sink += work(lines);
    return (double)(tt_mono_ns() - start) / repeat / PACKETS;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run(uint32_t messages, int lines, int rounds, int repeat)
{
    double ratio[ROUNDS], subject = 0, yardstick = 0;
    make(messages);
    if (arbitrated(lines) != plain_of(lines))
        abort();
    for (int r = 0; r < rounds; r++) {
        const double first = time_of(r % 2 ? plain_of : arbitrated, lines, repeat);
        const double second = time_of(r % 2 ? arbitrated : plain_of, lines, repeat);
        subject = r % 2 ? second : first;
        yardstick = r % 2 ? first : second;
        ratio[r] = subject / yardstick;
    }
    qsort(ratio, (size_t)rounds, sizeof ratio[0], by_value);
    printf("{\"name\":\"arbiter.packet_to_plain.%u.%u\",\"ratio\":%.3f,\"subject_ns\":%.1f,"
           "\"yardstick_ns\":%.1f}\n",
           (unsigned)lines, (unsigned)messages, ratio[rounds / 2], subject, yardstick);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        make((uint32_t)strtoul(argv[1], NULL, 10));
        const int mode = atoi(argv[2]);
        for (int k = 0; k < 20; k++)
            sink += mode == 0 ? plain_of(1) : arbitrated(mode);
        return 0;
    }
    const char *env = getenv("TECTRA_BENCH_TINY");
    const int tiny = env && env[0] == '1';
    for (int lines = 1; lines <= 2; lines++) {
        run(1, lines, tiny ? 3 : ROUNDS, tiny ? 2 : 60);
        run(30, lines, tiny ? 3 : ROUNDS, tiny ? 2 : 10);
    }
    return 0;
}
