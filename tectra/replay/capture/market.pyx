"""Reads what the engine knows of an instrument beside its orders: top of book, last trade, trust.

Owns nothing but a reference to the pipeline; the pipeline's thread calls it, between steps or in
its observer. About 1 us a row. Wraps strategy.h.
"""
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.book.l3 cimport tt_l3_top, tt_top
from tectra.core.base cimport TT_NO_PX
from tectra.engine.capi cimport tt_pipeline
from tectra.engine.pipeline cimport Pipeline
from tectra.strategy.capi cimport (
    TT_TRADES_KEPT,
    tt_instrument_state,
    tt_market_tradeable,
    tt_market_valid,
    tt_trade_view,
    tt_trades,
)

from tectra.core.msg import BookReason, BookStatus, Side

_STATUS = {int(s): s.name for s in BookStatus}
_REASON = {int(r): r.name for r in BookReason}
_SIDE = {int(s): s.name for s in Side}


cdef object _px(int64_t px):
    return None if px == TT_NO_PX else px


@cython.final
cdef class MarketReader:
    """`slots`: instrument id -> slot, of the instruments that a strategy hears of; of all of them
    where there is no strategy.
    """

    def __init__(self, Pipeline pipeline not None):
        cdef uint32_t slot
        self.pipeline = pipeline
        self.slots = {}
        for slot, instrument in enumerate(pipeline.instruments):
            if pipeline.subscribed[slot] or not pipeline.strategies:
                self.slots[instrument.instrument_id] = slot

    def row(self, uint32_t slot):
        """Plain values of one instrument; prices and quantities raw, None where there is none."""
        cdef tt_pipeline *p = self.pipeline.c
        if slot >= p.slots:
            raise IndexError(f"slot: found {slot}; allowed: below {p.slots}")
        cdef const tt_top *top = tt_l3_top(p.book, slot)
        cdef const tt_instrument_state *state = &p.state[slot]
        cdef const tt_trades *kept = &p.trades[slot]
        cdef const tt_trade_view *last
        cdef uint64_t newest
        out = {
            "bid_px": _px(top.bid_px),
            "bid_qty": top.bid_qty,
            "ask_px": _px(top.ask_px),
            "ask_qty": top.ask_qty,
            "valid": bool(tt_market_valid(&p.market, slot)),
            "tradeable": bool(tt_market_tradeable(&p.market, slot)),
            "status": _STATUS.get(state.status, str(state.status)),
            "reason": _REASON.get(state.reason, str(state.reason)),
            "trading_state": chr(<unsigned char> state.trading_state),
            "last_px": None,
            "last_qty": None,
            "last_side": None,
            "trades": kept.n,
        }
        if kept.n:
            newest = (kept.n - 1) % <uint64_t> TT_TRADES_KEPT
            last = &kept.ring[newest]
            out["last_px"], out["last_qty"] = last.px, last.qty
            out["last_side"] = _SIDE.get(last.side, str(last.side))
        return out

    def context(self, int number):
        """The context of a strategy (from 1); None for a compiled one."""
        if not 1 <= number <= len(self.pipeline.strategies):
            raise IndexError(f"strategy: found {number}; allowed: 1 to "
                             f"{len(self.pipeline.strategies)}")
        return self.pipeline.contexts[number - 1]
