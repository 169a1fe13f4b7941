"""Plain loops to measure the hot paths against, and loops over single steps that Python has no name
for.

Owns nothing; any thread; each call runs without the GIL over the caller's buffers.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from tectra.core.base cimport TT_OK
from tectra.core.msg cimport (
    TT_INTENT_ACTION_SUBMIT,
    TT_ORDER_TYPE_LIMIT,
    TT_SIDE_BUY,
    TT_T_ORDER_INTENT,
    TT_TIME_IN_FORCE_DAY,
    tt_order_intent,
    tt_order_verdict,
    tt_rec_init,
)
from tectra.portfolio.position cimport Portfolio
from tectra.risk.chain cimport RiskChain, tt_pass, tt_risk_check, tt_risk_context


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline uint64_t tt_yard_be(const uint8_t *p, unsigned n)
    {
        uint64_t v = 0;
        for (unsigned i = 0; i < n; i++)
            v = v << 8 | p[i];
        return v;
    }
    /* The shortest decoder that still reads every field of an order message: no checks, one 40-byte
    row. */ typedef struct { uint64_t ts, ref, px, qty; uint16_t locate; uint8_t type, side;
    uint32_t pad; } tt_yard_row; static inline void tt_yard_decode(const uint8_t *m, tt_yard_row
    *row) {
        row->type = m[0];
        row->locate = (uint16_t)tt_yard_be(m + 1, 2);
        row->ts = tt_yard_be(m + 5, 6);
        row->ref = tt_yard_be(m + 11, 8);
        switch (m[0]) {
        case 'A': case 'F':
            row->side = m[19]; row->qty = tt_yard_be(m + 20, 4); row->px = tt_yard_be(m + 32, 4);
            break;
        case 'E': case 'C': case 'X':
            row->qty = tt_yard_be(m + 19, 4); break;
        case 'U':
            row->px = tt_yard_be(m + 31, 4); row->qty = tt_yard_be(m + 27, 4); break;
        default: break;
        }
    }
    """
    ctypedef struct tt_yard_row:
        uint64_t ts
        uint64_t ref
        uint64_t px
        uint64_t qty
        uint16_t locate
        uint8_t type
        uint8_t side

    void tt_yard_decode(const uint8_t *m, tt_yard_row *row) nogil


def walk_prefixes(const uint8_t[::1] data not None):
    """Follow the two-byte length prefixes of a framed ITCH stream; returns the messages."""
    cdef size_t at = 0
    cdef size_t n = data.shape[0]
    cdef uint64_t count = 0
    with nogil:
        while at + 2 <= n:
            at += 2 + (<size_t> data[at] << 8 | data[at + 1])
            count += 1
    return count


def decode_tight(const uint8_t[::1] data not None):
    """Decode order messages into 40-byte rows of a small ring, with no check at all; returns a sum
    that keeps the work alive.
    """
    cdef tt_yard_row rows[256]
    cdef size_t at = 0
    cdef size_t n = data.shape[0]
    cdef uint64_t count = 0
    cdef uint64_t total = 0
    memset(rows, 0, sizeof(rows))
    with nogil:
        while at + 2 <= n:
            tt_yard_decode(&data[at + 2], &rows[count & 255])
            at += 2 + (<size_t> data[at] << 8 | data[at + 1])
            count += 1
        for i in range(256):
            total += rows[i].ref + rows[i].qty
    return total


def copy_slots(const uint8_t[::1] source not None, uint8_t[::1] target not None):
    """Copy slot by slot into a target that is reused from its start; returns the slots."""
    cdef size_t n = source.shape[0] // 64
    cdef size_t room = target.shape[0] // 64
    cdef size_t i
    with nogil:
        for i in range(n):
            memcpy(&target[i % room * 64], &source[i * 64], 64)
    return n


def risk_checks(RiskChain chain not None, Portfolio portfolio not None, uint32_t n):
    """Check n passing limit orders of strategy 1 in the first instrument; returns how many passed.
    """
    cdef tt_order_intent intent
    cdef tt_order_verdict verdict
    cdef tt_risk_context context
    cdef tt_pass sealed
    cdef uint32_t i
    cdef uint64_t passed = 0
    tt_rec_init(&intent, TT_T_ORDER_INTENT)
    intent.instrument_id = portfolio.instrument_ids[0]
    intent.side = TT_SIDE_BUY
    intent.strategy_id = 1
    intent.px = 1_500_000
    intent.qty = 100
    intent.action = TT_INTENT_ACTION_SUBMIT
    intent.order_type = TT_ORDER_TYPE_LIMIT
    intent.tif = TT_TIME_IN_FORCE_DAY
    memset(&context, 0, sizeof(context))
    context.position = &portfolio.rows[portfolio.slots]
    context.account = &portfolio.rows[0]
    context.row = portfolio.slots
    context.mid_px2 = 3_000_100
    with nogil:
        for i in range(n):
            intent.order_id = i + 1
            context.now_ns = <int64_t> i * 1_000_000_000
            if tt_risk_check(chain.c, &intent, &context, &verdict, &sealed) == TT_OK:
                passed += verdict.accepted
    return passed


def plain_checks(RiskChain chain not None, Portfolio portfolio not None, uint32_t n):
    """The bare comparisons of the same rules over the same rows, without verdict, counters or pass.
    """
    cdef int64_t px = 1_500_000
    cdef int64_t qty = 100
    cdef int64_t mid_px2 = 3_000_100
    cdef int64_t net, distance
    cdef uint64_t passed = 0
    cdef uint32_t i
    with nogil:
        for i in range(n):
            net = portfolio.rows[portfolio.slots].net_qty + qty
            net = net + portfolio.rows[portfolio.slots].open_buy_qty
            distance = 2 * (px + (i & 1)) - mid_px2
            if distance < 0:
                distance = -distance
            passed += (
                chain.c.kill_all == 0
                and qty <= chain.c.rows[portfolio.slots].qty_max
                and px * qty <= chain.c.rows[portfolio.slots].notional_max
                and net <= chain.c.rows[portfolio.slots].position_max
                and distance * 1_000_000 <= mid_px2 * chain.c.rows[portfolio.slots].band_ppm
            )
    return passed
