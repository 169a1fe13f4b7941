"""What a validation finds: kinds, single findings, and lists of them that stay short. Plain values,
any thread.
"""

import msgspec

from tectra.core.errors import InputError

__all__ = ["FAILING", "KINDS", "Finding", "Findings", "ValidationLimits"]

# kind -> what is allowed
KINDS: dict[str, str] = {
    "bar_shape": "low <= open, close <= high, prices above 0, volume of 0 or more",
    "before_event": "records received at or after the time of their event",
    "book": "records that fit the orders and levels of their book",
    "clock_jump": "the time from event to receipt does not jump",
    "crossed": "best bid below best ask",
    "duplicate_bar": "one bar for each instrument, interval and time",
    "duplicate_sequence": "each sequence number once",
    "duplicate_time": "messages of one stream at different times",
    "duplicate_trade": "each trade once",
    "locked": "best bid below best ask",
    "lost": "no records that the source says are lost",
    "missing_bar": "a bar for every interval",
    "off_tick": "prices that are multiples of the tick",
    "outlier": "values near those before and behind them",
    "sequence_back": "sequence numbers that do not go down",
    "sequence_gap": "sequence numbers that go up by one",
    "silent_symbol": "market data for every symbol",
    "size": "quantities above 0; of a level 0 or more",
    "time_gap": "updates of a book without longer pauses",
    "time_order": "times of receipt that do not go back",
}
# What fails a validation unless the limits say otherwise; the other kinds are told and pass.
FAILING: tuple[str, ...] = (
    "bar_shape",
    "crossed",
    "duplicate_bar",
    "duplicate_sequence",
    "duplicate_trade",
    "locked",
    "lost",
    "sequence_back",
    "sequence_gap",
    "size",
    "time_order",
)


class ValidationLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is allowed.

    `sequence`: "auto" takes numbers that nearly always go up by one as ones that have to;
    "consecutive" has them all go up by one, "increasing" only up. `outlier_share`: how far from the
    median of it and its two neighbors on either side a price may be. `listed_max`: findings of a
    kind that are listed; all are counted.
    """

    gap_ns: int = 1_000_000_000
    clock_jump_ns: int = 1_000_000_000
    outlier_share: float = 0.2
    sequence: str = "auto"
    listed_max: int = 100
    fail_on: tuple[str, ...] = FAILING

    def __post_init__(self) -> None:
        if min(self.gap_ns, self.clock_jump_ns) <= 0 or not self.outlier_share > 0:
            raise InputError(
                f"limits: found gap_ns {self.gap_ns}, clock_jump_ns {self.clock_jump_ns}, "
                f"outlier_share {self.outlier_share}; allowed: above 0"
            )
        if self.sequence not in ("auto", "consecutive", "increasing"):
            raise InputError(
                f"sequence: found {self.sequence!r}; allowed: auto, consecutive, increasing"
            )
        if not 0 < self.listed_max <= 100_000:
            raise InputError(f"listed_max: found {self.listed_max}; allowed: 1 to 100,000")
        unknown = [kind for kind in self.fail_on if kind not in KINDS]
        if unknown:
            raise InputError(f"fail_on: found {unknown[0]!r}; allowed: {', '.join(KINDS)}")


class Finding(msgspec.Struct, frozen=True):
    """One finding. `row` is the number of the record in the file, from 0; `time_ns` that of its
    event (for times of receipt, of its receipt).
    """

    kind: str
    file: str
    row: int
    time_ns: int
    symbol: str
    found: str
    allowed: str

    def __str__(self) -> str:
        symbol = f"{self.symbol}, " if self.symbol else ""
        return (
            f"{self.file}, record {self.row:,}, {symbol}time {self.time_ns}: {self.kind}: found "
            f"{self.found}; allowed: {self.allowed}"
        )


class Findings:
    """The first findings of each kind, and how many of each there were. One owner thread."""

    def __init__(self, file: str, listed_max: int = 100) -> None:
        self.file, self._listed_max = file, listed_max
        self.counts: dict[str, int] = {}
        self._listed: dict[str, list[tuple[int, int, int, str]]] = {}

    def add(self, kind: str, row: int, time_ns: int, instrument_id: int, found: str) -> None:
        """One more."""
        self.count(kind, 1)
        if self.room(kind):
            self._listed.setdefault(kind, []).append((row, time_ns, instrument_id, found))

    def count(self, kind: str, n: int) -> None:
        """`n` more; those that are listed come through add_listed()."""
        self.counts[kind] = self.counts.get(kind, 0) + n

    def room(self, kind: str) -> int:
        """How many more of a kind would be listed."""
        return max(0, self._listed_max - len(self._listed.get(kind, ())))

    def add_listed(self, kind: str, row: int, time_ns: int, instrument_id: int, found: str) -> None:
        """List one that count() has counted."""
        if self.room(kind):
            self._listed.setdefault(kind, []).append((row, time_ns, instrument_id, found))

    def listed(self, symbols: dict[int, str], allowed: dict[str, str]) -> list[Finding]:
        """Every finding that is listed, by row."""
        out = [
            Finding(
                kind, self.file, row, time_ns, symbols.get(number, str(number) if number else ""),
                found, allowed.get(kind, KINDS[kind]),
            )
            for kind, rows in self._listed.items()
            for row, time_ns, number, found in rows
        ]  # fmt: skip
        return sorted(out, key=lambda f: (f.row, f.kind))
