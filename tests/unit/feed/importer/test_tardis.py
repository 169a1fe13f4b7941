"""Tardis: values by csv and Decimal, the rules of books, empty cells, damaged rows."""

import csv
import gzip
import io
from decimal import Decimal
from pathlib import Path

import pytest
from feed_samples import rows_of, slots_of

from tectra.book.l2 import L2Book
from tectra.core.errors import FileFormatError
from tectra.feed.formats import open_feed
from tectra.feed.importer.tardis import KINDS
from tectra.refdata.mantissa import NO_PX

HEAD = "exchange,symbol,timestamp,local_timestamp,"
BOOK = HEAD + "is_snapshot,side,price,amount\n"
TRADES = HEAD + "id,side,price,amount\n"
QUOTES = HEAD + "ask_amount,ask_price,bid_price,bid_amount\n"
T = 1_600_000_000_000_000


def write(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


def row(local: int, *cells: object, symbol: str = "XBTUSD") -> str:
    return ",".join(map(str, ("bitmex", symbol, T + local - 100, T + local, *cells))) + "\n"


def test_trades_are_the_text(tmp_path: Path) -> None:
    text = TRADES
    for i, (price, amount) in enumerate(
        (("10.5", "1"), ("1e-3", "0.00000001"), ("9007199254740993.125", "3"))
    ):
        text += row(i, 100 + i, ("buy", "sell", "unknown")[i], price, amount, symbol=f"S{i}")
    text += row(9, "8f3a-uuid", "buy", "1", "2", symbol="S1")
    feed = open_feed(write(tmp_path, text, "t.csv.gz"))
    rows = rows_of(feed)
    truth = list(csv.DictReader(io.StringIO(text)))
    for found, want in zip(rows, truth, strict=True):
        one = feed.definitions[found["instrument_id"]]
        assert one.symbol == want["symbol"]
        assert Decimal(found["px"]).scaleb(one.px_exponent) == Decimal(want["price"])
        assert Decimal(found["qty"]).scaleb(one.qty_exponent) == Decimal(want["amount"])
        assert found["ts_event_ns"] == int(want["timestamp"]) * 1000
        assert found["ts_recv_ns"] == int(want["local_timestamp"]) * 1000
    assert [r["side"] for r in rows] == [1, 2, 0, 1]
    assert [r["match_id"] for r in rows] == [100, 101, 102, 0]
    assert feed.faults == {"id_not_numeric": 1}


def test_a_snapshot_starts_the_book_again(tmp_path: Path) -> None:
    text = BOOK + row(0, "true", "bid", "10", "1") + row(0, "true", "ask", "11", "2")
    text += row(1, "false", "bid", "10", "0") + row(1, "false", "bid", "9.5", "4")
    text += row(2, "true", "bid", "8", "1") + row(3, "true", "ask", "12", "5")
    rows = rows_of(open_feed(write(tmp_path, text)))
    assert [r["template"] for r in rows] == [
        "book_clear",
        *["book_level"] * 4,
        "book_clear",
        *["book_level"] * 2,
    ]
    levels = [r for r in rows if r["template"] == "book_level"]
    assert [r["px"] for r in levels] == [100, 110, 100, 95, 80, 120]
    # Bit 1 a snapshot, bit 2 the last row of a message: rows of one message share local_timestamp.
    assert [r["flags"] for r in levels] == [1, 3, 0, 2, 3, 3]


def test_two_symbols_have_books_of_their_own(tmp_path: Path) -> None:
    text = BOOK
    text += row(0, "true", "bid", "10.25", "1", symbol="A") + row(
        0, "true", "bid", "7", "0.5", symbol="B"
    )
    text += row(1, "false", "bid", "10", "1", symbol="A") + row(
        2, "true", "bid", "6", "1", symbol="B"
    )
    feed = open_feed(write(tmp_path, text))
    assert [(d.symbol, d.px_exponent, d.qty_exponent) for d in feed.definitions.values()] == [
        ("A", -2, 0),
        ("B", 0, -1),
    ]
    rows = rows_of(feed)
    assert [(r["template"], r["instrument_id"]) for r in rows] == [
        ("book_clear", 1),
        ("book_level", 1),
        ("book_clear", 2),
        ("book_level", 2),
        ("book_level", 1),
        ("book_level", 2),
    ]
    only = open_feed(tmp_path / "x.csv", symbols=["B"])
    assert {r["instrument_id"] for r in rows_of(only)} == {2}


def test_snapshots_rebuild_the_same_book(tmp_path: Path) -> None:
    """The levels that changed, applied, give every row again."""
    from random import Random

    rng, depth = Random(3), 5
    names = [
        f"{s}[{i}].{w}" for i in range(depth) for s in ("asks", "bids") for w in ("price", "amount")
    ]
    text = HEAD + ",".join(names) + "\n"
    truth = []
    for i in range(300):
        bids = sorted(rng.sample(range(80, 100), rng.randint(0, depth)), reverse=True)
        asks = sorted(rng.sample(range(101, 120), depth))
        book = [[(p, rng.randint(1, 4)) for p in side] for side in (bids, asks)]
        truth.append(book)
        cells = []
        for k in range(depth):
            for side in (book[1], book[0]):
                cells += side[k] if k < len(side) else ("", "")
        text += row(i, *cells)
    rows = rows_of(open_feed(write(tmp_path, text)))
    live: dict[int, dict[int, int]] = {1: {}, 2: {}}
    at = 0
    for i, want in enumerate(truth):
        while at < len(rows) and rows[at]["ts_recv_ns"] == (T + i) * 1000:
            level = live[rows[at]["side"]]
            if rows[at]["qty"]:
                level[rows[at]["px"]] = rows[at]["qty"]
            else:
                del level[rows[at]["px"]]
            at += 1
        assert sorted(live[1].items(), reverse=True) == want[0]
        assert sorted(live[2].items()) == want[1]
    assert at == len(rows)
    book = L2Book(1)
    assert book.apply(slots_of(open_feed(tmp_path / "x.csv"))) == len(rows)


def test_empty_cells(tmp_path: Path) -> None:
    text = QUOTES + row(0, "", "", "10.5", "2") + row(1, "1", "11", "", "")
    rows = rows_of(open_feed(write(tmp_path, text)))
    assert [(r["bid_px"], r["bid_qty"], r["ask_px"], r["ask_qty"]) for r in rows] == [
        (105, 2, NO_PX, 0),
        (NO_PX, 0, 110, 1),
    ]


def test_a_ticker_keeps_every_cell(tmp_path: Path) -> None:
    cells = "1600003600000000,0.00010000,,281572100.0,7186.5,7186.8123456789,7186.9123456789"
    names = ",".join(KINDS["derivative_ticker"])
    rows = rows_of(open_feed(write(tmp_path, f"{HEAD}{names}\n{row(0, cells)}")))
    assert rows[0]["last_px"] == 71865
    payload = b"".join(r["payload"] for r in rows[1:])
    assert payload.decode() == cells
    assert {r["msg_length"] for r in rows[1:]} == {len(cells)}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row(5, 9, "buy", "nan", "1"), "price: found 'nan'"),
        (row(5, 9, "buy", "1", "-1"), r"amount: found '-1'; allowed: 0"),
        (row(5, 9, "hold", "1", "1"), "side: found 'hold'; allowed: buy, sell, unknown"),
        (row(5, 9, "buy", "1"), "found 7 columns"),
        (row(0, 9, "buy", "1", "1"), "do not run backwards"),
        (row(5, 9, "buy", "", "1"), "price: found ''"),
        (row(5, 9, "buy", "1e999", "1"), "price: found '1e999'"),
        (row(5, 9, "buy", "9" * 30, "1"), "fits 64 bits"),
        (row(5, 9, "buy", '"1', "1"), "one row on one line|no CSV row"),
        ("bitmex,XBTUSD,-5,5,9,buy,1,1\n", "timestamp: found '-5'"),
    ],
)
def test_damaged_rows(tmp_path: Path, bad: str, said: str) -> None:
    path = write(tmp_path, TRADES + row(1, 1, "buy", "1", "1") + bad + row(7, 2, "buy", "2", "1"))
    with pytest.raises(FileFormatError, match=f"line 3: .*({said})"):
        slots_of(open_feed(path))
    feed = open_feed(path, options={"strict": False})
    assert [r["match_id"] for r in rows_of(feed)] == [1, 2]
    assert sum(feed.faults.values()) == 1
