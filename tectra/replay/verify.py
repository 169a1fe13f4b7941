"""Replays a journal and says whether the engine would say the same again."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from tectra.core.clock import LiveClock
from tectra.core.errors import (
    JournalError,
    NonDeterminismError,
    StoppedError,
    TectraError,
)
from tectra.core.stop import StopSignals
from tectra.engine.compare import Comparator
from tectra.engine.parts import EngineSummary
from tectra.engine.pipeline import Pipeline
from tectra.journal.digest import Digest
from tectra.journal.reader import JournalReader
from tectra.replay.beginning import engine_at_beginning
from tectra.replay.difference import Difference, difference_of, may_end_within_step
from tectra.replay.guard import Caught, Guard, has_python

__all__ = ["ReplayReport", "journal_of", "replay", "verify_replay"]


@dataclass(frozen=True)
class ReplayReport:
    """What was replayed and what was found.

    `raised` is the text of a callback's exception that the replay reproduced, `raised_seq` the
    record it was handling, `trace` its traceback; `ended` is whether the run came to its end, which
    one that raised, was stopped or crashed did not. `caught` is where callbacks asked the machine
    for what no replay can repeat; `guarded` is whether that was looked for. `inputs_changed`: the
    journal's inputs are not those the run had, by the digest in its result; None where that cannot
    be told. `unsaid` counts the outputs behind the end of a journal that ends within a step.
    """

    path: str
    inputs: int
    outputs: int
    elapsed_ns: int
    market_ns: int
    summary: EngineSummary
    journal_digest: str | None
    journal_input_digest: str | None
    difference: Difference | None
    until_seq: int | None
    raised: str | None
    raised_seq: int | None
    trace: str | None
    ended: bool
    guarded: bool
    caught: tuple[Caught, ...]
    inputs_changed: bool | None
    unsaid: int = 0

    @property
    def ok(self) -> bool:
        """Every output was equal, nothing unrepeatable was asked, and the digests of a run that
        ended are those of its inputs and outputs.
        """
        if self.difference is not None or self.caught or self.inputs_changed:
            return False
        whole = self.until_seq is None and self.raised is None
        return (
            not whole
            or self.journal_digest is None
            or self.journal_digest == self.summary.output_digest
        )

    @property
    def real_time_factor(self) -> float:
        """Market time replayed for each unit of wall time."""
        return self.market_ns / self.elapsed_ns if self.elapsed_ns else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        out = asdict(self)
        out["ok"] = self.ok
        out["difference"] = None if self.difference is None else str(self.difference)
        out["component"] = None if self.difference is None else self.difference.component
        out["caught"] = [c.as_dict() for c in self.caught]
        out["real_time_factor"] = self.real_time_factor
        return out

    def lines(self) -> Iterator[str]:
        """The report as text."""
        rate = self.inputs * 1e9 / self.elapsed_ns if self.elapsed_ns else 0.0
        yield (
            f"{self.path}: {self.inputs:,} inputs replayed, {self.outputs:,} outputs compared, "
            f"{rate:,.0f} inputs a second, {self.real_time_factor:,.0f}x real time"
        )
        yield f"output digest of the replay   {self.summary.output_digest}"
        if self.until_seq is None and self.journal_digest is not None:
            yield f"output digest of the journal  {self.journal_digest}"
        if self.until_seq is not None:
            yield f"stopped after record {self.until_seq}"
        if self.raised is not None:
            yield from (self.trace or "").splitlines()
            same = self.difference is None
            yield f"{'reproduced' if same else 'raised by the replay alone'}: {self.raised}"
            command = f"tectra replay verify {quote(self.path)} --until {self.raised_seq}"
            yield f"come back to it: {command}"
        yield from self.verdict()

    def verdict(self) -> Iterator[str]:
        """What was found, in lines."""
        for caught in self.caught:
            yield f"NOT REPEATABLE: {caught}"
        if self.inputs_changed:
            yield (
                "CHANGED inputs: the journal's inputs are not those the run had (digest "
                f"{self.journal_input_digest}); what differs below follows from them"
            )
        if self.difference is not None:
            yield f"DIFFERENT at {self.difference}"
        elif self.ok:
            yield "equal: the replay said the same, byte for byte"
            if self.unsaid:
                yield f"the journal ends within a step: {self.unsaid} outputs of it are not there"
            if not self.ended:
                yield "the run itself did not come to its end: it raised, was stopped, or crashed"
        elif not self.caught and not self.inputs_changed:
            yield (
                "DIFFERENT digests: the journal's manifest names another output digest than its "
                "records give"
            )
        elif self.inputs_changed:
            yield "no output depends on what was changed: all of them are equal"


def journal_of(path: Path) -> Path:
    """The journal of a run's directory, or the directory itself when it is one."""
    return path / "journal" if (path / "journal").is_dir() else path


def _guard_of(pipeline: Pipeline, wanted: bool | None) -> Guard | None:
    """A guard where it is wanted; without a word, where there is something for it to see."""
    if wanted is False or not has_python(pipeline):
        return None
    return None if wanted is None and sys.getprofile() is not None else Guard(pipeline)


def _compare(
    reader: JournalReader,
    comparator: Comparator,
    guard: Guard | None,
    progress: Callable[[int, int], None] | None,
) -> Difference | None:
    """Step the whole journal; the first difference. A record that the engine cannot take, which
    the run's could, is one as well.
    """
    with StopSignals(), guard or nullcontext():
        for number, (_, slots) in enumerate(reader.segments(), start=1):
            try:
                if not comparator.run(slots.reshape(-1)):
                    break
            except (StoppedError, JournalError):
                raise
            except TectraError as error:
                seq = comparator.pipeline.ring_seq
                return Difference(seq, "engine", f"the replay cannot take this: {error}", {})
            if progress is not None:
                progress(number, reader.segment_count)
        found = comparator.divergence
        if found is None and not may_end_within_step(reader):
            found = comparator.finish()
        return difference_of(found)


def _by_guard(error: BaseException | None) -> bool:
    return isinstance(error, NonDeterminismError) or (
        error is not None and _by_guard(error.__cause__ or error.__context__)
    )


def _trace_of(raised: BaseException | None) -> str | None:
    """Traceback of what a callback raised, from the callback on."""
    cause = None if raised is None else raised.__cause__
    if cause is None:
        return None
    shown = traceback.TracebackException.from_exception(cause)
    while len(shown.stack) > 1 and shown.stack[0].filename.endswith(("verify.py", ".pyx")):
        del shown.stack[0]
    return "".join(shown.format()).rstrip()


def verify_replay(
    path: str | Path,
    *,
    until_seq: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    guard: bool | None = None,
) -> ReplayReport:
    """Replay a journal (or a run's directory that holds one) and compare every output.

    `guard`: name callbacks that ask the machine for what no replay can repeat; by default where
    there are Python strategies and no profiler is active.

    Raises JournalError when there is no journal, when it is damaged, or when the strategies' code
    is not the one that ran; StateError for guard=True under a profiler.
    """
    return replay(path, until_seq=until_seq, progress=progress, guard=guard)[1]


def replay(
    path: str | Path,
    *,
    until_seq: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    guard: bool | None = None,
) -> tuple[Pipeline, ReplayReport]:
    """As verify_replay, with the pipeline as the replay left it."""
    directory = journal_of(Path(path))
    reader = JournalReader(directory)
    pipeline = engine_at_beginning(reader)
    comparator = Comparator(pipeline, until_seq=until_seq)
    watching = _guard_of(pipeline, guard)
    clock = LiveClock()
    start = clock.now_ns()
    difference = _compare(reader, comparator, watching, progress)
    elapsed_ns = clock.now_ns() - start
    raised = comparator.raised
    if _by_guard(raised):
        # What follows from a call that was not made is no finding of its own.
        raised = difference = None
    result = reader.result or {}
    report = ReplayReport(
        path=str(directory),
        inputs=comparator.inputs,
        outputs=comparator.outputs,
        elapsed_ns=elapsed_ns,
        market_ns=max(0, pipeline.now_ns - comparator.first_ns) if comparator.inputs else 0,
        summary=pipeline.summary,
        journal_digest=_text(result.get("output_digest")),
        journal_input_digest=_text(result.get("input_digest")),
        difference=difference,
        until_seq=until_seq,
        ended=reader.result is not None,
        raised=None if raised is None else str(raised),
        raised_seq=None if raised is None else int(getattr(raised, "ring_seq", 0)),
        trace=_trace_of(raised),
        guarded=watching is not None,
        caught=() if watching is None else tuple(watching.caught),
        inputs_changed=None,
        unsaid=_unsaid(pipeline, comparator, difference, until_seq),
    )
    return pipeline, replace(report, inputs_changed=_inputs_changed(report, reader))


def _unsaid(
    pipeline: Pipeline,
    comparator: Comparator,
    difference: Difference | None,
    until_seq: int | None,
) -> int:
    """Outputs that the journal lacks at its end, where it may."""
    if difference is not None or until_seq is not None or not comparator.rest():
        return 0
    return pipeline.ring_seq - comparator.last_seq


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _inputs_changed(report: ReplayReport, reader: JournalReader) -> bool | None:
    """Whether the journal holds other inputs than the run's result says."""
    if report.journal_input_digest is None:
        return None
    stepped_all = report.until_seq is None and report.raised is None and not report.caught
    found = report.summary.input_digest
    if not stepped_all or report.difference is not None:
        digest = Digest()
        for slots in reader.inputs():
            digest.update(slots)
        found = digest.state_hex
    return found != report.journal_input_digest
