"""The order table: every state x event pair, the methods, executions, eviction, look-up."""

from fractions import Fraction
from itertools import product
from time import perf_counter_ns

import numpy as np
import pytest
from order_model import OrderModel

from tectra.core.errors import CapacityError, DuplicateError, InputError, UnknownOrderError
from tectra.core.msg import (
    DTYPES,
    IntentAction,
    OrderEventKind,
    OrderState,
    RejectReason,
    Side,
    Template,
)
from tectra.oms import ALL_EVENTS, ALL_STATES, BY_CUM, Order, OrderEvent, OrderTable, transition
from tectra.risk import OrderIntent

K = OrderEventKind

# The table once more, by a second hand: state, next state by event; . anomaly, = BY_CUM.
TABLE = """
                SUBMIT SEND ACK PART FILL CSEND CACK CREJ RSEND RACK RREJ REJ EXP TIME
NEW                .   SENT  .  PART FILL   .    .    .     .    .    .   REJ  .  UNK
SENT               .    .   ACK PART FILL CSNT  CXL   .     .    .    .   REJ EXP UNK
ACKED              .    .   ACK PART FILL CSNT  CXL   .    ACK   =   ACK  REJ EXP UNK
PARTIAL_FILL       .    .   PART PART FILL CSNT CXL   .    PART  =   PART  .  EXP UNK
FILLED             .    .   FILL FILL FILL  .    .   FILL   .    =   FILL  .   .   .
CANCEL_SENT        .    .   CSNT CSNT FILL  .   CXL   =     .   CSNT CSNT REJ EXP UNK
CANCELLED          .    .   CXL CXL  FILL   .    .   CXL    .    .   CXL   .   .   .
REJECTED           .    .    .  UNK  FILL   .    .   REJ    .    .   REJ   .   .   .
EXPIRED            .    .   EXP EXP  FILL   .    .   EXP    .    .   EXP   .   .   .
UNKNOWN            .    .    =  PART FILL  UNK  CXL  UNK    .    =   UNK  REJ EXP UNK
"""
SHORT = {
    "SENT": "SENT",
    "ACK": "ACKED",
    "PART": "PARTIAL_FILL",
    "FILL": "FILLED",
    "CSNT": "CANCEL_SENT",
    "CXL": "CANCELLED",
    "REJ": "REJECTED",
    "EXP": "EXPIRED",
    "UNK": "UNKNOWN",
}
# How an order gets into a state; the replace of FROM_PENDING is under way on arrival.
PATHS = {
    "NEW": (),
    "SENT": (K.SEND,),
    "ACKED": (K.SEND, K.ACK),
    "PARTIAL_FILL": (K.SEND, K.ACK, K.PARTIAL_FILL),
    "FILLED": (K.SEND, K.ACK, K.FILL),
    "CANCEL_SENT": (K.SEND, K.ACK, K.CANCEL_SEND),
    "CANCELLED": (K.SEND, K.ACK, K.CANCEL_ACK),
    "REJECTED": (K.SEND, K.ACK, K.REJECT),
    "EXPIRED": (K.SEND, K.ACK, K.EXPIRE),
    "UNKNOWN": (K.SEND, K.ACK, K.TIMEOUT),
}


def intent(order_id: int, **changes: int) -> OrderIntent:
    fields = {"instrument_id": 5, "strategy_id": 1, "side": Side.BUY, "qty": 10, "px": 100}
    return OrderIntent(order_id=order_id, **(fields | changes))  # type: ignore[arg-type]


def quantity(event: OrderEventKind) -> int:
    return {K.PARTIAL_FILL: 4, K.FILL: 10, K.REPLACE_SEND: 12}.get(event, 0)


def bring(state: str, *, pending: bool = False) -> tuple[OrderTable, OrderModel]:
    table, model = OrderTable(8, 4), OrderModel(10, 100)
    table.submit(intent(1), 1)
    for event in PATHS[state]:
        table.event(1, event, px=100, qty=quantity(event))
        model.apply(event.name, 100, quantity(event))
        if pending and event == K.ACK:
            table.event(1, K.REPLACE_SEND, px=99, qty=12)
            model.apply("REPLACE_SEND", 99, 12)
    assert model.state == state
    return table, model


def cells() -> list[tuple[str, OrderEventKind, str]]:
    out = []
    for line in TABLE.strip().splitlines()[1:]:
        state, *row = line.split()
        out += [(state, event, cell) for event, cell in zip(ALL_EVENTS, row, strict=True)]
    return out


@pytest.mark.parametrize(("state", "event", "cell"), cells())
def test_transition_table(state: str, event: OrderEventKind, cell: str) -> None:
    found = transition(OrderState[state], event)
    expected = None if cell == "." else BY_CUM if cell == "=" else OrderState[SHORT[cell]]
    assert found == expected


# With a replace under way, too: that needs an acknowledged order.
STARTS = [(s, False) for s in PATHS] + [(s, True) for s in PATHS if s not in ("NEW", "SENT")]


@pytest.mark.parametrize(("state", "pending"), STARTS)
@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda e: e.name)
def test_every_pair(state: str, event: OrderEventKind, pending: bool) -> None:
    table, model = bring(state, pending=pending)
    before = table.find(1)
    assert before is not None
    invalid = table.counts["invalid"]
    took_place = model.apply(event.name, 101, quantity(event))
    said = table.event(1, event, px=101, qty=quantity(event), now_ns=77, cause_seq=5)
    after = table.find(1)
    assert after is not None
    assert said.valid == took_place
    assert table.counts["invalid"] - invalid == (not took_place)
    assert said.from_state.name == state and said.to_state.name == model.state
    assert (said.ts_event_ns, said.cause_seq, said.order_id) == (77, 5, 1)
    assert (after.state.name, after.qty, after.px) == (model.state, model.qty, model.px)
    assert (after.cum_qty, after.leaves_qty) == (model.cum, model.leaves)
    assert after.exposure_qty == model.exposure and after.pending == model.pending
    if not took_place:
        assert repr(after) == repr(before) and after.ts_update_ns == before.ts_update_ns
    table.verify()


def test_filled_then_cancelled_is_an_anomaly_and_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[OrderEvent] = []
    table = OrderTable(4, 2, on_anomaly=seen.append)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    table.on_fill(1, 100, 10, 2)
    event = table.on_cancel_ack(1, 3)
    assert not event.valid and event.to_state == OrderState.FILLED
    assert [e.event for e in seen] == [K.CANCEL_ACK]
    assert "order 1: CANCEL_ACK not booked in state FILLED" in caplog.text
    assert table.counts["invalid"] == 1


def test_methods_and_one_event_each() -> None:
    table = OrderTable(16, 4)
    events = [table.submit(intent(1), 10)]
    events.append(table.event(1, K.SEND, now_ns=11))
    events.append(table.on_ack(1, 12, venue_order_id=900))
    events.append(table.on_fill(1, 99, 4, 13, exec_id=1))
    events.append(table.event(1, K.CANCEL_SEND, now_ns=14))
    events.append(table.on_cancel_ack(1, 15))
    assert [e.event for e in events] == [
        K.SUBMIT,
        K.SEND,
        K.ACK,
        K.PARTIAL_FILL,
        K.CANCEL_SEND,
        K.CANCEL_ACK,
    ]
    assert [e.ts_event_ns for e in events] == list(range(10, 16))
    assert all(e.valid for e in events)
    assert table.counts["transitions"] == 6
    assert (events[3].last_px, events[3].last_qty, events[3].leaves_qty) == (99, 4, 6)
    order = table.find(1)
    assert order is not None and order.venue_order_id == 900
    record = np.frombuffer(bytes(events[3]), DTYPES[Template.ORDER_EVENT])[0]
    assert (record["template_id"], record["cum_qty"]) == (Template.ORDER_EVENT, 4)
    table.submit(intent(2), 20)
    table.event(2, K.SEND)
    event = table.on_reject(2, 21, reason=RejectReason.HALTED)
    assert (event.to_state, event.reason) == (OrderState.REJECTED, RejectReason.HALTED)
    found = table.find(2)
    assert found is not None and found.reason == RejectReason.HALTED


def test_fill_before_ack_and_after_cancel_are_booked() -> None:
    table = OrderTable(4, 2)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    assert table.on_fill(1, 100, 3, 2).to_state == OrderState.PARTIAL_FILL
    assert table.on_ack(1, 3).to_state == OrderState.PARTIAL_FILL
    assert table.on_cancel_ack(1, 4).leaves_qty == 0
    late = table.on_fill(1, 102, 2, 5)
    assert late.valid and late.to_state == OrderState.CANCELLED and late.cum_qty == 5
    order = table.find(1)
    assert order is not None and order.late_filled and order.avg_px == Fraction(504, 5)
    assert table.on_fill(1, 100, 5, 6).to_state == OrderState.FILLED


def test_fill_after_reject_makes_it_unknown_with_its_rest_reserved() -> None:
    table = OrderTable(4, 2)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    table.on_reject(1, 2)
    assert table.open_orders(1) == []
    assert table.on_fill(1, 100, 3, 3).to_state == OrderState.UNKNOWN
    (order,) = table.open_orders(1)
    assert order.exposure_qty == 7
    table.verify()


def test_overfill_is_booked_and_flagged() -> None:
    table = OrderTable(4, 2)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    event = table.on_fill(1, 100, 15, 2)
    order = table.find(1)
    assert event.valid and event.to_state == OrderState.FILLED and order is not None
    assert (order.cum_qty, order.leaves_qty, order.overfilled) == (15, 0, True)
    assert table.counts["overfills"] == 1


def test_duplicate_execution_is_booked_once_and_a_contradiction_is_marked() -> None:
    table = OrderTable(4, 2)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    assert table.on_fill(1, 100, 3, 2, exec_id=7).valid
    assert not table.on_fill(1, 100, 3, 3, exec_id=7).valid
    order = table.find(1)
    assert order is not None and order.cum_qty == 3 and not order.conflict
    assert not table.on_fill(1, 101, 3, 4, exec_id=7).valid
    order = table.find(1)
    assert order is not None and order.cum_qty == 3 and order.conflict
    assert table.on_fill(1, 100, 3, 5, exec_id=8).valid
    assert (table.counts["duplicates"], table.counts["conflicts"]) == (2, 1)


def test_execution_ids_are_forgotten_first_in_first_out() -> None:
    table = OrderTable(4, 2, executions=100)
    table.submit(intent(1, qty=10**9), 1)
    table.event(1, K.SEND)
    for exec_id in range(1, 1_001):
        assert table.on_fill(1, 100, 1, 2, exec_id=exec_id * 4096).valid
        oldest = max(exec_id - 99, 1)
        assert not table.on_fill(1, 100, 1, 2, exec_id=oldest * 4096).valid
    assert table.counts["duplicates"] == 1_000


def test_fill_of_another_instrument_or_side_is_refused() -> None:
    table = OrderTable(4, 2)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    rec = np.zeros(1, DTYPES[Template.ORDER_FILL])
    rec["template_id"], rec["block_length"] = Template.ORDER_FILL, 120
    rec["order_id"], rec["px"], rec["qty"] = 1, 100, 1
    for instrument_id, side in ((6, Side.BUY), (5, Side.SELL)):
        rec["instrument_id"], rec["side"] = instrument_id, side
        assert not table.on_report(rec[0]).valid
    order = table.find(1)
    assert order is not None and order.cum_qty == 0 and order.conflict


def test_replace_reserves_the_larger_until_the_venue_answers() -> None:
    table = OrderTable(4, 2)
    table.submit(intent(1), 1)
    table.event(1, K.SEND)
    table.on_ack(1, 2)
    table.event(1, K.REPLACE_SEND, px=98, qty=25)
    order = table.find(1)
    assert order is not None
    assert (order.px, order.qty, order.pending, order.exposure_qty) == (100, 10, (98, 25), 25)
    assert not table.event(1, K.REPLACE_SEND, px=97, qty=30).valid
    table.on_reject(1, 3, action=IntentAction.MODIFY)
    order = table.find(1)
    assert order is not None and order.pending is None and order.exposure_qty == 10
    table.event(1, K.REPLACE_SEND, px=98, qty=25)
    table.event(1, K.REPLACE_ACK)
    order = table.find(1)
    assert order is not None and (order.px, order.qty, order.leaves_qty) == (98, 25, 25)


def test_cancel_reject_returns_to_what_is_known() -> None:
    for fills, expected in ((0, OrderState.ACKED), (3, OrderState.PARTIAL_FILL)):
        table, _ = bring("CANCEL_SENT")
        if fills:
            table.on_fill(1, 100, fills, 5)
        event = table.on_reject(1, 6, action=IntentAction.CANCEL, reason=RejectReason.TOO_LATE)
        assert event.to_state == expected and event.reason == RejectReason.TOO_LATE


@pytest.mark.parametrize(
    ("event", "qty", "state"),
    [
        (K.ACK, 0, "ACKED"),
        (K.PARTIAL_FILL, 4, "PARTIAL_FILL"),
        (K.FILL, 10, "FILLED"),
        (K.CANCEL_ACK, 0, "CANCELLED"),
        (K.REJECT, 0, "REJECTED"),
        (K.EXPIRE, 0, "EXPIRED"),
        (K.CANCEL_REJECT, 0, "UNKNOWN"),
    ],
)
def test_unknown_holds_its_exposure_until_the_venue_answers(
    event: OrderEventKind, qty: int, state: str
) -> None:
    table, _ = bring("UNKNOWN")
    order = table.find(1)
    assert order is not None and order.exposure_qty == 10
    assert table.event(1, event, px=100, qty=qty).to_state.name == state


def test_reports_of_unknown_orders_and_other_records() -> None:
    seen: list[OrderEvent] = []
    table = OrderTable(4, 2, on_anomaly=seen.append)
    rec = np.zeros(1, DTYPES[Template.ORDER_FILL])
    rec["template_id"], rec["block_length"], rec["order_id"] = Template.ORDER_FILL, 120, 99
    event = table.on_report(rec[0])
    assert not event.valid and event.order_id == 99 and event.from_state == OrderState.NONE
    assert len(seen) == 1
    rec["template_id"] = Template.QUOTE
    with pytest.raises(InputError, match="not a report"):
        table.on_report(rec[0])
    with pytest.raises(InputError, match="64 bytes"):
        table.on_report(b"\0" * 64)
    with pytest.raises(UnknownOrderError, match="order_id 3"):
        table.on_ack(3, 1)
    assert table.find(3) is None and 3 not in table


def test_submit_refuses_what_is_no_new_order() -> None:
    table = OrderTable(2, 2)
    table.submit(intent(5), 1)
    with pytest.raises(DuplicateError):
        table.submit(intent(5), 1)
    with pytest.raises(DuplicateError):
        table.submit(intent(4), 1)
    for wrong in ({"qty": 0}, {"strategy_id": 2}):
        with pytest.raises(InputError):
            table.submit(intent(6, **wrong), 1)
    with pytest.raises(InputError, match="action SUBMIT"):
        table.submit(intent(6, action=IntentAction.CANCEL), 1)
    table.submit(intent(6), 1)
    with pytest.raises(CapacityError):
        table.submit(intent(7), 1)
    assert len(table) == 2 and table.capacity == 2


def test_the_order_that_ended_first_gives_its_place() -> None:
    table = OrderTable(3, 2)
    for order_id in (1, 2, 3):
        table.submit(intent(order_id), 1)
        table.event(order_id, K.SEND)
    table.on_reject(2, 2)
    table.on_reject(1, 3)
    table.submit(intent(4), 4)
    assert [i for i in (1, 2, 3, 4) if i in table] == [1, 3, 4]
    assert table.on_fill(1, 100, 1, 5).valid
    table.verify()


def test_resting_orders_do_not_hold_others_back() -> None:
    """Long-lived orders scattered over the table, many short ones after: none is refused."""
    table = OrderTable(64, 2)
    for order_id in range(1, 5_001):
        table.submit(intent(order_id), 1)
        table.event(order_id, K.SEND)
        if order_id % 100 or order_id > 3_000:
            table.on_reject(order_id, 2)
    assert [o.order_id for o in table.open_orders(1)] == list(range(100, 3_001, 100))
    table.verify()


def test_look_up_does_not_depend_on_the_number_of_orders() -> None:
    def ns(orders: int) -> float:
        table = OrderTable(orders, 2)
        for order_id in range(1, orders + 1):
            table.submit(intent(order_id), 1)
        wanted = [1 + i * 7919 % orders for i in range(2_000)]
        best = float("inf")
        for _ in range(5):
            start = perf_counter_ns()
            for order_id in wanted:
                order_id in table  # noqa: B015
            best = min(best, perf_counter_ns() - start)
        return best

    assert ns(32_768) < 5 * ns(256)


def test_snapshots_are_made_by_the_table_only() -> None:
    for kind in (Order, OrderEvent):
        with pytest.raises(TypeError, match="comes from"):
            kind()
    with pytest.raises(InputError, match="OrderState"):
        transition(11, K.ACK)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="capacity 0"):
        OrderTable(0)
    with pytest.raises(InputError, match="strategy_id"):
        OrderTable(2, 2).open_count(2)
    assert len(list(product(ALL_STATES, ALL_EVENTS))) == 140
