/* ITCH decode to records beside its yardsticks, in one process, interleaved.
 *
 *   walk     follow the two-byte length prefixes and add the types up: what the memory allows
 *   tight    a switch on the type into 40-byte structs, prefetching 2 KiB ahead: what a decoder for
 *            one purpose costs, without checks of length, symbol filter or counters
 *   records  tt_itch_decode into batches of 64-byte slots, as the feed calls it
 *
 * usage: itch_bench [FILE]
 * Without FILE it makes its own stream in the mix of a trading day, five million messages. Both the
 * whole stream (memory-bound) and its first 1 MiB over and over (in cache) are measured.
 * Prints JSON lines; `ratio` is the median over rounds of records time / yardstick time.
 */
#define _GNU_SOURCE
#include <tectra/itch.h>
#include <time.h>

enum { BATCH = 1024, ROUNDS_MAX = 101 };

typedef struct {
    uint64_t ts, ref, extra;
    uint32_t px, qty, pad;
    uint16_t locate;
    uint8_t type, side;
} tight_msg;
_Static_assert(sizeof(tight_msg) == 40, "the yardstick is 40 bytes a message");

static tight_msg tight_out[BATCH];
static uint64_t slots[BATCH * 8 * 2] __attribute__((aligned(64)));
static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t walk(const uint8_t *p, size_t n)
{
    uint64_t sum = 0, count = 0;
    size_t at = 0;
    while (n - at >= 2) {
        const uint32_t len = tt_be16(p + at);
        if (n - at - 2 < len)
            break;
        sum += p[at + 2];
        at += 2 + len;
        count++;
    }
    sink = sum;
    return count;
}

static inline void tight_one(const uint8_t *m, tight_msg *o)
{
    o->type = m[0];
    o->locate = tt_be16(m + 1);
    o->ts = tt_be48(m + 5);
    switch (m[0]) {
    case 'A':
    case 'F':
    case 'P':
        o->ref = tt_be64(m + 11), o->side = m[19];
        o->qty = tt_be32(m + 20), o->px = tt_be32(m + 32);
        break;
    case 'E':
        o->ref = tt_be64(m + 11), o->qty = tt_be32(m + 19), o->extra = tt_be64(m + 23);
        break;
    case 'C':
        o->ref = tt_be64(m + 11), o->qty = tt_be32(m + 19), o->extra = tt_be64(m + 23);
        o->px = tt_be32(m + 32);
        break;
    case 'X':
        o->ref = tt_be64(m + 11), o->qty = tt_be32(m + 19);
        break;
    case 'D':
        o->ref = tt_be64(m + 11);
        break;
    case 'U':
        o->ref = tt_be64(m + 11), o->extra = tt_be64(m + 19);
        o->qty = tt_be32(m + 27), o->px = tt_be32(m + 31);
        break;
    default:
        break;
    }
}

static uint64_t tight(const uint8_t *p, size_t n)
{
    uint64_t count = 0;
    size_t at = 0;
    while (n - at >= 2) {
        const uint32_t len = tt_be16(p + at);
        if (n - at - 2 < len)
            break;
        TT_PREFETCH((const void *)((uintptr_t)(p + at) + TT_ITCH_PREFETCH_BYTES));
        tight_one(p + at + 2, &tight_out[count % BATCH]);
        at += 2 + len;
        count++;
    }
    sink = tight_out[count % BATCH].ts;
    return count;
}

static uint64_t records(const tt_itch_ctx *cx, const uint8_t *p, size_t n)
{
    uint64_t count = 0;
    for (int rc = TT_E_FULL; rc == TT_E_FULL;) {
        size_t used = 0, made = 0;
        uint64_t messages = 0;
        rc = tt_itch_decode(cx, p, n, slots, sizeof slots / 64, &used, &made, &messages);
        p += used;
        n -= used;
        count += messages;
        sink = slots[2];
    }
    return count;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The proportions of a trading day: adds 44, deletes 41, replaces 7, executions 4, ... percent. */
static size_t synthesize(uint8_t *to, size_t messages)
{
    static const char mix[] =
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD"
        "DDUUUUUUUEEEEXXPI";
    uint64_t state = 7;
    size_t at = 0;
    for (size_t i = 0; i < messages; i++) {
        const uint64_t r = next_random(&state);
        const uint8_t type = (uint8_t)mix[r % (sizeof mix - 1)];
        const uint32_t len = tt_itch_size(type);
        uint8_t *m = to + at + 2;
        tt_put_be16(to + at, (uint16_t)len);
        for (uint32_t k = 0; k < len; k++)
            m[k] = (uint8_t)((r >> (k % 8 * 8)) & 0x3f);
        m[0] = type;
        tt_put_be16(m + 1, (uint16_t)(1 + (r >> 20) % 8000));
        if (type == 'A' || type == 'F' || type == 'P')
            m[19] = (r >> 40) & 1 ? 'B' : 'S';
        if (type == 'I')
            m[11] = m[19] = 0;
        at += 2 + len;
    }
    return at;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

static uint8_t *load(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p;
    if (!f || fseek(f, 0, SEEK_END) != 0)
        return NULL;
    *n = (size_t)ftell(f);
    rewind(f);
    p = malloc(*n ? *n : 1);
    if (p && fread(p, 1, *n, f) != *n)
        p = NULL;
    fclose(f);
    return p;
}

static void report(const char *name, double ratio, double subject_ns, double yardstick_ns)
{
    printf("{\"name\": \"%s\", \"ratio\": %.4f, \"subject_ns\": %.3f, \"yardstick_ns\": %.3f}\n",
           name, ratio, subject_ns, yardstick_ns);
}

static void run(const char *name, const tt_itch_ctx *cx, const uint8_t *data, size_t n, int rounds,
                int repeat)
{
    double took[3][ROUNDS_MAX], to_tight[ROUNDS_MAX], to_walk[ROUNDS_MAX];
    const uint64_t messages = walk(data, n) * (uint64_t)repeat;
    char label[64];
    for (int i = -1; i < rounds; i++) { /* the first round warms up */
        const int slot = i < 0 ? 0 : i;
        for (int step = 0; step < 3; step++) {
            const int which = (step + slot) % 3;
            const double start = now_ns();
            for (int k = 0; k < repeat; k++)
                sink = which == 0   ? walk(data, n)
                       : which == 1 ? tight(data, n)
                                    : records(cx, data, n);
            took[which][slot] = (now_ns() - start) / (double)messages;
        }
        to_walk[slot] = took[2][slot] / took[0][slot];
        to_tight[slot] = took[2][slot] / took[1][slot];
    }
    for (int which = 0; which < 3; which++)
        took[which][0] = median(took[which], rounds);
    snprintf(label, sizeof label, "itch.records_to_tight.%s", name);
    report(label, median(to_tight, rounds), took[2][0], took[1][0]);
    snprintf(label, sizeof label, "itch.records_to_walk.%s", name);
    report(label, median(to_walk, rounds), took[2][0], took[0][0]);
}

int main(int argc, char **argv)
{
    static tt_itch_map map;
    tt_itch_counts counts = {0};
    const tt_itch_ctx cx = {.midnight_ns = 0, .map = &map, .counts = &counts};
    const char *env = getenv("TECTRA_BENCH_TINY");
    const int tiny = env && env[0] == '1';
    const size_t count = tiny ? 20000 : 5000000, cached = 1u << 20;
    const int rounds = tiny ? 1 : 15;
    size_t n = 0;
    uint8_t *data = argc > 1 ? load(argv[1], &n) : malloc(count * (2 + TT_ITCH_MESSAGE_BYTES_MAX));
    if (!data || (argc > 1 && walk(data, n) == 0))
        return fprintf(stderr, "itch_bench: no messages in %s\n", argc > 1 ? argv[1] : "memory"), 1;
    if (argc <= 1)
        n = synthesize(data, count);
    tt_itch_map_init(&map, NULL, 0);
    run("stream", &cx, data, n, rounds, 1);
    run("cached", &cx, data, n < cached ? n : cached, rounds, tiny ? 1 : 100);
    free(data);
    if (counts.unknown || counts.malformed)
        return fprintf(stderr, "itch_bench: %llu unknown, %llu malformed\n",
                       (unsigned long long)counts.unknown, (unsigned long long)counts.malformed),
               1;
    return 0;
}
