"""Books as records: one `book_level` for each level, bids first, in the venue's order, LAST on the
last one. A snapshot without levels is one level of price and quantity 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError, InputError
from tectra.core.event import BookSnapshotPayload, BookUpdatePayload
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel, levels_from, levels_into
from tectra.core.market import BookUpdate
from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, MarketFlag, Side, Template
from tectra.core.record import decode
from tectra.core.types import Timestamp
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import About, Buffer, check_same, head

__all__ = ["read_payload", "read_update", "write_payload", "write_update"]

_LEVEL = DTYPES[Template.BOOK_LEVEL]
_SNAPSHOT, _LAST = int(MarketFlag.SNAPSHOT), int(MarketFlag.LAST)
_NOTHING = BookLevel(Price(0), Quantity(0))
# What is the same in all records of one event.
_COMMON = ("template_id", "block_length", "version", "instrument_id", "seq", "ts_event_ns")


def _write(value: Any, about: About, *, seq: int, ts: Timestamp, snapshot: bool) -> bytes:
    """The levels of anything with bids and asks."""
    if snapshot and any(not v.quantity for side in (value.bids, value.asks) for v in side):
        raise InputError("snapshot: found a level of quantity 0; allowed: levels that are there")
    empty = not value.bids and not value.asks
    if empty and not snapshot:
        raise InputError("update: found no level; allowed: at least one; drop it")
    bids = (_NOTHING,) if empty else value.bids
    n = len(bids)
    out: NDArray[Any] = np.zeros(n + len(value.asks), _LEVEL)
    out["block_length"], out["template_id"] = _LEVEL.itemsize - 8, Template.BOOK_LEVEL
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    for name, number in head(about, ts).items():
        out[name] = number
    out["seq"] = seq
    out["side"][:n], out["side"][n:] = Side.BUY, Side.SELL
    out["flags"] = _SNAPSHOT if snapshot else 0
    out["flags"][-1] |= _LAST
    exponents = (about.instrument.px_exponent, about.instrument.qty_exponent)
    levels_into(bids, exponents, out["px"][:n], out["qty"][:n])
    levels_into(value.asks, exponents, out["px"][n:], out["qty"][n:])
    return out.tobytes()


def _read(buffer: Buffer, instrument: Instrument) -> dict[str, Any]:
    """Fields of a book: ts, seq, bids, asks, is_snapshot. FileFormatError unless the buffer is
    exactly one event's book_level records.
    """
    first = decode(buffer)
    size = memoryview(buffer).nbytes
    if first.template is not Template.BOOK_LEVEL or size % _LEVEL.itemsize:
        raise FileFormatError(
            f"found {size} bytes from a {first.template_name}; allowed: whole book_level records"
        )
    rows = np.frombuffer(buffer, _LEVEL)
    whole = int(rows["flags"][0]) & _SNAPSHOT
    for name in _COMMON:
        if (rows[name] != rows[name][0]).any():
            raise FileFormatError(f"book_level: found {name} that differ within one event")
    last = rows["flags"] & _LAST != 0
    if not last[-1] or last[:-1].any() or ((rows["flags"] & _SNAPSHOT) != whole).any():
        raise FileFormatError("book_level: found records that are not exactly one event")
    if int(rows["instrument_id"][0]) != instrument.instrument_id:
        raise FileFormatError(
            f"book_level: found instrument {int(rows['instrument_id'][0])}; allowed: "
            f"{instrument.instrument_id}, {instrument.symbol}"
        )
    if not np.isin(rows["side"], (int(Side.BUY), int(Side.SELL))).all():
        raise FileFormatError("book_level: found a record without a side")
    if whole:
        rows = rows[rows["qty"] != 0]
    exponents = (instrument.px_exponent, instrument.qty_exponent)
    bids, asks = rows[rows["side"] == Side.BUY], rows[rows["side"] == Side.SELL]
    return {
        "ts": Timestamp(first.get_int("ts_event_ns")),
        "seq": first.get_int("seq"),
        "bids": levels_from(bids["px"], bids["qty"], exponents),
        "asks": levels_from(asks["px"], asks["qty"], exponents),
        "is_snapshot": bool(whole),
    }


def write_update(value: BookUpdate, about: About) -> bytes:
    """The levels of a BookUpdate. InputError if it is of another instrument or says nothing."""
    check_same(value, about.instrument)
    return _write(value, about, seq=value.seq, ts=value.timestamp, snapshot=value.is_snapshot)


def read_update(buffer: Buffer, instrument: Instrument) -> BookUpdate:
    """Inverse of write_update()."""
    found = _read(buffer, instrument)
    ts = found.pop("ts")
    return BookUpdate(exchange=instrument.exchange, symbol=instrument.symbol, timestamp=ts, **found)


def write_payload(value: Any, about: About) -> bytes:
    """The levels of a payload, with the number that the event has."""
    snapshot = type(value) is BookSnapshotPayload
    return _write(value, about, seq=about.seq, ts=value.ts_event, snapshot=snapshot)


def read_payload(buffer: Buffer, instrument: Instrument) -> BookSnapshotPayload | BookUpdatePayload:
    """Inverse of write_payload()."""
    found = _read(buffer, instrument)
    kind = BookSnapshotPayload if found["is_snapshot"] else BookUpdatePayload
    return kind(found["ts"], found["bids"], found["asks"])
