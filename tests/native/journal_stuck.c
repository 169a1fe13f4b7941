/* A disk that does not answer: one thread is in its sync while as many full segments wait as there
 * is room for, and another thread finds that a segment cannot be saved. The next segment waits for
 * the sync, and has room then.
 *
 * usage: journal_stuck
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static int stuck_fdatasync(int fd);
#define fdatasync stuck_fdatasync
#include <tectra/journal_sync.h>

static tt_segment segment;
static tt_sync control;
static _Atomic int inside, answers, last;

static int stuck_fdatasync(int fd)
{
    (void)fd;
    atomic_store(&inside, 1);
    while (!atomic_load(&answers))
        usleep(100);
    return 0;
}

/* The disk answers a while behind the call that must wait for it. */
static void *answer(void *arg)
{
    (void)arg;
    while (!atomic_load(&last))
        usleep(100);
    usleep(100000);
    atomic_store(&answers, 1);
    return NULL;
}

int main(void)
{
    pthread_t disk;
    int wrong = 0;
    const int fd = memfd_create("segment", 0);
    tt_hist *hist = calloc(1, tt_hist_bytes(3, 40));
    if (fd < 0 || hist == NULL || tt_hist_init(hist, 3, 40) != TT_OK)
        return 2;
    if (tt_sync_init(&control, &segment, NULL, hist) != TT_OK)
        return 2;
    control.dir_fd = fd;
    pthread_create(&disk, NULL, answer, NULL);
    for (uint32_t id = 1; id <= TT_SYNC_FILES; id++) {
        wrong += tt_sync_begin(&control, fd, id) != TT_OK;
        tt_store_release64(&segment.last_ring_seq, id);
        if (id == 1) {
            wrong += tt_sync_start(&control, 1000, 1) != TT_OK;
            while (!atomic_load(&inside))
                usleep(100);
        }
    }
    tt_sync_fail(&control, EIO, 2);
    atomic_store(&last, 1);
    wrong += tt_sync_begin(&control, fd, TT_SYNC_FILES + 1) != TT_OK;
    wrong += control.n_files > TT_SYNC_FILES || !atomic_load(&answers);
    pthread_join(disk, NULL);
    tt_sync_stop(&control);
    wrong += tt_sync_failed(&control) != EIO;
    printf("%u files, %d wrong\n", control.n_files, wrong);
    tt_sync_free(&control);
    free(hist);
    return wrong != 0;
}
