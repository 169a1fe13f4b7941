"""Bitstamp order logs as a feed of single orders: lines of a local time in milliseconds, an event
and its JSON, as the live order channel gave it.

An order that shrinks is a cancel of the difference, since the log does not say which order traded
with which; trades are prints. Prices have two decimals and amounts eight.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError
from tectra.core.msg import Side, Template
from tectra.core.types import Exchange
from tectra.feed.importer.base import BlockFeed, Faults, Options
from tectra.feed.importer.record import Records, interleave, new_records
from tectra.feed.importer.source import BLOCK_BYTES, ByteSource, Head
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

__all__ = ["OPTIONS", "open_bitstamp", "sniff"]

OPTIONS = {
    "symbol": "symbol of the log (default BTCUSD)",
    "instrument_id": "id of the symbol (default 1)",
    "px_exponent": "decimal exponent of prices (default -2)",
    "qty_exponent": "decimal exponent of amounts (default -8)",
    "strict": "false: leave damaged lines out and count them (default true: the first one raises)",
}
_EVENTS = ("order_created", "order_changed", "order_deleted", "trade")
_LINE = re.compile(r"(\d{13}) (\w+) (\{.*\})")
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,20})?(e-?\d{1,2})?", re.ASCII)
_LINE_MAX = 1 << 16
_FLOAT_DIGITS, _FLOAT_ERROR = 16, Decimal("0.001")
_Row = tuple[int, Template, int, int, int, int, int]


def sniff(head: Head) -> bool:
    """Whether the first lines are events of such a log."""
    found = [_LINE.fullmatch(line) for line in head.lines[:5]]
    return bool(found) and all(found) and any(m[2] in _EVENTS for m in found if m)


class _Maker:
    """Lines as rows: (line, template, time, reference or id, side, px, qty)."""

    def __init__(self, one: Instrument, faults: Faults) -> None:
        self.one = one
        self.faults = faults
        self.live: dict[int, tuple[int, int, int]] = {}
        self.last_ns = 0

    def row(self, number: int, line: str) -> _Row | None:
        """The record of a line, None when there is none."""
        match = _LINE.fullmatch(line)
        if match is None:
            self.faults.add(number, "damaged_row", f"found {line[:80]!r}; allowed: time event JSON")
            return None
        if match[2] not in _EVENTS:
            self.faults.note(number, match[2], f"{match[2]} events have no form here")
            return None
        try:
            body = json.loads(match[3], parse_float=str, parse_int=str)
            px = self._amount(number, body["price"], self.one.px_exponent)
            qty = self._amount(number, body["amount"], self.one.qty_exponent)
            ref = int(body["id"])
            kind = str(body.get("order_type", "0"))
            if kind not in ("0", "1") or not 0 <= ref < 1 << 63:
                raise ValueError(f"order_type {kind}, id {ref}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.faults.add(number, "damaged_row", f"found {line[:120]!r}: {error}")
            return None
        time = int(match[1]) * 1_000_000
        if time < self.last_ns:
            self.faults.add(number, "time_backwards", f"found {time} ns behind {self.last_ns} ns")
            return None
        self.last_ns = time
        side = int(Side.SELL) if kind == "1" else int(Side.BUY)
        return self._event(number, match[2], (time, ref, side, px, qty))

    def _amount(self, number: int, text: object, exponent: int) -> int:
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is no amount")
        raw = Decimal(text).scaleb(-exponent)
        whole = raw.to_integral_value()
        if raw != whole and len(text) > _FLOAT_DIGITS and abs(raw - whole) < _FLOAT_ERROR:
            # The venue's own floats: trades say 1.7885566900000001.
            self.faults.note(number, "float_rounded", f"{text} is taken as {whole}e{exponent}")
            raw = whole
        if raw != whole or raw >= 1 << 63:
            raise ValueError(f"{text} at exponent {exponent}")
        return int(raw)

    def _event(self, number: int, event: str, what: tuple[int, int, int, int, int]) -> _Row | None:
        time, ref, side, px, qty = what
        if event == "trade":
            return number, Template.TRADE, time, ref, int(Side.NONE), px, qty
        found = self.live.get(ref)
        if event == "order_created":
            if found is not None or not qty or not px:
                self.faults.note(number, "not_an_order", f"order {ref}: created twice, or empty")
                return None
            self.live[ref] = (side, px, qty)
            return number, Template.BOOK_ADD, time, ref, side, px, qty
        if found is None:
            self.faults.note(number, "unknown_order", f"order {ref} was not created in this log")
            return None
        if event == "order_deleted":
            del self.live[ref]
            return number, Template.BOOK_DELETE, time, ref, 0, 0, 0
        return self._changed(number, time, ref, found, (px, qty))

    def _changed(
        self, number: int, time: int, ref: int, was: tuple[int, int, int], now: tuple[int, int]
    ) -> _Row | None:
        side, old_px, old_qty = was
        px, qty = now
        if qty == 0:
            del self.live[ref]
            return number, Template.BOOK_DELETE, time, ref, 0, 0, 0
        self.live[ref] = (side, px, qty)
        if px == old_px and qty == old_qty:
            return None
        if px == old_px and qty < old_qty:
            return number, Template.BOOK_CANCEL, time, ref, 0, 0, old_qty - qty
        return number, Template.BOOK_REPLACE, time, ref, 0, px, qty

    def pack(self, rows: list[_Row]) -> Slots:
        """Records of some rows."""
        parts: list[tuple[Records, NDArray[np.int64]]] = []
        for template in dict.fromkeys(row[1] for row in rows):
            mine = [row for row in rows if row[1] is template]
            columns = np.array([(r[0], r[2], r[4], r[5], r[6]) for r in mine], np.int64)
            refs = np.array([r[3] for r in mine], np.uint64)
            records = new_records(
                template,
                len(mine),
                ts_event_ns=columns[:, 1],
                ts_recv_ns=columns[:, 1],
                instrument_id=self.one.instrument_id,
                venue_id=int(self.one.exchange),
            )
            names = records.dtype.names or ()
            for name, values in (
                ("match_id" if template is Template.TRADE else "order_ref", refs),
                ("new_order_ref", refs),
                ("side", columns[:, 2]),
                ("px", columns[:, 3]),
                ("qty", columns[:, 4]),
            ):
                if name in names:
                    records[name] = values
            parts.append((records, columns[:, 0]))
        return interleave(parts)


def _blocks(source: ByteSource, maker: _Maker) -> Iterator[Slots]:
    carry, number = b"", 0
    while True:
        data = source.read(BLOCK_BYTES >> 2)
        lines = (carry + data).split(b"\n")
        carry = lines.pop() if data else b""
        if len(carry) > _LINE_MAX:
            raise FileFormatError(f"{source.path}, line {number + 1:,}: longer than {_LINE_MAX:,}")
        rows = []
        for line in lines:
            number += 1
            if not data and not line.strip():
                continue
            found = maker.row(number, line.rstrip(b"\r").decode("utf-8", "backslashreplace"))
            if found is not None:
                rows.append(found)
        yield maker.pack(rows)
        if not data:
            return


def open_bitstamp(path: Path, options: Options) -> BlockFeed:
    """Open a log, plain or compressed. InputError, FileFormatError."""
    px, qty = options.exponent("px_exponent"), options.exponent("qty_exponent")
    one = Instrument(
        options.integer("instrument_id", 1, low=1, high=(1 << 32) - 1),
        options.text("symbol", "BTCUSD"),
        Exchange.SIMULATED,
        px_exponent=-2 if px is None else px,
        qty_exponent=-8 if qty is None else qty,
    )
    faults = Faults(path, strict=options.flag("strict", default=True))
    source = ByteSource(path)
    maker = _Maker(one, faults)
    return BlockFeed("bitstamp", source, {one.instrument_id: one}, _blocks(source, maker), faults)
