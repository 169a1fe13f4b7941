"""Venues that number their books in three ways, and the plainest reader of each, straight from the
venues' own descriptions: dicts, lists, and no state but these.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["PLAIN", "ChainVenue", "Event", "NumberVenue", "PlainBook", "StreamVenue", "Venue"]


class Event(NamedTuple):
    """A change: what it covers, when it was, and its levels."""

    first: int
    last: int
    prev: int | None
    ts: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


Levels = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


class Venue(ABC):
    """A true book and the events that it makes. `at` remembers it at every number."""

    def __init__(self, rng: Any) -> None:
        self.rng = rng
        self.bids: dict[int, int] = {1000 - i: 1 + rng.integers(0, 9) for i in range(4)}
        self.asks: dict[int, int] = {1001 + i: 1 + rng.integers(0, 9) for i in range(4)}
        self.seq = rng.integers(50, 1000)
        self.last = self.seq
        self.ts = 1_000_000
        self.at: dict[int, Levels] = {}
        self._remember()

    def _remember(self) -> None:
        self.at[self.seq] = (
            tuple(sorted(self.bids.items(), reverse=True)),
            tuple(sorted(self.asks.items())),
        )

    def _change(self) -> tuple[int, int, int]:
        """One level set or removed; never crossed."""
        side = self.rng.integers(0, 2)
        book, px = (
            (self.bids, 1000 - self.rng.integers(0, 8))
            if side == 0
            else (self.asks, 1001 + self.rng.integers(0, 8))
        )
        qty = 0 if self.rng.chance(0.3) and len(book) > 1 else 1 + self.rng.integers(0, 99)
        book[px] = qty
        if not qty:
            del book[px]
        return side, px, qty

    @abstractmethod
    def numbers(self) -> Iterator[int]:
        """The numbers of the updates in the next event."""

    def event(self) -> Event:
        """The next event: of each level only its last quantity."""
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        prev, first = self.last, 0
        for number in self.numbers():
            side, px, qty = self._change()
            sides[side][px] = qty
            self.seq = number
            first = first or number
            self._remember()
        self.last = self.seq
        self.ts += 1_000_000
        bids, asks = (tuple(side.items()) for side in sides)
        return Event(first, self.seq, self.said_prev(prev), self.ts, bids, asks)

    def said_prev(self, prev: int) -> int | None:
        """What the event says of the one before."""
        return None


class NumberVenue(Venue):
    """Binance spot: an event covers U to u, and U is the last u + 1."""

    def numbers(self) -> Iterator[int]:
        yield from range(self.seq + 1, self.seq + 2 + self.rng.integers(0, 4))


class ChainVenue(Venue):
    """Binance futures: numbers of all symbols together, so with holes; pu says the last u."""

    def numbers(self) -> Iterator[int]:
        number = self.seq
        for _ in range(1 + self.rng.integers(0, 4)):
            number += 1 + self.rng.integers(0, 5)
            yield number

    def said_prev(self, prev: int) -> int | None:
        return prev


class StreamVenue(Venue):
    """Bybit: one number an event, snapshots in the stream."""

    def numbers(self) -> Iterator[int]:
        yield self.seq + 1

    def restart(self) -> None:
        """The service begins to count anew."""
        self.seq = self.last = 1
        self._remember()


class PlainBook:
    """What a reader of the venue's page would write. `levels` None: no book to be trusted."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, int], dict[int, int]] | None = None
        self.seq = 0
        self.held: tuple[dict[int, int], dict[int, int]] | None = None
        self.held_seq = 0
        self.waiting: list[Event] = []

    # What differs between venues

    def is_old(self, event: Event, seq: int) -> bool:
        return event.last <= seq

    def follows(self, event: Event, seq: int) -> bool:
        """Spot: U <= id + 1, whether the first event or a later one."""
        return event.first <= seq + 1

    def joins(self, event: Event, seq: int) -> bool:
        return self.follows(event, seq)

    # What does not

    def on_event(self, event: Event) -> None:
        if self.levels is not None:
            if self.is_old(event, self.seq):
                return
            if not self.follows(event, self.seq):
                self.levels = None
                self.waiting = [event]
                return
            self._apply(self.levels, event)
            self.seq = event.last
            return
        self.waiting.append(event)
        if self.held is not None:
            self._join([event])

    def on_snapshot(self, seq: int, levels: Levels) -> None:
        if self.levels is not None:
            return
        self.held = dict(levels[0]), dict(levels[1])
        self.held_seq = seq
        self._join(sorted(self.waiting, key=lambda e: e.last))

    def _join(self, events: list[Event]) -> None:
        """Apply to the held snapshot what follows it; it is believed once something did."""
        assert self.held is not None
        joined = False
        for event in events:
            if self.is_old(event, self.held_seq):
                continue
            good = self.follows if joined else self.joins
            if not good(event, self.held_seq):
                self.held = None
                return
            self._apply(self.held, event)
            self.held_seq = event.last
            joined = True
        if joined:
            self.levels, self.seq = self.held, self.held_seq
            self.held, self.waiting = None, []

    @staticmethod
    def _apply(levels: tuple[dict[int, int], dict[int, int]], event: Event) -> None:
        for side, changes in zip(levels, (event.bids, event.asks), strict=True):
            for px, qty in changes:
                side[px] = qty
                if not qty:
                    del side[px]


class PlainChain(PlainBook):
    """Futures: the first event has pu <= id <= u, each later one pu = the last u."""

    def follows(self, event: Event, seq: int) -> bool:
        return event.prev == seq

    def joins(self, event: Event, seq: int) -> bool:
        assert event.prev is not None
        return event.prev <= seq <= event.last


class PlainStream(PlainBook):
    """Bybit: u = the last u + 1; a snapshot replaces everything at once."""

    def on_snapshot(self, seq: int, levels: Levels) -> None:
        if self.levels is not None and 1 < seq < self.seq:
            self.levels, self.waiting = None, []
            return
        self.held = dict(levels[0]), dict(levels[1])
        self.held_seq = seq
        waiting = [] if self.levels is not None else self.waiting
        self.levels = None
        self._join(sorted(waiting, key=lambda e: e.last))
        if self.held is not None and self.levels is None:
            self.levels, self.seq = self.held, self.held_seq
            self.held, self.waiting = None, []


PLAIN: dict[type[Venue], type[PlainBook]] = {
    NumberVenue: PlainBook,
    ChainVenue: PlainChain,
    StreamVenue: PlainStream,
}
