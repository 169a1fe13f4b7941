"""Small value types of the core: Timestamp, OrderId, Exchange, and the enums of the schema under
their public names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Generic, Self, TypeVar

from tectra.core.errors import DuplicateError, InputError, NumericOverflowError, UnknownOrderError
from tectra.core.msg import Liquidity, OrderState, OrderType, Side, TimeInForce

__all__ = [
    "Exchange",
    "Liquidity",
    "OrderId",
    "OrderIdIndex",
    "OrderState",
    "OrderType",
    "Side",
    "TimeInForce",
    "Timestamp",
    "TradeSide",
]

# The aggressor's side of a trade is the same thing as the side of an order.
TradeSide = Side

_U64_MAX = (1 << 64) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)", re.ASCII
)
_T = TypeVar("_T")


class Exchange(IntEnum):
    """Where an instrument trades; the value is the venue_id of records. `Exchange.Binance` is
    `Exchange.BINANCE`.
    """

    BINANCE = 1
    BYBIT = 2
    COINBASE = 3
    KRAKEN = 4
    ALPACA = 5
    NASDAQ = 6
    SIMULATED = 7
    OKX = 8

    Binance = 1
    Bybit = 2
    Coinbase = 3
    Kraken = 4
    Alpaca = 5
    Nasdaq = 6
    Simulated = 7
    Okx = 8

    @property
    def label(self) -> str:
        """Name for people: "Binance"."""
        return self.name.capitalize()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a name in any case; raises InputError with the allowed names."""
        found = cls.__members__.get(text.strip().upper())
        if found is None:
            raise InputError(
                f"exchange: found {text!r}; allowed: {', '.join(e.label for e in cls)}"
            )
        return found


@dataclass(frozen=True, order=True, slots=True)
class Timestamp:
    """Nanoseconds since the epoch, UTC, as an unsigned 64-bit integer: 1970 to 2554.

    A difference of two is an int of nanoseconds; adding an int of nanoseconds gives another.
    Leaving the range raises OverflowError. Conversions to coarser units cut down; from_x(t.x) is
    exact for times that fit the unit.
    """

    ns: int

    def __post_init__(self) -> None:
        if not isinstance(self.ns, int) or isinstance(self.ns, bool):
            raise TypeError(
                f"ns: found {type(self.ns).__name__}; allowed: int; see from_s, from_iso"
            )
        if not 0 <= self.ns <= _U64_MAX:
            raise NumericOverflowError(f"ns: found {self.ns}; allowed: 0 to 2^64 - 1")

    @classmethod
    def from_us(cls, us: int) -> Self:
        """From whole microseconds."""
        return cls(us * 1_000)

    @classmethod
    def from_ms(cls, ms: int) -> Self:
        """From whole milliseconds."""
        return cls(ms * 1_000_000)

    @classmethod
    def from_s(cls, s: int) -> Self:
        """From whole seconds."""
        return cls(s * 1_000_000_000)

    @classmethod
    def from_datetime(cls, when: datetime) -> Self:
        """From an aware datetime, exactly. A naive one raises InputError: it does not say which
        zone it means.
        """
        if when.tzinfo is None:
            raise InputError(
                f"found the naive datetime {when}; allowed: one with tzinfo, such as UTC"
            )
        return cls((when - _EPOCH) // timedelta(microseconds=1) * 1_000)

    @classmethod
    def from_iso(cls, text: str) -> Self:
        """From "2026-01-31T09:30:00.123456789Z": up to nine decimals, Z or an offset."""
        match = _ISO.fullmatch(text)
        if match is None:
            raise InputError(
                f"found {text!r}; allowed: ISO 8601 such as 2026-01-31T09:30:00.123456789Z"
            )
        day, clock, fraction, zone = match.groups()
        try:
            whole = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
        except ValueError as error:
            raise InputError(f"found {text!r}: {error}; allowed: a date that exists") from None
        return cls(cls.from_datetime(whole).ns + int((fraction or "").ljust(9, "0")))

    @classmethod
    def from_dict(cls, fields: dict[str, int]) -> Self:
        """Inverse of to_dict()."""
        return cls(fields["ns"])

    @property
    def us(self) -> int:
        """Whole microseconds."""
        return self.ns // 1_000

    @property
    def ms(self) -> int:
        """Whole milliseconds."""
        return self.ns // 1_000_000

    @property
    def s(self) -> int:
        """Whole seconds."""
        return self.ns // 1_000_000_000

    def to_datetime(self) -> datetime:
        """Aware datetime in UTC, cut down to microseconds."""
        return _EPOCH + timedelta(microseconds=self.us)

    def to_iso(self) -> str:
        """ISO 8601 in UTC with nine decimals: exact."""
        whole = (_EPOCH + timedelta(seconds=self.s)).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{whole}.{self.ns % 1_000_000_000:09d}Z"

    def to_dict(self) -> dict[str, int]:
        """{"ns": int}."""
        return {"ns": self.ns}

    def __add__(self, ns: int) -> Self:
        if not isinstance(ns, int):
            return NotImplemented
        return type(self)(self.ns + ns)

    def __sub__(self, other: Self) -> int:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return self.ns - other.ns

    def __str__(self) -> str:
        return self.to_iso()


@dataclass(frozen=True, slots=True)
class OrderId:
    """Our u64 id of an order and, once the venue has told it, the venue's text. 0 is no order."""

    internal: int
    venue: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.internal <= _U64_MAX:
            raise InputError(f"internal: found {self.internal}; allowed: 0 to 2^64 - 1")

    def with_venue(self, venue: str) -> Self:
        """The same order with the venue's id."""
        return type(self)(self.internal, venue)

    def to_dict(self) -> dict[str, int | str]:
        """{"internal": int, "venue": str}."""
        return {"internal": self.internal, "venue": self.venue}

    @classmethod
    def from_dict(cls, fields: dict[str, int | str]) -> Self:
        """Inverse of to_dict()."""
        return cls(int(fields["internal"]), str(fields["venue"]))


class OrderIdIndex(Generic[_T]):
    """Finds a record by our id or by the venue's: both give the same object. One owner thread."""

    __slots__ = ("_by_internal", "_by_venue")

    def __init__(self) -> None:
        self._by_internal: dict[int, tuple[OrderId, _T]] = {}
        self._by_venue: dict[str, int] = {}

    def add(self, order_id: OrderId, record: _T) -> None:
        """Raises DuplicateError if either id is known."""
        if order_id.internal in self._by_internal:
            raise DuplicateError(
                f"order {order_id.internal} exists already; internal ids are never used twice"
            )
        if order_id.venue in self._by_venue:
            raise DuplicateError(
                f"venue id {order_id.venue!r} belongs to order {self._by_venue[order_id.venue]}"
            )
        self._by_internal[order_id.internal] = (order_id, record)
        if order_id.venue:
            self._by_venue[order_id.venue] = order_id.internal

    def bind(self, internal: int, venue: str) -> OrderId:
        """Learn the venue's id of a known order; telling it again changes nothing."""
        known, record = self._entry(internal)
        owner = self._by_venue.get(venue, internal)
        if owner != internal or (known.venue and known.venue != venue):
            raise DuplicateError(
                f"venue id {venue!r} of order {internal}: order {owner} has {known.venue!r} already"
            )
        bound = known.with_venue(venue)
        self._by_internal[internal] = (bound, record)
        self._by_venue[venue] = internal
        return bound

    def find(self, key: int | str) -> _T:
        """Record by internal id (int) or venue id (str). Raises UnknownOrderError."""
        return self._entry(key)[1]

    def id_of(self, key: int | str) -> OrderId:
        """OrderId by internal id (int) or venue id (str). Raises UnknownOrderError."""
        return self._entry(key)[0]

    def remove(self, internal: int) -> None:
        """Forget an order under both ids."""
        known, _ = self._entry(internal)
        del self._by_internal[internal]
        self._by_venue.pop(known.venue, None)

    def _entry(self, key: int | str) -> tuple[OrderId, _T]:
        internal = self._by_venue.get(key, 0) if isinstance(key, str) else key
        entry = self._by_internal.get(internal)
        if entry is None:
            raise UnknownOrderError(
                f"found no order {key!r} among {len(self)}; check whether it was removed"
            )
        return entry

    def __len__(self) -> int:
        return len(self._by_internal)

    def __iter__(self) -> Iterator[OrderId]:
        return (order_id for order_id, _ in self._by_internal.values())
