"""Cleaning and resampling of recorded data, each with a report of what it changed."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, BarFlag, BarKind, MarketFlag, Template
from tectra.feed.batch import gather, scan
from tectra.feed.protocol import Slots

__all__ = [
    "CleanReport",
    "CleanRules",
    "clean_records",
    "drop_duplicate_bars",
    "fill_bars",
    "resample_bars",
]

Bars = NDArray[np.void]
_BAR = DTYPES[Template.BAR]
_AROUND = 2


@dataclass(frozen=True)
class CleanRules:
    """What clean_records() does. A step whose rule is off changes nothing.

    `sort_window_ns`: records later than that behind the latest one are dropped, the others sorted
    by receipt. `outlier_share`: a traded price further than this share from the median of it and
    its two neighbors on either side becomes the nearest price that is not.
    """

    drop_duplicates: bool = True
    sort_window_ns: int = 0
    outlier_share: float = 0.0

    def __post_init__(self) -> None:
        if self.sort_window_ns < 0 or self.outlier_share < 0:
            raise InputError(
                f"rules: found sort_window_ns {self.sort_window_ns}, outlier_share "
                f"{self.outlier_share}; allowed: 0 and more"
            )


@dataclass
class CleanReport:
    """What was changed: counts, and the first rows (of the input) of each kind."""

    records_in: int = 0
    records_out: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)
    listed_max: int = 100

    def note(self, what: str, rows: NDArray[np.integer]) -> None:
        """Some rows were changed in one way."""
        if len(rows):
            self.changed[what] = self.changed.get(what, 0) + len(rows)
            listed = self.rows.setdefault(what, [])
            listed += rows[: self.listed_max - len(listed)].tolist()


def clean_records(slots: Slots, rules: CleanRules) -> tuple[Slots, CleanReport]:
    """Records without duplicates, in order, without prices that stand alone, as the rules say.

    A duplicate has all bytes of an earlier record but ring_seq and the time of receipt, and comes
    directly behind it among those of its instrument.
    """
    rows = scan(slots)
    report = CleanReport(records_in=len(rows.slot))
    place = np.arange(len(rows.slot))
    if rules.drop_duplicates and len(place):
        again = _duplicates(slots, rows.slot, rows.width, rows.instrument_id)
        report.note("duplicate", np.flatnonzero(again))
        place = place[~again]
    if rules.sort_window_ns and len(place):
        key = rows.ts_recv_ns[place]
        peak = np.maximum.accumulate(key)
        late = peak - key > rules.sort_window_ns
        report.note("late", place[late])
        report.note("sorted", place[(key < peak) & ~late])
        place, key = place[~late], key[~late]
        place = place[np.argsort(key, kind="stable")]
    out = gather(slots, rows.slot[place])
    if rules.outlier_share:
        clipped = _clip_trades(out, rules.outlier_share)
        report.note("outlier", place[clipped])
    report.records_out = len(place)
    return out, report


def _duplicates(
    slots: Slots,
    slot: NDArray[np.uint32],
    width: NDArray[np.uint8],
    instrument: NDArray[np.uint32],
) -> NDArray[np.bool_]:
    """Which records say again what the one before them of their instrument said."""
    order = np.argsort(instrument, kind="stable")
    words = slots.view(np.uint64).reshape(-1, 8)
    first = words[slot[order]].copy()
    first[:, 1] = first[:, 3] = 0  # ring_seq and ts_recv_ns
    wide = width[order] == 2
    second = np.zeros_like(first)
    second[wide] = words[slot[order][wide] + 1]
    same = np.zeros(len(order), np.bool_)
    same[1:] = (first[1:] == first[:-1]).all(axis=1) & (second[1:] == second[:-1]).all(axis=1)
    out = np.zeros(len(order), np.bool_)
    out[order] = same
    return out


def _bounds(
    values: NDArray[np.float64], share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How low and how high each value may be; the two at either end may be anything."""
    low, high = np.full(len(values), -np.inf), np.full(len(values), np.inf)
    if len(values) > 2 * _AROUND:
        windows = np.lib.stride_tricks.sliding_window_view(values, 2 * _AROUND + 1)
        middle = np.median(windows, axis=1)
        inner = slice(_AROUND, len(values) - _AROUND)
        low[inner] = middle - share * np.abs(middle)
        high[inner] = middle + share * np.abs(middle)
    return low, high


def _clip_trades(slots: Slots, share: float) -> NDArray[np.intp]:
    """Move traded prices that stand alone to the nearest allowed one, in place; their rows."""
    rows = scan(slots)
    words = slots.view(np.int64).reshape(-1, 8)
    flags = slots.reshape(-1, 64)[:, 37]
    odd = int(MarketFlag.CROSS) | int(MarketFlag.BROKEN)
    is_trade = (rows.template_id == int(Template.TRADE)) & ((flags[rows.slot] & odd) == 0)
    out = []
    for number in np.unique(rows.instrument_id[is_trade]):
        at = np.flatnonzero(is_trade & (rows.instrument_id == number))
        px = words[rows.slot[at], 6]
        low, high = _bounds(px.astype(np.float64), share)
        wrong = np.flatnonzero((px < low) | (px > high))
        if len(wrong):
            bound = np.clip(px[wrong], np.ceil(low[wrong]), np.floor(high[wrong]))
            words[rows.slot[at[wrong]], 6] = bound.astype(np.int64)
            out.append(at[wrong])
    return np.sort(np.concatenate(out)) if out else np.empty(0, np.intp)


# ---- bars ----


def _one_series(bars: Bars) -> None:
    if bars.dtype != _BAR:
        raise InputError("bars: found another dtype; allowed: DTYPES[Template.BAR]")
    if len(bars) and (
        len(np.unique(bars["instrument_id"])) > 1
        or len(np.unique(bars["interval"])) > 1
        or (bars["kind"] != int(BarKind.TIME)).any()
    ):
        raise InputError(
            "bars: found several instruments, intervals or kinds; allowed: TIME bars of one "
            "instrument and interval"
        )
    if (np.diff(bars["ts_event_ns"]) < 0).any():
        raise InputError("bars: found times that go back; allowed: in order; sort them first")


def drop_duplicate_bars(bars: Bars) -> tuple[Bars, CleanReport]:
    """The first bar of each time, of one series in order. InputError for anything else."""
    _one_series(bars)
    again = np.zeros(len(bars), np.bool_)
    again[1:] = np.diff(bars["ts_event_ns"]) == 0
    report = CleanReport(records_in=len(bars), records_out=int(np.count_nonzero(~again)))
    report.note("duplicate", np.flatnonzero(again))
    return bars[~again], report


def fill_bars(bars: Bars) -> tuple[Bars, NDArray[np.bool_], CleanReport]:
    """A bar for every interval between the first and the last: (bars, which of them were filled in,
    report). A filled bar has the close before it as all four prices, no volume and no trades.
    InputError for anything but one series in order, or bars off its grid.
    """
    _one_series(bars)
    report = CleanReport(records_in=len(bars), records_out=len(bars))
    if len(bars) < 2:
        return bars.copy(), np.zeros(len(bars), np.bool_), report
    interval = int(bars["interval"][0])
    steps, rest = np.divmod(bars["ts_event_ns"] - bars["ts_event_ns"][0], interval)
    if rest.any() or (np.diff(steps) == 0).any():
        raise InputError(
            f"bars: row {int(np.flatnonzero(rest)[0]) if rest.any() else 0} lies off the grid of "
            f"{interval} ns, or twice on it; drop duplicates and odd bars first"
        )
    total = int(steps[-1]) + 1
    source = np.searchsorted(steps, np.arange(total), side="right") - 1
    out = bars[source].copy()
    filled = steps[source] != np.arange(total)
    for name in ("open", "high", "low"):
        out[name][filled] = out["close"][filled]
    for name in ("volume_qty", "turnover", "trades", "flags"):
        out[name][filled] = 0
    late = (np.arange(total) - steps[source])[filled] * interval
    for name in ("ts_event_ns", "ts_recv_ns", "ts_open_ns"):
        out[name][filled] += late
    report.records_out = total
    report.note("filled", np.flatnonzero(filled))
    return out, filled, report


def resample_bars(bars: Bars, interval_ns: int) -> tuple[Bars, CleanReport]:
    """TIME bars as coarser ones on the grid of the epoch, each stamped at its end. A coarse bar to
    which bars are missing is flagged PARTIAL. InputError unless the interval is a multiple of
    theirs, and they are one series in order.
    """
    _one_series(bars)
    report = CleanReport(records_in=len(bars))
    if not len(bars):
        return bars.copy(), report
    fine = int(bars["interval"][0])
    if interval_ns <= 0 or fine <= 0 or interval_ns % fine:
        raise InputError(f"interval: found {interval_ns} ns; allowed: multiples of {fine} ns")
    ends = -(-bars["ts_event_ns"].astype(np.int64) // interval_ns) * interval_ns
    out, first, counts = _folded(bars, ends)
    out["interval"] = interval_ns
    out["ts_event_ns"] = ends[first]
    out["ts_open_ns"] = ends[first] - interval_ns
    out["ts_recv_ns"] = np.maximum(out["ts_recv_ns"], ends[first])
    partial = counts != interval_ns // fine
    out["flags"] = np.where(partial, int(BarFlag.PARTIAL), 0)
    report.records_out = len(out)
    report.note("partial", np.flatnonzero(partial))
    return out, report


def _folded(
    bars: Bars, group: NDArray[np.int64]
) -> tuple[Bars, NDArray[np.intp], NDArray[np.intp]]:
    """One bar for each run of equal groups: (bars, first row of each, rows in each)."""
    first = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    last = np.append(first[1:], len(group)) - 1
    out = bars[last].copy()
    out["open"] = bars["open"][first]
    out["high"] = np.maximum.reduceat(bars["high"], first)
    out["low"] = np.minimum.reduceat(bars["low"], first)
    for name in ("volume_qty", "turnover", "trades"):
        out[name] = np.add.reduceat(bars[name], first)
    return out, first, last - first + 1
