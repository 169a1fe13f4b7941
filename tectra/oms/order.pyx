"""Orders and their events as Python sees them: snapshots that do not change."""
# Owns copies of C records; made by OrderTable, read by any thread. Wraps ext/tectra/orders.h.
from fractions import Fraction

from cython cimport final

from tectra.oms.table cimport (
    TT_ORDER_MARK_CONFLICT,
    TT_ORDER_MARK_LATE_FILL,
    TT_ORDER_MARK_OVERFILL,
    TT_ORDER_MARK_REPLACE_PENDING,
    tt_order_exposure,
    tt_order_is_done,
    tt_order_is_open,
)

from tectra.core.msg import OrderEventKind, OrderState, OrderType, RejectReason, Side, TimeInForce

__all__ = ["Order", "OrderEvent"]


@final
cdef class Order:
    """Snapshot of an order when it was asked for. Prices and quantities are mantissas."""

    @staticmethod
    cdef Order copy(const tt_order *c):
        cdef Order out = Order.__new__(Order)
        out.c = c[0]
        return out

    def __init__(self):
        raise TypeError("an Order comes from OrderTable.find() or open_orders()")

    @property
    def order_id(self):
        """Our id."""
        return self.c.order_id

    @property
    def venue_order_id(self):
        """The venue's id; 0 before it is known."""
        return self.c.venue_order_id

    @property
    def instrument_id(self):
        """Instrument."""
        return self.c.instrument_id

    @property
    def strategy_id(self):
        """Strategy that owns it."""
        return self.c.strategy_id

    @property
    def venue_id(self):
        """Venue that reported last; 0 before."""
        return self.c.venue_id

    @property
    def px(self):
        """Limit price."""
        return self.c.px

    @property
    def stop_px(self):
        """Stop price; 0 for none."""
        return self.c.stop_px

    @property
    def qty(self):
        """Whole quantity, executed part included."""
        return self.c.qty

    @property
    def leaves_qty(self):
        """What may still be executed; 0 once it has ended."""
        return self.c.leaves_qty

    @property
    def cum_qty(self):
        """Executed so far."""
        return self.c.cum_qty

    @property
    def tag(self):
        """The strategy's own mark."""
        return self.c.tag

    @property
    def ts_update_ns(self):
        """Time of the last transition."""
        return self.c.ts_update_ns

    @property
    def side(self):
        """Side."""
        return Side(self.c.side)

    @property
    def order_type(self):
        """Type."""
        return OrderType(self.c.order_type)

    @property
    def tif(self):
        """Time in force."""
        return TimeInForce(self.c.tif)

    @property
    def state(self):
        """State."""
        return OrderState(self.c.state)

    @property
    def reason(self):
        """Why it was refused or taken off."""
        return RejectReason(self.c.reason)

    @property
    def exposure_qty(self):
        """Quantity reserved for it in positions."""
        return tt_order_exposure(&self.c)

    @property
    def is_done(self):
        """Has it ended?"""
        return bool(tt_order_is_done(self.c.state))

    @property
    def is_open(self):
        """May the venue hold it?"""
        return bool(tt_order_is_open(self.c.state))

    @property
    def overfilled(self):
        """Executed beyond its quantity."""
        return bool(self.c.marks & TT_ORDER_MARK_OVERFILL)

    @property
    def late_filled(self):
        """Executed after it had ended."""
        return bool(self.c.marks & TT_ORDER_MARK_LATE_FILL)

    @property
    def conflict(self):
        """Reports contradict each other."""
        return bool(self.c.marks & TT_ORDER_MARK_CONFLICT)

    @property
    def pending(self):
        """(px, qty) of a replace that waits for the venue, None without one."""
        if not self.c.marks & TT_ORDER_MARK_REPLACE_PENDING:
            return None
        return (self.c.pending_px, self.c.pending_qty)

    @property
    def value(self):
        """Exact sum of px * qty of the executions."""
        return (<object> self.c.value_hi << 64) + self.c.value_lo

    @property
    def avg_px(self):
        """Exact average execution price as a Fraction of a mantissa; None before the first."""
        return Fraction(self.value, self.c.cum_qty) if self.c.cum_qty else None

    def __repr__(self):
        return (
            f"Order({self.c.order_id}, {self.side.name}, px={self.c.px}, qty={self.c.qty}, "
            f"cum_qty={self.c.cum_qty}, state={self.state.name})"
        )


@final
cdef class OrderEvent:
    """One transition of one order, or an attempt at one (`valid` False: the order is as it was).

    bytes(event) is the order_event record.
    """

    def __init__(self):
        raise TypeError("an OrderEvent comes from OrderTable")

    @property
    def order_id(self):
        """Order; 0 when the report names none."""
        return self.c.order_id

    @property
    def instrument_id(self):
        """Instrument."""
        return self.c.instrument_id

    @property
    def strategy_id(self):
        """Strategy that owns the order."""
        return self.c.strategy_id

    @property
    def ts_event_ns(self):
        """Engine time of the event."""
        return self.c.ts_event_ns

    @property
    def cause_seq(self):
        """Number of the record that caused it."""
        return self.c.cause_seq

    @property
    def px(self):
        """Price of the order after the event."""
        return self.c.px

    @property
    def qty(self):
        """Quantity of the order after the event."""
        return self.c.qty

    @property
    def leaves_qty(self):
        """What may still be executed."""
        return self.c.leaves_qty

    @property
    def cum_qty(self):
        """Executed so far."""
        return self.c.cum_qty

    @property
    def last_px(self):
        """Price of this execution; 0 for other events."""
        return self.c.last_px

    @property
    def last_qty(self):
        """Quantity of this execution; 0 for other events."""
        return self.c.last_qty

    @property
    def valid(self):
        """Did it take place?"""
        return bool(self.c.valid)

    @property
    def from_state(self):
        """State before."""
        return OrderState(self.c.from_state)

    @property
    def to_state(self):
        """State after."""
        return OrderState(self.c.to_state)

    @property
    def reason(self):
        """Why it was refused or taken off."""
        return RejectReason(self.c.reason)

    @property
    def side(self):
        """Side of the order."""
        return Side(self.c.side)

    @property
    def event(self):
        """What happened."""
        return OrderEventKind(self.c.event)

    def __bytes__(self):
        return (<const unsigned char *> &self.c)[: sizeof(tt_order_event)]

    def __repr__(self):
        return (
            f"OrderEvent({self.c.order_id}, {self.event.name}, {self.from_state.name} -> "
            f"{self.to_state.name}, valid={bool(self.c.valid)}, cum_qty={self.c.cum_qty})"
        )
