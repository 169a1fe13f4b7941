"""Cleaning and resampling, against plain loops; each report says what was changed."""

import numpy as np
import pytest
from feed_records import NS, START, bar, level, quote, trade
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, BarFlag, MarketFlag, Side, Template
from tectra.feed.clean import (
    CleanRules,
    clean_records,
    drop_duplicate_bars,
    fill_bars,
    resample_bars,
)

MINUTE = 60 * NS
MIDNIGHT = 1_700_006_400 * NS


def slots(records: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(records), np.uint8)


def bars(rows: list[tuple[int, float]], **more: float) -> np.ndarray:
    data = b"".join(bar(MIDNIGHT + n * MINUTE, close, **more) for n, close in rows)
    return np.frombuffer(data, DTYPES[Template.BAR])


def test_duplicates_go_whatever_the_time_of_receipt() -> None:
    one, other = trade(START, 5), quote(START, 1, 2, i=2)
    again = trade(START, 5, recv=START + 7)
    wide = quote(START, 1, 3, i=2)
    out, report = clean_records(
        slots([one, other, again, other, wide, trade(START, 6), one]), CleanRules()
    )
    assert out.tobytes() == b"".join([one, other, wide, trade(START, 6), one])
    assert report.changed == {"duplicate": 2} and report.rows == {"duplicate": [2, 3]}
    assert (report.records_in, report.records_out) == (7, 5)


def test_without_a_fault_nothing_changes() -> None:
    records = slots([trade(START + i * NS, 100 + i % 3, match=i) for i in range(50)])
    rules = CleanRules(sort_window_ns=NS, outlier_share=0.1)
    out, report = clean_records(records, rules)
    assert out.tobytes() == records.tobytes() and report.changed == {}


def test_sorting_within_a_window_and_dropping_what_is_later() -> None:
    times = [0, 10, 5, 20, 1, 30]
    records = [trade(START + t, i) for i, t in enumerate(times)]
    out, report = clean_records(slots(records), CleanRules(sort_window_ns=6))
    kept = [records[i] for i in (0, 2, 1, 3, 5)]
    assert out.tobytes() == b"".join(kept)
    assert report.changed == {"sorted": 1, "late": 1} and report.rows["late"] == [4]


def test_outliers_are_clipped_to_the_nearest_allowed_price() -> None:
    px = [100, 101, 99, 500, 100, 10, 101, 100, 99]
    records = [trade(START + i, p, match=i) for i, p in enumerate(px)]
    records.insert(4, trade(START + 3, 900, flags=int(MarketFlag.CROSS)))
    out, report = clean_records(slots(records), CleanRules(outlier_share=0.1))
    got = out.view(DTYPES[Template.TRADE])["px"].tolist()
    assert got == [100, 101, 99, 110, 900, 100, 90, 101, 100, 99]
    assert report.changed == {"outlier": 2} and report.rows["outlier"] == [3, 6]


def test_other_records_pass_untouched() -> None:
    records = slots([level(START + i, Side.BUY, 10**i, 1) for i in range(8)])
    assert clean_records(records, CleanRules(outlier_share=0.01))[0].tobytes() == records.tobytes()
    assert len(clean_records(records[:0], CleanRules(sort_window_ns=1, outlier_share=1))[0]) == 0


@pytest.mark.parametrize("wrong", [{"sort_window_ns": -1}, {"outlier_share": -0.1}])
def test_rules_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        CleanRules(**wrong)


# ---- bars ----


def test_missing_bars_are_filled_and_flagged() -> None:
    out, filled, report = fill_bars(bars([(1, 10.0), (2, 11.0), (5, 14.0)], high=50.0))
    assert out["ts_event_ns"].tolist() == [MIDNIGHT + n * MINUTE for n in (1, 2, 3, 4, 5)]
    assert out["ts_open_ns"].tolist() == [MIDNIGHT + n * MINUTE for n in (0, 1, 2, 3, 4)]
    assert filled.tolist() == [False, False, True, True, False]
    assert out["close"].tolist() == [10.0, 11.0, 11.0, 11.0, 14.0]
    assert out["high"].tolist() == [50.0, 50.0, 11.0, 11.0, 50.0]
    assert out["trades"].tolist() == [1, 1, 0, 0, 1] and out["volume_qty"][2] == 0
    assert report.changed == {"filled": 2} and report.rows == {"filled": [2, 3]}
    assert report.records_out == 5


def test_duplicate_bars_go() -> None:
    out, report = drop_duplicate_bars(bars([(1, 1.0), (1, 2.0), (2, 3.0)]))
    assert out["close"].tolist() == [1.0, 3.0] and report.rows == {"duplicate": [1]}


def test_bars_are_one_series_in_order() -> None:
    two = np.concatenate([bars([(1, 1.0)]), bars([(2, 1.0)])])
    two["instrument_id"][1] = 9
    for wrong in (two, bars([(2, 1.0), (1, 1.0)]), np.zeros(3)):
        for step in (fill_bars, drop_duplicate_bars, lambda b: resample_bars(b, MINUTE)):
            with pytest.raises(InputError):
                step(wrong)
    odd = bars([(1, 1.0), (2, 1.0)]).copy()
    odd["ts_event_ns"][1] += 1
    with pytest.raises(InputError, match="off the grid"):
        fill_bars(odd)
    with pytest.raises(InputError, match="twice"):
        fill_bars(bars([(1, 1.0), (1, 1.0)]))
    for interval in (0, -1, MINUTE * 3 // 2, 1):
        with pytest.raises(InputError, match="multiples"):
            resample_bars(bars([(1, 1.0)]), interval)


@given(
    minutes=st.lists(st.integers(1, 120), min_size=1, max_size=60, unique=True),
    closes=st.lists(st.integers(1, 1000), min_size=60, max_size=60), factor=st.integers(1, 15),
)  # fmt: skip
def test_resampling_equals_a_plain_loop(minutes: list[int], closes: list[int], factor: int) -> None:
    rows = [(n, float(c)) for n, c in zip(sorted(minutes), closes, strict=False)]
    fine = bars(rows)
    out, report = resample_bars(fine, factor * MINUTE)
    first = MIDNIGHT // MINUTE
    groups: dict[int, list[float]] = {}
    for n, close in rows:
        end = -(-(first + n) // factor) * factor
        groups.setdefault(end, []).append(close)
    assert out["ts_event_ns"].tolist() == [end * MINUTE for end in groups]
    assert out["open"].tolist() == [g[0] for g in groups.values()]
    assert out["high"].tolist() == [max(g) for g in groups.values()]
    assert out["low"].tolist() == [min(g) for g in groups.values()]
    assert out["close"].tolist() == [g[-1] for g in groups.values()]
    assert out["volume_qty"].tolist() == [len(g) for g in groups.values()]
    partial = [len(g) < factor for g in groups.values()]
    assert (out["flags"] == int(BarFlag.PARTIAL)).tolist() == partial
    assert report.changed.get("partial", 0) == sum(partial)
    assert (out["interval"] == factor * MINUTE).all() and out["template_id"][0] == Template.BAR
