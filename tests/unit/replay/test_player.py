"""The player: wherever it is sent and however it gets there, the engine is what it was there."""

import json
import random
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_edit import changed, damaged, rewritten
from replay_scene import record_session
from trading import write_strategy

import tectra as tt
from tectra.core.clock import FakeClock
from tectra.core.errors import (
    InputError,
    JournalCorruptError,
    JournalError,
    StateError,
    StoppedError,
)
from tectra.core.msg import DIRECTION, DTYPES, Template
from tectra.core.stop import request_stop
from tectra.engine.image import load_state, save_state
from tectra.journal.segment import SegmentFile
from tectra.journal.writer import JournalWriter
from tectra.replay import EventFilter, Pacer, ReplaySession, verify_replay
from tectra.replay.player_checkpoint import Checkpoints

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(scope="module")
def day(make_day) -> Path:
    return make_day(6_000)


@pytest.fixture(scope="module")
def run(day, tmp_path_factory) -> Path:
    return record_session(tmp_path_factory.mktemp("player"), day)


@pytest.fixture(scope="module")
def states(run) -> dict[int, dict[str, Any]]:
    """The state at some records, each reached by stepping from the start."""
    session = ReplaySession(run)
    chosen = {0, 1, 2, session.last_seq, *random.Random(3).sample(range(session.last_seq), 24)}
    out = {0: session.state()}
    walk = random.Random(4)
    while session.position < session.last_seq:
        before = session.position
        ahead = min(k for k in chosen if k > before) - before
        n = min(ahead, walk.choice((1, 1, 2, 60)))
        assert session.step(n) == before + n
        if session.position in chosen:
            out[session.position] = session.state()
    assert set(out) == chosen and session.difference is None
    return out


def replaying(run: Path, *, off: int = 0, **more: Any) -> Checkpoints:
    """Images that are the number of a record, loaded by replaying up to it (`off` beside it)."""

    def load(pipeline: Any, image: bytes) -> None:
        other = ReplaySession(run)
        seq = int(image.split()[0]) + off
        for event in other.view.find(EventFilter(inputs_only=True), 1, seq):
            pipeline.step_record(event.record)
        pipeline.drop_captured()

    return Checkpoints(lambda p: b"%20d" % p.ring_seq, load, **more)


def test_seeking_is_stepping(run, states):
    session = ReplaySession(run)
    targets = list(states)
    random.Random(5).shuffle(targets)
    for target in targets:
        assert session.seek(target) == target == session.position
        assert session.state() == states[target]


@pytest.mark.parametrize("kind", ["none", "real", "replayed", "lying"])
def test_seeking_with_images_is_stepping(run, states, kind):
    images = {
        "none": lambda: Checkpoints(None),
        "real": lambda: Checkpoints(save_state, load_state, spacing=1_000),
        "replayed": lambda: replaying(run, spacing=1_000),
        "lying": lambda: replaying(run, off=40, spacing=1_000),
    }
    session = ReplaySession(run, checkpoints=images[kind]())
    assert session.run() == "end"
    if kind != "none":
        assert 2 <= len(session.checkpoints) <= 10
    for target in sorted(states, reverse=True):
        session.seek(target)
        assert session.state() == states[target], target
    # An image that is not what the engine was is found out by the outputs, and not used again.
    refused = {"none": "switched off", "lying": "an engine made from an image went another way"}
    assert session.checkpoints.refused == refused.get(kind, "")
    assert session.difference is None
    session.seek(17)
    assert session.run() == "end" and session.state() == states[session.last_seq]


def test_images_are_bounded_in_number_and_bytes(run):
    images = Checkpoints(save_state, load_state, spacing=64, images_max=8)
    session = ReplaySession(run, checkpoints=images)
    session.run()
    assert 4 <= len(images) <= 8 and images.spacing >= 512
    gaps = np.diff([0, *images.seqs, session.last_seq])
    assert max(gaps) <= 3 * images.spacing
    small = Checkpoints(save_state, load_state, spacing=64, bytes_max=images.nbytes // 3)
    session = ReplaySession(run, checkpoints=small)
    session.run()
    assert small.nbytes <= images.nbytes // 3 and len(small) >= 1
    none = Checkpoints(save_state, load_state, spacing=64, bytes_max=100)
    session = ReplaySession(run, checkpoints=none)
    assert session.run() == "end" and len(none) == 0 and "larger than all" in none.refused
    assert session.step_back(7) == session.last_seq - 7


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("self.updates += 1\n        self.held = open", "Momentum"),
        ("self.updates += 1\n        type(self).every = 40", ""),
    ],
)
def test_a_strategy_that_cannot_be_kept_is_replayed_from_the_start(day, tmp_path, by, why):
    file = write_strategy(tmp_path / "mine.py", instead="self.updates += 1", by=by)
    tt.run_backtest(strategy=str(file), data=day, out=tmp_path / "o")
    session = ReplaySession(
        tmp_path / "o", checkpoints=Checkpoints(save_state, load_state, spacing=500)
    )
    assert session.run() == "end"
    assert why in session.checkpoints.refused and bool(session.checkpoints.refused) == bool(why)
    plain = ReplaySession(tmp_path / "o", checkpoints=Checkpoints(None))
    for target in (4_000, 1_234):
        session.seek(target)
        plain.seek(target)
        assert session.state() == plain.state()


def test_a_strategy_that_says_itself_what_is_kept_has_no_images(day, tmp_path):
    own = (
        "    def save_state(self):\n        return 1\n\n"
        "    def load_state(self, value):\n        self.updates = value\n\n"
    )
    instead = "    def on_start(self, ctx):"
    file = write_strategy(tmp_path / "mine.py", instead=instead, by=own + instead)
    tt.run_backtest(strategy=str(file), data=day, out=tmp_path / "o")
    session = ReplaySession(tmp_path / "o")
    assert "says itself what is kept" in session.checkpoints.refused
    session.run()
    before = session.state()
    session.step_back(100)
    session.run()
    assert session.state() == before


def test_back_and_forth(run, states):
    session = ReplaySession(run)
    walk = random.Random(9)
    for target in sorted(states)[4:12]:
        session.seek(target)
        n = walk.randint(1, min(target, 200))
        assert session.step_back(n) == target - n
        assert session.step(n) == target
        assert session.state() == states[target]
    assert session.seek(2) == 2 and session.step_back(10) == 0
    assert session.state() == states[0]
    session.seek(session.last_seq)
    assert session.step(10) == session.last_seq and session.at_end


def test_seek_time_is_behind_the_last_input_received_by_then(run):
    session = ReplaySession(run)
    inputs = [e for e in session.view.find(EventFilter(inputs_only=True)) if e.ring_seq > 40]
    for event in random.Random(2).sample(inputs, 12):
        position = session.seek_time(event.ts_ns)
        assert session.now_ns == event.ts_ns
        following = session.view.at(position + 1)
        assert following is None or (
            following.direction == "input" and following.ts_ns > event.ts_ns
        )
        assert session.seek_time(event.ts_ns - 1) < position
        assert session.now_ns < event.ts_ns
    assert session.seek_time(0) == 0
    assert session.seek_time(2**62) == session.last_seq


@pytest.mark.parametrize("target", [-1, 10**9])
def test_a_record_that_is_not_there(run, target):
    session = ReplaySession(run)
    with pytest.raises(InputError, match=rf"seek: found record {target}; allowed: 0 to"):
        session.seek(target)
    with pytest.raises(InputError, match="step_back: found -1 records"):
        session.step_back(-1)
    assert session.position == 0


def test_the_state_names_what_there_is(run):
    session = ReplaySession(run)
    session.seek(6_000)
    state = session.state()
    assert json.loads(json.dumps(state)) == state
    assert state["position"] == 6_000 and state["now_ns"] == session.now_ns
    assert set(state["books"]) == {"AAPL", "MSFT"}
    assert state["books"]["AAPL"]["bids"][0][0] == state["books"]["AAPL"]["bid_px"]
    first, second = state["strategies"]
    assert first["name"] == "Momentum" and first["params"] == {"every": 40, "size": 100}
    assert first["attributes"]["updates"] > 500
    assert second["name"] == "Maker" and second["params"]["rest_ms"] == 1_000
    by_key = {(p["strategy_id"], p["symbol"]): p for p in state["positions"]}
    for symbol in ("AAPL", "MSFT"):
        rows = [p for (s, name), p in by_key.items() if name == symbol and s]
        assert by_key[0, symbol]["net_qty"] == sum(p["net_qty"] for p in rows)
    assert state["risk"]["totals"]["orders"] > 0
    assert state["limits"]["Momentum"]["AAPL"]["MAX_QTY"] == 10_000
    assert state["engine"]["inputs"] + state["engine"]["outputs"] >= 6_000
    assert all(o["leaves_qty"] > 0 for o in state["orders"]["open"])


def test_profit_and_loss_is_what_the_engine_said(run):
    """At the end of a day, when the books are empty, as well: at the last mid there was."""
    session = ReplaySession(run)
    wanted = EventFilter(templates=("pnl_update",))
    symbols = {i.instrument_id: i.symbol for i in session.pipeline.instruments}
    said = {
        (r["strategy_id"], symbols[r["instrument_id"]]): r
        for r in (e.decoded() for e in session.view.find(wanted))
    }
    session.seek(session.last_seq)
    state = session.state()
    assert {b["bid_px"] for b in state["books"].values()} == {None}
    rows = {(p["strategy_id"], p["symbol"]): p for p in state["positions"] if p["fills"]}
    assert len(rows) == len(said) > 2
    for key, row in rows.items():
        for name in ("net_qty", "realized", "unrealized", "fees"):
            assert row[name] == said[key][name], (key, name)


def test_export(run, tmp_path):
    session = ReplaySession(run)
    session.seek(4_345)
    session.export_state(tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text()) == session.state()
    with pytest.raises(InputError, match="no plain file"):
        session.export_state(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.json"]


# ---- playing ----


def test_run_says_the_same_as_verify(run):
    session = ReplaySession(run)
    assert session.run() == "end"
    report = verify_replay(run)
    assert session.pipeline.summary == report.summary and session.difference is None
    assert session.run() == "end"


def test_run_until(run):
    session = ReplaySession(run)
    assert session.run(until=777) == "until" and session.position == 777
    assert session.run(until=lambda s: s.state()["orders"]["open"] != []) == "until"
    found = session.position
    assert session.state()["orders"]["open"]
    session.step_back()
    assert found > 777 or session.state()["orders"]["open"] == []


@pytest.mark.parametrize(
    "wanted",
    [
        EventFilter(outputs_only=True),
        EventFilter(state_changes_only=True, symbol="MSFT"),
        EventFilter(actions_only=True, strategy_id=1),
        EventFilter(templates=("order_fill",)),
    ],
)
def test_a_run_tells_of_what_passes_the_filter(run, wanted):
    session = ReplaySession(run)
    seen: list[int] = []

    def hear(event: Any) -> None:
        assert session.position == event.ring_seq
        seen.append(event.ring_seq)

    assert session.run(on_event=hear, wanted=wanted) == "end"
    assert seen == [e.ring_seq for e in session.view.find(wanted)] and len(seen) > 20


def test_a_callback_ends_the_run(run):
    session = ReplaySession(run)
    assert session.run(on_event=lambda e: e.ring_seq < 500) == "stopped"
    assert session.position == 500


def test_pause_move_and_resume_from_another_thread(run, states):
    session = ReplaySession(run)
    reached = threading.Event()
    ends: list[str] = []

    def hear(event: Any) -> None:
        if event.ring_seq == 2_000:
            reached.set()
            session.pause()

    worker = threading.Thread(target=lambda: ends.append(session.run(on_event=hear)))
    worker.start()
    assert reached.wait(10)
    session.pause()
    assert session.paused and session.running and session.position == 2_000
    with pytest.raises(StateError, match="runs already"):
        session.run()
    session.seek(5_000)
    assert session.step_back(500) == 4_500
    session.resume()
    worker.join(10)
    assert ends == ["end"] and not session.running
    assert session.state() == states[session.last_seq]
    with pytest.raises(StateError, match="nothing runs"):
        session.pause()
    with pytest.raises(StateError, match="nothing is paused"):
        session.resume()
    with pytest.raises(StateError, match="nothing runs"):
        session.set_speed("5x")


def test_a_run_is_stopped_from_another_thread(run):
    session = ReplaySession(run)
    reached = threading.Event()
    ends: list[str] = []

    def hear(event: Any) -> None:
        reached.set()
        session.pause()

    worker = threading.Thread(target=lambda: ends.append(session.run(on_event=hear)))
    worker.start()
    assert reached.wait(10)
    session.pause()
    session.stop()
    worker.join(10)
    assert ends == ["stopped"] and session.position == 1


def test_a_stop_leaves_the_session_whole(run, states):
    session = ReplaySession(run)

    def hear(event: Any) -> None:
        if event.ring_seq == 3_000:
            request_stop()

    with pytest.raises(StoppedError, match="after record 3000"):
        session.run(on_event=hear)
    assert session.position == 3_000
    assert session.run() == "end" and session.state() == states[session.last_seq]


# ---- pace ----


@pytest.mark.parametrize(
    ("speed", "records"),
    [("0.5x", 10), ("1x", 20), ("5x", 100), ("10x", 200), ("100x", 600), ("1000x", 600)],
)
def test_each_speed_on_a_simulated_clock(run, speed, records):
    clock = FakeClock(10**18)
    session = ReplaySession(run)
    session.seek(5_000)
    start_ns, began = clock.now_ns(), session.view.at(5_001).ts_ns
    late: list[int] = []
    pacer = Pacer(speed, clock=clock, wait=clock.advance)

    def hear(event: Any) -> None:
        due = (max(event.ts_ns, session.now_ns) - began) / pacer.speed
        late.append(clock.now_ns() - start_ns - int(due))

    assert session.run(until=5_000 + records, pacer=pacer, on_event=hear) == "until"
    assert len(late) == records and all(-1 <= ns <= 1 for ns in late)
    took = (session.now_ns - began) / pacer.speed
    assert abs(clock.now_ns() - start_ns - took) <= 1 and took > 10_000_000


@pytest.mark.parametrize("speed", ["max", "instant", None])
def test_as_fast_as_it_goes_takes_no_time(run, speed):
    clock = FakeClock(5)
    session = ReplaySession(run)
    assert session.run(pacer=Pacer(speed, clock=clock, wait=clock.advance)) == "end"
    assert clock.now_ns() == 5


def test_pacing_changes_nothing_but_the_time(run, states):
    clock = FakeClock()
    session = ReplaySession(run)
    pacer = Pacer("1000000x", clock=clock, wait=clock.advance)
    assert session.run(pacer=pacer) == "end"
    assert session.state() == states[session.last_seq]
    market_ns = session.view.last_ns - session.view.first_ns
    assert abs(clock.now_ns() - market_ns // 1_000_000) <= 1


def test_silence_is_jumped_over(run):
    clock = FakeClock()
    session = ReplaySession(run)
    pacer = Pacer("1x", clock=clock, wait=clock.advance)
    session.run(until=200, pacer=pacer, idle_max_ns=1_000_000_000)
    assert 0 < clock.now_ns() < 200 * 1_000_000_000
    assert session.now_ns - session.view.first_ns > 3_600 * 10**9


def test_the_speed_changes_under_way(run):
    clock = FakeClock()
    session = ReplaySession(run)
    session.seek(5_000)
    times: list[tuple[int, int]] = []

    def hear(event: Any) -> None:
        times.append((clock.now_ns(), max(event.ts_ns, session.now_ns)))
        if event.ring_seq == 5_200:
            session.set_speed("1000x")

    pacer = Pacer("100x", clock=clock, wait=clock.advance)
    session.run(until=5_400, pacer=pacer, on_event=hear)
    (c0, m0), (c1, m1), (c2, m2) = times[0], times[199], times[-1]
    assert abs((m1 - m0) / (c1 - c0) - 100) < 1
    first = next(i for i, (c, _) in enumerate(times) if i > 199 and c >= c1)
    assert abs((m2 - times[first][1]) / max(1, c2 - times[first][0]) - 1000) < 10


# ---- what is wrong ----


def test_a_difference_holds_the_session(run, tmp_path, states):
    change = changed(Template.ORDER_INTENT, "px", n=0)
    other = rewritten(run, tmp_path / "o", change)
    session = ReplaySession(other)
    assert session.run() == "difference"
    assert session.difference.ring_seq == change.seq and "px" in session.difference.fields
    assert session.position == change.seq - 1 and session.at_end
    assert session.step(5) == change.seq - 1
    assert session.step_back(3) == change.seq - 4
    assert session.difference is not None and not session.at_end
    assert session.seek(change.seq + 100) == change.seq - 1
    blind = ReplaySession(other, verify=False)
    assert blind.run() == "end" and blind.difference is None
    assert blind.state() == states[blind.last_seq]


def test_torn_closed_or_open_what_reads_back_is_played(run, tmp_path):
    out = tmp_path / "o"
    shutil.copytree(run / "strategies", out / "strategies")
    with JournalWriter(out / "journal", session=dict(ReplaySession(run).spec.to_journal())) as j:
        for slots in ReplaySession(run).view.slots(1, 4_000):
            j.append_many(slots.copy())
        session = ReplaySession(out)
        assert session.run() == "end" and session.position == 4_000
        assert not session.ended and session.difference is None
        shutil.copytree(out, tmp_path / "torn", ignore=shutil.ignore_patterns("*.tmp"))
    path = min((tmp_path / "torn" / "journal").glob("segment-*.ttj"))
    segment = SegmentFile(path)
    data = bytearray(path.read_bytes())
    data[segment.offset_of(segment.valid - 1)] ^= 1
    path.write_bytes(data)
    torn = ReplaySession(tmp_path / "torn")
    assert torn.run() == "end" and torn.position == 3_999
    assert not torn.ended and torn.difference is None
    assert torn.step_back(3_999) == 0 and torn.seek(3_998) == 3_998


def test_a_damaged_journal(run, tmp_path):
    with pytest.raises(JournalCorruptError, match="segment"):
        ReplaySession(damaged(run, tmp_path / "o"))


def test_an_empty_journal(run, tmp_path):
    out = tmp_path / "o"
    session = ReplaySession(run).spec.to_journal()
    shutil.copytree(run / "strategies", out / "strategies")
    with JournalWriter(out / "journal", session=session) as journal:
        journal.close(result={})
    with pytest.raises(JournalError, match="the journal holds no record"):
        ReplaySession(out)


@pytest.mark.parametrize("name", ["nothing", "file", "empty"])
def test_what_is_no_journal(tmp_path, name):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(JournalError, match="no journal at"):
        ReplaySession(tmp_path / name)


def test_a_journal_that_starts_later(run, tmp_path):
    other = rewritten(run, tmp_path / "o", lambda rows: rows[10:])
    with pytest.raises(JournalError, match="its first record is 11"):
        ReplaySession(other)


def test_a_fault_is_reproduced(day, tmp_path):
    file = write_strategy(
        tmp_path / "mine.py",
        instead="self.updates += 1",
        by="self.updates += 1\n        1 // (900 - self.updates)",
    )
    with pytest.raises(tt.TectraError):
        tt.run_backtest(strategy=str(file), data=day, out=tmp_path / "o")
    session = ReplaySession(tmp_path / "o")
    assert session.run() == "end" and session.difference is None
    assert "ZeroDivisionError" in session.raised and not session.ended
    last = session.event()
    assert last.name == "strategy_state" and last.fields()["phase"] == "FAULTED"
    session.step_back(5)
    assert session.raised is None and session.run() == "end" and session.raised


def test_numbers_that_no_record_can_have(run):
    session = ReplaySession(run)
    assert list(session.events(1 << 70)) == [] and session.event(1 << 70) is None
    assert len(list(session.events(session.last_seq, 1 << 70))) == 1
    assert list(session.events(-5, -1)) == [] and session.event(-1) is None


def test_records_by_number_and_filter(run):
    session = ReplaySession(run)
    view = session.view
    every = list(session.events())
    assert [e.ring_seq for e in every] == list(
        range(1, session.last_seq + 1)
    ) and view.count == len(every)
    for wanted, holds in [
        ({"outputs_only": True}, lambda e: DIRECTION[e.template] == "output"),
        ({"templates": ("ORDER_FILL", "trade")}, lambda e: e.name in ("order_fill", "trade")),
        ({"symbol": "MSFT"}, lambda e: e.decoded().instrument_id == 2),
        ({"actions_only": True, "symbol": "AAPL"}, None),
        ({"state_changes_only": True}, None),
    ]:
        found = [e.ring_seq for e in session.events(100, 5_000, **wanted)]
        assert found and found[0] >= 100 and found[-1] <= 5_000
        if holds is not None:
            assert found == [e.ring_seq for e in every[99:5_000] if holds(e)]
    order = EventFilter(order_id=9)
    seqs = [e.ring_seq for e in view.find(order)]
    assert [view.next(order, s - 1).ring_seq for s in seqs] == seqs
    assert [view.previous(order, s + 1).ring_seq for s in seqs] == seqs
    assert view.next(order, seqs[-1]) is None and view.previous(order, seqs[0]) is None
    assert view.at(0) is None and view.at(10**9) is None
    with pytest.raises(InputError, match="template: found 'nothing'"):
        next(session.events(templates=("nothing",)))
    with pytest.raises(InputError, match="symbol: found 'XYZ'; allowed in this run: AAPL, MSFT"):
        next(session.events(symbol="XYZ"))


def test_ids_stand_at_the_same_place_in_every_template_that_has_them():
    for name, offset, size in [
        ("instrument_id", 32, 4),
        ("strategy_id", 38, 2),
        ("order_id", 40, 8),
    ]:
        places = {
            (d.fields[name][1], d.fields[name][0].itemsize)
            for d in DTYPES.values()
            if name in d.fields
        }
        assert places == {(offset, size)}


def test_text_of_others_does_not_move_the_cursor(run):
    session = ReplaySession(run)
    texts = [v for e in session.events() for v in e.fields().values() if isinstance(v, str)]
    assert texts and all(t.isprintable() for t in texts)
    raw = [e for e in session.events() if e.name == "venue_message"]
    assert any("\\x" in e.fields()["payload"] for e in raw)
