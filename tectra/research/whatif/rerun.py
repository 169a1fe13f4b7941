"""Lives an alternative: the market and the operators of a journal, a fresh engine, and the
simulated exchange that answers it.

A control record comes when everything that was due by its time has come; that is also where the
change is put in, ahead of the first market record it is for.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.backtest import BacktestDriver, make_driver
from tectra.core.errors import StrategyCallbackError
from tectra.core.msg import DIRECTION, HEAD, SessionKind, Template
from tectra.core.row import row_of
from tectra.core.stop import StopSignals
from tectra.engine.session import open_journal
from tectra.journal.scan import walk
from tectra.research.whatif.change import Plan
from tectra.research.whatif.original import MARKET, Original

__all__ = ["Lived", "live"]

Slots = NDArray[np.uint8]
Progress = Callable[[int, int], None]
_CONTROL = np.zeros(1 << 16, np.bool_)
_CONTROL[
    [
        int(t)
        for t, d in DIRECTION.items()
        if d == "input" and t >= Template.CONTROL_KILL and t is not Template.TIMER
    ]
] = True


@dataclass(frozen=True)
class Lived:
    """What came of an alternative. `changed_seq` is the ring_seq of the first record of the change
    in its own journal, None when it held from the start.
    """

    driver: BacktestDriver
    changed_seq: int | None
    raised: str | None
    ended: bool


class _Stepper:
    """Feeds one journal's market and control records to a driver."""

    def __init__(self, original: Original, plan: Plan, driver: BacktestDriver) -> None:
        self.original = original
        self.plan = plan
        self.driver = driver
        self.changed_seq: int | None = None
        self.ended = False
        self._limits_due = plan.alternative.from_start and plan.alternative.limits is not None
        self._change_due = not plan.alternative.from_start

    def segment(self, slots: Slots) -> None:
        """Step what is to be stepped of one segment's slots."""
        starts, _ = walk(slots.reshape(-1))
        heads = np.ascontiguousarray(slots[starts]).view(HEAD).reshape(-1)
        ids = heads["template_id"]
        market = MARKET[ids]
        edges = np.append(starts, len(slots)).astype(np.int64)
        begin = 0
        for at in self._stops(heads, market):
            self._market(slots, edges, market, begin, at)
            begin = at
            if market[at]:
                self._change(int(heads["ts_recv_ns"][at]))
            else:
                self._control(slots[edges[at] : edges[at + 1]].tobytes())
        self._market(slots, edges, market, begin, len(starts))

    def _stops(self, heads: NDArray[np.void], market: NDArray[np.bool_]) -> Iterator[int]:
        """Record numbers of the control records, and of the market record the change is for."""
        stops = np.flatnonzero(_CONTROL[heads["template_id"]]).tolist()
        if self._change_due:
            asked = self.plan.alternative
            late = (
                heads["ring_seq"] >= np.uint64(max(0, asked.at_seq))
                if asked.at_seq is not None
                else heads["ts_recv_ns"] >= asked.at_ns
            )
            found = np.flatnonzero(market & late)
            stops = sorted([*stops, *found[:1].tolist()])
        yield from stops

    def _market(
        self, slots: Slots, edges: NDArray[np.int64], market: NDArray[np.bool_], a: int, b: int
    ) -> None:
        keep = np.repeat(market[a:b], np.diff(edges[a : b + 1]))
        part = slots[edges[a] : edges[b]][keep]
        if len(part):
            self.driver.run(part.reshape(-1))

    def _change(self, ts_ns: int) -> None:
        self._change_due = False
        self.driver.wait(ts_ns)
        self.changed_seq = self.driver.pipeline.ring_seq + 1
        for record in self.plan.records:
            self.driver.control(_stamped(record, ts_ns))

    def _control(self, record: bytes) -> None:
        row = row_of(record)
        template, ts_ns = Template(int(row["template_id"])), int(row["ts_recv_ns"])
        if self._limits_due and template is Template.SESSION:
            self._limits_due = False
            for one in self.plan.spec.limit_records(ts_ns):
                self.driver.control(one)
        if self._limits_due and template is Template.CONTROL_LIMIT:
            return  # one of those that set the original's limits before its start
        if template is Template.SESSION and row["kind"] == SessionKind.END:
            self.driver.finish(self.original.setup.grace_ns)
            self.ended = True
            record = _stamped(record, self.driver.pipeline.now_ns)
        elif self.driver.records:
            self.driver.wait(ts_ns)
        self.driver.control(record)

    def close(self) -> None:
        """After the last record of a run that did not come to its end."""
        if not self.ended:
            self.driver.note(self.driver.pipeline.now_ns)


def _stamped(record: bytes, ts_ns: int) -> bytes:
    row = row_of(bytearray(record))
    row["ts_event_ns"] = row["ts_recv_ns"] = ts_ns
    return row.tobytes()


def live(original: Original, plan: Plan, directory: Path, progress: Progress | None) -> Lived:
    """Run an alternative; its journal and the strategies' sources are written to `directory`.

    A strategy that raises ends the run there, as it ended the original: `raised` says so.
    """
    pipeline = plan.spec.make_pipeline(plan.classes)
    setup = original.setup
    raised: str | None = None
    with open_journal(directory / "journal", plan.spec, plan.classes) as journal, StopSignals():
        pipeline.attach_journal(journal)
        driver = make_driver(pipeline, setup.exchange, sample_ns=setup.sample_ns)
        stepper = _Stepper(original, plan, driver)
        count = original.reader.segment_count
        try:
            for number, (_, slots) in enumerate(original.reader.segments(), start=1):
                stepper.segment(slots)
                if progress is not None:
                    progress(number, count)
        except StrategyCallbackError as error:
            raised = str(error)
            driver.note(pipeline.now_ns)
        else:
            stepper.close()
            if stepper.ended:
                journal.close(result=asdict(pipeline.summary))
    return Lived(driver, stepper.changed_seq, raised, stepper.ended)
