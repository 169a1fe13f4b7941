"""The order table against a plain state machine: any events in any order, a small table."""

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from order_model import DONE, OrderModel

from tectra.core.msg import OrderEventKind, Side
from tectra.oms import OrderTable
from tectra.risk import OrderIntent

EVENTS = [e for e in OrderEventKind if e != OrderEventKind.SUBMIT]
PX = st.integers(1, 10_000)
QTY = st.integers(-1, 12)


class OrderMachine(RuleBasedStateMachine):
    @initialize(capacity=st.integers(2, 12))
    def start(self, capacity: int) -> None:
        self.events = 0
        self.anomalies = 0
        self.table = OrderTable(
            capacity, strategies=4, executions=8, on_anomaly=lambda event: self._count()
        )
        self.models: dict[int, OrderModel] = {}
        self.owner: dict[int, int] = {}
        self.ended: list[int] = []
        self.next_id = 1

    def _count(self) -> None:
        self.anomalies += 1

    @rule(px=PX, qty=st.integers(1, 10), owner=st.integers(1, 3), gap=st.integers(0, 40))
    def submit(self, px: int, qty: int, owner: int, gap: int) -> None:
        live = [i for i, m in self.models.items() if m.state not in DONE]
        if len(live) == self.table.capacity:
            return
        if len(self.models) == self.table.capacity:
            del self.models[self.ended.pop(0)]
        order_id = self.next_id + gap
        self.next_id = order_id + 1
        intent = OrderIntent(
            order_id=order_id, instrument_id=5, strategy_id=owner, side=Side.BUY, qty=qty, px=px
        )
        event = self.table.submit(intent, order_id)
        assert event.valid and event.to_state.name == "NEW" and event.leaves_qty == qty
        self.models[order_id] = OrderModel(qty, px)
        self.owner[order_id] = owner

    @rule(data=st.data(), kind=st.sampled_from(EVENTS), px=PX, qty=QTY)
    def happen(self, data: st.DataObject, kind: OrderEventKind, px: int, qty: int) -> None:
        if not self.models:
            return
        order_id = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[order_id]
        before = model.state
        said = self.anomalies
        took_place = model.apply(kind.name, px, qty)
        event = self.table.event(order_id, kind, px=px, qty=qty, now_ns=7, cause_seq=9)
        assert event.valid == took_place
        assert self.anomalies - said == (not took_place)
        assert (event.from_state.name, event.to_state.name) == (before, model.state)
        assert (event.ts_event_ns, event.cause_seq) == (7, 9)
        assert (event.leaves_qty, event.cum_qty) == (model.leaves, model.cum)
        if (before in DONE) != (model.state in DONE):
            if model.state in DONE:
                self.ended.append(order_id)
            else:
                self.ended.remove(order_id)

    @invariant()
    def same(self) -> None:
        self.table.verify()
        for order_id, model in self.models.items():
            order = self.table.find(order_id)
            assert order is not None
            assert order.state.name == model.state
            assert (order.px, order.qty) == (model.px, model.qty)
            assert (order.cum_qty, order.leaves_qty) == (model.cum, model.leaves)
            assert order.exposure_qty == model.exposure
            assert order.pending == model.pending
            assert (order.overfilled, order.late_filled) == (model.overfilled, model.late)
            value = sum(px * qty for px, qty in model.executions)
            assert order.avg_px == (Fraction(value, model.cum) if model.cum else None)
        for owner in range(1, 4):
            live = {
                i for i, m in self.models.items() if m.state not in DONE and self.owner[i] == owner
            }
            listed = [o.order_id for o in self.table.open_orders(owner)]
            assert set(listed) == live and len(listed) == len(live)
            assert self.table.open_count(owner) == len(live)


OrderMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestOrderMachine = OrderMachine.TestCase
