"""The order table: submit, reports of the venue, state machine, look-up by id."""
# Owns the memory of a tt_orders. The engine's thread calls it. An event costs about 10 ns in C.
# Wraps ext/tectra/orders.h.
from logging import getLogger

from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from tectra.core.base cimport TT_E_TYPE, TT_OK
from tectra.core.msg cimport (
    TT_INTENT_ACTION_SUBMIT,
    TT_ORDER_EVENT_KIND_ACK,
    TT_ORDER_EVENT_KIND_CANCEL_ACK,
    TT_ORDER_EVENT_KIND_EXPIRE,
    TT_T_ORDER_FILL,
    TT_T_ORDER_INTENT,
    TT_T_ORDER_REJECT,
    tt_order_fill,
    tt_order_intent,
    tt_order_reject,
    tt_rec_init,
)
from tectra.core.rc cimport check_with
from tectra.oms.order cimport Order, OrderEvent
from tectra.oms.table cimport (
    TT_NEXT_BY_CUM,
    TT_ORDER_EVENTS,
    TT_ORDER_STATES,
    tt_order_next,
    tt_orders_bytes,
    tt_orders_check,
    tt_orders_init,
)

from tectra.core.errors import InputError, OutOfMemoryError, UnknownOrderError
from tectra.core.msg import IntentAction, OrderEventKind, OrderState, RejectReason

__all__ = ["ALL_EVENTS", "ALL_STATES", "BY_CUM", "OrderTable", "transition"]

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

ALL_STATES = tuple([s for s in OrderState if s != OrderState.NONE])
ALL_EVENTS = tuple(OrderEventKind)
# transition() says this where the next state follows from what is acknowledged and executed.
BY_CUM = "by_cum"
_LOG = getLogger("tectra.oms")


def transition(state, event):
    """Next state, BY_CUM, or None for an anomaly: the cell of the one transition table."""
    if not 0 <= state < TT_ORDER_STATES or not 0 < event < TT_ORDER_EVENTS:
        raise InputError(
            f"found state {state!r}, event {event!r}; allowed: OrderState, OrderEventKind"
        )
    cdef int cell = tt_order_next[<int> state][<int> event]
    return None if cell == 0 else BY_CUM if cell == TT_NEXT_BY_CUM else OrderState(cell)


@final
cdef class OrderTable:
    """Every order by id, for `strategies` ids (0 is the account and owns none).

    It holds `capacity` orders: the live ones, and as many of the ended as there is room for. The
    last `executions` execution ids are remembered; one that comes again is not booked again. What
    cannot happen to an order does not raise: the event says valid False, the error is logged, and
    `on_anomaly(event)` is called. Owner: the engine's thread.
    """

    def __cinit__(self, capacity=65536, strategies=64, *, executions=None, on_anomaly=None):
        cdef object execs = capacity if executions is None else executions
        cdef bint fits = 0 < capacity <= 1 << 28 and 0 <= execs <= 1 << 28
        if not fits or not 0 < strategies <= 1 << 16:
            raise InputError(
                f"order table: found capacity {capacity}, strategies {strategies}, "
                f"executions {execs}; allowed: 1 to 2^28, 1 to 2^16, 0 to 2^28"
            )
        cdef size_t size = (tt_orders_bytes(capacity, strategies, execs) + 63) // 64 * 64
        self.c = <tt_orders *> aligned_alloc(64, (sizeof(tt_orders) + 63) // 64 * 64)
        self.memory = aligned_alloc(64, size)
        if self.c == NULL or self.memory == NULL:
            raise OutOfMemoryError(f"no memory for an order table of {size} bytes")
        memset(self.memory, 0, size)
        check_with(tt_orders_init(self.c, self.memory, capacity, strategies, execs), "order table")
        self.on_anomaly = on_anomaly

    def __dealloc__(self):
        free(self.memory)
        free(self.c)

    cdef tt_order *need(self, uint64_t order_id) except NULL:
        cdef tt_order *o = tt_orders_find(self.c, order_id)
        if o == NULL:
            raise UnknownOrderError(
                f"order_id {order_id}: not in the table, or ended long ago and its place is taken"
            )
        return o

    cdef int alert(self, OrderEvent event) except -1:
        _LOG.error(
            "order %d: %s not booked in state %s; ask the venue for the order",
            event.c.order_id,
            event.event.name,
            event.from_state.name,
        )
        if self.on_anomaly is not None:
            self.on_anomaly(event)
        return 0

    cdef OrderEvent step(self, object order_id, uint8_t event, object at):
        cdef OrderEvent out = OrderEvent.__new__(OrderEvent)
        px, qty, now_ns, cause_seq = at
        cdef tt_order *o = self.need(order_id)
        if tt_orders_event(self.c, o, event, px, qty, now_ns, cause_seq, &out.c) != TT_OK:
            self.alert(out)
        return out

    cdef OrderEvent report(self, const tt_head *rec):
        cdef OrderEvent out = OrderEvent.__new__(OrderEvent)
        cdef int rc = tt_orders_on_report(self.c, rec, &out.c)
        if rc == TT_E_TYPE:
            raise InputError(f"template {rec.template_id}: not a report of an order")
        if rc != TT_OK:
            self.alert(out)
        return out

    def submit(self, intent, int64_t now_ns):
        """Enter an order as NEW. `intent`: an order_intent record (bytes-like, 128 bytes).

        Raises InputError (no id, qty <= 0, no such strategy), DuplicateError (ids must rise) or
        CapacityError (every place holds a live order).
        """
        cdef bytes raw = bytes(intent)
        cdef tt_order_intent it
        cdef OrderEvent out = OrderEvent.__new__(OrderEvent)
        if len(raw) != sizeof(tt_order_intent):
            raise InputError(f"intent: found {len(raw)} bytes; allowed: an order_intent of 128")
        memcpy(&it, <const char *> raw, sizeof(it))
        if it.template_id != TT_T_ORDER_INTENT or it.action != TT_INTENT_ACTION_SUBMIT:
            raise InputError("intent: not an order_intent with action SUBMIT")
        check_with(tt_orders_submit(self.c, &it, now_ns, &out.c), f"order {it.order_id}")
        return out

    def event(self, order_id, event, *, px=0, qty=0, int64_t now_ns=0, cause_seq=0):
        """Apply one event of OrderEventKind. px, qty: the execution of a fill, what a replace asks
        for, what stands after an ack (0: as asked for). UnknownOrderError: not in the table.
        """
        return self.step(order_id, <uint8_t> OrderEventKind(event), (px, qty, now_ns, cause_seq))

    def on_ack(self, order_id, int64_t now_ns, *, venue_order_id=0, px=0, qty=0, cause_seq=0):
        """The venue has accepted the order."""
        at = (px, qty, now_ns, cause_seq)
        cdef OrderEvent out = self.step(order_id, TT_ORDER_EVENT_KIND_ACK, at)
        if out.c.valid and venue_order_id:
            self.need(order_id).venue_order_id = venue_order_id
        return out

    def on_fill(self, order_id, px, qty, int64_t now_ns, *, exec_id=0, cause_seq=0):
        """The venue has executed a part. An exec_id seen before is not booked (valid False)."""
        cdef tt_order *o = self.need(order_id)
        cdef tt_order_fill rec
        tt_rec_init(&rec, TT_T_ORDER_FILL)
        rec.ring_seq = cause_seq
        rec.ts_event_ns = rec.ts_recv_ns = now_ns
        rec.instrument_id = o.instrument_id
        rec.side = o.side
        rec.order_id = order_id
        rec.px = px
        rec.qty = qty
        rec.exec_id = exec_id
        return self.report(<const tt_head *> &rec)

    def on_cancel_ack(self, order_id, int64_t now_ns, *, expired=False, cause_seq=0):
        """The venue has taken off what was left: on request, or because it expired."""
        cdef uint8_t event = TT_ORDER_EVENT_KIND_CANCEL_ACK
        if expired:
            event = TT_ORDER_EVENT_KIND_EXPIRE
        return self.step(order_id, event, (0, 0, now_ns, cause_seq))

    def on_reject(
        self, order_id, int64_t now_ns, *, action=IntentAction.SUBMIT, reason=RejectReason.OTHER,
        cause_seq=0
    ):
        """The venue has refused the order, or a cancel or replace of it."""
        cdef tt_order_reject rec
        self.need(order_id)
        tt_rec_init(&rec, TT_T_ORDER_REJECT)
        rec.ring_seq = cause_seq
        rec.ts_event_ns = rec.ts_recv_ns = now_ns
        rec.order_id = order_id
        rec.action = IntentAction(action)
        rec.reason = RejectReason(reason)
        return self.report(<const tt_head *> &rec)

    def on_report(self, record):
        """Apply an order_ack, order_fill, order_cancel or order_reject record (bytes-like).

        An unknown order gives an event with valid False and state NONE.
        """
        cdef bytes raw = bytes(record)
        cdef tt_order_fill rec
        if len(raw) != sizeof(rec):
            raise InputError(f"report: found {len(raw)} bytes; allowed: a report record of 128")
        memcpy(&rec, <const char *> raw, sizeof(rec))
        return self.report(<const tt_head *> &rec)

    def find(self, order_id):
        """Snapshot of an order, None when the table does not hold it."""
        cdef tt_order *o = tt_orders_find(self.c, order_id)
        return None if o == NULL else Order.copy(o)

    def open_orders(self, strategy_id=None):
        """Snapshots of the orders that have not ended, oldest first by strategy."""
        found = []
        cdef const tt_order *o
        for owner in range(self.c.owners) if strategy_id is None else (strategy_id,):
            newest_first = []
            o = tt_orders_first(self.c, owner)
            while o != NULL:
                newest_first.append(Order.copy(o))
                o = tt_orders_after(self.c, o)
            found += reversed(newest_first)
        return found

    def open_count(self, strategy_id):
        """Number of a strategy's orders that have not ended."""
        if not 0 <= strategy_id < self.c.owners:
            raise InputError(f"strategy_id: found {strategy_id}; allowed: 0 to {self.c.owners - 1}")
        return self.c.live[<uint32_t> strategy_id]

    def verify(self):
        """Raise FileFormatError when index, lists and states do not agree. Linear: for tests."""
        check_with(tt_orders_check(self.c), "order table")

    def __len__(self):
        return self.c.used

    def __contains__(self, order_id):
        return tt_orders_find(self.c, order_id) != NULL

    @property
    def capacity(self):
        """Orders it has room for."""
        return self.c.capacity

    @property
    def counts(self):
        """Counters since the start, by name: submitted, transitions, invalid, overfills ..."""
        return dict(self.c.counts)
