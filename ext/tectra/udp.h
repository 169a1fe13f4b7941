/* Datagrams of one UDP socket, up to 64 a system call, into memory that is there already.
 *
 * One thread receives. The kernel says in control messages when it took a datagram from the network
 * (SO_TIMESTAMPNS) and how many it has dropped for want of room so far (SO_RXQ_OVFL, told only once
 * it has dropped one, and with the next datagram that it did keep). */
#ifndef TECTRA_UDP_H
#define TECTRA_UDP_H

#include "base.h"
#include "datagram.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define TT_UDP_BATCH 64u
#define TT_UDP_SLOT_BYTES 2048u
#define TT_UDP_CONTROL_BYTES 128u
/* From asm-generic/socket.h: a control message has the number of the option that asks for it. */
#define TT_SCM_TIMESTAMPNS 35
#define TT_SCM_RXQ_OVFL 40

typedef struct {
    int64_t ts_ns;  /* 0: none */
    uint32_t drops; /* since the socket was made, modulo 2^32; valid with has_drops */
    uint32_t has_drops;
} tt_udp_ancillary;

typedef struct {
    uint64_t datagrams, bytes;
    uint64_t cut;       /* datagrams longer than a slot */
    uint64_t dropped;   /* by the kernel, as far as it has told */
    uint64_t unstamped; /* datagrams without a time from the kernel */
    uint64_t errors;    /* calls that the kernel refused */
} tt_udp_counts;

typedef struct {
    int fd;
    int last_errno;
    uint32_t count; /* datagrams of the last poll */
    uint32_t drops_seen;
    tt_udp_counts counts;
    tt_datagram out[TT_UDP_BATCH];
    struct mmsghdr headers[TT_UDP_BATCH];
    struct iovec vectors[TT_UDP_BATCH];
    _Alignas(64) uint8_t control[TT_UDP_BATCH][TT_UDP_CONTROL_BYTES];
    _Alignas(64) uint8_t data[TT_UDP_BATCH][TT_UDP_SLOT_BYTES];
} tt_udp;

static inline void tt_udp_init(tt_udp *u, int fd)
{
    memset(u, 0, sizeof *u);
    u->fd = fd;
    for (uint32_t i = 0; i < TT_UDP_BATCH; i++) {
        u->vectors[i] = (struct iovec){.iov_base = u->data[i], .iov_len = TT_UDP_SLOT_BYTES};
        u->headers[i].msg_hdr.msg_iov = &u->vectors[i];
        u->headers[i].msg_hdr.msg_iovlen = 1;
        u->headers[i].msg_hdr.msg_control = u->control[i];
        u->headers[i].msg_hdr.msg_controllen = TT_UDP_CONTROL_BYTES;
        u->out[i].data = u->data[i];
    }
}

/* What the `n` bytes of control messages say. Whatever they hold, nothing outside is read; a
 * message that is cut or of another length than its type has ends or misses its own part only. */
static inline tt_udp_ancillary tt_udp_control(const uint8_t *control, size_t n)
{
    tt_udp_ancillary out = {0};
    struct cmsghdr head;
    size_t at = 0;
    while (n - at >= sizeof head) {
        memcpy(&head, control + at, sizeof head);
        const size_t whole = (size_t)head.cmsg_len;
        if (whole < CMSG_LEN(0) || whole > n - at)
            break;
        const uint8_t *body = control + at + CMSG_LEN(0);
        const size_t bytes = whole - CMSG_LEN(0);
        struct timespec t;
        if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == TT_SCM_TIMESTAMPNS &&
            bytes == sizeof t) {
            memcpy(&t, body, sizeof t);
            if (t.tv_sec >= 0 && t.tv_sec < INT64_MAX / 1000000000 && t.tv_nsec >= 0 &&
                t.tv_nsec < 1000000000)
                out.ts_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
        }
        if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == TT_SCM_RXQ_OVFL &&
            bytes == sizeof out.drops) {
            memcpy(&out.drops, body, sizeof out.drops);
            out.has_drops = 1;
        }
        const size_t step = CMSG_SPACE(bytes);
        if (step > n - at)
            break;
        at += step;
    }
    return out;
}

/* Describe datagram i, of which the kernel wrote the header. */
static inline void tt_udp_take(tt_udp *u, uint32_t i)
{
    struct msghdr *h = &u->headers[i].msg_hdr;
    const uint32_t bytes = u->headers[i].msg_len;
    const int cut = (h->msg_flags & MSG_TRUNC) != 0;
    TT_ASSERT(bytes <= TT_UDP_SLOT_BYTES && h->msg_controllen <= TT_UDP_CONTROL_BYTES);
    const tt_udp_ancillary said = tt_udp_control(u->control[i], h->msg_controllen);
    u->out[i].bytes = bytes;
    u->out[i].flags = cut ? TT_DATAGRAM_CUT : 0;
    u->out[i].ts_kernel_ns = said.ts_ns;
    u->counts.bytes += bytes;
    u->counts.cut += (uint64_t)cut;
    u->counts.unstamped += said.ts_ns == 0;
    if (said.has_drops) {
        u->counts.dropped += (uint32_t)(said.drops - u->drops_seen);
        u->drops_seen = said.drops;
    }
    /* The kernel shortened them to what it wrote. */
    h->msg_controllen = TT_UDP_CONTROL_BYTES;
    h->msg_flags = 0;
}

/* Take what has come, without waiting: how many, 0 for none, TT_E_IO (last_errno says why). The
 * datagrams of the poll before are gone. Times of receipt are the caller's: tt_udp_stamp. */
static inline int tt_udp_poll(tt_udp *u)
{
    u->count = 0;
    const int n = recvmmsg(u->fd, u->headers, TT_UDP_BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0) {
        if (n == 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return 0;
        u->last_errno = errno;
        u->counts.errors++;
        return TT_E_IO;
    }
    for (uint32_t i = 0; i < (uint32_t)n; i++)
        tt_udp_take(u, i);
    u->counts.datagrams += (uint64_t)n;
    u->count = (uint32_t)n;
    return n;
}

static inline void tt_udp_stamp(tt_udp *u, int64_t now_ns)
{
    for (uint32_t i = 0; i < u->count; i++)
        u->out[i].ts_recv_ns = now_ns;
}

#endif
