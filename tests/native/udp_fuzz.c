/* Control messages as a kernel would never write them, in blocks of exactly their size, and real
 * datagrams through a socket on this machine: what is read is what was sent, or nothing.
 *
 * usage: udp_fuzz SEED INPUTS
 */
#include <tectra/udp.h>

#include <netinet/in.h>
#include <unistd.h>

static uint64_t state;

static uint64_t next_random(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "udp_fuzz: %s (state %llx, errno %d)\n", what, (unsigned long long)state,
                errno);
        exit(1);
    }
}

static size_t put(uint8_t *to, int level, int type, const void *body, size_t bytes)
{
    struct cmsghdr head = {0};
    head.cmsg_len = CMSG_LEN(bytes), head.cmsg_level = level, head.cmsg_type = type;
    memset(to, 0, CMSG_SPACE(bytes));
    memcpy(to, &head, sizeof head);
    memcpy(to + CMSG_LEN(0), body, bytes);
    return CMSG_SPACE(bytes);
}

/* A time, a drop count and strangers between them; all are found, in any order. */
static size_t whole(uint8_t *to, tt_udp_ancillary *want)
{
    uint8_t other[24] = {0};
    const struct timespec t = {.tv_sec = (time_t)(next_random() >> 32),
                               .tv_nsec = (long)(next_random() % 1000000000)};
    const uint32_t drops = (uint32_t)next_random();
    size_t at = 0;
    *want = (tt_udp_ancillary){.ts_ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec};
    if (next_random() & 1)
        at += put(to + at, IPPROTO_IP, TT_SCM_TIMESTAMPNS, other, next_random() % 24);
    const int first = next_random() & 1;
    for (int i = 0; i < 2; i++) {
        if (i == first) {
            at += put(to + at, SOL_SOCKET, TT_SCM_TIMESTAMPNS, &t, sizeof t);
        } else if (next_random() & 1) {
            at += put(to + at, SOL_SOCKET, TT_SCM_RXQ_OVFL, &drops, sizeof drops);
            want->drops = drops, want->has_drops = 1;
        }
    }
    return at;
}

static void control(void)
{
    uint8_t scratch[256];
    tt_udp_ancillary want;
    size_t n = whole(scratch, &want);
    const int damaged = (int)(next_random() % 4);
    if (damaged == 1)
        n -= next_random() % n;
    for (uint64_t k = damaged >= 2 ? 1 + next_random() % 4 : 0; k > 0; k--)
        scratch[next_random() % n] = (uint8_t)next_random();
    if (damaged == 3) {
        /* Lengths around what is there, where arithmetic would wrap. */
        const size_t len = next_random() & 1 ? SIZE_MAX - next_random() % 40 : next_random() % 300;
        memcpy(scratch, &len, sizeof len);
    }
    uint8_t *exact = malloc(n ? n : 1);
    need(exact != NULL, "no memory");
    memcpy(exact, scratch, n);
    const tt_udp_ancillary got = tt_udp_control(exact, n);
    need(got.ts_ns >= 0, "a time before the epoch");
    if (damaged == 0)
        need(got.ts_ns == want.ts_ns && got.has_drops == want.has_drops &&
                 (!want.has_drops || got.drops == want.drops),
             "whole control messages are read wrong");
    free(exact);
}

/* Datagrams of every size around a slot's, in bursts. */
static void wire(int bursts)
{
    tt_udp *u = aligned_alloc(64, (sizeof *u + 63) / 64 * 64);
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof where;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
    const int on = 1;
    uint8_t body[4096];
    uint32_t sent[100];
    uint64_t total = 0;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(u != NULL && fd >= 0 && out >= 0, "no socket");
    need(bind(fd, (struct sockaddr *)&where, size) == 0, "bind");
    need(getsockname(fd, (struct sockaddr *)&where, &size) == 0, "getsockname");
    setsockopt(fd, SOL_SOCKET, TT_SCM_TIMESTAMPNS, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, TT_SCM_RXQ_OVFL, &on, sizeof on);
    tt_udp_init(u, fd);
    need(tt_udp_poll(u) == 0 && u->count == 0, "something out of nothing");
    for (int b = 0; b < bursts; b++) {
        const uint32_t burst = 1 + (uint32_t)(next_random() % 30);
        for (uint32_t i = 0; i < burst; i++) {
            sent[i] = (uint32_t)(next_random() % sizeof body);
            memset(body, (int)(sent[i] & 255), sent[i]);
            need(sendto(out, body, sent[i], 0, (struct sockaddr *)&where, size) == sent[i], "send");
        }
        uint32_t at = 0;
        for (int tries = 0; at < burst && tries < 1000000; tries++) {
            const int n = tt_udp_poll(u);
            need(n >= 0, "poll");
            tt_udp_stamp(u, 5);
            for (uint32_t i = 0; i < u->count; i++, at++) {
                const tt_datagram *d = &u->out[i];
                const int cut = sent[at] > TT_UDP_SLOT_BYTES;
                need(d->bytes == (cut ? TT_UDP_SLOT_BYTES : sent[at]), "a length");
                need(d->flags == (cut ? TT_DATAGRAM_CUT : 0) && d->ts_recv_ns == 5, "flags");
                for (uint32_t k = 0; k < d->bytes; k++)
                    need(d->data[k] == (sent[at] & 255), "a byte");
            }
        }
        need(at == burst, "datagrams are missing");
        total += burst;
    }
    need(u->counts.datagrams == total && u->counts.errors == 0, "counts");
    u->fd = -1;
    need(tt_udp_poll(u) == TT_E_IO && u->last_errno == EBADF && u->counts.errors == 1, "no socket");
    close(fd);
    close(out);
    free(u);
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const long inputs = argc > 2 ? atol(argv[2]) : 20000;
    state = seed;
    for (long i = 0; i < inputs; i++)
        control();
    wire(100);
    printf("udp_fuzz: %ld inputs, seed %llu\n", inputs, (unsigned long long)seed);
    return 0;
}
