"""A run that was killed, recovered and continued: its new journal can be played, walked back and
debugged like any, from the snapshot it begins with, and is at each record what the engine was.
"""

import json
import os
import shutil
import signal
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_cuts import Keeper, LiveRun, whole_records
from trading import Momentum

from tectra.backtest import SimConfig, StrategyRun, make_driver
from tectra.backtest.data import open_data
from tectra.core.errors import InputError, JournalError
from tectra.core.msg import HEAD
from tectra.engine.image import save_state, state_digest
from tectra.engine.reconcile import VenueOrder
from tectra.engine.recover import Recovered, continue_journal, recover
from tectra.engine.snapshot import snapshots_of
from tectra.replay import ReplaySession, incident_report, verify_replay
from tectra.replay.capture import export_session
from tectra.replay.debug import Debugger
from tectra.replay.player_state import pipeline_state
from tectra.replay.points import Point
from tectra.research.whatif import what_if

pytestmark = pytest.mark.timeout(30)


class Counting(Momentum):
    """Says itself what is kept of it."""

    def save_state(self):
        return [self.updates, self.fills]

    def load_state(self, value):
        self.updates, self.fills = value


RUNS = [StrategyRun(Momentum, {}), StrategyRun(Keeper, {"beat_s": 300}), StrategyRun(Counting, {})]
CLASSES = [r.strategy for r in RUNS]


@dataclass
class Continued:
    """RUN2 of a run that was killed, and what its engine was at some records."""

    run: Path
    before: Path
    begin: int
    end: int
    states: dict[int, Any] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)


def killed_run(day: Path, journal: Path, at: int) -> None:
    """A run in a process that is killed once its journal has `at` records."""
    child = os.fork()
    if child == 0:
        run = LiveRun(day, journal, RUNS, every=2_000)
        for seq in run.batches(32):
            if seq > at:
                run.journal.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def plain(pipeline: Any, spec: Any) -> Any:
    """Its state, but for what became of orders at the gate: a replay sends nothing."""
    state = pipeline_state(pipeline, spec)
    state["engine"].pop("gate_refusals")
    state["risk"]["totals"] = {
        k: v for k, v in state["risk"]["totals"].items() if not k.startswith("gate")
    }
    return json.loads(json.dumps(state, default=str))


def go_on(found: Recovered, day: Path, out: Continued) -> None:
    """Step what the day has behind the recovered engine; an exchange answers new orders."""
    pipeline, driver = found.pipeline, make_driver(found.pipeline, SimConfig())
    begun = pipeline.now_ns
    with closing(open_data(day, None)) as market:
        parts = (
            part
            for batch in market.batches()
            for part in whole_records(np.ascontiguousarray(batch), 64)
            if int(part[0].view(HEAD)["ts_recv_ns"][0]) > begun
        )
        for number, part in enumerate(islice(parts, 25)):
            driver.run(part.reshape(-1))
            if number % 6 == 2:
                out.states[pipeline.ring_seq] = plain(pipeline, found.spec)
                out.digests[pipeline.ring_seq] = state_digest(save_state(pipeline))


@pytest.fixture(scope="module")
def continued(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Continued:
    base = tmp_path_factory.mktemp("continued")
    killed_run(small_day, base / "one" / "journal", 6_000)
    found = recover(base / "one" / "journal", classes=CLASSES)
    out = Continued(base / "two", base / "one" / "journal", found.ring_seq, 0)
    writer = continue_journal(found, out.run / "journal")
    out.states[found.ring_seq] = plain(found.pipeline, found.spec)
    positions = {p.symbol: p.net_qty for p in found.positions if p.strategy_id == 0}
    orders = found.open_orders
    venue = [VenueOrder(o.symbol, o.side, o.leaves_qty, order_id=o.order_id) for o in orders]
    assert found.reconcile(positions=positions, open_orders=venue) == ()
    found.arm()
    go_on(found, small_day, out)
    out.end = found.ring_seq
    out.states[out.end] = plain(found.pipeline, found.spec)
    writer.flush()
    shutil.copytree(out.run, base / "killed", ignore=shutil.ignore_patterns("*.tmp", "*.lock"))
    writer.close()
    return out


def seen(session: ReplaySession) -> Any:
    return plain(session.pipeline, session.spec)


def test_it_is_what_the_engine_was(continued):
    assert continued.begin > 6_000 and continued.end > continued.begin + 3_000
    assert verify_replay(continued.run).difference is None
    session = ReplaySession(continued.run)
    assert session.position == session.begin_seq == continued.begin
    assert session.last_seq == continued.end
    for seq, state in continued.states.items():
        assert session.seek(seq) == seq and seen(session) == state
    for seq, digest in continued.digests.items():
        session.seek(seq)
        assert state_digest(save_state(session.pipeline)) == digest
    assert session.difference is None


def test_it_is_played_and_walked_back(continued):
    session = ReplaySession(continued.run)
    fills = []
    assert session.run(on_event=lambda e: fills.append(e) if e.name == "order_fill" else None) == (
        "end"
    )
    assert (
        fills
        and session.position == continued.end
        and seen(session) == continued.states[continued.end]
    )
    for seq in sorted(continued.states, reverse=True):
        assert session.step_back(session.position - seq) == seq
        assert seen(session) == continued.states[seq]
    assert session.position == continued.begin and session.event() is None
    assert session.step_back(1_000) == continued.begin
    assert session.step(1) == continued.begin + 1
    assert session.seek_time(0) == continued.begin


def test_before_its_beginning_is_refused(continued):
    session = ReplaySession(continued.run)
    for seq in (0, continued.begin - 1, continued.end + 1):
        with pytest.raises(InputError, match=rf"record {seq}; allowed: {continued.begin} to \d+"):
            session.seek(seq)
    with pytest.raises(InputError, match=f"what was before is in {continued.before}, which it"):
        session.seek(1)
    with pytest.raises(InputError, match=f"record: found 7; allowed: {continued.begin} to"):
        Debugger(session).execute("seek 7")
    assert (
        session.position == continued.begin and seen(session) == continued.states[continued.begin]
    )


def test_it_is_debugged(continued):
    debugger = Debugger(ReplaySession(continued.run))
    assert debugger.execute("w")[0] == "before the first record"
    assert "not begun" not in "\n".join(debugger.execute("where"))
    assert debugger.execute("back 5")[0] == "before the first record"
    debugger.execute("break fill")
    (hit, *_) = debugger.execute("continue")
    assert hit == "break 1: fill"
    assert debugger.execute("saw") and debugger.execute("strategies")
    assert debugger.execute("find fill")[-1].split()[0] != "0"
    middle = sorted(continued.states)[2]
    assert debugger.execute(f"diff {continued.begin} {middle}")
    debugger.execute("next")
    assert debugger.session.difference is None


def test_incidents_and_events_of_it(continued, tmp_path):
    """Whatever replays a journal takes one that continues another."""
    report = incident_report(
        continued.run, start=Point(seq=continued.begin + 1), end=Point(seq=continued.begin + 500)
    )
    assert report.difference is None
    log = export_session(continued.run, root=tmp_path, session_id="two")
    assert log.path.stat().st_size > 0


def test_an_alternative_to_it_is_refused(continued):
    with pytest.raises(InputError, match="continues another journal, and an alternative"):
        what_if(continued.run, sim=SimConfig())


def test_one_that_was_killed_again(continued):
    """Nobody closed the second journal either: it is played as far as it goes."""
    session = ReplaySession(continued.run.with_name("killed"))
    assert not session.ended and session.run() == "end"
    assert session.position == continued.end and seen(session) == continued.states[continued.end]
    assert session.seek(continued.begin) == continued.begin


def test_without_its_snapshot(continued, tmp_path):
    run = tmp_path / "two"
    shutil.copytree(continued.run, run)
    shutil.rmtree(snapshots_of(run / "journal"))
    with pytest.raises(JournalError, match=f"begins behind record {continued.begin}, and no whole"):
        ReplaySession(run)
