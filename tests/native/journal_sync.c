/* One thread appends and goes on in new segments, a second commits, a third syncs the full ones
 * once more as whoever finishes them does, others wait for records and check that nothing is called
 * durable before its file and that file's name were synced. fdatasync and fsync are ours: they know
 * the file's segment, note how far that was filled or which names there were when they were called,
 * take their time, and the first one fails when it is told to.
 *
 * usage: journal_sync [segments] [fail_at]   fail_at: which call fails, 0: none
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int fake_fdatasync(int fd);
static int fake_fsync(int fd);
#define fdatasync fake_fdatasync
#define fsync fake_fsync
#include <tectra/journal_sync.h>

enum { CAPACITY = 64, WAITERS = 2, SEGMENTS = 400 };

static tt_segment segment;
static tt_sync control;
static tt_kill kill_word;
static ino_t inode[SEGMENTS + 1];
static _Atomic uint64_t end_of[SEGMENTS + 1];    /* last record; 0 while it is open */
static _Atomic uint64_t synced_to[SEGMENTS + 1]; /* what was in it when a sync began that is over */
static _Atomic int calls, wrong, failed_after;
static _Atomic int named, names_synced; /* segments */
static int kept_fd[SEGMENTS + 1];
static int fail_at, segments = 300;
static uint64_t records;

static int fake_fdatasync(int fd)
{
    struct stat about;
    int id = 1;
    const uint64_t there = tt_load_acquire64(&segment.last_ring_seq);
    wrong += fstat(fd, &about) != 0;
    while (id < segments && inode[id] != about.st_ino)
        id++;
    const uint64_t end = atomic_load(&end_of[id]);
    usleep(20);
    if (atomic_fetch_add(&calls, 1) + 1 == fail_at) {
        errno = EIO;
        atomic_store(&failed_after, 1);
        return -1;
    }
    atomic_store(&synced_to[id], end && end < there ? end : there);
    return 0;
}

static int fake_fsync(int fd)
{
    (void)fd;
    const int there = atomic_load(&named);
    usleep(20);
    int before = atomic_load(&names_synced);
    while (before < there && !atomic_compare_exchange_weak(&names_synced, &before, there))
        ;
    return 0;
}

/* Every segment with records up to this one was synced as far as it has them. */
static void check(uint64_t durable)
{
    for (int id = 1; id <= segments; id++) {
        const uint64_t end = atomic_load(&end_of[id]);
        const uint64_t want = end && end < durable ? end : durable;
        if (want > (uint64_t)(id - 1) * CAPACITY) {
            wrong += atomic_load(&synced_to[id]) < want;
            wrong += atomic_load(&names_synced) < id;
        }
        if (want == durable)
            break;
    }
}

static void *wait_for(void *arg)
{
    uint64_t seq = 1 + (uint64_t)(uintptr_t)arg;
    for (; seq <= records; seq += 37) {
        const int rc = tt_sync_wait(&control, seq, tt_mono_ns() + 60 * TT_NS_PER_S);
        if (rc == TT_E_IO)
            return NULL;
        wrong += rc != TT_OK;
        check(seq);
        check(tt_sync_durable(&control));
    }
    return NULL;
}

static void go_on(void *file, uint32_t id)
{
    tt_segment fresh;
    memset(&fresh, 0, sizeof(fresh));
    const tt_journal_head want = {.segment_id = id,
                                  .capacity = CAPACITY,
                                  .base_ring_seq = tt_load_relaxed64(&segment.last_ring_seq)};
    wrong += tt_segment_create(&fresh, file, &want) != TT_OK;
    const int fd = memfd_create("segment", 0);
    struct stat about;
    wrong += fd < 0 || fstat(fd, &about) != 0;
    inode[id] = about.st_ino;
    kept_fd[id] = fd;
    atomic_store(&named, (int)id);
    wrong += tt_sync_begin(&control, fd, id) != TT_OK;
    tt_segment_move(&segment, &fresh);
    atomic_store(&end_of[id - 1], want.base_ring_seq);
}

static void *append_all(void *arg)
{
    uint64_t rec[8];
    void *files[2] = {arg, (uint8_t *)arg + tt_journal_file_bytes(CAPACITY)};
    uint64_t seq = 0;
    for (int id = 1; id <= segments; id++) {
        go_on(files[id & 1], (uint32_t)id);
        while (seq < records && tt_journal_room(&segment) > 0) {
            tt_rec_init(rec, TT_T_BOOK_ADD);
            rec[1] = ++seq;
            wrong += tt_journal_append(&segment, rec) != TT_OK;
            if (seq % 16 == 0)
                check(tt_sync_durable(&control));
        }
    }
    return NULL;
}

static void *finish_all(void *arg)
{
    (void)arg;
    for (int id = 1; id < segments; id++) {
        uint64_t end = 0;
        while ((end = atomic_load(&end_of[id])) == 0)
            usleep(5);
        tt_sync_settled(&control, (uint32_t)id);
        if (tt_sync_failed(&control) == 0)
            tt_sync_one(&control, kept_fd[id], (uint32_t)id, end);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t writer, finisher, waiters[WAITERS];
    tt_hist *hist = calloc(1, tt_hist_bytes(3, 40));
    if (argc > 1)
        segments = atoi(argv[1]);
    if (argc > 2)
        fail_at = atoi(argv[2]);
    segments = segments < SEGMENTS ? segments : SEGMENTS;
    records = fail_at ? (uint64_t)segments * CAPACITY / 2 : (uint64_t)segments * CAPACITY;
    void *memory = aligned_alloc(4096, 2 * tt_journal_file_bytes(CAPACITY) / 4096 * 4096 + 4096);
    memset(memory, 0, 2 * tt_journal_file_bytes(CAPACITY));
    if (hist == NULL || tt_hist_init(hist, 3, 40) != TT_OK)
        return 2;
    tt_kill_init(&kill_word, 1);
    if (tt_sync_init(&control, &segment, &kill_word, hist) != TT_OK)
        return 2;
    control.dir_fd = 0;
    if (tt_sync_start(&control, 200000, 100) != TT_OK)
        return 2;
    pthread_create(&writer, NULL, append_all, memory);
    pthread_create(&finisher, NULL, finish_all, NULL);
    for (int i = 0; i < WAITERS; i++)
        pthread_create(&waiters[i], NULL, wait_for, (void *)(uintptr_t)i);
    pthread_join(writer, NULL);
    pthread_join(finisher, NULL);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(waiters[i], NULL);
    tt_sync_stop(&control);
    const int rc = tt_sync_turn(&control);
    const uint64_t durable = tt_sync_durable(&control);
    if (fail_at) {
        wrong += !failed_after || rc != TT_E_IO || !tt_kill_is_set(&kill_word);
        wrong += tt_sync_failed(&control) != EIO || durable >= records;
        wrong += tt_sync_wait(&control, durable + 1, 0) != TT_E_IO;
    } else {
        wrong += rc != TT_OK || durable != records || tt_kill_is_set(&kill_word);
    }
    if (!fail_at)
        check(durable);
    printf("%llu records, %d syncs, %d wrong\n", (unsigned long long)records, calls, wrong);
    tt_sync_free(&control);
    free(memory);
    free(hist);
    return wrong != 0;
}
