/* Any bytes as a MoldUDP64 packet, beside a reading of its own, byte by byte. */
#include <tectra/mold.h>

#include "guided.h"

/* Where the blocks that the head announces end; SIZE_MAX: they do not fit into n bytes. */
static size_t blocks_end(const uint8_t *data, size_t n)
{
    const uint32_t count = (uint32_t)data[18] << 8 | data[19];
    size_t at = 20;
    for (uint32_t i = 0; count != 0xffff && i < count; i++) {
        if (at + 2 > n)
            return SIZE_MAX;
        at += 2 + ((size_t)data[at] << 8 | data[at + 1]);
        if (at > n)
            return SIZE_MAX;
    }
    return at;
}

static void walk(const tt_mold_packet *p, const uint8_t *data, size_t n)
{
    uint32_t at = 0, bytes = 0, found = 0, sum = 0;
    const uint8_t *expected = data + 20;
    for (const uint8_t *m; (m = tt_mold_next(p, &at, &bytes)) != NULL; found++) {
        guided_need(m == expected + 2 && bytes == ((uint32_t)expected[0] << 8 | expected[1]),
                    "a message lies elsewhere");
        expected = m + bytes;
        for (uint32_t k = 0; k < bytes; k++)
            sum += m[k];
    }
    guided_need(found == p->count && expected == data + n, "messages and bytes disagree");
    guided_need(sum <= 255 * n, "a sum of bytes");
}

static void run(const uint8_t *data, size_t n)
{
    tt_mold_packet p;
    const int rc = tt_mold_parse(data, n, &p);
    if (n < 20) {
        guided_need(rc == TT_E_TRUNCATED, "a head is read from less than a head");
        return;
    }
    const size_t end = blocks_end(data, n);
    const uint32_t count = (uint32_t)data[18] << 8 | data[19];
    uint64_t sequence = 0;
    for (int i = 10; i < 18; i++)
        sequence = sequence << 8 | data[i];
    if (count != 0xffff && sequence > UINT64_MAX - count)
        guided_need(rc == TT_E_CORRUPT, "numbers beyond 2^64 pass");
    else
        guided_need(rc == (end == SIZE_MAX ? TT_E_TRUNCATED : end == n ? TT_OK : TT_E_CORRUPT),
                    "another verdict than a plain reading's");
    if (rc != TT_OK)
        return;
    guided_need(p.sequence == sequence && p.session == data, "the head is read wrong");
    guided_need(p.is_end == (count == 0xffff) && p.is_heartbeat == (count == 0), "what kind it is");
    guided_need(p.count == (p.is_end ? 0 : count), "how many messages");
    walk(&p, data, n);
    for (size_t cut = n > 64 ? n - 64 : 0; cut < n; cut++)
        guided_need(tt_mold_parse(data, cut, &p) == TT_E_TRUNCATED, "a part of a packet passes");
}

static void seeds(void)
{
    uint8_t packet[256] = {0};
    static const uint8_t session[] = "000000001A";
    for (uint16_t count = 0; count < 5; count++) {
        size_t at = 20;
        tt_mold_put_head(packet, session, 1 + count, count);
        for (uint16_t i = 0; i < count; i++) {
            tt_put_be16(packet + at, (uint16_t)(9 * i));
            memset(packet + at + 2, i, 9u * i);
            at += 2 + 9u * i;
        }
        guided_seed(packet, at);
    }
    tt_mold_put_head(packet, session, UINT64_MAX - 3, TT_MOLD_END);
    guided_seed(packet, 20);
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv, &(guided_target){"mold", 1500, 1, run, seeds});
}
