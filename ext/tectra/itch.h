/* NASDAQ TotalView-ITCH 5.0: the decoder from wire messages to records, over BinaryFILE framing.
 *
 * The book messages are decoded without branches on the type: a plan (itch_wire.h) says where the
 * fields lie and which bits count, so that the order in which types follow each other costs
 * nothing. The rest goes through a switch.
 */
#ifndef TECTRA_ITCH_H
#define TECTRA_ITCH_H

#include "base.h"
#include "bytes.h"
#include "itch_wire.h"
#include "msg.h"

typedef struct {
    uint64_t unknown;   /* messages of a type that the specification does not have */
    uint64_t malformed; /* a length that contradicts the type, or a field outside its range */
    uint64_t filtered;  /* whole messages of symbols nobody asked for */
} tt_itch_counts;

typedef struct {
    int64_t midnight_ns; /* midnight of the trade date in New York, ns since the epoch UTC */
    tt_itch_map *map;
    tt_itch_counts *counts;
    uint16_t venue_id;
    uint8_t strict;  /* stop at a malformed or unknown message instead of counting it */
    uint8_t by_type; /* zero prefixes: lengths come from the type */
} tt_itch_ctx;

/* Copy `n` letters, spaces at the end becoming zeros (records pad with zeros, ITCH with spaces). */
static inline void tt_itch_text(char *to, const uint8_t *from, uint32_t n)
{
    uint32_t used = n;
    while (used > 0 && from[used - 1] == ' ')
        used--;
    memcpy(to, from, used);
}

static inline void tt_itch_status(const uint8_t *msg, tt_status *r)
{
    switch (msg[0]) {
    case 'S':
        r->kind = TT_STATUS_KIND_SYSTEM_EVENT, r->state = (char)msg[11];
        return;
    case 'W':
        r->kind = TT_STATUS_KIND_MARKET_WIDE_BREAKER, r->state = (char)msg[11];
        return;
    case 'H':
        r->kind = TT_STATUS_KIND_TRADING_ACTION, r->state = (char)msg[19];
        tt_itch_text(r->code, msg + 21, 4);
        break;
    case 'h':
        r->kind = TT_STATUS_KIND_OPERATIONAL_HALT, r->state = (char)msg[20],
        r->code[0] = (char)msg[19];
        break;
    case 'Y':
        r->kind = TT_STATUS_KIND_SHORT_SALE, r->state = (char)msg[19];
        break;
    default:
        TT_ASSERT(msg[0] == 'N');
        r->kind = TT_STATUS_KIND_RETAIL_INTEREST, r->state = (char)msg[19];
        break;
    }
    tt_itch_text(r->symbol, msg + 11, 8);
}

/* Returns TT_OK or TT_E_RANGE. The aggressor of a hidden trade is the side opposite to the resting
 * order's; feeds that send reference 0 say B for every trade, which tells nothing. */
static inline int tt_itch_trade(const uint8_t *msg, tt_trade *r)
{
    if (msg[0] == 'P') {
        if (msg[19] != 'B' && msg[19] != 'S')
            return TT_E_RANGE;
        if (tt_be64(msg + 11) != 0)
            r->side = msg[19] == 'B' ? TT_SIDE_SELL : TT_SIDE_BUY;
        r->flags = TT_MARKET_FLAG_HIDDEN;
        r->match_id = tt_be64(msg + 36);
        r->px = tt_be32(msg + 32);
        r->qty = tt_be32(msg + 20);
    } else if (msg[0] == 'Q') {
        const uint64_t shares = tt_be64(msg + 11);
        if (shares > INT64_MAX)
            return TT_E_RANGE;
        r->flags = TT_MARKET_FLAG_CROSS;
        r->match_id = tt_be64(msg + 31);
        r->px = tt_be32(msg + 27);
        r->qty = (int64_t)shares;
    } else {
        TT_ASSERT(msg[0] == 'B');
        r->flags = TT_MARKET_FLAG_BROKEN;
        r->match_id = tt_be64(msg + 11);
        r->px = TT_NO_PX;
    }
    return TT_OK;
}

static inline int tt_itch_auction(const uint8_t *msg, tt_auction *r)
{
    const uint64_t paired = tt_be64(msg + 11), imbalance = tt_be64(msg + 19);
    if (paired > INT64_MAX || imbalance > INT64_MAX)
        return TT_E_RANGE;
    r->direction = (char)msg[27];
    r->cross_type = (char)msg[48];
    r->paired_qty = (int64_t)paired;
    r->imbalance_qty = (int64_t)imbalance;
    r->far_px = tt_be32(msg + 36);
    r->near_px = tt_be32(msg + 40);
    r->reference_px = tt_be32(msg + 44);
    r->price_variation = (char)msg[49];
    return TT_OK;
}

/* Prices have four decimals and shares none. The wire says neither tick nor largest order: the tick
 * is the unit of the price field, the largest quantity what the field can carry. */
static inline void tt_itch_instrument(const uint8_t *msg, tt_instrument *r)
{
    r->px_exponent = -4;
    r->qty_exponent = 0;
    tt_itch_text(r->symbol, msg + 11, 8);
    r->tick = 1;
    r->lot = 1;
    r->qty_min = 1;
    r->qty_max = UINT32_MAX;
    r->round_lot = tt_be32(msg + 21);
    memcpy(r->details, msg + 19, 20);
}

/* The types that the plans do not cover. Head and times are written by the caller's caller; returns
 * bytes or TT_E_RANGE. */
static inline int tt_itch_decode_other(const uint8_t *msg, const tt_itch_plan *plan,
                                       const tt_itch_ctx *cx, void *out)
{
    tt_head *head = (tt_head *)out;
    const uint32_t bytes = (uint32_t)(plan->head & 0xffff) + 8;
    const uint16_t template_id = (uint16_t)(plan->head >> 16);
    int rc = TT_OK;
    memset(out, 0, bytes);
    memcpy(out, &plan->head, 8);
    head->ts_event_ns = head->ts_recv_ns = cx->midnight_ns + tt_itch_time(msg);
    head->instrument_id = tt_be16(msg + 1);
    memcpy((uint8_t *)out + 38, &cx->venue_id, 2);
    if (template_id == TT_T_TRADE) {
        rc = tt_itch_trade(msg, (tt_trade *)out);
    } else if (template_id == TT_T_STATUS) {
        tt_itch_status(msg, (tt_status *)out);
    } else if (template_id == TT_T_AUCTION) {
        rc = tt_itch_auction(msg, (tt_auction *)out);
    } else if (template_id == TT_T_INSTRUMENT) {
        tt_itch_instrument(msg, (tt_instrument *)out);
    } else {
        tt_venue_message *r = (tt_venue_message *)out;
        TT_ASSERT(template_id == TT_T_VENUE_MESSAGE && plan->size <= sizeof r->payload);
        r->protocol = TT_VENUE_PROTOCOL_ITCH50;
        r->msg_type = (char)msg[0];
        r->msg_length = plan->size;
        memcpy(r->payload, msg, plan->size);
    }
    return rc < 0 ? rc : (int)bytes;
}

/* One book message: the first line without a branch on the type. `out` has room for 128 bytes. */
static inline int tt_itch_decode_order(const uint8_t *msg, const tt_itch_plan *plan,
                                       const tt_itch_ctx *cx, uint64_t *out)
{
    const uint8_t letter = msg[plan->side_at];
    const uint64_t side = (uint64_t)(1 + (letter & 1)) & plan->side_mask;
    const uint64_t ts = (uint64_t)(cx->midnight_ns + tt_itch_time(msg));
    /* One product and one mask: written with == and |, the compiler makes jumps on the letter,
     * which is as random as the market, and every second one is mispredicted. */
    if (TT_UNLIKELY((letter ^ 'B') * (letter ^ 'S') & plan->side_mask))
        return TT_E_RANGE;
    out[0] = plan->head;
    out[1] = 0;
    out[2] = ts;
    out[3] = ts;
    out[4] = tt_be16(msg + 1) | side << 32 | (uint64_t)cx->venue_id << 48;
    out[5] = tt_be64(msg + 11);
    out[6] = tt_be64(msg + plan->off48) & plan->mask48;
    out[7] = tt_be64(msg + plan->off56) & plan->mask56;
    if (plan->kind == TT_ITCH_ORDER_64)
        return 64;
    memset(out + 8, 0, 64);
    if (msg[0] == 'U') {
        out[8] = tt_be64(msg + 19);
    } else if (msg[0] == 'C') {
        out[8] = tt_be32(msg + 32);
        out[4] |= (uint64_t)(msg[31] == 'N' ? TT_MARKET_FLAG_NOT_PRINTABLE : 0) << 40;
    } else {
        TT_ASSERT(msg[0] == 'F');
        memcpy(out + 8, msg + 36, 4);
    }
    return 128;
}

/* Decode one message of `len` bytes into `out` (128 bytes of room, 8-byte aligned). Does not look
 * at the map. Returns 64 or 128, or TT_E_TYPE (no such type), TT_E_LENGTH (contradicts the type),
 * TT_E_RANGE (a field). */
static inline int64_t tt_itch_decode_one(const uint8_t *msg, uint32_t len, const tt_itch_ctx *cx,
                                         void *out)
{
    const tt_itch_plan *plan;
    if (len == 0)
        return TT_E_LENGTH;
    plan = &tt_itch_plans[msg[0]];
    if (plan->size != len)
        return plan->size == 0 ? TT_E_TYPE : TT_E_LENGTH;
    if (plan->kind == TT_ITCH_OTHER)
        return tt_itch_decode_other(msg, plan, cx, out);
    return tt_itch_decode_order(msg, plan, cx, (uint64_t *)out);
}

/* Decode messages from `bytes` into records at `slots_out` (8-byte aligned, `slot_cap` slots of 64
 * bytes).
 *
 * *consumed: bytes done with, always a whole number of messages (prefixes included); *slots: slots
 * written; *messages: whole messages passed over, whatever became of them. Returns TT_OK the input
 * is used up to its last whole message TT_E_FULL       fewer than two slots are left: call again
 * with the rest TT_E_CLOSED     the end of session is at *consumed (its two bytes are not consumed)
 *   TT_E_TYPE, TT_E_LENGTH, TT_E_RANGE   strict: the message at *consumed; by_type: the framing is
 * lost there TT_E_CORRUPT    by_type: a prefix that is not zero at *consumed
 */
static inline int tt_itch_decode(const tt_itch_ctx *cx, const uint8_t *bytes, size_t n,
                                 void *slots_out, size_t slot_cap, size_t *consumed, size_t *slots,
                                 uint64_t *messages)
{
    uint64_t *out = (uint64_t *)slots_out;
    const uint64_t *const out_last =
        out + slot_cap * 8; /* a record may start while two slots lie before it */
    const tt_itch_ctx own =
        *cx; /* a copy the stores below cannot alias: its fields stay in registers */
    const int by_type = own.by_type;
    const uint8_t *const gate = cx->map->gate;
    uint64_t done = 0;
    size_t at = 0;
    int rc = TT_OK;
    TT_ASSERT(bytes || n == 0);
    while (rc == TT_OK) {
        const int64_t len = tt_itch_frame(bytes + at, n - at, by_type);
        const uint8_t *msg = bytes + at + 2;
        const tt_itch_plan *plan;
        int verdict;
        if (TT_UNLIKELY(len < 0)) {
            rc = (int)len;
            break;
        }
        if (TT_UNLIKELY(out_last - out < 16)) {
            rc = TT_E_FULL;
            break;
        }
        /* A prefetch does not fault, whatever lies behind the buffer's end; the address is made of
         * an integer because a pointer past the end would be undefined. */
        TT_PREFETCH((const void *)((uintptr_t)msg + TT_ITCH_PREFETCH_BYTES));
        plan = &tt_itch_plans[msg[0]];
        if (TT_UNLIKELY(plan->size != len)) {
            verdict = plan->size == 0 ? TT_E_TYPE : TT_E_LENGTH;
        } else {
            int pass = gate[tt_be16(msg + 1)];
            if (TT_UNLIKELY(pass == TT_ITCH_NEW))
                pass = tt_itch_learn(cx->map, msg, plan);
            if (pass == TT_ITCH_SKIP) {
                cx->counts->filtered++;
                verdict = 0;
            } else if (TT_LIKELY(plan->kind != TT_ITCH_OTHER)) {
                verdict = tt_itch_decode_order(msg, plan, &own, out);
            } else {
                verdict = tt_itch_decode_other(msg, plan, &own, out);
            }
        }
        if (TT_UNLIKELY(verdict < 0)) {
            if (cx->strict) {
                rc = verdict;
                break;
            }
            cx->counts->unknown += verdict == TT_E_TYPE;
            cx->counts->malformed += verdict != TT_E_TYPE;
            verdict = 0;
        }
        out += (uint32_t)verdict / 8;
        at += (size_t)len + 2;
        done++;
    }
    *consumed = at;
    *slots = (size_t)(out - (uint64_t *)slots_out) / 8;
    *messages = done;
    return rc == TT_E_TRUNCATED ? TT_OK : rc;
}

#endif
