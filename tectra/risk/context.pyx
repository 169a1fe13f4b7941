"""What the chain is asked about: an order, and the state of the desk around it."""
# Owns copies of C records; the rows of positions stay their portfolio's. The chain's thread.
# Wraps ext/tectra/limits.h.
from cython cimport final
from libc.stdint cimport int64_t
from libc.string cimport memset

from tectra.core.base cimport TT_NO_PX
from tectra.core.msg cimport TT_T_ORDER_INTENT, tt_order_intent, tt_rec_init
from tectra.risk.table cimport TT_ORDER_MARK_REPLACE_PENDING

from tectra.core.msg import IntentAction, OrderType, TimeInForce

__all__ = ["OrderIntent", "RiskContext"]


@final
cdef class OrderIntent:
    """An order as a strategy asks for it; bytes() of it is the order_intent record.

    px, stop_px and qty are mantissas. A market order has px None. Set stop_px, tif (DAY), tag and
    cause_seq where they are wanted.
    """

    def __cinit__(
        self, *, order_id, instrument_id, strategy_id, side, qty, px=None,
        order_type=OrderType.LIMIT, action=IntentAction.SUBMIT
    ):
        tt_rec_init(&self.c, TT_T_ORDER_INTENT)
        self.c.order_id = order_id
        self.c.instrument_id = instrument_id
        self.c.strategy_id = strategy_id
        self.c.side = side
        self.c.qty = qty
        self.c.px = TT_NO_PX if px is None else <int64_t> px
        self.c.order_type = order_type
        self.c.tif = TimeInForce.DAY
        self.c.action = action

    @property
    def order_id(self):
        """Our id."""
        return self.c.order_id

    @order_id.setter
    def order_id(self, value):
        self.c.order_id = value

    @property
    def px(self):
        """Limit price; None for a market order."""
        return None if self.c.px == TT_NO_PX else self.c.px

    @px.setter
    def px(self, value):
        self.c.px = TT_NO_PX if value is None else <int64_t> value

    @property
    def qty(self):
        """Quantity; of a MODIFY the new whole quantity."""
        return self.c.qty

    @qty.setter
    def qty(self, value):
        self.c.qty = value

    @property
    def stop_px(self):
        """Stop price; 0 for none."""
        return self.c.stop_px

    @stop_px.setter
    def stop_px(self, value):
        self.c.stop_px = value

    @property
    def tif(self):
        """Time in force, as TimeInForce numbers it."""
        return self.c.tif

    @tif.setter
    def tif(self, value):
        self.c.tif = value

    @property
    def tag(self):
        """The strategy's own mark."""
        return self.c.tag

    @tag.setter
    def tag(self, value):
        self.c.tag = value

    @property
    def cause_seq(self):
        """Number of the record that caused the order."""
        return self.c.cause_seq

    @cause_seq.setter
    def cause_seq(self, value):
        self.c.cause_seq = value

    def __bytes__(self):
        return (<const unsigned char *> &self.c)[: sizeof(tt_order_intent)]


@final
cdef class RiskContext:
    """What the chain knows beside the order: positions, open orders, P&L, the market, time.

    `position` is the strategy's row, `account` that of all strategies. `mid_px2` is twice the mid,
    0 without one. A MODIFY wants set_order(). The rows are read at the check, so one context serves
    many orders; the other fields are set between them.
    """

    def __cinit__(
        self, position, account, *, mid_px2=0, bid_px=0, ask_px=0, now_ns=0, recent_pnl=0,
        open_orders=0
    ):
        memset(&self.c, 0, sizeof(self.c))
        self.position = position
        self.account = account
        self.c.position = self.position.c
        self.c.account = self.account.c
        self.c.mid_px2 = mid_px2
        self.c.bid_px = bid_px
        self.c.ask_px = ask_px
        self.c.now_ns = now_ns
        self.c.recent_pnl = recent_pnl
        self.c.open_orders = open_orders

    def set_order(self, order):
        """The order that the next MODIFY changes (as OrderTable.find gives it), or None."""
        self.c.order = NULL
        if order is None:
            return
        memset(&self.changed, 0, sizeof(self.changed))
        self.changed.order_id = order.order_id
        self.changed.instrument_id = order.instrument_id
        self.changed.strategy_id = order.strategy_id
        self.changed.side = order.side
        self.changed.state = order.state
        self.changed.qty = order.qty
        self.changed.leaves_qty = order.leaves_qty
        self.changed.cum_qty = order.cum_qty
        if order.pending is not None:
            self.changed.pending_qty = order.pending[1]
            self.changed.marks = TT_ORDER_MARK_REPLACE_PENDING
        self.c.order = &self.changed

    @property
    def mid_px2(self):
        """Twice the mid price; 0: none."""
        return self.c.mid_px2

    @mid_px2.setter
    def mid_px2(self, value):
        self.c.mid_px2 = value

    @property
    def bid_px(self):
        """Best bid; 0: none."""
        return self.c.bid_px

    @property
    def ask_px(self):
        """Best offer; 0: none."""
        return self.c.ask_px

    @property
    def now_ns(self):
        """Time of the check."""
        return self.c.now_ns

    @now_ns.setter
    def now_ns(self, value):
        self.c.now_ns = value

    @property
    def recent_pnl(self):
        """P&L of the strategy over its loss window, money mantissa."""
        return self.c.recent_pnl

    @property
    def open_orders(self):
        """Orders of the strategy that have not ended."""
        return self.c.open_orders
