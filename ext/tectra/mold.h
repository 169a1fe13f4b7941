/* MoldUDP64 on the wire: numbered messages of a session in datagrams.
 *
 *   packet:   | session 10 | sequence u64 | count u16 | count x ( length u16 | message ) |
 *   request:  | session 10 | first wanted u64 | how many u16 |
 *
 * Big-endian. `sequence` is the number of the first message; messages of a session count from 1.
 * count 0 is a heartbeat and 0xffff the end of the session: both carry the number that comes next.
 * A message may be of length 0. Nothing here reads outside what it was given. Source: NASDAQ,
 * MoldUDP64 protocol specification 1.00. */
#ifndef TECTRA_MOLD_H
#define TECTRA_MOLD_H

#include "base.h"
#include "bytes.h"

#define TT_MOLD_HEAD_BYTES 20u
#define TT_MOLD_SESSION_BYTES 10u
#define TT_MOLD_HEARTBEAT 0u
#define TT_MOLD_END 0xffffu
#define TT_MOLD_REQUEST_MAX 0xfffeu

typedef struct {
    const uint8_t *session; /* TT_MOLD_SESSION_BYTES of the packet itself */
    uint64_t sequence;      /* of the first message; of the next one in heartbeat and end */
    uint32_t count;         /* messages; 0 in heartbeat and end */
    uint32_t is_heartbeat, is_end;
    const uint8_t *blocks;
    uint32_t blocks_bytes;
    uint32_t pad_;
} tt_mold_packet;

/* Read a datagram. TT_E_TRUNCATED: shorter than its head, or than the blocks that it announces;
 * TT_E_CORRUPT: bytes behind the last block, or numbers that would pass 2^64. Checks every block,
 * so that tt_mold_next cannot fail after it. */
static inline int tt_mold_parse(const uint8_t *data, size_t n, tt_mold_packet *out)
{
    if (n < TT_MOLD_HEAD_BYTES)
        return TT_E_TRUNCATED;
    const uint32_t count = tt_be16(data + 18);
    *out = (tt_mold_packet){.session = data,
                            .sequence = tt_be64(data + 10),
                            .count = count == TT_MOLD_END ? 0 : count,
                            .is_heartbeat = count == TT_MOLD_HEARTBEAT,
                            .is_end = count == TT_MOLD_END,
                            .blocks = data + TT_MOLD_HEAD_BYTES,
                            .blocks_bytes = (uint32_t)(n - TT_MOLD_HEAD_BYTES)};
    if (n - TT_MOLD_HEAD_BYTES > UINT32_MAX || out->sequence > UINT64_MAX - out->count)
        return TT_E_CORRUPT;
    size_t at = TT_MOLD_HEAD_BYTES;
    for (uint32_t i = 0; i < out->count; i++) {
        if (n - at < 2 || n - at - 2 < tt_be16(data + at))
            return TT_E_TRUNCATED;
        at += 2 + (size_t)tt_be16(data + at);
    }
    return at == n ? TT_OK : TT_E_CORRUPT;
}

/* The message at *at (0 at first) of a packet that tt_mold_parse passed, and *at moved behind it;
 * NULL at the end. */
static inline const uint8_t *tt_mold_next(const tt_mold_packet *p, uint32_t *at, uint32_t *bytes)
{
    if (*at >= p->blocks_bytes)
        return NULL;
    const uint8_t *block = p->blocks + *at;
    *bytes = tt_be16(block);
    TT_ASSERT(*at + 2 + *bytes <= p->blocks_bytes);
    *at += 2 + *bytes;
    return block + 2;
}

/* The head of a packet or of a request. */
static inline void tt_mold_put_head(uint8_t *out, const uint8_t *session, uint64_t sequence,
                                    uint16_t count)
{
    memcpy(out, session, TT_MOLD_SESSION_BYTES);
    tt_put_be64(out + 10, sequence);
    tt_put_be16(out + 18, count);
}

#endif
