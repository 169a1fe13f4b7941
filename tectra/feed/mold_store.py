"""Numbered messages kept for those who missed them."""

from array import array
from bisect import bisect_right

from tectra.core.errors import InputError
from tectra.protocol.mold import build_packet

__all__ = ["MessageStore"]

_SEGMENT_BYTES = 1 << 20


class _Segment:
    """Messages one behind the other, numbered from `first`; `ends` is where each ends."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.data = bytearray()
        self.ends = array("I")


class MessageStore:
    """The newest messages of one session, at most about `capacity_bytes` of them.

    A message costs its length and four bytes. Older ones are forgotten, a mebibyte at a time, and
    `forgotten` counts them. Owned by one thread.
    """

    def __init__(self, *, sequence: int = 1, capacity_bytes: int = 1 << 30) -> None:
        if sequence < 1 or capacity_bytes < _SEGMENT_BYTES:
            raise InputError(
                f"sequence {sequence}, capacity_bytes {capacity_bytes}; allowed: 1 or more, "
                f"{_SEGMENT_BYTES} or more"
            )
        self.next_sequence = sequence
        self.forgotten = 0
        self._segments_max = capacity_bytes // _SEGMENT_BYTES
        self._segments = [_Segment(sequence)]

    @property
    def first_sequence(self) -> int:
        """Number of the oldest message that is still here."""
        return self._segments[0].first

    def append(self, message: bytes) -> int:
        """Keep a message; returns its number."""
        segment = self._segments[-1]
        if len(segment.data) + len(message) > _SEGMENT_BYTES:
            segment = _Segment(self.next_sequence)
            self._segments.append(segment)
            if len(self._segments) > self._segments_max:
                self.forgotten += len(self._segments.pop(0).ends)
        segment.data += message
        segment.ends.append(len(segment.data))
        number = self.next_sequence
        self.next_sequence = number + 1
        return number

    def messages(self, sequence: int, *, count: int, bytes_max: int) -> list[bytes]:
        """Messages from number `sequence` on: at most `count`, and as many as take `bytes_max` with
        two bytes more for each; none where the first is not here.
        """
        out: list[bytes] = []
        if not self.first_sequence <= sequence < self.next_sequence:
            return out
        at = bisect_right(self._segments, sequence, key=lambda s: s.first) - 1
        room = bytes_max
        for number in range(sequence, min(sequence + count, self.next_sequence)):
            if number - self._segments[at].first == len(self._segments[at].ends):
                at += 1
            segment = self._segments[at]
            i = number - segment.first
            message = bytes(segment.data[segment.ends[i - 1] if i else 0 : segment.ends[i]])
            room -= 2 + len(message)
            if room < 0:
                break
            out.append(message)
        return out

    def packet(self, session: str, sequence: int, *, count: int, payload_max: int) -> bytes | None:
        """A MoldUDP64 packet of as many of these messages as fit, or None."""
        found = self.messages(sequence, count=count, bytes_max=payload_max - 20)
        return build_packet(session, sequence, found) if found else None
