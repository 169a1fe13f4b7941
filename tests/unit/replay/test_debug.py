"""The debugger: what it says of orders, callbacks and conditions, against plain ways to know it."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from book_records import itch_messages
from trading import write_strategy

import tectra as tt
from tectra.book.view import BookState
from tectra.core.errors import InputError
from tectra.feed.itch_encode import ItchWriter
from tectra.feed.synthetic import generate_day
from tectra.oms.lineage import trace_order
from tectra.replay import EventFilter, ReplaySession
from tectra.replay.debug import Debugger
from tectra.replay.debug_condition import parse_condition, parse_place
from tectra.replay.debug_story import called, state_changes
from tectra.replay.debug_text import Names
from tectra.risk.limits import LimitScope, RiskLimits
from tectra.strategy.sample.idle import Idle
from tectra.strategy.sample.maker import Maker

pytestmark = pytest.mark.timeout(20)
SIGNAL = """ctx.signal("imbalance", book.imbalance, book.instrument)
        side, px ="""
SEEN = """self.updates += 1
        row = ctx.get_position(book.instrument)
        self.seen = [ctx.cause_seq, book.symbol, book.bid_px, book.ask_qty, row.net_qty,
                     [o.order_id for o in ctx.get_open_orders()]]"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("debug")
    day = base / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=11, symbols=("AAPL", "MSFT"), messages=4_000)
    file = write_strategy(base / "mine.py", instead="side, px =", by=SIGNAL)
    file.write_text(file.read_text().replace("self.updates += 1", SEEN))
    config = tt.BacktestConfig(limits=RiskLimits(default=LimitScope(position_max=Decimal(300))))
    runs = [tt.StrategyRun(str(file), {"every": 25}), tt.StrategyRun(Maker, symbols=("MSFT",))]
    tt.run_backtest(strategies=runs, data=day, config=config, out=base / "o")
    return base / "o"


@pytest.fixture
def debugger(run) -> Debugger:
    return Debugger(ReplaySession(run))


@pytest.fixture(scope="module")
def crossing(tmp_path_factory) -> ReplaySession:
    """A run in whose market somebody bids far too much for a while, three times."""
    base = tmp_path_factory.mktemp("crossing")
    generate_day(base / "plain.gz", seed=11, symbols=("AAPL",), messages=2_000)
    day = base / "01052026.NASDAQ_ITCH50.gz"
    with ItchWriter(day) as writer:
        messages = itch_messages(gzip.decompress((base / "plain.gz").read_bytes()))
        for number, message in enumerate(filter(None, messages)):
            writer.write_message(message)
            ts = int.from_bytes(message[5:11], "big")
            if number in (500, 600, 700):
                writer.write("A", 1, ts, 10**9 + number, "B", 100, "AAPL", 5_000_000)
            if number in (550, 650, 750):
                writer.write("D", 1, ts, 10**9 + number - 50)
    tt.run_backtest(strategy=Idle, data=day, out=base / "o")
    return ReplaySession(base / "o")


def of(session: ReplaySession, template: str) -> list[dict[str, Any]]:
    return [e.as_dict() for e in session.events(templates=(template,))]


def seqs(debugger: Debugger, text: str) -> list[int]:
    condition = parse_condition(text, debugger.session, debugger.names)
    return [e.ring_seq for e in condition.find(debugger.session, 1)]


def test_conditions_hold_where_they_should(debugger):
    session = debugger.session
    verdicts, events = of(session, "order_verdict"), of(session, "order_event")
    fills, positions = of(session, "order_fill"), of(session, "position_update")
    refused = [v for v in verdicts if not v["accepted"]]
    by_venue = [e for e in events if e["event"] == "REJECT" and e["reason"] != "RISK"]
    assert refused and by_venue
    assert seqs(debugger, "order rejected") == sorted(v["ring_seq"] for v in refused + by_venue)
    own = [r["ring_seq"] for r in refused + by_venue if r["strategy_id"] == 1]
    assert seqs(debugger, "order rejected Momentum") == sorted(own)
    assert seqs(debugger, "fill") == [f["ring_seq"] for f in fills]
    assert seqs(debugger, "fills AAPL") == [f["ring_seq"] for f in fills if f["instrument_id"] == 1]
    order = fills[3]["order_id"]
    assert seqs(debugger, f"order {order} changes") == [
        e["ring_seq"] for e in events if e["order_id"] == order
    ]
    was: dict[Any, int] = {}
    expected = []
    for p in positions:
        key = (p["strategy_id"], p["instrument_id"])
        if p["net_qty"] > 150 >= was.get(key, 0):
            expected.append(p["ring_seq"])
        was[key] = p["net_qty"]
    assert seqs(debugger, "position > 150") == expected and expected
    assert seqs(debugger, "state FILLED") == [
        e["ring_seq"] for e in events if e["to_state"] == "FILLED" != e["from_state"]
    ]
    assert seqs(debugger, "order_fill AAPL qty>=100 side=BUY") == [
        f["ring_seq"]
        for f in fills
        if f["instrument_id"] == 1 and f["qty"] >= 100 and f["side"] == "BUY"
    ]
    changes = EventFilter(state_changes_only=True)
    assert seqs(debugger, "state change") == [e.ring_seq for e in session.view.find(changes)]
    assert seqs(debugger, "seq == 77") == [77]
    (late,) = seqs(debugger, "time >= 15:00")
    assert session.event(late).ts_ns >= session.event(late - 1).ts_ns
    assert str(debugger.names.line(session.event(late))).split()[1] >= "15:00"
    assert str(debugger.names.line(session.event(late - 1))).split()[1] < "15:00"


def test_a_crossed_or_locked_book_is_found_by_asking_the_engine(debugger):
    for word, flag in [("locked", BookState.LOCKED), ("crossed", BookState.CROSSED)]:
        other = ReplaySession(debugger.session.path)
        expected, was = [], {1: False, 2: False}
        for event in other.view.find(EventFilter(inputs_only=True)):
            other.seek(event.ring_seq)
            instrument_id = event.decoded().get_int("instrument_id")
            if instrument_id in was:
                now = bool(other.pipeline.book.top(instrument_id).state & flag)
                if now and not was[instrument_id]:
                    expected.append(event.ring_seq)
                was[instrument_id] = now
        debugger.session.seek(0)
        assert seqs(debugger, f"book {word}") == expected


def test_where_the_session_stands_makes_no_difference_to_what_is_found(crossing):
    debugger = Debugger(crossing)
    crossing.seek(0)
    found = debugger.execute("find book crossed")
    assert found[-1] == "3 found"
    inside = seqs(debugger, "book crossed")[0]
    for place in (inside, inside + 1, crossing.last_seq):
        crossing.seek(place)
        assert [x[1:] for x in debugger.execute("find book crossed")] == [x[1:] for x in found]
    crossing.seek(inside)
    debugger.execute("break book crossed")
    debugger.execute("continue")
    assert crossing.position > inside, "the crossing that it stands at is not found again"


@pytest.mark.parametrize(
    "line",
    ["seek ²", "step ²", "back ²", "order ²", "why ²", "book AAPL ²", "delete ²", "timeline ²",
     "diff ² 1", "break order ² changes", "break seq == ²", "break position > ٣",
     *(f"{words} {'9' * 5000}" for words in ("seek", "step", "order", "why", "delete", "diff 1",
                                             "book AAPL", "break position >", "break seq =="))],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_refused(debugger, line):
    with pytest.raises(InputError, match="found"):
        debugger.execute(line)


def test_times_may_have_any_offset(debugger):
    named = [
        parse_place(text, debugger.session)
        for text in ("14:35", "2026-01-05T14:35:00Z", "2026-01-05T15:35:00+01:00",
                     "2026-01-05T09:35:00-05:00")
    ]  # fmt: skip
    assert len(set(named)) == 1 and named[0] > 0


@pytest.mark.parametrize(
    "text",
    ["", "bogus", "order", "order x", "position", "position > x", "position > 1 XYZ", "book",
     "book crossed XYZ", "fill AAPL MSFT", "state", "state NOWHERE", "seq == x", "time >= late",
     "order rejected Nobody", "order_fill foo=1", "order_fill AAPL qty", "order_fill XYZ",
     "seq == 99999999"],
)  # fmt: skip
def test_what_is_no_condition_is_refused_in_one_line(debugger, text):
    with pytest.raises(InputError, match="found") as caught:
        parse_condition(text, debugger.session, debugger.names)
    assert "\n" not in str(caught.value)


def test_continue_stops_at_the_first_break_and_only_once(debugger):
    session = debugger.session
    debugger.execute("break order rejected")
    debugger.execute("break fill MSFT")
    debugger.execute("break book locked")
    expected = sorted({*seqs(debugger, "order rejected"), *seqs(debugger, "fill MSFT")})
    session.seek(0)
    stops = []
    while True:
        lines = debugger.execute("continue")
        if "end of the journal" in lines[-1] and not lines[0].startswith("break"):
            break
        if not lines[0].startswith("break 3"):
            stops.append(session.position)
    assert stops == expected
    assert debugger.execute("delete") == ["3 breaks deleted"]
    assert debugger.execute("breaks") == ["no break is set"]


def test_an_order_tells_the_lineage_that_the_order_manager_traces(debugger):
    session = debugger.session
    every = list(session.view.slots(1, session.last_seq))
    ids = [i["order_id"] for i in of(session, "order_intent") if i["action"] == "SUBMIT"]
    for order_id in ids[:: len(ids) // 8]:
        lineage = trace_order(every, order_id)
        lines = debugger.execute(f"order {order_id}")
        numbers = [int(line.split()[0].strip(">")) for line in lines if line[:4] == "    "]
        heard = [lineage.cause_seq, *(s.signal_id for s in lineage.signals)]
        mine = [e.ring_seq for e in session.view.find(EventFilter(order_id=order_id))]
        assert numbers == [*heard, *mine] and lineage.intent_seq in numbers


def test_why(debugger):
    session = debugger.session
    session.seek(1_000)
    refused = [v for v in of(session, "order_verdict") if not v["accepted"]]
    one = next(v for v in refused if v["rule"] == "MAX_POSITION")
    text = "\n".join(debugger.execute(f"why {one['order_id']}"))
    assert f"refused by the risk chain at record {one['ring_seq']}" in text
    assert f"worst case {one['found']}, limit 300" in text
    assert f"position {one['position_qty']}" in text and "MAX_POSITION 300" in text
    assert session.position == 1_000
    rejected = of(session, "order_reject")[0]
    assert rejected["reason"] in debugger.execute(f"why {rejected['order_id']}")[0]
    passed = of(session, "order_fill")[0]["order_id"]
    assert "was not refused" in debugger.execute(f"why {passed}")[0]


def test_what_a_strategy_saw_is_what_it_wrote_down(debugger):
    session = debugger.session
    names = Names(session.spec)
    intents = [i for i in of(session, "order_intent") if i["strategy_id"] == 1]
    for intent in intents[:: max(1, len(intents) // 12)]:
        session.seek(intent["ring_seq"])
        after = session.state()["strategies"][0]["attributes"]["seen"]
        cause, symbol, bid_px, ask_qty, net_qty, orders = after
        assert cause == intent["cause_seq"]
        instrument = names.instrument(symbol)
        text = debugger.execute("saw")
        assert session.position == intent["ring_seq"]
        mine = text[text.index(f"  Momentum heard on_book_update of {symbol}") :]
        assert f"bid {names.px(instrument.instrument_id, bid_px)} x" in mine[1]
        assert f"x {ask_qty}, tradeable" in mine[1]
        assert any(f"position {symbol}: net {net_qty}," in line for line in mine)
        shown = [int(line.split()[2].strip(":")) for line in mine if "open order" in line]
        assert shown[: len(orders)] == orders
        updates = next(line for line in mine if "self.updates" in line)
        before = session.state()["strategies"][0]["attributes"]["updates"] - 1
        assert updates.endswith(f"= {before}"), "it is looked at before the callback runs"
        assert any(f"order_id={intent['order_id']}" in line for line in mine)


def test_next_is_the_next_callback(debugger):
    session = debugger.session
    session.seek(200)
    other = ReplaySession(session.path)
    for _ in range(12):
        start = session.position
        lines = debugger.execute("next Maker")
        assert "Maker heard" in "\n".join(lines)
        for event in session.view.find(EventFilter(inputs_only=True), start + 1, session.position):
            other.seek(event.ring_seq - 1)
            owners = {strategy_id for strategy_id, _, _ in called(other, event)}
            assert (2 in owners) == (event.ring_seq == session.position)
    debugger.execute("next said Momentum")
    said = session.event().as_dict()
    assert said["record"] in ("order_intent", "strategy_signal") and said["strategy_id"] == 1
    session.seek(session.last_seq)
    assert debugger.execute("next")[-1] == "end of the journal"


def test_diff_is_what_changed(debugger):
    session = debugger.session
    session.seek(50)
    lines = debugger.execute("diff 400 700")
    assert session.position == 50 and lines[0] == "position: 400 -> 700"
    assert debugger.execute("diff 400 400") == []
    a, b = {"x": [{"name": "n", "v": 1}], "y": 2}, {"x": [{"name": "n", "v": 3}], "z": [1]}
    assert list(state_changes(a, b)) == [("x[n].v", 1, 3), ("z", None, [1]), ("y", 2, None)]


def test_export_and_short_names(debugger, tmp_path):
    debugger.execute("s 40")
    assert debugger.session.position == 40
    debugger.execute("ba 10")
    debugger.execute(f"export {tmp_path / 'x.json'}")
    assert json.loads((tmp_path / "x.json").read_text()) == debugger.session.state()
    assert debugger.execute("") == debugger.execute("# nothing") == []
    with pytest.raises(InputError, match="allowed: step, strategies"):
        debugger.execute("st")
    with pytest.raises(InputError, match="No closing quotation"):
        debugger.execute("export 'x")
    debugger.execute("q")
    assert debugger.done


@pytest.mark.parametrize(
    "line",
    ["where 1", "step 0", "step -1", "step x", "back 0", "seek", "seek 1 2 3", "seek 25:00",
     "next Nobody", "delete 9", "book", "book XYZ", "book AAPL 0", "book AAPL x", "orders 1",
     "order", "order x", "why", "diff 1", "diff 1 x", "find", "timeline x", "export",
     "export /nonexistent/x", "quit now", "nothing"],
)  # fmt: skip
def test_bad_input_is_one_clear_line(debugger, line):
    debugger.session.seek(300)
    with pytest.raises(InputError) as caught:
        debugger.execute(line)
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 20
    assert debugger.session.position == 300 and not debugger.done
