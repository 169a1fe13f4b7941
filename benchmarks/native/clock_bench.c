/* Time stamps and first touches, each beside what it replaces.
 *
 *   clock.tsc_to_gettime    tt_tsc_now against clock_gettime(CLOCK_MONOTONIC)
 *   memory.large_to_small   filling a tt_region while it grows against memory from realloc, in
 * which each page of 4 kB is a fault of its own
 *
 * Interleaved rounds in alternating order; each ratio is the median over the rounds.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <tectra/memory.h>
#include <tectra/tsc.h>

enum { ROUNDS = 41 };

static volatile int64_t sink;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double counter(tt_tsc_clock *c, int n)
{
    int64_t sum = 0;
    const int64_t start = tt_mono_ns();
    for (int i = 0; i < n; i++)
        sum += tt_tsc_now(c);
    sink += sum;
    return (double)(tt_mono_ns() - start) / n;
}

static double gettime(int n)
{
    int64_t sum = 0;
    const int64_t start = tt_mono_ns();
    for (int i = 0; i < n; i++)
        sum += tt_mono_ns();
    sink += sum;
    return (double)(tt_mono_ns() - start) / n;
}

/* Nanoseconds for 4 kB: grow by doubling, touch each page once. */
static double large(uint64_t bytes)
{
    tt_region r = {NULL, 0};
    uint64_t at = 0;
    const int64_t start = tt_mono_ns();
    for (uint64_t room = 1 << 18; at < bytes; room *= 2) {
        if (tt_region_grow(&r, room) != TT_OK)
            exit(2);
        for (; at < room && at < bytes; at += TT_PAGE_BYTES)
            ((uint8_t *)r.base)[at] = 1;
    }
    const double ns = (double)(tt_mono_ns() - start) * TT_PAGE_BYTES / (double)bytes;
    tt_region_free(&r);
    return ns;
}

static double small(uint64_t bytes)
{
    uint8_t *p = NULL;
    uint64_t at = 0;
    const int64_t start = tt_mono_ns();
    for (uint64_t room = 1 << 18; at < bytes; room *= 2) {
        p = realloc(p, room);
        if (p == NULL)
            exit(2);
        for (; at < room && at < bytes; at += TT_PAGE_BYTES)
            p[at] = 1;
    }
    const double ns = (double)(tt_mono_ns() - start) * TT_PAGE_BYTES / (double)bytes;
    free(p);
    return ns;
}

static void report(const char *name, double *subject, double *yardstick, int rounds)
{
    double ratio[ROUNDS];
    for (int i = 0; i < rounds; i++)
        ratio[i] = subject[i] / yardstick[i];
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_value);
    qsort(subject, (size_t)rounds, sizeof *subject, by_value);
    qsort(yardstick, (size_t)rounds, sizeof *yardstick, by_value);
    printf("{\"name\": \"%s\", \"ratio\": %.4f, \"subject_ns\": %.3f, \"yardstick_ns\": %.3f}\n",
           name, ratio[rounds / 2], subject[rounds / 2], yardstick[rounds / 2]);
}

int main(void)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY");
    const int is_tiny = tiny != NULL && tiny[0] == '1';
    const int rounds = is_tiny ? 1 : ROUNDS, n = is_tiny ? 1000 : 100000;
    const uint64_t bytes = UINT64_C(1) << (is_tiny ? 23 : 26);
    double t[4][ROUNDS];
    tt_tsc_clock c;
    if (tt_tsc_calibrate(&c, 10 * TT_NS_PER_MS, TT_NS_PER_S) != TT_OK)
        return fprintf(stderr, "clock_bench: the counter does not advance\n"), 1;
    for (int i = 0; i < rounds; i++) {
        if (i % 2) {
            t[1][i] = gettime(n);
            t[0][i] = counter(&c, n);
            t[3][i] = small(bytes);
            t[2][i] = large(bytes);
        } else {
            t[0][i] = counter(&c, n);
            t[1][i] = gettime(n);
            t[2][i] = large(bytes);
            t[3][i] = small(bytes);
        }
    }
    report("clock.tsc_to_gettime", t[0], t[1], rounds);
    report("memory.large_to_small", t[2], t[3], rounds);
    return 0;
}
