/* The little of io_uring that receives datagrams: requests go into one ring shared with the kernel,
 * results come out of another, and while datagrams flow a receive needs no system call of its own.
 * An experiment: Linux 5.6 or newer, and often forbidden in containers.
 *
 * One thread submits and reaps. Memory that a request points to belongs to the kernel until its
 * result came. Structures are those of linux/io_uring.h, which not every build host has. */
#ifndef TECTRA_URING_H
#define TECTRA_URING_H

#include "atomic.h"
#include "base.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture. */
#define TT_SYS_URING_SETUP 425
#define TT_SYS_URING_ENTER 426
#define TT_URING_OP_CANCEL 14
#define TT_URING_OP_RECV 27
#define TT_URING_ENTER_GETEVENTS 1u
#define TT_URING_FEAT_SINGLE_MMAP 1u
#define TT_URING_OFF_SQES UINT64_C(0x10000000)
#define TT_URING_ENTRIES_MAX 4096

typedef struct {
    uint8_t opcode, flags;
    uint16_t ioprio;
    int32_t fd;
    uint64_t off, addr;
    uint32_t len, op_flags;
    uint64_t user_data, pad[3];
} tt_uring_sqe;

typedef struct {
    uint64_t user_data;
    int32_t res;
    uint32_t flags;
} tt_uring_cqe;

typedef struct {
    uint32_t head, tail, mask, entries, flags, dropped, array, reserved;
    uint64_t user_addr;
} tt_uring_sq_offsets;

typedef struct {
    uint32_t head, tail, mask, entries, overflow, cqes, flags, reserved;
    uint64_t user_addr;
} tt_uring_cq_offsets;

typedef struct {
    uint32_t sq_entries, cq_entries, flags, sq_cpu, sq_idle, features, wq_fd, reserved[3];
    tt_uring_sq_offsets sq;
    tt_uring_cq_offsets cq;
} tt_uring_params;

_Static_assert(sizeof(tt_uring_sqe) == 64, "io_uring_sqe");
_Static_assert(offsetof(tt_uring_sqe, user_data) == 32, "io_uring_sqe.user_data");
_Static_assert(sizeof(tt_uring_cqe) == 16, "io_uring_cqe");
_Static_assert(sizeof(tt_uring_params) == 120, "io_uring_params");

typedef struct {
    int fd;
    uint32_t entries, queued;
    uint64_t ring_bytes, sqe_bytes;
    uint8_t *ring;
    tt_uring_sqe *sqes;
    tt_uring_params p;
} tt_uring;

static inline tt_atomic_u32 *tt_uring_word(const tt_uring *u, uint32_t offset)
{
    return (tt_atomic_u32 *)(u->ring + offset);
}

static inline uint32_t tt_uring_plain(const tt_uring *u, uint32_t offset)
{
    uint32_t v;
    memcpy(&v, u->ring + offset, sizeof v);
    return v;
}

/* Unmap and close. A request still out keeps its memory in the kernel's hands. */
static inline void tt_uring_close(tt_uring *u)
{
    if (u->sqes != NULL) {
        munmap(u->sqes, u->sqe_bytes);
    }
    if (u->ring != NULL) {
        munmap(u->ring, u->ring_bytes);
    }
    if (u->fd >= 0) {
        close(u->fd);
    }
    memset(u, 0, sizeof *u);
    u->fd = -1;
}

/* Make both rings with room for `entries` (a power of two) requests: TT_OK, TT_E_RANGE, TT_E_IO
 * (errno: ENOSYS, EPERM where it is forbidden). */
static inline int tt_uring_open(tt_uring *u, uint32_t entries)
{
    memset(u, 0, sizeof *u);
    u->fd = -1;
    if (entries == 0 || entries > TT_URING_ENTRIES_MAX || (entries & (entries - 1))) {
        return TT_E_RANGE;
    }
    u->fd = (int)syscall(TT_SYS_URING_SETUP, entries, &u->p);
    if (u->fd < 0) {
        return TT_E_IO;
    }
    int why = ENOSYS; /* rings in two maps are older than what this needs */
    if (u->p.features & TT_URING_FEAT_SINGLE_MMAP) {
        const uint64_t sq = u->p.sq.array + (uint64_t)u->p.sq_entries * sizeof(uint32_t);
        const uint64_t cq = u->p.cq.cqes + (uint64_t)u->p.cq_entries * sizeof(tt_uring_cqe);
        const int rw = PROT_READ | PROT_WRITE;
        u->entries = u->p.sq_entries;
        u->ring_bytes = sq > cq ? sq : cq;
        u->sqe_bytes = (uint64_t)u->p.sq_entries * sizeof(tt_uring_sqe);
        void *ring = mmap(NULL, u->ring_bytes, rw, MAP_SHARED | MAP_POPULATE, u->fd, 0);
        void *sqes = mmap(NULL, u->sqe_bytes, rw, MAP_SHARED | MAP_POPULATE, u->fd,
                          (off_t)TT_URING_OFF_SQES);
        why = errno;
        u->ring = ring == MAP_FAILED ? NULL : (uint8_t *)ring;
        u->sqes = sqes == MAP_FAILED ? NULL : (tt_uring_sqe *)sqes;
        if (u->ring != NULL && u->sqes != NULL) {
            return TT_OK;
        }
    }
    tt_uring_close(u);
    errno = why;
    return TT_E_IO;
}

/* Queue one request; the kernel sees it at the next tt_uring_submit. TT_OK, TT_E_FULL. */
static inline int tt_uring_queue(tt_uring *u, const tt_uring_sqe *sqe)
{
    tt_atomic_u32 *tail_word = tt_uring_word(u, u->p.sq.tail);
    const uint32_t tail = tt_load_relaxed32(tail_word); /* ours alone */
    /* Pairs with the kernel's release of the head after it read the entries before it. */
    const uint32_t head = tt_load_acquire32(tt_uring_word(u, u->p.sq.head));
    if (tail - head >= u->entries) {
        return TT_E_FULL;
    }
    const uint32_t at = tail & tt_uring_plain(u, u->p.sq.mask);
    u->sqes[at] = *sqe;
    memcpy(u->ring + u->p.sq.array + at * sizeof(uint32_t), &at, sizeof at);
    tt_store_release32(tail_word, tail + 1); /* pairs with the kernel's acquire of the tail */
    u->queued++;
    return TT_OK;
}

/* Queue the receipt of one datagram of at most `bytes`; its result is its whole length. */
static inline int tt_uring_recv(tt_uring *u, int socket, void *to, uint32_t bytes, uint64_t id)
{
    const tt_uring_sqe sqe = {.opcode = TT_URING_OP_RECV,
                              .fd = socket,
                              .addr = (uintptr_t)to,
                              .len = bytes,
                              .op_flags = MSG_TRUNC,
                              .user_data = id};
    return tt_uring_queue(u, &sqe);
}

/* Queue the end of the request `target`; both answer, this one as `id`. */
static inline int tt_uring_cancel(tt_uring *u, uint64_t target, uint64_t id)
{
    const tt_uring_sqe sqe = {
        .opcode = TT_URING_OP_CANCEL, .fd = -1, .addr = target, .user_data = id};
    return tt_uring_queue(u, &sqe);
}

/* Hand over what is queued and wait for `results` of them (0: do not wait). TT_OK, TT_E_IO. */
static inline int tt_uring_submit(tt_uring *u, uint32_t results)
{
    const unsigned flags = results ? TT_URING_ENTER_GETEVENTS : 0;
    const long n = syscall(TT_SYS_URING_ENTER, u->fd, u->queued, results, flags, NULL, 0);
    if (n < 0) {
        return TT_E_IO;
    }
    u->queued -= (uint32_t)n;
    return TT_OK;
}

/* Take the oldest result: 1, or 0 when there is none. */
static inline int tt_uring_next(tt_uring *u, tt_uring_cqe *out)
{
    tt_atomic_u32 *head_word = tt_uring_word(u, u->p.cq.head);
    const uint32_t head = tt_load_relaxed32(head_word); /* ours alone */
    /* Pairs with the kernel's release of the tail after it wrote the result. */
    if (head == tt_load_acquire32(tt_uring_word(u, u->p.cq.tail))) {
        return 0;
    }
    const uint32_t at = head & tt_uring_plain(u, u->p.cq.mask);
    memcpy(out, u->ring + u->p.cq.cqes + at * sizeof *out, sizeof *out);
    tt_store_release32(head_word, head + 1); /* pairs with the kernel's acquire of the head */
    return 1;
}

#endif
