/* The ring against the two plain layouts it is judged by, with the same 64-byte slots and records:
 * an index ring (cached peer index, one release store of the index per record), and a sequence
 * ring (a sequence word inside the slot, one line per record), both with a capacity chosen at run
 * time, as libraries have it, and neither with counters, record lengths or checks. All variants do
 * a round in one process, in turn; the median of the ratios of each round counts. Consumers read in
 * place.
 *
 *   one     push and pop one record at a time, one thread: 512 in, 512 out
 *   batch   64 records a push, runs out
 *   stream  a thread pushes one by one, another pops
 *   batch_stream  a thread pushes 64 records a time, another reads runs
 *   trip    one record there and one back, two threads, spinning
 */
#include "tectra/cpu.h"
#include "tectra/spsc.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define CAPACITY 1024u
#define FILL 512u
#define BATCH 64u
#define ROUNDS_MAX 41
#define NOINLINE __attribute__((noinline))

typedef struct {
    uint8_t (*slots)[64];
    uint64_t capacity;
    _Alignas(128) tt_atomic_u64 tail;
    uint64_t cached_head;
    _Alignas(128) tt_atomic_u64 head;
    uint64_t cached_tail;
} index_ring;

typedef struct {
    uint8_t (*slots)[64];
    uint64_t capacity;
    _Alignas(128) uint64_t tail;
    uint64_t cached_head;
    _Alignas(128) tt_atomic_u64 head;
} sequence_ring;

typedef union {
    index_ring *index;
    sequence_ring *sequence;
    tt_spsc *ours;
} ring;

enum { INDEX = 0, SEQUENCE = 1, OURS = 2, KINDS = 3, BATCHED = 3 };

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int index_push(index_ring *r, const void *rec)
{
    const uint64_t tail = tt_load_relaxed64(&r->tail);
    if (tail - r->cached_head == r->capacity) {
        r->cached_head = tt_load_acquire64(&r->head); /* pairs with index_release */
        if (tail - r->cached_head == r->capacity)
            return TT_E_FULL;
    }
    memcpy(r->slots[tail & (r->capacity - 1)], rec, 64);
    tt_store_release64(&r->tail, tail + 1); /* pairs with index_peek */
    return TT_OK;
}

static inline const tt_head *index_peek(index_ring *r)
{
    const uint64_t head = tt_load_relaxed64(&r->head);
    if (head == r->cached_tail) {
        r->cached_tail = tt_load_acquire64(&r->tail); /* pairs with index_push */
        if (head == r->cached_tail)
            return NULL;
    }
    return (const tt_head *)(const void *)r->slots[head & (r->capacity - 1)];
}

static inline void index_release(index_ring *r)
{
    tt_store_release64(&r->head, tt_load_relaxed64(&r->head) + 1); /* pairs with index_push */
}

static inline int sequence_push(sequence_ring *r, const void *rec)
{
    const uint64_t tail = r->tail;
    if (tail - r->cached_head == r->capacity) {
        r->cached_head = tt_load_acquire64(&r->head); /* pairs with sequence_release */
        if (tail - r->cached_head == r->capacity)
            return TT_E_FULL;
    }
    uint8_t *slot = r->slots[tail & (r->capacity - 1)];
    memcpy(slot + 8, (const uint8_t *)rec + 8, 56);
    tt_store_release64((tt_atomic_u64 *)(void *)slot, ++r->tail); /* pairs with sequence_peek */
    return TT_OK;
}

static inline const tt_head *sequence_peek(sequence_ring *r)
{
    const uint64_t head = tt_load_relaxed64(&r->head);
    uint8_t *slot = r->slots[head & (r->capacity - 1)];
    /* Pairs with the release store in sequence_push. */
    return tt_load_acquire64((tt_atomic_u64 *)(void *)slot) == head + 1
               ? (const tt_head *)(const void *)slot
               : NULL;
}

static inline void sequence_release(sequence_ring *r)
{
    tt_store_release64(&r->head, tt_load_relaxed64(&r->head) + 1); /* pairs with sequence_push */
}

static inline int push(int kind, ring r, const void *rec)
{
    return kind == INDEX      ? index_push(r.index, rec)
           : kind == SEQUENCE ? sequence_push(r.sequence, rec)
                              : tt_spsc_try_push(r.ours, rec);
}

static inline const tt_head *peek(int kind, ring r)
{
    return kind == INDEX      ? index_peek(r.index)
           : kind == SEQUENCE ? sequence_peek(r.sequence)
                              : tt_spsc_peek(r.ours);
}

static inline void release(int kind, ring r)
{
    if (kind == INDEX)
        index_release(r.index);
    else if (kind == SEQUENCE)
        sequence_release(r.sequence);
    else
        tt_spsc_release(r.ours);
}

/* Inlined into one function per kind, so that every layout gets the compiler's best. */
static inline uint64_t fill_and_drain(int kind, ring r, const uint64_t *recs, uint64_t records)
{
    uint64_t sum = 0;
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i++)
            sum += (uint64_t)push(kind, r, recs + i % BATCH * 8);
        for (uint64_t i = 0; i < FILL; i++) {
            const tt_head *rec = peek(kind, r);
            sum += (uint64_t)rec->ts_event_ns;
            release(kind, r);
        }
    }
    return sum;
}

NOINLINE static uint64_t one_index(ring r, const uint64_t *recs, uint64_t n)
{
    return fill_and_drain(INDEX, r, recs, n);
}

NOINLINE static uint64_t one_sequence(ring r, const uint64_t *recs, uint64_t n)
{
    return fill_and_drain(SEQUENCE, r, recs, n);
}

NOINLINE static uint64_t one_ours(ring r, const uint64_t *recs, uint64_t n)
{
    return fill_and_drain(OURS, r, recs, n);
}

NOINLINE static uint64_t batch_ours(ring r, const uint64_t *recs, uint64_t records)
{
    uint64_t sum = 0;
    tt_spsc_run run;
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i += BATCH)
            sum += (uint64_t)tt_spsc_try_push_n(r.ours, recs, BATCH);
        while (tt_spsc_peek_run(r.ours, FILL, &run) == TT_OK) {
            for (uint32_t i = 0; i < run.slots; i++)
                sum +=
                    (uint64_t)((const tt_head *)(const void *)((const uint8_t *)run.first + i * 64))
                        ->ts_event_ns;
            tt_spsc_release_run(r.ours, &run);
        }
    }
    return sum;
}

typedef struct {
    int kind;
    ring there, back;
    const uint64_t *recs;
    uint64_t records;
} job;

static inline void pause_after(uint64_t spins)
{
    tt_cpu_relax();
    if (spins % 4096 == 4095)
        sched_yield();
}

static inline void wait_push(int kind, ring r, const void *rec)
{
    for (uint64_t spins = 0; push(kind, r, rec) != TT_OK; spins++)
        pause_after(spins);
}

static inline uint64_t wait_pop(int kind, ring r)
{
    const tt_head *rec;
    for (uint64_t spins = 0; (rec = peek(kind, r)) == NULL; spins++)
        pause_after(spins);
    const uint64_t value = (uint64_t)rec->ts_event_ns;
    release(kind, r);
    return value;
}

static inline void stream_in(int kind, const job *j)
{
    for (uint64_t i = 0; i < j->records; i++)
        wait_push(kind, j->there, j->recs + i % BATCH * 8);
}

static void batches_in(const job *j)
{
    for (uint64_t done = 0, spins = 0; done < j->records; spins++) {
        const uint64_t at = done % BATCH, left = j->records - done;
        const uint64_t most = BATCH - at < left ? BATCH - at : left;
        const int64_t took = tt_spsc_try_push_n(j->there.ours, j->recs + at * 8, most);
        if (took > 0)
            done += (uint64_t)took;
        else
            pause_after(spins);
    }
}

static uint64_t batches_out(const job *j)
{
    uint64_t sum = 0;
    tt_spsc_run run;
    for (uint64_t done = 0, spins = 0; done < j->records; spins++) {
        if (tt_spsc_peek_run(j->there.ours, CAPACITY, &run) != TT_OK) {
            pause_after(spins);
            continue;
        }
        const uint8_t *at = (const uint8_t *)run.first;
        for (uint32_t i = 0; i < run.slots; i++, at += 64)
            sum += (uint64_t)((const tt_head *)(const void *)at)->ts_event_ns;
        tt_spsc_release_run(j->there.ours, &run);
        done += run.slots;
    }
    return sum;
}

static inline void echo(int kind, const job *j)
{
    for (uint64_t i = 0; i < j->records; i++) {
        sink = wait_pop(kind, j->there);
        wait_push(kind, j->back, j->recs);
    }
}

static inline uint64_t stream_out(int kind, const job *j)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < j->records; i++)
        sum += wait_pop(kind, j->there);
    return sum;
}

static inline uint64_t ask(int kind, const job *j)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < j->records; i++) {
        wait_push(kind, j->there, j->recs);
        sum += wait_pop(kind, j->back);
    }
    return sum;
}

static void *stream_thread(void *arg)
{
    const job *j = (const job *)arg;
    if (j->kind == BATCHED)
        batches_in(j);
    else if (j->kind == INDEX)
        stream_in(INDEX, j);
    else if (j->kind == SEQUENCE)
        stream_in(SEQUENCE, j);
    else
        stream_in(OURS, j);
    return NULL;
}

static void *echo_thread(void *arg)
{
    const job *j = (const job *)arg;
    if (j->kind == INDEX)
        echo(INDEX, j);
    else if (j->kind == SEQUENCE)
        echo(SEQUENCE, j);
    else
        echo(OURS, j);
    return NULL;
}

static double two_threads(job *j, int trip)
{
    pthread_t other;
    if (pthread_create(&other, NULL, trip ? echo_thread : stream_thread, j) != 0)
        exit(2);
    const double start = now_ns();
    if (j->kind == BATCHED)
        sink = batches_out(j);
    else if (j->kind == INDEX)
        sink = trip ? ask(INDEX, j) : stream_out(INDEX, j);
    else if (j->kind == SEQUENCE)
        sink = trip ? ask(SEQUENCE, j) : stream_out(SEQUENCE, j);
    else
        sink = trip ? ask(OURS, j) : stream_out(OURS, j);
    const double took = now_ns() - start;
    pthread_join(other, NULL);
    return took / (double)j->records;
}

static double one_thread(int which, ring r, const uint64_t *recs, uint64_t records)
{
    static uint64_t (*const run[])(ring, const uint64_t *, uint64_t) = {one_index, one_sequence,
                                                                        one_ours, batch_ours};
    const double start = now_ns();
    sink = run[which](r, recs, records);
    return (now_ns() - start) / (double)records;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[n / 2];
}

static void report(const char *name, double (*took)[ROUNDS_MAX], int subject, int yardstick,
                   int rounds)
{
    double ratio[ROUNDS_MAX], a[ROUNDS_MAX], b[ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        a[i] = took[subject][i];
        b[i] = took[yardstick][i];
        ratio[i] = a[i] / b[i];
    }
    printf("{\"name\": \"%s\", \"ratio\": %.4f, \"subject_ns\": %.3f, \"yardstick_ns\": %.3f}\n",
           name, median(ratio, rounds), median(a, rounds), median(b, rounds));
}

static void *aligned_zero(size_t bytes)
{
    bytes = (bytes + 4095) & ~(size_t)4095;
    void *p = aligned_alloc(4096, bytes);
    if (p == NULL)
        exit(2);
    return memset(p, 0, bytes);
}

static ring make(int kind)
{
    ring r = {0};
    const uint64_t bytes = tt_spsc_bytes(CAPACITY, 0);
    if (kind == INDEX) {
        r.index = aligned_zero(sizeof(index_ring));
        r.index->slots = aligned_zero(CAPACITY * 64);
        r.index->capacity = CAPACITY;
    } else if (kind == SEQUENCE) {
        r.sequence = aligned_zero(sizeof(sequence_ring));
        r.sequence->slots = aligned_zero(CAPACITY * 64);
        r.sequence->capacity = CAPACITY;
    } else {
        void *memory = aligned_zero(bytes);
        r.ours = aligned_zero(sizeof(tt_spsc));
        if (tt_spsc_init(memory, CAPACITY, 0, 0, 0) != TT_OK ||
            tt_spsc_open(r.ours, memory, bytes) != TT_SHM_GOOD)
            exit(2);
    }
    return r;
}

/* A side is held by one handle, so two threads that use two handles leave what the last held. */
static void reset(int kind, ring r)
{
    if (kind >= OURS)
        tt_spsc_leave(r.ours);
}

int main(void)
{
    static double took[8][ROUNDS_MAX];
    const char *env = getenv("TECTRA_BENCH_TINY");
    const int tiny = env && env[0] == '1';
    const int rounds = tiny ? 1 : 31, rounds2 = tiny ? 1 : 15;
    const uint64_t records = tiny ? FILL : 512u * 1024u, trips = tiny ? 100 : 20000;
    uint64_t *recs = aligned_zero(BATCH * 64);
    ring there[KINDS], back[KINDS];
    for (uint64_t i = 0; i < BATCH; i++)
        tt_rec_init(recs + i * 8, TT_T_BOOK_ADD);
    for (int kind = 0; kind < KINDS; kind++) {
        there[kind] = make(kind);
        back[kind] = make(kind);
    }
    for (int i = -1; i < rounds; i++) { /* the first round warms up */
        const int slot = i < 0 ? 0 : i;
        for (int step = 0; step < 4; step++) {
            const int which = (step + slot) % 4;
            took[which][slot] = one_thread(which, there[which < 3 ? which : 2], recs, records);
        }
    }
    report("spsc.one_to_index", took, 2, 0, rounds);
    report("spsc.one_to_sequence", took, 2, 1, rounds);
    report("spsc.batch_to_index", took, 3, 0, rounds);
    for (int trip = 0; trip < 2; trip++) {
        const int kinds = trip ? KINDS : KINDS + 1;
        for (int i = -1; i < rounds2; i++) {
            const int slot = i < 0 ? 0 : i;
            for (int step = 0; step < kinds; step++) {
                const int kind = (step + slot) % kinds, own = kind < KINDS ? kind : OURS;
                job j = {kind, there[own], back[own], recs, trip ? trips : records};
                took[kind][slot] = two_threads(&j, trip);
                reset(kind, there[own]);
                reset(kind, back[own]);
            }
        }
        report(trip ? "spsc.trip_to_index" : "spsc.stream_to_index", took, 2, 0, rounds2);
        report(trip ? "spsc.trip_to_sequence" : "spsc.stream_to_sequence", took, 2, 1, rounds2);
        if (!trip) {
            report("spsc.batch_stream_to_index", took, BATCHED, 0, rounds2);
            report("spsc.batch_stream_to_sequence", took, BATCHED, 1, rounds2);
        }
    }
    return 0;
}
