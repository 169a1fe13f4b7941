"""A venue's day as numbered messages, lines that lose of it, and servers that give it back: for
tests of the live feed.
"""

import gzip
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tectra.book.l3 import L3Book
from tectra.core.clock import FakeClock
from tectra.core.errors import SystemCallError
from tectra.core.msg import Side, Template
from tectra.core.record import encode
from tectra.feed.itch import decode_message
from tectra.feed.itch_encode import encode as itch
from tectra.feed.recovery import Snapshot

__all__ = [
    "MS",
    "SECOND",
    "SESSION",
    "Books",
    "Glimpse",
    "Server",
    "beat",
    "end",
    "messages_of",
    "packet",
    "packets_of",
    "records",
]

SESSION = b"0000000001"
MS = 1_000_000
SECOND = 1000 * MS
SIDES = {Side.BUY: "B", Side.SELL: "S"}


def messages_of(path: Path) -> list[bytes]:
    """The messages of a BinaryFILE day, number 1 first."""
    raw = path.read_bytes()
    data = gzip.decompress(raw) if path.suffix == ".gz" else raw
    out, at = [], 0
    while at + 2 <= len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        if size == 0:
            break
        out.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return out


def packet(sequence: int, messages: Iterable[bytes], session: bytes = SESSION) -> bytes:
    body = list(messages)
    head = session + sequence.to_bytes(8, "big") + len(body).to_bytes(2, "big")
    return head + b"".join(len(m).to_bytes(2, "big") + m for m in body)


def beat(next_sequence: int, session: bytes = SESSION) -> bytes:
    return session + next_sequence.to_bytes(8, "big") + b"\0\0"


def end(next_sequence: int, session: bytes = SESSION) -> bytes:
    return session + next_sequence.to_bytes(8, "big") + b"\xff\xff"


def packets_of(messages: list[bytes], size: int = 7, first: int = 1) -> Iterator[bytes]:
    """The messages from number `first` on, `size` to a packet."""
    for at in range(first - 1, len(messages), size):
        yield packet(at + 1, messages[at : at + size])


def records(batch: Any) -> Iterator[tuple[Template, bytes]]:
    """Whole records of a batch."""
    raw = bytes(batch)
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 2], "little") + 8
        yield Template(int.from_bytes(raw[at + 2 : at + 4], "little")), raw[at : at + size]
        at += size


class Books:
    """An L3 book that also is cleared, order by order, and remembers what it was told."""

    def __init__(self) -> None:
        self.book = L3Book()
        self.told: list[tuple[Template, bytes]] = []
        self.records = 0

    def apply(self, batch: Any) -> None:
        keep = bytearray()
        for template, raw in records(batch):
            if template in (Template.GAP, Template.BOOK_STATUS, Template.BOOK_CLEAR):
                self.told.append((template, raw))
                if template is Template.BOOK_CLEAR:
                    self._apply(bytes(keep))
                    keep.clear()
                    self._clear(int.from_bytes(raw[32:36], "little"))
            else:
                keep += raw
                self.records += 1
        self._apply(bytes(keep))

    def _apply(self, raw: bytes) -> None:
        if raw:
            self.book.apply(np.frombuffer(raw, np.uint8).copy())

    def _clear(self, instrument_id: int) -> None:
        known = self.book.instrument_ids
        for instrument in [i for i in known if instrument_id in (0, i)]:
            for side in SIDES:
                refs = self.book.orders(instrument, side)["order_ref"]
                self._apply(
                    b"".join(
                        encode(Template.BOOK_DELETE, instrument_id=instrument, order_ref=int(ref))
                        for ref in refs
                    )
                )

    def state(self) -> dict[int, Any]:
        """Every order of every book, in the order of the queues."""
        out = {}
        for instrument in self.book.instrument_ids:
            rows = [
                [(int(o["order_ref"]), int(o["px"]), int(o["qty"])) for o in orders]
                for orders in (self.book.orders(instrument, side) for side in SIDES)
            ]
            if rows != [[], []]:
                out[instrument] = rows
        return out

    def statuses(self) -> list[tuple[int, int, int]]:
        """(instrument, status, reason) of every book_status, in order."""
        return [
            (int.from_bytes(raw[32:36], "little"), raw[36], raw[37])
            for template, raw in self.told
            if template is Template.BOOK_STATUS
        ]

    def gaps(self) -> list[tuple[int, int]]:
        return [
            (int.from_bytes(raw[40:48], "little"), int.from_bytes(raw[48:56], "little"))
            for template, raw in self.told
            if template is Template.GAP
        ]


class Server:
    """Answers retransmission requests with one packet of what fits; `deaf` says nothing, `broken`
    refuses.
    """

    def __init__(
        self, messages: list[bytes], *, fits: int = 20, deaf: bool = False, broken: bool = False
    ) -> None:
        self.messages, self.fits = messages, fits
        self.deaf, self.broken, self.closed = deaf, broken, False
        self.asked: list[tuple[int, int]] = []
        self._answers: list[tuple[bytes, int]] = []

    def request(self, session: bytes, first: int, count: int) -> None:
        assert session == SESSION
        assert not self._answers, "a request while an answer waits"
        self.asked.append((first, count))
        if self.broken:
            raise SystemCallError(111, "connection refused")
        if not self.deaf:
            body = self.messages[first - 1 : first - 1 + min(count, self.fits)]
            self._answers.append((packet(first, body), 0))

    def poll(self) -> list[tuple[bytes, int]]:
        answers, self._answers = self._answers, []
        return answers

    def close(self) -> None:
        self.closed = True


@cache
def _decoded(messages: tuple[bytes, ...]) -> list[bytes]:
    return [bytes(decode_message(m)) for m in messages]


class Glimpse:
    """Snapshots of the venue's own books after message `now()`, as GLIMPSE gives them: `late` polls
    later; `failing` times not at all; `old` messages behind.
    """

    def __init__(
        self, messages: list[bytes], *, late: int = 0, failing: int = 0, old: int = 0
    ) -> None:
        self.messages = messages
        self.position = 0  # messages that the venue has sent
        self.late, self.failing, self.old = late, failing, old
        self._records = _decoded(tuple(messages))
        self.requests = self.cancels = 0
        self.in_flight = False
        self._left = 0

    def request(self) -> None:
        assert not self.in_flight, "two snapshots at once"
        self.requests += 1
        self.in_flight = True
        self._left = self.late
        if self.failing > 0:
            self.failing -= 1
            raise SystemCallError(111, "connection refused")

    def poll(self) -> Snapshot | None:
        assert self.in_flight
        if self._left > 0:
            self._left -= 1
            return None
        self.in_flight = False
        position = self.position
        if self.old:
            position, self.old = position - self.old, 0
        return Snapshot(self.snapshot(position), position + 1)

    def cancel(self) -> None:
        self.cancels += 1
        self.in_flight = False

    def snapshot(self, position: int) -> bytes:
        books = Books()
        out = []
        names: dict[int, str] = {}
        for message in self.messages[:position]:
            if message[:1] == b"R":
                names[int.from_bytes(message[1:3], "big")] = message[11:19].decode().strip()
                out.append(message)
        books.apply(b"".join(self._records[:position]))
        for instrument, sides in books.state().items():
            for side, orders in zip(SIDES.values(), sides, strict=True):
                for ref, px, qty in orders:
                    out.append(itch("A", instrument, 0, ref, side, qty, names[instrument], px))
        return b"".join(len(m).to_bytes(2, "big") + m for m in out)


def moved(clock: FakeClock, to_ns: int) -> None:
    """Advance a clock to a time that may be past already."""
    if to_ns > clock.now_ns():
        clock.advance_to(to_ns)
