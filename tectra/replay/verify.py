"""Replays a journal and says whether the engine would say the same again."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tectra.core.clock import LiveClock
from tectra.core.stop import StopSignals
from tectra.engine.parts import OUTPUT_MASK, EngineSummary
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.replay.compare import Comparator
from tectra.replay.difference import Difference

__all__ = ["ReplayReport", "journal_of", "verify_replay"]


@dataclass(frozen=True)
class ReplayReport:
    """What was replayed and what was found.

    `raised` is the text of a callback's exception that the replay reproduced; `ended` is whether
    the run came to its end, which one that raised, was stopped or crashed did not.
    """

    path: str
    inputs: int
    outputs: int
    elapsed_ns: int
    market_ns: int
    summary: EngineSummary
    journal_digest: str | None
    difference: Difference | None
    until_seq: int | None
    raised: str | None
    ended: bool

    @property
    def ok(self) -> bool:
        """Every output was equal, and so is the digest of a run that ended."""
        if self.difference is not None:
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
            yield f"reproduced: {self.raised}"
        if self.difference is not None:
            yield f"DIFFERENT at {self.difference}"
        elif self.ok:
            yield "equal: the replay said the same, byte for byte"
            if not self.ended:
                yield "the run itself did not come to its end: it raised, was stopped, or crashed"
        else:
            yield (
                "DIFFERENT digests: the journal's manifest names another output digest than its "
                "records give"
            )


def journal_of(path: Path) -> Path:
    """The journal of a run's directory, or the directory itself when it is one."""
    return path / "journal" if (path / "journal").is_dir() else path


def verify_replay(
    path: str | Path,
    *,
    until_seq: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ReplayReport:
    """Replay a journal (or a run's directory that holds one) and compare every output.

    Raises JournalError when there is no journal, when it is damaged, or when the strategies' code
    is not the one that ran.
    """
    directory = journal_of(Path(path))
    reader = JournalReader(directory)
    spec = SessionSpec.from_journal(reader.session)
    pipeline = spec.make_pipeline(
        spec.load_classes(directory), capture_mask=OUTPUT_MASK, with_out_ring=False
    )
    comparator = Comparator(pipeline, until_seq=until_seq)
    clock = LiveClock()
    start = clock.now_ns()
    with StopSignals():
        for number, (_, slots) in enumerate(reader.segments(), start=1):
            if not comparator.run(slots.reshape(-1)):
                break
            if progress is not None:
                progress(number, reader.segment_count)
        comparator.finish()
    result = reader.result or {}
    digest = result.get("output_digest")
    return ReplayReport(
        path=str(directory),
        inputs=comparator.inputs,
        outputs=comparator.outputs,
        elapsed_ns=clock.now_ns() - start,
        market_ns=max(0, comparator.last_ns - comparator.first_ns) if comparator.inputs else 0,
        summary=pipeline.summary,
        journal_digest=digest if isinstance(digest, str) else None,
        difference=comparator.difference,
        until_seq=until_seq,
        ended=reader.result is not None,
        raised=None if comparator.raised is None else str(comparator.raised),
    )
