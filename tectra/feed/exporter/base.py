"""What every exporter shares: files that appear when they are whole, compression by name, and a
report of what was written and what the format has no place for.
"""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from tectra.core.errors import InputError
from tectra.core.msg import HEAD, Template
from tectra.feed.importer.base import RecordFeed
from tectra.feed.importer.record import starts_of
from tectra.feed.protocol import Slots

__all__ = ["Progress", "WriteReport", "batches", "new_file", "only_instrument", "pass_over"]

# Called with bytes done and bytes in all of the input; in all 0 where that is not known.
Progress = Callable[[int, int], None]
_BATCH_SLOTS = 1 << 15


@dataclass
class WriteReport:
    """What a write made of a feed. `skipped` counts records, by type, that the format cannot say;
    `rows` are lines, messages or records of the file.
    """

    path: Path
    records: int = 0
    rows: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


@contextmanager
def new_file(path: str | Path, *, compress: bool = True) -> Iterator[IO[bytes] | Any]:
    """A file that gets its name when the block ends well, and leaves no trace otherwise.

    Names in .gz and .zst are compressed, unless `compress` is off. InputError when it cannot be
    written.
    """
    where = Path(path)
    part = where.with_name(where.name + ".part")
    try:
        raw = part.open("wb")
    except OSError as error:
        raise InputError(f"cannot write {where}: {error.strerror}") from error
    out: IO[bytes] | Any = raw
    try:
        if compress and where.suffix == ".gz":
            out = gzip.GzipFile("", "wb", 6, raw, mtime=0)
        elif compress and where.suffix == ".zst":
            out = pa.CompressedOutputStream(pa.PythonFile(raw, mode="w"), "zstd")
        yield out
        if out is not raw:
            out.close()
        raw.close()
        part.replace(where)
    except BaseException as error:
        with suppress(OSError, pa.ArrowInvalid):
            raw.close()
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"cannot write {where}: {error.strerror}") from error
        raise


def batches(feed: RecordFeed, report: WriteReport, progress: Progress | None) -> Iterator[Slots]:
    """Every batch of a feed, counted, with progress told after each."""
    while (batch := feed.next_batch(_BATCH_SLOTS)) is not None:
        if len(batch):
            report.records += len(starts_of(batch))
            yield batch
        if progress is not None:
            progress(feed.position, feed.size)


def pass_over(report: WriteReport, slots: Slots, taken: frozenset[Template]) -> None:
    """Count the records of a batch that are of none of the types taken."""
    starts = starts_of(slots)
    kinds = np.bincount(slots.reshape(-1, 64)[starts].view(HEAD).reshape(-1)["template_id"])
    for number in np.flatnonzero(kinds):
        template = Template(int(number))
        if template not in taken:
            name = template.name.lower()
            report.skipped[name] = report.skipped.get(name, 0) + int(kinds[number])


def only_instrument(feed: RecordFeed, symbol: str, what: str) -> int:
    """Id of the one instrument that a file of one symbol is about. InputError when it is open."""
    known = {d.symbol: n for n, d in feed.definitions.items()}
    if symbol:
        if symbol not in known:
            raise InputError(
                f"{what}: option symbol: found {symbol!r}; allowed: {', '.join(sorted(known))}"
            )
        return known[symbol]
    if len(known) != 1:
        raise InputError(
            f"{what}: holds one symbol; found {len(known)}: {', '.join(sorted(known)[:12])}; "
            "choose one with the option symbol"
        )
    return next(iter(known.values()))
