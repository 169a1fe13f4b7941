"""What a check of a capture found."""

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["BookReport", "CaptureReport", "Example", "Examples", "Span"]

_KEPT = 5
_TEXT_MAX = 160


@dataclass(frozen=True, slots=True)
class Example:
    """One occurrence: the line, the receive time (0: not said) and what was found."""

    line: int
    ts_ns: int
    text: str


@dataclass(slots=True)
class Examples:
    """How often something was found, and the first times."""

    count: int = 0
    first: list[Example] = field(default_factory=list)

    def add(self, line: int, ts_ns: int, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < _KEPT:
            self.first.append(Example(line, ts_ns, text[:_TEXT_MAX]))


@dataclass(slots=True)
class Span:
    """A time in which a book was not what the venue has. `to_*` is 0 while it lasts."""

    reason: str
    from_line: int
    from_ns: int
    to_line: int = 0
    to_ns: int = 0


@dataclass(slots=True)
class BookReport:
    """One book. A checksum is `unchecked` where no valid book was there to check it with; a change
    is `waiting` that came before any snapshot. `missing` says what could not be checked.
    """

    symbol: str
    channel: str
    snapshots: int = 0
    snapshots_refused: Examples = field(default_factory=Examples)
    updates: int = 0
    waiting: int = 0
    px_exponent: int | None = None
    qty_exponent: int | None = None
    exponents_from: str = ""
    is_numbered: bool = False
    gaps: Examples = field(default_factory=Examples)
    duplicates: int = 0
    restarts: int = 0
    resyncs: dict[str, int] = field(default_factory=dict)
    checksums_matched: int = 0
    checksums_failed: Examples = field(default_factory=Examples)
    checksums_unchecked: int = 0
    tops_agreed: int = 0
    tops_differed: Examples = field(default_factory=Examples)
    spans: list[Span] = field(default_factory=list)
    state: str = "EMPTY"
    best_bid: str = ""
    best_ask: str = ""
    levels: tuple[int, int] = (0, 0)
    missing: str = ""

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, a line each."""
        out = []
        if self.gaps.count:
            out.append(f"{self.gaps.count:,} gaps")
        if self.snapshots_refused.count:
            out.append(f"{self.snapshots_refused.count:,} snapshots that can be no book")
        if self.checksums_failed.count:
            out.append(f"{self.checksums_failed.count:,} checksums failed")
        if self.tops_differed.count:
            out.append(f"{self.tops_differed.count:,} best prices differ from the venue's")
        bad = {k: v for k, v in self.resyncs.items() if k in ("CROSSED", "DRIFT", "MALFORMED")}
        out.extend(f"{v:,} times {k}" for k, v in bad.items())
        return [f"{self.symbol} {self.channel}: {text}" for text in out]


@dataclass(slots=True)
class CaptureReport:
    """One file. `messages` counts by kind and channel; `loose` are gaps in what is numbered beside
    books (a connection, a channel of orders); `foreign` are messages of another venue.
    """

    path: str
    venue: str
    market: str = ""
    compression: str = "none"
    lines: int = 0
    bytes: int = 0
    cut: str = ""
    messages: dict[str, dict[str, int]] = field(default_factory=dict)
    symbols: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    reconnects: int = 0
    definitions: int = 0
    first_ns: int = 0
    last_ns: int = 0
    time_reversals: int = 0
    books: list[BookReport] = field(default_factory=list)
    loose: Examples = field(default_factory=Examples)
    sequence_checked: int = 0
    sequence_duplicates: int = 0
    refused: Examples = field(default_factory=Examples)
    unknown: Examples = field(default_factory=Examples)
    foreign: Examples = field(default_factory=Examples)
    errors: Examples = field(default_factory=Examples)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Messages read."""
        return sum(sum(channels.values()) for channels in self.messages.values())

    @property
    def seconds(self) -> float:
        """From the first to the last receive time; 0.0 where none is said."""
        return max(self.last_ns - self.first_ns, 0) / 1e9

    @property
    def faults(self) -> list[str]:
        """Every mismatch, gap and refused message, a line each; empty for a sound capture."""
        out = [text for book in self.books for text in book.faults]
        if self.loose.count:
            out.append(f"{self.loose.count:,} gaps in the numbers of connections or channels")
        if self.refused.count:
            out.append(f"{self.refused.count:,} messages refused")
        if self.foreign.count:
            out.append(f"{self.foreign.count:,} messages of another venue, which were not checked")
        if not self.total:
            out.append("no message was found: nothing was checked")
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        out = asdict(self)
        for plain, book in zip(out["books"], self.books, strict=True):
            plain["ok"] = not book.faults
        total, seconds = self.total, self.seconds
        rate = total / seconds if seconds else None
        faults = self.faults
        return {"ok": not faults, "faults": faults, "total": total, "seconds": seconds,
                "messages_per_second": rate, **out}  # fmt: skip
