"""What a Python strategy may do and ask, during a callback.

Owns nothing but references: the C context belongs to the engine, which flushes its actions after
the callback returns. Engine thread only; an order costs about 300 ns here, a question 30 to 60 ns.
Wraps strategy.h.
"""
cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.base cimport TT_E_FULL, TT_NO_PX, TT_OK
from tectra.oms.table cimport (
    tt_order,
    tt_orders_find,
    tt_orders_after,
    tt_orders_first,
)
from tectra.portfolio.position cimport tt_position, tt_position_unrealized
from tectra.book.l3 cimport tt_l3_top, tt_top
from tectra.strategy.capi cimport (
    TT_TRADES_KEPT,
    tt_ctx_cancel,
    tt_ctx_decide,
    tt_ctx_modify,
    tt_ctx_signal,
    tt_ctx_submit,
    tt_ctx_timer,
    tt_timers_cancel,
    tt_trades,
)
from tectra.strategy.view cimport TradeView

from operator import index

from tectra.core.errors import InputError, StrategyError
from tectra.core.msg import OrderState, OrderType, Side, TimeInForce
from tectra.strategy.amount import to_mantissa
from tectra.strategy.snapshot import OrderSnapshot, PnlSnapshot, PositionSnapshot

_SIDES = {s: int(s) for s in (Side.BUY, Side.SELL)}
_TYPES = {t: int(t) for t in OrderType}
_CHOICES = {
    "side": [f"Side.{s.name}" for s in _SIDES],
    "order_type": [f"OrderType.{t.name}" for t in _TYPES],
}
_LONG = {"px": "price", "qty": "quantity"}
_TIF = {name: member for member in TimeInForce for name in (member.name, member, int(member))}


cdef int64_t _raw(object value, str name) except? -1:
    """A raw mantissa: an integer that is one. C conversion alone would cut a float."""
    try:
        return index(value)
    except TypeError:
        found = f"{value!r} ({type(value).__name__})"
    except OverflowError:
        found = f"{value}"
    raise InputError(
        f"{name}: found {found}; allowed: an int64 mantissa, or {_LONG[name]}= for an amount"
    )


cdef uint8_t _member(dict table, object value, str name) except? 255:
    """Number of an enum's member, given by itself or by its number."""
    found = table.get(value)
    if found is None:
        raise InputError(f"{name}: found {value!r}; allowed: {', '.join(_CHOICES[name])}")
    return found


cdef object _order_snapshot(const tt_order *order):
    return OrderSnapshot(
        order_id=order.order_id,
        instrument_id=order.instrument_id,
        side=Side(order.side),
        order_type=OrderType(order.order_type),
        tif=TimeInForce(order.tif),
        state=OrderState(order.state),
        px=None if order.px == TT_NO_PX else order.px,
        qty=order.qty,
        leaves_qty=order.leaves_qty,
        cum_qty=order.cum_qty,
        venue_order_id=order.venue_order_id,
    )


@cython.final
cdef class Context:
    """Trading context: actions are buffered and leave after the callback, through the risk chain;
    answers are read-only.
    """

    def __init__(self):
        raise TypeError("Context is made by the engine; strategies receive it in callbacks")

    @staticmethod
    cdef Context make(
        tt_ctx *c, tuple heard, tuple table, tuple books, dict params, object random, object owner
    ):
        cdef Context self = Context.__new__(Context)
        self.c = c
        self.instruments = heard
        self.table = table
        self.books = books
        self.slots = {i: slot for slot, i in enumerate(table)}
        self.params = params
        self.random = random
        self.owner = owner
        return self

    cdef uint32_t slot_of(self, object instrument) except? 0xFFFFFFFF:
        """Slot of an Instrument, a symbol or an id of this run."""
        found = self.slots.get(instrument)
        if found is not None:
            return found
        for slot, candidate in enumerate(self.table):
            if instrument == candidate.symbol or instrument == candidate.instrument_id:
                return slot
        allowed = ", ".join(i.symbol for i in self.table)
        raise InputError(f"instrument: found {instrument!r}; allowed in this run: {allowed}")

    @property
    def now_ns(self):
        """Engine time: receive time of the record being handled, ns since the epoch."""
        return self.c.now_ns

    @property
    def cause_seq(self):
        """Number of the record being handled."""
        return self.c.cause_seq

    @property
    def strategy_id(self):
        """Number of this strategy in this run."""
        return self.c.strategy_id

    def book(self, instrument):
        """Current book of an instrument of this run."""
        return self.books[self.slot_of(instrument)]

    def submit_order(
        self, instrument, side, *, quantity=None, price=None, qty=None, px=None, order_type=None,
        tif="DAY",
    ):
        """Buffer a new order and return its id.

        Give `quantity`/`price` as Quantity, Price, Decimal, int or str, or `qty`/`px` as raw
        mantissas. Without a price it is a market order, otherwise a limit order unless `order_type`
        says so. The order exists only after the callback returned and the risk chain let it pass.
        """
        cdef uint32_t slot = self.slot_of(instrument)
        made_for = self.table[slot]
        if (quantity is None) == (qty is None):
            raise InputError("submit_order: give exactly one of quantity= and qty=")
        if price is not None and px is not None:
            raise InputError("submit_order: give at most one of price= and px=")
        cdef int64_t raw_qty
        if qty is not None:
            raw_qty = _raw(qty, "qty")
        else:
            raw_qty = to_mantissa(quantity, made_for.qty_exponent, "quantity")
        cdef int64_t raw_px = TT_NO_PX
        if px is not None:
            raw_px = _raw(px, "px")
        elif price is not None:
            raw_px = to_mantissa(price, made_for.px_exponent, "price")
        cdef uint8_t kind = OrderType.MARKET if raw_px == TT_NO_PX else OrderType.LIMIT
        if order_type is not None:
            kind = _member(_TYPES, order_type, "order_type")
        cdef uint8_t toward = _member(_SIDES, side, "side")
        cdef uint8_t in_force = self.tif_of(tif)
        cdef uint64_t order_id = tt_ctx_submit(
            self.c, made_for.instrument_id, toward, kind, in_force, raw_px, raw_qty
        )
        if order_id == 0:
            self.refuse("submit_order")
        return order_id

    def cancel_order(self, uint64_t order_id):
        """Buffer the cancel of an order of this strategy."""
        cdef int rc = tt_ctx_cancel(self.c, order_id)
        if rc != TT_OK:
            self.refuse("cancel_order", rc, order_id)

    def modify_order(self, uint64_t order_id, *, quantity=None, price=None, qty=None, px=None):
        """Buffer a change of price and/or total quantity; what is not given stays."""
        cdef const tt_order *order = tt_orders_find(self.c.orders, order_id)
        if order == NULL:
            raise StrategyError(
                f"modify_order: no order {order_id}; it may have left the table after it was done"
            )
        if (qty is not None and quantity is not None) or (px is not None and price is not None):
            raise InputError(
                "modify_order: give at most one of quantity= and qty=, and of price= and px="
            )
        made_for = self.table[self.slot_of(order.instrument_id)]
        cdef int64_t new_qty = order.qty
        cdef int64_t new_px = order.px
        if qty is not None:
            new_qty = _raw(qty, "qty")
        elif quantity is not None:
            new_qty = to_mantissa(quantity, made_for.qty_exponent, "quantity")
        if px is not None:
            new_px = _raw(px, "px")
        elif price is not None:
            new_px = to_mantissa(price, made_for.px_exponent, "price")
        cdef int rc = tt_ctx_modify(self.c, order_id, new_px, new_qty)
        if rc != TT_OK:
            self.refuse("modify_order", rc, order_id)

    def get_order(self, uint64_t order_id):
        """Snapshot of an order, None when the table does not hold it."""
        cdef const tt_order *order = tt_orders_find(self.c.orders, order_id)
        return None if order == NULL else _order_snapshot(order)

    def get_open_orders(self, instrument=None):
        """Snapshots of this strategy's live orders, oldest first; those of one instrument if it is
        given.
        """
        cdef uint32_t wanted = 0
        if instrument is not None:
            wanted = self.table[self.slot_of(instrument)].instrument_id
        found = []
        cdef const tt_order *order = tt_orders_first(self.c.orders, self.c.strategy_id)
        while order != NULL:
            if wanted == 0 or order.instrument_id == wanted:
                found.append(_order_snapshot(order))
            order = tt_orders_after(self.c.orders, order)
        return tuple(reversed(found))

    def get_position(self, instrument):
        """Snapshot of this strategy's position."""
        cdef uint32_t slot = self.slot_of(instrument)
        cdef const tt_position *p = &self.c.positions[slot]
        return PositionSnapshot(
            instrument_id=self.table[slot].instrument_id,
            net_qty=p.net_qty,
            cost=p.cost,
            realized=p.realized,
            fees=p.fees,
            open_buy_qty=p.open_buy_qty,
            open_sell_qty=p.open_sell_qty,
        )

    def get_pnl(self, instrument):
        """P&L of this strategy in an instrument, marked at the current mid (unrealized None without
        one).
        """
        cdef uint32_t slot = self.slot_of(instrument)
        cdef const tt_position *p = &self.c.positions[slot]
        cdef const tt_top *top = tt_l3_top(self.c.market.l3, slot)
        cdef int64_t unrealized = 0
        known = True
        if p.net_qty != 0:
            known = top.bid_px != TT_NO_PX and top.ask_px != TT_NO_PX
            if known and tt_position_unrealized(p, top.bid_px + top.ask_px, &unrealized) != TT_OK:
                raise OverflowError("unrealized P&L does not fit 64 bits")
        open_profit = unrealized if known else None
        return PnlSnapshot(realized=p.realized, unrealized=open_profit, fees=p.fees)

    def recent_trades(self, instrument, int count=10):
        """Up to `count` (at most 64) prints, newest last."""
        cdef uint32_t slot = self.slot_of(instrument)
        cdef const tt_trades *kept = &self.c.market.trades[slot]
        cdef uint64_t n = min(<uint64_t> max(count, 0), kept.n, <uint64_t> TT_TRADES_KEPT)
        cdef uint64_t i
        return [
            TradeView.make(&kept.ring[i % <uint64_t> TT_TRADES_KEPT], self.table[slot])
            for i in range(kept.n - n, kept.n)
        ]

    def set_timer(self, *, interval_ns=0, due_ns=None):
        """Ask for on_timer at `due_ns` (default: one interval from now), and every `interval_ns`
        after; returns its id.
        """
        cdef int64_t every = index(interval_ns)
        if every < 0 or (every == 0 and due_ns is None):
            raise InputError(
                f"set_timer: found interval_ns={every}; give a positive interval, or due_ns for "
                "one shot"
            )
        cdef int64_t due
        if due_ns is not None:
            due = index(due_ns)
        else:
            due = self.c.now_ns + min(every, INT64_MAX - max(self.c.now_ns, <int64_t> 0))
        cdef uint64_t timer_id = tt_ctx_timer(self.c, due, every)
        if timer_id == 0:
            raise StrategyError("set_timer: 256 timers are set already; cancel_timer frees one")
        return timer_id

    def cancel_timer(self, uint64_t timer_id):
        """Drop a timer of this strategy; True when it was there."""
        return tt_timers_cancel(self.c.timers, self.c.strategy_id, timer_id) == TT_OK

    def signal(self, name, double value, instrument=None):
        """Publish a value (a strategy_signal record); the name is cut at 23 bytes."""
        cdef uint32_t instrument_id = 0
        if instrument is not None:
            instrument_id = self.table[self.slot_of(instrument)].instrument_id
        cdef bytes text = name.encode()
        if tt_ctx_signal(self.c, instrument_id, text, value) != TT_OK:
            self.refuse("signal")

    def decide(self, text, *, side=Side.NONE, double confidence=1.0, instrument=None):
        """Say in one line what was decided and why (a strategy_decision record); the text is cut at
        39 bytes.
        """
        cdef uint32_t instrument_id = 0
        if instrument is not None:
            instrument_id = self.table[self.slot_of(instrument)].instrument_id
        cdef bytes line = text.encode()
        if tt_ctx_decide(self.c, instrument_id, side, confidence, line) != TT_OK:
            self.refuse("decide")

    cdef uint8_t tif_of(self, object tif) except? 255:
        found = _TIF.get(tif)
        if found is None:
            allowed = ", ".join([t.name for t in TimeInForce])
            raise InputError(f"tif: found {tif!r}; allowed: {allowed}")
        return found

    cdef int refuse(self, str action, int rc=TT_E_FULL, uint64_t order_id=0) except -1:
        if rc == TT_E_FULL:
            raise StrategyError(
                f"{action}: the batch of this callback is full (64 orders, 16 notes); act in the "
                "next one"
            )
        raise StrategyError(
            f"{action}: found order {order_id}, which is none of this strategy's; allowed: its "
            "own, from the callback after the one that submitted it on"
        )
