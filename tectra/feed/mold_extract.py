"""Captured MoldUDP64 packets to a BinaryFILE: one session, in the order of its numbers, each
message once, with an account of what is missing.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

from tectra.core.errors import FileFormatError, GapError, InputError, TruncatedInputError
from tectra.feed.itch import message_size
from tectra.feed.itch_encode import ItchWriter
from tectra.protocol.mold import MoldPacket, parse_packet
from tectra.protocol.pcap import CaptureReader

__all__ = ["Extracted", "MessageOrder", "WINDOW", "extract_capture"]

# Messages that wait for one before them until that counts as lost.
WINDOW = 100_000
_GAPS_NAMED = 5


class MessageOrder:
    """Puts the messages of one session in order, each once. Owned by one thread.

    Starts at the first number seen. A hole counts as a gap when more than `window` messages wait
    behind it, or at finish(). `gaps` are (first missing, how many); `duplicates` are messages that
    came again; `late` those that came after their gap was given up. Packets with number 0 have no
    place in a session: some publishers zero the numbers. They pass as they come, `unnumbered`.
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        if window < 0:
            raise InputError(f"window {window}: allowed is 0 or more")
        self.first = self.next = 0
        self.gaps: list[tuple[int, int]] = []
        self.duplicates = self.late = self.unnumbered = 0
        self._window = window
        self._heap: list[tuple[int, bytes]] = []
        self._waiting: set[int] = set()
        self._announced = 0

    def add(self, packet: MoldPacket) -> Iterator[bytes]:
        """Take a packet; gives the messages whose turn it is now."""
        if packet.sequence == 0:
            self.unnumbered += len(packet.messages)
            yield from packet.messages
            return
        if not self.next:
            self.first = self.next = packet.sequence
        self._announced = max(self._announced, packet.sequence + len(packet.messages))
        for number, message in enumerate(packet.messages, packet.sequence):
            if number < self.next:
                self._repeated(number)
            elif number == self.next:
                self.next += 1
                yield message
            elif number in self._waiting:
                self.duplicates += 1
            else:
                heappush(self._heap, (number, message))
                self._waiting.add(number)
        yield from self._ready()
        while len(self._heap) > self._window:
            self._give_up(self._heap[0][0])
            yield from self._ready()

    def finish(self) -> Iterator[bytes]:
        """The rest; every hole is a gap now, the one before the last number announced included."""
        while self._heap:
            self._give_up(self._heap[0][0])
            yield from self._ready()
        if self._announced > self.next:
            self._give_up(self._announced)

    def _repeated(self, number: int) -> None:
        at = bisect_right(self.gaps, number, key=lambda gap: gap[0]) - 1
        missed = number < self.first or (at >= 0 and number < sum(self.gaps[at]))
        self.late += missed
        self.duplicates += not missed

    def _ready(self) -> Iterator[bytes]:
        while self._heap and self._heap[0][0] <= self.next:
            number, message = heappop(self._heap)
            self._waiting.discard(number)
            if number == self.next:
                self.next += 1
                yield message

    def _give_up(self, until: int) -> None:
        self.gaps.append((self.next, until - self.next))
        self.next = until


@dataclass
class Extracted:
    """What a capture held and what went into the file."""

    path: Path
    out: Path
    session: str = ""
    frames: int = 0
    payloads: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Frames without a UDP payload, by reason."""
    packets: int = 0
    """MoldUDP64 packets of the session."""
    other: int = 0
    """UDP payloads that are no MoldUDP64, or of a session that was not asked for."""
    messages: int = 0
    first_sequence: int = 0
    next_sequence: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    duplicates: int = 0
    late: int = 0
    unnumbered: int = 0
    not_itch: int = 0
    """Messages that no ITCH 5.0 type and length describe; those of length 0 are left out."""
    ended: bool = False
    cut: str = ""
    """Where the capture is cut, if it is."""

    @property
    def missing(self) -> int:
        """Messages that the gaps lack."""
        return sum(n for _, n in self.gaps)

    def faults(self) -> list[str]:
        """What is wrong, a line each."""
        out = [self.cut] if self.cut else []
        if self.gaps:
            some = ", ".join(f"{a}-{a + n - 1}" for a, n in self.gaps[:_GAPS_NAMED])
            more = f" and {len(self.gaps) - _GAPS_NAMED} more" * (len(self.gaps) > _GAPS_NAMED)
            out.append(
                f"{self.path}: {self.missing:,} messages are missing in {len(self.gaps)} gaps: "
                f"{some}{more}"
            )
        if self.late:
            out.append(f"{self.path}: {self.late:,} messages came too late to be put in order")
        if self.unnumbered:
            out.append(
                f"{self.path}: {self.unnumbered:,} messages without numbers, taken as they came"
            )
        if self.not_itch:
            out.append(f"{self.path}: {self.not_itch:,} messages that are not ITCH 5.0")
        return out


def extract_capture(
    path: str | Path,
    out: str | Path,
    *,
    session: str | None = None,
    port: int | None = None,
    window: int = WINDOW,
    strict: bool = False,
) -> Extracted:
    """Write the messages of a pcap or pcapng to a BinaryFILE, gzip when its name ends in .gz.

    `session` and `port` (UDP destination) choose one of several feeds; without `session` there must
    be one. Raises InputError (no such file; several sessions), FileFormatError (no capture; no
    MoldUDP64 in it), and with `strict` GapError for anything of faults(). Raising leaves no file.
    """
    if Path(out).exists() and Path(out).samefile(path):
        raise InputError(f"{out}: the capture itself; choose another name for the output")
    found = Extracted(Path(path), Path(out))
    order = MessageOrder(window=window)
    with CaptureReader(path) as reader, ItchWriter(out, end_of_session=False) as writer:
        for packet in _packets(reader, found, session, port):
            _write(writer, order.add(packet), found)
        _write(writer, order.finish(), found)
        found.frames, found.payloads = reader.frames, reader.payloads
        found.skipped = {str(reason): n for reason, n in reader.skipped.items()}
        found.messages = writer.messages
        found.first_sequence, found.next_sequence = order.first, order.next
        found.gaps, found.duplicates, found.late = order.gaps, order.duplicates, order.late
        found.unnumbered = order.unnumbered
        if not found.messages:
            raise FileFormatError(
                f"{path}: no message of MoldUDP64 in {found.payloads:,} UDP payloads of "
                f"{found.frames:,} frames" + (f"; {found.cut}" if found.cut else "")
            )
        if found.ended:
            writer.write_framed(b"\0\0", 0)
        if strict and (faults := found.faults()):
            raise GapError("; ".join(faults))
    return found


def _packets(
    reader: CaptureReader, found: Extracted, session: str | None, port: int | None
) -> Iterator[MoldPacket]:
    """Packets of the one session; a capture that is cut gives what is whole."""
    name = session
    try:
        for payload in reader.udp():
            if port is not None and payload.destination_port != port:
                found.other += 1
                continue
            try:
                packet = parse_packet(payload.data)
            except FileFormatError:
                found.other += 1
                continue
            if name is None and packet.messages:
                name = packet.session
            if packet.session != name:
                if session is None and packet.messages:
                    raise InputError(
                        f"{reader.path}: sessions {name!r} and {packet.session!r}; choose one "
                        "with --session, or a destination with --port"
                    )
                found.other += 1
                continue
            found.session = packet.session
            found.packets += 1
            found.ended |= packet.is_end
            yield packet
    except TruncatedInputError as error:
        found.cut = str(error)


def _write(writer: ItchWriter, messages: Iterator[bytes], found: Extracted) -> None:
    for message in messages:
        known = bool(message) and message_size(chr(message[0])) == len(message)
        found.not_itch += not known
        if message:
            writer.write_message(message)
