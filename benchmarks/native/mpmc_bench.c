/* The ring of many against a plain one: a turn number per slot, one compare and swap for a ticket,
 * as the well-known libraries have it, with the same 64-byte records and slots of two lines, and
 * without record lengths, tags, stamps, owners or counters. All variants do a round in one process,
 * in turn; the median of the ratios of each round counts. Every pop copies the record out.
 *
 *   one      push and pop one record at a time, one thread: 512 in, 512 out
 *   stream   threads push one by one, others pop: 1 to 1, 2 to 2
 *   trip     one record there and one back, two threads, spinning
 */
#include "tectra/cpu.h"
#include "tectra/mpmc.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define CAPACITY 1024u
#define FILL 512u
#define BATCH 64u
#define ROUNDS_MAX 41
#define NOINLINE __attribute__((noinline))

typedef struct {
    _Alignas(128) tt_atomic_u64 turn;
    uint8_t record[64];
} turn_slot;

typedef struct {
    turn_slot *slots;
    uint64_t mask;
    uint32_t shift;
    _Alignas(128) tt_atomic_u64 tail;
    _Alignas(128) tt_atomic_u64 head;
} turn_ring;

typedef union {
    turn_ring *turn;
    struct {
        void *memory;
        uint64_t bytes;
        tt_mpmc *one; /* for one thread */
    } ours;
} ring;

enum { TURN = 0, PLAIN = 1, FENCED = 2, KINDS = 3 };

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int turn_push(turn_ring *r, const void *rec)
{
    uint64_t tail = tt_load_acquire64(&r->tail);
    for (;;) {
        turn_slot *slot = &r->slots[tail & r->mask];
        if (tt_load_acquire64(&slot->turn) == (tail >> r->shift) * 2) { /* pairs with turn_pop */
            if (tt_cas64(&r->tail, &tail, tail + 1)) {
                memcpy(slot->record, rec, 64);
                tt_store_release64(&slot->turn, (tail >> r->shift) * 2 + 1);
                return TT_OK;
            }
        } else {
            const uint64_t before = tail;
            tail = tt_load_acquire64(&r->tail);
            if (tail == before)
                return TT_E_FULL;
        }
    }
}

static inline int turn_pop(turn_ring *r, void *out)
{
    uint64_t head = tt_load_acquire64(&r->head);
    for (;;) {
        turn_slot *slot = &r->slots[head & r->mask];
        if (tt_load_acquire64(&slot->turn) == (head >> r->shift) * 2 + 1) { /* with turn_push */
            if (tt_cas64(&r->head, &head, head + 1)) {
                memcpy(out, slot->record, 64);
                tt_store_release64(&slot->turn, (head >> r->shift) * 2 + 2);
                return 64;
            }
        } else {
            const uint64_t before = head;
            head = tt_load_acquire64(&r->head);
            if (head == before)
                return TT_E_EMPTY;
        }
    }
}

/* One thread's way to a ring. */
typedef struct {
    turn_ring *turn;
    tt_mpmc *ours;
} way;

static inline int push(int kind, way w, const void *rec)
{
    return kind == TURN ? turn_push(w.turn, rec) : tt_mpmc_try_push(w.ours, rec, 0);
}

static inline int pop(int kind, way w, void *out)
{
    return kind == TURN ? turn_pop(w.turn, out) : tt_mpmc_try_pop(w.ours, out, NULL);
}

/* Inlined into one function per kind, so that every layout gets the compiler's best. */
static inline uint64_t fill_and_drain(int kind, way w, const uint64_t *recs, uint64_t records)
{
    uint64_t sum = 0, out[16];
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i++)
            sum += (uint64_t)push(kind, w, recs + i % BATCH * 8);
        for (uint64_t i = 0; i < FILL; i++) {
            sum += (uint64_t)pop(kind, w, out);
            sum += out[2];
        }
    }
    return sum;
}

NOINLINE static uint64_t one_turn(way w, const uint64_t *recs, uint64_t n)
{
    return fill_and_drain(TURN, w, recs, n);
}

NOINLINE static uint64_t one_plain(way w, const uint64_t *recs, uint64_t n)
{
    return fill_and_drain(PLAIN, w, recs, n);
}

NOINLINE static uint64_t one_fenced(way w, const uint64_t *recs, uint64_t n)
{
    return fill_and_drain(FENCED, w, recs, n);
}

typedef struct {
    int kind, is_producer;
    ring there, back;
    const uint64_t *recs;
    uint64_t records;
} job;

static inline void rest(uint64_t spins)
{
    tt_cpu_relax();
    if (spins % 4096 == 4095)
        sched_yield();
}

static inline void wait_push(int kind, way w, const void *rec)
{
    for (uint64_t spins = 0; push(kind, w, rec) != TT_OK; spins++)
        rest(spins);
}

static inline uint64_t wait_pop(int kind, way w)
{
    uint64_t out[16];
    for (uint64_t spins = 0; pop(kind, w, out) < 0; spins++)
        rest(spins);
    return out[2];
}

/* The handle of this thread. */
static way enter(int kind, ring r, tt_mpmc *handle)
{
    if (kind == TURN)
        return (way){r.turn, NULL};
    if (tt_mpmc_open(handle, r.ours.memory, r.ours.bytes) != TT_SHM_GOOD ||
        tt_mpmc_join(handle) != TT_OK)
        exit(2);
    return (way){NULL, handle};
}

static void leave(int kind, way w)
{
    if (kind != TURN)
        tt_mpmc_leave(w.ours);
}

static inline void stream(int kind, const job *j, way w)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < j->records; i++)
        if (j->is_producer)
            wait_push(kind, w, j->recs + i % BATCH * 8);
        else
            sum += wait_pop(kind, w);
    sink = sum;
}

static void *stream_thread(void *arg)
{
    const job *j = (const job *)arg;
    tt_mpmc handle;
    const way w = enter(j->kind, j->there, &handle);
    if (j->kind == TURN)
        stream(TURN, j, w);
    else if (j->kind == PLAIN)
        stream(PLAIN, j, w);
    else
        stream(FENCED, j, w);
    leave(j->kind, w);
    return NULL;
}

static inline void trip(int kind, const job *j, way there, way back)
{
    for (uint64_t i = 0; i < j->records; i++) {
        if (j->is_producer)
            wait_push(kind, there, j->recs);
        sink = wait_pop(kind, j->is_producer ? back : there);
        if (!j->is_producer)
            wait_push(kind, back, j->recs);
    }
}

static void *trip_thread(void *arg)
{
    const job *j = (const job *)arg;
    tt_mpmc handles[2];
    const way there = enter(j->kind, j->there, &handles[0]);
    const way back = enter(j->kind, j->back, &handles[1]);
    if (j->kind == TURN)
        trip(TURN, j, there, back);
    else if (j->kind == PLAIN)
        trip(PLAIN, j, there, back);
    else
        trip(FENCED, j, there, back);
    leave(j->kind, there);
    leave(j->kind, back);
    return NULL;
}

static double threads(job base, int producers, void *(*body)(void *))
{
    pthread_t thread[4];
    job jobs[4];
    const double start = now_ns();
    for (int i = 0; i < 2 * producers; i++) {
        jobs[i] = base;
        jobs[i].is_producer = i < producers;
        if (pthread_create(&thread[i], NULL, body, &jobs[i]) != 0)
            exit(2);
    }
    for (int i = 0; i < 2 * producers; i++)
        pthread_join(thread[i], NULL);
    return (now_ns() - start) / (double)(base.records * (uint64_t)producers);
}

static double one_thread(int kind, ring r, const uint64_t *recs, uint64_t records)
{
    static uint64_t (*const run[])(way, const uint64_t *, uint64_t) = {one_turn, one_plain,
                                                                       one_fenced};
    const way w = {r.turn, kind == TURN ? NULL : r.ours.one};
    const double start = now_ns();
    sink = run[kind](w, recs, records);
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

static void report(const char *what, double (*took)[ROUNDS_MAX], int rounds)
{
    static const char *const names[] = {"turn", "plain", "fenced"};
    for (int kind = PLAIN; kind < KINDS; kind++) {
        double ratio[ROUNDS_MAX], a[ROUNDS_MAX], b[ROUNDS_MAX];
        for (int i = 0; i < rounds; i++) {
            a[i] = took[kind][i];
            b[i] = took[TURN][i];
            ratio[i] = a[i] / b[i];
        }
        printf("{\"name\": \"mpmc.%s_%s\", \"ratio\": %.4f, \"subject_ns\": %.3f, "
               "\"yardstick_ns\": %.3f}\n",
               names[kind], what, median(ratio, rounds), median(a, rounds), median(b, rounds));
    }
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
    if (kind == TURN) {
        r.turn = aligned_zero(sizeof(turn_ring));
        r.turn->slots = aligned_zero(CAPACITY * sizeof(turn_slot));
        r.turn->mask = CAPACITY - 1;
        r.turn->shift = 10;
        return r;
    }
    const uint32_t flags = TT_MPMC_STAMP | (kind == FENCED ? TT_MPMC_FENCED : 0);
    r.ours.bytes = tt_mpmc_bytes(CAPACITY, flags);
    r.ours.memory = aligned_zero(r.ours.bytes);
    r.ours.one = aligned_zero(sizeof(tt_mpmc));
    if (tt_mpmc_init(r.ours.memory, CAPACITY, flags, 0, TT_MPMC_UNBLOCK_NS, 1) != TT_OK)
        exit(2);
    (void)enter(kind, r, r.ours.one);
    return r;
}

int main(void)
{
    static double took[KINDS][ROUNDS_MAX];
    const char *env = getenv("TECTRA_BENCH_TINY");
    const int tiny = env && env[0] == '1';
    const int rounds = tiny ? 1 : 21;
    const uint64_t records = tiny ? FILL : 256u * 1024u, trips = tiny ? 100 : 2000;
    uint64_t *recs = aligned_zero(BATCH * 64);
    ring there[KINDS], back[KINDS];
    for (uint64_t i = 0; i < BATCH; i++)
        tt_rec_init(recs + i * 8, TT_T_BOOK_ADD);
    for (int kind = 0; kind < KINDS; kind++) {
        there[kind] = make(kind);
        back[kind] = make(kind);
    }
    for (int what = 0; what < 4; what++) {
        static const char *const names[] = {"one", "stream_1_1", "stream_2_2", "trip"};
        for (int i = -1; i < rounds; i++) { /* the first round warms up */
            const int slot = i < 0 ? 0 : i;
            for (int step = 0; step < KINDS; step++) {
                const int kind = (step + slot) % KINDS;
                const job j = {.kind = kind,
                               .there = there[kind],
                               .back = back[kind],
                               .recs = recs,
                               .records = what == 3 ? trips : records / 8};
                took[kind][slot] = what == 0   ? one_thread(kind, there[kind], recs, records)
                                   : what == 3 ? threads(j, 1, trip_thread)
                                               : threads(j, what, stream_thread);
            }
        }
        report(names[what], took, rounds);
    }
    return 0;
}
