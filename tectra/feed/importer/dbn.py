"""Databento DBN files as a feed, versions 1 to 3, zstd or plain: mbo, mbp-1, mbp-10, tbbo, trades,
bbo, cmbp-1, cbbo, tcbbo, ohlcv, definition and status, each file of one schema or mixed.

Prices keep their value exactly: an instrument's exponent is the least that all its prices have,
found by one pass over the file.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError
from tectra.core.msg import BarKind, MarketFlag, Side, StatusKind, Template
from tectra.feed.importer.base import BlockFeed, Faults, Options
from tectra.feed.importer.dbn_mbo import MboBook, MboRows, held_back
from tectra.feed.importer.dbn_scan import FIXED, Run, Scan, instruments_of, metadata_of, runs_of
from tectra.feed.importer.dbn_wire import (
    FLAG_LAST,
    FLAG_SNAPSHOT,
    NO_PRICE,
    NO_SIZE,
    NO_TIME,
    OHLCV_NS,
    Metadata,
)
from tectra.feed.importer.level import LevelDiff
from tectra.feed.importer.record import Records, as_slots, chosen, interleave, new_records
from tectra.feed.importer.source import ByteSource, Head
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import NO_PX

__all__ = ["OPTIONS", "open_dbn", "sniff"]

OPTIONS = {
    "exchange": "venue, such as nasdaq (default: that of the dataset, else simulated)",
    "px_exponent": "decimal exponent of prices, -9 to 0 (default: the least that fits all)",
    "strict": "false: leave damaged records out and count them (default true: the first raises)",
}
I64 = NDArray[np.int64]
_STATES = {3: b"Q", 7: b"T", 8: b"H", 9: b"P", 10: b"H"}


def sniff(head: Head) -> bool:
    """Whether the content starts as DBN of a version that is known."""
    return head.data[:3] == b"DBN" and head.data[3:4] in (b"\x01", b"\x02", b"\x03")


class _Maker:
    """Runs as records."""

    def __init__(self, meta: Metadata, definitions: dict[int, Instrument], faults: Faults) -> None:
        self.meta = meta
        self.definitions = definitions
        self.faults = faults
        self.venue = next((int(d.exchange) for d in definitions.values()), 0)
        self.book = MboBook(faults)
        self.levels: dict[int, LevelDiff] = {}
        self.held: Run | None = None
        self.last = -(1 << 63)
        numbers = np.array(sorted(definitions), np.int64)
        self._numbers = numbers
        self._scales = np.array(
            [10 ** (definitions[int(n)].px_exponent - FIXED) for n in numbers], np.int64
        )

    def slots(self, run: Run) -> Slots:
        """Records of one run."""
        run, times = self._checked(run)
        if not len(run.rows):
            return np.empty(0, np.uint8)
        head = {
            "ts_event_ns": times[0],
            "ts_recv_ns": times[1],
            "instrument_id": run.rows["instrument_id"],
            "venue_id": np.full(len(run.rows), self.venue, np.uint16),
        }
        if run.kind == "mbo":
            return self._mbo(run, head)
        if run.kind == "trades":
            return as_slots(self._trades(run, head, np.arange(len(run.rows))))
        if run.kind == "mbp-10":
            return self._depth(run, head)
        if run.kind == "ohlcv":
            return self._bars(run, head)
        if run.kind == "definition":
            return self._definition(run, head)
        return self._states(run, head) if run.kind == "status" else self._quotes(run, head)

    def _checked(self, run: Run) -> tuple[Run, tuple[I64, I64]]:
        """The run without records that are no good, and both times of the others."""
        rows = run.rows
        names = rows.dtype.names or ()
        event, recv = rows["ts_event"], rows["ts_recv"] if "ts_recv" in names else rows["ts_event"]
        recv = np.where(recv == NO_TIME, event, recv)
        event = np.where(event == NO_TIME, recv, event)
        if run.kind == "ohlcv":
            recv = event + np.uint64(OHLCV_NS[run.rtype])
        most = np.uint64(1 << 62)
        wrong = {
            "a time beyond the year 2116": (event > most) | (recv > most),
            "no instrument": rows["instrument_id"] == 0,
            **self._off_grid(rows),
            **(_bad_mbo(rows) if run.kind == "mbo" else {}),
        }
        bad = np.zeros(len(rows), bool)
        for cause, found in wrong.items():
            self._complain(run, found & ~bad, cause)
            bad |= found
        times = recv.astype(np.int64)
        highest = np.maximum.accumulate(np.maximum(np.where(bad, -(1 << 62), times), self.last))
        back = (times < highest) & ~bad
        self._complain(run, back, "a time behind a later one")
        bad |= back
        self.last = int(highest[-1])
        if not bool(bad.any()):
            return run, (event.astype(np.int64), times)
        keep = ~bad
        run = Run(run.kind, run.rtype, chosen(rows, keep), run.offset)
        return run, (event.astype(np.int64)[keep], times[keep])

    def _complain(self, run: Run, bad: NDArray[np.bool_], cause: str) -> None:
        for i in np.flatnonzero(bad).tolist():
            shown = {n: run.rows[n][i].item() for n in (run.rows.dtype.names or ())[1:10]}
            self.faults.add(int(run.places[i]), cause.replace(" ", "_"), f"found {cause}: {shown}")

    def _scale(self, rows: NDArray[np.void]) -> I64:
        out: I64 = self._scales[np.searchsorted(self._numbers, rows["instrument_id"])]
        return out

    def _off_grid(self, rows: NDArray[np.void]) -> dict[str, NDArray[np.bool_]]:
        names = [n for n in rows.dtype.names or () if n == "price" or "_px_" in n]
        if not names or not len(self._numbers):
            return {}
        known = np.minimum(
            np.searchsorted(self._numbers, rows["instrument_id"]), len(self._numbers) - 1
        )
        scale = self._scales[known]
        off = np.zeros(len(rows), bool)
        for name in names:
            off |= (rows[name] != NO_PRICE) & (rows[name] % scale != 0)
        return {"a price that the exponent cannot hold": off}

    def _px(self, rows: NDArray[np.void], name: str) -> I64:
        raw = rows[name]
        return np.where(raw == NO_PRICE, NO_PX, raw // self._scale(rows)).astype(np.int64)

    def _mbo(self, run: Run, head: dict[str, NDArray[np.generic]]) -> Slots:
        rows = run.rows
        return self.book.records(
            MboRows(
                head,
                rows["action"],
                rows["side"],
                rows["order_id"],
                self._px(rows, "price"),
                rows["size"].astype(np.int64),
                rows["flags"],
                rows["sequence"].astype(np.int64),
                run.places,
            )
        )

    def _trades(self, run: Run, head: dict[str, NDArray[np.generic]], at: I64) -> Records:
        rows = chosen(run.rows, at)
        sides = {b"B": int(Side.BUY), b"A": int(Side.SELL)}
        return new_records(
            Template.TRADE,
            len(at),
            px=self._px(rows, "price"),
            qty=rows["size"],
            side=np.array([sides.get(s, int(Side.NONE)) for s in rows["side"].tolist()], np.uint8),
            match_id=rows["sequence"],
            flags=_flags(rows["flags"]),
            **{n: v[at] for n, v in head.items()},
        )

    def _quotes(self, run: Run, head: dict[str, NDArray[np.generic]]) -> Slots:
        rows = run.rows
        quotes = new_records(Template.QUOTE, len(rows), **head)
        quotes["seq"] = rows["sequence"] if run.kind in ("mbp-1", "bbo") else 0
        quotes["flags"] = _flags(rows["flags"])
        for side in ("bid", "ask"):
            quotes[f"{side}_px"] = self._px(rows, f"{side}_px_0")
            size = rows[f"{side}_sz_0"]
            quotes[f"{side}_qty"] = np.where(size == NO_SIZE, 0, size)
        traded = (rows["action"] == b"T") & (run.kind not in ("bbo", "cbbo"))
        at = np.flatnonzero(traded).astype(np.int64)
        return interleave([(quotes, np.arange(len(rows))), (self._trades(run, head, at), at)])

    def _depth(self, run: Run, head: dict[str, NDArray[np.generic]]) -> Slots:
        rows = run.rows
        parts: list[tuple[Records, I64]] = []
        for number in np.unique(rows["instrument_id"]).tolist():
            mine = np.flatnonzero(rows["instrument_id"] == number)
            some = chosen(rows, mine)
            grid = [
                np.stack([self._px(some, f"{s}_px_{i}") for i in range(10)], axis=1)
                for s in ("bid", "ask")
            ]
            size = [
                np.stack([some[f"{s}_sz_{i}"].astype(np.int64) for i in range(10)], axis=1)
                for s in ("bid", "ask")
            ]
            book = self.levels.setdefault(int(number), LevelDiff(10))
            records, at = book.update(grid[0], size[0], grid[1], size[1])
            for name, values in head.items():
                records[name] = values[mine[at]]
            records["seq"] = some["sequence"][at]
            parts.append((records, mine[at].astype(np.int64)))
        at = np.flatnonzero(rows["action"] == b"T").astype(np.int64)
        return interleave([(self._trades(run, head, at), at), *parts])

    def _bars(self, run: Run, head: dict[str, NDArray[np.generic]]) -> Slots:
        rows = run.rows
        bad = rows["volume"] > np.uint64((1 << 63) - 1)
        self._complain(run, bad, "a volume beyond 64 bits")
        interval = OHLCV_NS[run.rtype]
        opened = head["ts_event_ns"]
        bars = new_records(
            Template.BAR,
            len(rows),
            kind=int(BarKind.TIME),
            ts_open_ns=opened,
            interval=interval,
            volume_qty=np.where(bad, 0, rows["volume"]).astype(np.int64),
            **{n: rows[n] / 1e9 for n in ("open", "high", "low", "close")},
            **head,
        )
        bars["ts_event_ns"] = head["ts_recv_ns"]
        return as_slots(chosen(bars, ~bad))

    def _definition(self, run: Run, head: dict[str, NDArray[np.generic]]) -> Slots:
        out = []
        for i in range(len(run.rows)):
            one = self.definitions[int(run.rows["instrument_id"][i])]
            event = int(head["ts_event_ns"][i])
            raw = np.frombuffer(replace(one, ts_from_ns=event).to_record(), np.uint8).copy()
            raw[24:32] = np.frombuffer(int(head["ts_recv_ns"][i]).to_bytes(8, "little"), np.uint8)
            out.append(raw)
        return np.concatenate(out)

    def _states(self, run: Run, head: dict[str, NDArray[np.generic]]) -> Slots:
        states = new_records(
            Template.STATUS, len(run.rows), kind=int(StatusKind.TRADING_ACTION), **head
        )
        actions = run.rows["action"].tolist()
        states["state"] = [_STATES.get(a, b"Q") for a in actions]
        states["code"] = [str(a).encode() for a in actions]
        names = [self.definitions[int(n)].symbol[:8] for n in run.rows["instrument_id"]]
        states["symbol"] = [n.encode() for n in names]
        return as_slots(states)


def _bad_mbo(rows: NDArray[np.void]) -> dict[str, NDArray[np.bool_]]:
    action, side, size = rows["action"], rows["side"], rows["size"]
    trades = np.isin(action, [b"A", b"M", b"F", b"T"])
    return {
        "an unknown action": ~np.isin(action, [b"A", b"C", b"M", b"R", b"T", b"F", b"N"]),
        "an unknown side": ~np.isin(side, [b"A", b"B", b"N"])
        | (np.isin(action, [b"A", b"M"]) & (side == b"N")),
        "no price": trades & (rows["price"] == NO_PRICE),
        "no size": (size == NO_SIZE) & (action != b"R")
        | (np.isin(action, [b"A", b"F", b"T", b"C"]) & (size == 0)),
    }


def _flags(raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    last = ((raw & FLAG_LAST) != 0) * int(MarketFlag.LAST)
    snapshot = ((raw & FLAG_SNAPSHOT) != 0) * int(MarketFlag.SNAPSHOT)
    return np.asarray(last | snapshot, np.uint8)


def _blocks(source: ByteSource, maker: _Maker) -> Iterator[Slots]:
    held: Run | None = None
    for run in runs_of(source, maker.meta, maker.faults):
        if held is not None:
            if run.kind == "mbo" and run.rows.dtype == held.rows.dtype:
                joined = np.concatenate([held.rows.view(np.uint8), run.rows.view(np.uint8)])
                run = Run("mbo", run.rtype, joined.view(run.rows.dtype), held.offset)
            else:
                yield maker.slots(held)
            held = None
        if run.kind == "mbo":
            wait = held_back(run.rows["action"], run.rows["ts_event"])
            cut = len(run.rows) - wait
            if wait:
                held = Run("mbo", run.rtype, run.rows[cut:], int(run.places[cut]))
                run = Run("mbo", run.rtype, run.rows[:cut], run.offset)
        if len(run.rows):
            yield maker.slots(run)
    if held is not None:
        yield maker.slots(held)


def open_dbn(path: Path, options: Options) -> BlockFeed:
    """Open one file. FileFormatError, TruncatedInputError."""
    strict = options.flag("strict", default=True)
    with ByteSource(path) as ahead:
        meta = metadata_of(ahead)
        scan = Scan()
        try:
            for run in runs_of(ahead, meta, Faults(path, strict=False)):
                scan.take(run)
        except FileFormatError:
            pass  # met again, behind the records that are good
    faults = Faults(path, strict=strict, unit="offset")
    definitions = instruments_of(meta, scan, options, faults)
    source = ByteSource(path)
    metadata_of(source)
    maker = _Maker(meta, definitions, faults)
    return BlockFeed("dbn", source, definitions, _blocks(source, maker), faults)
