/* Noting an error that the page knows, beside counting it.
 *
 *   yardstick   one relaxed counter of one writer, and its sequence and time: three stores
 *   note        tt_errlog_note: place and code looked up, then the same
 *   shared      tt_errlog_note_shared: with a locked add, against the same yardstick
 *
 * Sixteen kinds of trouble in turn. Interleaved rounds in alternating order; each ratio is the
 * median over the rounds.
 */
#define _GNU_SOURCE
#include <tectra/errlog.h>
#include <time.h>

enum { ROUNDS = 41, KINDS = 16 };

typedef struct {
    tt_atomic_u64 count, seq, ns;
} plain_entry;

static plain_entry plain_page[KINDS];
static tt_errlog *page;
static uint64_t notes = 200000;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
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

static double plain(void)
{
    const double start = now_ns();
    for (uint64_t i = 0; i < notes; i++) {
        plain_entry *e = &plain_page[i % KINDS];
        tt_store_relaxed64(&e->seq, i);
        tt_store_relaxed64(&e->ns, i * 3);
        tt_bump64(&e->count, 1);
    }
    return (now_ns() - start) / (double)notes;
}

static double note(void)
{
    const double start = now_ns();
    for (uint64_t i = 0; i < notes; i++)
        tt_errlog_note(page, 1 + (uint32_t)(i % 4), -(int32_t)(i % KINDS), i, (int64_t)i * 3);
    return (now_ns() - start) / (double)notes;
}

static double shared(void)
{
    const double start = now_ns();
    for (uint64_t i = 0; i < notes; i++)
        tt_errlog_note_shared(page, 1 + (uint32_t)(i % 4), -(int32_t)(i % KINDS), i,
                              (int64_t)i * 3);
    return (now_ns() - start) / (double)notes;
}

static void report(const char *name, double *subject, const double *yardstick, int rounds)
{
    double ratio[ROUNDS], base[ROUNDS];
    for (int i = 0; i < rounds; i++)
        ratio[i] = subject[i] / yardstick[i];
    memcpy(base, yardstick, sizeof base);
    printf("{\"name\": \"%s\", \"ratio\": %.4f, \"subject_ns\": %.3f, \"yardstick_ns\": %.3f}\n",
           name, median(ratio, rounds), median(subject, rounds), median(base, rounds));
}

int main(void)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY");
    const int rounds = tiny != NULL && tiny[0] == '1' ? 1 : ROUNDS;
    double t[3][ROUNDS];
    if (rounds == 1)
        notes = 1000;
    page = calloc(1, tt_errlog_bytes(256));
    if (page == NULL || tt_errlog_init(page, 256, 0) != TT_OK)
        return 2;
    plain();
    note();
    for (int i = 0; i < rounds; i++) {
        if (i % 2)
            t[0][i] = plain();
        t[1][i] = note();
        t[2][i] = shared();
        if (i % 2 == 0)
            t[0][i] = plain();
    }
    report("errlog.note_to_count", t[1], t[0], rounds);
    report("errlog.shared_to_count", t[2], t[0], rounds);
    if (tt_load_relaxed64(&page->lost) != 0)
        return fprintf(stderr, "errlog_bench: notes were lost\n"), 1;
    free(page);
    return 0;
}
