/* Four threads note the same kinds of trouble while a fifth reads: no note is lost without being
 * counted, no kind has two entries, and what a reader sees is whole. */
#include "tectra/errlog.h"

#include <pthread.h>
#include <sched.h>

#define THREADS 4
#define KINDS 24u
#define LONG_ROUNDS 20000u
#define LONG_RUNS 6
/* Entries are taken in the first moments of a page only: many short lives, begun together. */
#define SHORT_ROUNDS (2 * KINDS)
#define SHORT_RUNS 600

static tt_errlog *page;
static uint64_t rounds, together;
static tt_atomic_u64 lost_here, running, generation;

static void fail(const char *what)
{
    fprintf(stderr, "errlog_stress: %s\n", what);
    exit(1);
}

static void work(uint64_t own)
{
    for (uint64_t i = 0; i < rounds; i++) {
        const uint64_t kind = (i + (together ? 0 : own * 7)) % KINDS;
        const uint64_t seq = i * THREADS + own + 1;
        if (tt_errlog_note_shared(page, 1 + (uint32_t)(kind % 3), -(int32_t)kind, seq,
                                  (int64_t)seq * 3) != TT_OK)
            tt_fetch_add64(&lost_here, 1);
    }
    tt_fetch_add64(&running, (uint64_t)-1);
}

static void *writer(void *arg)
{
    for (uint64_t life = 1; life <= LONG_RUNS + SHORT_RUNS; life++) {
        for (uint64_t spins = 0; tt_load_acquire64(&generation) < life; spins++)
            if (spins % 64 == 63)
                sched_yield();
        work((uint64_t)(uintptr_t)arg);
    }
    return NULL;
}

static void look(uint64_t *notes, uint64_t *kinds)
{
    tt_errlog_view view;
    uint8_t seen[KINDS] = {0};
    *notes = *kinds = 0;
    for (uint64_t i = 0; i < page->head.capacity; i++) {
        if (!tt_errlog_read(page, i, &view))
            continue;
        const uint64_t kind = (uint64_t)-view.code;
        if (kind >= KINDS || view.place != 1 + (uint32_t)(kind % 3))
            fail("place and code are not of one note");
        if (seen[kind]++)
            fail("a kind has two entries");
        if (view.first.ring_seq == 0 || view.first.ns != (int64_t)view.first.ring_seq * 3)
            fail("the first note is not whole");
        if (view.last.ring_seq == 0 || view.last.ring_seq > rounds * THREADS)
            fail("the last note is nobody's");
        *notes += view.count;
        ++*kinds;
    }
}

static void run(uint64_t capacity, uint64_t life)
{
    uint64_t notes, kinds, before = 0;
    rounds = life <= LONG_RUNS ? LONG_ROUNDS : SHORT_ROUNDS;
    together = life > LONG_RUNS;
    memset(page, 0, tt_errlog_bytes(64));
    if (tt_errlog_init(page, capacity, 5) != TT_OK ||
        tt_errlog_check(page, tt_errlog_bytes(capacity)) != TT_SHM_GOOD)
        fail("init");
    tt_store_release64(&running, THREADS);
    tt_store_release64(&lost_here, 0);
    tt_store_release64(&generation, life);
    while (tt_load_acquire64(&running) != 0) {
        look(&notes, &kinds);
        if (notes < before)
            fail("counts went back");
        before = notes;
        if (!together)
            sched_yield();
    }
    look(&notes, &kinds);
    if (tt_load_acquire64(&page->lost) != tt_load_acquire64(&lost_here))
        fail("lost notes are not counted");
    if (notes + tt_load_acquire64(&page->lost) != (uint64_t)THREADS * rounds)
        fail("notes and lost ones do not add up");
    if (kinds != (capacity < KINDS ? capacity : KINDS))
        fail("kinds are missing");
}

int main(void)
{
    if (tt_errlog_bytes(0) != 0 || tt_errlog_bytes(24) != 0 ||
        tt_errlog_bytes(2 * TT_ERRLOG_MAX) != 0)
        fail("a capacity that is none");
    pthread_t thread[THREADS];
    page = calloc(1, tt_errlog_bytes(64));
    if (page == NULL)
        fail("memory");
    for (uint64_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, writer, (void *)(uintptr_t)i);
    for (uint64_t life = 1; life <= LONG_RUNS + SHORT_RUNS; life++)
        run(life % 4 == 1 ? 8 : 64, life);
    for (uint64_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    free(page);
    page = calloc(1, tt_errlog_bytes(4));
    if (page == NULL || tt_errlog_init(page, 4, 0) != TT_OK)
        fail("init");
    for (int i = 0; i < 3; i++)
        if (tt_errlog_note(page, TT_PLACE_BOOK, TT_E_UNDERFLOW, 10 + (uint64_t)i, 100 + i) != TT_OK)
            fail("one writer");
    uint64_t found = 0;
    for (uint64_t i = 0; i < 4; i++) {
        tt_errlog_view view;
        if (tt_errlog_read(page, i, &view))
            found += view.count == 3 && view.first.ring_seq == 10 && view.last.ring_seq == 12 &&
                     view.first.ns == 100 && view.last.ns == 102;
    }
    if (found != 1)
        fail("what one writer notes is not there");
    free(page);
    return 0;
}
