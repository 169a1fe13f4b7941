"""What Python strategies read in a callback: book, trade, fill.

A BookView is a flyweight over the engine's own book, one per instrument, made once; its values are
those of the moment of reading. TradeView and FillView hold a copy of their record. Engine thread
only; about 15 ns an attribute. Wraps strategy.h.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.book.l3 cimport tt_l3_ahead, tt_l3_levels, tt_l3_top, tt_top
from tectra.strategy.capi cimport tt_market_tradeable, tt_market_valid
from tectra.core.base cimport TT_NO_PX
from tectra.core.fixed cimport price_of, quantity_of

from tectra.core.errors import InputError
from tectra.core.msg import BookReason, BookStatus, FillReason, Liquidity, Side

_REASONS = {int(reason): reason for reason in BookReason}


cdef object _price(object instrument, int64_t px):
    return None if px == TT_NO_PX else price_of(px, instrument.px_exponent)


@cython.final
cdef class BookView:
    """The book of one instrument. px and qty are raw mantissas (px None on an empty side), price
    and quantity objects.
    """

    def __init__(self):
        raise TypeError(
            "BookView is made by the engine; strategies receive it in callbacks or from ctx.book()"
        )

    @staticmethod
    cdef BookView make(const tt_market *market, uint32_t slot, object instrument, object owner):
        cdef BookView self = BookView.__new__(BookView)
        self.market = market
        self.slot = slot
        self.instrument = instrument
        self.owner = owner
        return self

    @property
    def instrument_id(self):
        """Id of the instrument in this run."""
        return self.instrument.instrument_id

    @property
    def symbol(self):
        """The venue's symbol."""
        return self.instrument.symbol

    @property
    def bid_px(self):
        """Best bid, raw; None when there is none."""
        cdef int64_t px = tt_l3_top(self.market.l3, self.slot).bid_px
        return None if px == TT_NO_PX else px

    @property
    def ask_px(self):
        """Best offer, raw; None when there is none."""
        cdef int64_t px = tt_l3_top(self.market.l3, self.slot).ask_px
        return None if px == TT_NO_PX else px

    @property
    def bid_qty(self):
        """Quantity at the best bid, raw."""
        return tt_l3_top(self.market.l3, self.slot).bid_qty

    @property
    def ask_qty(self):
        """Quantity at the best offer, raw."""
        return tt_l3_top(self.market.l3, self.slot).ask_qty

    @property
    def mid_px2(self):
        """Twice the mid price, raw and exact; None unless both sides are there."""
        cdef const tt_top *top = tt_l3_top(self.market.l3, self.slot)
        return None if top.bid_px == TT_NO_PX or top.ask_px == TT_NO_PX else top.bid_px + top.ask_px

    @property
    def spread_px(self):
        """Best offer less best bid, raw; None unless both sides are there."""
        cdef const tt_top *top = tt_l3_top(self.market.l3, self.slot)
        return None if top.bid_px == TT_NO_PX or top.ask_px == TT_NO_PX else top.ask_px - top.bid_px

    @property
    def best_bid(self):
        """Best bid as a Price; None when there is none."""
        return _price(self.instrument, tt_l3_top(self.market.l3, self.slot).bid_px)

    @property
    def best_ask(self):
        """Best offer as a Price; None when there is none."""
        return _price(self.instrument, tt_l3_top(self.market.l3, self.slot).ask_px)

    @property
    def mid(self):
        """Mid price as a float, for indicators; None unless both sides are there."""
        px2 = self.mid_px2
        return None if px2 is None else px2 * 0.5 * 10.0 ** self.instrument.px_exponent

    @property
    def imbalance(self):
        """(bid - ask) / (bid + ask) of the quantities at the top, in -1..1; 0.0 for an empty book.
        """
        cdef const tt_top *top = tt_l3_top(self.market.l3, self.slot)
        cdef int64_t total = top.bid_qty + top.ask_qty
        return 0.0 if total == 0 else <double> (top.bid_qty - top.ask_qty) / <double> total

    @property
    def valid(self):
        """It is what the venue has, as far as anybody knows. False from a refused record, a gap or
        a clear on, and while `status` is INVALID, RECOVERING or STALE; only a book_status VALID
        mends it.
        """
        return tt_market_valid(self.market, self.slot) != 0

    @property
    def tradeable(self):
        """Valid (so not stale), trading, two sides, not crossed."""
        return tt_market_tradeable(self.market, self.slot) != 0

    @property
    def status(self):
        """BookStatus; NONE while nobody said anything and nothing went wrong."""
        return BookStatus(self.market.state[self.slot].status)

    @property
    def reason(self):
        """BookReason of the status; a number that this version has no name for stays a number."""
        cdef int value = self.market.state[self.slot].reason
        return _REASONS.get(value, value)

    @property
    def ts_event_ns(self):
        """Venue time of the record being handled."""
        return self.market.cause.ts_event_ns

    @property
    def ts_recv_ns(self):
        """Receive time of the record being handled."""
        return self.market.cause.ts_recv_ns

    @property
    def ring_seq(self):
        """Number of the record being handled."""
        return self.market.cause.ring_seq

    def levels(self, side, int depth=10):
        """Up to `depth` levels from the best outward: list of (px, qty, orders)."""
        if side not in (Side.BUY, Side.SELL):
            raise InputError(f"side: found {side!r}; allowed: Side.BUY, Side.SELL")
        cdef int64_t px[256]
        cdef int64_t qty[256]
        cdef uint32_t orders[256]
        if not 1 <= depth <= 256:
            raise InputError(f"depth: found {depth}; allowed: 1 to 256")
        cdef uint32_t i
        cdef uint32_t n = tt_l3_levels(
            self.market.l3, self.slot, <uint8_t> side, depth, px, qty, orders
        )
        return [(px[i], qty[i], orders[i]) for i in range(n)]

    def queue_ahead(self, uint64_t order_ref):
        """Quantity in front of a visible order of the feed; None when the book does not know it."""
        cdef int64_t ahead = tt_l3_ahead(self.market.l3, order_ref)
        return None if ahead < 0 else ahead

    def __repr__(self):
        bid, ask = f"{self.bid_qty} @ {self.best_bid}", f"{self.best_ask} @ {self.ask_qty}"
        return f"BookView({self.symbol}: {bid} | {ask})"


@cython.final
cdef class TradeView:
    """One print. `side` is the aggressor's, Side.NONE where the venue does not say."""

    def __init__(self):
        raise TypeError("TradeView is made by the engine; strategies receive it in on_trade")

    @staticmethod
    cdef TradeView make(const tt_trade_view *trade, object instrument):
        cdef TradeView self = TradeView.__new__(TradeView)
        self.trade = trade[0]
        self.instrument = instrument
        return self

    @property
    def px(self):
        """Price, raw."""
        return self.trade.px

    @property
    def qty(self):
        """Quantity, raw."""
        return self.trade.qty

    @property
    def price(self):
        """Price object."""
        return _price(self.instrument, self.trade.px)

    @property
    def quantity(self):
        """Quantity object."""
        return quantity_of(self.trade.qty, self.instrument.qty_exponent)

    @property
    def side(self):
        """Side of the aggressor."""
        return Side(self.trade.side)

    @property
    def flags(self):
        """MarketFlag bits of the record."""
        return self.trade.flags

    @property
    def match_id(self):
        """The venue's number of this match."""
        return self.trade.match_id

    @property
    def ts_event_ns(self):
        """Venue time."""
        return self.trade.ts_event_ns

    @property
    def ts_recv_ns(self):
        """Receive time."""
        return self.trade.ts_recv_ns

    @property
    def ring_seq(self):
        """Number of the record."""
        return self.trade.ring_seq

    def __repr__(self):
        return f"TradeView({self.instrument.symbol}: {self.qty} @ {self.price}, {self.side.name})"


@cython.final
cdef class FillView:
    """One execution of one of the strategy's orders. `fee` is money, negative for a rebate."""

    def __init__(self):
        raise TypeError("FillView is made by the engine; strategies receive it in on_fill")

    @staticmethod
    cdef FillView make(const tt_order_fill *fill, object instrument):
        cdef FillView self = FillView.__new__(FillView)
        self.fill = fill[0]
        self.instrument = instrument
        return self

    @property
    def order_id(self):
        """Our order."""
        return self.fill.order_id

    @property
    def side(self):
        """Side of the order."""
        return Side(self.fill.side)

    @property
    def px(self):
        """Price of this execution, raw."""
        return self.fill.px

    @property
    def qty(self):
        """Quantity of this execution, raw."""
        return self.fill.qty

    @property
    def price(self):
        """Price of this execution."""
        return _price(self.instrument, self.fill.px)

    @property
    def quantity(self):
        """Quantity of this execution."""
        return quantity_of(self.fill.qty, self.instrument.qty_exponent)

    @property
    def leaves_qty(self):
        """What is left open of the order, raw."""
        return self.fill.leaves_qty

    @property
    def fee(self):
        """Money mantissa at px_exponent + qty_exponent."""
        return self.fill.fee

    @property
    def liquidity(self):
        """Maker or taker."""
        return Liquidity(self.fill.liquidity)

    @property
    def reason(self):
        """Why the simulated exchange gave it; NONE from a real venue."""
        return FillReason(self.fill.fill_reason)

    @property
    def exec_id(self):
        """The venue's number of this execution."""
        return self.fill.exec_id

    @property
    def ts_event_ns(self):
        """Venue time."""
        return self.fill.ts_event_ns

    @property
    def ring_seq(self):
        """Number of the record."""
        return self.fill.ring_seq

    def __repr__(self):
        side = self.side.name
        text = f"{side} {self.qty} @ {self.price}, order {self.order_id}"
        return f"FillView({self.instrument.symbol}: {text})"
