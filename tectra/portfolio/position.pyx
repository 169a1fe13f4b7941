"""Positions and P&L, exact in integers: per strategy and instrument, and of the whole account."""
# Owns the rows. The engine's thread writes them. A fill costs 5 to 15 ns in C.
# Wraps ext/tectra/position.h.
from fractions import Fraction
from zlib import crc32

from cython cimport final
from libc.stdlib cimport free
from libc.string cimport memcpy

from tectra.core.base cimport TT_OK
from tectra.core.msg cimport TT_SIDE_BUY, TT_SIDE_SELL
from tectra.core.rc cimport check, check_with

from tectra.core.errors import (
    FileFormatError,
    InputError,
    OutOfMemoryError,
    UnknownSymbolError,
)
from tectra.portfolio.totals import Totals

__all__ = ["Portfolio", "Position"]

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t size)


_MAGIC = b"TTPOSN01"
_HEAD = 24


cdef uint8_t _side(object side) except 0:
    if side != TT_SIDE_BUY and side != TT_SIDE_SELL:
        raise InputError(f"side: found {side!r}; allowed: Side.BUY, Side.SELL")
    return side


@final
cdef class Position:
    """One position by average cost. Quantities and prices are mantissas; money is px * qty.

    Always: realized_pnl == cash + cost, realized_pnl + unrealized_pnl(m) == cash + net_qty * m / 2.
    A position taken from a Portfolio is a view of its row. Owner: the engine's thread.
    """

    def __cinit__(self, instrument_id=0, strategy_id=0):
        if not 0 <= strategy_id <= 0xFFFF or not 0 <= instrument_id <= 0xFFFFFFFF:
            raise InputError(
                f"found instrument_id {instrument_id}, strategy_id {strategy_id}; allowed: u32, u16"
            )
        tt_position_init(&self.own, instrument_id, strategy_id)
        self.c = &self.own

    @staticmethod
    cdef Position view(tt_position *c, object owner):
        cdef Position out = Position()
        out.c = c
        out.owner = owner
        return out

    def on_fill(self, side, int64_t px, int64_t qty, int64_t fee=0):
        """Book one execution; `fee` is money, negative for a rebate. Raises InputError (side,
        qty <= 0) or NumericOverflowError, and then nothing has changed.
        """
        if qty <= 0:
            raise InputError(f"qty: found {qty}; allowed: > 0")
        check_with(tt_position_fill(self.c, _side(side), px, qty, fee), "position after a fill")

    def on_open(self, side, int64_t delta_qty):
        """Reserve quantity of open orders (> 0), or release it (< 0). Raises InputError when more
        is released than was reserved (0 stays), NumericOverflowError when it does not fit.
        """
        check_with(tt_position_open(self.c, _side(side), delta_qty), "reserved quantity")

    def worst_case_position(self, side=None, int64_t extra_qty=0):
        """Net quantity if all open orders of `side`, and `extra_qty` more, were filled and none of
        the other side. Without a side: the worse of the two, by size.
        """
        cdef int64_t long_qty = 0, short_qty = 0
        if side is not None:
            check_with(tt_position_worst(self.c, _side(side), extra_qty, &long_qty), "worst case")
            return long_qty
        check_with(tt_position_worst(self.c, TT_SIDE_BUY, extra_qty, &long_qty), "worst case")
        check_with(tt_position_worst(self.c, TT_SIDE_SELL, extra_qty, &short_qty), "worst case")
        return long_qty if abs(<object> long_qty) >= abs(<object> short_qty) else short_qty

    def unrealized_pnl(self, int64_t mark_px2):
        """Money won if closed at mark_px2 / 2 (pass bid + ask); a half unit rounds half even."""
        cdef int64_t out = 0
        check_with(tt_position_unrealized(self.c, mark_px2, &out), "unrealized P&L")
        return out

    def total_pnl(self, int64_t mark_px2):
        """Realized and unrealized P&L less fees."""
        cdef int64_t out = 0
        check_with(tt_position_total(self.c, mark_px2, &out), "total P&L")
        return out

    def verify(self):
        """Raise FileFormatError when an invariant does not hold."""
        check_with(tt_position_check(self.c), "position")

    @property
    def instrument_id(self):
        """Instrument of the row."""
        return self.c.instrument_id

    @property
    def strategy_id(self):
        """Strategy of the row, 0 for the account."""
        return self.c.strategy_id

    @property
    def net_qty(self):
        """Quantity held: long > 0, short < 0."""
        return self.c.net_qty

    @property
    def theoretical_qty(self):
        """Net quantity if every open order of both sides were filled."""
        cdef int64_t out = 0
        check_with(tt_position_theoretical(self.c, &out), "theoretical position")
        return out

    @property
    def avg_entry_px(self):
        """Exact average entry price as a Fraction of a price mantissa; None when flat."""
        return Fraction(self.c.cost, self.c.net_qty) if self.c.net_qty else None

    @property
    def cost(self):
        """Money paid for what is held; negative for a short."""
        return self.c.cost

    @property
    def realized_pnl(self):
        """Money won by closing, before fees."""
        return self.c.realized

    @property
    def fees(self):
        """Money paid in fees; negative: rebates."""
        return self.c.fees

    @property
    def cash(self):
        """Money received for sales less money paid for purchases, before fees."""
        return self.c.cash

    @property
    def open_buy_qty(self):
        """Quantity reserved by open buy orders."""
        return self.c.open_buy_qty

    @property
    def open_sell_qty(self):
        """Quantity reserved by open sell orders."""
        return self.c.open_sell_qty

    @property
    def fills(self):
        """Executions booked."""
        return self.c.fills

    @property
    def buy_qty(self):
        """Quantity bought so far."""
        return self.c.buy_qty

    @property
    def sell_qty(self):
        """Quantity sold so far."""
        return self.c.sell_qty

    @property
    def last_px(self):
        """Price of the last execution; 0 before the first."""
        return self.c.last_px

    def __repr__(self):
        return (
            f"Position(instrument_id={self.c.instrument_id}, strategy_id={self.c.strategy_id}, "
            f"net_qty={self.c.net_qty}, cost={self.c.cost}, realized_pnl={self.c.realized})"
        )


@final
cdef class Portfolio:
    """Rows for strategy ids below `strategies` (0 is the account) in each of `instrument_ids`.

    The slot of an instrument is its place in `instrument_ids`. Owner: the engine's thread.
    """

    def __cinit__(self, instrument_ids, strategies):
        self.instrument_ids = tuple([int(i) for i in instrument_ids])
        if not self.instrument_ids or not 1 <= strategies <= 0x10000:
            raise InputError(
                f"portfolio: found {len(self.instrument_ids)} instruments and {strategies} "
                "strategies; allowed: at least one instrument, 1 to 65536 with the account"
            )
        self.slot_of = {instrument: slot for slot, instrument in enumerate(self.instrument_ids)}
        if len(self.slot_of) != len(self.instrument_ids):
            raise InputError("portfolio: an instrument id is there twice")
        self.slots = len(self.instrument_ids)
        self.strategies = strategies
        cdef size_t n = <size_t> self.slots * self.strategies
        self.rows = <tt_position *> aligned_alloc(64, n * sizeof(tt_position))
        if self.rows == NULL:
            raise OutOfMemoryError(f"no memory for a portfolio of {n} rows")
        self.clear()

    def __dealloc__(self):
        free(self.rows)

    cdef tt_position *row(self, object instrument_id, object strategy_id) except NULL:
        slot = self.slot_of.get(instrument_id)
        if slot is None:
            raise UnknownSymbolError(
                f"instrument_id {instrument_id}: not one of the {self.slots} of this portfolio"
            )
        if not 0 <= strategy_id < self.strategies:
            raise InputError(
                f"strategy_id: found {strategy_id}; allowed: 0 (account) to {self.strategies - 1}"
            )
        return &self.rows[<size_t> strategy_id * self.slots + <size_t> slot]

    def position(self, instrument_id, strategy_id=0):
        """View of one row; strategy 0 is the account."""
        return Position.view(self.row(instrument_id, strategy_id), self)

    def positions(self, strategy_id=0):
        """Views of the rows of a strategy that were ever traded or have open orders."""
        found = []
        cdef tt_position *p
        for instrument_id in self.instrument_ids:
            p = self.row(instrument_id, strategy_id)
            if p.fills or p.open_buy_qty or p.open_sell_qty:
                found.append(Position.view(p, self))
        return found

    def on_fill(self, strategy_id, instrument_id, side, int64_t px, int64_t qty, int64_t fee=0):
        """Book an execution of a strategy's order into its row and the account's, or into neither.

        Raises as Position.on_fill; InputError for strategy 0, which has no orders of its own.
        """
        cdef tt_position *own = self.row(instrument_id, strategy_id)
        cdef tt_position *account = self.row(instrument_id, 0)
        if own == account:
            raise InputError(f"strategy_id: found 0; allowed: 1 to {self.strategies - 1}")
        if qty <= 0:
            raise InputError(f"qty: found {qty}; allowed: > 0")
        cdef uint8_t which = _side(side)
        cdef tt_position before = own[0]
        check_with(tt_position_fill(own, which, px, qty, fee), "position after a fill")
        cdef int rc = tt_position_fill(account, which, px, qty, fee)
        if rc != TT_OK:
            own[0] = before
            check_with(rc, "account position after a fill")

    def on_open(self, strategy_id, instrument_id, side, int64_t delta_qty):
        """Reserve or release quantity of a strategy's open orders, in its row and the account's."""
        cdef tt_position *own = self.row(instrument_id, strategy_id)
        cdef tt_position *account = self.row(instrument_id, 0)
        if own == account:
            raise InputError(f"strategy_id: found 0; allowed: 1 to {self.strategies - 1}")
        cdef int rc = tt_position_open(own, _side(side), delta_qty)
        cdef int rc_account = tt_position_open(account, _side(side), delta_qty)
        check_with(rc if rc != TT_OK else rc_account, "reserved quantity")

    def worst_case_position(self, instrument_id, side=None, strategy_id=0):
        """As Position.worst_case_position."""
        return self.position(instrument_id, strategy_id).worst_case_position(side)

    def totals(self, marks_px2, strategy_id=0):
        """Sums over a strategy's instruments. `marks_px2`: instrument_id -> twice the mark price.

        Money of instruments adds up only where px_exponent + qty_exponent is the same. A held
        instrument without a mark raises InputError. The sums do not overflow.
        """
        realized = unrealized = fees = 0
        for position in self.positions(strategy_id):
            realized += position.realized_pnl
            fees += position.fees
            if not position.net_qty:
                continue
            instrument_id = position.instrument_id
            if instrument_id not in marks_px2:
                raise InputError(f"marks_px2: instrument {instrument_id} is held; give its mark")
            unrealized += position.unrealized_pnl(marks_px2[instrument_id])
        return Totals(strategy_id=strategy_id, realized=realized, unrealized=unrealized, fees=fees)

    def clear(self):
        """Forget everything; reserved quantities too."""
        cdef uint32_t strategy, slot
        cdef tt_position *row = self.rows
        for strategy in range(self.strategies):
            for slot in range(self.slots):
                tt_position_init(row, self.instrument_ids[slot], strategy)
                row += 1

    def verify(self):
        """Raise FileFormatError when an invariant does not hold in some row."""
        cdef size_t i
        for i in range(<size_t> self.slots * self.strategies):
            check(tt_position_check(&self.rows[i]))

    def snapshot(self):
        """Every row that is not new, as bytes with a checksum; restore() takes them back."""
        rows = []
        cdef size_t i
        cdef tt_position *p
        for i in range(<size_t> self.slots * self.strategies):
            p = &self.rows[i]
            if p.fills or p.open_buy_qty or p.open_sell_qty:
                rows.append((<const unsigned char *> p)[: sizeof(tt_position)])
        body = b"".join(rows)
        head = len(rows).to_bytes(8, "little") + crc32(body).to_bytes(8, "little")
        return _MAGIC + head + body

    def restore(self, bytes data not None):
        """Take the state of a snapshot, replacing all rows. FileFormatError, or UnknownSymbolError
        for a row of an instrument that is not here: then nothing has changed.
        """
        body = data[_HEAD:]
        count = int.from_bytes(data[8:16], "little")
        if data[:8] != _MAGIC or len(body) != count * sizeof(tt_position):
            raise FileFormatError(
                f"snapshot: {len(data)} bytes are not a snapshot of positions; take a new one"
            )
        if crc32(body) != int.from_bytes(data[16:24], "little"):
            raise FileFormatError("snapshot: the checksum does not hold; take an older snapshot")
        cdef const unsigned char *raw = body
        cdef tt_position one
        cdef Py_ssize_t i
        for i in range(count):
            memcpy(&one, raw + i * sizeof(tt_position), sizeof(tt_position))
            self.row(one.instrument_id, one.strategy_id)
            check_with(tt_position_check(&one), "snapshot")
        self.clear()
        for i in range(count):
            memcpy(&one, raw + i * sizeof(tt_position), sizeof(tt_position))
            self.row(one.instrument_id, one.strategy_id)[0] = one
