"""Formats told by content, options, symbols, refusals, and every format there and back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from feed_samples import (
    FILES,
    bar_records,
    book_records,
    crypto,
    feed_of,
    instrument,
    names_of,
    order_records,
    quote_records,
    slots_of,
    status_record,
    trade_records,
)

from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    InputError,
    TectraError,
    UnknownSymbolError,
)
from tectra.feed.formats import FORMATS, RecordFeed, detect, open_feed, write_feed
from tectra.feed.itch import ItchFeed


@pytest.mark.parametrize("name", FILES)
def test_content_tells_the_format(name: str, tmp_path: Path) -> None:
    path, options = FILES[name](tmp_path)
    assert detect(path) == name.split(maxsplit=1)[0]
    feed = open_feed(path, options=options)
    assert isinstance(feed, RecordFeed)
    assert feed.format == name.split(maxsplit=1)[0]
    records = slots_of(feed)
    assert records
    assert feed.position == feed.size > 0
    feed.close()


@pytest.mark.parametrize("name", [n for n in FILES if "journal" not in n and n != "parquet"])
def test_the_name_does_not_matter(name: str, tmp_path: Path) -> None:
    path, _ = FILES[name](tmp_path)
    other = tmp_path / "something"
    path.rename(other)
    if name == "lobster":
        (tmp_path / "AAPL_2012-06-21_orderbook_3.csv").unlink()
    assert detect(other) == name.split(maxsplit=1)[0]


@pytest.mark.parametrize("name", FILES)
def test_batches_of_any_size_hold_the_same_records(name: str, tmp_path: Path) -> None:
    path, options = FILES[name](tmp_path)
    whole = slots_of(open_feed(path, options=options))
    assert slots_of(open_feed(path, options=options), 2) == whole
    assert slots_of(open_feed(path, options=options), 3) == whole


def _shown() -> list[bytes]:
    """Order flow whose trade is not marked as hidden, for formats without such a mark."""
    return order_records(hidden=False)


# Format, options of writing, and the records that it can say without loss.
LOSSLESS: list[tuple[str, str, dict[str, object], Callable[[], list[bytes]], dict[str, object]]] = [
    ("parquet", "x", {}, order_records, {}),
    ("journal", "x", {}, order_records, {}),
    ("journal", "x", {"segment_slots": 64}, lambda: [*order_records(), status_record()], {}),
    ("dbn", "x.dbn", {}, _shown, {"exchange": "nasdaq", "px_exponent": -4}),
    ("dbn", "x.dbn.zst", {}, _shown, {"exchange": "nasdaq", "px_exponent": -4}),
    (
        "hftbacktest",
        "x.npz",
        {},
        lambda: order_records(lag=7, hidden=False),
        {"exchange": "nasdaq", "px_exponent": -4},
    ),
    ("tardis", "x.csv", {}, trade_records, {}),
    ("tardis", "x.csv.gz", {"kind": "quotes"}, quote_records, {}),
    ("tardis", "x.csv.zst", {"kind": "incremental_book_L2"}, book_records, {}),
    ("csv_trades", "x.csv", {}, trade_records, {"exchange": "nasdaq"}),
    ("csv_bars", "x.csv", {}, bar_records, {"exchange": "nasdaq"}),
    (
        "csv_bars",
        "x.csv",
        {"stamp": "close"},
        bar_records,
        {"exchange": "nasdaq", "stamp": "close"},
    ),
    ("parquet_bars", "x.parquet", {}, bar_records, {"exchange": "nasdaq"}),
]


@pytest.mark.parametrize("case", LOSSLESS, ids=lambda c: f"{c[0]}-{c[1]}-{len(c[2])}")
def test_written_and_read_again_records_are_the_same(case, tmp_path: Path) -> None:
    name, file, how, make, reading = case
    records = make()
    one = instrument() if make is not trade_records else instrument(px_exponent=-6, qty_exponent=-8)
    if name == "tardis":
        one = crypto()
        records = [_with_venue(r, 7) for r in records]
    report = write_feed(feed_of(records, one), tmp_path / file, name, options=how)
    assert report.records == len(records)
    assert not report.skipped or set(report.skipped) == {"book_clear"}
    again = slots_of(open_feed(tmp_path / file, name, options=reading))
    assert again == b"".join(records)


def _with_venue(record: bytes, venue: int) -> bytes:
    return record[:38] + venue.to_bytes(2, "little") + record[40:]


READ_ONLY = ("tardis snapshot", "tardis ticker", "bitstamp")


@pytest.mark.parametrize("name", [n for n in FILES if n not in READ_ONLY])
def test_import_export_import(name: str, tmp_path: Path) -> None:
    """What a file holds, written in its own format and read again."""
    path, _ = FILES[name](tmp_path)
    kind = name.split(maxsplit=1)[0]
    reading: dict[str, object] = {}
    how: dict[str, object] = {
        "binance aggTrades": {"kind": "aggTrades"},
        "binance klines": {"kind": "klines"},
        "binance bookTicker": {"kind": "bookTicker"},
        "binance bookDepth": {"kind": "bookDepth"},
        "dbn trades": {"schema": "trades"},
        "tardis book": {"kind": "incremental_book_L2"},
        "tardis quotes": {"kind": "quotes"},
        "lobster": {"levels": 3},
    }.get(name, {})
    target = tmp_path / "again"
    target.mkdir()
    first = slots_of(open_feed(path, options=reading))
    write_feed(open_feed(path, options=reading), target / path.name, kind, options=how)
    second = slots_of(open_feed(target / path.name, options=reading))
    assert names_of(second) == names_of(first)
    assert second == first


def test_orders_of_itch_through_every_format_of_orders(small_day: Path, tmp_path: Path) -> None:
    """The same order flow as ITCH, DBN, LOBSTER, hftbacktest, a journal and Parquet."""
    from tectra.book.l3 import L3Book

    def book(path: Path, **options: object) -> list[object]:
        feed = open_feed(path, symbols=["AAPL"], options=options)
        number = next(iter(feed.definitions))
        scale = 10 ** (4 + feed.definitions[number].px_exponent)
        books = L3Book()
        while (batch := feed.next_batch(1 << 14)) is not None:
            books.apply(np.ascontiguousarray(batch))
        out = [[(px * scale, qty) for px, qty in side] for side in books.depth_at(number, 20)]
        assert books.fault_report().total == 0
        feed.close()
        return out

    cut = tmp_path / "01052026.cut.itch"
    _first_orders(small_day, cut)
    truth = book(cut)
    assert min(len(truth[0]), len(truth[1])) >= 5
    for name, file, how in (
        ("dbn", "x.dbn.zst", {}),
        ("hftbacktest", "AAPL.npz", {"latency_ns": 1000}),
        ("lobster", "AAPL_2026-01-05_message_9.csv", {}),
        ("journal", "j", {}),
        ("parquet", "p", {}),
        ("itch", "01052026.again.itch", {}),
    ):
        feed = open_feed(cut, symbols=["AAPL"])
        write_feed(feed, tmp_path / file, name, options=how)
        assert book(tmp_path / file) == truth, name


def _first_orders(day: Path, path: Path) -> None:
    """The first 4,000 messages of a day."""
    import gzip

    data, at = gzip.decompress(day.read_bytes()), 0
    for _ in range(4000):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    path.write_bytes(data[:at])


def test_what_a_format_cannot_say_is_counted(tmp_path: Path) -> None:
    feed = feed_of([*order_records(), status_record(), *quote_records()])
    report = write_feed(feed, tmp_path / "x.dbn", "dbn")
    assert report.skipped == {"status": 1, "quote": 5}
    assert report.records == len(order_records()) + 6


def test_progress_is_told(tmp_path: Path) -> None:
    path, _ = FILES["csv_trades"](tmp_path)
    told: list[tuple[int, int]] = []
    write_feed(
        open_feed(path),
        tmp_path / "o",
        "parquet",
        progress=lambda done, size: told.append((done, size)),
    )
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_more_records_than_a_row_group_holds(tmp_path: Path) -> None:
    records = order_records() * 4000
    for many in (records[: 1 << 16], records):
        write_feed(feed_of(many), tmp_path / "o", "parquet", options={"template": "book_add"})
        wanted = [r for r in many if r[2:4] == b"\x01\x00"]
        assert slots_of(open_feed(tmp_path / "o")) == b"".join(wanted)


def test_symbols(tmp_path: Path) -> None:
    path, _ = FILES["csv_trades"](tmp_path)
    feed = open_feed(path, symbols=["BTCUSDT"])
    assert list(feed.instruments.values()) == ["BTCUSDT"]
    assert len(names_of(slots_of(feed))) == 8
    with pytest.raises(UnknownSymbolError, match=r"'BTCUSD', which is not among the 1.*BTCUSDT"):
        open_feed(path, symbols=["BTCUSD"])
    with pytest.raises(InputError, match="a list such as"):
        open_feed(path, symbols="BTCUSDT")
    with pytest.raises(InputError, match="empty list"):
        open_feed(path, symbols=[])


def test_options_are_checked(tmp_path: Path) -> None:
    path, _ = FILES["csv_trades"](tmp_path)
    for options, said in (
        ({"px_exponnt": 1}, "did you mean 'px_exponent'"),
        ({"px_exponent": 3}, "px_exponent: found 3; allowed: -18 to 0"),
        ({"px_exponent": "x"}, "found 'x'"),
        ({"strict": "maybe"}, "allowed: true or false"),
        ({"exchange": "nowhere"}, "nowhere"),
        ({"columns": "price=nothing"}, "price=nothing; allowed: timestamp"),
        ({"columns": "weight=price"}, "allowed: time"),
        ({"instrument_id": 0}, "allowed: 1 to"),
    ):
        with pytest.raises(InputError, match=said):
            open_feed(path, options=options)
    with pytest.raises(InputError, match="takes no options"):
        open_feed(FILES["parquet"](tmp_path)[0], options={"strict": True})
    with pytest.raises(InputError, match="format: found 'xml'; allowed: binance"):
        open_feed(path, "xml")


def test_an_exponent_that_is_too_coarse_is_refused_with_the_row(tmp_path: Path) -> None:
    path, _ = FILES["csv_trades"](tmp_path)
    with pytest.raises(FileFormatError, match=r"line 3: price: found '100.000025'.*most 4 places"):
        slots_of(open_feed(path, options={"px_exponent": -4}))
    feed = open_feed(path, options={"px_exponent": -4, "strict": False})
    assert len(names_of(slots_of(feed))) == 2
    assert feed.faults == {"not_a_number": 6}
    assert feed.fault_rows[0].where == 3


def test_no_file_no_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        detect(tmp_path / "nothing")
    with pytest.raises(InputError, match="no such file"):
        open_feed(tmp_path / "nothing", "itch")
    empty, junk = tmp_path / "empty", tmp_path / "junk"
    empty.write_bytes(b"")
    junk.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(FileFormatError, match="is empty"):
        detect(empty)
    with pytest.raises(FileFormatError, match=r"formats tried: .*journal, parquet, dbn"):
        detect(junk)
    with pytest.raises(FileFormatError, match="is a directory that holds n"):
        detect(tmp_path)
    for name, one in FORMATS.items():
        with pytest.raises(TectraError):
            slots_of(one.open(junk, _options(name), None))


def _options(name: str):
    from tectra.feed.importer.base import Options

    return Options(name, FORMATS[name].options, {})


def test_writing_where_it_cannot_be(tmp_path: Path) -> None:
    for name, one in FORMATS.items():
        if one.write is None:
            with pytest.raises(InputError, match="is only read; allowed: binance"):
                write_feed(feed_of(order_records()), tmp_path / "x", name)
            continue
        with pytest.raises(InputError, match="no directory"):
            write_feed(feed_of(order_records()), tmp_path / "no" / "x", name)
        with pytest.raises(InputError, match="found option 'nonsense'"):
            write_feed(feed_of(order_records()), tmp_path / "x", name, options={"nonsense": 1})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [n for n, f in FORMATS.items() if f.write])
def test_a_failing_feed_leaves_no_file(name: str, tmp_path: Path) -> None:
    def broken():
        yield np.frombuffer(b"".join(order_records(lag=1000)), np.uint8)
        raise FileFormatError("line 3: damaged")

    feed = feed_of([])
    feed._blocks = broken()
    target = tmp_path / "AAPL_message_1.csv"
    with pytest.raises(FileFormatError, match="line 3"):
        write_feed(feed, target, name)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path) -> None:
    target = Path("/dev/full")
    if not target.exists():
        pytest.skip("no /dev/full on this machine")
    from tectra.feed.exporter.base import new_file

    link = tmp_path / "x.csv.part"
    link.symlink_to(target)
    with (
        pytest.raises(InputError, match=r"cannot write .*No space"),
        new_file(tmp_path / "x.csv") as out,
    ):
        out.write(b"x" * (1 << 24))
    assert list(tmp_path.iterdir()) == []


def test_a_plain_feed_is_refused(small_day: Path, tmp_path: Path) -> None:
    with (
        ItchFeed(small_day) as feed,
        pytest.raises(InputError, match="found ItchFeed; allowed: what open_feed gives"),
    ):
        write_feed(feed, tmp_path / "x", "parquet")


def test_a_closed_feed_is_refused(tmp_path: Path) -> None:
    path, _ = FILES["csv_trades"](tmp_path)
    feed = open_feed(path)
    feed.close()
    feed.close()
    with pytest.raises(ClosedError):
        feed.next_batch()
    feed = open_feed(path)
    with pytest.raises(InputError, match="room for 1"):
        feed.next_batch(1)
    feed.close()
