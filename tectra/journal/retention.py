"""Old journals: closed segments packed and indexed, whole journals removed when their time is over.

Compacting keeps every record; it may run while the journal grows. Pruning removes whole journals
only: one that lacks its first segments replays to nothing, so no segment of a journal goes alone.
Times come in as arguments. Any thread; one at a time for a directory (compact.lock).
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tectra.core.errors import InputError, JournalError
from tectra.journal.index import build_index, index_path, index_state
from tectra.journal.manifest import MANIFEST_NAME, Manifest
from tectra.journal.pack import PackLock, no_writer, pack_segment, save_packed, unpack_segment
from tectra.journal.place import held_alone, held_in_place
from tectra.journal.segment import PACKED_SUFFIX, SegmentFile, segment_paths

__all__ = [
    "Compacted",
    "Prunable",
    "compact_journal",
    "find_journals",
    "prune_journals",
    "unpack_journal",
]

_REMOVED_SUFFIX = ".tectra-removed"

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of a segment. `bytes_before` and `bytes_after` are of its file, `index_bytes` of
    its index; `left` says why it was left as it is, "" when it was not.
    """

    segment_id: int
    records: int
    bytes_before: int
    bytes_after: int
    index_bytes: int
    packed: bool
    indexed: bool
    left: str = ""


def compact_journal(
    path: str | Path,
    *,
    before_ns: int | None = None,
    level: int = 3,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[Compacted]:
    """Pack the closed segments of a journal and build the indexes that are missing or not good.

    `before_ns`: only files that were last written before this time. A segment that is open, or full
    and not yet finished by its writer, is left. `dry_run` changes nothing. Raises JournalError when
    there is no journal or another process works on it, JournalCorruptError at a damaged segment,
    OSError; what was done until then holds.
    """
    directory = Path(path)
    Manifest.load(directory)
    if dry_run:
        return list(_compacted(directory, before_ns, level, dry_run=True, progress=progress))
    with held_in_place(directory), PackLock(directory):
        done: list[Compacted] = []
        try:
            done.extend(_compacted(directory, before_ns, level, dry_run=False, progress=progress))
        finally:
            save_packed(directory)
    return done


def _compacted(
    directory: Path,
    before_ns: int | None,
    level: int,
    *,
    dry_run: bool,
    progress: Progress | None,
) -> Iterator[Compacted]:
    files = segment_paths(directory)
    for done, number in enumerate(sorted(files), start=1):
        yield _one(files[number], before_ns, level, dry_run=dry_run)
        if progress is not None:
            progress(done, len(files))


def _one(path: Path, before_ns: int | None, level: int, *, dry_run: bool) -> Compacted:
    segment = SegmentFile(path)
    head, before = segment.head, segment.stored_bytes
    young = before_ns is not None and path.stat().st_mtime_ns >= before_ns
    left = "not closed" if not head.closed else "too young" if young else ""
    pack = not left and path.suffix != PACKED_SUFFIX
    index = not left and index_state(segment) != "ok"
    if not dry_run:
        # The index first: of a plain file it is built without unpacking.
        if index:
            build_index(segment)
        if pack:
            path = pack_segment(path, level=level)
    where = index_path(path.parent, head.segment_id)
    return Compacted(
        segment_id=head.segment_id,
        records=head.records,
        bytes_before=before,
        bytes_after=path.stat().st_size,
        index_bytes=where.stat().st_size if where.exists() else 0,
        packed=pack,
        indexed=index,
        left=left,
    )


def unpack_journal(path: str | Path, *, progress: Progress | None = None) -> int:
    """Put the plain files back in place of all packed ones; returns how many there were.

    Raises JournalError when there is no journal or another process works on it, JournalCorruptError
    at a damaged file, OSError; what was done until then holds.
    """
    directory = Path(path)
    Manifest.load(directory)
    with held_in_place(directory), PackLock(directory):
        files = segment_paths(directory)
        packed = [files[n] for n in sorted(files) if files[n].suffix == PACKED_SUFFIX]
        try:
            for done, file in enumerate(packed, start=1):
                unpack_segment(file)
                if progress is not None:
                    progress(done, len(packed))
        finally:
            save_packed(directory)
    return len(packed)


@dataclass(frozen=True, slots=True)
class Prunable:
    """A journal below a directory, and whether it is removed. `closed_ns` is when it was last
    written; `reason` says why it goes, or why it stays.
    """

    path: Path
    bytes: int
    closed_ns: int
    remove: bool
    reason: str


def find_journals(root: str | Path) -> list[Path]:
    """Journals in a directory, and those of the runs' directories in it (RUN/journal). Sorted, and
    without links and hidden names. InputError when it is no directory, or a journal itself.
    """
    top = Path(root)
    if not top.is_dir():
        raise InputError(f"{top}: found no directory; allowed: one that holds journals")
    if _is_journal(top):
        raise InputError(f"{top}: found a journal; allowed: the directory that holds journals")
    real = (path for path in sorted(top.iterdir()) if not path.is_symlink())
    wanted = (where for path in real for where in (path, path / "journal"))
    return [w for w in wanted if not w.name.startswith(".") and _is_journal(w)]


def _is_journal(path: Path) -> bool:
    if not path.is_dir() or path.is_symlink():
        return False
    return (path / MANIFEST_NAME).exists() or any(segment_paths(path))


def prune_journals(
    root: str | Path,
    *,
    before_ns: int,
    keep: int = 0,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[Prunable]:
    """Remove whole journals below a directory that were closed before a time.

    The `keep` newest stay whatever their age. One that is open, was not closed, whose manifest
    cannot be read, or that holds a directory stays: it is for a person to look at. A journal goes
    in one step (renamed, then removed), with everything in its directory and nothing beside it.
    Raises InputError, OSError.
    """
    if keep < 0:
        raise InputError(f"keep: found {keep}; allowed: 0 or more")
    paths = find_journals(root)
    if not dry_run:
        for path in {Path(root), *(p.parent for p in paths)}:
            for left in path.glob(f".*{_REMOVED_SUFFIX}"):
                shutil.rmtree(left)
    newest = sorted(paths, key=_age_of, reverse=True)[:keep]
    out = []
    for done, path in enumerate(paths, start=1):
        found = _judged(path, before_ns, kept=path in newest)
        if found.remove and not dry_run:
            found = _removed(found)
        out.append(found)
        if progress is not None:
            progress(done, len(paths))
    return out


def _age_of(path: Path) -> int:
    """When a journal was last written: compacting leaves the time of its manifest."""
    where = path / MANIFEST_NAME
    return (where if where.exists() else path).stat().st_mtime_ns


def _judged(path: Path, before_ns: int, *, kept: bool) -> Prunable:
    size = sum(p.stat().st_size for p in path.iterdir() if p.is_file())
    when = _age_of(path)

    def say(reason: str, *, remove: bool = False) -> Prunable:
        return Prunable(path, size, when, remove, reason)

    try:
        manifest = Manifest.load(path)
    except JournalError as error:
        return say(f"stays: {error}")
    if not manifest.closed:
        return say("stays: not closed; it is being written, or its run crashed")
    if kept:
        return say("stays: one of the newest")
    if when >= before_ns:
        return say("stays: young")
    if any(p.is_dir() for p in path.iterdir()):
        return say("stays: there is a directory in it, which no journal has")
    return say("closed and old", remove=True)


def _removed(found: Prunable) -> Prunable:
    """Remove a journal unless somebody is at it."""
    gone = found.path.with_name(f".{found.path.name}{_REMOVED_SUFFIX}")
    with no_writer(found.path) as mine:
        if not mine:
            return Prunable(
                found.path, found.bytes, found.closed_ns, remove=False, reason="stays: in use"
            )
        try:
            with held_alone(found.path), PackLock(found.path):
                found.path.rename(gone)
        except JournalError as error:
            return Prunable(
                found.path, found.bytes, found.closed_ns, remove=False, reason=f"stays: {error}"
            )
    shutil.rmtree(gone)
    return found
