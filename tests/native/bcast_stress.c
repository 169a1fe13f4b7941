/* One writer and several readers of the broadcast ring: every record carries its number and a
 * checksum of its own bytes, its tag follows from its number.
 *
 *   bcast_stress MODE READERS RECORDS CAPACITY START [WALL_S]
 *
 * MODE: one, batch, mixed, claim, paced. The process ends itself after WALL_S seconds, 55 if not
 * given: a fault may keep a reader inside the ring.
 *
 * Each reader accounts for every number: handed out as it was sent, passed for its tag, or told
 * lost. Exit 0 when all do; 1 with a line on stderr otherwise. START is the first position, so that
 * the wrap of the 64-bit positions can be crossed. `paced` waits for the readers now and then, so
 * that most records arrive; the other modes lap them.
 */
#include "tectra/bcast_join.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_SLOTS 48
#define OUT_SLOTS 24
#define READERS_MAX 8
#define IDLE_MAX 2000000000ull
#define WALL_S 55

typedef struct {
    void *memory;
    uint64_t bytes, records, seed;
    const char *mode;
    uint8_t *ends; /* by number: 1 for the last record that one publish made visible */
    pthread_barrier_t ready;
} job;

typedef struct {
    job *j;
    uint64_t id, mask, lost, read, gaps, pos;
    pthread_t thread;
} reader;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static int is(const job *j, const char *mode)
{
    return strcmp(j->mode, mode) == 0;
}

static uint64_t tag_of(uint64_t number)
{
    return 1ull << mix(number + 77) % 8;
}

/* Record `number`: its payload words follow from the number, the last one is their sum. */
static uint64_t make(const job *j, uint64_t number, uint64_t *words)
{
    const uint64_t n = !is(j, "one") && mix(number + j->seed) % 3 == 0 ? 16 : 8;
    tt_rec_init(words, n == 16 ? TT_T_BOOK_ADD_ATTRIBUTED : TT_T_BOOK_ADD);
    uint64_t sum = words[2] = number;
    for (uint64_t i = 3; i < n - 1; i++)
        sum += words[i] = mix(number * 16 + i);
    words[n - 1] = sum;
    return n / 8;
}

static int verify(const job *j, const uint8_t *rec, uint64_t number)
{
    uint64_t want[16];
    const uint64_t slots = make(j, number, want);
    want[1] = number; /* the ring's stamp */
    return tt_rec_bytes(rec) == slots * 64 && memcmp(want, rec, slots * 64) == 0;
}

static void fail(const char *what, uint64_t number)
{
    fprintf(stderr, "bcast_stress: %s at record %llu\n", what, (unsigned long long)number);
    exit(1);
}

/* Up to BATCH_SLOTS slots of records from `number` on. */
static uint64_t make_batch(const job *j, uint64_t number, uint64_t *words, uint64_t *tags,
                           uint64_t most, uint64_t *made)
{
    uint64_t slots = 0;
    *made = 0;
    while (slots < most && number + *made <= j->records) {
        tags[*made] = tag_of(number + *made);
        slots += make(j, number + *made, words + slots * 8);
        ++*made;
    }
    return slots;
}

static int64_t publish(const job *j, tt_bcast *ring, const uint64_t *words, uint64_t slots,
                       const uint64_t *tags, uint64_t number, uint64_t made)
{
    if (!is(j, "claim"))
        return made == 1 ? (tt_bcast_publish(ring, words, tags[0]) == TT_OK)
                         : tt_bcast_publish_n(ring, words, slots, tags, 0);
    uint8_t *room = tt_bcast_claim(ring, (uint32_t)slots);
    if (room == NULL)
        return -1;
    memcpy(room, words, slots * 64);
    if (mix(number) % 5 == 0) { /* given up, and made again */
        if (tt_bcast_abort(ring) != TT_OK || tt_bcast_claim(ring, (uint32_t)slots) == NULL)
            return -1;
        memcpy(room, words, slots * 64);
    }
    return tt_bcast_commit(ring, tags, 0);
}

/* Every listed reader is less than half a ring behind. */
static void pace(const tt_bcast *ring)
{
    for (uint32_t i = 0; i < TT_BCAST_PLACES; i++)
        for (uint64_t idle = 0; tt_load_acquire64(&ring->page->place[i].owner) != 0 &&
                                tt_load_acquire64(&ring->page->place[i].joined) != 0 &&
                                tt_bcast_lag(ring->page, &ring->page->place[i]) > ring->mask / 4;
             idle++) {
            if (idle > IDLE_MAX)
                fail("the writer waits for ever", 0);
            sched_yield();
        }
}

static void produce(job *j)
{
    _Alignas(128) tt_bcast ring;
    uint64_t words[BATCH_SLOTS * 8], tags[BATCH_SLOTS], made;
    if (tt_bcast_open(&ring, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 0);
    for (uint64_t number = 1; number <= j->records; number += made) {
        uint64_t most = 1;
        if (is(j, "batch") || is(j, "paced") || (is(j, "mixed") && number % 7 == 0))
            most = 1 + mix(number) % (BATCH_SLOTS - 2);
        else if (is(j, "claim"))
            most = 1 + mix(number) % (TT_BCAST_CLAIM_SLOTS - 2);
        if (is(j, "paced") && most > (ring.mask + 1) / 4 - 1) /* one chunk */
            most = (ring.mask + 1) / 4 - 1;
        const uint64_t slots = make_batch(j, number, words, tags, most, &made);
        j->ends[number + made - 1] = 1;
        if (publish(j, &ring, words, slots, tags, number, made) != (int64_t)made)
            fail("publish", number);
        if (is(j, "paced"))
            pace(&ring);
        else if (mix(number) % 256 == 0)
            sched_yield();
    }
}

/* Numbers from `from` up to `to` were passed without a word: none may be wanted. */
static void passed(const reader *me, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++)
        if (tag_of(n) & me->mask)
            fail("a wanted record was neither read nor told lost", n);
}

/* Account for one record or gap; the number that comes next. */
static uint64_t account(reader *me, const uint8_t *rec, uint64_t next)
{
    const tt_head *head = (const tt_head *)(const void *)rec;
    if (head->template_id != TT_T_GAP) {
        if (head->ring_seq < next || head->ring_seq > me->j->records)
            fail("a number that was read or lost before", next);
        passed(me, next, head->ring_seq);
        if (!(tag_of(head->ring_seq) & me->mask) || !verify(me->j, rec, head->ring_seq))
            fail("wrong, torn, or not wanted", head->ring_seq);
        me->read++;
        return head->ring_seq + 1;
    }
    const tt_gap *gap = (const tt_gap *)(const void *)rec;
    if (gap->first_seq < next || gap->last_seq < gap->first_seq || gap->last_seq > me->j->records)
        fail("a gap over what was read", next);
    if (gap->ts_event_ns != (int64_t)gap->last_seq + 1)
        fail("a gap without the time of the record behind it", next);
    passed(me, next, gap->first_seq);
    me->lost += gap->last_seq - gap->first_seq + 1;
    me->gaps++;
    return gap->last_seq + 1;
}

static void finish(reader *me, tt_bcast_reader *rd, uint64_t joined)
{
    const tt_bcast_place *place = rd->place;
    if (tt_load_acquire64(&place->lost) != me->lost ||
        tt_load_acquire64(&place->gaps) != me->gaps || tt_load_acquire64(&place->read) != me->read)
        fail("counters that do not say what was read", rd->next);
    if (me->read + me->lost + tt_load_acquire64(&place->skipped) != me->j->records - joined + 1)
        fail("read + skipped + lost is not what was published", rd->next);
    me->pos = rd->pos;
    tt_bcast_part(rd);
}

static void *consume(void *arg)
{
    reader *me = (reader *)arg;
    job *j = me->j;
    _Alignas(128) tt_bcast ring;
    _Alignas(128) tt_bcast_reader rd;
    _Alignas(8) uint8_t out[OUT_SLOTS * 64];
    uint64_t idle = 0;
    int rc = TT_E_STATE;
    const int late = me->id % 2 == 1;
    if (late)
        pthread_barrier_wait(&j->ready);
    if (tt_bcast_open(&ring, j->memory, j->bytes) != TT_SHM_GOOD)
        fail("open", 0);
    for (int i = 0; i < 100000 && rc == TT_E_STATE; i++)
        rc = tt_bcast_join(&rd, &ring, "stress", me->mask, (me->id & 2) ? 0 : TT_BCAST_OLDEST);
    if (rc != TT_OK)
        fail("join", 0);
    if (!late)
        pthread_barrier_wait(&j->ready);
    const uint64_t joined = rd.next;
    uint64_t next = joined;
    while (rd.next <= j->records) {
        tt_bcast_batch batch = {.slots = 0, .end_of_batch = 0};
        const uint64_t most = 2 + mix(next + me->id) % (OUT_SLOTS - 2);
        const uint64_t before = rd.next;
        if (mix(next) % 3 == 0) {
            rc = tt_bcast_try_read(&rd, out);
            batch.slots = rc > 0 ? (uint32_t)rc / 64 : 0;
        } else if (tt_bcast_read_n(&rd, out, most, &batch) != TT_OK) {
            fail("read", next);
        }
        for (uint32_t at = 0; at < batch.slots; at += tt_rec_bytes(out + at * 64) / 64)
            next = account(me, out + at * 64, next);
        if (is(j, "paced") && batch.end_of_batch && rd.next > joined && !j->ends[rd.next - 1])
            fail("the end of a batch in its middle", rd.next);
        if (mix(next + me->id) % 512 == 0)
            usleep(20); /* slow now and then */
        if (rd.next != before) {
            idle = 0;
        } else {
            if (++idle > IDLE_MAX)
                fail("the reader waits for ever", next);
            sched_yield();
        }
    }
    passed(me, next, j->records + 1);
    finish(me, &rd, joined);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 7)
        return 2;
    alarm(argc == 7 ? (unsigned)atoi(argv[6]) : WALL_S);
    const uint64_t readers = strtoull(argv[2], NULL, 10), capacity = strtoull(argv[4], NULL, 10);
    job j = {.records = strtoull(argv[3], NULL, 10), .mode = argv[1], .seed = capacity};
    reader all[READERS_MAX] = {{0}};
    j.bytes = tt_bcast_bytes(capacity);
    j.memory = aligned_alloc(4096, (j.bytes + 4095) & ~4095ull);
    j.ends = calloc(j.records + BATCH_SLOTS, 1);
    if (j.bytes == 0 || j.memory == NULL || j.ends == NULL || readers == 0 || readers > READERS_MAX)
        return 2;
    memset(j.memory, 0, j.bytes);
    if (tt_bcast_init(j.memory, capacity, TT_BCAST_STAMP, strtoull(argv[5], NULL, 10), 1) != TT_OK)
        return 2;
    pthread_barrier_init(&j.ready, NULL, (unsigned)readers + 1);
    for (uint64_t i = 0; i < readers; i++) {
        all[i].j = &j;
        all[i].id = i;
        all[i].mask = i == 0 ? TT_BCAST_EVERYONE : 0x5aull << i | 1;
        if (pthread_create(&all[i].thread, NULL, consume, &all[i]) != 0)
            return 2;
    }
    pthread_barrier_wait(&j.ready);
    produce(&j);
    for (uint64_t i = 0; i < readers; i++) {
        pthread_join(all[i].thread, NULL);
        printf("reader %llu read %llu lost %llu gaps %llu\n", (unsigned long long)i,
               (unsigned long long)all[i].read, (unsigned long long)all[i].lost,
               (unsigned long long)all[i].gaps);
    }
    _Alignas(128) tt_bcast ring;
    if (tt_bcast_open(&ring, j.memory, j.bytes) != TT_SHM_GOOD || tt_bcast_check(&ring) != TT_OK)
        fail("the ring at rest is not whole", j.records);
    for (uint64_t i = 0; i < readers; i++)
        if (all[i].pos != tt_load_acquire64(&ring.page->write_pos))
            fail("a reader that is elsewhere", j.records);
    free(j.memory);
    free(j.ends);
    return 0;
}
