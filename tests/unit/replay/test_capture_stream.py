"""A session as a stream of events: the same while it runs and from its journal; refused where one
is missing.
"""

import shutil

import msgspec
import numpy as np
import pytest
from engine_scene import Engine, Quiet
from session_scene import Session

from tectra.core.errors import (
    DuplicateError,
    FileFormatError,
    GapError,
    InputError,
    ReplayMismatchError,
    StateError,
    StrategyCallbackError,
)
from tectra.core.msg import Side, Template
from tectra.core.record import iter_records
from tectra.journal.reader import JournalReader
from tectra.journal.writer import JournalWriter
from tectra.replay.capture import (
    CaptureOptions,
    EventCapture,
    EventStorageMode,
    EventStream,
    PipelineSource,
    SessionInfo,
    StateMachineEvent,
    StateSnapshot,
    Update,
    capture_events,
    recompute_indicators,
    with_event_capture,
)

encode = msgspec.msgpack.encode


@pytest.fixture(scope="module")
def live(small_day, tmp_path_factory):
    """A session captured while it ran, every input an event, and its journal."""
    base = tmp_path_factory.mktemp("live")
    session = Session(small_day, base / "run")
    with with_event_capture(
        session.pipeline, "live", options=CaptureOptions(events="all")
    ) as capture:
        session.run()
    session.close()
    return session, capture.get_event_stream()


def test_an_event_has_exactly_these_fields():
    assert StateMachineEvent.__struct_fields__ == (
        "sequence", "timestamp", "market_data", "state_before", "transition", "action",
        "state_after",
    )  # fmt: skip


def test_a_stream_made_while_running_is_the_one_made_from_the_journal(live):
    session, stream = live
    again = capture_events(
        session.out, session_id="live", options=CaptureOptions(events="all")
    ).get_event_stream()
    assert len(stream) == len(again) > 800
    for mine, theirs in zip(stream, again, strict=True):
        assert encode(mine) == encode(theirs), f"event {mine.sequence}"
    assert stream.validate() == len(stream)


def test_every_input_is_an_event_and_events_stand_in_order_of_the_journal(live):
    session, stream = live
    slots = b"".join(s.tobytes() for s in JournalReader(session.out / "journal").inputs())
    inputs = [record.get_int("ring_seq") for record in iter_records(slots)]
    assert [e.ring_seq for e in stream] == inputs
    assert [e.sequence for e in stream] == list(range(1, len(inputs) + 1))


def test_changes_are_the_events_of_all_that_changed_something(live):
    session, stream = live
    fewer = capture_events(session.out).get_event_stream()
    wanted = [
        e
        for e in stream
        if e.transition or e.action or encode(e.state_before) != encode(e.state_after)
    ]
    assert 0 < len(fewer) < len(stream)
    assert [e.ring_seq for e in fewer] == [e.ring_seq for e in wanted]
    assert [encode(e.state_after) for e in fewer] == [encode(e.state_after) for e in wanted]
    assert fewer.info.session_id == JournalReader(session.out / "journal").manifest.epoch


def test_states_read_in_parts_are_whole_states(small_day, tmp_path):
    """Reading only what an input can have touched misses nothing."""
    session = Session(small_day, tmp_path / "run")
    source = PipelineSource(session.pipeline)
    wrong: list[str] = []
    seen = 0

    def check(update: Update) -> None:
        nonlocal seen
        seen += 1
        if seen % 5 and not update.action:
            return
        whole = PipelineSource(session.pipeline)
        whole._phases = list(source._phases)
        if encode(whole.state()) != encode(source.state()):
            wrong.append(f"{update.market_data}")

    source.subscribe(check, every=True)
    session.run(700)
    session.close()
    assert seen > 700 and not wrong, wrong[:3]


def test_what_is_in_events(live):
    _, stream = live
    first = next(iter(stream))
    assert first.market_data["template"] == "control_limit" and "control" in first.kinds
    start = next(e for e in stream if e.market_data["template"] == "session")
    assert {(t["strategy_id"], t["to"], t["reason"]) for t in start.transition} == {
        (1, "STARTED", "session START"),
        (2, "STARTED", "session START"),
    }
    timer = next(e for e in stream if any(a["kind"] == "signal" for a in e.action))
    assert timer.kinds == {"timer", "action", "state"}
    done = [a for a in timer.action if a["kind"] != "signal"]
    assert [a["kind"] for a in done[:3]] == ["intent", "verdict", "send"]
    intent = done[0]
    assert intent["cause_seq"] == timer.ring_seq and intent["strategy_id"] in (1, 2)
    assert intent["action"] == "SUBMIT" and intent["side"] in ("BUY", "SELL")
    orders = [t for t in timer.transition if t["kind"] == "order"]
    assert all(t["reason"] for t in orders) and ("NONE", "NEW") in {
        (t["from"], t["to"]) for t in orders
    }
    assert str(intent["order_id"]) in timer.state_after["orders"]
    assert str(intent["order_id"]) not in timer.state_before["orders"]
    fill = next(e for e in stream if e.market_data["template"] == "order_fill")
    assert (
        "report" in fill.kinds and fill.state_before["positions"] != fill.state_after["positions"]
    )
    row = fill.state_after["market"][fill.market_data["symbol"]]
    assert row["valid"] and row["tradeable"] and row["bid_px"] < row["ask_px"]


def test_parameters_and_attributes(live):
    _, stream = live
    at = next(e for e in stream if e.market_data["template"] == "control_param")
    before, after = (s["strategies"]["1"] for s in (at.state_before, at.state_after))
    assert (before["params"]["size"], after["params"]["size"]) == (100, 50)
    assert after["attributes"]["updates"] == before["attributes"]["updates"] + 1000
    end = stream.event(len(stream)).state_after
    mine = end["strategies"]["1"]
    assert mine["name"] == "Tracker" and mine["phase"] == "STOPPED"
    assert mine["attributes"]["emas"]["fast"] == {"$": "indicator", "type": "Ema"}
    assert end["indicators"]["1"]["emas['fast']"]["value"] > 0
    assert end["strategies"]["2"]["params"]["rest_ms"] == 20_000


def test_indicators_left_out_are_recomputed_from_the_journal(live):
    session, stream = live
    options = CaptureOptions(events="all", indicators="recompute")
    bare = capture_events(session.out, options=options).get_event_stream()
    at = len(bare) * 2 // 3
    assert "indicators" not in bare.event(at).state_after
    found = recompute_indicators(session.out, bare.event(at).ring_seq)
    assert encode(found) == encode(stream.event(at).state_after["indicators"]) and found["1"]


def test_a_callback_that_raises_is_an_event(small_day, tmp_path):
    session = Session(small_day, tmp_path / "run", fail_at=300)
    capture = with_event_capture(session.pipeline, "s")
    with capture, pytest.raises(StrategyCallbackError):
        session.run()
    session.close()
    last = list(capture.get_event_stream())[-1]
    (fault,) = [t for t in last.transition if t["kind"] == "strategy"]
    assert fault["to"] == "FAULTED" and "on purpose" in fault["reason"]
    assert last.state_after["strategies"]["1"]["phase"] == "FAULTED"
    again = capture_events(session.out, session_id="s").get_event_stream()
    assert encode(list(again)) == encode(list(capture.get_event_stream()))


def test_capture_may_begin_and_end_while_it_runs():
    engine = Engine(Quiet())
    engine.quotes()
    capture = with_event_capture(engine.pipeline, "late")
    engine.add(3, Side.BUY, 1_000_050, 100)
    with pytest.raises(StateError, match="has one"):
        with_event_capture(engine.pipeline, "second")
    capture.close()
    engine.add(4, Side.BUY, 1_000_060, 100)
    stream = capture.get_event_stream()
    assert [e.ring_seq for e in stream] == [engine.pipeline.ring_seq - 1]
    assert stream.info.initial["market"]["AAPL"]["bid_px"] == 1_000_000
    assert stream.event(1).state_after["market"]["AAPL"]["bid_px"] == 1_000_050
    with_event_capture(engine.pipeline, "third").close()


def test_a_pipeline_that_keeps_no_outputs_is_refused():
    engine = Engine(Quiet(), capture_mask=1 << Template.ORDER_FILL)
    with pytest.raises(InputError, match="OUTPUT_MASK"):
        with_event_capture(engine.pipeline, "s")


def test_trouble_in_the_sink_stops_the_capture_and_not_the_run():
    class Full:
        def append_event(self, event):
            raise OSError(28, "No space left on device")

    engine = Engine(Quiet())
    capture = with_event_capture(engine.pipeline, "s", make_sink=lambda _: Full())
    engine.quotes()
    assert isinstance(capture.error, OSError) and capture.sequence == 1
    with pytest.raises(OSError, match="No space"):
        capture.close()
    capture.close()
    with pytest.raises(StateError, match="went to a log"):
        capture.get_event_stream()


def test_attributes_that_cannot_be_read_stop_the_capture_and_not_the_run():
    class Odd(Quiet):
        def on_book_update(self, ctx, book):
            self.updates = ctx.now_ns
            if book.ask_px is not None:
                self.held = type("Bad", (list,), {"__dict__": property(lambda _: 1 // 0)})()

    engine = Engine(Odd())
    capture = with_event_capture(engine.pipeline, "s")
    engine.quotes()
    engine.add(3, Side.BUY, 999_000, 1)
    assert engine.pipeline.strategies[0].updates == engine.now_ns
    with pytest.raises(ZeroDivisionError):
        capture.close()


def test_a_journal_that_says_otherwise_makes_no_events(live, tmp_path):
    session, _ = live
    reader = JournalReader(session.out / "journal")
    slots = b"".join(s.tobytes() for s in reader.slots())
    rows = bytearray(slots)
    rows[_first_intent(slots) + 48] ^= 1
    other = tmp_path / "o"
    with JournalWriter(other, session=dict(reader.session)) as journal:
        journal.append_many(np.frombuffer(bytes(rows), np.uint8).copy())
        journal.close()
    shutil.copytree(session.out / "strategies", tmp_path / "strategies")
    with pytest.raises(ReplayMismatchError, match="order_intent"):
        capture_events(other)


def _first_intent(slots: bytes) -> int:
    """Offset of the first order_intent record."""
    at = 0
    for record in iter_records(slots):
        if record.template is Template.ORDER_INTENT:
            return at
        at += record.nbytes
    raise AssertionError("no intent")


# ---- the stream itself ----


def event(sequence: int, timestamp: int = 0, value: int = 0) -> StateMachineEvent:
    return StateMachineEvent(
        sequence=sequence, timestamp=timestamp, market_data={}, state_before={"n": value},
        transition=[], action=[], state_after={"n": value + 1},
    )  # fmt: skip


def test_missing_and_repeated_sequences_raise_and_name_both():
    stream = EventStream(SessionInfo(session_id="s", initial={"n": 0}))
    stream.append_event(event(1))
    with pytest.raises(GapError, match="event 4 follows event 1: 2 to 3 are missing"):
        stream.append_event(event(4))
    with pytest.raises(DuplicateError, match="event 1 follows event 1"):
        stream.append_event(event(1))
    stream.append_event(event(2, 5, 1))
    with pytest.raises(InputError, match="found time 4; allowed: 5"):
        stream.append_event(event(3, 4, 2))
    assert len(stream) == 2 and stream.validate() == 2
    stream.append_event(event(3, 5, 7))
    with pytest.raises(StateError, match="event 3 begins in another state than event 2"):
        stream.validate()
    stream.store.events.pop(1)
    with pytest.raises(GapError, match="event 3 follows event 1"):
        stream.validate()
    with pytest.raises(InputError, match="found sequence 9; allowed: 1 to 2"):
        stream.event(9)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "-x", "x" * 65, "a b"])
def test_session_ids_are_names_of_directories(name):
    with pytest.raises(InputError, match="session id"):
        SessionInfo(session_id=name)


def test_modes_are_checked():
    assert EventStorageMode() == EventStorageMode.delta(snapshot_interval=100)
    with pytest.raises(InputError, match="allowed: full, delta"):
        EventStorageMode("half")
    with pytest.raises(InputError, match="snapshot interval"):
        EventStorageMode.delta(snapshot_interval=0)
    with pytest.raises(InputError, match="allowed: cache, recompute"):
        SessionInfo(session_id="s", indicators="guess")


def test_anything_with_a_state_can_be_captured():
    """The protocol is two methods: no pipeline is needed."""

    class Counter:
        def __init__(self):
            self.n, self.tell = 0, None

        def state(self):
            return {"n": self.n}

        def subscribe(self, on_update, *, every=False, on_error=None):
            self.tell = on_update

        def push(self):
            self.n += 1
            self.tell(Update(self.n, {"push": self.n}, [{"from": "A", "to": "B"}], []))

    counter = Counter()
    stream = EventStream(SessionInfo(session_id="s", initial=counter.state()))
    with EventCapture(counter, stream):
        counter.push()
        counter.push()
    assert [(e.state_before, e.state_after) for e in stream] == [
        ({"n": 0}, {"n": 1}),
        ({"n": 1}, {"n": 2}),
    ]


def test_a_snapshot_is_dumped_and_restored(live):
    session, stream = live
    snapshot = StateSnapshot.of(session.pipeline)
    assert set(snapshot.context) == {"orders", "positions", "strategies", "market"}
    assert snapshot.indicators["1"]["emas['slow']"]["value"] is not None
    raw = snapshot.dump()
    again = StateSnapshot.restore(raw)
    assert again == snapshot and again.dump() == raw
    for bad in (raw[:-1], b"", raw[:10] + b"!" + raw[11:]):
        with pytest.raises(FileFormatError, match="checksum"):
            StateSnapshot.restore(bad)
    assert StateSnapshot.of(session.pipeline, indicators=False).indicators is None
