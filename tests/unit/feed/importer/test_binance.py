"""Binance public data: values by csv and Decimal, headers, units of time, zipped files."""

import csv
import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from feed_samples import rows_of, slots_of

from tectra.core.errors import FileFormatError, InputError
from tectra.feed.formats import open_feed

AGG = """\
0,0.20000000,50.00000000,0,0,1735689600010866,False,True
1,0.19990000,7.10000000,1,3,1735689600010867,True,True
"""
SPOT = """\
9,61000.01000000,0.00100000,61.00001000,1718000000123,True,True
10,61000.02000000,0.00200000,122.00004000,1718000000124,False,True
"""
FUTURES = """\
id,price,qty,quote_qty,time,is_buyer_maker
5,20000.1,0.003,60.0003,1672531200042,true
"""
TICKER = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
    "\n7,1.10,5,1.11,6,1700000000000,1700000000003\n"
)


def write(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "name", "columns", "unit"),
    [
        (AGG, "BTCUSDT-aggTrades-2025-01.csv", (1, 2, 5, 6, 0), 1000),
        (SPOT, "BTCUSDT-trades-2024-06-10.csv", (1, 2, 4, 5, 0), 1_000_000),
        (FUTURES, "BTCUSDT-trades-2023-01-01.csv", (1, 2, 4, 5, 0), 1_000_000),
    ],
)
def test_trades_are_the_text(
    tmp_path: Path, text: str, name: str, columns: tuple[int, ...], unit: int
) -> None:
    feed = open_feed(write(tmp_path, text, name))
    one = feed.definitions[1]
    assert one.symbol == "BTCUSDT"
    truth = [r for r in csv.reader(io.StringIO(text)) if r[0] != "id"]
    rows = rows_of(feed)
    assert len(rows) == len(truth)
    for found, cells in zip(rows, truth, strict=True):
        px, qty, time, maker, number = (cells[i] for i in columns)
        assert Decimal(found["px"]).scaleb(one.px_exponent) == Decimal(px)
        assert Decimal(found["qty"]).scaleb(one.qty_exponent) == Decimal(qty)
        assert found["ts_event_ns"] == int(time) * unit
        assert found["side"] == (2 if maker.lower() == "true" else 1)
        assert found["match_id"] == int(number)


def test_klines_close_where_the_next_one_opens(test_data: Path) -> None:
    path = test_data / "ohlcv" / "binance_kline_ADABTC-1m-2021-11-27.csv"
    rows = rows_of(open_feed(path, options={"symbol": "ADABTC"}))
    truth = list(csv.reader(io.StringIO(path.read_text())))
    assert len(rows) == len(truth) == 10
    for found, cells in zip(rows, truth, strict=True):
        assert found["ts_open_ns"] == int(cells[0]) * 1_000_000
        assert found["ts_event_ns"] == (int(cells[6]) + 1) * 1_000_000
        assert found["interval"] == 60_000_000_000
        assert [found[n] for n in ("open", "high", "low", "close")] == [
            float(c) for c in cells[1:5]
        ]
        assert Decimal(found["volume_qty"]).scaleb(-8) == Decimal(cells[5])
        assert found["trades"] == int(cells[8])


def test_book_ticker_and_depth(tmp_path: Path) -> None:
    (row,) = rows_of(open_feed(write(tmp_path, TICKER, "X-bookTicker-1.csv")))
    assert (row["bid_px"], row["bid_qty"], row["ask_px"], row["ask_qty"]) == (110, 5, 111, 6)
    assert (row["ts_event_ns"], row["ts_recv_ns"]) == (
        1_700_000_000_000_000_000,
        1_700_000_000_003_000_000,
    )
    text = "timestamp,percentage,depth,notional\n2023-01-01 00:00:05,-5,12345.678,123456789.125\n"
    (row,) = rows_of(open_feed(write(tmp_path, text, "X-bookDepth-1.csv")))
    assert row["payload"] == text.splitlines()[1].encode()
    assert row["ts_event_ns"] == 1_672_531_205_000_000_000


def test_packed_as_it_is_published(tmp_path: Path) -> None:
    plain = slots_of(open_feed(write(tmp_path, AGG, "BTCUSDT-aggTrades-1.csv")))
    packed = tmp_path / "BTCUSDT-aggTrades-1.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-aggTrades-1.csv", AGG)
    assert slots_of(open_feed(packed)) == plain
    other = tmp_path / "BTCUSDT-aggTrades-1.csv.gz"
    other.write_bytes(gzip.compress(AGG.encode()))
    assert slots_of(open_feed(other)) == plain
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("another.csv", AGG)
    with pytest.raises(FileFormatError, match="found 2 files in the archive"):
        open_feed(packed)


def test_the_symbol_must_be_known(tmp_path: Path) -> None:
    path = write(tmp_path, AGG, "day.csv")
    with pytest.raises(InputError, match="give the option symbol"):
        open_feed(path)
    feed = open_feed(path, options={"symbol": "ETHUSDT", "exchange": "simulated"})
    assert [(d.symbol, d.exchange.label) for d in feed.definitions.values()] == [
        ("ETHUSDT", "Simulated")
    ]
    assert len(slots_of(feed)) == 128
    with pytest.raises(FileFormatError, match="found spot_aggTrades of Binance; asked for: klines"):
        open_feed(path, "binance", options={"kind": "klines", "symbol": "X"})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("2,NaN,1,4,4,1735689600010868,True,True", "price: found 'NaN'"),
        ("2,0.1,-1,4,4,1735689600010868,True,True", "quantity: found '-1'"),
        ("2,0.1,1,4,4,1735689600010868,maybe,True", "is_buyer_maker: found 'maybe'"),
        ("2,0.1,1,4,4,1735689600010868,True", "found 7 columns"),
        ("2,0.1,1,4,4,1735689600010860,True,True", "do not run backwards"),
        ("2,0.1,1,4,4,17356896000,True,True", "a time in the unit of this format"),
        ("2,0.1,1,4,4,13402854000000,True,True", "a time up to the year 2262"),
        ("x,0.1,1,4,4,1735689600010868,True,True", "agg_trade_id: found 'x'"),
        ("2,0.1,1,4.5,4,1735689600010868,True,True", "first_trade_id: found '4.5'"),
    ],
)
def test_damaged_rows(tmp_path: Path, bad: str, said: str) -> None:
    text = AGG + bad + "\n3,0.2,1,9,9,1735689600010900,True,True\n"
    path = write(tmp_path, text, "BTCUSDT-aggTrades-1.csv")
    with pytest.raises(FileFormatError, match=f"line 3: .*{said}"):
        slots_of(open_feed(path))
    feed = open_feed(path, options={"strict": False})
    assert [r["match_id"] for r in rows_of(feed)] == [0, 1, 3]
    assert sum(feed.faults.values()) == 1
