/* Any bytes as control messages of a datagram: nothing outside is read, and what is read is the
 * same wherever the bytes lie. */
#include <tectra/udp.h>

#include "guided.h"

static void run(const uint8_t *data, size_t n)
{
    const tt_udp_ancillary first = tt_udp_control(data, n);
    guided_need(first.ts_ns >= 0 && first.has_drops <= 1, "a time or a flag that cannot be");
    guided_need(first.has_drops || first.drops == 0, "drops that nobody told");
    for (size_t shift = 1; shift < 8; shift += 2) {
        uint8_t *moved = malloc(n + shift);
        guided_need(moved != NULL, "no memory");
        memcpy(moved + shift, data, n);
        const tt_udp_ancillary other = tt_udp_control(moved + shift, n);
        guided_need(other.ts_ns == first.ts_ns && other.drops == first.drops &&
                        other.has_drops == first.has_drops,
                    "where the bytes lie changes what they say");
        free(moved);
    }
}

static size_t put(uint8_t *to, int level, int type, const void *body, size_t bytes)
{
    struct cmsghdr head = {.cmsg_len = CMSG_LEN(bytes), .cmsg_level = level, .cmsg_type = type};
    memset(to, 0, CMSG_SPACE(bytes));
    memcpy(to, &head, sizeof head);
    memcpy(to + CMSG_LEN(0), body, bytes);
    return CMSG_SPACE(bytes);
}

static void seeds(void)
{
    uint8_t bytes[256] = {0};
    const struct timespec time = {.tv_sec = 1767600000, .tv_nsec = 999999999};
    const uint32_t drops = 7;
    size_t at = put(bytes, SOL_SOCKET, TT_SCM_TIMESTAMPNS, &time, sizeof time);
    guided_seed(bytes, at);
    at += put(bytes + at, SOL_SOCKET, TT_SCM_RXQ_OVFL, &drops, sizeof drops);
    guided_seed(bytes, at);
    at += put(bytes + at, 0, 8, &time, 5);
    at += put(bytes + at, SOL_SOCKET, TT_SCM_TIMESTAMPNS, &time, sizeof time);
    guided_seed(bytes, at);
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"udp", 512, 1, run, seeds});
}
