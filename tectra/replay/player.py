"""A recorded session as something to walk through: forward, back, to any record or time.

The engine of the session is made again from its journal and fed the recorded inputs; whatever it
says is compared with what it said then. The state at a record is that after the whole step of the
input which the record is, or was said because of: an engine cannot be stopped inside a step.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson

from tectra.core.errors import InputError, JournalError, StateError, StoppedError
from tectra.core.part_file import PartFile
from tectra.core.stop import StopSignals, stop_requested
from tectra.engine.compare import Comparator
from tectra.engine.image import load_state, save_state
from tectra.engine.pipeline import Pipeline
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.replay import probe
from tectra.replay.beginning import base_seq, engine_at_beginning, new_engine
from tectra.replay.difference import Difference, difference_of, may_end_within_step
from tectra.replay.player_checkpoint import Checkpoints
from tectra.replay.player_gate import RunGate
from tectra.replay.player_state import pipeline_state
from tectra.replay.speed import Pacer, Speed
from tectra.replay.verify import journal_of
from tectra.replay.view import Event, EventFilter, JournalView

__all__ = ["ReplaySession", "RunEnd"]

RunEnd = Literal["end", "until", "difference", "stopped"]
Until: TypeAlias = "int | Callable[[ReplaySession], bool] | None"
OnEvent = Callable[[Event], object]

_EVERYTHING = EventFilter()
_CHUNK = 16_384
# An image closer ahead than this is not worth loading: stepping there is as quick.
_NEAR = 4_096


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C ends the loop after its record, unless the caller listens already."""
    signals = StopSignals()
    try:
        signals.__enter__()
    except StateError:
        yield
        return
    try:
        yield
    finally:
        signals.__exit__(None, None, None)


class ReplaySession:
    """The session in a journal, or in a run's directory that holds one, before its first record.
    A journal that continues another begins with its snapshot, behind record `begin_seq`.

    With `verify` every output is compared; at the first difference the session stands still, and
    `difference` says where. Without, the journal's outputs are passed over. `checkpoints` are
    images of the engine that make going back quick; what is seen does not depend on them.

    One thread moves a session; `pause`, `resume`, `stop`, `set_speed` and `set_filter` are for
    any. Raises JournalError when there is no journal, when it is empty or damaged, or when the
    strategies' code is not the one that ran.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        verify: bool = True,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.path = journal_of(Path(path))
        self._reader = reader = JournalReader(self.path)
        self.spec = SessionSpec.from_journal(reader.session)
        self.ended = reader.result is not None
        self._whole = self.ended and not may_end_within_step(reader)
        self.view = JournalView(reader, self.spec.make_instruments())
        self.begin_seq = base_seq(reader)
        if self.view.first_seq != self.begin_seq + 1:
            raise JournalError(
                f"{self.path}: its first record is {self.view.first_seq}, without those before it "
                "the engine cannot be made again; allowed: a journal from record "
                f"{self.begin_seq + 1} on"
            )
        self.verify = verify
        self.checkpoints = checkpoints or Checkpoints(save_state, load_state)
        self._gate = RunGate()
        self._pacer: Pacer | None = None
        self._wanted = _EVERYTHING
        self._difference: Difference | None = None
        self._restart()
        for number, strategy in enumerate(self._pipeline.strategies, start=1):
            if probe.is_python(self._pipeline, number) and hasattr(type(strategy), "save_state"):
                self.checkpoints.refuse(
                    f"{type(strategy).__name__} says itself what is kept of it, which may be less "
                    "than it shows"
                )

    # ---- where it stands ----

    @property
    def pipeline(self) -> Pipeline:
        """The engine; moving the session may put another in its place."""
        return self._pipeline

    @property
    def position(self) -> int:
        """ring_seq of the last record passed; `begin_seq` before the first."""
        return self._position

    @property
    def last_seq(self) -> int:
        """ring_seq of the last record of the journal."""
        return self.view.last_seq

    @property
    def span(self) -> str:
        """Where the session can stand, in words."""
        before = self.spec.data.get("continues_path") if self.begin_seq else None
        hint = "" if before is None else f"; what was before is in {before}, which it continues"
        return f"{self.begin_seq} to {self.last_seq}{hint}"

    @property
    def now_ns(self) -> int:
        """Engine time; 0 before the first record of a run."""
        return self._pipeline.now_ns

    @property
    def at_end(self) -> bool:
        """Is there nothing ahead: the end of the journal, or a difference?"""
        return self._position >= self.last_seq or self._stuck

    @property
    def difference(self) -> Difference | None:
        """The first difference that was found, wherever the session stands now."""
        return self._difference

    @property
    def raised(self) -> str | None:
        """What a callback raised in the step where the session stands, as it did then."""
        return None if self._comparator.raised is None else str(self._comparator.raised)

    @property
    def speed(self) -> Speed:
        """Speed of the run; None without one, and as fast as it goes."""
        pacer = self._pacer
        return None if pacer is None else pacer.speed

    @property
    def running(self) -> bool:
        """Is a run under way, held or not?"""
        return self._gate.running

    @property
    def paused(self) -> bool:
        """Is the run held?"""
        return self._gate.paused

    # ---- moving ----

    def step(self, n: int = 1) -> int:
        """Go n records forward; returns the position, which is short of that at the end of the
        journal and at a difference.
        """
        _natural("step", n)
        return self._move(self.view.seq_of(self._position, n))

    def step_back(self, n: int = 1) -> int:
        """Go n records back, to before the first at most; returns the position."""
        _natural("step_back", n)
        return self._move(self.view.seq_of(self._position, -n))

    def seek(self, ring_seq: int) -> int:
        """Stand behind a record, `begin_seq` for before the first; returns the position."""
        if not self.begin_seq <= ring_seq <= self.last_seq:
            raise InputError(f"seek: found record {ring_seq}; allowed: {self.span}")
        return self._move(ring_seq)

    def seek_time(self, ts_ns: int) -> int:
        """Stand where the engine stood at a time: behind the last input received up to it and all
        that was said because of it; returns the position.
        """
        return self._move(self.view.seq_at(ts_ns))

    def run(
        self,
        *,
        until: Until = None,
        speed: str | float | Fraction | None = None,
        on_event: OnEvent | None = None,
        wanted: EventFilter | None = None,
        pacer: Pacer | None = None,
        idle_max_ns: int | None = None,
    ) -> RunEnd:
        """Play forward; returns why it ended.

        `until` is a record's number, or is asked after every record. `speed` is a factor of the
        market's time, None as fast as it goes; or `pacer` brings a clock of its own, and
        `idle_max_ns` jumps over longer silence. `on_event` gets the records that pass `wanted` (by
        default the filter set last), each when it is due and with the session standing at it; False
        from it ends the run. Ctrl-C raises StoppedError, with the session whole.
        """
        self._check_mine()
        self._gate.enter()
        try:
            if wanted is not None:
                self.set_filter(wanted)
            self._pacer = Pacer(speed) if pacer is None else pacer
            with _signals():
                return self._run(until, on_event, idle_max_ns)
        finally:
            self._pacer = None
            self._gate.leave()

    def pause(self) -> None:
        """Hold the run between two records. From another thread it returns once the run is held or
        over; then the session may be moved and asked. StateError when nothing runs.
        """
        self._gate.pause()

    def resume(self) -> None:
        """Let a held run go on from where the session stands now; StateError when none is held."""
        self._gate.resume()

    def stop(self) -> None:
        """End the run after its record."""
        self._gate.stop()

    def set_speed(self, speed: str | float | Fraction | None) -> None:
        """Change the speed of the run; StateError when nothing runs."""
        pacer = self._pacer
        if pacer is None:
            raise StateError("nothing runs; give a speed with run")
        pacer.set_speed(speed)

    def set_filter(self, wanted: EventFilter) -> None:
        """Change what the run tells of."""
        wanted.allowed()
        if wanted.symbol:
            self.view.instrument(wanted.symbol)
        self._wanted = wanted

    # ---- looking ----

    def state(self) -> dict[str, Any]:
        """The engine as plain values: orders, positions and P&L, books, strategies with parameters
        and attributes, limits, latches, risk counts, timers. Prices, quantities and money are
        mantissas.
        """
        self._check_mine()
        return {"position": self._position, **pipeline_state(self._pipeline, self.spec)}

    def export_state(self, path: str | Path) -> None:
        """Write the state as one JSON document; the file is whole or not there."""
        text = orjson.dumps(self.state(), option=orjson.OPT_INDENT_2, default=str)
        with PartFile(Path(path)) as file:
            file.write(text + b"\n")

    def event(self, ring_seq: int | None = None) -> Event | None:
        """A record of the journal, by default the one the session stands at."""
        return self.view.at(self._position if ring_seq is None else ring_seq)

    def events(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        templates: tuple[str, ...] = (),
        outputs_only: bool = False,
        state_changes_only: bool = False,
        actions_only: bool = False,
        symbol: str = "",
    ) -> Iterator[Event]:
        """Records start to stop, both included, that pass every filter given. The session does not
        move.
        """
        wanted = EventFilter(
            templates=tuple(templates),
            outputs_only=outputs_only,
            state_changes_only=state_changes_only,
            actions_only=actions_only,
            symbol=symbol,
        )
        return self.view.find(wanted, start, stop)

    # ---- inside ----

    def _check_mine(self) -> None:
        if not self._gate.mine():
            raise StateError("the session is played by another thread; pause or stop that first")

    def _make(self, seq: int, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._comparator = Comparator(pipeline, compare=self.verify)
        self._position = seq
        self._stuck = self._broken = False

    def _restart(self) -> None:
        self._make(self.begin_seq, engine_at_beginning(self._reader))
        self._from_image = False

    def _restore(self, seq: int, image: bytes) -> None:
        pipeline = new_engine(self._reader)
        self.checkpoints.load(pipeline, image)
        self._make(seq, pipeline)
        self._from_image = True

    def _move(self, target: int) -> int:
        self._check_mine()
        with _signals():
            self._go(target, jump=True)
        return self._position

    def _go(self, target: int, *, jump: bool = False) -> None:
        best = self.checkpoints.best(target)
        back = target < self._position or self._broken
        if best is not None and (back or (jump and best[0] - self._position > _NEAR)):
            self._restore(*best)
        elif back:
            self._restart()
        self._forward(target)
        if self._stuck and self._from_image:
            # The engine said otherwise than the journal: was the image not what the engine was?
            self.checkpoints.refuse("an engine made from an image went another way")
            self._restart()
            self._forward(target)
        if self._stuck and self._difference is None:
            self._difference = difference_of(self._comparator.divergence)

    def _forward(self, target: int) -> None:
        while self._position < target and not self._stuck:
            due = self.checkpoints.due_after(self._position)
            stop = target
            keep = due is not None and due <= target
            if keep and due is not None:
                stop = min(target, self.view.boundary(due))
                keep = stop == self.view.boundary(stop)
            self._pass(stop)
            if keep and self._position == stop and self._comparator.raised is None:
                self.checkpoints.offer(stop, self._pipeline)

    def _pass(self, stop: int) -> None:
        """Step and compare the records up to a number; stands still at a difference."""
        comparator = self._comparator
        self._broken = True
        try:
            for slots in self.view.slots(self._position + 1, stop):
                if not comparator.run(slots):
                    self._stuck = True
                    break
            self._broken = False
        except StoppedError:
            self._broken = False
            raise
        finally:
            self._position = max(self._position, comparator.last_seq)
        # A run that did not come to its end may have been cut between an input and its outputs.
        at_end = self._whole and self._position == self.last_seq
        if at_end and comparator.finish() is not None:
            self._stuck = True

    def _run(self, until: Until, on_event: OnEvent | None, idle_max_ns: int | None) -> RunEnd:
        limit = until if isinstance(until, int) else self.last_seq
        ask = until if callable(until) else None
        pacer = self._pacer
        assert pacer is not None
        ahead: tuple[EventFilter, int, Event | None] | None = None
        while True:
            if self._gate.hold():
                pacer.meet()
            if stop_requested():
                raise StoppedError(f"replay stopped on request after record {self._position}")
            if self._gate.stopping:
                return "stopped"
            if self._stuck:
                return "difference"
            if self._position >= min(limit, self.last_seq):
                return "end" if self._position >= self.last_seq else "until"
            target = self._due(pacer, idle_max_ns)
            if target is None:
                continue
            target = min(limit, target if ask is None else self._position + 1)
            event = None
            if on_event is not None:
                wanted, position = self._wanted, self._position
                if ahead is None or ahead[0] is not wanted or not ahead[1] <= position:
                    ahead = None
                if ahead is None or (ahead[2] is not None and ahead[2].ring_seq <= position):
                    ahead = (wanted, position, self.view.next(wanted, position))
                event = ahead[2]
                if event is not None:
                    target = min(target, event.ring_seq)
            self._go(target)
            told = event is not None and event.ring_seq == self._position
            if on_event is not None and event is not None and told and on_event(event) is False:
                return "stopped"
            if ask is not None and ask(self):
                return "until"

    def _due(self, pacer: Pacer, idle_max_ns: int | None) -> int | None:
        """How far the run may go now; None when nothing is due and a little time has passed."""
        if pacer.speed is None:
            return self._position + _CHUNK
        following = self.view.at(self.view.seq_of(self._position, 1))
        assert following is not None
        ts_ns = max(following.ts_ns, self.now_ns)
        if idle_max_ns is not None and self.now_ns and ts_ns - self.now_ns > idle_max_ns:
            pacer.meet()
        if not pacer.wait_for(ts_ns):
            return None
        market_ns = pacer.market_ns()
        if market_ns is None:
            return following.ring_seq
        return max(following.ring_seq, self.view.seq_at(market_ns))


def _natural(name: str, n: int) -> None:
    if n < 0:
        raise InputError(f"{name}: found {n} records; allowed: 0 or more")
