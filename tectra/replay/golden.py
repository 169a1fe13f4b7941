"""Golden runs: digests of what a run was told, what it said and where it ended, kept in a small
file and held against the run's journal, replayed with the code of today.

The file is JSON, one entry a name, sorted, so that a change of it reads well in a review. An entry
may name a journal that is kept; where digests differ, that journal says at which record.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from tectra.core.errors import FileFormatError, InputError, ReplayMismatchError, StateError
from tectra.core.part_file import PartFile
from tectra.engine.image import save_state, state_digest
from tectra.engine.pipeline import Pipeline
from tectra.replay.diff import diff_journals
from tectra.replay.verify import ReplayReport, journal_of, replay

__all__ = ["GoldenFile", "GoldenResult", "GoldenRun", "check_golden", "golden_run", "update_golden"]

FORMAT = "tectra-golden"
VERSION = 1


class GoldenRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of one run. `state_digest` is None where a strategy's attributes cannot be kept
    (`state_note` says which); `journal` is a path from the file's directory.
    """

    inputs: int
    outputs: int
    input_digest: str
    output_digest: str
    state_digest: str | None = None
    state_note: str | None = None
    journal: str | None = None


class GoldenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    runs: dict[str, GoldenRun] = {}
    format: str = FORMAT
    version: int = VERSION

    @classmethod
    def load(cls, path: str | Path) -> "GoldenFile":
        """Read a file. InputError when there is none, FileFormatError when it is not one."""
        file = Path(path)
        try:
            out = msgspec.json.decode(file.read_bytes(), type=cls)
        except OSError as error:
            raise InputError(
                f"{file}: {error.strerror}; `tectra replay golden update {file} DIR` makes one"
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FileFormatError(f"{file}: no file of golden runs: {error}") from error
        if out.format != FORMAT or out.version != VERSION:
            raise FileFormatError(
                f"{file}: found {out.format!r} version {out.version}; allowed: {FORMAT!r} version "
                f"{VERSION}"
            )
        return out

    def save(self, path: str | Path) -> None:
        """Write the whole file or nothing. InputError where that is not possible."""
        ordered = msgspec.structs.replace(self, runs=dict(sorted(self.runs.items())))
        with PartFile(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(ordered), indent=2) + b"\n")


@dataclass(frozen=True)
class GoldenResult:
    """One run held against its entry: `differs` maps what is not the same to (golden, found).

    `where` is the first record that differs, by the replay of this run or by comparison with the
    journal that is kept; `problems` is what the replay found beside.
    """

    name: str
    path: str
    differs: dict[str, tuple[Any, Any]]
    where: str | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """All digests are those of the file and the replay found nothing."""
        return not self.differs and not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "ok": self.ok}

    def lines(self) -> Iterator[str]:
        """The result as text."""
        if self.ok:
            yield f"{self.name}: equal"
            return
        yield f"{self.name}: DIFFERENT ({self.path})"
        for what, (golden, found) in self.differs.items():
            yield f"  {what}: golden {golden}, found {found}"
        if self.where is not None:
            yield f"  first difference at {self.where}"
        yield from (f"  {problem}" for problem in self.problems)


def _state(pipeline: Pipeline) -> tuple[str | None, str | None]:
    try:
        return state_digest(save_state(pipeline)), None
    except StateError as error:
        return None, str(error)


def golden_run(path: str | Path) -> tuple[GoldenRun, ReplayReport]:
    """Replay a run and take its digests. Raises as verify_replay does, ReplayMismatchError for a
    run that did not come to its end.
    """
    pipeline, report = replay(path)
    if not report.ended:
        raise ReplayMismatchError(
            f"{path}: the run did not come to its end, so it has no final state; give one that did"
        )
    digest, note = _state(pipeline)
    summary = report.summary
    run = GoldenRun(
        inputs=summary.inputs,
        outputs=summary.outputs,
        input_digest=summary.input_digest,
        output_digest=summary.output_digest,
        state_digest=digest,
        state_note=note,
    )
    return run, report


def _problems(report: ReplayReport) -> tuple[str, ...]:
    """What a replay found, in lines."""
    return () if report.ok else tuple(report.verdict())


def _kept(file: Path, run: GoldenRun) -> Path | None:
    kept = None if run.journal is None else file.parent / run.journal
    return kept if kept is not None and journal_of(kept).is_dir() else None


def _check_one(file: Path, golden: GoldenFile, name: str, path: Path) -> GoldenResult:
    known = golden.runs.get(name)
    if known is None:
        allowed = ", ".join(golden.runs) or "none"
        raise InputError(
            f"{file}: no golden run {name!r}; it has: {allowed}. Give NAME=DIR, or add it with "
            f"`tectra replay golden update`"
        )
    found, report = golden_run(path)
    differs = {
        field.replace("_", " "): (getattr(known, field), getattr(found, field))
        for field in ("inputs", "outputs", "input_digest", "output_digest", "state_digest")
        if getattr(known, field) != getattr(found, field)
    }
    where = None if report.difference is None else str(report.difference)
    kept = _kept(file, known)
    if where is None and differs and kept is not None:
        first = diff_journals(kept, path).divergence
        where = None if first is None else f"{first} (journal kept at {kept})"
    return GoldenResult(name, str(path), differs, where, _problems(report))


def check_golden(file: str | Path, runs: Mapping[str, str | Path]) -> list[GoldenResult]:
    """Hold runs (name -> directory) against a file. Raises InputError for a name that is not in the
    file, and as verify_replay does.
    """
    golden = GoldenFile.load(file)
    return [_check_one(Path(file), golden, name, Path(path)) for name, path in runs.items()]


def update_golden(
    file: str | Path, runs: Mapping[str, str | Path], *, keep_journals: bool = False
) -> list[str]:
    """Write the digests of runs (name -> directory) into a file, which is made if there is none;
    returns the names whose entry changed. `keep_journals`: the entries name the directories.

    Raises ReplayMismatchError, with nothing written, for a run that does not replay equal.
    """
    target = Path(file)
    golden = GoldenFile.load(target) if target.exists() else GoldenFile()
    taken = {}
    for name, path in runs.items():
        found, report = golden_run(path)
        if not report.ok:
            raise ReplayMismatchError(f"{path}: {' '.join(report.verdict())}")
        if keep_journals:
            near = os.path.relpath(path, target.parent)
            found = msgspec.structs.replace(found, journal=near)
        taken[name] = found
    changed = [n for n, run in taken.items() if golden.runs.get(n) != run]
    msgspec.structs.replace(golden, runs={**golden.runs, **taken}).save(target)
    return changed
