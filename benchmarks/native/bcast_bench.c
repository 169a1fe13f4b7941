/* The broadcast ring against the plain one it is judged by: slots of 64 bytes each behind a
 * sequence lock of its own (version odd while written, copied between two looks, fences), a reader
 * that remembers its position, no numbers, tags, record lengths, places or gap reports. All
 * variants do a round in one process, in turn; the median of the ratios of each round counts.
 *
 *   one     publish and read one record at a time, one thread: 512 in, 512 out
 *   batch   64 records a publish, 64 slots a read
 *   skip    the reader wants one record in 64: what the others cost, to reading them all
 *   stream  a thread publishes one by one, another reads what it can: time for each published one
 *   fan     the same with two readers
 */
#include "tectra/bcast_join.h"
#include "tectra/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define CAPACITY 1024u
#define FILL 512u
#define BATCH 64u
#define ROUNDS_MAX 41
#define READERS 2
#define NOINLINE __attribute__((noinline))

typedef struct {
    tt_atomic_u64 version; /* 2 x lap + 2 once written, odd before */
    uint8_t bytes[64];
    uint8_t pad[56];
} plain_slot;

typedef struct {
    plain_slot *slots;
    uint64_t capacity;
    _Alignas(128) tt_atomic_u64 tail;
} plain_ring;

typedef struct {
    plain_ring *plain;
    tt_bcast *ours;
} ring;

typedef struct {
    uint64_t plain_pos;
    tt_bcast_reader *ours;
} reader;

enum { PLAIN = 0, OURS = 1, OURS_BATCH = 2, OURS_SKIP = 3, KINDS = 4 };

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline void plain_publish(plain_ring *r, const void *rec)
{
    const uint64_t tail = tt_load_relaxed64(&r->tail);
    plain_slot *slot = &r->slots[tail & (r->capacity - 1)];
    const uint64_t version = tail / r->capacity * 2 + 1;
    tt_store_relaxed64(&slot->version, version);
    tt_fence_release(); /* pairs with the fence in plain_read */
    memcpy(slot->bytes, rec, 64);
    tt_store_release64(&slot->version, version + 1); /* pairs with the load in plain_read */
    tt_store_release64(&r->tail, tail + 1);
}

/* 1 and a record, or 0; goes on half a ring behind when it was lapped. */
static inline int plain_read(plain_ring *r, uint64_t *pos, void *out)
{
    const plain_slot *slot = &r->slots[*pos & (r->capacity - 1)];
    const uint64_t want = *pos / r->capacity * 2 + 2;
    const uint64_t version = tt_load_acquire64(&slot->version); /* pairs with plain_publish */
    if (version == want) {
        memcpy(out, slot->bytes, 64);
        tt_fence_acquire(); /* pairs with the fence in plain_publish */
        if (tt_load_relaxed64(&slot->version) == want) {
            ++*pos;
            return 1;
        }
    } else if (version < want) {
        return 0;
    }
    *pos = tt_load_acquire64(&r->tail) - r->capacity / 2;
    return 0;
}

NOINLINE static uint64_t one_plain(ring r, reader *rd, const uint64_t *recs, uint64_t records)
{
    uint64_t sum = 0, out[16];
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i++)
            plain_publish(r.plain, recs + i % BATCH * 8);
        for (uint64_t i = 0; i < FILL; i++) {
            sum += (uint64_t)plain_read(r.plain, &rd->plain_pos, out);
            sum += out[2];
        }
    }
    return sum;
}

NOINLINE static uint64_t one_ours(ring r, reader *rd, const uint64_t *recs, uint64_t records)
{
    uint64_t sum = 0, out[16];
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i++)
            sum += (uint64_t)tt_bcast_publish(r.ours, recs + i % BATCH * 8, 1);
        for (uint64_t i = 0; i < FILL; i++) {
            sum += (uint64_t)tt_bcast_try_read(rd->ours, out);
            sum += out[2];
        }
    }
    return sum;
}

NOINLINE static uint64_t batch_ours(ring r, reader *rd, const uint64_t *recs, uint64_t records)
{
    static uint64_t out[BATCH * 8];
    uint64_t sum = 0;
    tt_bcast_batch batch;
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i += BATCH)
            sum += (uint64_t)tt_bcast_publish_n(r.ours, recs, BATCH, NULL, 1);
        do {
            sum += (uint64_t)tt_bcast_read_n(rd->ours, out, BATCH, &batch);
            for (uint32_t i = 0; i < batch.slots; i++)
                sum += out[i * 8 + 2];
        } while (!batch.end_of_batch);
    }
    return sum;
}

/* What one_ours does, with a mask that one record in 64 meets. */
NOINLINE static uint64_t skip_ours(ring r, reader *rd, const uint64_t *recs, uint64_t records)
{
    uint64_t sum = 0, out[16];
    for (uint64_t done = 0; done < records; done += FILL) {
        for (uint64_t i = 0; i < FILL; i++)
            sum += (uint64_t)tt_bcast_publish(r.ours, recs + i % BATCH * 8, 1 + (i % BATCH == 0));
        while (tt_bcast_try_read(rd->ours, out) > 0)
            sum += out[2];
    }
    return sum;
}

static double one_thread(int kind, ring r, reader *rd, const uint64_t *recs, uint64_t records)
{
    static uint64_t (*const run[])(ring, reader *, const uint64_t *,
                                   uint64_t) = {one_plain, one_ours, batch_ours, skip_ours};
    tt_bcast_set_mask(rd->ours, kind == OURS_SKIP ? 2 : 1);
    const double start = now_ns();
    sink = run[kind](r, rd, recs, records);
    return (now_ns() - start) / (double)records;
}

typedef struct {
    ring r;
    reader rd;
    int kind;
    tt_atomic_u32 *stop;
    uint64_t sum;
    pthread_t thread;
} job;

static void *follow(void *arg)
{
    job *j = (job *)arg;
    uint64_t out[16], sum = 0, idle = 0;
    while (tt_load_relaxed32(j->stop) == 0) {
        const int got = j->kind == PLAIN ? plain_read(j->r.plain, &j->rd.plain_pos, out)
                                         : tt_bcast_try_read(j->rd.ours, out) > 0;
        if (got) {
            sum += out[2];
        } else {
            tt_cpu_relax();
            if (++idle % 4096 == 0)
                sched_yield();
        }
    }
    j->sum = sum;
    return NULL;
}

static double threads(int kind, ring r, reader *rd, int readers, const uint64_t *recs,
                      uint64_t records)
{
    job j[READERS];
    tt_atomic_u32 stop;
    tt_store_relaxed32(&stop, 0);
    for (int i = 0; i < readers; i++) {
        j[i] = (job){.r = r, .rd = rd[i], .kind = kind, .stop = &stop};
        if (pthread_create(&j[i].thread, NULL, follow, &j[i]) != 0)
            exit(2);
    }
    const double start = now_ns();
    for (uint64_t i = 0; i < records; i++) {
        if (kind == PLAIN)
            plain_publish(r.plain, recs + i % BATCH * 8);
        else
            sink = (uint64_t)tt_bcast_publish(r.ours, recs + i % BATCH * 8, 1);
    }
    const double took = now_ns() - start;
    tt_store_relaxed32(&stop, 1);
    for (int i = 0; i < readers; i++) {
        pthread_join(j[i].thread, NULL);
        sink = j[i].sum;
        rd[i].plain_pos = j[i].rd.plain_pos;
    }
    return took / (double)records;
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

static ring make(reader *rd)
{
    ring r;
    const uint64_t bytes = tt_bcast_bytes(CAPACITY);
    void *memory = aligned_zero(bytes);
    r.plain = aligned_zero(sizeof(plain_ring));
    r.plain->slots = aligned_zero(CAPACITY * sizeof(plain_slot));
    r.plain->capacity = CAPACITY;
    r.ours = aligned_zero(sizeof(tt_bcast));
    if (tt_bcast_init(memory, CAPACITY, TT_BCAST_STAMP, 0, 0) != TT_OK ||
        tt_bcast_open(r.ours, memory, bytes) != TT_SHM_GOOD)
        exit(2);
    for (int i = 0; i < READERS; i++) {
        rd[i] = (reader){.ours = aligned_zero(sizeof(tt_bcast_reader))};
        if (tt_bcast_join(rd[i].ours, r.ours, "bench", 1, TT_BCAST_NEWEST) != TT_OK)
            exit(2);
    }
    return r;
}

int main(void)
{
    static double took[KINDS][ROUNDS_MAX];
    const char *env = getenv("TECTRA_BENCH_TINY");
    const int tiny = env && env[0] == '1';
    const int rounds = tiny ? 1 : 41;
    /* Short rounds: on a busy machine a long one is interrupted and a short one is not. */
    const uint64_t records = tiny ? FILL : 32u * 1024u;
    uint64_t *recs = aligned_zero(BATCH * 64);
    reader rd[READERS];
    for (uint64_t i = 0; i < BATCH; i++)
        tt_rec_init(recs + i * 8, TT_T_BOOK_ADD);
    ring r = make(rd);
    for (int i = -1; i < rounds; i++) { /* the first round warms up */
        const int slot = i < 0 ? 0 : i;
        for (int step = 0; step < KINDS; step++) {
            const int kind = (step + slot) % KINDS;
            took[kind][slot] = one_thread(kind, r, rd, recs, records);
        }
    }
    report("bcast.one_to_plain", took, OURS, PLAIN, rounds);
    report("bcast.batch_to_plain", took, OURS_BATCH, PLAIN, rounds);
    report("bcast.skip_to_read", took, OURS_SKIP, OURS, rounds);
    tt_bcast_set_mask(rd[0].ours, 1);
    for (int readers = 1; readers <= READERS; readers++) {
        for (int i = -1; i < rounds; i++) {
            const int slot = i < 0 ? 0 : i;
            for (int step = 0; step < 2; step++) {
                const int kind = (step + slot) % 2;
                took[kind][slot] = threads(kind, r, rd, readers, recs, records / 2);
            }
        }
        report(readers == 1 ? "bcast.stream_to_plain" : "bcast.fan_to_plain", took, OURS, PLAIN,
               rounds);
    }
    return 0;
}
