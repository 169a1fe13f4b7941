/* Two-thread stress of the ring: every record carries its number and a checksum of its own bytes.
 *
 *   spsc_stress MODE RECORDS CAPACITY START     MODE: one, batch, mixed, pop, lossy, claim, park
 *
 * claim writes in place, one record or several, and gives up every fifth claim half written. park
 * sleeps on both sides at once whenever there is nothing to do: a wake that is lost shows as a wait
 * of seconds.
 *
 * Exit 0 when everything arrived as it was sent; 1 with a line on stderr otherwise. START is the
 * first position, so that the wrap of the 64-bit positions can be crossed.
 */
#include "tectra/spsc_claim.h"
#include "tectra/spsc_wait.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_SLOTS 48
#define IDLE_MAX 2000000000ull
/* A reader that a fault keeps inside the ring ends here. */
#define WALL_S 10
/* A park lasts so long if nobody wakes; a wait of half of it is one that nobody ended. */
#define PARK_NS INT64_C(6000000000)

typedef struct {
    void *memory;
    uint64_t bytes, records, seed;
    const char *mode;
} job;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static int is_wide(const job *j, uint64_t number)
{
    return strcmp(j->mode, "one") != 0 && mix(number + j->seed) % 3 == 0;
}

/* Record `number`: its payload words follow from the number, the last one is their sum. */
static uint64_t make(const job *j, uint64_t number, uint64_t *words)
{
    const uint64_t n = is_wide(j, number) ? 16 : 8;
    tt_rec_init(words, n == 16 ? TT_T_BOOK_ADD_ATTRIBUTED : TT_T_BOOK_ADD);
    uint64_t sum = words[2] = number;
    for (uint64_t i = 3; i < n - 1; i++)
        sum += words[i] = mix(number * 16 + i);
    words[n - 1] = sum;
    return n / 8;
}

static int verify(const job *j, const tt_head *rec, uint64_t number)
{
    uint64_t want[16], got[16];
    const uint64_t slots = make(j, number, want);
    if (tt_rec_bytes(rec) != slots * 64)
        return 0;
    memcpy(got, rec, slots * 64);
    want[1] = number; /* the ring's stamp */
    return memcmp(want, got, slots * 64) == 0;
}

static void fail(const char *what, uint64_t number)
{
    fprintf(stderr, "spsc_stress: %s at record %llu\n", what, (unsigned long long)number);
    exit(1);
}

static tt_idle parker(void)
{
    const tt_idle_settings set = {0, 0, 1, 1, PARK_NS};
    tt_idle idle;
    if (tt_idle_init(&idle, TT_IDLE_PARK, &set) != TT_OK)
        fail("idle", 0);
    return idle;
}

/* Ends the run when what was waited for came only after the park's own time. */
static void in_time(int64_t start, uint64_t number)
{
    if (tt_mono_ns() - start > PARK_NS / 2)
        fail("a wake was lost", number);
}

static void produce_parking(job *j, tt_spsc *ring)
{
    uint64_t words[BATCH_SLOTS * 8];
    tt_idle idle = parker();
    for (uint64_t number = 1; number <= j->records;) {
        uint64_t slots = 0, made = 0;
        while (made < 1 + number % 3 && number + made <= j->records)
            slots += make(j, number + made++, words + slots * 8);
        const int64_t start = tt_mono_ns();
        int64_t rc = slots;
        if (made == 1) {
            rc = tt_spsc_push_wait(ring, words, &idle, start + 2 * PARK_NS) == TT_OK ? rc : -1;
        } else if (tt_spsc_wait_space(ring, &idle, start + 2 * PARK_NS, slots) == TT_OK) {
            rc = tt_spsc_try_push_n(ring, words, slots);
        }
        if (rc != (int64_t)slots)
            fail("push", number);
        /* Until all is read: then each push must wake the consumer, or nobody ever does. */
        if (number % 4 != 0 && tt_spsc_wait_space(ring, &idle, start + 2 * PARK_NS, ring->mask))
            fail("wait", number);
        in_time(start, number);
        number += made;
    }
}

/* One record, or up to three in one claim: as many as fit. The records made visible. */
static uint64_t claim_once(job *j, tt_spsc *ring, uint64_t number)
{
    uint64_t words[16], got = 2, at = 0, made = 0, header = 0;
    void *slot = NULL;
    const uint64_t n = make(j, number, words);
    const int many = mix(number) % 2 == 0;
    const int rc =
        many ? tt_spsc_try_claim_n(ring, 5, &slot, &got) : tt_spsc_try_claim(ring, n * 64, &slot);
    if (rc == TT_E_FULL)
        return 0;
    if (rc != TT_OK || tt_spsc_try_claim(ring, 64, &slot) != TT_E_STATE)
        fail("claim", number);
    got = many ? got : n;
    const int give_up = mix(number + got) % 5 == 0 || n > got;
    for (uint64_t i = number; i <= j->records && at < got && made < 3; i++) {
        const uint64_t next = make(j, i, words);
        if (at + next > got)
            break;
        uint8_t *to = (uint8_t *)slot + at * 64;
        if (at == 0)
            header = words[0];
        else
            tt_store_relaxed64((tt_atomic_u64 *)(void *)to, words[0]);
        tt_copy_in(to + 8, (const uint8_t *)words + 8, next * 64 - 8);
        at += next;
        made++;
    }
    if (give_up || mix(number * 3 + got) % 5 == 0) {
        if (tt_spsc_try_push(ring, words) != TT_E_STATE || tt_spsc_abort(ring) != TT_OK)
            fail("abort", number);
        make(j, number, words);
        return tt_spsc_try_push(ring, words) == TT_OK; /* there is room: it had been claimed */
    }
    if (tt_spsc_commit(ring, header) != (int64_t)at)
        fail("commit", number);
    return made;
}

static void produce_claiming(job *j, tt_spsc *ring)
{
    uint64_t idle = 0;
    for (uint64_t number = 1; number <= j->records;) {
        const uint64_t made = claim_once(j, ring, number);
        number += made;
        if (made == 0) {
            if (++idle > IDLE_MAX)
                fail("the producer waits for ever", number);
            sched_yield();
        }
    }
}

static void *produce(void *arg)
{
    job *j = (job *)arg;
    _Alignas(128) tt_spsc ring;
    uint64_t words[BATCH_SLOTS * 8], idle = 0;
    if (tt_spsc_open(&ring, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 0);
    if (strcmp(j->mode, "claim") == 0 || strcmp(j->mode, "park") == 0) {
        (strcmp(j->mode, "park") == 0 ? produce_parking : produce_claiming)(j, &ring);
        return NULL;
    }
    for (uint64_t number = 1; number <= j->records;) {
        uint64_t slots = 0, made = 0;
        const uint64_t most =
            strcmp(j->mode, "batch") == 0 || (strcmp(j->mode, "mixed") == 0 && number % 7 == 0)
                ? BATCH_SLOTS - 1
                : 1;
        while (slots < most && number + made <= j->records) {
            slots += make(j, number + made, words + slots * 8);
            made++;
        }
        uint64_t done = 0;
        while (done < slots) {
            int64_t rc = most == 1 ? tt_spsc_try_push(&ring, words)
                                   : tt_spsc_try_push_n(&ring, words + done * 8, slots - done);
            if (rc == TT_E_FULL || (rc == 0 && most != 1)) {
                if (++idle > IDLE_MAX)
                    fail("the producer waits for ever", number);
                sched_yield();
                continue;
            }
            if (rc < 0)
                fail("push", number);
            done += most == 1 ? slots : (uint64_t)rc;
        }
        number += made;
    }
    return NULL;
}

static void consume_one_by_one(job *j)
{
    _Alignas(128) tt_spsc ring;
    _Alignas(8) uint8_t out[TT_RECORD_BYTES_MAX];
    uint64_t idle = 0;
    if (tt_spsc_open(&ring, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 0);
    for (uint64_t next = 1; next <= j->records;) {
        const int rc = tt_spsc_try_pop(&ring, out);
        if (rc == TT_E_EMPTY) {
            if (++idle > IDLE_MAX)
                fail("the consumer waits for ever", next);
            sched_yield();
            continue;
        }
        if (rc < 0 || !verify(j, (const tt_head *)(const void *)out, next))
            fail("wrong, torn, lost or repeated", next);
        next++;
    }
}

static void consume_parking(job *j)
{
    _Alignas(128) tt_spsc ring;
    _Alignas(8) uint8_t out[TT_RECORD_BYTES_MAX];
    tt_idle idle = parker();
    if (tt_spsc_open(&ring, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 0);
    for (uint64_t next = 1; next <= j->records; next++) {
        const int64_t start = tt_mono_ns();
        const int rc = tt_spsc_pop_wait(&ring, out, &idle, start + 2 * PARK_NS);
        in_time(start, next);
        if (rc < 0 || !verify(j, (const tt_head *)(const void *)out, next))
            fail("wrong, torn, lost or repeated", next);
    }
    printf("parks %llu\n", (unsigned long long)tt_load_relaxed64(&idle.parks));
}

static void consume_runs(job *j)
{
    _Alignas(128) tt_spsc ring;
    const int lossy = strcmp(j->mode, "lossy") == 0;
    uint64_t next = 1, idle = 0, lost = 0;
    if (tt_spsc_open(&ring, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 0);
    while (next <= j->records) {
        tt_spsc_run run;
        const int rc = tt_spsc_peek_run(&ring, 1 + mix(next) % 32 + 1, &run);
        if (rc == TT_E_EMPTY) {
            if (++idle > IDLE_MAX)
                fail("the consumer waits for ever", next);
            sched_yield();
            continue;
        }
        if (rc != TT_OK)
            fail("peek", next);
        const uint8_t *p = (const uint8_t *)run.first;
        for (uint32_t i = 0; i < run.records; i++) {
            const tt_head *rec = (const tt_head *)(const void *)p;
            if (lossy && rec->template_id == TT_T_GAP) {
                const tt_gap *gap = (const tt_gap *)(const void *)p;
                if (gap->first_seq != next || gap->last_seq < gap->first_seq)
                    fail("a gap that does not start where the last record ended", next);
                lost += gap->last_seq - gap->first_seq + 1;
                next = gap->last_seq + 1;
                break;
            }
            if (!verify(j, rec, next))
                fail("wrong, torn, lost or repeated", next);
            next++;
            p += tt_rec_bytes(rec);
        }
        tt_spsc_release_run(&ring, &run);
    }
    if (tt_load_acquire64(&ring.page->lost) != lost || (!lossy && lost != 0))
        fail("the loss counter is wrong", next);
    if (tt_spsc_popped(&ring) + lost != j->records)
        fail("popped + lost is not what was pushed", next);
    printf("records %llu lost %llu full %llu\n", (unsigned long long)j->records,
           (unsigned long long)lost, (unsigned long long)tt_load_acquire64(&ring.page->full_count));
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    alarm(WALL_S);
    const uint64_t capacity = strtoull(argv[3], NULL, 10);
    const int lossy = strcmp(argv[1], "lossy") == 0;
    const uint32_t flags = TT_SPSC_STAMP | (lossy ? TT_SPSC_OVERWRITE : 0);
    job j = {.records = strtoull(argv[2], NULL, 10), .mode = argv[1], .seed = capacity};
    j.bytes = tt_spsc_bytes(capacity, flags);
    j.memory = aligned_alloc(4096, (j.bytes + 4095) & ~4095ull);
    if (j.bytes == 0 || j.memory == NULL)
        return 2;
    memset(j.memory, 0, j.bytes);
    if (tt_spsc_init(j.memory, capacity, flags, strtoull(argv[4], NULL, 10), 1) != TT_OK)
        return 2;
    pthread_t producer;
    if (pthread_create(&producer, NULL, produce, &j) != 0)
        return 2;
    if (strcmp(argv[1], "pop") == 0)
        consume_one_by_one(&j);
    else if (strcmp(argv[1], "park") == 0)
        consume_parking(&j);
    else
        consume_runs(&j);
    pthread_join(producer, NULL);
    _Alignas(128) tt_spsc ring;
    if (tt_spsc_open(&ring, j.memory, j.bytes) != TT_SHM_GOOD || tt_spsc_check(&ring) != TT_OK ||
        tt_spsc_pushed(&ring) != j.records)
        fail("the ring at rest is not whole", j.records);
    free(j.memory);
    return 0;
}
