"""Feeds merged in time, sorted within a window, cut to a window."""

import numpy as np
import pytest
from feed_records import NS, START, ListFeed, add, drain, level, quote, trade

from tectra.core.errors import FileFormatError, InputError, UnknownSymbolError
from tectra.core.msg import DTYPES, Side, Template
from tectra.core.types import Exchange
from tectra.feed.batch import scan
from tectra.feed.importer.base import RecordFeed
from tectra.feed.merge import MergedFeed
from tectra.feed.order import OrderedFeed
from tectra.feed.selection import Selection, time_ns
from tectra.feed.window import WindowFeed
from tectra.refdata.instrument import Instrument


def binance(symbol: str = "BTCUSDT", number: int = 1, px_exponent: int = -2) -> Instrument:
    return Instrument(number, symbol, Exchange.BINANCE, px_exponent=px_exponent)


def test_two_venues_come_in_time_order_with_ids_of_their_own() -> None:
    """Both venues call their instrument 1, both are named BTCUSDT."""
    one = [trade(START + 10 * i, 100 + i) for i in range(50)]
    other = [quote(START + 7 * i, 99, 101) for i in range(70)]
    bybit = Instrument(1, "BTCUSDT", Exchange.BYBIT, px_exponent=-1)
    feeds = [ListFeed(one, definitions=[binance()]), ListFeed(other, definitions=[bybit])]
    merged = MergedFeed(feeds, ["binance", "bybit"], batch_slots=32)
    rows = scan(drain(merged, 16))
    assert len(rows.slot) == 120 and (np.diff(rows.ts_recv_ns) >= 0).all()
    ids = {n: d.exchange for n, d in merged.definitions.items()}
    assert ids == {1: Exchange.BINANCE, 2: Exchange.BYBIT}
    assert set(rows.instrument_id[rows.template_id == Template.TRADE]) == {1}
    assert set(rows.instrument_id[rows.template_id == Template.QUOTE]) == {2}
    assert isinstance(merged, RecordFeed)
    merged.close()
    assert feeds[0].closed and feeds[1].closed


def test_equal_times_keep_the_order_of_the_feeds_and_within_each() -> None:
    feeds = [ListFeed([trade(START, 100 * f + i) for i in range(20)], batch=3) for f in range(3)]
    merged = drain(MergedFeed(feeds, batch_slots=8))
    px = np.frombuffer(merged, DTYPES[Template.TRADE])["px"]
    assert px.tolist() == [100 * f + i for f in range(3) for i in range(20)]


def test_the_same_symbol_of_one_venue_is_one_instrument_whatever_its_ids() -> None:
    a = ListFeed([trade(START, 1, i=5)], definitions=[binance(number=5)])
    b = ListFeed([trade(START + 1, 1, i=9)], definitions=[binance(number=9)])
    merged = MergedFeed([a, b])
    assert scan(drain(merged)).instrument_id.tolist() == [1, 1]
    assert merged.instruments == {1: "BTCUSDT"}


def test_one_column_never_has_two_scales() -> None:
    a = ListFeed([trade(START, 1)], definitions=[binance()])
    b = ListFeed([trade(START + 1, 1)], definitions=[binance(px_exponent=-4)])
    with pytest.raises(InputError, match=r"exponents -4 and 0.*-2 and 0"):
        drain(MergedFeed([a, b], ["a", "b"]))


def test_ids_without_a_symbol_do_not_clash() -> None:
    merged = MergedFeed([ListFeed([trade(START + f, 1)], {}) for f in range(2)])
    assert scan(drain(merged)).instrument_id.tolist() == [1, 2]
    assert list(merged.instruments.values()) == ["#0.1", "#1.1"]


def test_a_feed_out_of_order_is_refused_with_the_record() -> None:
    times = [0, 5, 4, 6]
    feeds = [ListFeed([trade(START, 1)]), ListFeed([trade(START + t, 1) for t in times])]
    with pytest.raises(FileFormatError, match=r"later\.csv: record 2: .* goes back by 1 ns"):
        drain(MergedFeed(feeds, ["ok", "later.csv"]))


def test_a_sort_window_mends_what_is_not_far_off() -> None:
    times = [0, 50, 20, 60, 10, 200, 199, 300]
    records = [trade(START + t, i) for i, t in enumerate(times)]
    feed = OrderedFeed(ListFeed(records, batch=2), sort_window_ns=60)
    rows = np.frombuffer(drain(feed), DTYPES[Template.TRADE])
    assert (rows["ts_recv_ns"] - START).tolist() == sorted(times)
    assert (feed.out_of_order, feed.back_ns_max) == (3, 50)
    with pytest.raises(FileFormatError, match="within 30 ns"):
        drain(OrderedFeed(ListFeed(records, batch=2), sort_window_ns=30), 2)


def test_sorting_is_stable_and_bounded() -> None:
    records = [trade(START + i // 10, i) for i in range(5000)]
    feed = OrderedFeed(ListFeed(records, batch=64), sort_window_ns=3)
    assert drain(feed, 128) == b"".join(records)
    assert feed._held == []


# ---- windows ----

RECORDS = [trade(START + i * NS, i, i=i % 3) for i in range(30)]


def cut(selection: Selection, *, ordered: bool = False) -> list[int]:
    data = drain(WindowFeed(ListFeed(RECORDS, batch=4), selection, ordered=ordered))
    return np.frombuffer(data, DTYPES[Template.TRADE])["px"].tolist()


def test_a_window_has_its_start_and_not_its_end() -> None:
    some = Selection(from_ns=START + 5 * NS, to_ns=START + 9 * NS)
    assert cut(some) == cut(some, ordered=True) == [5, 6, 7, 8]


def test_symbols_and_what_is_about_the_whole_market() -> None:
    got = cut(Selection(symbols=("BBB",)))
    assert got == [n for n in range(30) if n % 3 in (0, 2)]


def test_types() -> None:
    feed = ListFeed([level(START, Side.BUY, 1, 1), trade(START, 1), add(START, 1, Side.BUY, 1)])
    chosen = WindowFeed(feed, Selection.of(types=["trade", "book-add"]))
    assert scan(drain(chosen)).template_id.tolist() == [Template.TRADE, Template.BOOK_ADD]
    assert (chosen.records, chosen.left_out) == (2, 1)


def test_a_symbol_that_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(UnknownSymbolError, match=r"AAB.*close matches: AAA.*AAA, BBB"):
        cut(Selection(symbols=("AAB",)))


def test_an_ordered_feed_is_read_no_further_than_the_window() -> None:
    feed = ListFeed(RECORDS, batch=4)
    drain(WindowFeed(feed, Selection(to_ns=START + 3 * NS), ordered=True))
    assert feed._at == 8


@pytest.mark.parametrize(
    ("text", "end", "ns"),
    [
        ("1970-01-02", False, 86_400 * NS),
        ("1970-01-02", True, 2 * 86_400 * NS),
        ("1970-01-01T00:00:01.5", False, NS * 3 // 2),
        ("1970-01-01T00:00:00.000000001", True, 1),
        ("1970-01-01T00:00:00.123456789012", False, 123_456_789),
        ("1969-12-31T20:00:00-04:00", False, 0),
        ("1969-12-31T20:00:00.25-04:00", False, NS // 4),
        ("1970-01-01T00:00:01,25", False, NS * 5 // 4),
        ("1700000000000000000", False, START),
    ],
)
def test_times_as_people_write_them(text: str, end: bool, ns: int) -> None:
    assert time_ns(text, end=end) == ns


@pytest.mark.parametrize("text", ["", "yesterday", "2012-13-01", "12:30", "1.5"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="allowed: 2012-06-21"):
        time_ns(text)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"start": "1970-01-02", "end": "1970-01-01"}, "window"),
        ({"types": ["trades"]}, "trades"),
        ({"types": []}, "types"),
        ({"symbols": "AAPL"}, "a list"),
        ({"symbols": []}, "symbols"),
        ({"by": "when"}, "recv, event"),
    ],
)
def test_selections_that_mean_nothing(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Selection.of(**wrong)
