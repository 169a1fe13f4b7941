"""NASDAQ ITCH 5.0 day files as a RecordFeed: ItchFeed with definitions and progress."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tectra.core.closing import Closing
from tectra.core.errors import FileFormatError, InputError
from tectra.core.types import Exchange
from tectra.feed.importer.base import Options
from tectra.feed.importer.source import Head
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_wire import SIZES
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

__all__ = ["OPTIONS", "ItchRecords", "open_itch", "sniff"]

# NASDAQ quotes in cents from one dollar on (Rule 612 of Regulation NMS).
_TICK = 100

OPTIONS = {
    "date": "trade date YYYY-MM-DD (default: that of the name)",
    "strict": "true: a damaged message ends the import (default: it is counted and left out)",
}


def sniff(head: Head) -> bool:
    """Whether the bytes frame as ITCH messages: a length, and a type of that length."""
    data, at, found = head.data, 0, 0
    by_type = data[:2] == b"\0\0"
    while at + 3 <= len(data) and found < 16:
        wire = SIZES.get(chr(data[at + 2]))
        said = int.from_bytes(data[at : at + 2], "big")
        if said == 0 and not by_type:
            break
        if wire is None or (not by_type and wire != said):
            return False
        at += 2 + wire
        found += 1
    return found > 0


class ItchRecords(Closing):
    """ItchFeed as a RecordFeed. Owned by one thread."""

    format = "itch"

    def __init__(self, feed: ItchFeed) -> None:
        self.feed = feed
        self.locates = feed.locates
        self.size = feed.path.stat().st_size

    @property
    def instruments(self) -> dict[int, str]:
        """Symbol by stock locate, as far as the file has told it."""
        return self.feed.instruments

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by stock locate, as far as the file has told it."""
        return {
            number: Instrument(number, symbol, Exchange.NASDAQ, tick=_TICK)
            for number, symbol in self.feed.instruments.items()
            if number
        }

    @property
    def position(self) -> int:
        """Bytes done with; of a compressed file those on disk that were read."""
        return min(self.feed.disk_position, self.size)

    @property
    def faults(self) -> Mapping[str, int]:
        """Messages that were left out: unknown type, malformed; bytes behind the last message."""
        counts = {
            "unknown_type": self.feed.unknown,
            "malformed": self.feed.malformed,
            "trailing_bytes": self.feed.trailing_bytes,
        }
        return {cause: n for cause, n in counts.items() if n}

    @property
    def midnight_ns(self) -> int:
        """Midnight of the trade date in New York, nanoseconds since the epoch UTC."""
        return self.feed.midnight_ns

    @property
    def date_known(self) -> bool:
        """False when the day is 1970-01-01 for want of a date."""
        return self.feed.date_known

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Up to `max_slots` slots of whole records, or None at the end."""
        return self.feed.next_batch(max_slots)

    def close(self) -> None:
        """Give up the file. May be called twice."""
        self.feed.close()


def open_itch(path: Path, options: Options, symbols: Iterable[str] | None) -> ItchRecords:
    """Open a day file, plain or .gz. Raises as ItchFeed does."""
    date = options.text("date") or None
    strict = options.flag("strict", default=False)
    try:
        feed = ItchFeed(
            path,
            symbols=None if symbols is None else list(symbols),
            date=date,
            strict=strict,
            venue_id=int(Exchange.NASDAQ),
        )
    except FileFormatError as error:
        if path.suffix in (".zst", ".xz"):
            raise InputError(f"{path}: ITCH files are read plain or as .gz; unpack it") from error
        raise
    return ItchRecords(feed)
