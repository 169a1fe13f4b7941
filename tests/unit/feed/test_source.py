"""One contract for every source; exact delays; counters that move."""

import csv
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time_ns

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tectra.core.bar import MarketData
from tectra.core.clock import FakeClock, SimClock
from tectra.core.errors import (
    CapacityError,
    FileFormatError,
    InputError,
    StateError,
    UnknownSymbolError,
)
from tectra.core.idle import IdlePolicy
from tectra.core.msg import DTYPES, Template
from tectra.feed.bar import BarBuilder
from tectra.feed.bar_csv import parse_time_ns, read_bars
from tectra.feed.bar_feed import BarFeed
from tectra.feed.history import CSVFeed, HistoricalDataSource, SimulatedFeed
from tectra.feed.itch import ItchFeed
from tectra.feed.sequence import Verdict
from tectra.feed.source import FeedSource, MarketDataSource, PushSource, SourceFeed
from tectra.feed.source_quality import FeedQuality

S = 1_000_000_000
NOON = 1_767_614_400 * S


def bar(i: int, symbol: str = "AAPL", step: int = S) -> MarketData:
    return MarketData(symbol, NOON + i * step, 10.0 + i, 11.0 + i, 9.0 + i, 10.5 + i, 100 * i)


BARS = [bar(i, s) for i in range(5) for s in ("AAPL", "MSFT")]


def write_csv(path: Path, bars: list[MarketData] = BARS) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Ticker", "TIME", "Open", "High", "Low", "Close", "Vol"])
        for b in bars:
            rows.writerow([b.symbol, b.timestamp, b.open, b.high, b.low, b.close, b.volume])
    return path


def make_push(tmp_path: Path, small_day: Path, idle: IdlePolicy) -> PushSource:
    source = PushSource("live", ["AAPL", "MSFT"], idle=idle)
    feeder = threading.Timer(0.01, lambda: [*map(source.push, BARS), source.end()])
    feeder.start()
    return source


def make_feed(tmp_path: Path, small_day: Path) -> FeedSource:
    return FeedSource(BarFeed(ItchFeed(small_day), BarBuilder("1m")), name="itch")


SOURCES: dict[str, Callable[[Path, Path], MarketDataSource]] = {
    "historical": lambda tmp, day: HistoricalDataSource(BARS),
    "csv": lambda tmp, day: CSVFeed(write_csv(tmp / "bars.csv")),
    "simulated": lambda tmp, day: SimulatedFeed(["AAPL", "MSFT"], ticks=5),
    "push": lambda tmp, day: make_push(tmp, day, IdlePolicy.PARK),
    "busy poll": lambda tmp, day: make_push(tmp, day, IdlePolicy.SPIN),
    "records": make_feed,
}


@pytest.fixture(params=SOURCES, ids=str)
def source(
    request: pytest.FixtureRequest, tmp_path: Path, small_day: Path
) -> Iterator[MarketDataSource]:
    made = SOURCES[request.param](tmp_path, small_day)
    yield made
    made.disconnect()


def test_contract(source: MarketDataSource) -> None:
    assert isinstance(source, MarketDataSource)
    assert source.source_name()
    with pytest.raises(StateError, match="connect"):
        source.next_tick()
    source.connect()
    source.connect()
    with pytest.raises(InputError):
        source.subscribe("AAPL")
    with pytest.raises(InputError):
        source.subscribe([])
    source.subscribe(["AAPL"])
    seen = []
    while (tick := source.next_tick()) is not None:
        tick.validate()
        assert tick.symbol == "AAPL"
        seen.append(tick.timestamp)
    assert len(seen) >= 5
    assert seen == sorted(seen)
    assert source.next_tick() is None
    source.disconnect()
    source.disconnect()
    with pytest.raises(StateError):
        source.next_tick()


def test_unknown_symbol() -> None:
    with pytest.raises(UnknownSymbolError, match="TSLA"):
        HistoricalDataSource(BARS).subscribe(["TSLA"])


def test_simulated_ticks_every_100_ms_of_virtual_time() -> None:
    clock = SimClock(0)
    feed = SimulatedFeed(["A", "B"], seed=3, ticks=50, start_ns=S, clock=clock)
    feed.connect()
    ticks = []
    while (tick := feed.next_tick()) is not None:
        assert clock.now_ns() == tick.timestamp
        ticks.append(tick)
    assert [t.timestamp for t in ticks[::2]] == [S + 100_000_000 * (i + 1) for i in range(50)]
    assert all(b.open == a.close for a, b in zip(ticks[::2], ticks[2::2], strict=False))
    assert len({t.close for t in ticks}) > 10
    again = SimulatedFeed(["A", "B"], seed=3, ticks=50, start_ns=S)
    again.connect()
    assert [again.next_tick() for _ in ticks] == ticks
    other = SimulatedFeed(["A", "B"], seed=4, ticks=50, start_ns=S)
    other.connect()
    assert other.next_tick() != ticks[0]
    feed.disconnect()
    feed.connect()
    assert feed.next_tick() == ticks[0], "a new connection begins anew"


def paced(speed: float, clock: FakeClock) -> HistoricalDataSource:
    bars = [bar(i) for i in (0, 1, 3, 7)]
    made = HistoricalDataSource(
        bars, simulate_realtime=True, speed_multiplier=speed, clock=clock, wait=clock.advance
    )
    made.connect()
    return made


@pytest.mark.parametrize("speed", [1.0, 10.0, 0.5])
def test_exact_delays(speed: float) -> None:
    clock = FakeClock(5 * S)
    source = paced(speed, clock)
    came = []
    while source.next_tick() is not None:
        came.append(clock.now_ns() - 5 * S)
    assert came == [round(i * S / speed) for i in (0, 1, 3, 7)]
    assert source.start_time == 5 * S


def test_delays_do_not_add_up() -> None:
    """A reader that is slow between two bars gets the next one at its own time, not later."""
    clock = FakeClock(0)
    source = paced(1.0, clock)
    source.next_tick()
    clock.advance(S // 2)
    source.next_tick()
    assert clock.now_ns() == S
    clock.advance(10 * S)
    assert source.next_tick() is not None and clock.now_ns() == 11 * S


def test_set_speed_goes_on_from_where_it_stands() -> None:
    clock = FakeClock(0)
    source = paced(1.0, clock)
    source.next_tick(), source.next_tick()
    clock.advance(S // 2)  # market time 1.5 s; the next bars are at 3 s and 7 s
    source.set_speed(10.0)
    source.next_tick()
    assert clock.now_ns() == 3 * S // 2 + 3 * S // 20
    source.set_speed(2.0)
    source.next_tick()
    assert clock.now_ns() == 3 * S // 2 + 3 * S // 20 + 2 * S
    assert (source.current_index, source.speed_multiplier) == (4, 2.0)
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError):
            source.set_speed(bad)


def test_start_time_is_kept() -> None:
    clock = FakeClock(0)
    source = HistoricalDataSource(
        [bar(0), bar(1)], simulate_realtime=True, start_time=3 * S, clock=clock, wait=clock.advance
    )
    source.connect()
    source.next_tick()
    assert clock.now_ns() == 3 * S


def test_a_live_wait_uses_no_processor() -> None:
    source = PushSource()
    source.connect()
    threading.Timer(0.3, lambda: source.push(bar(1))).start()
    before = thread_time_ns()
    assert source.next_tick() == bar(1)
    assert thread_time_ns() - before < 100_000_000
    assert source.idle.parks > 0


def test_history_waits_without_spinning() -> None:
    source = HistoricalDataSource([bar(0), bar(1, step=300_000_000)], simulate_realtime=True)
    source.connect()
    source.next_tick()
    before = thread_time_ns()
    source.next_tick()
    assert thread_time_ns() - before < 100_000_000


def test_push_counts_what_is_wrong() -> None:
    source = PushSource(capacity=8, interval_ns=S)
    source.connect()
    source.push(bar(1), seq=1, ts_recv_ns=NOON + S + 500)
    source.push(bar(2), seq=2, ts_recv_ns=NOON + 2 * S + 1500)
    source.push(bar(2), seq=2, ts_recv_ns=NOON + 2 * S + 1600)
    source.push(bar(6), seq=9, ts_recv_ns=NOON)
    source.push(MarketData("AAPL", 1, 5.0, 4.0, 6.0, 5.0, 1), seq=10)
    source.end()
    while source.next_tick() is not None:
        pass
    got = source.quality.report()
    assert (got.messages, got.invalid_total, got.early_total) == (4, 1, 1)
    assert got.gap_total == 6 + 3, "numbers 3 to 8, and three intervals"
    assert got.replay_total == 1 + 1
    assert got.latency_ns_max >= 1500
    for i in range(8):
        source.push(bar(i))
    with pytest.raises(CapacityError):
        source.push(bar(9))


def test_quality_of_numbers() -> None:
    quality = FeedQuality()
    verdicts = [quality.on_sequence(*n) for n in ((5,), (6, 8), (12,), (7,), (13,))]
    assert verdicts[2] is Verdict.AHEAD
    assert (quality.gap_total, quality.replay_total) == (3, 1)
    assert verdicts[4] is Verdict.NEXT


def test_records_of_a_source() -> None:
    feed = SourceFeed(HistoricalDataSource(BARS), ["MSFT", "AAPL"])
    batch = feed.next_batch(6)
    assert batch is not None
    rows = batch.view(DTYPES[Template.BAR])
    assert feed.instruments == {1: "MSFT", 2: "AAPL"}
    assert rows["instrument_id"].tolist() == [2, 1, 2]
    assert rows["close"].tolist() == [10.5, 10.5, 11.5]
    back = FeedSource(SourceFeed(HistoricalDataSource(BARS), ["AAPL", "MSFT"]))
    back.connect()
    assert [back.next_tick() for _ in BARS] == BARS
    feed.close()


def test_from_parquet(tmp_path: Path) -> None:
    names = ("symbol", "timestamp", "open", "high", "low", "close", "volume")
    columns = {n: [getattr(b, n) for b in BARS] for n in names}
    columns["timestamp"] = pa.array(columns["timestamp"], pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table(columns), tmp_path / "b.parquet")
    source = HistoricalDataSource.from_parquet(tmp_path / "b.parquet", speed_multiplier=3)
    assert list(source.data) == BARS
    assert source.speed_multiplier == 3.0
    with pytest.raises(InputError):
        HistoricalDataSource.from_parquet(write_csv(tmp_path / "b.csv"))


def test_from_csv_is_what_was_written(tmp_path: Path) -> None:
    assert list(HistoricalDataSource.from_csv(write_csv(tmp_path / "b.csv")).data) == BARS


def test_times() -> None:
    noon = 1_704_110_400
    for text in (
        noon, noon * 10**3, noon * 10**6, noon * 10**9, "2024-01-01 12:00:00",
        "2024-01-01T12:00:00Z", "2024-01-01T13:00:00+01:00", "2024-01-01 12:00:00.000000",
    ):  # fmt: skip
        assert parse_time_ns(text) == noon * 10**9
    assert parse_time_ns("2024-01-01") == parse_time_ns("20240101") == (noon - 43200) * 10**9
    with pytest.raises(InputError):
        parse_time_ns("noon")


def test_recorded_files(test_data: Path) -> None:
    where = test_data / "ohlcv"
    for name, count in (
        ("backtesting_GOOG.csv", 2148),
        ("backtesting_EURUSD.csv", 5000),
        ("fxcm_gbpusd-m1-ask-2012.csv.gz", None),
        ("btc-perp-20211231-20220201_1m.csv.gz", None),
    ):
        bars = read_bars(where / name, symbol="X")
        assert len(bars) > 1000 if count is None else len(bars) == count
    klines = read_bars(where / "binance_kline_ADABTC-1m-2021-11-27.csv", symbol="ADABTC")
    assert klines[0].timestamp == 1_637_971_260 * S
    assert (klines[0].open, klines[0].volume) == (0.00002853, 36304)
    moved = read_bars(where / "backtesting_GOOG.csv", symbol="X", stamp="open", interval_ns=S)
    assert (
        moved[0].timestamp == read_bars(where / "backtesting_GOOG.csv", symbol="X")[0].timestamp + S
    )


HEAD = "time,open,high,low,close"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        f"{HEAD}\nx,1,2,0,1\n",
        f"{HEAD}\n2024-01-01,1,2\n",
        f"{HEAD}\n2024-01-01,1,2,3,1\n",
        f"{HEAD}\n2024-01-01,nan,2,0,1\n",
        f"{HEAD}\n2024-01-01,1,2,0,\n",
        f"{HEAD},volume\n2024-01-01,1,2,0,1,-5\n",
    ],
)
def test_bad_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises((FileFormatError, InputError)) as caught:
        read_bars(path, symbol="X")
    assert "x.csv" in str(caught.value)


def test_bad_names(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "x.csv.gz").write_bytes(b"\x1f\x8b\x08\x00cut")
    for path in (tmp_path, tmp_path / "none.csv", tmp_path / "x.parquet", tmp_path / "x.csv.gz"):
        with pytest.raises((InputError, FileFormatError)):
            read_bars(path, symbol="X")
    with pytest.raises(FileFormatError, match="close"):
        read_bars(write_csv(tmp_path / "y.csv"), columns={"symbol": "Vol", "close": "Nothing"})
    with pytest.raises(InputError):
        HistoricalDataSource([])
    with pytest.raises(InputError, match="sort"):
        HistoricalDataSource([bar(2), bar(1)])


HEAD = "timestamp,open,high,low,close,volume\n"


@pytest.mark.parametrize("digits", ["", "000"])
def test_klines_close_at_the_end_of_their_minute_whatever_the_unit(
    tmp_path: Path, digits: str
) -> None:
    """Milliseconds; microseconds since 2025, of which the last one is that of the bar."""
    end = "999" if digits else ""
    row = f"1735689600000{digits},1,2,0.5,1.5,10,1735689659999{end},1,1,1,1,0\n"
    (tmp_path / "k.csv").write_text(row)
    (found,) = read_bars(tmp_path / "k.csv", symbol="X")
    assert found.timestamp == 1_735_689_660 * S


def test_a_file_with_a_byte_order_mark_has_its_first_column(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("\ufeff" + HEAD + "1735689600,1,2,0.5,1.5,10\n")
    assert len(read_bars(tmp_path / "b.csv", symbol="X")) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace("volume", "Close") + "1,1,2,0.5,1.5,1.6\n", "'close' more than once"),
        (HEAD + "1735689600,1,2,0.5,1.5,10\n1735689660,1,2\n", "row 3: found 3 cells"),
        (HEAD + "1735689600,1_0,20,0.5,1.5,10\n", "row 2: open: found '1_0'"),
        (HEAD + "0001-01-01,1,2,0.5,1.5,10\n", "row 2: MarketData.timestamp"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(FileFormatError, match=said):
        read_bars(tmp_path / "b.csv", symbol="X")


def test_fractions_of_a_second_before_1970() -> None:
    assert parse_time_ns("1969-12-31T23:59:59.5") == -S // 2
    with pytest.raises(InputError, match="found '²'"):
        parse_time_ns("²")
