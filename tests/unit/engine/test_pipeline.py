"""The pipeline's step: what each input template does, whom it wakes, and what it counts."""

from typing import Any

import pytest
from engine_scene import OPEN_LIMITS, Engine, Quiet
from sim_scene import record

from tectra.core.errors import InputError, ParameterError, StrategyCallbackError
from tectra.core.msg import (
    DIRECTION,
    Callback,
    KillAction,
    RiskRule,
    SessionKind,
    Side,
    StrategyPhase,
    Template,
)
from tectra.strategy import param
from tectra.strategy.sample.maker import Maker
from tectra.strategy.sample.passthrough import Passthrough

INPUTS = sorted(t for t, direction in DIRECTION.items() if direction == "input")


class Hears(Quiet):
    """Writes down every callback."""

    size: int = param(1, ge=1, le=9)
    name: str = param("a", choices=("a", "b"))
    edge: float = param(0.5, gt=0)
    live: bool = param(False)

    def on_start(self, ctx):
        self.heard: list[tuple] = [("start",)]
        self.ctx = ctx

    def on_book_update(self, ctx, book):
        self.heard.append(("book", book.symbol))

    def on_trade(self, ctx, trade):
        self.heard.append(("trade", trade.qty))

    def on_fill(self, ctx, fill):
        self.heard.append(("fill", fill.qty, ctx.get_position("AAPL").net_qty))

    def on_timer(self, ctx, timestamp):
        self.heard.append(("timer", timestamp))

    def on_params_update(self, params):
        self.heard.append(("params", dict(params)))

    def on_stop(self, ctx):
        self.heard.append(("stop",))


@pytest.fixture
def scene() -> tuple[Engine, Hears]:
    hears = Hears()
    return Engine(hears, symbols=("AAPL", "MSFT")), hears


@pytest.mark.parametrize("template", INPUTS, ids=lambda t: t.name)
def test_every_input_template_can_be_stepped_empty(scene, template: Template):
    """A record of zeros of every kind: it is numbered, journaled, counted, and breaks nothing."""
    engine, _ = scene
    before = engine.pipeline.summary
    try:
        engine.step(template)
    except InputError:
        assert template in (Template.CONTROL_KILL, Template.CONTROL_LIMIT, Template.CONTROL_PARAM)
    if template is Template.CONTROL_PARAM:
        assert engine.pipeline.summary == before
    else:
        assert engine.pipeline.summary.inputs == before.inputs + 1
        assert engine.said()[0]["template_id"] == template
    engine.quotes()


@pytest.mark.parametrize("template", [t for t in Template if t not in INPUTS], ids=lambda t: t.name)
def test_outputs_and_notes_cannot_be_stepped(scene, template: Template):
    """RK-04: nobody hands the engine a verdict or an order to send."""
    engine, _ = scene
    seq = engine.pipeline.ring_seq
    with pytest.raises(InputError, match="is not an input"):
        engine.step(template)
    assert engine.pipeline.ring_seq == seq and not engine.said()


@pytest.mark.parametrize("size", [0, 1, 63, 65, 127, 192])
def test_a_record_has_64_or_128_bytes(scene, size: int):
    with pytest.raises(InputError, match=f"found {size} bytes"):
        scene[0].pipeline.step_record(b"\0" * size)


def test_a_record_of_the_wrong_size_or_template_is_refused(scene):
    engine, _ = scene
    whole = record(Template.BOOK_ADD_ATTRIBUTED).tobytes()
    with pytest.raises(InputError, match="header says 128 bytes, found 64"):
        engine.pipeline.step_record(whole[:64])
    with pytest.raises(InputError, match="template 60000"):
        engine.pipeline.step_record(b"\0\0" + (60000).to_bytes(2, "little") + whole[4:64])


def test_who_hears_what(scene):
    engine, hears = scene
    hears.heard.clear()
    engine.quotes()
    engine.market(Template.BOOK_EXECUTE, order_ref=2, qty=3)
    engine.market(Template.BOOK_CANCEL, order_ref=2, qty=1)
    engine.market(Template.BOOK_REPLACE, order_ref=2, new_order_ref=3, px=1_000_200, qty=5)
    engine.market(Template.BOOK_DELETE, order_ref=3)
    engine.market(Template.TRADE, px=1_000_050, qty=8)
    engine.add(9, Side.BUY, 1, 1, instrument_id=2)
    engine.add(10, Side.BUY, 1, 1, instrument_id=77)
    for quiet in (Template.STATUS, Template.INSTRUMENT, Template.AUCTION, Template.VENUE_MESSAGE):
        engine.market(quiet)
    assert hears.heard == [
        ("book", "AAPL"),
        ("book", "AAPL"),
        ("trade", 3),
        ("book", "AAPL"),
        ("book", "AAPL"),
        ("book", "AAPL"),
        ("book", "AAPL"),
        ("trade", 8),
        ("book", "MSFT"),
    ]
    assert engine.pipeline.summary.book_errors == 0


def test_subscriptions():
    first, second = Hears(), Hears()
    engine = Engine(first, second, symbols=("AAPL", "MSFT"), heard=(["MSFT"], None))
    engine.quotes()
    engine.market(Template.TRADE, px=1, qty=1, instrument_id=2)
    assert first.heard[1:] == [("trade", 1)]
    assert second.heard[1:] == [("book", "AAPL"), ("book", "AAPL"), ("trade", 1)]
    assert [i.symbol for i in first.ctx.instruments] == ["MSFT"]


def test_an_instrument_that_is_not_in_the_run_cannot_be_heard():
    engine = Engine(symbols=("AAPL",))
    other = Engine(symbols=("X", "Y")).instruments[1]
    with pytest.raises(InputError, match="allowed in this run: AAPL"):
        engine.pipeline.add_strategy(Hears(), [other])
    with pytest.raises(InputError, match="found"):
        engine.pipeline.mid_px2(other)


def test_there_is_room_for_so_many_strategies():
    engine = Engine(Quiet(), Quiet())
    with pytest.raises(InputError, match="strategies: room for 2"):
        engine.pipeline.add_strategy(Quiet())


def test_the_clock_is_an_input_and_does_not_run_backwards(scene):
    engine, _ = scene
    engine.add(1, Side.BUY, 1, 1, ts_recv_ns=5_000)
    assert engine.pipeline.now_ns == 5_000
    engine.add(2, Side.BUY, 1, 1, ts_recv_ns=4_000)
    assert engine.pipeline.now_ns == 5_000


def test_session_records(scene):
    engine, hears = scene
    assert hears.heard == [("start",)]
    engine.end()
    assert hears.heard[-1] == ("stop",)


def test_a_timer_re_arms_and_belongs_to_one_strategy():
    first, second = Hears(), Hears()
    engine = Engine(first, second)
    timer_id = first.ctx.set_timer(interval_ns=100)
    fields = {"timer_id": timer_id, "due_ns": 1_100, "interval_ns": 100, "strategy_id": 1}
    engine.step(Template.TIMER, **fields)
    assert first.heard[-1] == ("timer", 1_100) and second.heard == [("start",)]
    assert first.ctx.cancel_timer(timer_id) is True
    for strategy_id in (0, 3, 64, 65, 65_535):
        engine.step(Template.TIMER, **{**fields, "strategy_id": strategy_id})
    assert second.heard == [("start",)]


def test_a_driver_in_python_asks_for_the_timers():
    hears = Hears()
    engine = Engine(hears)
    assert engine.pipeline.due_timer(1 << 62) is None
    hears.ctx.set_timer(due_ns=5_000)
    hears.ctx.set_timer(due_ns=4_000)
    assert engine.pipeline.due_timer(3_999) is None
    for due in (4_000, 5_000):
        timer = engine.pipeline.due_timer(6_000)
        assert timer == engine.pipeline.due_timer(6_000)  # until it is stepped
        engine.pipeline.step_record(timer)
        assert hears.heard[-1] == ("timer", due)
    assert engine.pipeline.due_timer(6_000) is None


def test_a_timer_near_the_end_of_time_is_dropped():
    hears = Hears()
    engine = Engine(hears)
    last = 2**63 - 1
    timer_id = hears.ctx.set_timer(due_ns=last, interval_ns=last)
    engine.step(Template.TIMER, timer_id=timer_id, due_ns=last, strategy_id=1, ts_recv_ns=1_100)
    assert hears.ctx.cancel_timer(timer_id) is False


def parameter(name: str, value: Any, strategy_id: int = 1) -> dict[str, Any]:
    kind = {bool: b"b", int: b"i", float: b"f", str: b"s"}[type(value)]
    fields: dict[str, Any] = {"name": name, "value_type": kind, "strategy_id": strategy_id}
    if kind == b"s":
        return {**fields, "value_text": value}
    return {**fields, "value_f" if kind == b"f" else "value_i": value}


@pytest.mark.parametrize(
    ("name", "value"), [("size", 9), ("name", "b"), ("edge", 0.25), ("live", True)]
)
def test_a_parameter_record(scene, name: str, value: Any):
    engine, hears = scene
    engine.step(Template.CONTROL_PARAM, **parameter(name, value))
    assert getattr(hears, name) == value and type(getattr(hears, name)) is type(value)
    assert hears.heard[-1] == ("params", {name: value}) and hears.ctx.params[name] == value


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (parameter("size", 10), ParameterError),
        (parameter("size", 1.0), ParameterError),
        (parameter("edge", float("nan")), ParameterError),
        (parameter("name", "c"), ParameterError),
        (parameter("other", 1), InputError),
        (parameter("size", 2, strategy_id=0), InputError),
        (parameter("size", 2, strategy_id=2), InputError),
        ({**parameter("size", 2), "value_type": b"x"}, InputError),
        ({**parameter("size", 2), "name": b"\xff\xfe"}, InputError),
    ],
)
def test_a_parameter_that_is_not_allowed_never_gets_in(scene, fields: dict, error: type):
    engine, hears = scene
    seq = engine.pipeline.ring_seq
    with pytest.raises(error, match="allowed"):
        engine.step(Template.CONTROL_PARAM, **fields)
    assert engine.pipeline.ring_seq == seq and hears.heard == [("start",)]
    assert (hears.size, hears.name, hears.edge) == (1, "a", 0.5)


def test_a_compiled_strategy_gets_its_parameters_too():
    maker = Maker(size=5, rest_ms=0)
    engine = Engine(maker)
    engine.step(Template.CONTROL_PARAM, **parameter("size", 7))
    assert maker.params["size"] == 7
    engine.quotes()
    assert {int(r["qty"]) for r in engine.sent()} == {7}


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        (Template.CONTROL_LIMIT, {"rule": 99, "new_value": 1}),
        (Template.CONTROL_LIMIT, {"rule": RiskRule.MAX_QTY, "instrument_id": 77}),
        (Template.CONTROL_LIMIT, {"rule": RiskRule.MAX_QTY, "strategy_id": 77}),
        (Template.CONTROL_KILL, {"action": 0}),
        (Template.CONTROL_KILL, {"action": KillAction.KILL, "instrument_id": 77}),
        (Template.CONTROL_KILL, {"action": KillAction.KILL, "strategy_id": 77}),
    ],
)
def test_a_control_record_that_cannot_be_obeyed_is_said_and_counted(scene, template, fields):
    engine, _ = scene
    with pytest.raises(InputError, match="names no rule, strategy or instrument"):
        engine.step(template, **fields)
    summary = engine.pipeline.summary
    assert summary.refused_controls == 1 and summary.first_error_seq == engine.pipeline.ring_seq
    engine.step(Template.CONTROL_LIMIT, rule=RiskRule.MAX_QTY, new_value=5)
    assert engine.pipeline.summary.refused_controls == 1


@pytest.mark.parametrize(
    "raises",
    [
        ValueError("bad"),
        SystemExit(0),
        GeneratorExit(),
        KeyError("schlüssel-" + "ü" * 80),
        AssertionError(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_a_callback_raises_is_journaled_and_named(raises: BaseException):
    class Raises(Quiet):
        def on_trade(self, ctx, trade):
            ctx.submit_order("AAPL", Side.BUY, qty=1, px=1)
            raise raises

    engine = Engine(Raises())
    with pytest.raises(StrategyCallbackError, match=r"Raises.on_trade raised at record") as caught:
        engine.market(Template.TRADE, px=1, qty=1)
    assert caught.value.__cause__ is raises
    trade, fault = engine.said()
    assert caught.value.ring_seq == trade["ring_seq"] == fault["cause_seq"]
    assert (fault["phase"], fault["callback"]) == (StrategyPhase.FAULTED, Callback.ON_TRADE)
    assert bytes(fault["text"]).decode().startswith(type(raises).__name__)
    assert not engine.sent()


def test_an_exception_whose_text_raises():
    class Worse(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    class Raises(Quiet):
        def on_trade(self, ctx, trade):
            raise Worse

    engine = Engine(Raises())
    with pytest.raises(StrategyCallbackError, match=r"Worse .its text cannot be had"):
        engine.market(Template.TRADE, px=1, qty=1)


def test_an_interrupt_is_no_fault_of_the_strategy():
    class Raises(Quiet):
        def on_trade(self, ctx, trade):
            raise KeyboardInterrupt

    engine = Engine(Raises())
    with pytest.raises(KeyboardInterrupt):
        engine.market(Template.TRADE, px=1, qty=1)
    assert len(engine.said()) == 1


def test_the_summary_counts(scene):
    engine, _ = scene
    engine.quotes()
    engine.market(Template.BOOK_DELETE, order_ref=99)
    engine.fill(99, 1, 1)
    summary = engine.pipeline.summary
    assert (summary.book_errors, summary.unknown_orders) == (1, 1)
    assert summary.first_error_seq == engine.pipeline.ring_seq - 1
    assert summary.inputs == engine.pipeline.ring_seq - summary.outputs
    assert len(summary.input_digest) == len(summary.output_digest) == 32


def test_equal_inputs_make_equal_digests():
    def run(order_ref: int) -> Any:
        engine = Engine(Passthrough(every=2))
        engine.quotes()
        engine.add(order_ref, Side.BUY, 1_000_000, 5)
        engine.add(order_ref + 1, Side.BUY, 1_000_000, 5)
        return engine.pipeline.summary

    assert run(5) == run(5)
    assert run(5).input_digest != run(50).input_digest
    assert run(5).output_digest == run(50).output_digest


def test_a_compiled_and_a_python_strategy_side_by_side():
    hears, counts = Hears(), Passthrough(every=1)
    engine = Engine(hears, counts, limits=OPEN_LIMITS)
    engine.quotes()
    assert counts.seen == 1 and counts.sent == 1
    assert [int(r["strategy_id"]) for r in engine.sent()] == [2]


def test_the_book_grows():
    engine = Engine(capture_mask=0, start=False)
    for i in range(1, 30_000):
        engine.add(i, Side.BUY, 1_000_000 + i % 500, 1)
    assert engine.pipeline.summary.book_errors == 0
    assert engine.pipeline.captured() == b""


def test_end_of_session_marks_every_position():
    hears = Hears()
    engine = Engine(hears, symbols=[f"S{i}" for i in range(40)])
    engine.step(Template.SESSION, kind=SessionKind.END)
    assert not engine.said(Template.PNL_UPDATE)
