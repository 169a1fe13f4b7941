/* Passes over ITCH 5.0 bytes that make no records: statistics, the directory ahead of a day, and
 * the messages of one type gathered for a columnar view. Framing and checks are those of the
 * decoder. */
#ifndef TECTRA_ITCH_SCAN_H
#define TECTRA_ITCH_SCAN_H

#include "base.h"
#include "bytes.h"
#include "itch_wire.h"

typedef struct {
    uint64_t by_type[256]; /* whole, well-formed messages */
    uint64_t unknown, malformed;
    int64_t first_ns, last_ns; /* lowest and highest time since midnight; -1 before any message */
} tt_itch_tally;

static inline void tt_itch_tally_init(tt_itch_tally *tally)
{
    memset(tally, 0, sizeof *tally);
    tally->first_ns = tally->last_ns = -1;
}

/* What the decoder would say to a message of `len` bytes: TT_OK, TT_E_TYPE, TT_E_LENGTH,
 * TT_E_RANGE. */
static inline int tt_itch_check(const uint8_t *msg, uint32_t len)
{
    const tt_itch_plan *plan;
    if (len == 0)
        return TT_E_LENGTH;
    plan = &tt_itch_plans[msg[0]];
    if (plan->size != len)
        return plan->size == 0 ? TT_E_TYPE : TT_E_LENGTH;
    switch (msg[0]) {
    case 'A':
    case 'F':
    case 'P':
        return msg[19] == 'B' || msg[19] == 'S' ? TT_OK : TT_E_RANGE;
    case 'Q':
        return msg[11] < 0x80 ? TT_OK : TT_E_RANGE;
    case 'I':
        return msg[11] < 0x80 && msg[19] < 0x80 ? TT_OK : TT_E_RANGE;
    default:
        return TT_OK;
    }
}

/* Whether a type belongs to trading: the directory of a day lies before the first of these. */
static inline int tt_itch_is_trading(uint8_t type)
{
    const tt_itch_plan *plan = &tt_itch_plans[type];
    return plan->kind == TT_ITCH_ORDER_64 || plan->kind == TT_ITCH_ORDER_128 || type == 'P' ||
           type == 'Q' || type == 'B';
}

static inline void tt_itch_tally_add(tt_itch_tally *tally, const uint8_t *msg)
{
    const int64_t ts = tt_itch_time(msg);
    tally->by_type[msg[0]]++;
    if (tally->first_ns < 0 || ts < tally->first_ns)
        tally->first_ns = ts;
    if (ts > tally->last_ns)
        tally->last_ns = ts;
}

/* Count messages and learn their symbols. With `head_only` it stops before the first message of
 * trading. *consumed is a whole number of messages. Returns TT_OK (used up), TT_E_STOPPED
 * (head_only), TT_E_CLOSED, TT_E_TYPE or TT_E_CORRUPT (by_type framing lost at *consumed). */
static inline int tt_itch_scan(const uint8_t *bytes, size_t n, int by_type, int head_only,
                               tt_itch_map *map, tt_itch_tally *tally, size_t *consumed)
{
    size_t at = 0;
    int rc = TT_OK;
    TT_ASSERT(bytes || n == 0);
    for (;;) {
        const int64_t len = tt_itch_frame(bytes + at, n - at, by_type);
        const uint8_t *msg = bytes + at + 2;
        int verdict;
        if (TT_UNLIKELY(len < 0)) {
            rc = (int)len;
            break;
        }
        TT_PREFETCH((const void *)((uintptr_t)msg + TT_ITCH_PREFETCH_BYTES));
        verdict = tt_itch_check(msg, (uint32_t)len);
        if (TT_LIKELY(verdict == TT_OK)) {
            if (head_only && tt_itch_is_trading(msg[0])) {
                rc = TT_E_STOPPED;
                break;
            }
            tt_itch_tally_add(tally, msg);
            if (map->gate[tt_be16(msg + 1)] == TT_ITCH_NEW)
                tt_itch_learn(map, msg, &tt_itch_plans[msg[0]]);
        } else {
            tally->unknown += verdict == TT_E_TYPE;
            tally->malformed += verdict != TT_E_TYPE;
        }
        at += (size_t)len + 2;
    }
    *consumed = at;
    return rc == TT_E_TRUNCATED ? TT_OK : rc;
}

/* Copy the well-formed messages of one type, without prefixes, one behind the other into `out`
 * (`cap` messages of tt_itch_size(type) bytes). Returns as tt_itch_scan, or TT_E_FULL. */
static inline int tt_itch_gather(const uint8_t *bytes, size_t n, int by_type, uint8_t type,
                                 uint8_t *out, size_t cap, size_t *consumed, size_t *count)
{
    const uint32_t size = tt_itch_size(type);
    size_t at = 0, made = 0;
    int rc = TT_OK;
    TT_ASSERT(size > 0);
    for (;;) {
        const int64_t len = tt_itch_frame(bytes + at, n - at, by_type);
        if (TT_UNLIKELY(len < 0)) {
            rc = (int)len;
            break;
        }
        if (len == size && bytes[at + 2] == type && tt_itch_check(bytes + at + 2, size) == TT_OK) {
            if (made == cap) {
                rc = TT_E_FULL;
                break;
            }
            memcpy(out + made * size, bytes + at + 2, size);
            made++;
        }
        at += (size_t)len + 2;
    }
    *consumed = at;
    *count = made;
    return rc == TT_E_TRUNCATED ? TT_OK : rc;
}

#endif
