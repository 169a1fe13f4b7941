"""LOBSTER: the book after every message is the file's own, and the order flow that of ITCH."""

import csv
import gzip
from pathlib import Path

import pytest
from feed_samples import feed_of, order_records, rows_of, slots_of

from tectra.core.errors import FileFormatError, InputError
from tectra.core.record import iter_records
from tectra.feed.formats import open_feed, write_feed

MESSAGES = """\
34200.004241176,1,101,18,5853300,1
34200.00426064,1,102,20,5859400,-1
34200.1,2,101,5,5853300,1
34200.2,4,102,7,5859400,-1
34200.3,5,0,100,5856000,1
34200.4,6,0,900,5856000,1
34200.5,7,0,0,-1,-1
34200.6,7,0,0,0,-1
34200.7,7,0,0,1,-1
34201,3,101,13,5853300,1
"""


def write(folder: Path, text: str, name: str = "AAPL_2012-06-21_message_1.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_every_type_of_message(tmp_path: Path) -> None:
    rows = rows_of(open_feed(write(tmp_path, MESSAGES)))
    assert [r["template"] for r in rows] == [
        "book_add",
        "book_add",
        "book_cancel",
        "book_execute",
        "trade",
        "trade",
        "status",
        "status",
        "status",
        "book_delete",
    ]
    # 09:30:00.004241176 in New York, where daylight saving holds.
    assert rows[0]["ts_event_ns"] == 1_340_285_400_004_241_176
    assert rows[1]["ts_event_ns"] == 1_340_285_400_004_260_640
    assert (rows[0]["side"], rows[0]["px"], rows[0]["qty"]) == (1, 5_853_300, 18)
    assert (rows[3]["order_ref"], rows[3]["qty"]) == (102, 7)
    # The resting order bought, so the aggressor sold; a cross has none.
    assert (rows[4]["side"], rows[4]["flags"]) == (2, 4)
    assert (rows[5]["side"], rows[5]["flags"]) == (0, 8)
    assert [r["state"] for r in rows[6:9]] == [b"H", b"Q", b"T"]


@pytest.mark.parametrize(
    ("message", "book", "levels"),
    [
        (
            "AAPL_2012-06-21_message_10_first999.csv",
            "AAPL_2012-06-21_orderbook_10_first999.csv",
            10,
        ),
        (
            "MSFT_2012-06-21_message_50_1000rows.csv",
            "MSFT_2012-06-21_orderbook_50_1000rows.csv",
            50,
        ),
    ],
)
def test_the_book_after_every_row_is_that_of_the_file(
    test_data: Path, tmp_path: Path, message: str, book: str, levels: int
) -> None:
    """Read, rebuilt from the records, and written again: every level of every row is equal."""
    folder = test_data / "lobster"
    feed = open_feed(folder / message, options={"orderbook": str(folder / book)})
    out = tmp_path / message
    write_feed(feed, out, "lobster", options={"levels": levels})
    with (
        (folder / book).open() as truth,
        (tmp_path / message.replace("message", "orderbook")).open() as ours,
    ):
        rows = list(zip(csv.reader(truth), csv.reader(ours), strict=True))
    assert len(rows) in (999, 1000)
    assert [i for i, (a, b) in enumerate(rows) if a[: 4 * levels] != b] == []
    with (folder / message).open() as truth, out.open() as ours:
        pairs = list(zip(csv.reader(truth), csv.reader(ours), strict=True))
    # Time, size, price, side are those of the file; type and order where the file added the order.
    assert all(a[0] == b[0] and a[3:] == b[3:] for a, b in pairs)
    assert all(a[2] == b[2] or int(b[2]) >= 1 << 62 for a, b in pairs)


def test_messages_are_the_order_flow_of_itch(test_data: Path) -> None:
    """The derived ITCH file holds the same orders, prices, sizes and times."""
    names = ("book_add", "book_cancel", "book_delete", "book_execute", "trade")
    message = test_data / "lobster" / "AAPL_2012-06-21_message_50_0930-1000.csv.gz"
    itch = test_data / "itch" / "derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"

    def flow(path: Path, **options: object) -> list[tuple[object, ...]]:
        return [
            (r["template"], r["ts_event_ns"], r.get("order_ref"), r.get("px"), r.get("qty"))
            for r in rows_of(open_feed(path, options=options))
            if r["template"] in names
        ]

    ours = flow(message, orderbook="none", strict=False)
    theirs = flow(itch)
    seeded = {ref for _, ts, ref, *_ in theirs if ts < ours[0][1]}
    assert len(seeded) == 66
    # One more rested, deep in the book: the ITCH file adds it where it is deleted.
    late = {r[2] for r in theirs if r[0] == "book_add"} - seeded - {r[2] for r in ours}
    assert len(late) == 1
    # One time was written by a table of floats; orders that rested before are not in the messages.
    known = [row for row in theirs if row[2] not in seeded | late]
    unknown_prints = [r for r in ours if r[0] == "trade" and r[2] is None]
    mine = [r for r in ours if r[0] != "trade"]
    rest = [r for r in known if r[0] != "trade"]
    assert len(mine) == len(rest) > 41_000
    assert sum(a != b for a, b in zip(mine, rest, strict=True)) <= 1
    assert len(unknown_prints) >= 1123


def test_a_level_that_comes_into_view_is_put_right(tmp_path: Path) -> None:
    """Messages of an L1 file do not speak of deeper levels; the book file shows them later."""
    messages = "1.0,1,1,10,100,1\n2.0,3,1,10,100,1\n3.0,1,2,5,105,-1\n"
    book = "200,7,100,10\n200,7,99,4\n105,5,99,4\n"
    path = write(tmp_path, messages, "X_message_1.csv")
    write(tmp_path, book, "X_orderbook_1.csv")
    rows = rows_of(open_feed(path))
    assert [(r["template"], r.get("px"), r.get("qty"), r["flags"]) for r in rows] == [
        ("book_add", 200, 7, 1),
        ("book_add", 100, 10, 0),
        ("book_delete", None, None, 0),
        ("book_add", 99, 4, 1),
        ("book_add", 105, 5, 0),
    ]


def test_orders_that_nobody_added(tmp_path: Path) -> None:
    """Without a book file what is not known is left out and counted; an execution is a print."""
    path = write(tmp_path, "1.0,3,7,10,100,1\n2.0,4,8,5,100,1\n3.0,1,9,5,100,1\n")
    feed = open_feed(path)
    assert [r["template"] for r in rows_of(feed)] == ["trade", "book_add"]
    assert feed.faults == {"unknown_order": 2}
    # With the book they come off the order that stands for the level.
    write(
        tmp_path,
        "9999999999,0,100,20\n9999999999,0,100,15\n9999999999,0,100,20\n",
        "AAPL_2012-06-21_orderbook_1.csv",
    )
    rows = rows_of(open_feed(path))
    assert [(r["template"], r["order_ref"] >= 1 << 62, r.get("qty")) for r in rows] == [
        ("book_add", True, 30),
        ("book_cancel", True, 10),
        ("book_execute", True, 5),
        ("book_add", False, 5),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("34202,8,1,1,100,1", "line 11: type: found 8; allowed: 1 to 7"),
        ("34202,1,1,0,100,1", "line 11: size: found 0"),
        ("34202,1,1,-5,100,1", "line 11: size: found -5"),
        ("34202,1,1,5,-100,1", "line 11: price: found -100"),
        ("34202,1,1,5,100,2", "line 11: direction: found 2"),
        ("34202,7,0,0,3,-1", "line 11: price: found 3; allowed: -1, 0 or 1"),
        ("34202,1,1,5,NaN,1", "line 11: price: found 'NaN'"),
        ("34202,1,x,5,100,1", "line 11: order_id: found 'x'"),
        ("34202,1,1,5,100", "line 11: found 5 columns"),
        ("34202,1,1,5,100,1,1", "line 11: found 7 columns"),
        ("34200,1,1,5,100,1", "line 11: time: found .* ns behind .* do not run backwards"),
        ("99999,1,1,5,100,1", "line 11: time: found 99999000000000; allowed: seconds of one day"),
        ("-1,1,1,5,100,1", "line 11: time: found '-1'"),
        ("", "line 11: time: found ''"),
    ],
)
def test_damaged_rows(tmp_path: Path, row: str, said: str) -> None:
    path = write(tmp_path, f"{MESSAGES}{row}\n34203,1,55,5,100,1\n")
    with pytest.raises(FileFormatError, match=said):
        slots_of(open_feed(path, "lobster"))
    feed = open_feed(path, "lobster", options={"strict": False})
    rows = rows_of(feed)
    assert len(rows) == 11
    assert rows[-1]["order_ref"] == 55
    assert sum(feed.faults.values()) == 1
    assert feed.fault_rows[0].where == 11


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    path = write(tmp_path, MESSAGES[:-1])
    feed = open_feed(path)
    slots_of(feed)
    assert feed.faults["no_line_end"] == 1
    path = tmp_path / "AAPL_message.csv.gz"
    path.write_bytes(gzip.compress(MESSAGES.encode() * 400)[:-40])
    with pytest.raises(FileFormatError, match="gz stream ends"):
        slots_of(open_feed(path))


def test_a_book_of_another_length(tmp_path: Path) -> None:
    path = write(tmp_path, "1.0,1,1,10,100,1\n2.0,3,1,10,100,1\n", "X_message_1.csv")
    write(tmp_path, "200,7,100,10\n", "X_orderbook_1.csv")
    with pytest.raises(FileFormatError, match=r"ends at line 1; the messages go on to line 2"):
        slots_of(open_feed(path))
    write(tmp_path, "200,7,100\n", "X_orderbook_1.csv")
    with pytest.raises(FileFormatError, match="ask price, ask size, bid price, bid size"):
        open_feed(path)
    write(tmp_path, "200,7,100,10\n200,7,x,10\n", "X_orderbook_1.csv")
    with pytest.raises(FileFormatError, match="no whole number"):
        slots_of(open_feed(path))
    with pytest.raises(InputError, match="no such file"):
        open_feed(path, options={"orderbook": str(tmp_path / "none.csv")})


def test_written_pair(tmp_path: Path) -> None:
    path = tmp_path / "AAPL_2012-06-21_message_2.csv.gz"
    report = write_feed(feed_of(order_records()), path, "lobster", options={"levels": 2})
    messages = gzip.decompress(path.read_bytes()).decode().splitlines()
    books = gzip.decompress((tmp_path / "AAPL_2012-06-21_orderbook_2.csv.gz").read_bytes())
    assert report.rows == len(messages) == len(books.decode().splitlines()) == 22
    assert messages[0] == "34200,1,10,100,100000,1"
    assert books.decode().splitlines()[0] == "9999999999,0,100000,100,9999999999,0,-9999999999,0"
    kinds = [m.split(",")[1] for m in messages]
    assert kinds == ["1"] * 12 + ["4", "2", "4", "3", "3", "1", "3", "5", "1", "4"]
    with pytest.raises(InputError, match="no 'message' in the name"):
        write_feed(feed_of(order_records()), tmp_path / "x.csv", "lobster")
    assert list(iter_records(slots_of(open_feed(path))))
