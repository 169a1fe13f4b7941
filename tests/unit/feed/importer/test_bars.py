"""Bars of CSV and Parquet: forms of time, names of columns, stamps, real files, damaged rows."""

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feed_samples import rows_of, slots_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import BarKind, Template
from tectra.feed import BarBuilder, ItchFeed
from tectra.feed.bar_file import COLUMNS, BarWriter
from tectra.feed.formats import open_feed
from tectra.feed.importer.record import of_template
from tectra.feed.synthetic import generate_day

ROWS = "{0},1,3,0.5,2,10\n{1},2,4,1.5,3,11\n{2},3,5,2.5,4,12\n"
HEAD = "Date,Open,High,Low,Close,Volume\n"
HOUR = 3_600_000_000_000
START_NS = 1_577_872_800_000_000_000  # 2020-01-01 10:00 UTC


def write(folder: Path, text: str, name: str = "SPY.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "times",
    [
        ("2020-01-01 10:00", "2020-01-01 11:00", "2020-01-01 12:00"),
        ("2020-01-01T10:00:00Z", "2020-01-01T11:00:00Z", "2020-01-01T12:00:00Z"),
        ("2020-01-01 05:00:00-05:00", "2020-01-01 06:00:00-05:00", "2020-01-01 12:00:00+00:00"),
        ("2020-01-01 10:00:00.000000000", "2020-01-01 11:00:00.0", "2020-01-01 12:00:00.000"),
        ("1577872800", "1577876400", "1577880000"),
        ("1577872800000", "1577876400000", "1577880000000"),
        ("1577872800000000", "1577876400000000", "1577880000000000"),
        ("1577872800000000000", "1577876400000000000", "1577880000000000000"),
    ],
)
def test_every_form_of_time(tmp_path: Path, times: tuple[str, ...]) -> None:
    path = write(tmp_path, HEAD + ROWS.format(*times))
    rows = rows_of(open_feed(path))
    assert [r["ts_open_ns"] for r in rows] == [START_NS + i * HOUR for i in range(3)]
    assert [r["ts_event_ns"] for r in rows] == [START_NS + (i + 1) * HOUR for i in range(3)]
    assert {r["interval"] for r in rows} == {HOUR}
    closed = rows_of(open_feed(path, options={"stamp": "close"}))
    assert [r["ts_event_ns"] for r in closed] == [START_NS + i * HOUR for i in range(3)]
    assert [r["ts_open_ns"] for r in closed] == [START_NS + (i - 1) * HOUR for i in range(3)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_of_bar_writer_come_back_as_they_were(tmp_path: Path, ending: str) -> None:
    """They say open and close, and the kind of each bar: nothing is guessed from the distances."""
    day, path = tmp_path / "day.itch", tmp_path / f"bars.{ending}"
    generate_day(day, seed=5, messages=8000)  # a name without a date: times from 1970 on
    builder = BarBuilder(["1s", "1m", "7t", "500v"])
    with ItchFeed(day) as feed, BarWriter(path, feed.instruments) as out:
        parts = []
        while (batch := feed.next_batch()) is not None:
            parts.append(builder.update(batch))
        bars = np.concatenate([*parts, builder.flush()])
        out.write(bars)
        symbols = dict(feed.instruments)
    assert len(bars) > 100 and 0 < np.count_nonzero(bars["flags"]) < len(bars)
    feed = open_feed(path)
    rows = rows_of(feed)
    same = ("ts_event_ns", "ts_open_ns", "kind", "flags", "open", "high", "low", "close",
            "turnover", "trades")  # fmt: skip
    for name in same:
        assert [r[name] for r in rows] == bars[name].tolist(), name
    found = feed.definitions
    names = [found[r["instrument_id"]].symbol for r in rows]
    assert names == [symbols[int(i)] for i in bars["instrument_id"]]
    one = [10 ** -found[r["instrument_id"]].qty_exponent for r in rows]  # "500.0" has one place
    volumes = [r["volume_qty"] / unit for r, unit in zip(rows, one, strict=True)]
    assert volumes == bars["volume_qty"].tolist()
    by_volume = [
        unit if r["kind"] == BarKind.VOLUME else 1 for r, unit in zip(rows, one, strict=True)
    ]
    amounts = [r["interval"] / unit for r, unit in zip(rows, by_volume, strict=True)]
    assert amounts == bars["interval"].tolist()


def test_a_damaged_bar_of_bar_writer_is_named(tmp_path: Path) -> None:
    head = ",".join(COLUMNS)
    text = f"{head}\n5,1,A,1x,1,1,1,1,1,,1,1,0,0,False\n"
    with pytest.raises(FileFormatError, match=r"line 2: bars: found '1x'"):
        rows_of(open_feed(write(tmp_path, text)))
    text = f"{head}\n5,6,A,1s,1,1,1,1,1,,1,1,0,0,False\n"
    with pytest.raises(FileFormatError, match="line 2: timestamp: found 5; allowed: from open"):
        rows_of(open_feed(write(tmp_path, text)))


def test_days_and_zones(tmp_path: Path) -> None:
    days = ("20200102", "20200103", "20200104")
    rows = rows_of(open_feed(write(tmp_path, HEAD + ROWS.format(*days))))
    assert rows[0]["ts_open_ns"] == int(datetime(2020, 1, 2, tzinfo=UTC).timestamp()) * 10**9
    times = ("2020-01-01 05:00", "2020-01-01 06:00", "2020-01-01 07:00")
    path = write(tmp_path, HEAD + ROWS.format(*times))
    rows = rows_of(open_feed(path, options={"zone": "America/New_York"}))
    assert rows[0]["ts_open_ns"] == START_NS
    with pytest.raises(InputError, match="zone 'Nowhere'"):
        slots_of(open_feed(path, options={"zone": "Nowhere"}))


NEW_YORK = ZoneInfo("America/New_York")


def utc_ns(*clock: int) -> int:
    """A clock time in New York."""
    return int(datetime(*clock, tzinfo=NEW_YORK).timestamp()) * 10**9  # type: ignore[misc,arg-type]


@pytest.mark.parametrize("stamp", ["open", "close"])
@pytest.mark.parametrize("first", [(2024, 3, 9), (2024, 11, 2)])
def test_a_day_bar_ends_with_its_day_also_when_clocks_change(
    tmp_path: Path, first: tuple[int, int, int], stamp: str
) -> None:
    """Ended 24 hours after its begin, the bar of a day with 25 would show its last hour early."""
    year, month, day = first
    days = [f"{year}-{month:02}-{day + i:02}" for i in range(3)]
    path = write(tmp_path, HEAD + ROWS.format(*days))
    options = {"zone": "America/New_York", "stamp": stamp}
    rows = rows_of(open_feed(path, options=options))
    shift = stamp == "close"
    edges = [utc_ns(year, month, day + i - shift) for i in range(4)]
    assert [r["ts_open_ns"] for r in rows] == edges[:3]
    assert [r["ts_event_ns"] for r in rows] == edges[1:]
    assert {r["interval"] for r in rows} == {24 * HOUR}
    assert {(b - a) // HOUR for a, b in pairwise(edges)} in ({23, 24}, {24, 25})
    alone = write(tmp_path, HEAD + "".join(ROWS.format(*days).splitlines(True)[1:]))
    assert {r["interval"] for r in rows_of(open_feed(alone, options=options))} == {24 * HOUR}


@pytest.mark.parametrize("clock", ["2024-03-10 02:30", "2024-11-03 01:30"])
def test_a_time_that_is_not_there_or_twice_is_a_fault_of_its_row(
    tmp_path: Path, clock: str
) -> None:
    times = (f"{clock[:10]} 00:10", clock, f"{clock[:10]} 12:10")
    path = write(tmp_path, HEAD + ROWS.format(*times))
    options: dict[str, object] = {"zone": "America/New_York", "interval": "1m"}
    with pytest.raises(FileFormatError, match=f"line 3: Date: found '{clock}'.*show once"):
        slots_of(open_feed(path, options=options))
    feed = open_feed(path, options={**options, "strict": "no"})
    assert len(rows_of(feed)) == 2 and feed.faults == {"not_a_time": 1}


def test_two_bars_without_a_last_line_end_tell_their_length(tmp_path: Path) -> None:
    rows = "".join(ROWS.format("2020-01-01 10:00", "2020-01-01 11:00", "x").splitlines(True)[:2])
    path = write(tmp_path, HEAD + rows.rstrip())
    assert {r["interval"] for r in rows_of(open_feed(path))} == {HOUR}


def test_names_of_columns(tmp_path: Path) -> None:
    body = "1577872800;2;1;3;0.5;10;A\n1577876400;3;2;4;1.5;11;A\n"
    path = write(tmp_path, "ts;C;O;H;L;vol;ticker\n" + body)
    rows = rows_of(open_feed(path))
    assert [(r["open"], r["high"], r["low"], r["close"], r["volume_qty"]) for r in rows] == [
        (1.0, 3.0, 0.5, 2.0, 10),
        (2.0, 4.0, 1.5, 3.0, 11),
    ]
    path = write(tmp_path, "when;p1;p2;p3;p4\n" + "1577872800;1;3;0.5;2\n1577876400;1;3;0.5;2\n")
    with pytest.raises(FileFormatError, match="say which is which with the option columns"):
        open_feed(path, "csv_bars")
    told = {"columns": "time=when,open=p1,high=p2,low=p3,close=p4"}
    assert [r["close"] for r in rows_of(open_feed(path, "csv_bars", options=told))] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("name", "count", "faults"),
    [
        ("backtesting_GOOG.csv", 2148, {}),
        ("backtesting_EURUSD.csv", 5000, {}),
        ("fxcm_gbpusd-m1-ask-2012.csv.gz", 30_117, {}),
        ("btc-perp-20211231-20220201_1m.csv.gz", 45_031, {"volume_rounded": 6}),
    ],
)
def test_real_files(test_data: Path, name: str, count: int, faults: dict[str, int]) -> None:
    path = test_data / "ohlcv" / name
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if name.endswith("gz") else raw).decode()
    truth = list(csv.DictReader(io.StringIO(text)))
    feed = open_feed(path)
    rows, _ = of_template(np.frombuffer(slots_of(feed), np.uint8), Template.BAR)
    assert len(rows) == len(truth) == count
    assert feed.faults == faults
    for found, want in list(zip(rows, truth, strict=True))[:: max(1, count // 500)]:
        lower = {k.lower(): v for k, v in want.items()}
        for field in ("open", "high", "low", "close"):
            assert found[field] == float(lower[field])
        if "volume" in lower and not faults:
            exponent = feed.definitions[1].qty_exponent
            assert Decimal(int(found["volume_qty"])).scaleb(exponent) == Decimal(lower["volume"])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("2020-01-01 11:00,nan,4,1,3,1", "Open: found 'nan'"),
        ("2020-01-01 11:00,2,1,1.5,3,1", "allowed: low <= open"),
        ("2020-01-01 11:00,2,4,1.5,3,-1", "Volume: found '-1'"),
        ("2020-01-01 11:00,2,4,1.5,3", "found 5 columns"),
        ("2020-13-01 11:00,2,4,1.5,3,1", "Date: found '2020-13-01"),
        ("yesterday,2,4,1.5,3,1", "Date: found 'yesterday'"),
        ("2019-01-01 11:00,2,4,1.5,3,1", "sort the file by time"),
        ("2020-01-01 11:00,2,inf,1.5,3,1", "High: found 'inf'"),
    ],
)
def test_damaged_rows(tmp_path: Path, bad: str, said: str) -> None:
    rows = "2020-01-01 10:00,1,3,0.5,2,10\n" + bad + "\n2020-01-01 12:00,3,5,2.5,4,12\n"
    path = write(tmp_path, HEAD + rows)
    told = {"interval": "1h"}
    with pytest.raises(FileFormatError, match=f"line 3: .*{said}"):
        slots_of(open_feed(path, options=told))
    feed = open_feed(path, options={**told, "strict": False})
    assert [r["open"] for r in rows_of(feed)] == [1.0, 3.0]
    assert sum(feed.faults.values()) == 1


def test_one_bar_does_not_tell_its_length(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "2020-01-01,1,3,0.5,2,10\n")
    with pytest.raises(InputError, match="give the option interval"):
        open_feed(path)
    assert len(rows_of(open_feed(path, options={"interval": "1d"}))) == 1
    with pytest.raises(InputError, match="found '1x'"):
        open_feed(path, options={"interval": "1x"})


@pytest.mark.parametrize("kind", ["timestamp", "zoned", "epoch", "text", "date", "decimal"])
def test_parquet_of_other_tools(tmp_path: Path, kind: str) -> None:
    days = [datetime(2020, 1, d) for d in (1, 2, 3)]  # noqa: DTZ001  naive on purpose
    times = {
        "timestamp": pa.array(days, pa.timestamp("us")),
        "zoned": pa.array([d.replace(tzinfo=UTC) for d in days], pa.timestamp("ns", "UTC")),
        "epoch": pa.array([1_577_836_800_000 + i * 86_400_000 for i in range(3)]),
        "text": pa.array([str(d.date()) for d in days]),
        "date": pa.array([d.date() for d in days]),
        "decimal": pa.array(days, pa.timestamp("ms")),
    }[kind]
    volume = pa.array([1.5, 2.25, 3.0])
    if kind == "decimal":
        volume = pa.array([Decimal("1.50"), Decimal("2.25"), Decimal("3.00")])
    columns = {n: pa.array([1.1, 2.2, 3.3]) for n in ("open", "high", "low", "close")}
    table = pa.table({"time": times, **columns, "volume": volume})
    path = tmp_path / "SPY.parquet"
    pq.write_table(table, path)
    feed = open_feed(path)
    rows = rows_of(feed)
    assert feed.format == "parquet_bars"
    assert [r["ts_open_ns"] for r in rows] == [
        1_577_836_800_000_000_000 + i * 24 * HOUR for i in range(3)
    ]
    assert [r["close"] for r in rows] == [1.1, 2.2, 3.3]
    assert [r["volume_qty"] for r in rows] == [150, 225, 300]
    assert feed.definitions[1].qty_exponent == -2


def test_a_gap_in_parquet(tmp_path: Path) -> None:
    columns = {n: pa.array([1.0, None, 3.0]) for n in ("open", "high", "low", "close")}
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"time": pa.array([10**9, 2 * 10**9, 3 * 10**9]), **columns}), path)
    with pytest.raises(FileFormatError, match="row 2: open: found ''"):
        slots_of(open_feed(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileFormatError, match="no whole Parquet file"):
        open_feed(path, "parquet_bars")
