"""Instruments: what a record's mantissas mean, and which definition holds at which time."""

import difflib
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Self, TypeVar

from tectra.core.errors import InputError, UnknownSymbolError
from tectra.core.fixed import Price, Quantity, Rounding
from tectra.core.record import Record, encode, iter_records
from tectra.core.types import Exchange
from tectra.refdata.symbol import Symbol

__all__ = ["Instrument", "InstrumentTable"]

_I64_MAX = (1 << 63) - 1
_T = TypeVar("_T", Price, Quantity)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One definition of a tradable thing at one venue. tick, lot, qty_min and qty_max are mantissas
    at the exponents.

    A price is px * 10^px_exponent, a quantity qty * 10^qty_exponent, money a mantissa at the sum of
    both. The definition holds from ts_from_ns (nanoseconds since the epoch, UTC) until a later one
    of the same id.
    """

    instrument_id: int
    symbol: str
    exchange: Exchange
    px_exponent: int = -4
    qty_exponent: int = 0
    tick: int = 1
    lot: int = 1
    qty_min: int = 1
    qty_max: int = _I64_MAX
    round_lot: int = 1
    ts_from_ns: int = 0

    def __post_init__(self) -> None:
        limits = {
            "instrument_id": (1, (1 << 32) - 1),
            "px_exponent": (-18, 18),
            "qty_exponent": (-18, 18),
            "tick": (1, _I64_MAX),
            "lot": (1, _I64_MAX),
            "qty_min": (0, _I64_MAX),
            "qty_max": (self.qty_min, _I64_MAX),
            "round_lot": (0, (1 << 32) - 1),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(
                    f"instrument {self.symbol!r}: {name}: found {getattr(self, name)}; allowed: "
                    f"{low} to {high}"
                )
        if not (self.symbol.isascii() and 0 < len(self.symbol) <= 16):
            raise InputError(
                f"instrument: symbol: found {self.symbol!r}; allowed: 1 to 16 ASCII characters"
            )

    @property
    def tick_size(self) -> Price:
        """Smallest price step."""
        return self.price(self.tick)

    @property
    def lot_size(self) -> Quantity:
        """Smallest quantity step."""
        return self.quantity(self.lot)

    def price(self, px: int) -> Price:
        """Price of a mantissa."""
        return Price.from_raw(px, self.px_exponent)

    def quantity(self, qty: int) -> Quantity:
        """Quantity of a mantissa."""
        return Quantity.from_raw(qty, self.qty_exponent)

    def money(self, mantissa: int) -> Decimal:
        """Money of a mantissa at px_exponent + qty_exponent, exactly."""
        digits = tuple(map(int, str(abs(mantissa))))
        return Decimal((int(mantissa < 0), digits, self.px_exponent + self.qty_exponent))

    def px(self, price: Price, *, rounding: Rounding | None = None) -> int:
        """Mantissa of a price on the tick grid. Off the grid it raises InputError unless a rounding
        is named.
        """
        return self._on_grid(price, self.tick_size, self.px_exponent, rounding)

    def qty(self, quantity: Quantity, *, rounding: Rounding | None = None) -> int:
        """Mantissa of a quantity on the lot grid. Off the grid it raises InputError unless a
        rounding is named.
        """
        return self._on_grid(quantity, self.lot_size, self.qty_exponent, rounding)

    def _on_grid(self, value: _T, step: _T, exponent: int, rounding: Rounding | None) -> int:
        snapped = value.round_to(
            step, rounding=Rounding.HALF_EVEN if rounding is None else rounding
        )
        if rounding is None and snapped != value:
            raise InputError(
                f"{self.symbol}: found {value}; allowed: a multiple of {step}; nearest is {snapped}"
            )
        return snapped.raw(exponent)

    def to_dict(self) -> dict[str, int | str]:
        """Field by field; the exchange as its number."""
        return {**asdict(self), "exchange": int(self.exchange)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, int | str]) -> Self:
        """Inverse of to_dict()."""
        numbers = {n: int(v) for n, v in fields.items() if n not in ("symbol", "exchange")}
        return cls(
            symbol=str(fields["symbol"]), exchange=Exchange(int(fields["exchange"])), **numbers
        )

    def to_record(self) -> bytes:
        """The definition as an `instrument` record."""
        return encode(
            "instrument",
            ts_event_ns=self.ts_from_ns,
            ts_recv_ns=self.ts_from_ns,
            instrument_id=self.instrument_id,
            px_exponent=self.px_exponent,
            qty_exponent=self.qty_exponent,
            venue_id=int(self.exchange),
            symbol=self.symbol,
            tick=self.tick,
            lot=self.lot,
            qty_min=self.qty_min,
            qty_max=self.qty_max,
            round_lot=self.round_lot,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """From an `instrument` record; a qty_max of 0 means no maximum."""
        if record.template_name != "instrument":
            raise InputError(f"record: found {record.template_name}; allowed: instrument")
        return cls(
            instrument_id=record.get_int("instrument_id"),
            symbol=record.get_text("symbol").rstrip(),
            exchange=Exchange(record.get_int("venue_id")),
            px_exponent=record.get_int("px_exponent"),
            qty_exponent=record.get_int("qty_exponent"),
            tick=record.get_int("tick"),
            lot=record.get_int("lot"),
            qty_min=record.get_int("qty_min"),
            qty_max=record.get_int("qty_max") or _I64_MAX,
            round_lot=record.get_int("round_lot"),
            ts_from_ns=record.get_int("ts_event_ns"),
        )


class InstrumentTable:
    """Instruments by id and by symbol, versioned in time. One owner thread.

    Without a time, a lookup gives the latest definition; with `at_ns`, the one that held then. The
    key is the venue-wide id; a symbol may have had several ids, and an id several symbols, at
    different times.
    """

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_id: dict[int, list[Instrument]] = {}
        self._by_symbol: dict[str, list[Instrument]] = {}
        for instrument in instruments:
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Add a definition; one with the same id and time takes the place of the earlier."""
        versions = self._by_id.setdefault(instrument.instrument_id, [])
        for old in [v for v in versions if v.ts_from_ns == instrument.ts_from_ns]:
            versions.remove(old)
            self._by_symbol[old.symbol].remove(old)
        insort(versions, instrument, key=_from)
        insort(self._by_symbol.setdefault(instrument.symbol, []), instrument, key=_from)

    def by_id(self, instrument_id: int, *, at_ns: int | None = None) -> Instrument:
        """Definition of an id; raises UnknownSymbolError."""
        found = _at(self._by_id.get(instrument_id, []), at_ns)
        if found is None:
            raise UnknownSymbolError(self._unknown(f"instrument id {instrument_id}", [], at_ns))
        return found

    def by_symbol(
        self, symbol: str | Symbol, *, exchange: Exchange | None = None, at_ns: int | None = None
    ) -> Instrument:
        """Definition of a symbol (any spelling Symbol.parse takes); raises UnknownSymbolError,
        InputError if ambiguous.
        """
        versions = [v for v in self._versions(symbol) if exchange is None or v.exchange == exchange]
        venues = sorted({v.exchange for v in versions})
        if len(venues) > 1:
            raise InputError(
                f"{symbol}: found on {', '.join(v.label for v in venues)}; name one with exchange="
            )
        live = [v for v in versions if at_ns is None or v.ts_from_ns <= at_ns]
        for version in reversed(live):
            if _at(self._by_id[version.instrument_id], at_ns) is version:
                return version
        close = difflib.get_close_matches(str(symbol).upper(), list(self._by_symbol), n=3)
        where = f" on {exchange.label}" if exchange else ""
        raise UnknownSymbolError(self._unknown(f"symbol {str(symbol)!r}{where}", close, at_ns))

    def resolve(self, key: int | str | Symbol | Instrument) -> Instrument:
        """Whatever names an instrument: its id, its symbol, or itself."""
        if isinstance(key, Instrument):
            return self.by_id(key.instrument_id)
        return self.by_id(key) if isinstance(key, int) else self.by_symbol(key)

    def history(self, instrument_id: int) -> tuple[Instrument, ...]:
        """All definitions of an id in time order."""
        return tuple(self._by_id.get(instrument_id, ()))

    def symbols(self) -> tuple[str, ...]:
        """Symbols of the latest definitions, sorted."""
        return tuple(sorted({v.symbol for v in self}))

    def to_records(self) -> bytes:
        """Every definition as a stream of `instrument` records in time order."""
        every = [v for versions in self._by_id.values() for v in versions]
        return b"".join(
            v.to_record() for v in sorted(every, key=lambda v: (v.ts_from_ns, v.instrument_id))
        )

    @classmethod
    def from_records(cls, slots: bytes | bytearray | memoryview) -> Self:
        """From a stream of records; those that are no definitions are passed over."""
        records = iter_records(slots)
        return cls(Instrument.from_record(r) for r in records if r.template_name == "instrument")

    def _versions(self, symbol: str | Symbol) -> list[Instrument]:
        text = str(symbol)
        if text in self._by_symbol:
            return self._by_symbol[text]
        try:
            return self._by_symbol.get(str(Symbol.parse(text)), [])
        except InputError:
            return []

    def _unknown(self, what: str, close: list[str], at_ns: int | None) -> str:
        names = self.symbols()
        when = "" if at_ns is None else f" at {at_ns} ns"
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        some = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        return f"found no {what}{when}; {hint}available: {some or 'none, the table is empty'}"

    def __contains__(self, key: object) -> bool:
        try:
            return (
                isinstance(key, int | str | Symbol | Instrument) and self.resolve(key) is not None
            )
        except InputError:
            return False

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Instrument]:
        return (versions[-1] for versions in self._by_id.values())


def _from(instrument: Instrument) -> int:
    return instrument.ts_from_ns


def _at(versions: list[Instrument], at_ns: int | None) -> Instrument | None:
    if at_ns is None:
        return versions[-1] if versions else None
    i = bisect_right(versions, at_ns, key=_from)
    return versions[i - 1] if i else None
