/* A MoldUDP64 packet read and checked and its messages walked, against the same walk without a
 * check of any length. Packets of 1 message (a quiet feed) and of 36 (a busy one).
 *
 * usage: mold_bench
 */
#include <tectra/clock.h>
#include <tectra/mold.h>

#include <math.h>

enum { PACKETS = 512, ROUNDS = 31, BYTES = 1500 };

static uint8_t packets[PACKETS][BYTES];
static uint32_t lengths[PACKETS];
static volatile uint64_t sink;

static void make(uint32_t messages)
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        uint32_t at = TT_MOLD_HEAD_BYTES;
        tt_mold_put_head(packets[i], (const uint8_t *)"000000001A", 1 + i, (uint16_t)messages);
        for (uint32_t m = 0; m < messages; m++) {
            const uint32_t len = 19 + (i * 7 + m * 13) % 22;
            tt_put_be16(packets[i] + at, (uint16_t)len);
            memset(packets[i] + at + 2, (int)('A' + m % 26), len);
            at += 2 + len;
        }
        lengths[i] = at;
    }
}

static uint64_t checked(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PACKETS; i++) {
        tt_mold_packet p;
        uint32_t at = 0, bytes;
        if (tt_mold_parse(packets[i], lengths[i], &p) != TT_OK)
            abort();
        for (const uint8_t *m; (m = tt_mold_next(&p, &at, &bytes)) != NULL;)
            sum += m[0] + bytes;
        sum += p.sequence;
    }
    return sum;
}

static uint64_t plain(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PACKETS; i++) {
        const uint8_t *p = packets[i] + TT_MOLD_HEAD_BYTES;
        for (uint32_t k = tt_be16(packets[i] + 18); k > 0; k--) {
            const uint32_t bytes = tt_be16(p);
            sum += p[2] + bytes;
            p += 2 + bytes;
        }
        sum += tt_be64(packets[i] + 10);
    }
    return sum;
}

static double time_of(uint64_t (*work)(void), int repeat)
{
    const int64_t start = tt_mono_ns();
    for (int k = 0; k < repeat; k++)
        sink += work();
    return (double)(tt_mono_ns() - start) / repeat / PACKETS;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run(uint32_t messages, int rounds, int repeat)
{
    double ratio[ROUNDS], subject = 0, yardstick = 0;
    make(messages);
    if (checked() != plain())
        abort();
    for (int i = 0; i < rounds; i++) {
        const double first = i % 2 ? time_of(plain, repeat) : time_of(checked, repeat);
        const double second = i % 2 ? time_of(checked, repeat) : time_of(plain, repeat);
        subject = i % 2 ? second : first;
        yardstick = i % 2 ? first : second;
        ratio[i] = subject / yardstick;
    }
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_value);
    printf("{\"name\": \"mold.parse_to_walk.%u\", \"ratio\": %.4f, \"subject_ns\": %.3f, "
           "\"yardstick_ns\": %.3f}\n",
           messages, ratio[rounds / 2], subject, yardstick);
}

int main(void)
{
    const char *env = getenv("TECTRA_BENCH_TINY");
    const int tiny = env && env[0] == '1';
    run(1, tiny ? 1 : ROUNDS, tiny ? 1 : 200);
    run(36, tiny ? 1 : ROUNDS, tiny ? 1 : 40);
    return 0;
}
