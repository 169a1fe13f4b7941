"""Files into a tick store: interrupted at any point and run again, the store is the same, and
nothing is in it twice.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tectra.core.errors import InputError, StoppedError
from tectra.core.stop import stop_reason, stop_requested
from tectra.feed.order import OrderedFeed
from tectra.feed.protocol import Feed
from tectra.feed.selection import Selection
from tectra.feed.tick_writer import TickStoreWriter
from tectra.feed.window import WindowFeed

__all__ = ["Imported", "content_digest", "import_file"]

_CHUNK = 1 << 20
_BATCH_SLOTS = 1 << 14


@dataclass(frozen=True)
class Imported:
    """What became of one file. `records` are those of the file in the store, `resumed` how many of
    them were there from an earlier run. `faults` counts by cause what the reader passed over.
    """

    path: Path
    records: int
    resumed: int
    skipped: bool
    out_of_order: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)


def content_digest(paths: Iterable[Path]) -> tuple[str, int]:
    """(BLAKE2b of 128 bits as hex, bytes) of the content of files, one behind the other. InputError
    for what cannot be read; StoppedError.
    """
    digest, size = hashlib.blake2b(digest_size=16), 0
    for path in paths:
        try:
            with path.open("rb") as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
                    size += len(data)
                    _stop(path)
        except FileNotFoundError:
            raise InputError(f"no such file: {path}") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest(), size


def _stop(path: Path) -> None:
    if stop_requested():
        raise StoppedError(
            f"stopped by {stop_reason()} in {path}; run the same command again to go on"
        )


def import_file(
    writer: TickStoreWriter,
    path: Path,
    open_feed: Callable[[Path], Feed],
    selection: Selection | None = None,
    *,
    also: Iterable[Path] = (),
    sort_window_ns: int = 0,
    step: Callable[[int, int], None] | None = None,
) -> Imported:
    """Take a file into the store a writer has open; `step(done, total)` in bytes of it. `also`:
    files that are read along with it, and are part of its content.

    A file that is there already (the same content, the same selection) is passed over, one that
    was interrupted goes on behind what is there. StoppedError when a stop is asked for; what was
    committed stays.
    """
    selection = selection or Selection(by=writer.manifest.by)
    digest, size = content_digest([path, *also])
    if not writer.begin(path.name, digest, size, selection):
        known = {"digest": digest, "selection": selection.to_dict()}
        entry = next(
            s for s in writer.manifest.sources if all(getattr(s, k) == v for k, v in known.items())
        )
        return Imported(path, entry.records, entry.records, skipped=True)
    resumed = writer.source.records
    try:
        with closing(open_feed(path)) as feed:
            by = writer.manifest.by
            ordered = OrderedFeed(feed, str(path), by=by, sort_window_ns=sort_window_ns)
            chosen = WindowFeed(ordered, selection, ordered=selection.by == by)
            done = 0
            while (batch := chosen.next_batch(_BATCH_SLOTS)) is not None:
                writer.append(batch, feed)
                done = chosen.records
                if step is not None:
                    step(chosen.position, chosen.size)
                _stop(path)
            writer.finish()
            faults = dict(ordered.faults)
    except BaseException:
        writer.abandon()
        raise
    late = ordered.out_of_order
    return Imported(path, done, resumed, skipped=False, out_of_order=late, faults=faults)
