/* Writers of the broadcast ring that are killed at any moment, each followed by the next.
 *
 *   bcast_kill CYCLES CAPACITY SEED [WALL_S]
 *
 * A child publishes single, wide and batched records whose words follow from their number, until it
 * is killed; the next child takes the side over. The parent reads all the time and joins anew after
 * each death. Exit 0 when every number was read as it was sent or told lost, the counters agree,
 * and each death was noticed.
 */
#include "tectra/bcast_join.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH_SLOTS 24
#define WALL_S 60

typedef struct {
    void *memory;
    uint64_t bytes, random;
    uint64_t writer; /* of how many, from 1 */
} scene;

/* Which writer sent a number that was read: nobody may see it sent by another. */
static struct {
    uint64_t number, writer;
} sent[65536];

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15ull;
    return x ^ (x >> 29);
}

static void fail(const char *what, uint64_t number)
{
    fprintf(stderr, "bcast_kill: %s at record %llu\n", what, (unsigned long long)number);
    exit(1);
}

static uint64_t make(uint64_t number, uint64_t writer, uint64_t *words)
{
    const uint64_t n = mix(number) % 3 == 0 ? 16 : 8;
    tt_rec_init(words, n == 16 ? TT_T_BOOK_ADD_ATTRIBUTED : TT_T_BOOK_ADD);
    words[1] = number; /* as the ring stamps it */
    words[2] = writer;
    for (uint64_t i = 3; i < n; i++)
        words[i] = mix(number * 16 + i + writer);
    return n / 8;
}

static void write_for_ever(const scene *s)
{
    _Alignas(128) tt_bcast ring;
    uint64_t words[BATCH_SLOTS * 8];
    if (tt_bcast_open(&ring, s->memory, s->bytes) != TT_SHM_GOOD ||
        tt_bcast_claim_writer(&ring) != TT_OK)
        fail("the next writer cannot begin", 0);
    for (uint64_t i = 0;; i++) {
        uint64_t number = tt_load_relaxed64(&ring.page->published) + 1, slots = 0;
        if (i == 1)
            usleep(100); /* the reader looks at what lies behind the first record */
        if (i == 0 || mix(number) % 4 != 0) {
            make(number, s->writer, words);
            if (tt_bcast_publish(&ring, words, 1) != TT_OK)
                fail("publish", number);
            continue;
        }
        while (slots < BATCH_SLOTS - 2)
            slots += make(number++, s->writer, words + slots * 8);
        if (tt_bcast_publish_n(&ring, words, slots, NULL, 1) < 0)
            fail("publish a batch", number);
    }
}

static void verify(const uint8_t *out, int bytes, uint64_t number, uint64_t *writer)
{
    uint64_t want[16];
    const tt_head *head = (const tt_head *)(const void *)out;
    const uint64_t from = (uint64_t)head->ts_event_ns;
    if (head->ring_seq != number || make(number, from, want) * 64 != (uint64_t)bytes ||
        memcmp(want, out, (size_t)bytes) != 0)
        fail("wrong, torn, lost or repeated", number);
    if (from < *writer)
        fail("a record of a writer before the last", number);
    *writer = from;
    if (sent[number % 65536].number == number && sent[number % 65536].writer != from)
        fail("a number that two writers sent", number);
    sent[number % 65536].number = number;
    sent[number % 65536].writer = from;
}

/* Read what there is; each record and gap must follow the last. */
static void follow(tt_bcast_reader *rd, uint64_t *writer)
{
    _Alignas(8) uint8_t out[TT_RECORD_BYTES_MAX];
    for (int i = 0; i < 100000; i++) {
        const uint64_t next = rd->next;
        const int bytes = tt_bcast_try_read(rd, out);
        if (bytes == TT_E_EMPTY)
            return;
        const tt_gap *gap = (const tt_gap *)(const void *)out;
        if (gap->template_id != TT_T_GAP)
            verify(out, bytes, next, writer);
        else if (gap->first_seq != next || gap->last_seq + 1 != rd->next)
            fail("a gap that does not follow", next);
    }
}

static int64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* One writer from its first record to its death. */
static void cycle(scene *s, const tt_bcast *ring, tt_bcast_reader *rd, uint64_t *writer)
{
    const uint64_t before = tt_load_acquire64(&ring->page->published);
    s->writer++;
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* with the parent, however that ends */
        alarm(WALL_S);
        write_for_ever(s);
        _exit(1);
    }
    while (tt_load_acquire64(&ring->page->published) == before)
        follow(rd, writer);
    s->random = mix(s->random + 1);
    const int64_t end = mono_ns() + (int64_t)(s->random % 300000);
    do
        follow(rd, writer);
    while (mono_ns() < end);
    kill(child, SIGKILL);
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
        fail("a writer that ended by itself", rd->next);
    follow(rd, writer);
    _Alignas(128) tt_bcast_reader late;
    uint64_t oldest = 0;
    if (tt_bcast_join(&late, ring, "late", 1, TT_BCAST_OLDEST) != TT_OK)
        fail("join after a death", rd->next);
    follow(&late, &oldest);
    if (late.next != rd->next || late.lost != 0)
        fail("one who joined after a death sees something else", rd->next);
    tt_bcast_part(&late);
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        return 2;
    alarm(argc == 5 ? (unsigned)atoi(argv[4]) : WALL_S);
    const uint64_t cycles = strtoull(argv[1], NULL, 10), capacity = strtoull(argv[2], NULL, 10);
    scene s = {.bytes = tt_bcast_bytes(capacity), .random = strtoull(argv[3], NULL, 10)};
    s.memory = mmap(NULL, s.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    _Alignas(128) tt_bcast ring;
    _Alignas(128) tt_bcast_reader rd;
    uint64_t writer = 0;
    if (s.bytes == 0 || s.memory == MAP_FAILED ||
        tt_bcast_init(s.memory, capacity, TT_BCAST_STAMP, 0, 1) != TT_OK ||
        tt_bcast_open(&ring, s.memory, s.bytes) != TT_SHM_GOOD ||
        tt_bcast_join(&rd, &ring, "parent", 1, TT_BCAST_OLDEST) != TT_OK)
        return 2;
    for (uint64_t i = 0; i < cycles; i++)
        cycle(&s, &ring, &rd, &writer);
    if (tt_bcast_claim_writer(&ring) != TT_OK || tt_bcast_check(&ring) != TT_OK)
        fail("the ring at rest is not whole", rd.next);
    follow(&rd, &writer);
    const uint64_t published = tt_load_acquire64(&ring.page->published);
    if (rd.next != published + 1 || rd.read + rd.lost != published)
        fail("read + lost is not what was published", rd.next);
    if (tt_load_acquire64(&ring.page->takeovers) != cycles)
        fail("a death that nobody noticed", rd.next);
    printf("cycles %llu published %llu lost %llu\n", (unsigned long long)cycles,
           (unsigned long long)published, (unsigned long long)rd.lost);
    return 0;
}
