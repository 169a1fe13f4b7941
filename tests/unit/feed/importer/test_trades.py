"""Trades of any CSV: a column map, sides, ids, several symbols at their own exponents."""

from pathlib import Path

import pytest
from feed_samples import rows_of, slots_of

from tectra.core.errors import FileFormatError
from tectra.core.types import Exchange
from tectra.feed.formats import open_feed
from tectra.refdata.instrument import Instrument


def write(folder: Path, text: str) -> Path:
    path = folder / "BTCUSD.csv"
    path.write_text(text)
    return path


def test_usual_names(tmp_path: Path) -> None:
    text = "time,price,qty,side,trade_id\n1600000000.,1,1,buy,7\n".replace("000.", "000")
    text += "1600000001,1.25,0.5,S,8\n1600000002,1.5,2,,9\n"
    feed = open_feed(write(tmp_path, text))
    assert feed.format == "csv_trades"
    rows = rows_of(feed)
    assert [(r["px"], r["qty"], r["side"], r["match_id"]) for r in rows] == [
        (100, 10, 1, 7),
        (125, 5, 2, 8),
        (150, 20, 0, 9),
    ]
    assert feed.definitions[1].symbol == "BTCUSD"


def test_columns_as_told(tmp_path: Path) -> None:
    path = write(tmp_path, "a\tb\tc\td\n2020-01-01T00:00:00Z\t10\t3\t2020-01-01T00:00:01Z\n")
    told = {"columns": {"time": "a", "price": "b", "size": "c", "local_time": "d"}}
    (row,) = rows_of(open_feed(path, "csv_trades", options=told))
    assert row["ts_recv_ns"] - row["ts_event_ns"] == 10**9
    assert (row["px"], row["qty"]) == (10, 3)


def test_symbols_have_exponents_of_their_own(tmp_path: Path) -> None:
    text = "time,symbol,price,size\n1600000000,B,1.25,1\n1600000000,A,3,0.001\n1600000001,B,2,2\n"
    path = write(tmp_path, text)
    feed = open_feed(path)
    known = [(n, d.symbol, d.px_exponent, d.qty_exponent) for n, d in feed.definitions.items()]
    assert known == [(1, "A", 0, -3), (2, "B", -2, 0)]
    assert [(r["instrument_id"], r["px"], r["qty"]) for r in rows_of(feed)] == [
        (2, 125, 1),
        (1, 3, 1),
        (2, 200, 2),
    ]
    mine = [Instrument(77, "A", Exchange.BINANCE, px_exponent=-1, qty_exponent=-4)]
    feed = open_feed(path, options={"instruments": mine, "strict": False})
    assert [(r["instrument_id"], r["px"], r["qty"]) for r in rows_of(feed)] == [(77, 30, 10)]
    assert feed.faults == {"unknown_symbol": 2}


def test_a_row_that_does_not_fit_its_symbol(tmp_path: Path) -> None:
    text = "time,symbol,price,size\n1600000000,B,1.25,1\n1600000000,A,3,x\n"
    with pytest.raises(FileFormatError, match="line 3: size: found 'x'"):
        slots_of(open_feed(write(tmp_path, text)))


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufefftime,price,size\r\n1600000000,1,1\r\n\r\n\r\n")
    assert len(rows_of(open_feed(path))) == 1


def test_a_file_of_nothing_but_its_header(tmp_path: Path) -> None:
    feed = open_feed(write(tmp_path, "time,price,size\n"))
    assert rows_of(feed) == []


def test_one_endless_line(tmp_path: Path) -> None:
    path = write(tmp_path, "time,price,size\n" + "1" * (3 << 20))
    with pytest.raises(FileFormatError, match="line 2: found more than"):
        slots_of(open_feed(path))
