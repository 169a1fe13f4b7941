/* The whole-market order-by-order book beside its yardsticks, in one process, interleaved.
 *
 *   walk    follow the two-byte length prefixes of the stream, a mapped file: what memory allows
 *   hash    the plain book: chained hash tables for orders and levels, FIFO queues
 *   book    ITCH bytes -> records in batches -> tt_l3, the best prices read after every message
 *   live    the same one message at a time, as they come off a wire: nothing to look ahead to
 *
 * usage: book_bench [--rounds N] [--messages N] [--symbols N]
 * Without --symbols: 8,000 and 100. Prints one JSON object per ratio: book / walk, book / hash,
 * live / hash.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <tectra/itch.h>
#include <tectra/l3.h>
#include <time.h>
#include <unistd.h>

#include "book_flow.h"
#include "book_plain.h"

enum { ROUNDS_MAX = 101, BATCH = 512 };

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
    for (size_t at = 0; n - at >= 2; count++) {
        const uint32_t len = tt_be16(p + at);
        if (n - at - 2 < len)
            break;
        sum += p[at + 2];
        at += 2 + len;
    }
    sink = sum;
    return count;
}

typedef struct {
    tt_l3 l3;
    void *fixed, *mem[TT_L3_ARENAS];
    uint32_t cap[TT_L3_ARENAS];
    uint32_t symbols;
} subject;

static void subject_make(subject *s, uint32_t symbols, size_t messages)
{
    const uint32_t cap[TT_L3_ARENAS] = {
        1u << 19, 1u << 23, 1u << 20, 1u << 22, (uint32_t)(messages / TT_L3_PAGE + 2), 1u << 10,
        1u << 6};
    memcpy(s->cap, cap, sizeof cap);
    s->symbols = symbols;
    s->fixed = fresh(tt_l3_fixed_bytes(symbols + 1));
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        s->mem[a] = fresh(tt_l3_arena_bytes(a, cap[a]));
}

/* Between rounds: wipe and touch all memory, outside of the clock. */
static void subject_clear(subject *s)
{
    memset(s->fixed, 0, tt_l3_fixed_bytes(s->symbols + 1));
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        memset(s->mem[a], 0, tt_l3_arena_bytes(a, s->cap[a]));
    tt_l3_attach(&s->l3, s->symbols + 1, s->fixed, s->mem, s->cap);
}

/* The stream as a day comes: a mapped file, new to the process in every pass. */
static uint8_t *map_stream(int fd, size_t n)
{
    uint8_t *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

static int write_stream(const uint8_t *data, size_t n)
{
    const int fd = memfd_create("book_bench", 0);
    if (fd < 0)
        abort();
    for (size_t at = 0; at < n;) {
        const ssize_t done = write(fd, data + at, n - at);
        if (done <= 0)
            abort();
        at += (size_t)done;
    }
    return fd;
}

/* The best prices, looked at after each record. */
static int look(void *cx, const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx)
{
    if (fx->kind != TT_FX_NONE) {
        const tt_top *top = tt_l3_top(b, fx->slot);
        *(uint64_t *)cx += (uint64_t)(top->bid_px ^ top->ask_px) + (uint64_t)top->bid_qty;
    }
    return 0;
}

static uint64_t book(subject *s, const tt_itch_ctx *cx, const uint8_t *p, size_t n)
{
    static tt_l3_faults faults;
    uint64_t sum = 0;
    memset(&faults, 0, sizeof faults);
    for (int rc = TT_E_FULL; rc == TT_E_FULL;) {
        size_t used = 0, made = 0;
        uint64_t messages = 0;
        rc = tt_itch_decode(cx, p, n, slots, BATCH * 2, &used, &made, &messages);
        p += used;
        n -= used;
        tt_l3_batch in = {slots, made, made, 0, &faults};
        if (tt_l3_run_each(&s->l3, &in, look, &sum) < 0)
            abort();
    }
    if (faults.total)
        abort();
    return sum;
}

static uint64_t live(subject *s, const tt_itch_ctx *cx, const uint8_t *p, size_t n)
{
    uint64_t sum = 0;
    tt_book_effect fx;
    for (size_t at = 0; n - at >= 2; at += 2 + (size_t)tt_be16(p + at)) {
        const tt_head *rec = (const tt_head *)(const void *)slots;
        if (tt_itch_decode_one(p + at + 2, tt_be16(p + at), cx, slots) < 0 ||
            tt_l3_apply(&s->l3, rec, &fx) < 0)
            abort();
        look(&sum, &s->l3, rec, &fx);
    }
    return sum;
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

static void say(const char *what, uint32_t symbols, double ratio)
{
    printf("{\"name\": \"book.%s.%u\", \"ratio\": %.3f}\n", what, symbols, ratio);
}

static void run(uint32_t symbols, size_t messages, int rounds)
{
    static tt_itch_map map;
    static tt_itch_counts counts;
    double ns[4][ROUNDS_MAX], to_walk[ROUNDS_MAX], to_hash[ROUNDS_MAX], live_to_hash[ROUNDS_MAX];
    subject sub;
    plain_book *plain = plain_make(symbols + 1, messages);
    uint8_t *data = fresh(messages * 44);
    const size_t n = flow_make(data, messages, symbols);
    const int fd = write_stream(data, n);
    tt_itch_map_init(&map, NULL, 0);
    const tt_itch_ctx cx = {.map = &map, .counts = &counts};
    subject_make(&sub, symbols, messages);
    for (int i = -1; i < rounds; i++) { /* the first round warms up */
        const int k = i < 0 ? 0 : i;
        uint64_t sums[4] = {0, 0, 0, 0};
        for (int step = 0; step < 4; step++) {
            const int which = (step + k) % 4;
            if (which == 1)
                plain_clear(plain);
            if (which >= 2)
                subject_clear(&sub);
            const double start = now_ns();
            uint8_t *stream = map_stream(fd, n);
            sums[which] = which == 0   ? walk(stream, n)
                          : which == 1 ? plain_run(plain, stream, n)
                          : which == 2 ? book(&sub, &cx, stream, n)
                                       : live(&sub, &cx, stream, n);
            munmap(stream, n);
            ns[which][k] = (now_ns() - start) / (double)messages;
        }
        if (sums[1] != sums[2] || sums[1] != sums[3] || tt_l3_check_all(&sub.l3) < 0)
            abort();
        to_walk[k] = ns[2][k] / ns[0][k];
        to_hash[k] = ns[2][k] / ns[1][k];
        live_to_hash[k] = ns[3][k] / ns[1][k];
    }
    close(fd);
    fprintf(stderr,
            "%u symbols: walk %.1f, hash %.1f, book %.1f, live %.1f ns; %u orders, %u levels\n",
            symbols, median(ns[0], rounds), median(ns[1], rounds), median(ns[2], rounds),
            median(ns[3], rounds), sub.l3.order_pool.live, sub.l3.level_pool.live);
    say("l3_walks", symbols, median(to_walk, rounds));
    say("l3_plain", symbols, median(to_hash, rounds));
    say("l3_live", symbols, median(live_to_hash, rounds));
}

int main(int argc, char **argv)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY");
    size_t messages = tiny && *tiny == '1' ? 20000 : 3000000;
    int rounds = tiny && *tiny == '1' ? 1 : 7;
    uint32_t symbols = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--rounds"))
            rounds = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--messages"))
            messages = (size_t)atoll(argv[i + 1]);
        else if (!strcmp(argv[i], "--symbols"))
            symbols = (uint32_t)atoi(argv[i + 1]);
    }
    if (rounds < 1 || rounds > ROUNDS_MAX || messages < 1)
        return 2;
    if (symbols)
        run(symbols, messages, rounds);
    else
        run(8000, messages, rounds), run(100, messages, rounds);
    return 0;
}
