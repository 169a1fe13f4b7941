"""The broadcast ring in plain Python: a list of everything ever published, and readers that know
how much of it the ring still holds.
"""

from dataclasses import dataclass, field


@dataclass
class Sent:
    number: int
    slots: int
    tag: int
    payload: int
    at: int  # slots published before it


@dataclass
class ModelReader:
    mask: int
    next: int
    joined: int = 0
    read: int = 0
    skipped: int = 0
    lost: int = 0
    gaps: int = 0

    def __post_init__(self) -> None:
        self.joined = self.next


@dataclass
class BcastModel:
    """Ring of `capacity` slots. What was written last is never overwritten; who falls more than the
    ring behind goes on half a ring behind, at the first record that starts there.
    """

    capacity: int
    sent: list[Sent] = field(default_factory=list)
    end: int = 0  # slots ever written
    intent: int = 0  # slots a batch announced: a wide record may leave the last one unused

    def publish(self, slots: int, tag: int, payload: int) -> None:
        self.sent.append(Sent(len(self.sent) + 1, slots, tag, payload, self.end))
        self.end += slots
        self.intent = max(self.intent, self.end)

    def publish_many(self, batch: list[tuple[int, int, int]]) -> None:
        left, start, chunk = sum(slots for slots, _, _ in batch), self.end, 0
        for slots, tag, payload in batch:
            if self.end == start or self.end + slots > start + chunk:
                left -= self.end - start
                start, chunk = self.end, min(left, self.capacity // 4)
                self.intent = max(self.intent, start + chunk)
            self.publish(slots, tag, payload)

    def oldest(self) -> int:
        """Number of the first record that is still whole."""
        low = self.intent - self.capacity
        return next((s.number for s in self.sent if s.at >= low), len(self.sent) + 1)

    def join(self, mask: int, oldest: bool) -> ModelReader:
        return ModelReader(mask, self.oldest() if oldest else len(self.sent) + 1)

    def step(self, reader: ModelReader) -> Sent | tuple[int, int] | None:
        """The next record, a gap, or None."""
        while reader.next <= len(self.sent):
            record = self.sent[reader.next - 1]
            if self.overwritten(record):
                return self.resync(reader)
            reader.next += 1
            if record.tag & reader.mask:
                reader.read += 1
                return record
            reader.skipped += 1
        return None

    def overwritten(self, record: Sent) -> bool:
        return any(
            s.at < record.at + self.capacity + 1 and s.at + s.slots > record.at + self.capacity
            for s in self.sent[record.number :]
        )

    def resync(self, reader: ModelReader) -> tuple[int, int]:
        half = self.end - self.capacity // 2
        to = next(s.number for s in self.sent if s.at >= half)
        gap = (reader.next, to - 1)
        reader.lost += to - reader.next
        reader.gaps += 1
        reader.next = to
        return gap
