"""The tops of many books while records pass: how long each state held, spreads, depth per level.

A state counts when time goes on: records of one instrument with one time are one change, so what a
book looks like in the middle of an update is nobody's finding.
"""
# Owns an order book of all instruments, a level book and a row of sums for each. One thread. Some
# 50 ns a record, with the GIL. Memory is bounded: histograms for the first `detailed` instruments,
# one set for all others.

from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from tectra.book.l2 cimport L2Book, tt_l2_apply, tt_l2_levels, tt_l2_top
from tectra.book.l3 cimport (
    L3Book,
    tt_book_effect,
    tt_l3_apply,
    tt_l3_levels,
    tt_l3_slot,
    tt_l3_top,
    tt_top,
    tt_top_state,
)
from tectra.core.base cimport TT_E_FULL, TT_NO_PX
from tectra.core.hist cimport Histogram, tt_hist_record, tt_hist_record_n
from tectra.core.msg cimport (
    TT_T_BOOK_CLEAR,
    TT_T_BOOK_LEVEL,
    TT_T_BOOK_REPLACE,
    TT_T_QUOTE,
    tt_book_level,
    tt_head,
    tt_quote,
)

import numpy as np

from tectra.book.l2 import L2Book as _L2Book
from tectra.core.errors import OutOfMemoryError
from tectra.core.msg import Side
from tectra.core.rc import CODES
from tectra.core.record import encode

__all__ = ["BUCKETS", "BookWatch", "LEVELS"]

LEVELS = WATCH_LEVELS
BUCKETS = WATCH_BUCKETS

cdef enum:
    SLOT = 64
    ORDERS = 1
    PRICE_LEVELS = 2
    QUOTES = 3
    NO_SIDE = 3         # TT_BOOK_NO_BID | TT_BOOK_NO_ASK
    LOCKED = 4
    CROSSED = 8
    SECOND_NS = 1000000000
    NO_BOOK = 0xFFFFFFFF

# Without an update a state counts for a minute: a night is no part of a spread.
cdef int64_t HELD_NS = 60 * <int64_t>SECOND_NS


cdef tt_top _no_top() noexcept:
    cdef tt_top top
    top.bid_px = top.ask_px = TT_NO_PX
    top.bid_qty = top.ask_qty = 0
    top.bid_orders = top.ask_orders = 0
    return top


@final
cdef class BookWatch:
    """Books of a stream: `events` holds the first `kept` findings of each kind as (kind, row, time,
    instrument id, what), `counts` all of them.
    """

    def __cinit__(self, uint32_t detailed=256, uint32_t kept=100):
        self.orders = L3Book(1 << 20)
        self.levels, self.held, self.events, self.counts = [], [], [], {}
        self.detailed, self.kept = detailed, kept
        self.memory = np.zeros((3, BUCKETS), np.float64)
        self.bucket_records, self.bucket_spread, self.bucket_ns = self.memory
        self.width_ns = SECOND_NS // 8
        self.others = None

    def __dealloc__(self):
        free(self.watch)

    cdef int open(self, uint32_t instrument_id) except -1:
        """A row for one more instrument."""
        cdef tt_watch *fresh
        cdef tt_watch *w
        if self.count == self.room:
            room = max(64, 2 * self.room)
            fresh = <tt_watch *>calloc(room, sizeof(tt_watch))
            if fresh == NULL:
                raise OutOfMemoryError(f"no memory to watch {room} instruments")
            if self.count:
                memcpy(fresh, self.watch, self.count * sizeof(tt_watch))
            free(self.watch)
            self.watch, self.room = fresh, room
        if self.count < self.detailed:
            tools = _tools()
        else:
            if self.others is None:
                self.others = _tools()
            tools = self.others
        self.held.append(tools)
        self.levels.append(None)
        w = &self.watch[self.count]
        w.instrument_id = instrument_id
        w.top = _no_top()
        w.spread = (<Histogram>tools[0]).c
        for i in range(2 * WATCH_LEVELS):
            w.depth[i] = (<Histogram>tools[1][i]).c
        self.count = self.count + 1
        return 0

    cdef int note(self, str kind, uint32_t at, uint64_t row, int64_t ts, object found) except -1:
        n = self.counts.get(kind, 0)
        self.counts[kind] = n + 1
        if n < self.kept:
            self.events.append((kind, row, ts, self.watch[at].instrument_id, found))
        return 0

    cdef int bucket(self, int64_t ts) except -1:
        """The bucket of a time; they get twice as wide when the day does not fit."""
        cdef int64_t at
        if self.start_ns == 0:
            self.start_ns = ts
        at = (ts - self.start_ns) // self.width_ns
        while at >= WATCH_BUCKETS:
            half = self.memory.reshape(3, -1, 2).sum(axis=2)
            self.memory[:] = 0
            self.memory[:, : WATCH_BUCKETS // 2] = half
            self.width_ns = self.width_ns * 2
            at = (ts - self.start_ns) // self.width_ns
        return <int>max(at, 0)

    cdef int settle(self, uint32_t at, int64_t ts) except -1:
        """The group is over: its state held from its time until `ts`."""
        cdef tt_watch *w = &self.watch[at]
        cdef uint32_t state = tt_top_state(&w.top)
        cdef int64_t held = min(ts - w.since_ns, HELD_NS)
        cdef uint64_t spread
        cdef double mid
        cdef int i
        if held <= 0 or w.kind == 0:
            return 0
        w.state_ns[state & 15] += <uint64_t>held
        if not state & NO_SIDE and w.top.ask_px >= w.top.bid_px:
            spread = <uint64_t>w.top.ask_px - <uint64_t>w.top.bid_px
            tt_hist_record_n(w.spread, spread, <uint64_t>held)
            mid = (<double>w.top.ask_px + <double>w.top.bid_px) / 2
            if mid > 0:
                i = self.bucket(w.since_ns)
                self.bucket_spread[i] = self.bucket_spread[i] + 1e4 * spread / mid * held
                self.bucket_ns[i] = self.bucket_ns[i] + held
        if state & (LOCKED | CROSSED):
            if w.told != state:
                kind = "crossed" if state & CROSSED else "locked"
                self.note(kind, at, w.row, w.since_ns, (w.top.bid_px, w.top.ask_px))
        w.told = <uint8_t>(state & (LOCKED | CROSSED))
        if w.since_ns >= w.depth_ns:
            self.sample(at)
            w.depth_ns = (w.since_ns // SECOND_NS + 1) * SECOND_NS
        return 0

    cdef int sample(self, uint32_t at) except -1:
        """Quantities of the best levels, once a second of each instrument."""
        cdef tt_watch *w = &self.watch[at]
        cdef int64_t px[WATCH_LEVELS]
        cdef int64_t qty[WATCH_LEVELS]
        cdef uint32_t orders[WATCH_LEVELS]
        cdef uint32_t n = 0, i, slot
        cdef uint8_t side
        for side in range(2):
            if w.kind == ORDERS:
                slot = tt_l3_slot(self.orders.c, w.instrument_id)
                n = 0
                if slot != NO_BOOK:
                    n = tt_l3_levels(
                        self.orders.c, slot, <uint8_t>(side + 1), WATCH_LEVELS, px, qty, orders)
            elif w.kind == PRICE_LEVELS:
                n = tt_l2_levels(
                    (<L2Book>self.levels[at]).c, <uint8_t>(side + 1), WATCH_LEVELS, px, qty)
            else:
                qty[0] = w.top.ask_qty if side else w.top.bid_qty
                n = qty[0] > 0
            for i in range(n):
                tt_hist_record(w.depth[side * WATCH_LEVELS + i], <uint64_t>max(qty[i], 0))
        return 0

    cdef int clear(self, uint32_t at) except -1:
        """Everything of an instrument leaves its book."""
        cdef tt_watch *w = &self.watch[at]
        if self.levels[at] is not None:
            self.levels[at].clear()
        if tt_l3_slot(self.orders.c, w.instrument_id) != NO_BOOK:
            for side in (Side.BUY, Side.SELL):
                for order in self.orders.orders(w.instrument_id, side):
                    self.orders.apply(_delete(w.instrument_id, int(order["order_ref"])))
        w.top = _no_top()
        return 0

    cdef int apply(self, uint32_t at, const void *record, uint64_t row) except -1:
        """One record to its book."""
        cdef tt_watch *w = &self.watch[at]
        cdef const tt_head *head = <const tt_head *>record
        cdef const tt_quote *quote = <const tt_quote *>record
        cdef tt_book_effect fx
        cdef L2Book book
        cdef uint32_t slot
        cdef int64_t bid_px = w.top.bid_px, ask_px = w.top.ask_px
        cdef int rc = 0
        if head.template_id <= TT_T_BOOK_REPLACE:
            rc = tt_l3_apply(self.orders.c, head, &fx)
            while rc == TT_E_FULL:
                self.orders.grow()
                rc = tt_l3_apply(self.orders.c, head, &fx)
            slot = tt_l3_slot(self.orders.c, w.instrument_id)
            w.kind = ORDERS
            w.top = _no_top() if slot == NO_BOOK else tt_l3_top(self.orders.c, slot)[0]
        elif head.template_id == TT_T_BOOK_LEVEL:
            if self.levels[at] is None:
                self.levels[at] = _L2Book(w.instrument_id)
            book = self.levels[at]
            rc = tt_l2_apply(book.c, <const tt_book_level *>record)
            while rc == TT_E_FULL:
                book.grow()
                rc = tt_l2_apply(book.c, <const tt_book_level *>record)
            w.kind = PRICE_LEVELS
            w.top = tt_l2_top(book.c)
        elif head.template_id == TT_T_QUOTE:
            if w.kind not in (ORDERS, PRICE_LEVELS):
                w.kind = QUOTES
                w.top.bid_px = quote.bid_px if quote.bid_qty > 0 else TT_NO_PX
                w.top.ask_px = quote.ask_px if quote.ask_qty > 0 else TT_NO_PX
                w.top.bid_qty, w.top.ask_qty = quote.bid_qty, quote.ask_qty
        elif head.template_id == TT_T_BOOK_CLEAR:
            self.clear(at)
        if w.top.bid_px != bid_px or w.top.ask_px != ask_px:
            w.row = row
        if rc < 0:
            self.note("book", at, row, head.ts_event_ns, CODES[rc][0])
        return 0

    def update(self, slots, rows, index, uint64_t first_row) -> None:
        """Records of a batch; `index` is the dense number of each record's instrument, counted from
        0 in the order of first appearance; `first_row` the number of the first record.
        """
        cdef const uint8_t[::1] data = slots
        cdef const uint32_t[::1] slot = rows.slot, number = index, ids = rows.instrument_id
        cdef const int64_t[::1] event = rows.ts_event_ns, recv = rows.ts_recv_ns
        cdef const uint8_t[::1] template = rows.template_id
        cdef Py_ssize_t i
        cdef uint32_t at
        cdef int64_t ts
        cdef tt_watch *w
        for i in range(slot.shape[0]):
            at = number[i]
            while at >= self.count:
                self.open(ids[i])
            if template[i] > TT_T_BOOK_CLEAR:
                continue
            ts = event[i] if event[i] > 0 else recv[i]
            self.bucket_records[self.bucket(ts)] += 1
            if ids[i] == 0 and template[i] != TT_T_BOOK_CLEAR:
                continue
            w = &self.watch[at]
            if ts > w.since_ns:
                self.settle(at, ts)
                w = &self.watch[at]
                w.since_ns = ts
            w.updates = w.updates + 1
            if ids[i] == 0:
                for at in range(self.count):
                    self.clear(at)
            else:
                self.apply(at, &data[slot[i] * SLOT], first_row + <uint64_t>i)

    def finish(self, int64_t ts) -> None:
        """The stream ended at `ts`: settle what is open, and a moment more for a last state."""
        cdef uint32_t at
        for at in range(self.count):
            self.settle(at, max(ts, self.watch[at].since_ns + 1))
            self.watch[at].since_ns = max(ts, self.watch[at].since_ns + 1)

    def series(self):
        """(start, width) in ns, records and time-weighted spread in basis points by bucket."""
        n = int(np.flatnonzero(self.memory.any(axis=0)).max(initial=-1)) + 1
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = self.memory[1, :n] / self.memory[2, :n]
        return self.start_ns, self.width_ns, self.memory[0, :n].copy(), spread

    def instrument(self, uint32_t at):
        """(instrument id, updates, ns by state, spread histogram, depth histograms, detailed) of
        the instrument with this dense number.
        """
        if at >= self.count:
            raise IndexError(at)
        w = &self.watch[at]
        states = {i: w.state_ns[i] for i in range(16) if w.state_ns[i]}
        spread, depth = self.held[at]
        return w.instrument_id, w.updates, states, spread, depth, at < self.detailed

    def __len__(self):
        return self.count


def _tools():
    """A histogram of spreads (0.1 %) and one a level and side of quantities (6 %)."""
    return Histogram(10, 40), [Histogram(4, 62) for _ in range(2 * LEVELS)]


def _delete(instrument_id, order_ref):
    return encode("book_delete", instrument_id=instrument_id, order_ref=order_ref)
