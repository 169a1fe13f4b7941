"""What an instrument knows of a record: its ids, its mantissas, and whether it is meant at all."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from tectra.core.errors import FileFormatError, InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import Template
from tectra.core.record import Record, decode
from tectra.core.types import Timestamp
from tectra.refdata.instrument import Instrument

__all__ = [
    "NO_PX",
    "About",
    "Buffer",
    "check_same",
    "head",
    "money_of",
    "price_of",
    "px_of",
    "qty_of",
    "read_one",
]

# The mantissa that says "no price".
NO_PX = -(1 << 63)
Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class About:
    """What a writer knows beside the value: the instrument, when the value came here, and the
    number of what has none of its own.
    """

    instrument: Instrument
    ts_recv_ns: int = 0
    seq: int = 0


def head(about: About, ts_event: Timestamp) -> dict[str, int]:
    """The fields that every record about an instrument starts with."""
    return {
        "ts_event_ns": ts_event.ns,
        "ts_recv_ns": about.ts_recv_ns,
        "instrument_id": about.instrument.instrument_id,
        "venue_id": int(about.instrument.exchange),
    }


def read_one(buffer: Buffer, instrument: Instrument, *allowed: Template) -> Record:
    """The one record of a buffer. FileFormatError if it is another, or of another instrument."""
    record = decode(buffer)
    names = ", ".join(t.name.lower() for t in allowed)
    if record.template not in allowed or record.nbytes != memoryview(buffer).nbytes:
        raise FileFormatError(
            f"found {memoryview(buffer).nbytes} bytes from a {record.template_name}; allowed: one "
            f"record of {names}"
        )
    found = record.get_int("instrument_id")
    if found != instrument.instrument_id:
        raise FileFormatError(
            f"{record.template_name}: found instrument {found}; allowed: "
            f"{instrument.instrument_id}, {instrument.symbol}"
        )
    return record


def px_of(price: Price | None, instrument: Instrument) -> int:
    """Mantissa of a price, NO_PX of none. InputError where places would be lost."""
    return NO_PX if price is None else price.raw(instrument.px_exponent)


def price_of(px: int, instrument: Instrument) -> Price | None:
    """Inverse of px_of()."""
    return None if px == NO_PX else instrument.price(px)


def qty_of(quantity: Quantity, instrument: Instrument) -> int:
    """Mantissa of a quantity. InputError where places would be lost."""
    return quantity.raw(instrument.qty_exponent)


def money_of(money: Decimal, instrument: Instrument) -> int:
    """Mantissa of money at px_exponent + qty_exponent. InputError where places would be lost."""
    raw = money.scaleb(-(instrument.px_exponent + instrument.qty_exponent))
    if raw != raw.to_integral_value():
        raise InputError(f"money: found {money}; allowed: a multiple of {instrument.money(1)}")
    return int(raw)


def check_same(value: Any, instrument: Instrument) -> None:
    """Raise InputError unless the value is about the instrument."""
    exchange = getattr(value, "exchange", instrument.exchange)
    if value.symbol != instrument.symbol or exchange != instrument.exchange:
        raise InputError(
            f"{type(value).__name__}: found {value.symbol} on {exchange.label}; allowed: "
            f"{instrument.symbol} on {instrument.exchange.label}, as the instrument says"
        )
