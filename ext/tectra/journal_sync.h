/* What of a journal is on the disk: which record is the last durable one, who syncs, and what a
 * failed sync means.
 *
 *   owner of the segment:  tt_sync_begin at each new segment, tt_sync_turn to commit by itself
 *   committing thread:     tt_sync_run, every interval or when so many records wait
 *   anyone:                tt_sync_durable, tt_sync_wait
 *
 * A sync that failed is never repeated: the kernel may have dropped the pages and would say yes to
 * the next call. `durable` stays where it was for ever, the owner is asked to begin a new segment,
 * and the kill word is set.
 *
 * Every file lies here as a duplicate of its descriptor, so whoever finishes a segment can close
 * it. Syncs are made one at a time, in the order of the segments. The lock is never held over a
 * system call that waits for the disk.
 */
#ifndef TECTRA_JOURNAL_SYNC_H
#define TECTRA_JOURNAL_SYNC_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "clock.h"
#include "hist.h"
#include "journal.h"
#include "kill.h"

#define TT_SYNC_FILES 64u

typedef struct {
    int fd;
    uint32_t segment_id;
    uint64_t last_ring_seq; /* of a segment that is full; of the open one the segment tells */
} tt_sync_file;

typedef struct {
    pthread_mutex_t lock; /* over all that is not atomic */
    pthread_cond_t turn;  /* to the committing thread: stop, or somebody waits */
    pthread_cond_t news;  /* to everyone: durable has moved, a sync failed, work was posted */
    pthread_t thread;
    tt_segment *seg;
    tt_kill *kill;    /* NULL: none */
    tt_hist *sync_ns; /* of every sync */
    int dir_fd;
    uint32_t n_files; /* oldest first, the last one is open */
    tt_sync_file files[TT_SYNC_FILES];
    int64_t interval_ns;
    uint64_t batch; /* records */
    uint64_t posted;
    uint64_t named;        /* files, so far */
    uint64_t named_synced; /* of them, those whose names are on the disk */
    bool busy, hurry, stop, running;
    uint32_t failed_segment;
    tt_atomic_u32 failed; /* errno of the first sync that failed, 0: none */
    tt_atomic_u64 durable;
    tt_atomic_u64 syncs;
} tt_sync;

static inline int tt_sync_init(tt_sync *s, tt_segment *seg, tt_kill *kill, tt_hist *sync_ns)
{
    pthread_condattr_t mono;
    memset(s, 0, sizeof(*s));
    s->seg = seg;
    s->kill = kill;
    s->sync_ns = sync_ns;
    s->dir_fd = -1;
    tt_store_relaxed64(&s->durable, tt_load_relaxed64(&seg->last_ring_seq));
    if (pthread_condattr_init(&mono) != 0)
        return TT_E_MEMORY;
    int rc = pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    rc = rc != 0 ? rc : pthread_mutex_init(&s->lock, NULL);
    rc = rc != 0 ? rc : pthread_cond_init(&s->turn, &mono);
    rc = rc != 0 ? rc : pthread_cond_init(&s->news, &mono);
    pthread_condattr_destroy(&mono);
    return rc == 0 ? TT_OK : TT_E_MEMORY;
}

/* The last record that is on the disk with all before it. */
static inline uint64_t tt_sync_durable(const tt_sync *s)
{
    /* Pairs with the release in tt_sync_settle_. */
    return tt_load_acquire64(&s->durable);
}

static inline int tt_sync_failed(const tt_sync *s)
{
    return (int)tt_load_acquire32(&s->failed);
}

/* fdatasync, or fsync of a directory. Interrupted before it did anything, it is called again; any
 * other failure stands. Returns an errno. */
static inline int tt_sync_call(int fd, bool names)
{
    int rc = EINTR;
    while (rc == EINTR)
        rc = (names ? fsync(fd) : fdatasync(fd)) == 0 ? 0 : errno;
    return rc;
}

static inline struct timespec tt_sync_at_(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / TT_NS_PER_S, .tv_nsec = ns % TT_NS_PER_S};
    return t;
}

/* With the lock held. */
static inline void tt_sync_fail_(tt_sync *s, int error, uint32_t segment_id)
{
    if (tt_load_relaxed32(&s->failed) == 0) {
        s->failed_segment = segment_id;
        /* Pairs with the acquire in tt_sync_failed. */
        tt_store_release32(&s->failed, (uint32_t)error);
        tt_store_relaxed32(&s->seg->roll, 1);
    }
    if (s->kill != NULL)
        tt_kill_set_at(s->kill, TT_KILL_JOURNAL, tt_now_ns());
    s->posted++;
    pthread_cond_broadcast(&s->news);
}

/* Any thread: a segment cannot be made durable. */
static inline void tt_sync_fail(tt_sync *s, int error, uint32_t segment_id)
{
    pthread_mutex_lock(&s->lock);
    tt_sync_fail_(s, error, segment_id);
    pthread_mutex_unlock(&s->lock);
}

/* Any thread: no more orders, because there is hardly room for what they would write. 0 when no
 * kill word was given. */
static inline int tt_sync_halt(tt_sync *s)
{
    if (s->kill != NULL)
        tt_kill_set_at(s->kill, TT_KILL_JOURNAL, tt_now_ns());
    return s->kill != NULL;
}

/* With the lock held: account for a sync that ended. */
static inline void tt_sync_settle_(tt_sync *s, int error, uint32_t segment_id, uint64_t seq)
{
    if (error != 0) {
        tt_sync_fail_(s, error, segment_id);
    } else if (tt_sync_failed(s) == 0 && seq > tt_load_relaxed64(&s->durable)) {
        /* Pairs with the acquire in tt_sync_durable. */
        tt_store_release64(&s->durable, seq);
    }
    pthread_cond_broadcast(&s->news);
}

/* With the lock held, behind a sync of the directory that began when so many files were named. Two
 * threads may sync it at a time: none may rely on the other's, which may not have come so far. */
static inline void tt_sync_names_(tt_sync *s, int error, uint64_t named)
{
    if (error == 0 && named > s->named_synced)
        s->named_synced = named;
}

/* A file was named; who syncs next syncs the directory, too. */
static inline void tt_sync_named(tt_sync *s)
{
    pthread_mutex_lock(&s->lock);
    s->named++;
    pthread_mutex_unlock(&s->lock);
}

/* Any thread, one at a time: sync a file, and names given since the last time; with it every record
 * up to `seq` is durable. Returns an errno. */
static inline int tt_sync_one(tt_sync *s, int fd, uint32_t segment_id, uint64_t seq)
{
    pthread_mutex_lock(&s->lock);
    const uint64_t named = s->named;
    const bool names = named != s->named_synced;
    pthread_mutex_unlock(&s->lock);
    const int64_t began = tt_mono_ns();
    int error = tt_sync_call(fd, false);
    error = error == 0 && names ? tt_sync_call(s->dir_fd, true) : error;
    const int64_t took = tt_mono_ns() - began;
    pthread_mutex_lock(&s->lock);
    tt_hist_record(s->sync_ns, (uint64_t)took);
    tt_bump64(&s->syncs, 1);
    tt_sync_names_(s, error, named);
    tt_sync_settle_(s, error, segment_id, seq);
    pthread_mutex_unlock(&s->lock);
    return error;
}

static inline void tt_sync_drop_(tt_sync *s)
{
    close(s->files[0].fd);
    s->n_files--;
    memmove(s->files, s->files + 1, s->n_files * sizeof(*s->files));
}

/* Owner, behind the naming of a new segment's file and before its first record. Waits when so many
 * full segments are not yet synced. TT_E_IO: no descriptor is left. */
static inline int tt_sync_begin(tt_sync *s, int fd, uint32_t segment_id)
{
    /* In one call: a child that another thread starts between two would keep the file. */
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return TT_E_IO;
    pthread_mutex_lock(&s->lock);
    const uint64_t seq = tt_load_relaxed64(&s->seg->last_ring_seq);
    if (s->n_files > 0)
        s->files[s->n_files - 1].last_ring_seq = seq;
    /* Also for the sync of another thread that has one of them in its hands, when one failed. */
    while (s->n_files == TT_SYNC_FILES && (s->busy || (s->running && tt_sync_failed(s) == 0))) {
        s->hurry = true;
        pthread_cond_signal(&s->turn);
        pthread_cond_wait(&s->news, &s->lock);
    }
    if (s->n_files > 0 && !s->busy
        && (tt_sync_failed(s) != 0 || tt_load_relaxed64(&s->durable) == seq))
        while (s->n_files > 0)
            tt_sync_drop_(s);
    TT_ASSERT(s->n_files < TT_SYNC_FILES);
    s->files[s->n_files++] = (tt_sync_file){.fd = own, .segment_id = segment_id};
    s->named++;
    pthread_mutex_unlock(&s->lock);
    return TT_OK;
}

/* Make everything durable that was appended before the call. TT_OK or TT_E_IO. */
static inline int tt_sync_turn(tt_sync *s)
{
    bool last = false;
    pthread_mutex_lock(&s->lock);
    while (s->busy)
        pthread_cond_wait(&s->news, &s->lock);
    while (!last && s->n_files > 0 && tt_sync_failed(s) == 0) {
        const tt_sync_file file = s->files[0];
        const uint64_t named = s->named;
        const bool names = named != s->named_synced;
        last = s->n_files == 1;
        /* Pairs with the release in tt_journal_append. A record of a later segment cannot be the
         * one: that segment begins under the lock. */
        const uint64_t seq = last ? tt_load_acquire64(&s->seg->last_ring_seq) : file.last_ring_seq;
        if (last && seq == tt_load_relaxed64(&s->durable))
            break;
        s->busy = true;
        pthread_mutex_unlock(&s->lock);
        const int64_t began = tt_mono_ns();
        int error = names ? tt_sync_call(s->dir_fd, true) : 0;
        error = error != 0 ? error : tt_sync_call(file.fd, false);
        const int64_t took = tt_mono_ns() - began;
        pthread_mutex_lock(&s->lock);
        s->busy = false;
        tt_hist_record(s->sync_ns, (uint64_t)took);
        tt_bump64(&s->syncs, 1);
        tt_sync_names_(s, error, named);
        if (!last)
            tt_sync_drop_(s);
        tt_sync_settle_(s, error, file.segment_id, seq);
    }
    pthread_mutex_unlock(&s->lock);
    return tt_sync_failed(s) == 0 ? TT_OK : TT_E_IO;
}

static inline uint64_t tt_sync_waiting_(const tt_sync *s)
{
    return tt_load_relaxed64(&s->seg->last_ring_seq) - tt_load_relaxed64(&s->durable);
}

/* The committing thread. Looks four times in an interval while records wait; ends on stop, and when
 * a sync failed. */
static inline void *tt_sync_run(void *arg)
{
    tt_sync *s = (tt_sync *)arg;
    int64_t last_ns = tt_mono_ns();
    pthread_mutex_lock(&s->lock);
    while (!s->stop && tt_sync_failed(s) == 0) {
        /* A full segment without news is work as well: whoever finishes it waits for its file. */
        const uint64_t waiting = tt_sync_waiting_(s) + (s->n_files > 1);
        const int64_t now = tt_mono_ns();
        if (waiting > 0 && (s->hurry || waiting >= s->batch || now - last_ns >= s->interval_ns)) {
            s->hurry = false;
            last_ns = now;
            pthread_mutex_unlock(&s->lock);
            tt_sync_turn(s);
            pthread_mutex_lock(&s->lock);
            continue;
        }
        const int64_t pause = waiting > 0 ? s->interval_ns / 4 : s->interval_ns;
        const struct timespec at = tt_sync_at_(now + (pause > 0 ? pause : 1));
        pthread_cond_timedwait(&s->turn, &s->lock, &at);
    }
    s->running = false;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Begin to commit by a thread: TT_OK, or TT_E_MEMORY when there is none to be had. It takes no
 * signals: those are for threads that can be interrupted. */
static inline int tt_sync_start(tt_sync *s, int64_t interval_ns, uint64_t batch)
{
    s->interval_ns = interval_ns;
    s->batch = batch;
    s->running = true;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int rc = pthread_create(&s->thread, NULL, tt_sync_run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        s->running = false;
    return rc == 0 ? TT_OK : TT_E_MEMORY;
}

/* End the thread that tt_sync_start made; what was not synced stays so. */
static inline void tt_sync_stop(tt_sync *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->turn);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
}

/* Any thread: wait until a record is durable or `until_ns` of the monotonic clock has come. TT_OK;
 * TT_E_EMPTY: not yet; TT_E_IO: never, a sync failed. */
static inline int tt_sync_wait(tt_sync *s, uint64_t seq, int64_t until_ns)
{
    const struct timespec at = tt_sync_at_(until_ns);
    int late = 0;
    pthread_mutex_lock(&s->lock);
    while (tt_sync_durable(s) < seq && tt_sync_failed(s) == 0 && late == 0) {
        s->hurry = true;
        pthread_cond_signal(&s->turn);
        late = pthread_cond_timedwait(&s->news, &s->lock, &at);
    }
    pthread_mutex_unlock(&s->lock);
    if (tt_sync_durable(s) >= seq)
        return TT_OK;
    return tt_sync_failed(s) != 0 ? TT_E_IO : TT_E_EMPTY;
}

/* Wait until no sync needs a full segment's file any more, or none is made. */
static inline void tt_sync_settled(tt_sync *s, uint32_t segment_id)
{
    pthread_mutex_lock(&s->lock);
    while (s->running && s->n_files > 0 && s->files[0].segment_id <= segment_id) {
        s->hurry = true;
        pthread_cond_signal(&s->turn);
        pthread_cond_wait(&s->news, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Any thread: there is work for the one in tt_sync_await. */
static inline void tt_sync_post(tt_sync *s)
{
    pthread_mutex_lock(&s->lock);
    s->posted++;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
}

/* Wait for a post behind number `seen`; returns its number. A failed sync posts as well. */
static inline uint64_t tt_sync_await(tt_sync *s, uint64_t seen)
{
    pthread_mutex_lock(&s->lock);
    while (s->posted == seen)
        pthread_cond_wait(&s->news, &s->lock);
    seen = s->posted;
    pthread_mutex_unlock(&s->lock);
    return seen;
}

/* With no thread in any of these. Closes the duplicates. */
static inline void tt_sync_free(tt_sync *s)
{
    while (s->n_files > 0)
        tt_sync_drop_(s);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->turn);
    pthread_cond_destroy(&s->news);
}

#endif
