"""Recovery: newest whole snapshot and tail, equal to a whole replay, disarmed, again and again."""

import hashlib
import os
import random
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from engine_cuts import Keeper, LiveRun
from trading import Momentum

import tectra as tt
from tectra.backtest import StrategyRun
from tectra.core.clock import FakeClock
from tectra.core.errors import (
    InputError,
    JournalCorruptError,
    JournalError,
    ReplayMismatchError,
    StateError,
    StrategyCallbackError,
    TectraError,
)
from tectra.core.kill import KillReason, KillWord
from tectra.core.msg import KillAction, OrderState, RiskRule, Side, Template
from tectra.core.record import encode
from tectra.engine import SessionSpec, save_state, state_digest
from tectra.engine.reconcile import VenueOrder
from tectra.engine.recover import Recovered, continue_journal, make_snapshot, recover
from tectra.engine.snapshot import SnapshotStore, snapshots_of
from tectra.journal.manifest import Manifest
from tectra.journal.reader import JournalReader
from tectra.journal.scan import slots_offset, walk
from tectra.journal.writer import JournalWriter
from tectra.portfolio import PositionReducer
from tectra.replay.verify import verify_replay
from tectra.strategy.sample.maker import Maker

KILLS = int(os.environ.get("TECTRA_TEST_KILLS", "20"))


def strategies() -> list[StrategyRun]:
    return [
        StrategyRun(Maker, {"rest_ms": 500}),
        StrategyRun(Momentum, {}),
        StrategyRun(Keeper, {"beat_s": 300}),
    ]


CLASSES = [s.strategy for s in strategies()]


def state_of(found: Recovered) -> str:
    return state_digest(save_state(found.pipeline))


def tree(directory: Path) -> dict[str, tuple[int, str]]:
    return {
        p.relative_to(directory).as_posix(): (
            p.stat().st_mtime_ns,
            hashlib.sha256(p.read_bytes()).hexdigest(),
        )
        for p in sorted(directory.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def crashed(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN with a journal that nobody closed and some snapshots; the engine was in the middle."""
    out = tmp_path_factory.mktemp("crashed")
    run = LiveRun(small_day, out / "journal", strategies(), every=1_200)
    for seq in run.batches(32):
        if seq > 12_000:
            break
    run.journal.flush()
    assert run.keeper is not None and run.keeper.written > 3
    run.keeper.close()
    kept = tmp_path_factory.mktemp("kept") / "run"
    shutil.copytree(out, kept, ignore=shutil.ignore_patterns("*.tmp"))
    (kept / "journal" / "journal.lock").unlink(missing_ok=True)
    run.close()
    return kept


@pytest.fixture
def run_dir(crashed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crashed, tmp_path / "run"))


def whole(run_dir: Path) -> Recovered:
    return recover(run_dir / "journal", classes=CLASSES, use_snapshots=False)


def test_snapshot_and_tail_are_the_whole_journal(run_dir):
    """JW-03, JW-11, JW-14, OM-11."""
    clock = FakeClock()
    found = recover(run_dir / "journal", classes=CLASSES, clock=clock)
    full = whole(run_dir)
    assert found.snapshot is not None and full.snapshot is None
    assert 0 < found.tail_records < 2_000 < full.tail_records
    assert found.ring_seq == full.ring_seq >= found.journal_seq
    assert state_of(found) == state_of(full)
    assert found.pipeline.summary.output_digest == full.pipeline.summary.output_digest
    assert found.open_orders == full.open_orders and found.positions == full.positions
    assert any(p.fills for p in found.positions) and found.open_orders
    assert all(o.state in OrderState for o in found.open_orders)
    reducer = PositionReducer()
    reducer.apply(JournalReader(run_dir / "journal").records())
    assert reducer.differences(found.pipeline.portfolio) == []
    assert found.as_dict()["snapshot_seq"] == found.snapshot.ring_seq


def test_a_reducer_goes_on_from_its_snapshot(run_dir):
    """OM-10, OM-11."""
    records = list(JournalReader(run_dir / "journal").records())
    whole_one = PositionReducer()
    whole_one.apply(records)
    chooser = random.Random(4)
    for cut in [0, 1, *(chooser.randrange(len(records)) for _ in range(4)), len(records)]:
        first = PositionReducer()
        first.apply(records[:cut])
        second = PositionReducer.from_bytes(first.to_bytes())
        second.apply(records[cut:])
        assert second.to_bytes() == whole_one.to_bytes()
    with pytest.raises(InputError, match="in their order"):
        whole_one.apply(records[-1:])


def test_recovery_writes_nothing_and_says_the_same_again(run_dir):
    """A-04."""
    before = tree(run_dir)
    first, second = (recover(run_dir / "journal", classes=CLASSES) for _ in range(2))
    assert save_state(first.pipeline) == save_state(second.pipeline)
    assert tree(run_dir) == before


def cut_journal(run_dir: Path, out: Path, records: int) -> None:
    """The same run, dead behind so many records; its snapshots are all there."""
    reader = JournalReader(run_dir / "journal")
    assert reader.manifest is not None
    slots = np.concatenate([s for _, s in reader.segments()])
    starts = [*walk(slots.reshape(-1))[0].tolist(), len(slots)]
    writer = JournalWriter(
        out / "made",
        session=reader.session,
        segment_slots=4_096,
        clock_domain="realtime",
        epoch=int(reader.manifest.epoch, 16),
    )
    writer.append_many(np.ascontiguousarray(slots[: starts[records]]))
    writer.flush()
    shutil.copytree(out / "made", out / "journal", ignore=shutil.ignore_patterns("*.tmp"))
    writer.close()
    shutil.copytree(snapshots_of(run_dir / "journal"), snapshots_of(out / "journal"))


def hold_at_record_cuts(run_dir: Path, tmp_path: Path, cuts: int) -> None:
    count = JournalReader(run_dir / "journal").record_count
    chooser = random.Random(5)
    torn = ahead = 0
    for number, cut in enumerate([1, count, *(chooser.randrange(1, count) for _ in range(cuts))]):
        out = tmp_path / f"cut{number}"
        cut_journal(run_dir, out, cut)
        found = recover(out / "journal", classes=CLASSES)
        full = recover(out / "journal", classes=CLASSES, use_snapshots=False)
        assert state_of(found) == state_of(full), cut
        assert found.journal_seq == cut and found.unsaid == full.unsaid
        assert (found.ring_seq > cut) == bool(found.unsaid)
        torn += bool(found.unsaid)
        for refused in found.refused:
            assert "the journal ends with" in refused.reason
            ahead += 1
        made = make_snapshot_of(out / "journal")
        assert made <= cut
        shutil.rmtree(out)
    assert torn and ahead


def make_snapshot_of(journal: Path) -> int:
    """Last record of a snapshot that is made where the run died."""
    loaded = SessionSpec.load_classes
    SessionSpec.load_classes = lambda self, directory: CLASSES  # type: ignore[method-assign]
    try:
        made = make_snapshot(journal)
    finally:
        SessionSpec.load_classes = loaded  # type: ignore[method-assign]
    again = recover(journal, classes=CLASSES)
    assert again.snapshot is not None and again.snapshot.ring_seq == made.ring_seq
    return made.ring_seq


@pytest.mark.timeout(60)
def test_every_cut_of_the_journal_recovers(run_dir, tmp_path):
    """JW-03: dead behind any record, also in the middle of what a step says."""
    hold_at_record_cuts(run_dir, tmp_path, 10)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_cuts_of_the_journal_recover(run_dir, tmp_path):
    hold_at_record_cuts(run_dir, tmp_path, 1000)


def test_damaged_snapshots_are_passed_over_and_named(run_dir):
    directory = snapshots_of(run_dir / "journal")
    paths = sorted(directory.glob("*.tts"), reverse=True)
    assert len(paths) == 3
    expect = state_of(whole(run_dir))
    paths[0].write_bytes(paths[0].read_bytes()[:-7])
    raw = bytearray(paths[1].read_bytes())
    raw[len(raw) // 2] ^= 4
    paths[1].write_bytes(raw)
    found = recover(run_dir / "journal", classes=CLASSES)
    assert [r.path.name for r in found.refused] == [p.name for p in paths[:2]]
    assert found.snapshot is not None and found.snapshot.path == paths[2]
    assert state_of(found) == expect
    paths[2].write_bytes(b"")
    found = recover(run_dir / "journal", classes=CLASSES)
    assert len(found.refused) == 3 and found.snapshot is None
    assert state_of(found) == expect
    shutil.rmtree(directory)
    assert recover(run_dir / "journal", classes=CLASSES).refused == ()


def test_a_snapshot_of_another_journal_is_not_used(run_dir):
    directory = snapshots_of(run_dir / "journal")
    for path in directory.glob("*.tts"):
        image = SnapshotStore(directory, epoch=0)
        with pytest.raises(TectraError):
            image.read(path)
    foreign = save_state(whole(run_dir).pipeline)
    for path in directory.glob("*.tts"):
        path.unlink()
    with SnapshotStore(directory, epoch=1) as store:
        store.write(foreign)
    found = recover(run_dir / "journal", classes=CLASSES)
    assert found.snapshot is None and "another journal" in found.refused[0].reason


def test_a_difference_names_the_record(run_dir):
    """The state is not what the journal's outputs follow from."""

    class Other(Keeper):
        def on_timer(self, ctx, timestamp):
            ctx.decide("something else")

    Other.__qualname__ = Keeper.__qualname__
    with pytest.raises(ReplayMismatchError, match=r"record \d+: the journal has strategy_decision"):
        recover(run_dir / "journal", classes=[*CLASSES[:2], Other])


def test_it_is_disarmed_until_it_agrees_with_the_venue(run_dir):
    found = recover(run_dir / "journal", classes=CLASSES)
    assert not found.armed and found.kill.reason == KillReason.RECOVERY
    with pytest.raises(StateError, match="was not reconciled"):
        found.arm()
    position = {p.symbol: p.net_qty for p in found.positions if p.strategy_id == 0}
    orders = [
        VenueOrder(o.symbol, o.side, o.leaves_qty, order_id=o.order_id) for o in found.open_orders
    ]
    wrong = {**position, "AAPL": position.get("AAPL", 0) + 5, "IBM": 3}
    extra = VenueOrder("MSFT", Side.SELL, 9, venue_order_id=12345)
    differences = found.reconcile(positions=wrong, open_orders=[*orders[1:], extra])
    assert [str(d).split(":")[0] for d in differences] == [
        "position AAPL",
        "position IBM",
        f"order {orders[0].order_id}",
        "order of the venue 12345",
    ]
    assert "venue nothing" in str(differences[2]) and "journal nothing" in str(differences[3])
    with pytest.raises(StateError, match="was not reconciled"):
        found.arm()
    assert found.reconcile(positions=position, open_orders=orders) == ()
    found.kill.clear()
    found.kill.set(KillReason.OPERATOR, now_ns=1)
    with pytest.raises(StateError, match="another reason"):
        found.arm()
    found.kill.clear()
    found.arm()
    assert found.armed


def test_no_new_order_leaves_before_it_is_armed(run_dir, tmp_path):
    """What strategies ask for meanwhile is refused, journaled, and a cancel still passes."""
    found = recover(run_dir / "journal", classes=CLASSES)
    pipeline = found.pipeline
    writer = continue_journal(found, tmp_path / "next" / "journal")
    sent = pipeline.risk.totals["gate_sent"]

    def wake() -> None:
        now = pipeline.now_ns + 10**9
        for timer in (1, 2, 3):
            pipeline.step_record(
                encode(
                    Template.TIMER,
                    ts_event_ns=now,
                    ts_recv_ns=now,
                    strategy_id=2,
                    timer_id=timer,
                    due_ns=now,
                )
            )

    wake()
    refused = pipeline.risk.counts(RiskRule.KILL)["rejected"]
    assert refused > 0 and pipeline.risk.killed
    leaves = pipeline.risk.totals["gate_sent"] - sent
    assert leaves == len([o for o in found.open_orders if o.state == OrderState.CANCEL_SENT]) > 0
    position = {p.symbol: p.net_qty for p in found.positions if p.strategy_id == 0}

    def venue() -> list[VenueOrder]:
        return [
            VenueOrder(o.symbol, o.side, o.leaves_qty, order_id=o.order_id)
            for o in found.open_orders
        ]

    found.reconcile(positions=position, open_orders=venue())
    late = found.open_orders[0]
    pipeline.step_record(
        encode(
            Template.ORDER_FILL,
            instrument_id=next(
                i.instrument_id for i in pipeline.instruments if i.symbol == late.symbol
            ),
            ts_event_ns=pipeline.now_ns,
            ts_recv_ns=pipeline.now_ns,
            order_id=late.order_id,
            side=late.side,
            px=late.px,
            qty=1,
            exec_id=10**15,
        )
    )
    with pytest.raises(StateError, match="changed since"):
        found.arm()
    position = {p.symbol: p.net_qty for p in found.positions if p.strategy_id == 0}
    assert found.reconcile(positions=position, open_orders=venue()) == ()
    found.arm()
    assert not pipeline.risk.killed
    before = pipeline.risk.totals["gate_sent"]
    wake()
    assert pipeline.risk.totals["gate_sent"] > before
    writer.close()
    again = recover(tmp_path / "next" / "journal", classes=CLASSES)
    assert state_of(again) == state_of(found)
    kills = JournalReader(tmp_path / "next" / "journal").column_view(Template.CONTROL_KILL)
    assert kills["action"].tolist() == [KillAction.KILL, KillAction.CLEAR]
    report = verify_replay(tmp_path / "next" / "journal")
    assert report.difference is None and report.inputs > 6 and report.outputs > 10


def agree(found: Recovered) -> None:
    """The venue says what the journal says."""
    position = {p.symbol: p.net_qty for p in found.positions if p.strategy_id == 0}
    orders = [
        VenueOrder(o.symbol, o.side, o.leaves_qty, order_id=o.order_id) for o in found.open_orders
    ]
    assert found.reconcile(positions=position, open_orders=orders) == ()


def test_a_latch_of_the_run_stays(run_dir, tmp_path):
    """Arming takes back the kill of recovery, not what an operator said, before the crash or since:
    H-04.
    """
    found = recover(run_dir / "journal", classes=CLASSES)
    with continue_journal(found, tmp_path / "next" / "journal"):
        found.pipeline.step_record(
            encode(Template.CONTROL_KILL, action=KillAction.KILL, ts_recv_ns=found.pipeline.now_ns)
        )
        agree(found)
        found.arm()
        assert found.armed and found.pipeline.risk.killed
    again = recover(tmp_path / "next" / "journal", classes=CLASSES)
    agree(again)
    again.arm()
    assert again.armed and again.pipeline.risk.killed


def test_a_kill_that_came_during_recovery_is_not_taken_back(run_dir):
    """The word keeps its first reason, so a second kill shows in nothing but the attempts."""
    found = recover(run_dir / "journal", classes=CLASSES)
    agree(found)
    found.kill.set(KillReason.OPERATOR, now_ns=7)
    assert found.kill.reason == KillReason.RECOVERY
    for _ in range(2):
        with pytest.raises(StateError, match="set again since recovery began"):
            found.arm()
        assert not found.armed
    found.kill.clear()
    found.arm()
    assert found.armed


def test_a_kill_while_arming_stays(run_dir):
    """Between the look at the word and its clearing."""
    found = recover(run_dir / "journal", classes=CLASSES)
    agree(found)

    class Busy:
        """The word, and somebody who sets it at the last moment."""

        def __init__(self, word: KillWord) -> None:
            self.word = word

        def __getattr__(self, name: str) -> object:
            if name == "clear":
                self.word.set(KillReason.OPERATOR, now_ns=8)
            return getattr(self.word, name)

    word = found.kill
    found.kill = Busy(word)
    with pytest.raises(StateError, match="set again"):
        found.arm()
    assert word.is_set


def test_the_continued_journal_keeps_the_promises_of_the_old_one(small_day, tmp_path):
    run = LiveRun(small_day, tmp_path / "one" / "journal", strategies(), durability="group-commit")
    next(iter(run.batches(32)))
    run.close()
    found = recover(tmp_path / "one" / "journal", classes=CLASSES)
    with continue_journal(found, tmp_path / "two" / "journal") as writer:
        assert writer.options.durability == "group-commit" and writer.options.kill is found.kill
        before = Manifest.load(tmp_path / "one" / "journal")
        after = Manifest.load(tmp_path / "two" / "journal")
        assert after.promise() == before.promise() and after.segment_slots == before.segment_slots
    found = recover(tmp_path / "one" / "journal", classes=CLASSES)
    with continue_journal(found, tmp_path / "three" / "journal", durability="sync") as writer:
        assert writer.sends_wait


def test_a_directory_with_a_journal_is_refused_without_a_trace(run_dir, tmp_path):
    other = Path(shutil.copytree(run_dir, tmp_path / "other"))
    before = tree(other)
    found = recover(run_dir / "journal", classes=CLASSES)
    with pytest.raises(JournalError, match="earlier run"):
        continue_journal(found, other / "journal")
    assert tree(other) == before
    assert found.pipeline.journal is None


def test_a_snapshot_of_another_run_with_the_same_session_is_not_used(run_dir, small_day, tmp_path):
    """Equal sessions have equal epochs: yesterday's state must not become today's."""
    other = LiveRun(small_day, tmp_path / "other" / "journal", strategies(), every=300)
    for row in other.spec.limit_records(other.market.first_ns + 1):
        other.driver.control(row)
    for seq in other.batches(32):
        if seq > 1_500:
            break
    other.close()
    mine, theirs = run_dir / "journal", tmp_path / "other" / "journal"
    assert Manifest.load(mine).epoch == Manifest.load(theirs).epoch
    shutil.rmtree(snapshots_of(mine))
    shutil.copytree(snapshots_of(theirs), snapshots_of(mine))
    expect = state_of(whole(run_dir))
    found = recover(mine, classes=CLASSES)
    assert found.snapshot is None and "other inputs" in found.refused[0].reason
    assert state_of(found) == expect


def test_the_new_journal_says_what_it_continues(run_dir, tmp_path):
    found = recover(run_dir / "journal", classes=CLASSES)
    with pytest.raises(InputError, match="give a new directory"):
        continue_journal(found, run_dir / "journal")
    writer = continue_journal(found, tmp_path / "next" / "journal")
    with pytest.raises(StateError, match="journaled in"):
        continue_journal(found, tmp_path / "third")
    writer.close()
    reader = JournalReader(tmp_path / "next" / "journal")
    data = reader.session["data"]
    assert data["continues_epoch"] == f"{found.epoch:016x}"
    assert data["continues_ring_seq"] == found.ring_seq
    assert data["continues_digest"] == found.pipeline.summary.output_digest
    again = recover(tmp_path / "next" / "journal", classes=CLASSES)
    assert again.tail_records == 0 and state_of(again) == state_of(found)
    shutil.rmtree(snapshots_of(tmp_path / "next" / "journal"))
    with pytest.raises(JournalError, match=r"it continues .*run/journal: recover that one"):
        recover(tmp_path / "next" / "journal", classes=CLASSES)


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a child that is killed at its step-th call to the disk; did it get there?"""
    child = os.fork()
    if child == 0:
        left = step

        def dies(call):
            def counted(*args, **kwargs):
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **kwargs)

            return counted

        for owner, name in (
            (os, "open"),
            (os, "fsync"),
            (Path, "open"),
            (Path, "replace"),
            (Path, "rename"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (shutil, "copyfile"),
        ):
            setattr(owner, name, dies(getattr(owner, name)))
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def begin(found: Recovered, target: Path) -> None:
    continue_journal(found, target, segment_slots=1_024).close()


def newest_of(chain: Sequence[Path]) -> Recovered:
    """What somebody who comes after a kill finds: the last journal that leads to a state."""
    for directory in reversed(chain):
        try:
            return recover(directory, classes=CLASSES)
        except JournalError:
            continue
    raise AssertionError(chain)


def begin_newest(chain: Sequence[Path], target: Path) -> None:
    begin(newest_of(chain), target)


def hold_three_deep(run_dir: Path, tmp_path: Path, stride: int) -> None:
    """Recover and begin the next journal, killed at every stride-th step, again, and again."""
    old = run_dir / "journal"
    expect = state_of(whole(run_dir))
    before = tree(run_dir)
    chooser = random.Random(6)
    step, killed = 1 - stride, 1
    while killed:
        step += stride
        killed = 0
        chain = [old]
        for depth in range(3):
            target = tmp_path / f"{step}" / f"{depth}" / "journal"
            found = newest_of(chain)
            assert state_of(found) == expect, (step, depth)
            at = step if depth == 0 else chooser.randrange(1, 24)
            killed += killed_at(at, partial(begin_newest, tuple(chain), target))
            if depth == 0 and not killed:
                break
            chain.append(target)
        last = newest_of(chain)
        assert state_of(last) == expect, step
        begin(last, tmp_path / f"{step}" / "again" / "journal")
        done = recover(tmp_path / f"{step}" / "again" / "journal", classes=CLASSES)
        assert state_of(done) == expect
        shutil.rmtree(tmp_path / f"{step}")
    assert step > 10
    assert tree(run_dir) == before


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_killed_while_recovering_three_deep(run_dir, tmp_path):
    hold_three_deep(run_dir, tmp_path, 8)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_at_every_write_of_recovery_three_deep(run_dir, tmp_path):
    """A-04."""
    hold_three_deep(run_dir, tmp_path, 1)


def killed_live(data: Path, run: Path, batches: int) -> None:
    """A run in a child, killed once it stepped so many batches."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            live = LiveRun(data, run / "journal", strategies(), every=300)
            for _ in live.batches(64):
                os.write(send, b".")
        finally:
            os._exit(0)
    os.close(send)
    told = 0
    while told < batches and (part := os.read(receive, batches - told)):
        told += len(part)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(receive)


def restarts(data: Path, tmp_path: Path, kills: int) -> None:
    chooser = random.Random(9)
    used = 0
    for number in range(kills):
        run = tmp_path / str(number)
        killed_live(data, run, chooser.randrange(1, 60))
        found = recover(run / "journal", classes=CLASSES)
        full = recover(run / "journal", classes=CLASSES, use_snapshots=False)
        assert state_of(found) == state_of(full), number
        assert found.unsaid == full.unsaid and not found.armed
        if number % 5 == 0 and not found.unsaid:
            reducer = PositionReducer()
            reducer.apply(JournalReader(run / "journal").records())
            assert reducer.differences(found.pipeline.portfolio) == []
        used += found.snapshot is not None
        shutil.rmtree(run)
    assert used > kills // 2


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_run_that_was_killed_comes_back(small_day, tmp_path):
    """JW-09, JW-11, RE-01."""
    restarts(small_day, tmp_path, KILLS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_five_hundred_kills(small_day, tmp_path):
    restarts(small_day, tmp_path, 500)


def test_a_run_that_raised_is_recovered_behind_what_it_raised(small_day, tmp_path):
    class Fails(Momentum):
        def on_fill(self, ctx, fill):
            super().on_fill(ctx, fill)
            if self.fills == 5:
                raise ValueError("five")

    with pytest.raises(StrategyCallbackError):
        tt.run_backtest(strategy=Fails, data=small_day, out=tmp_path / "run")
    found = recover(tmp_path / "run" / "journal", classes=[Fails])
    assert found.raised is not None and "five" in found.raised
    assert found.pipeline.strategies[0].fills == 5


def test_snapshots_are_made_from_a_journal_alone(small_day, tmp_path):
    tt.run_backtest(strategy="tectra.strategy.sample.steady", data=small_day, out=tmp_path / "run")
    journal = tmp_path / "run" / "journal"
    last = JournalReader(journal).last_ring_seq
    made = [make_snapshot(journal, at=at, compression="zstd") for at in (last, 5_000, 1)]
    assert made[1].ring_seq >= 5_000 and made[2].ring_seq >= 1
    assert make_snapshot(journal).ring_seq == last
    assert len(list(snapshots_of(journal).glob("*.tts"))) == 3
    found = recover(journal)
    assert found.tail_records == 0 and found.snapshot is not None
    assert state_of(found) == state_of(recover(journal, use_snapshots=False))
    for at in (0, last + 1):
        with pytest.raises(InputError, match=f"1 to {last}"):
            make_snapshot(journal, at=at)


def test_what_is_no_journal(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(JournalError):
            recover(path)
    assert asdict(VenueOrder("A", Side.BUY, 1))["order_id"] == 0


def test_what_lies_before_damage_can_be_taken(run_dir):
    """Sectors that power loss left out look like damage: the records before them are a state."""
    journal = run_dir / "journal"
    segment = max(p for p in journal.glob("segment-*.ttj") if p.stat().st_size)
    reader = JournalReader(journal)
    *_, slots = reader.slots()
    starts = walk(slots.reshape(-1))[0]
    lost = int(starts[len(starts) // 2])
    last = int(slots.view("<u8")[starts, 1][len(starts) // 2 - 1])
    raw = bytearray(segment.read_bytes())
    at = slots_offset(int.from_bytes(raw[20:24], "little")) + 64 * lost
    assert raw[at : at + 64] == slots[lost].tobytes()
    raw[at : at + 512] = bytes(512)
    segment.write_bytes(raw)
    with pytest.raises(JournalCorruptError, match="does not match its checksum"):
        recover(journal, classes=CLASSES, use_snapshots=False)
    found = recover(journal, classes=CLASSES, use_snapshots=False, until_damage=True)
    assert found.journal_seq == last < reader.last_ring_seq
    assert found.damage is not None and found.damage.ring_seq == last + 1
    assert found.as_dict()["damage"]["ring_seq"] == last + 1
    assert recover(journal, classes=CLASSES, until_damage=True).journal_seq == last
