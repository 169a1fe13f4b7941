"""Tick stores as a format among the others."""

from collections.abc import Iterable
from pathlib import Path

from tectra.feed.importer.base import Options
from tectra.feed.importer.source import Head
from tectra.feed.selection import Selection, time_ns
from tectra.feed.tick_manifest import MANIFEST_NAME
from tectra.feed.tick_store import StoreFeed, TickStore

__all__ = ["OPTIONS", "open_store", "sniff"]

OPTIONS = {
    "from": "from this time on: 2012-06-21, 2012-06-21T09:30, or ns",
    "to": "ahead of this time; a date is included",
    "strict": "false: leave damaged blocks out and count them (default true: the first one raises)",
}


def sniff(head: Head) -> bool:
    """Whether a directory is a tick store."""
    return head.directory and (head.path / MANIFEST_NAME).is_file()


def open_store(path: Path, options: Options, symbols: Iterable[str] | None) -> StoreFeed:
    """The records of a store. InputError, FileFormatError, UnknownSymbolError."""
    store = TickStore(path)
    selection = Selection(
        from_ns=time_ns(options.text("from")) if "from" in options else None,
        to_ns=time_ns(options.text("to"), end=True) if "to" in options else None,
        symbols=None if symbols is None else tuple(dict.fromkeys(symbols)),
        by=store.manifest.by,
    )
    return store.feed(selection, strict=options.flag("strict", default=True))
