"""Which files of a directory are meant, by pattern and by the dates in their names; a file or a
store opened for reading.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from glob import has_magic
from pathlib import Path

from tectra.core.errors import InputError
from tectra.feed.formats import open_feed
from tectra.feed.importer.base import RecordFeed
from tectra.feed.importer.lobster import book_of
from tectra.feed.merge import MergedFeed
from tectra.feed.selection import Selection
from tectra.feed.tick_manifest import MANIFEST_NAME
from tectra.feed.tick_store import TickStore
from tectra.feed.trade_date import date_of_name
from tectra.feed.window import WindowFeed

__all__ = ["companion", "find_files", "is_store", "merge_files", "open_part"]


def companion(path: Path) -> Path | None:
    """The file that is read along with this one: the book of LOBSTER messages."""
    return book_of(path)


def is_store(path: str | Path) -> bool:
    """Whether a path is the directory of a tick store."""
    return (Path(path) / MANIFEST_NAME).is_file()


def find_files(
    patterns: Iterable[str | Path], selection: Selection | None = None
) -> tuple[list[Path], list[Path]]:
    """(files that are meant, files whose name has a date outside the selection's time), by name.

    A pattern has *, ?, [] or ** for any depth; a name without them has to exist. A date in a name
    may be of any time zone, so the days beside the window count as inside. What is read along with
    another file that was found is no file of its own. InputError for a pattern that finds nothing.
    """
    meant: dict[Path, None] = {}
    for pattern in patterns:
        text = str(pattern)
        if has_magic(text) and not Path(text).exists():
            found = _matching(Path(text))
        else:
            found = [Path(text)] if Path(text).exists() else []
        if not found:
            raise InputError(f"found no file for {text!r}; check the name or the pattern")
        meant |= dict.fromkeys(found)
    along = {companion(path) for path in meant}
    meant = dict.fromkeys(path for path in meant if path not in along)
    files = sorted(meant, key=lambda p: (str(date_of_name(p) or ""), p.name, str(p)))
    outside = [] if selection is None else [p for p in files if _outside(p, selection)]
    return [p for p in files if p not in outside], outside


def _matching(pattern: Path) -> list[Path]:
    """Files below the part of the pattern that has no magic."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if has_magic(part))
    base = Path(*parts[:first])
    return sorted(path for path in base.glob(str(Path(*parts[first:]))) if path.is_file())


def _outside(path: Path, selection: Selection) -> bool:
    day = date_of_name(path)
    if day is None:
        return False
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    first = int((start - timedelta(days=1)).timestamp()) * 1_000_000_000
    last = int((start + timedelta(days=2)).timestamp()) * 1_000_000_000
    after = selection.to_ns is not None and first >= selection.to_ns
    return after or (selection.from_ns is not None and last <= selection.from_ns)


def open_part(
    path: str | Path,
    selection: Selection | None = None,
    *,
    format: str | None = None,  # noqa: A002  the word that users look for
    options: Mapping[str, object] | None = None,
    strict: bool = True,
) -> RecordFeed:
    """The records of a file of any format, or of a store, that a selection means. Raises as
    open_feed() and TickStore do; `strict` False reads on behind damaged blocks of a store.
    """
    if is_store(path):
        if format is not None or options:
            raise InputError(f"{path} is a tick store; it takes no format and no options")
        return TickStore(path).feed(selection, strict=strict)
    feed = open_feed(path, format, options=options)
    if selection is None or selection.everything:
        return feed
    return WindowFeed(feed, selection)


def merge_files(
    patterns: Iterable[str | Path],
    selection: Selection | None = None,
    *,
    format: str | None = None,  # noqa: A002
    options: Mapping[str, object] | None = None,
    sort_window_ns: int = 0,
) -> MergedFeed:
    """Files as one feed in time order: those that the patterns name and whose dates are meant, each
    cut to the selection. InputError, and what open_feed() raises.
    """
    by = "recv" if selection is None else selection.by
    files, _ = find_files(patterns, selection)
    feeds: list[RecordFeed] = []
    try:
        for path in files:
            feed = open_part(path, selection, format=format, options=options)
            feeds.append(feed)
    except BaseException:
        for feed in feeds:
            feed.close()
        raise
    return MergedFeed(feeds, [str(p) for p in files], by=by, sort_window_ns=sort_window_ns)
