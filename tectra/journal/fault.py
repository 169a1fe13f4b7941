"""What can be wrong in a journal, in words that name the place. Pure values, any thread."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Cause", "Fault"]


class Cause(StrEnum):
    """Kind of damage."""

    CRC = "crc"
    GAP = "gap in ring_seq"
    ORDER = "ring_seq out of order"
    DUPLICATE = "duplicate"
    MISPLACED = "misplaced block"
    RECORD = "malformed record"
    HEADER = "bad header"
    SEGMENT_ID = "wrong segment id"
    EPOCH = "segment of another run"
    TRUNCATED = "truncated"
    TRAILING = "bytes behind the end"
    MISSING = "missing segment"
    EXTRA_FILE = "extra file"
    MANIFEST = "manifest disagreement"
    NOT_CLOSED = "not closed"
    TORN = "torn tail"
    NOT_DURABLE = "not made durable"
    UNPUBLISHED = "unpublished records"
    SIGNATURE = "not what was signed"
    MERKLE = "wrong Merkle root"
    CHAIN = "broken chain of segments"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. `offset` is in bytes from the start of the file; None: no such place."""

    segment: int | None
    file: str
    offset: int | None
    ring_seq: int | None
    cause: Cause
    detail: str

    def __str__(self) -> str:
        place = [self.file]
        if self.offset is not None:
            place.append(f"offset {self.offset}")
        if self.ring_seq is not None:
            place.append(f"ring_seq {self.ring_seq}")
        return f"{', '.join(place)}: {self.cause}: {self.detail}"

    def as_dict(self) -> dict[str, object]:
        """Plain values, and the finding as one line of `text`."""
        return {
            "segment": self.segment,
            "file": self.file,
            "offset": self.offset,
            "ring_seq": self.ring_seq,
            "cause": str(self.cause),
            "detail": self.detail,
            "text": str(self),
        }
