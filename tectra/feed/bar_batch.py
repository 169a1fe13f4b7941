"""Bars of prints that are all at hand: NumPy over columns, equal to the last bit to what BarBuilder
makes of the same prints one by one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError, NumericOverflowError
from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, BarFlag, BarKind, Template
from tectra.feed.bar import PRINT
from tectra.feed.bar_spec import BarSpec
from tectra.refdata.instrument import Instrument

__all__ = ["bar_vwap", "bars_of_prints"]

_BAR = DTYPES[Template.BAR]
_I64 = float(1 << 63)
_SPAN, _REACH = 20.0, 8.0  # of ext/tectra/bar_row.h

Ints = NDArray[Any]  # int64, or Python integers where int64 is too small


@dataclass(frozen=True)
class _Columns:
    """Prints of one instrument: times never run back, nothing late."""

    at: Ints  # index in the whole stream
    ts: Ints
    recv: Ints
    px: Ints
    qty: Ints
    notional: Ints


def _products(px: Ints, qty: Ints) -> Ints:
    """px * qty, exact, whose sums are exact too."""
    size = np.abs(px.astype(float)).max(initial=0) * qty.astype(float).sum()
    wide = size >= _I64 / 2
    out: Ints = px.astype(object) * qty.astype(object) if wide else px * qty
    return out


def _sums(values: Ints, starts: Ints) -> Ints:
    return np.add.reduceat(values, starts) if len(starts) else values[:0]


def _reals(values: Ints, exponent: int) -> NDArray[np.float64]:
    """Mantissas as doubles in whole units, rounded as C rounds."""
    power = float(10 ** abs(exponent))
    real = np.array([float(v) for v in values]) if values.dtype == object else values.astype(float)
    return real / power if exponent <= 0 else real * power


def _first_above(cum: Ints, begin: int, base: int, full: float, *, both_ways: bool) -> int:
    """First index from `begin` at which the sum since `base` reaches `full`; len(cum) if none."""
    step = 64
    while begin < len(cum):
        moved = cum[begin : begin + step] - base
        hits = np.flatnonzero((np.abs(moved) if both_ways else moved) >= full)
        if len(hits):
            return begin + int(hits[0])
        begin += step
        step *= 2
    return len(cum)


def _amount(spec: BarSpec, exponent: int) -> int:
    shift = -exponent - spec.scale
    full: int
    full, rest = divmod(spec.amount * 10 ** max(shift, 0), 10 ** max(-shift, 0))
    if rest or full < 1:
        raise InputError(f"bars {spec}: no whole number at exponent {exponent}; use another amount")
    return full


def _by_sum(values: Ints, full: int) -> Iterator[tuple[int, bool]]:
    """(end, full) of each bar that a running sum fills, the last one maybe not."""
    cum = np.cumsum(values)
    begin, base = 0, 0
    while begin < len(cum):
        hit = _first_above(cum, begin, base, full, both_ways=False)
        yield min(hit + 1, len(cum)), hit < len(cum)
        if hit == len(cum):
            return
        begin, base = hit + 1, cum[hit]


def _signs(px: Ints) -> Ints:
    """Tick rule: sign of the last change of price, 0 before any."""
    change = np.sign(np.diff(px, prepend=px[:1]))
    last = np.maximum.accumulate(np.where(change != 0, np.arange(len(px)), 0))
    out: Ints = change[last]
    return out


def _by_imbalance(px: Ints, amount: int) -> Iterator[tuple[int, bool]]:
    cum = np.cumsum(_signs(px))
    start, floor = float(amount), 1.0 / float(np.sqrt(float(amount)))
    weight = 2.0 / (_SPAN + 1.0)
    begin, base, first = 0, 0, True
    ticks = mean = limit = 0.0
    while begin < len(cum):
        if first:
            hit = min(begin + amount - 1, len(cum))
        else:
            hit = _first_above(cum, begin, base, limit, both_ways=True)
        yield min(hit + 1, len(cum)), hit < len(cum)
        if hit >= len(cum):
            return
        length = float(hit + 1 - begin)
        tilt = float(cum[hit] - base) / length
        if first:
            ticks, mean, first = start, tilt, False
        else:
            ticks = ticks + weight * (length - ticks)
            mean = mean + weight * (tilt - mean)
        ticks = min(max(ticks, start / _REACH), start * _REACH)
        limit = ticks * max(abs(mean), floor)
        begin, base = hit + 1, int(cum[hit])


def _ends(c: _Columns, spec: BarSpec, it: Instrument) -> tuple[Ints, bool]:
    """Ends of the bars of a kind that fills up, and whether the last of them is full."""
    n = len(c.px)
    if spec.kind is BarKind.TICK:
        ends = np.append(np.arange(spec.amount, n, spec.amount), n)
        return ends, n % spec.amount == 0
    if spec.kind is BarKind.VOLUME:
        found = list(_by_sum(c.qty, _amount(spec, it.qty_exponent)))
    elif spec.kind is BarKind.DOLLAR:
        found = list(_by_sum(c.notional, _amount(spec, it.px_exponent + it.qty_exponent)))
    else:
        found = list(_by_imbalance(c.px, spec.amount))
    return np.array([end for end, _ in found]), found[-1][1]


def _rows(c: _Columns, starts: Ints, ends: Ints, it: Instrument) -> NDArray[Any]:
    """Prices and sums of the stretches of prints; `ends` are exclusive."""
    out = np.zeros(len(starts), _BAR)
    out["block_length"], out["template_id"] = _BAR.itemsize - 8, int(Template.BAR)
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    out["instrument_id"], out["venue_id"] = it.instrument_id, int(it.exchange)
    if not len(starts):
        return out
    e = it.px_exponent
    out["open"], out["close"] = _reals(c.px[starts], e), _reals(c.px[ends - 1], e)
    out["high"] = _reals(np.maximum.reduceat(c.px, starts), e)
    out["low"] = _reals(np.minimum.reduceat(c.px, starts), e)
    out["volume_qty"] = _sums(c.qty, starts)
    out["turnover"] = _reals(_sums(c.notional, starts), e + it.qty_exponent)
    out["trades"] = ends - starts
    return out


def _filled(
    c: _Columns, spec: BarSpec, it: Instrument, flush_at: tuple[int, int, int] | None
) -> tuple[NDArray[Any], Ints]:
    """Bars that prints fill, and the index of the record behind which each is emitted."""
    ends, last_full = _ends(c, spec, it)
    starts = np.concatenate(([0], ends[:-1]))
    out = _rows(c, starts, ends, it)
    at = c.at[ends - 1]
    out["ts_open_ns"] = c.ts[starts]
    out["ts_event_ns"], out["ts_recv_ns"] = c.ts[ends - 1], c.recv[ends - 1]
    out["interval"] = spec.amount
    if spec.kind is BarKind.VOLUME:
        out["interval"] = _amount(spec, it.qty_exponent)
    if last_full:
        return out, at
    if flush_at is None:
        return out[:-1], at[:-1]
    at[-1], out["ts_event_ns"][-1], out["ts_recv_ns"][-1] = flush_at
    out["flags"][-1] = BarFlag.PARTIAL
    return out, at


def _flat(out: NDArray[Any], first: Ints, last: int) -> tuple[NDArray[Any], Ints]:
    """Put flat bars into the intervals up to number `last` that have none."""
    span = np.arange(first[0], max(last, int(first[-1])) + 1)
    which = np.searchsorted(first, span, side="right") - 1
    full = out[which]
    missing = first[which] != span
    for name in ("open", "high", "low"):
        full[name][missing] = full["close"][missing]
    for name in ("volume_qty", "turnover", "trades"):
        full[name][missing] = 0
    return full, span


def _timed(c: _Columns, spec: BarSpec, it: Instrument, grid: "_Grid") -> tuple[NDArray[Any], Ints]:
    """Time bars, and the index of the record ahead of which each is emitted."""
    number = (c.ts - grid.origin) // spec.amount
    starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    out = _rows(c, starts, np.append(starts[1:], len(c.px)), it)
    numbers = number[starts]
    if grid.flat:
        out, numbers = _flat(out, numbers, (grid.now_ns - grid.origin) // spec.amount - 1)
    close = (numbers + 1) * spec.amount + grid.origin
    at = np.searchsorted(grid.ts, close)
    out["ts_event_ns"] = close
    out["ts_open_ns"] = np.maximum(close - spec.amount, grid.since_ns)
    out["flags"] = np.where(close - spec.amount < grid.since_ns, BarFlag.PARTIAL, 0)
    out["interval"] = spec.amount
    known = at < len(grid.ts)
    out["ts_recv_ns"] = np.where(
        known, grid.recv[np.minimum(at, len(grid.ts) - 1)], grid.flush_recv
    )
    ended = close <= grid.now_ns
    cut = ~ended & (out["trades"] > 0)
    out["ts_event_ns"][cut] = grid.now_ns
    out["flags"][cut] = BarFlag.PARTIAL
    keep = ended | cut if grid.flushed else ended
    return out[keep], at[keep]


@dataclass(frozen=True)
class _Grid:
    """What the time bars of all instruments share."""

    origin: int
    ts: Ints  # latest time so far, of every print
    recv: Ints
    since_ns: int
    now_ns: int
    flush_recv: int
    flushed: bool
    flat: bool


def _columns(prints: NDArray[Any], mine: Ints, ts: Ints) -> _Columns:
    px, qty = prints["px"][mine], prints["qty"][mine]
    if qty.astype(float).sum() >= _I64:
        raise NumericOverflowError("bars: the volume does not fit 64 bits; use a coarser exponent")
    at = np.flatnonzero(mine) if mine.dtype == bool else mine
    return _Columns(at, ts[mine], prints["ts_recv_ns"][mine], px, qty, _products(px, qty))


def bars_of_prints(
    prints: NDArray[Any],
    spec: str | BarSpec,
    *,
    empty: str = "none",
    align_ns: int = 0,
    instruments: Iterable[Instrument] = (),
    flush_ns: int | None = None,
) -> NDArray[Any]:
    """Bars (DTYPES[Template.BAR]) of PRINT rows in stream order, of any number of instruments.

    The same bars in the same order as BarBuilder gives for these prints alone; `flush_ns` as of its
    flush(), None without one (what is in the making is left out then). Best prices are 0: prints do
    not know them. Exponents come from `instruments`, else they are those of ITCH. Any thread.
    """
    spec = BarSpec.parse(spec)
    if empty not in ("none", "flat"):
        raise InputError(f"bars: found empty {empty!r}; allowed: none, flat")
    if prints.dtype != PRINT:
        raise InputError(
            f"prints: found dtype {prints.dtype}; allowed: PRINT, as prints_of() gives"
        )
    if not len(prints):
        return np.zeros(0, _BAR)
    known = {i.instrument_id: i for i in instruments}
    ts = np.maximum.accumulate(prints["ts_event_ns"])
    recv = prints["ts_recv_ns"]
    now = max(int(ts[-1]), flush_ns or 0)
    recv_now = now if now > ts[-1] else int(recv[np.searchsorted(ts, ts[-1])])
    late = np.zeros(len(prints), bool)
    if spec.kind is BarKind.TIME:
        late = (prints["ts_event_ns"] - align_ns) // spec.amount < (ts - align_ns) // spec.amount
    flushed = flush_ns is not None
    grid = _Grid(align_ns, ts, recv, int(ts[0]), now, recv_now, flushed, empty == "flat")
    parts, keys = [], []
    _, firsts = np.unique(prints["instrument_id"], return_index=True)
    for place, first in enumerate(np.sort(firsts)):
        number, venue = int(prints["instrument_id"][first]), int(prints["venue_id"][first])
        it = known.get(number) or Instrument(number, str(number), venue)  # type: ignore[arg-type]
        c = _columns(prints, (prints["instrument_id"] == number) & ~late, ts)
        if not len(c.px):
            continue
        if spec.kind is BarKind.TIME:
            out, at = _timed(c, spec, it, grid)
        else:
            out, at = _filled(c, spec, it, (len(prints), now, recv_now) if flushed else None)
        out["kind"] = int(spec.kind)
        parts.append(out)
        keys.append(np.stack([np.full(len(out), place), out["ts_event_ns"], at]))
    if not parts:
        return np.zeros(0, _BAR)
    order = np.lexsort(np.concatenate(keys, axis=1))
    return np.concatenate(parts)[order]


def bar_vwap(bars: NDArray[Any], qty_exponent: int = 0) -> NDArray[np.float64]:
    """Volume-weighted average price of each bar, turnover over volume; NaN without volume."""
    volume = _reals(bars["volume_qty"], qty_exponent)
    out = np.full(len(bars), np.nan)
    np.divide(bars["turnover"], volume, out=out, where=volume > 0)
    return out
