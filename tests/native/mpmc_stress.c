/* Threads on one multi-producer multi-consumer ring: every record carries its producer, its number
 * there, and a checksum of its own bytes.
 *
 *   mpmc_stress MODE PRODUCERS CONSUMERS RECORDS CAPACITY START
 *
 * MODE: plain, fenced (copies), place (claim, abort, batches, in place; fenced), late (fenced, with
 * holders that stand still beyond a bound of 200 us), matrix (every P x C in 1..4 x 1..4, plain,
 * fenced, place; PRODUCERS and CONSUMERS are not used). Exit 0 when everything arrived as it was
 * sent, in the order of its producer, or is counted as given up; 1 with a line on stderr otherwise.
 */
#include "tectra/mpmc_wait.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 4
#define BATCH 5
/* A thread that a fault keeps inside the ring ends here. */
#define WALL_S 8
#define LATE_NS 200000

enum { PLAIN, FENCED, PLACE, LATE };

typedef struct {
    void *memory;
    uint64_t bytes, records; /* of one producer */
    int mode, producers, consumers;
    tt_atomic_u64 ended; /* producers that are done */
    tt_atomic_u32 *seen; /* producers x records: delivered, refused */
    tt_atomic_u64 popped, refused, aborted;
} job;

typedef struct {
    job *j;
    uint32_t id;
} worker;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static void fail(const char *what, uint64_t a, uint64_t b)
{
    fprintf(stderr, "mpmc_stress: %s (%llu, %llu)\n", what, (unsigned long long)a,
            (unsigned long long)b);
    exit(1);
}

static uint32_t bytes_of(uint32_t id, uint64_t number)
{
    return mix(number + id) % 3 == 0 ? 128 : 64;
}

/* The payload follows from producer and number; the last word is the sum of the others. */
static void make(uint64_t *words, uint32_t id, uint64_t number)
{
    const uint64_t n = bytes_of(id, number) / 8;
    tt_rec_init(words, n == 16 ? TT_T_BOOK_ADD_ATTRIBUTED : TT_T_BOOK_ADD);
    uint64_t sum = words[2] = number;
    sum += words[3] = id;
    for (uint64_t i = 4; i < n - 1; i++)
        sum += words[i] = mix((number * 4 + id) * 16 + i);
    words[n - 1] = sum;
}

static void stand_still(job *j, uint64_t seed, uint64_t one_in)
{
    if (j->mode == LATE && mix(seed) % one_in == 0)
        usleep(3 * LATE_NS / 1000);
}

static void refused(job *j, uint32_t id, uint64_t number)
{
    tt_fetch_add64(&j->refused, 1);
    if (tt_fetch_add32(&j->seen[id * j->records + number], 2) != 0)
        fail("refused and delivered", id, number);
}

/* Fill the claims in place, commit them in order; some are aborted first. */
static uint64_t claim_some(job *j, tt_mpmc *r, uint32_t id, uint64_t number)
{
    uint64_t words[16];
    tt_mpmc_item items[BATCH];
    const uint64_t left = j->records - number;
    const uint32_t want = (uint32_t)(1 + mix(number) % BATCH);
    const int64_t got = tt_mpmc_try_claim_n(r, 128, items, want < left ? want : (uint32_t)left);
    if (got < 0 && got != TT_E_FULL)
        fail("claim", (uint64_t)-got, number);
    uint64_t done = 0;
    for (int64_t i = 0; i < got; i++) {
        if (mix(items[i].pos) % 11 == 0) {
            if (tt_mpmc_abort(r, &items[i]) == TT_OK)
                tt_fetch_add64(&j->aborted, 1);
            continue;
        }
        make(words, id, number + done);
        items[i].bytes = bytes_of(id, number + done);
        stand_still(j, items[i].pos, 41);
        tt_copy_in(items[i].record, words, items[i].bytes);
        if (tt_mpmc_commit(r, &items[i], id + 1) != TT_OK)
            refused(j, id, number + done);
        done++;
    }
    return done;
}

static uint64_t push_one(job *j, tt_mpmc *r, uint32_t id, uint64_t number)
{
    uint64_t words[16];
    make(words, id, number);
    const int rc = tt_mpmc_try_push(r, words, id + 1);
    if (rc == TT_E_FULL)
        return 0;
    if (rc == TT_E_STATE && (j->mode == FENCED || j->mode == PLACE))
        refused(j, id, number); /* the machine held this thread up for longer than the bound */
    else if (rc != TT_OK)
        fail("push", (uint64_t)-rc, number);
    return 1;
}

static void *produce(void *arg)
{
    const worker *w = (const worker *)arg;
    job *j = w->j;
    tt_mpmc r;
    uint64_t number = 0;
    if (tt_mpmc_open(&r, j->memory, j->bytes) != TT_SHM_GOOD || tt_mpmc_join(&r) != TT_OK)
        fail("open", w->id, 0);
    while (number < j->records) {
        const uint64_t done =
            j->mode >= PLACE ? claim_some(j, &r, w->id, number) : push_one(j, &r, w->id, number);
        number += done;
        if (done == 0) {
            (void)tt_mpmc_unblock_write(&r, tt_mono_ns());
            sched_yield();
        }
    }
    tt_mpmc_leave(&r);
    tt_fetch_add64(&j->ended, 1);
    return NULL;
}

/* A record read by a consumer: right in every byte, and behind the last one of its producer. */
static uint32_t verify(job *j, const uint64_t *got, uint32_t bytes, uint32_t tag, uint64_t ring_seq,
                       uint64_t *last)
{
    uint64_t want[16];
    const uint32_t id = tag - 1;
    const uint64_t number = got[2];
    if (id >= (uint32_t)j->producers || number >= j->records || bytes != bytes_of(id, number))
        fail("no record of ours", id, number);
    make(want, id, number);
    want[1] = ring_seq;
    if (memcmp(want, got, bytes) != 0)
        fail("torn", id, number);
    if (number + 1 <= last[id])
        fail("out of order", id, number);
    last[id] = number + 1;
    return id;
}

static void delivered(job *j, uint32_t id, uint64_t number)
{
    if (tt_fetch_add32(&j->seen[id * j->records + number], 1) != 0)
        fail("delivered twice, or refused and delivered", id, number);
    tt_fetch_add64(&j->popped, 1);
}

static int64_t peek_some(job *j, tt_mpmc *r, uint64_t *last)
{
    uint64_t words[16];
    tt_mpmc_item items[BATCH];
    uint32_t end = 0;
    const int64_t got = tt_mpmc_try_peek_n(r, items, BATCH, &end);
    if (got < BATCH && !end)
        fail("a short batch that says there is more", (uint64_t)got, end);
    for (int64_t i = 0; i < got; i++) {
        stand_still(j, items[i].pos + 7, 61);
        tt_copy_out(words, items[i].record, items[i].bytes);
        const uint64_t number = words[2];
        const uint32_t id =
            verify(j, words, items[i].bytes, items[i].tag, tt_mpmc_number(r, items[i].pos), last);
        if (tt_mpmc_release(r, &items[i]) == TT_OK)
            delivered(j, id, number);
    }
    return got;
}

static int64_t pop_one(job *j, tt_mpmc *r, uint64_t *last)
{
    uint64_t words[16];
    uint32_t tag = 0;
    const int rc = tt_mpmc_try_pop(r, words, &tag);
    if (rc > 0)
        delivered(j, verify(j, words, (uint32_t)rc, tag, words[1], last), words[2]);
    return rc;
}

static void *consume(void *arg)
{
    const worker *w = (const worker *)arg;
    job *j = w->j;
    tt_mpmc r;
    uint64_t last[THREADS_MAX] = {0};
    if (tt_mpmc_open(&r, j->memory, j->bytes) != TT_SHM_GOOD || tt_mpmc_join(&r) != TT_OK)
        fail("open", w->id, 1);
    for (;;) {
        const int ended = tt_load_acquire64(&j->ended) == (uint64_t)j->producers;
        const int64_t rc = j->mode >= PLACE ? peek_some(j, &r, last) : pop_one(j, &r, last);
        if (rc > 0)
            continue;
        if (rc != TT_E_EMPTY)
            fail("pop", (uint64_t)-rc, w->id);
        /* What every producer had committed before it ended was there to be seen. */
        if (ended && tt_mpmc_depth(&r) == 0)
            break;
        (void)tt_mpmc_unblock_read(&r, tt_mono_ns());
        sched_yield();
    }
    tt_mpmc_leave(&r);
    return NULL;
}

static void settle(job *j, uint64_t start)
{
    tt_mpmc r;
    if (tt_mpmc_open(&r, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 9, 9);
    const uint64_t sent = j->records * (uint64_t)j->producers;
    const uint64_t popped = tt_load_acquire64(&j->popped),
                   refusals = tt_load_acquire64(&j->refused);
    const tt_mpmc_counts c = tt_mpmc_count(&r);
    if (popped + c.lost + refusals != sent)
        fail("sent, and neither read nor lost nor refused", sent, popped + c.lost + refusals);
    if (c.pushed != sent - refusals || c.popped != popped)
        fail("counters", c.pushed, c.popped);
    /* An abandoned claim was to be committed or aborted, and was fenced either way. */
    if (c.fenced != c.lost + c.abandoned || refusals > c.abandoned)
        fail("given up, and not fenced", c.fenced, c.lost + c.abandoned);
    const uint64_t positions = tt_load_acquire64(&r.page->write_pos) - start;
    if (positions != c.pushed + c.abandoned + c.aborted + c.skipped ||
        c.aborted != tt_load_acquire64(&j->aborted))
        fail("positions", positions, c.aborted);
    if (tt_mpmc_check(&r) != TT_OK || c.depth != 0)
        fail("the ring at rest is damaged", c.depth, 0);
    if (j->mode == LATE && (c.lost == 0 || c.abandoned == 0))
        fail("nobody was late: nothing was tested", c.lost, c.abandoned);
}

static void run(int mode, int producers, int consumers, uint64_t records, uint64_t capacity,
                uint64_t start)
{
    pthread_t thread[2 * THREADS_MAX];
    worker workers[2 * THREADS_MAX];
    const uint32_t flags = TT_MPMC_WIDE | TT_MPMC_STAMP | (mode == PLAIN ? 0 : TT_MPMC_FENCED);
    job j = {.mode = mode, .producers = producers, .consumers = consumers, .records = records};
    j.bytes = tt_mpmc_bytes(capacity, flags);
    j.memory = aligned_alloc(4096, (j.bytes + 4095) & ~4095ull);
    j.seen = (tt_atomic_u32 *)calloc(records * (uint64_t)producers, sizeof *j.seen);
    if (j.memory == NULL || j.seen == NULL)
        fail("memory", 0, 0);
    memset(j.memory, 0, j.bytes);
    if (tt_mpmc_init(j.memory, capacity, flags, start, mode == LATE ? LATE_NS : 2000000000, 1) !=
        TT_OK)
        fail("init", capacity, 0);
    for (int i = 0; i < producers + consumers; i++) {
        const int is_producer = i < producers;
        workers[i] = (worker){&j, (uint32_t)(is_producer ? i : i - producers)};
        if (pthread_create(&thread[i], NULL, is_producer ? produce : consume, &workers[i]) != 0)
            fail("thread", (uint64_t)i, 0);
    }
    for (int i = 0; i < producers + consumers; i++)
        pthread_join(thread[i], NULL);
    settle(&j, start);
    free(j.memory);
    free(j.seen);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"plain", "fenced", "place", "late"};
    if (argc != 7)
        return 2;
    const uint64_t records = strtoull(argv[4], NULL, 10), capacity = strtoull(argv[5], NULL, 10);
    const uint64_t start = strtoull(argv[6], NULL, 10);
    const int producers = atoi(argv[2]), consumers = atoi(argv[3]);
    alarm(strcmp(argv[1], "matrix") == 0 ? 8 * WALL_S : WALL_S);
    for (int mode = PLAIN; mode <= LATE; mode++)
        if (strcmp(argv[1], names[mode]) == 0)
            run(mode, producers, consumers, records, capacity, start);
    if (strcmp(argv[1], "matrix") == 0)
        for (int mode = PLAIN; mode <= PLACE; mode++)
            for (int shape = 0; shape < THREADS_MAX * THREADS_MAX; shape++)
                run(mode, 1 + shape / THREADS_MAX, 1 + shape % THREADS_MAX, records, capacity,
                    start);
    return 0;
}
