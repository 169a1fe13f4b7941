"""Data for a run: every format with single orders runs, and the others say what they lack."""

from pathlib import Path

import pytest
from feed_samples import FILES
from trading import Momentum

import tectra as tt
from tectra.backtest.data import open_data
from tectra.core.errors import InputError, UnknownSymbolError
from tectra.feed.formats import FORMATS, open_feed, write_feed

WITH_ORDERS = ("journal", "parquet", "dbn", "hftbacktest", "lobster", "itch", "bitstamp")
WITHOUT = (
    "parquet one",
    "dbn trades",
    "hftbacktest npy",
    "tardis book",
    "csv_bars",
    "binance klines",
)


# Files that a test has just written; Parquet of strangers wants a validation report.
ANY_FILE = tt.BacktestConfig(allow_unvalidated=True)


@pytest.mark.parametrize("name", WITH_ORDERS)
def test_a_run_over_every_format_of_orders(name: str, tmp_path: Path) -> None:
    path, _ = FILES[name](tmp_path)
    result = tt.run_backtest(strategy=Momentum, data=path, config=ANY_FILE)
    assert result.records > 0
    assert result.summary.book_errors == 0


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_orders_says_so(name: str, tmp_path: Path) -> None:
    path, _ = FILES[name](tmp_path)
    with pytest.raises(InputError, match=r"hold no single orders \(book_add\).*bitstamp, dbn"):
        open_data(path, None, allow_unvalidated=True)


def test_the_same_orders_give_the_same_run(small_day: Path, tmp_path: Path) -> None:
    """ITCH, a journal and Parquet of it are one market to a strategy."""
    seen = {}
    for name, file in (("itch", ""), ("journal", "j"), ("parquet", "p")):
        path = small_day
        if file:
            path = tmp_path / file
            write_feed(open_feed(small_day), path, name)
        result = tt.run_backtest(strategy=Momentum, data=path, symbols=["AAPL"], config=ANY_FILE)
        seen[name] = (result.summary, result.pnl)
    assert seen["journal"] == seen["itch"]
    assert seen["parquet"] == seen["itch"]


def test_symbols_of_other_formats(tmp_path: Path) -> None:
    path, _ = FILES["dbn"](tmp_path)
    market = open_data(path, ["AAPL"])
    assert [i.symbol for i in market.instruments] == ["AAPL"]
    assert market.first_ns == 1_340_285_400_000_000_000
    assert sum(len(b) for b in market.batches()) > 0
    market.close()
    with pytest.raises(UnknownSymbolError, match="AAPX"):
        open_data(path, ["AAPX"])


def test_a_lobster_day_knows_its_midnight(tmp_path: Path) -> None:
    path, _ = FILES["lobster"](tmp_path)
    market = open_data(path, None)
    assert market.utc_offset.total_seconds() == -4 * 3600
    market.close()


def test_formats_say_whether_they_hold_orders() -> None:
    assert {n for n, f in FORMATS.items() if f.has_orders} == {*WITH_ORDERS, "store"}
