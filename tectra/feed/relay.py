"""What a feed over another one passes on: instruments, their definitions, how far the input is."""

from collections.abc import Mapping

from tectra.core.closing import Closing
from tectra.feed.protocol import Feed
from tectra.refdata.instrument import Instrument

__all__ = ["Relay", "definitions_of"]


def definitions_of(feed: Feed) -> Mapping[int, Instrument]:
    """Instrument by id as far as a feed tells; nothing from one that is no RecordFeed."""
    found: Mapping[int, Instrument] = getattr(feed, "definitions", {})
    return found


class Relay(Closing):
    """A feed over another feed; subclasses give next_batch(). One owner thread."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @property
    def format(self) -> str:
        """Format of the feed below; empty where it has none."""
        return str(getattr(self._feed, "format", ""))

    @property
    def instruments(self) -> Mapping[int, str]:
        """Symbol by instrument id."""
        return self._feed.instruments

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by id, as far as it is known."""
        return definitions_of(self._feed)

    @property
    def position(self) -> int:
        """Bytes of the input that are done with."""
        return int(getattr(self._feed, "position", 0))

    @property
    def size(self) -> int:
        """Bytes of the input; 0 where that is not known."""
        return int(getattr(self._feed, "size", 0))

    @property
    def faults(self) -> Mapping[str, int]:
        """How often which fault was passed over below."""
        found: Mapping[str, int] = getattr(self._feed, "faults", {})
        return found

    def close(self) -> None:
        """Close the feed below. May be called twice."""
        self._feed.close()
