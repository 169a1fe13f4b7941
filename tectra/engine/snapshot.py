"""Durable snapshots of an engine beside its journal: written on a schedule, kept by number, read
back whole.

A snapshot is written to another name, synced and renamed, so that a kill at any moment leaves every
whole snapshot there was. Before one is written the journal is synced: a snapshot on the disk is
never ahead of the journal on the disk. Time is that of the records: nothing here asks the machine.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tectra.core.closing import Closing
from tectra.core.errors import (
    FileFormatError,
    InputError,
    JournalError,
    StateError,
    SystemCallError,
)
from tectra.core.lock_file import lock_file
from tectra.core.part_file import sync_directory
from tectra.engine.image import load_state, save_state, state_digest
from tectra.engine.pipeline import Pipeline
from tectra.engine.sections import ring_seq_of
from tectra.engine.snapshot_file import (
    COMPRESSIONS,
    EngineSnapshot,
    encode_snapshot,
    epoch_of_file,
    read_snapshot,
)
from tectra.journal.place import make_directories

__all__ = [
    "SNAPSHOTS",
    "Compacted",
    "SnapshotKeeper",
    "SnapshotSchedule",
    "SnapshotStore",
    "load_beginning",
    "snapshots_of",
]

SNAPSHOTS = "snapshots"
_NAME = re.compile(r"engine-(\d{20})\.tts")
_PART = ".part"
_LOCK = "snapshots.lock"


def snapshots_of(journal: Path | str) -> Path:
    """The directory of the snapshots of a journal: RUN/snapshots/journal for RUN/journal."""
    directory = Path(journal).resolve()
    return directory.parent / SNAPSHOTS / directory.name


@dataclass(frozen=True)
class SnapshotSchedule:
    """When a snapshot is due: every so many records or nanoseconds of engine time, whichever comes
    first; 0: not counted. It counts from the first question on.
    """

    every_records: int = 0
    every_ns: int = 0

    def __post_init__(self) -> None:
        if self.every_records < 0 or self.every_ns < 0 or self.every_records + self.every_ns == 0:
            raise InputError(
                f"snapshots: found every {self.every_records} records, {self.every_ns} ns; "
                "allowed: 0 or more, one of them above 0"
            )

    def is_due(self, before: tuple[int, int], now: tuple[int, int]) -> bool:
        """`before`, `now`: (ring_seq, engine time) of the last snapshot and of this moment."""
        records, passed = now[0] - before[0], now[1] - before[1]
        return bool(
            (self.every_records and records >= self.every_records)
            or (self.every_ns and passed >= self.every_ns)
        )


@dataclass(frozen=True)
class Compacted:
    """What compact() did: the one snapshot that is left, how many it covered, bytes before and
    after.
    """

    path: Path
    dropped: int
    bytes_before: int
    bytes_after: int


class SnapshotStore(Closing):
    """Snapshots of one journal in one directory. One writer (a lock), any number of readers.

    `epoch`: of the journal; `keep`: how many of its snapshots are kept, the newest; those of a
    journal that had this place before are not counted and not touched. StateError when another
    writer is at work, SystemCallError when the disk refuses: whatever was there is there still.
    """

    def __init__(
        self, directory: Path | str, *, epoch: int, keep: int = 3, compression: str = "none"
    ) -> None:
        if keep < 1 or compression not in COMPRESSIONS:
            raise InputError(
                f"snapshots: found keep {keep}, compression {compression!r}; allowed: 1 or more, "
                f"{', '.join(COMPRESSIONS)}"
            )
        self.directory = Path(directory)
        self.epoch = epoch
        self._keep = keep
        self._compression = compression
        self._lock = -1

    def close(self) -> None:
        """Let another writer in. May be called twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # ---- reading ----

    def paths(self) -> list[Path]:
        """The snapshots that are there, newest first."""
        try:
            found = [p for p in self.directory.iterdir() if _NAME.fullmatch(p.name)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SystemCallError(error.errno, f"{self.directory}: {error.strerror}") from error
        return sorted(found, reverse=True)

    def _own(self) -> list[Path]:
        """Those that are not plainly of another journal, newest first."""
        return [p for p in self.paths() if epoch_of_file(p) in (self.epoch, None)]

    def _others(self, target: Path) -> list[Path]:
        """All but the one just written, in the order in which they are worth keeping: what says it
        stands behind a later record is of an earlier run.
        """
        others = [p for p in self._own() if p != target]
        return sorted(others, key=lambda p: p > target)

    def read(self, path: Path) -> EngineSnapshot:
        """One snapshot, checked; FileFormatError also when it is of another journal."""
        snapshot = read_snapshot(path)
        if snapshot.epoch != self.epoch:
            raise FileFormatError(
                f"{path.name}: is of another journal (epoch {snapshot.epoch:016x}, this one "
                f"{self.epoch:016x})"
            )
        if _NAME.fullmatch(path.name) and int(path.stem.rpartition("-")[2]) != snapshot.ring_seq:
            raise FileFormatError(f"{path.name}: stands behind record {snapshot.ring_seq}")
        return snapshot

    # ---- writing ----

    def write(self, image: bytes) -> Path:
        """Make an image durable, and drop the oldest snapshots above `keep`."""
        parts = encode_snapshot(image, epoch=self.epoch, compression=self._compression)
        target = self.directory / f"engine-{ring_seq_of(image):020d}.tts"
        with self._disk():
            self._claim()
            self._put(target, parts)
            self._drop(self._others(target)[self._keep - 1 :])
        return target

    def compact(self) -> Compacted:
        """Drop every snapshot that the newest whole one covers, and pack that one.

        What is packed holds the same state: it is read back and compared before it takes the
        place. StateError when there is no whole snapshot.
        """
        paths = self._own()
        before = sum(p.stat().st_size for p in paths)
        for number, path in enumerate(paths):
            try:
                snapshot = self.read(path)
            except (FileFormatError, StateError):
                continue
            with self._disk():
                self._claim()
                parts = encode_snapshot(snapshot.image, epoch=self.epoch, compression="zstd")
                self._put(path, parts, expect=state_digest(snapshot.image))
                self._drop([*paths[:number], *paths[number + 1 :]])
            return Compacted(path, len(paths) - 1, before, path.stat().st_size)
        raise StateError(f"{self.directory}: found no whole snapshot among {len(paths)}")

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, SystemCallError):
                raise
            raise SystemCallError(
                error.errno,
                f"{self.directory}: {error.strerror}; the snapshots that were there are there "
                "still: free disk space, or give a directory that can be written",
            ) from error

    def _claim(self) -> None:
        """Take the lock, once; what a writer that was killed left behind goes."""
        if self._lock >= 0:
            return
        make_directories(self.directory)
        lock = lock_file(self.directory / _LOCK)
        if lock is None:
            raise StateError(
                f"{self.directory}: another process writes snapshots here; wait for it to end"
            )
        self._lock = lock
        for left in self.directory.glob(f"*{_PART}"):
            left.unlink(missing_ok=True)

    def _put(self, target: Path, parts: list[bytes], *, expect: str = "") -> None:
        part = target.with_name(target.name + _PART)
        try:
            with part.open("wb") as file:
                for piece in parts:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if expect and state_digest(read_snapshot(part).image) != expect:
                raise StateError(
                    f"{part}: does not hold the state that was written; nothing is lost"
                )
            part.replace(target)
        except (Exception, KeyboardInterrupt):
            part.unlink(missing_ok=True)
            raise
        sync_directory(self.directory)

    def _drop(self, paths: list[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        if paths:
            sync_directory(self.directory)


def load_beginning(pipeline: Pipeline, directory: Path, *, epoch: int, base: int) -> None:
    """Put the state that a continued journal begins with into a new pipeline.

    `directory`, `epoch`: of the journal; `base`: the last record before it. JournalError when no
    whole snapshot stands there.
    """
    store = SnapshotStore(snapshots_of(directory), epoch=epoch)
    for path in store.paths():
        with contextlib.suppress(FileFormatError, StateError):
            snapshot = store.read(path)
            if snapshot.ring_seq == base:
                load_state(pipeline, snapshot.image)
                return
    raise JournalError(
        f"{directory}: begins behind record {base}, and no whole snapshot of it lies in "
        f"{store.directory}; recover the journal that it continues"
    )


class SnapshotKeeper:
    """Asks between two records whether a snapshot of a pipeline is due, and writes it.

    Call offer() after each batch or step. The engine's thread; a question costs about 200 ns.
    """

    def __init__(
        self, pipeline: Pipeline, store: SnapshotStore, schedule: SnapshotSchedule
    ) -> None:
        self.pipeline = pipeline
        self.store = store
        self.schedule = schedule
        self.written = 0
        self._last: tuple[int, int] | None = None

    @classmethod
    def beside(
        cls, pipeline: Pipeline, schedule: SnapshotSchedule, *, keep: int = 3
    ) -> "SnapshotKeeper":
        """For a pipeline with a journal: snapshots go to its own directory. InputError without."""
        journal = pipeline.journal
        if journal is None:
            raise InputError("snapshots: this pipeline has no journal; attach one first")
        store = SnapshotStore(snapshots_of(journal.path), epoch=journal.epoch, keep=keep)
        return cls(pipeline, store, schedule)

    def offer(self) -> Path | None:
        """Write a snapshot if one is due. The first call starts the count.

        Engine time begins with the first record that has one.
        """
        now = (self.pipeline.ring_seq, self.pipeline.now_ns)
        if self._last is None or self._last[1] == 0:
            self._last = now if self._last is None else (self._last[0], now[1])
        if not self.schedule.is_due(self._last, now):
            return None
        return self.write()

    def write(self) -> Path:
        """Write a snapshot now, behind the journal."""
        if self.pipeline.journal is not None:
            self.pipeline.journal.flush()
        path = self.store.write(save_state(self.pipeline))
        self._last = (self.pipeline.ring_seq, self.pipeline.now_ns)
        self.written += 1
        return path

    def close(self) -> None:
        """Give the directory back. May be called twice."""
        self.store.close()
