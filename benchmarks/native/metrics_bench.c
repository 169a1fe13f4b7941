/* Derived metrics and features behind every record beside the books alone, interleaved.
 *
 *   book      records in batches -> tt_l3, the best prices read after every record
 *   metrics   the same, and a book_metrics record of five levels for each change of them
 *   features  the same, and features of ten levels and their order flow for each change of them
 *
 * usage: metrics_bench [--rounds N] [--messages N] [--only 0..2]
 * Prints one JSON object per ratio: metrics / book, features / book. --only: one of them, for
 * callgrind. */
#define _GNU_SOURCE
#include <tectra/itch.h>
#include <tectra/metrics_flow.h>
#include <time.h>

#include "book_flow.h"

enum { ROUNDS_MAX = 101, SYMBOLS = 100, BATCH = 4096, OUT = 4096 };

static tt_book_metrics out[OUT];
static tt_flow_state flows[SYMBOLS + 1];
static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *fresh(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    if (p == NULL)
        abort();
    return memset(p, 0, bytes);
}

typedef struct {
    tt_l3 l3;
    void *fixed, *mem[TT_L3_ARENAS];
    uint32_t cap[TT_L3_ARENAS];
    uint64_t sum, made;
} subject;

static void subject_make(subject *s, size_t messages)
{
    const uint32_t cap[TT_L3_ARENAS] = {
        1u << 19, 1u << 20, 1u << 18, 1u << 22, (uint32_t)(messages / TT_L3_PAGE + 2), 1u << 10,
        1u << 6};
    memcpy(s->cap, cap, sizeof cap);
    s->fixed = fresh(tt_l3_fixed_bytes(SYMBOLS + 1));
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        s->mem[a] = fresh(tt_l3_arena_bytes(a, cap[a]));
}

/* Between rounds, outside of the clock. */
static void subject_clear(subject *s)
{
    memset(s->fixed, 0, tt_l3_fixed_bytes(SYMBOLS + 1));
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        memset(s->mem[a], 0, tt_l3_arena_bytes(a, s->cap[a]));
    tt_l3_attach(&s->l3, SYMBOLS + 1, s->fixed, s->mem, s->cap);
    memset(flows, 0, sizeof flows);
    for (uint32_t i = 0; i <= SYMBOLS; i++)
        flows[i].levels = 10;
    s->sum = s->made = 0;
}

static int look(void *cx, const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx)
{
    subject *s = (subject *)cx;
    (void)rec;
    if (fx->kind != TT_FX_NONE) {
        const tt_top *top = tt_l3_top(b, fx->slot);
        s->sum += (uint64_t)(top->bid_px ^ top->ask_px) + (uint64_t)top->bid_qty;
    }
    return 0;
}

static int metrics(void *cx, const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx)
{
    subject *s = (subject *)cx;
    tt_metrics_outlet o = {out, OUT, s->made % OUT, 5, 0};
    look(cx, b, rec, fx);
    if (tt_metrics_touched(b, fx, o.levels)) {
        tt_metrics_write(b, &o, rec, fx->slot);
        s->made++;
    }
    return 0;
}

static int features(void *cx, const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx)
{
    static tt_book_features f;
    subject *s = (subject *)cx;
    tt_depth d;
    look(cx, b, rec, fx);
    if (!tt_metrics_touched(b, fx, 10))
        return 0;
    tt_book_side bids = tt_book_side_l3(b, fx->slot, 0);
    tt_book_side asks = tt_book_side_l3(b, fx->slot, 1);
    if (tt_features_of(&bids, &asks, 10, &f) < 0)
        abort();
    tt_depth_of(&bids, &asks, 10, &d);
    if (tt_flow_update(&flows[fx->slot], &d) < 0)
        abort();
    sink = (uint64_t)f.bid_qty;
    s->made++;
    return 0;
}

/* The callback is a constant in each branch, so that each loop is compiled for its own. */
static void pass(subject *s, int which, const uint64_t *slots, size_t n)
{
    static tt_l3_faults faults;
    memset(&faults, 0, sizeof faults);
    tt_l3_batch in = {slots, n, 0, 0, &faults};
    while (in.at < n) {
        in.until = in.at + BATCH;
        const int rc = which == 0   ? tt_l3_run_each(&s->l3, &in, look, s)
                       : which == 1 ? tt_l3_run_each(&s->l3, &in, metrics, s)
                                    : tt_l3_run_each(&s->l3, &in, features, s);
        if (rc < 0)
            abort();
    }
    if (faults.total)
        abort();
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

static uint64_t *decode(size_t messages, size_t *made)
{
    static tt_itch_map map;
    static tt_itch_counts counts;
    uint8_t *data = fresh(messages * 44);
    const size_t n = flow_make(data, messages, SYMBOLS);
    uint64_t *slots = fresh(messages * 128);
    size_t used = 0;
    uint64_t seen = 0;
    tt_itch_map_init(&map, NULL, 0);
    const tt_itch_ctx cx = {.map = &map, .counts = &counts};
    if (tt_itch_decode(&cx, data, n, slots, messages * 2, &used, made, &seen) < 0 || used != n)
        abort();
    return slots;
}

static void run(size_t messages, int rounds)
{
    double t[3][ROUNDS_MAX], ratio[3][ROUNDS_MAX], each[3][ROUNDS_MAX];
    subject s;
    size_t n = 0;
    uint64_t made[3] = {0, 0, 0};
    const uint64_t *slots = decode(messages, &n);
    subject_make(&s, messages);
    for (int i = -1; i < rounds; i++) { /* the first round warms up */
        const int k = i < 0 ? 0 : i;
        uint64_t sums[3] = {0, 0, 0};
        for (int step = 0; step < 3; step++) {
            const int which = (step + k) % 3;
            subject_clear(&s);
            const double start = now_ns();
            pass(&s, which, slots, n);
            t[which][k] = now_ns() - start;
            sums[which] = s.sum;
            made[which] = s.made;
        }
        if (sums[0] != sums[1] || sums[0] != sums[2])
            abort();
        for (int w = 1; w < 3; w++) {
            ratio[w][k] = t[w][k] / t[0][k];
            each[w][k] = (t[w][k] - t[0][k]) / (double)made[w];
        }
    }
    fprintf(stderr, "book %.1f ns a message; metrics %.1f ns for each of %.0f %%, ",
            median(t[0], rounds) / (double)messages, median(each[1], rounds),
            100.0 * (double)made[1] / (double)messages);
    fprintf(stderr, "features and flow %.1f ns for each of %.0f %%\n", median(each[2], rounds),
            100.0 * (double)made[2] / (double)messages);
    printf("{\"name\": \"metrics.published_to_book\", \"ratio\": %.3f}\n",
           median(ratio[1], rounds));
    printf("{\"name\": \"metrics.features_to_book\", \"ratio\": %.3f}\n", median(ratio[2], rounds));
}

int main(int argc, char **argv)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY");
    size_t messages = tiny && *tiny == '1' ? 20000 : 1000000;
    int rounds = tiny && *tiny == '1' ? 1 : 9, only = -1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--rounds"))
            rounds = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--messages"))
            messages = (size_t)atoll(argv[i + 1]);
        else if (!strcmp(argv[i], "--only"))
            only = atoi(argv[i + 1]);
    }
    if (rounds < 1 || rounds > ROUNDS_MAX || messages < 1 || only > 2)
        return 2;
    if (only >= 0) {
        subject s;
        size_t n = 0;
        const uint64_t *slots = decode(messages, &n);
        subject_make(&s, messages);
        subject_clear(&s);
        pass(&s, only, slots, n);
        fprintf(stderr, "%llu made\n", (unsigned long long)s.made);
        return 0;
    }
    run(messages, rounds);
    return 0;
}
