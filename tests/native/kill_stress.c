/* Four threads kill, clear and count: no epoch is lost or given twice, a clear never takes away a
 * kill that it did not name, shared counters add up, what came before a kill is seen after it. */
#include "tectra/counters.h"
#include "tectra/kill.h"

#include <pthread.h>
#include <sched.h>

#define THREADS 4
#define ROUNDS 4000

static tt_kill word;
static tt_counters *page;
static uint64_t payload[65536]; /* written before the kill of its epoch, read after it was seen */
static tt_atomic_u64 kills;

static void fail(const char *what)
{
    fprintf(stderr, "kill_stress: %s\n", what);
    exit(1);
}

static void *killer(void *arg)
{
    const uint64_t shared = (uint64_t)tt_counters_find(page, "shared");
    const uint64_t own = (uint64_t)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (tt_kill_set(&word, 16 + (uint32_t)own) == TT_OK)
            tt_fetch_add64(&kills, 1);
        const uint64_t epoch = tt_kill_epoch(&word);
        if (tt_kill_is_set(&word))
            (void)tt_kill_clear_epoch(&word, epoch, 1);
        tt_counter_add_shared(page, shared, 1);
        tt_counter_add(page, own, 1);
    }
    return NULL;
}

static void wait_until(const tt_kill *k, int set)
{
    for (uint64_t spins = 0; tt_kill_is_set(k) != set; spins++)
        if (spins > 2000000000ull)
            fail("waits for ever");
        else if (spins % 1024 == 1023)
            sched_yield();
}

static void *publisher(void *arg)
{
    tt_kill *k = (tt_kill *)arg;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        payload[i] = i * 3;
        if (tt_kill_set(k, TT_KILL_RISK) != TT_OK)
            fail("set found a kill that nobody made");
        wait_until(k, 0);
    }
    return NULL;
}

static void observe(tt_kill *k)
{
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        wait_until(k, 1);
        if (tt_kill_epoch(k) != i || payload[i] != i * 3)
            fail("what happened before the kill is not seen after it");
        if (tt_kill_clear_epoch(k, i - 1, 0) != TT_E_STATE)
            fail("a clear of an older kill cleared this one");
        tt_kill_clear(k);
    }
}

int main(void)
{
    static tt_kill other;
    pthread_t thread[THREADS];
    page = calloc(1, tt_counters_bytes(16));
    if (page == NULL || tt_counters_init(page, 16, 0) != TT_OK)
        return 2;
    tt_kill_init(&word, 0);
    tt_kill_init(&other, 0);
    for (uint64_t i = 0; i < THREADS; i++) {
        char name[8] = {'n', (char)('0' + i), 0};
        if (tt_counters_claim(page, name) != (int64_t)i)
            fail("claim");
    }
    if (tt_counters_claim(page, "shared") != THREADS)
        fail("claim");
    for (uint64_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, killer, (void *)(uintptr_t)i);
    for (uint64_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    if (tt_kill_epoch(&word) != tt_load_acquire64(&kills))
        fail("epochs and kills differ");
    if (tt_load_acquire64(&word.attempts) != THREADS * ROUNDS)
        fail("attempts");
    if (tt_counter_get(page, THREADS) != THREADS * ROUNDS)
        fail("the shared counter lost something");
    for (uint64_t i = 0; i < THREADS; i++)
        if (tt_counter_get(page, i) != ROUNDS)
            fail("a counter of one writer is wrong");
    tt_kill_clear(&word);
    if (tt_kill_set(&word, 20) != TT_OK || tt_kill_set(&word, 21) != TT_E_DUPLICATE ||
        tt_kill_reason(&word) != 20)
        fail("the first reason does not stay");
    pthread_create(&thread[0], NULL, publisher, &other);
    observe(&other);
    pthread_join(thread[0], NULL);
    free(page);
    return 0;
}
