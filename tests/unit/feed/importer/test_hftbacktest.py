"""hftbacktest events: what a hand-made file means, and files that its own rules allow."""

from pathlib import Path

import numpy as np
import pytest
from feed_samples import crypto, feed_of, order_records, rows_of, slots_of, trade_records

from tectra.core.errors import FileFormatError, InputError, TruncatedInputError
from tectra.feed.formats import open_feed, write_feed
from tectra.feed.importer import hftbacktest as wire

BOTH = wire.EXCH | wire.LOCAL


def save(folder: Path, rows: list[tuple[object, ...]], name: str = "btc.npz") -> Path:
    path = folder / name
    events = np.array(rows, wire.EVENT)
    if name.endswith(".npy"):
        np.save(path, events)
    else:
        np.savez_compressed(path, data=events)
    return path


def event(
    kind: int,
    at: int,
    px: float = 0.0,
    qty: float = 0.0,
    order: int = 0,
    *,
    flags: int = BOTH,
    lag: int = 10,
):
    return (flags | kind, at, at + lag, px, qty, order, 0, 0.0)


def test_the_examples_of_its_page(tmp_path: Path) -> None:
    rows = [
        (
            0xE0000001,
            1_676_419_205_108_000_000,
            1_676_419_207_212_527_000,
            2218.8,
            0.603,
            0,
            0,
            0.0,
        ),
        (0xD0000002, 1_676_419_205_109_000_000, 1_676_419_207_212_528_000, 2218.79, 1.5, 0, 0, 0.0),
    ]
    for name in ("btc_day.npz", "btc_day.npy"):
        feed = open_feed(save(tmp_path, rows, name))
        level, trade = rows_of(feed)
        one = feed.definitions[1]
        assert (one.symbol, one.px_exponent, one.qty_exponent) == ("btc", -2, -3)
        assert (level["template"], level["side"], level["px"], level["qty"]) == (
            "book_level",
            1,
            221_880,
            603,
        )
        assert level["ts_event_ns"] == 1_676_419_205_108_000_000
        assert level["ts_recv_ns"] == 1_676_419_207_212_527_000
        assert (trade["template"], trade["side"], trade["px"], trade["qty"]) == (
            "trade",
            2,
            221_879,
            1500,
        )


def test_clears_and_snapshots(tmp_path: Path) -> None:
    buy, sell = BOTH | wire.BUY, BOTH | wire.SELL
    rows = [
        event(wire.CLEAR, 1),
        event(wire.SNAPSHOT, 2, 100.0, 1.0, flags=buy),
        event(wire.SNAPSHOT, 3, 99.5, 2.0, flags=buy),
        event(wire.SNAPSHOT, 4, 101.0, 3.0, flags=sell),
        event(wire.SNAPSHOT, 5, 102.0, 3.0, flags=sell),
        event(wire.CLEAR, 6, 100.0, flags=buy),
        event(wire.CLEAR, 7, 101.0, flags=sell),
        event(wire.DEPTH, 8, 98.0, 1.0, flags=buy),
        event(wire.CLEAR, 9, float("nan"), flags=buy),
    ]
    found = [
        (r["template"], r.get("side"), r.get("px"), r.get("qty"))
        for r in rows_of(open_feed(save(tmp_path, rows)))
    ]
    assert found == [
        ("book_clear", None, None, None),
        ("book_level", 1, 1000, 1),
        ("book_level", 1, 995, 2),
        ("book_level", 2, 1010, 3),
        ("book_level", 2, 1020, 3),
        ("book_level", 1, 1000, 0),
        ("book_level", 2, 1010, 0),
        ("book_level", 1, 980, 1),
        ("book_level", 1, 980, 0),
        ("book_level", 1, 995, 0),
    ]


def test_single_orders(tmp_path: Path) -> None:
    buy = BOTH | wire.BUY
    rows = [
        event(wire.ADD, 1, 100.0, 5.0, 7, flags=buy),
        event(wire.ADD, 2, 100.0, 5.0, 8, flags=buy),
        event(wire.FILL, 3, 100.0, 2.0, 7, flags=buy),
        event(wire.MODIFY, 3, 100.0, 3.0, 7, flags=buy),
        event(wire.FILL, 4, 100.0, 3.0, 7, flags=buy),
        event(wire.CANCEL, 4, 100.0, 3.0, 7, flags=buy),
        event(wire.MODIFY, 5, 101.0, 5.0, 8, flags=buy),
        event(wire.CANCEL, 6, 101.0, 5.0, 8, flags=buy),
    ]
    found = [
        (r["template"], r["order_ref"], r.get("qty"))
        for r in rows_of(open_feed(save(tmp_path, rows)))
    ]
    assert found == [
        ("book_add", 7, 5),
        ("book_add", 8, 5),
        ("book_execute", 7, 2),
        ("book_execute", 7, 3),
        ("book_replace", 8, 5),
        ("book_delete", 8, None),
    ]


def test_a_fill_does_not_take_from_the_print_ahead_of_it(tmp_path: Path) -> None:
    """A hidden print, and a visible execution in the same nanosecond: both come back whole."""
    add, execute = order_records(lag=9)[0], order_records(lag=9)[12]
    trade = bytearray(trade_records()[0])
    trade[16:32] = execute[16:32]
    records = [add, bytes(trade), execute]
    path = tmp_path / "aapl.npz"
    write_feed(feed_of(records), path, "hftbacktest")
    events = np.load(path)["data"]
    kinds = (events["ev"] & np.uint64(0xFF)).tolist()
    assert kinds == [wire.ADD, wire.TRADE, wire.TRADE, wire.FILL, wire.MODIFY]
    assert events["ev"][2] & np.uint64(wire.SELL), "the print of the fill is the aggressor's"
    want = [(r["template"], r.get("qty")) for r in rows_of(feed_of(records))]
    found = [(r["template"], r.get("qty")) for r in rows_of(open_feed(path))]
    assert found == want


@pytest.mark.parametrize("name", ["btc.npz", "btc.npy"])
def test_a_trade_and_its_fill_are_one_across_blocks(tmp_path: Path, name: str) -> None:
    """The trade is the last row of a block, its fill the first row of the next."""
    buy, sell = BOTH | wire.BUY, BOTH | wire.SELL
    rows = [event(wire.ADD, 1, 100.0, 5.0, 7, flags=buy)]
    rows += [event(wire.TRADE, i, 100.0, 1.0, flags=sell) for i in range(2, (1 << 14) + 1)]
    rows += [event(wire.FILL, 1 << 14, 100.0, 1.0, 7, flags=buy)]
    found = [(r["template"], r.get("qty")) for r in rows_of(open_feed(save(tmp_path, rows, name)))]
    assert found[0] == ("book_add", 5)
    assert found[1:-1] == [("trade", 1)] * ((1 << 14) - 2)
    assert found[-1] == ("book_execute", 1)
    trade = [event(wire.ADD, 1, 100.0, 5.0, 7, flags=buy), event(wire.TRADE, 2, 100.0, 1.0)]
    assert len(rows_of(open_feed(save(tmp_path, trade, "end.npz")))) == 2


def test_events_out_of_order_are_written_for_each_side(tmp_path: Path) -> None:
    """A feed whose exchange times run back keeps its records and obeys both rules."""
    records = trade_records()
    shuffled = []
    for i, record in enumerate(records):
        event_ns = int.from_bytes(records[(i ^ 1) % len(records)][16:24], "little")
        shuffled.append(record[:16] + event_ns.to_bytes(8, "little") + record[24:])
    path = tmp_path / "btc.npz"
    report = write_feed(feed_of(shuffled, crypto()), path, "hftbacktest")
    assert report.rows > len(records)
    events = np.load(path)["data"]
    for flag, clock in ((wire.EXCH, "exch_ts"), (wire.LOCAL, "local_ts")):
        mine = events[(events["ev"] & np.uint64(flag)) != 0]
        assert len(mine) == len(records)
        assert np.all(np.diff(mine[clock]) >= 0)
    assert np.all(events["local_ts"] > events["exch_ts"])
    feed = open_feed(path, options={"exchange": "nasdaq", "px_exponent": -6, "qty_exponent": -8})
    assert slots_of(feed) == b"".join(shuffled)


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "aapl.npz"
    report = write_feed(feed_of(order_records(lag=9)), path, "hftbacktest")
    events = np.load(path)["data"]
    assert events.dtype == wire.EVENT
    assert len(events) == report.rows
    assert events["px"][0] == 10.0
    assert events["ev"][0] == BOTH | wire.BUY | wire.ADD
    with pytest.raises(InputError, match="give the option latency_ns"):
        write_feed(feed_of(order_records()), tmp_path / "no.npz", "hftbacktest")
    assert not (tmp_path / "no.npz").exists()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (event(77, 5, 1.0, 1.0), "an unknown kind of event"),
        (event(wire.TRADE, 5, float("nan"), 1.0), "a price that is no decimal"),
        (event(wire.TRADE, 5, float("inf"), 1.0), "a price that is no decimal"),
        (event(wire.TRADE, 5, 1.0, -1.0), "a size that is no decimal"),
        (event(wire.TRADE, 5, 1 / 3, 1.0), "a price that is no decimal"),
        (event(wire.DEPTH, 5, 1.0, 1.0), "no side"),
        (event(wire.TRADE, -50, 1.0, 1.0), "a time before 1970"),
        (event(wire.TRADE, 5, 1.0, 1.0, flags=0), "an unknown kind"),
        (event(wire.TRADE, 1, 1.0, 1.0, lag=3), "a local time behind a later one"),
    ],
)
def test_damaged_rows(tmp_path: Path, bad: tuple[object, ...], said: str) -> None:
    path = save(tmp_path, [event(wire.TRADE, 4, 1.5, 2.0), bad, event(wire.TRADE, 9, 2.5, 2.0)])
    with pytest.raises(FileFormatError, match=f"row 1: found {said}"):
        slots_of(open_feed(path))
    feed = open_feed(path, options={"strict": False, "px_exponent": -1})
    assert [r["px"] for r in rows_of(feed)] == [15, 25]
    assert sum(feed.faults.values()) == 1


def test_files_that_are_none(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(4))
    np.savez(tmp_path / "x.npz", other=np.zeros(1, wire.EVENT))
    for name in ("x.npy", "x.npz"):
        with pytest.raises(FileFormatError, match=r"no \.npy of events|no member data"):
            open_feed(tmp_path / name, "hftbacktest")
    path = save(tmp_path, [event(wire.TRADE, i, 1.0, 1.0) for i in range(9)], "cut.npy")
    path.write_bytes(path.read_bytes()[:-70])
    with pytest.raises(TruncatedInputError, match="ends behind row 7 of 9"):
        open_feed(path)


def test_a_marker_ends_the_data(tmp_path: Path) -> None:
    end = (BOTH | wire.TRADE, (1 << 63) - 1, (1 << 63) - 1, 0.0, 0.0, 0, 0, 0.0)
    path = save(tmp_path, [event(wire.TRADE, 4, 1.5, 2.0), end])
    assert len(rows_of(open_feed(path))) == 1
