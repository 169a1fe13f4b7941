"""The simulated exchange: own orders against a replayed book, behind the Gateway protocol.

Owns the memory of one tt_sim and grows it. Used by the thread that applies the book. In a driver's
nogil loop a market record costs about 2 ns without own orders in its instrument; the Python methods
cost a few 100 ns. Wraps fill.h.
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.stdlib cimport posix_memalign

from tectra.book.l3 cimport L3Book, tt_book_effect
from tectra.core.base cimport TT_E_FULL, TT_E_LENGTH, TT_E_TYPE, TT_OK
from tectra.core.msg cimport (
    TT_INTENT_ACTION_CANCEL,
    TT_INTENT_ACTION_MODIFY,
    TT_INTENT_ACTION_SUBMIT,
    TT_RECORD_BYTES_MAX,
    TT_SCHEMA_ID,
    TT_T_END,
    tt_head,
    tt_order_send,
    tt_rec_bytes,
    tt_template_bytes,
)
from tectra.core.rc cimport check, check_with

from typing import NamedTuple

import numpy as np

from tectra.core.errors import CapacityError, InputError, OutOfMemoryError
from tectra.core.msg import DTYPES, FillReason, IntentAction, RejectReason, Side, Template
from tectra.sim.config import SimConfig

__all__ = ["OpenOrder", "SimExchange"]

# Where the arrays start; each doubles when it is full.
_FIRST = {
    "orders": 256,
    "requests": 256,
    "reports": 1024,
    "instruments": 256,
    "slots": 256,
    "taken": 64,
    "levels": 64,
}


class OpenOrder(NamedTuple):
    """A resting order as the exchange sees it; prices and quantities are mantissas."""

    order_id: int
    venue_order_id: int
    instrument_id: int
    side: Side
    px: int
    qty: int
    cum_qty: int
    leaves_qty: int
    queue_ahead_qty: int


@cython.final
cdef class SimExchange:
    """A simulated exchange over `book`, which it reads and, in nogil drivers, never changes.

    Raises InputError for a configuration out of range, OutOfMemoryError.
    """

    def __cinit__(self, L3Book book not None, *, config=None):
        cdef tt_sim_caps caps
        cdef tt_latency latency
        cdef tt_fees fees
        cdef tt_sim_filters filters
        config = SimConfig() if config is None else config
        if not isinstance(config, SimConfig):
            raise InputError(f"config: found {type(config).__name__}, allowed SimConfig")
        self.book = book
        self.config = config
        self._orders_max = config.orders_max
        caps.n[TT_SIM_CAP_ORDERS] = _FIRST["orders"]
        caps.n[TT_SIM_CAP_REQUESTS] = _FIRST["requests"]
        caps.n[TT_SIM_CAP_REPORTS] = _FIRST["reports"]
        caps.n[TT_SIM_CAP_INSTRUMENTS] = _FIRST["instruments"]
        caps.n[TT_SIM_CAP_SLOTS] = _FIRST["slots"]
        caps.n[TT_SIM_CAP_TAKEN] = _FIRST["taken"]
        caps.n[TT_SIM_CAP_LEVELS] = _FIRST["levels"]
        times = config.latency
        check(tt_latency_init(
            &latency, times.entry_ns, times.response_ns, times.jitter_ns, times.seed
        ))
        rates = config.fees
        check(tt_fees_init(&fees, rates.maker_rate_e7, rates.taker_rate_e7, rates.per_unit))
        filters.tick = config.filters.tick
        filters.lot = config.filters.lot
        filters.qty_min = config.filters.qty_min
        filters.qty_max = config.filters.qty_max
        self.c = <tt_sim *>calloc(1, sizeof(tt_sim))
        self._memory = _block(&caps)
        if self.c == NULL or self._memory == NULL:
            raise OutOfMemoryError("no memory for the simulated exchange; free some and try again")
        check(tt_sim_init(self.c, book.c, self._memory, &caps, &latency, &fees, &filters))

    def __dealloc__(self):
        free(self._memory)
        free(self.c)

    cdef int grow(self) except -1:
        cdef tt_sim_caps caps = self.c.caps
        cdef uint32_t which = self.c.short_of
        cdef void *memory
        # Several reports an order may wait, but one request and one resting entry.
        cdef uint64_t limit = <uint64_t>self._orders_max * (8 if which == TT_SIM_CAP_REPORTS else 1)
        if which in (TT_SIM_CAP_ORDERS, TT_SIM_CAP_REQUESTS, TT_SIM_CAP_REPORTS):
            if caps.n[which] >= limit:
                raise CapacityError(
                    f"{list(_FIRST)[which]}: found {caps.n[which]} in use, allowed {limit}; "
                    "raise orders_max, or take reports more often"
                )
        if caps.n[which] >= 1u << 30:
            raise CapacityError(f"{list(_FIRST)[which]}: found {caps.n[which]}, allowed {1 << 30}")
        caps.n[which] *= 2
        memory = _block(&caps)
        if memory == NULL:
            raise OutOfMemoryError(f"no memory for {caps.n[which]} {list(_FIRST)[which]}")
        tt_sim_move(self.c, memory, &caps)
        free(self._memory)
        self._memory = memory
        return 0

    cdef int put(self, const tt_order_send *request, int64_t now_ns) except -1 nogil:
        cdef int rc = tt_sim_submit(self.c, request, now_ns)
        while rc == TT_E_FULL:
            with gil:
                self.grow()
            rc = tt_sim_submit(self.c, request, now_ns)
        return check(rc)

    cdef int take_in(self) except -1 nogil:
        cdef int rc = tt_sim_arrive(self.c)
        while rc == TT_E_FULL:
            with gil:
                self.grow()
            rc = tt_sim_arrive(self.c)
        return check(rc)

    cdef int react(self, const tt_head *rec, const tt_book_effect *fx) except -1 nogil:
        cdef int rc = tt_sim_on_market(self.c, rec, fx)
        while rc == TT_E_FULL:
            with gil:
                self.grow()
            rc = tt_sim_on_market(self.c, rec, fx)
        return check(rc)

    cdef int _send(self, object record, int action, int64_t now_ns) except -1:
        cdef tt_order_send request
        cdef uint8_t memory[128]
        _read(record, memory)
        memcpy(&request, memory, sizeof(request))
        if action != 0 and request.action != action:
            name = IntentAction(action).name
            raise InputError(f"action: found {request.action}, allowed {action} ({name})")
        return self.put(&request, now_ns)

    def submit(self, record, *, int64_t now_ns):
        """Let an order_send of any action leave at `now_ns`. CapacityError beyond orders_max."""
        self._send(record, 0, now_ns)

    def send(self, record, *, int64_t now_ns):
        """Send a new order. Raises InputError when the record is not a SUBMIT."""
        self._send(record, TT_INTENT_ACTION_SUBMIT, now_ns)

    def cancel(self, record, *, int64_t now_ns):
        """Send a cancel. Raises InputError when the record is not a CANCEL."""
        self._send(record, TT_INTENT_ACTION_CANCEL, now_ns)

    def replace(self, record, *, int64_t now_ns):
        """Send a replace. Raises InputError when the record is not a MODIFY."""
        self._send(record, TT_INTENT_ACTION_MODIFY, now_ns)

    def arrive(self):
        """Process the earliest request against the book as it stands. RingEmptyError without."""
        self.take_in()

    def advance(self, int64_t now_ns):
        """Process every request that arrives by `now_ns` (exchange time); how many there were."""
        cdef int n = 0
        while tt_sim_next_arrival_ns(self.c) <= now_ns:
            self.take_in()
            n += 1
        return n

    def on_market(self, record):
        """Apply a market record to the book and let resting orders react.

        For use without an engine: an engine that applies the book itself calls react() from Cython.
        Raises FileFormatError, InputError, CapacityError or OutOfMemoryError; the book and the
        exchange are then as they were.
        """
        cdef uint8_t memory[128]
        cdef tt_book_effect fx
        _read(record, memory)
        memset(&fx, 0, sizeof(fx))
        while tt_sim_ready(self.c, <tt_head *>memory) == TT_E_FULL:
            self.grow()
        check(self.book.apply_one(<tt_head *>memory, &fx))
        self.react(<tt_head *>memory, &fx)

    def reports(self, until_ns=None):
        """Take the reports received by `until_ns`, earliest first, as rows; None takes all."""
        cdef uint8_t memory[128]
        cdef int64_t until = INT64_MAX if until_ns is None else until_ns
        cdef int64_t next_ns = tt_sim_next_report_ns(self.c)
        out = []
        while next_ns != INT64_MAX and next_ns <= until:
            check(tt_sim_take_report(self.c, memory))
            out.append(_row(memory))
            next_ns = tt_sim_next_report_ns(self.c)
        return out

    @property
    def next_arrival_ns(self):
        """Exchange time of the next arrival; None when nothing is on its way."""
        cdef int64_t at = tt_sim_next_arrival_ns(self.c)
        return None if at == INT64_MAX else at

    @property
    def next_report_ns(self):
        """When the next report reaches us; None when there is none."""
        cdef int64_t at = tt_sim_next_report_ns(self.c)
        return None if at == INT64_MAX else at

    def open_orders(self):
        """The resting orders, by instrument and side in price-time order."""
        cdef uint32_t at, i
        cdef int side
        cdef tt_sim_order *o
        out = []
        for at in range(self.c.insts.n):
            for side in range(2):
                i = self.c.insts.at[at].head[side]
                while i != TT_SIM_NIL:
                    o = &self.c.orders.at[i]
                    out.append(OpenOrder(
                        o.order_id, o.venue_order_id, self.c.insts.at[at].instrument_id,
                        Side(o.side), o.px, o.qty, o.cum_qty, o.leaves_qty, o.ahead_qty,
                    ))
                    i = o.next
        return out

    def stats(self):
        """Counts since the start; rejects and fills also by reason."""
        cdef tt_sim_stats *s = &self.c.stats
        return {
            "arrivals": s.arrivals,
            "acks": s.acks,
            "fills": s.fills,
            "cancels": s.cancels,
            "expiries": s.expiries,
            "rejects": s.rejects,
            "fills_by_reason": {r.name: s.fills_by_reason[<int>r] for r in FillReason if r},
            "rejects_by_reason": {r.name: s.rejects_by_reason[<int>r] for r in RejectReason if r},
        }

    def check(self):
        """Verify lists, queues and taken quantities against the book; else FileFormatError."""
        check_with(tt_sim_check(self.c), "simulated exchange")


# Zeroed memory at a cache line, NULL when there is none.
cdef void *_block(const tt_sim_caps *caps) noexcept nogil:
    cdef void *memory = NULL
    cdef size_t size = tt_sim_bytes(caps)
    if posix_memalign(&memory, 64, size) != 0:
        return NULL
    memset(memory, 0, size)
    return memory


# Copy one record in; it must be as long as its header and its template say.
cdef int _read(object record, uint8_t *out) except -1:
    cdef Py_buffer view
    cdef const tt_head *head
    cdef int rc = TT_OK
    PyObject_GetBuffer(record, &view, PyBUF_SIMPLE)
    try:
        head = <const tt_head *>view.buf
        if view.len < 64 or view.len > TT_RECORD_BYTES_MAX:
            rc = TT_E_LENGTH
        elif head.schema_id != TT_SCHEMA_ID or head.template_id >= TT_T_END:
            rc = TT_E_TYPE
        elif (
            tt_rec_bytes(head) != <uint32_t>view.len
            or tt_template_bytes[head.template_id] != <uint32_t>view.len
        ):
            rc = TT_E_LENGTH
        else:
            memset(out, 0, TT_RECORD_BYTES_MAX)
            memcpy(out, view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return check_with(rc, "record")


# A record of its template's dtype that owns its bytes.
cdef object _row(const uint8_t *memory):
    cdef const tt_head *head = <const tt_head *>memory
    data = <bytes>memory[:tt_rec_bytes(head)]
    return np.frombuffer(data, dtype=DTYPES[Template(head.template_id)])[0]
