"""Records as plain values that people and JSON can hold: names for numbers, exact decimals for
mantissas.

A price, quantity or amount whose exponents the journal tells is decimal text under its long name
(px -> "price", last_qty -> "last_quantity"); one whose exponents it does not tell stays a mantissa,
a number, under its short name. No float stands between. One thread; some 10 us a record.
"""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from enum import IntFlag
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tectra.core.errors import JournalCorruptError
from tectra.core.msg import DTYPES, ENUMS, Template
from tectra.journal.query import JournalQuery, Query
from tectra.journal.reader import JournalReader

__all__ = ["Definition", "PlainRecords", "decimal_text", "raw_names", "time_text"]

NO_PX = -(1 << 63)
_HEADER = {"block_length", "template_id", "schema_id", "version"}
_HEAD = {"ring_seq", "ts_event_ns", "ts_recv_ns", "instrument_id"}
_MONEY = {"cost", "realized", "unrealized", "fees", "fee", "total"}
_LOTS = {"lot", "qty_min", "qty_max"}
# name of a field -> (name with the value, its exponent from those of price and quantity, factor)
_Scale = tuple[str, Callable[[int, int], int], int]


class Definition(NamedTuple):
    """What a journal says of an instrument; `exchange` is the venue_id."""

    symbol: str
    exchange: int
    px_exponent: int
    qty_exponent: int


def decimal_text(mantissa: int, exponent: int) -> str:
    """mantissa * 10^exponent, exactly and with every digit: "101.2500"."""
    if exponent >= 0:
        return str(mantissa * 10**exponent)
    digits = str(abs(mantissa)).rjust(1 - exponent, "0")
    return f"{'-' if mantissa < 0 else ''}{digits[:exponent]}.{digits[exponent:]}"


def time_text(ns: int) -> str:
    """Nanoseconds since the epoch as 2026-01-05T14:30:00.000000001."""
    return str(np.datetime64(ns, "ns"))


@cache
def _scale(name: str) -> _Scale | None:
    """How a field is scaled; None: it is not."""
    if name in _MONEY:
        return name, lambda px, qty: px + qty, 1
    if name in _LOTS or name == "qty" or name.endswith("_qty"):
        long = name.removesuffix("qty") + "quantity" if name.endswith("qty") else name
        return long, lambda _, qty: qty, 1
    if name == "tick" or name == "px" or name.endswith("_px"):
        long = name.removesuffix("px") + "price" if name.endswith("px") else name
        return long, lambda px, _: px, 1
    if name.endswith("_px2"):  # doubled, so that a mid is exact: x / 2 = 5 x / 10
        return name.removesuffix("px2") + "price", lambda px, _: px - 1, 5
    return None


def _own_names(template: Template) -> list[str]:
    """Fields of a type that are neither header nor head nor filling."""
    return [
        name
        for name in DTYPES[template].names or ()
        if name not in _HEADER and name not in _HEAD and not name.startswith("reserved")
    ]


def raw_names(template: Template) -> list[str]:
    """Fields of a type that hold mantissas of prices, quantities or money."""
    return [name for name in _own_names(template) if _scale(name) is not None]


class PlainRecords:
    """The records of a journal as plain values, with what it says of its instruments.

    Definitions come from the session and from the `instrument` records, each from its record on.
    """

    def __init__(self, reader: JournalReader) -> None:
        self._known: dict[int, tuple[list[int], list[Definition]]] = {}
        named = reader.session.get("instruments")
        for fields in named if isinstance(named, list) else []:
            self._from_session(fields)
        rows = JournalQuery(reader, Query(templates=frozenset({Template.INSTRUMENT})))
        # Whoever reads the records comes upon the damage, behind all that is whole.
        with suppress(JournalCorruptError):
            for template, data in rows.records():
                self.learn(template, data)

    def _from_session(self, fields: Any) -> None:
        try:
            found = Definition(
                str(fields["symbol"]),
                int(fields["exchange"]),
                int(fields["px_exponent"]),
                int(fields["qty_exponent"]),
            )
            self._known[int(fields["instrument_id"])] = ([0], [found])
        except (KeyError, TypeError, ValueError):
            return  # a session of another kind; its records show mantissas

    def learn(self, template: Template, data: Any) -> None:
        """Take note of an `instrument` record; of any other nothing."""
        if template is not Template.INSTRUMENT:
            return
        row = np.frombuffer(data, DTYPES[template])[0]
        found = Definition(
            row["symbol"].decode("ascii", "backslashreplace").rstrip(),
            int(row["venue_id"]),
            int(row["px_exponent"]),
            int(row["qty_exponent"]),
        )
        seqs, definitions = self._known.setdefault(int(row["instrument_id"]), ([], []))
        at = bisect_right(seqs, int(row["ring_seq"]))
        if at == 0 or seqs[at - 1] != int(row["ring_seq"]):
            seqs.insert(at, int(row["ring_seq"]))
            definitions.insert(at, found)

    def definition(self, instrument_id: int, ring_seq: int) -> Definition | None:
        """What held for an instrument at a record; the first one for records ahead of it."""
        seqs, definitions = self._known.get(instrument_id, ([], []))
        return definitions[max(0, bisect_right(seqs, ring_seq) - 1)] if definitions else None

    def instrument_ids(self, symbol: str) -> frozenset[int]:
        """Ids that ever had a symbol."""
        return frozenset(
            i for i, (_, known) in self._known.items() if any(d.symbol == symbol for d in known)
        )

    @property
    def symbols(self) -> list[str]:
        """Every symbol, sorted."""
        return sorted({d.symbol for _, known in self._known.values() for d in known})

    def exponents(self, template: Template) -> dict[str, int]:
        """Exponents of a type's columns, where every instrument has the same; those of doubled
        prices are left out.
        """
        every = [d for _, known in self._known.values() for d in known]
        pairs = {(d.px_exponent, d.qty_exponent) for d in every}
        if len(pairs) != 1:
            return {}
        px, qty = next(iter(pairs))
        scales = {name: _scale(name) for name in raw_names(template)}
        return {n: s[1](px, qty) for n, s in scales.items() if s is not None and s[2] == 1}

    def columns(self, template: Template) -> list[str]:
        """Names that values() gives for a type whose exponents are known."""
        names = ["ring_seq", "type", "ts_event_ns", "ts_recv_ns", "instrument_id", "symbol"]
        for name in _own_names(template):
            scale = _scale(name)
            if name != "symbol":
                names.append(name if scale is None else scale[0])
        return names

    def values(self, template: Template, data: Any) -> dict[str, Any]:
        """Fields of a record: number, times, type, symbol, then its own in their order."""
        self.learn(template, data)
        dtype = DTYPES[template]
        row = np.frombuffer(data, dtype)[0]
        seq, instrument = int(row["ring_seq"]), int(row["instrument_id"])
        known = self.definition(instrument, seq)
        out: dict[str, Any] = {
            "ring_seq": seq,
            "type": template.name.lower(),
            "ts_event_ns": int(row["ts_event_ns"]),
            "ts_recv_ns": int(row["ts_recv_ns"]),
            "instrument_id": instrument,
            "symbol": None if known is None else known.symbol,
        }
        enums = ENUMS.get(template, {})
        for name in _own_names(template):
            key, value = name, _plain(name, row[name])
            if name == "symbol":  # the record says it itself, but for the whole market
                out["symbol"] = value.rstrip() or out["symbol"]
                continue
            scale = _scale(name)
            if name in enums:
                value = _named(enums[name], int(row[name]))
            elif scale is not None and known is not None and isinstance(value, int):
                key, exponent, factor = scale
                at = exponent(known.px_exponent, known.qty_exponent)
                value = None if value == NO_PX else decimal_text(value * factor, at)
            out[key] = value
        return out

    def line(self, template: Template, data: Any) -> str:
        """One line of text: number, time of receipt, type, symbol, then name=value."""
        values = self.values(template, data)
        seq, kind, symbol = values.pop("ring_seq"), values.pop("type"), values.pop("symbol")
        ts, event, instrument = (
            values.pop(n) for n in ("ts_recv_ns", "ts_event_ns", "instrument_id")
        )
        where = symbol if symbol is not None else (f"#{instrument}" if instrument else "-")
        said = [f"event={time_text(event)}"] if event not in (ts, 0) else []
        said += [f"{name}={_shown(value)}" for name, value in values.items() if _said(value)]
        return f"{seq:>8} {time_text(ts)} {kind:<19} {where:<8} {' '.join(said)}".rstrip()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return "".join(f"{int(word):016x}" for word in value)
    if isinstance(value, bytes):
        if name == "payload":
            return value.hex()
        return value.rstrip(b"\0").decode("ascii", "backslashreplace")
    return value.item()


def _named(kind: Any, value: int) -> Any:
    """Name of a number of an enum, names of a set's bits; the number where the schema has none."""
    if issubclass(kind, IntFlag):
        names = [bit.name for bit in kind if value & bit]
        return names if sum(bit for bit in kind if value & bit) == value else value
    try:
        return kind(value).name
    except ValueError:
        return value


def _said(value: Any) -> bool:
    return value is not None and value != "" and value != []


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, str) and any(c in value for c in " =\"'\n"):
        return repr(value)
    return str(value)
