"""Bars: against a plain reference on recorded data, and every rule that their page states."""

import gzip
from collections import defaultdict
from pathlib import Path
from typing import Any

import itch_model
import numpy as np
import pytest

from tectra.book.l3 import L3Book
from tectra.core.errors import (
    CapacityError,
    FileFormatError,
    InputError,
    NumericOverflowError,
    TruncatedInputError,
)
from tectra.core.msg import DTYPES, BarFlag, BarKind, MarketFlag, Side, Template
from tectra.core.record import encode
from tectra.core.types import Exchange
from tectra.feed.bar import BarBuilder, prints_of
from tectra.feed.bar_batch import bar_vwap, bars_of_prints
from tectra.feed.bar_feed import BarFeed, BarRecords
from tectra.feed.bar_spec import BarSpec
from tectra.feed.itch import ItchFeed
from tectra.journal.scan import walk
from tectra.refdata.instrument import Instrument

S = 1_000_000_000
BAR = DTYPES[Template.BAR]
SAME = [n for n in BAR.names or () if n not in ("ts_recv_ns", "bid", "ask", "venue_id")]


def trade(ts: int, px: int, qty: int = 10, number: int = 1, **more: Any) -> bytes:
    return encode(
        Template.TRADE, ts_event_ns=ts, ts_recv_ns=more.pop("recv", ts), px=px, qty=qty,
        instrument_id=number, **more,
    )  # fmt: skip


def quote(ts: int, bid: int, ask: int) -> bytes:
    return encode(
        Template.QUOTE, ts_event_ns=ts, ts_recv_ns=ts, bid_px=bid, ask_px=ask, bid_qty=1,
        ask_qty=1, instrument_id=1,
    )  # fmt: skip


def plain_prints(data: bytes) -> list[tuple[int, int, int, int]]:
    """(time, instrument, px, qty) of every printable trade, with nothing but a dict of orders."""
    orders: dict[int, list[int]] = {}
    out = []
    for message in itch_model.frames(data):
        name, r = itch_model.decode(message)
        if name.startswith("book_add"):
            orders[r["order_ref"]] = [r["px"], r["qty"]]
        elif name == "book_replace":
            del orders[r["order_ref"]]
            orders[r["new_order_ref"]] = [r["px"], r["qty"]]
        elif name == "book_delete":
            del orders[r["order_ref"]]
        elif name in ("book_execute", "book_execute_priced", "book_cancel"):
            order = orders[r["order_ref"]]
            order[1] -= r["qty"]
            if name != "book_cancel" and not r.get("flags", 0) & MarketFlag.NOT_PRINTABLE:
                px = r["exec_px"] if name == "book_execute_priced" else order[0]
                out.append((r["ts_event_ns"], r["instrument_id"], px, r["qty"]))
        elif name == "trade" and not r.get("flags", 0) & MarketFlag.BROKEN and r["qty"] > 0:
            out.append((r["ts_event_ns"], r["instrument_id"], r["px"], r["qty"]))
    return out


def plain_bars(prints: list[tuple[int, int, int, int]], seconds: int) -> dict[Any, Any]:
    """Open, high, low, close, volume, turnover, trades by (close time, instrument)."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for ts, number, px, qty in prints:
        groups[ts // (seconds * S) * seconds * S + seconds * S, number].append((px, qty))
    out = {}
    for key, ticks in groups.items():
        px, qty = np.array(ticks, object).T
        real = px.astype(float) / 1e4
        out[key] = (
            real[0], real.max(), real.min(), real[-1], qty.sum(), float((px * qty).sum()) / 1e4,
            len(px),
        )  # fmt: skip
    return out


def recorded(test_data: Path, small_day: Path, which: str) -> bytes:
    if which == "synthetic":
        return gzip.decompress(small_day.read_bytes())
    name = "derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
    return gzip.decompress((test_data / "itch" / name).read_bytes())


@pytest.mark.parametrize("which", ["synthetic", "AAPL"])
def test_equals_a_plain_reference(
    test_data: Path, small_day: Path, tmp_path: Path, which: str
) -> None:
    data = recorded(test_data, small_day, which)
    file = tmp_path / "x.itch"
    file.write_bytes(data)
    prints = plain_prints(data)
    assert len(prints) > 500
    builder = BarBuilder(["1s", "5s", "1m"])
    with ItchFeed(file) as feed:
        bars = BarRecords.collect(feed, builder).bars
    assert builder.counts()["prints"] == len(prints)
    assert builder.book is not None and builder.book.fault_report().total == 0
    for seconds in (1, 5, 60):
        mine = bars[bars["interval"] == seconds * S]
        expected = plain_bars(prints, seconds)
        found = {
            (int(b["ts_event_ns"]), int(b["instrument_id"])): tuple(
                b[n].item()
                for n in ("open", "high", "low", "close", "volume_qty", "turnover", "trades")
            )
            for b in mine
            if not b["flags"] & BarFlag.PARTIAL
        }
        cut = int((mine["flags"] & BarFlag.PARTIAL > 0).sum())
        assert len(found) >= len(expected) - cut and found
        for key, values in found.items():
            assert values == expected[key], key


@pytest.mark.parametrize("spec", ["1s", "5s", "1m", "50t", "3000v", "700000d", "40i"])
def test_columns_of_recorded_prints(test_data: Path, small_day: Path, spec: str) -> None:
    file = test_data / "itch" / "derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
    builder, book, parts = BarBuilder(spec), L3Book(), []
    with ItchFeed(file) as feed:
        batches = []
        while (batch := feed.next_batch(1000)) is not None:
            batches.append(np.array(batch))
            parts.append(prints_of(batch, book))
    streamed = np.concatenate([*map(builder.update, batches), builder.flush()])
    columns = bars_of_prints(np.concatenate(parts), spec, flush_ns=builder.now_ns)
    assert len(streamed) > 5
    # The stream began before its first print, so that the first bar may be whole there.
    assert streamed[SAME][1:].tolist() == columns[SAME][1:].tolist()
    assert (streamed["ask"] >= streamed["bid"]).all() and (streamed["bid"] > 0).any()


def test_a_time_bar_is_closed_by_the_first_record_past_it() -> None:
    builder = BarBuilder("10ns", with_book=False)
    assert not len(builder.update(trade(20, 100) + trade(29, 103) + trade(25, 99)))
    # A record of another instrument at the boundary ends it; the print there is the next bar's.
    (bar,) = builder.update(trade(30, 500, number=2, recv=77))
    assert (bar["ts_open_ns"], bar["ts_event_ns"], bar["ts_recv_ns"]) == (20, 30, 77)
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (0.01, 0.0103, 0.0099, 0.0099)
    assert (bar["trades"], bar["flags"], bar["kind"]) == (3, 0, BarKind.TIME)
    # A timer does too.
    (bar,) = builder.update(encode(Template.TIMER, ts_event_ns=40, ts_recv_ns=41))
    assert (bar["instrument_id"], bar["ts_recv_ns"], bar["close"]) == (2, 41, 0.05)


def test_partial_at_start_and_end() -> None:
    builder = BarBuilder("10ns", with_book=False)
    bars = np.concatenate([builder.update(trade(23, 100) + trade(31, 100)), builder.flush()])
    assert bars["flags"].tolist() == [BarFlag.PARTIAL, BarFlag.PARTIAL]
    assert bars["ts_open_ns"].tolist() == [23, 30]
    assert bars["ts_event_ns"].tolist() == [30, 31]
    assert not len(builder.flush())
    (bar,) = np.concatenate([builder.update(trade(33, 100)), builder.flush(40)])
    assert (bar["ts_open_ns"], bar["ts_event_ns"]) == (31, 40)
    assert bar["flags"] == BarFlag.PARTIAL, "the flush cut this interval"
    (bar,) = np.concatenate([builder.update(trade(43, 100)), builder.flush(50)])
    assert bar["flags"] == 0


def test_empty_intervals() -> None:
    records = trade(20, 100) + trade(55, 110)
    assert BarBuilder("10ns").update(records)["ts_event_ns"].tolist() == [30]
    bars = BarBuilder("10ns", empty="flat").update(records)
    assert bars["ts_event_ns"].tolist() == [30, 40, 50]
    assert bars["trades"].tolist() == [1, 0, 0]
    assert bars["open"].tolist() == bars["close"].tolist() == [0.01] * 3


def test_what_is_no_print() -> None:
    builder = BarBuilder("1t")
    bad = [
        trade(1, 5, flags=MarketFlag.BROKEN, match_id=7),
        trade(2, 5, flags=MarketFlag.NOT_PRINTABLE),
        trade(3, 5, qty=0, flags=MarketFlag.CROSS),
        encode(Template.BOOK_EXECUTE, ts_event_ns=4, qty=3, order_ref=9, instrument_id=1),
    ]
    assert not len(builder.update(b"".join(bad)))
    counts = builder.counts()
    left_out = ("broken", "not_printable", "without_size", "unpriced")
    assert [counts[n] for n in left_out] == [1, 1, 1, 1]
    assert counts["prints"] == 0
    assert builder.corrections["match_id"].tolist() == [7]
    assert len(BarBuilder("1t").update(trade(1, 5, flags=MarketFlag.CROSS))) == 1
    assert not len(BarBuilder("1t", crosses=False).update(trade(1, 5, flags=MarketFlag.CROSS)))


def test_a_trade_broken_later_changes_no_bar() -> None:
    builder = BarBuilder("2t")
    (bar,) = builder.update(trade(1, 100, match_id=4) + trade(2, 200))
    assert not len(builder.update(trade(3, 0, qty=0, flags=MarketFlag.BROKEN, match_id=4)))
    assert (bar["open"], builder.counts()["broken"]) == (0.01, 1)
    assert builder.corrections["ts_event_ns"].tolist() == [3]


def test_executions_have_the_price_of_their_order() -> None:
    one = {"ts_event_ns": 1, "qty": 9, "instrument_id": 1}
    records = [
        encode(Template.BOOK_ADD, order_ref=1, side=1, px=100, **one),
        encode(Template.BOOK_ADD, order_ref=2, side=2, px=104, **one),
        encode(Template.BOOK_EXECUTE, ts_event_ns=2, order_ref=2, qty=4, instrument_id=1),
        encode(
            Template.BOOK_EXECUTE_PRICED, ts_event_ns=3, order_ref=1, qty=2, exec_px=101,
            instrument_id=1,
        ),
    ]  # fmt: skip
    bars = BarBuilder("1t").update(b"".join(records))
    assert bars["close"].tolist() == [0.0104, 0.0101]
    assert (bars["bid"].tolist(), bars["ask"].tolist()) == ([0.01] * 2, [0.0104] * 2)
    assert prints_of(b"".join(records), L3Book())["side"].tolist() == [Side.BUY, Side.SELL]


def test_bars_of_mids() -> None:
    builder = BarBuilder("10ns", source="mids", with_book=False)
    records = quote(20, 100, 102) + quote(22, 100, 105) + quote(24, 100, 105) + quote(31, 99, 101)
    (bar,) = builder.update(records)
    assert (bar["open"], bar["close"], bar["trades"]) == (0.0101, 0.01025, 2)
    assert (bar["volume_qty"], bar["bid"], bar["ask"]) == (0, 0.01, 0.0105)
    with pytest.raises(InputError, match="no size"):
        BarBuilder("100v", source="mids")


def test_gap_makes_bars_partial() -> None:
    builder = BarBuilder("2t")
    gap = encode(Template.GAP, ts_event_ns=2, first_seq=1, last_seq=3)
    bars = builder.update(trade(1, 5) + gap + trade(3, 5) + trade(4, 5) + trade(5, 5))
    assert bars["flags"].tolist() == [BarFlag.PARTIAL, 0]


def test_imbalance_by_hand() -> None:
    """Warm-up of three ticks: signs 0, 1, 1, so E[T] = 3 and E[b] = 2/3; the next bar fills at
    |theta| >= 2, the one after at E[T] = 3 + 2/21 (2 - 3) times E[b] = 2/3 + 2/21 (1 - 2/3)."""
    builder = BarBuilder("3i")
    px = [10, 11, 12, 13, 14, 13, 12, 11]
    bars = builder.update(b"".join(trade(i + 1, p) for i, p in enumerate(px)))
    assert bars["trades"].tolist() == [3, 2, 3]
    assert bars["ts_event_ns"].tolist() == [3, 5, 8]


def test_merged_stream_is_in_order(small_day: Path) -> None:
    with ItchFeed(small_day) as feed, BarFeed(feed, BarBuilder(["1s", "20t"])) as merged:
        parts = []
        while (batch := merged.next_batch(500)) is not None:
            parts.append(np.array(batch))
    slots = np.concatenate(parts)
    starts, _ = walk(slots)
    heads = slots.reshape(-1, 64)[starts]
    kinds = heads.view("<u2")[:, 1]
    recv = heads.view("<i8")[:, 3]
    assert (np.diff(recv) >= 0).all()
    with ItchFeed(small_day) as feed:
        alone = []
        while (batch := feed.next_batch(70_000)) is not None:
            alone.append(np.array(batch))
    bars = kinds == Template.BAR
    keep = np.ones(len(slots) // 64, bool)
    for start in starts[bars]:
        keep[start : start + 2] = False
    assert slots.reshape(-1, 64)[keep].tobytes() == np.concatenate(alone).tobytes()
    assert bars.sum() > 100


def test_texts() -> None:
    for text in ("1s", "5s", "1m", "250ms", "24h", "100t", "10000v", "0.5v", "1000000d", "100i"):
        assert str(BarSpec.parse(text)) == text
    assert BarSpec.parse("1.5s").amount == 1_500_000_000
    for bad in ("", "s", "1", "0s", "-1s", "1x", "1.5t", "0.3ns", "9000000h", "1 s", 5, None):
        with pytest.raises(InputError):
            BarSpec.parse(bad)  # type: ignore[arg-type]


def test_refusals() -> None:
    for bad in (
        {"specs": []}, {"specs": ["1s"] * 9}, {"specs": "1s", "source": "x"},
        {"specs": "1s", "empty": "x"}, {"specs": "1s", "instruments_max": 0},
    ):  # fmt: skip
        with pytest.raises(InputError):
            BarBuilder(**bad)
    with pytest.raises(InputError):
        BarBuilder("0.5v").update(trade(1, 5))
    with pytest.raises(CapacityError):
        BarBuilder("1s", instruments_max=1).update(trade(1, 5) + trade(2, 5, number=2))
    with pytest.raises(NumericOverflowError):
        BarBuilder("9t").update(trade(1, 5, (1 << 63) - 1) + trade(1, 5))
    with pytest.raises(TruncatedInputError):
        BarBuilder("1s").update(trade(1, 5)[:50])
    with pytest.raises(FileFormatError):
        BarBuilder("1s").update(quote(1, 5, 6)[:64])
    with pytest.raises(InputError):
        BarBuilder("1s").update(trade((1 << 63) - 1, 5))
    with pytest.raises(InputError, match="symbol"):
        BarRecords(BarBuilder("1t").update(trade(1, 5)), {})


@pytest.mark.parametrize("exponents", [(-19, 0), (0, -19), (19, 0), (0, 127), (-128, -128)])
@pytest.mark.parametrize("known", [False, True])
def test_exponents_that_no_instrument_has(exponents: tuple[int, int], known: bool) -> None:
    px, qty = exponents
    records = trade(1, 100) if known else b""
    records += encode(
        Template.INSTRUMENT, ts_event_ns=2, instrument_id=1, px_exponent=px, qty_exponent=qty
    )
    with pytest.raises((InputError, NumericOverflowError)):
        BarBuilder("1t", with_book=False).update(records + trade(3, 100))


def test_exponents_come_from_the_instrument() -> None:
    btc = Instrument(1, "BTCUSDT", Exchange.BINANCE, px_exponent=-2, qty_exponent=-8)
    builder = BarBuilder(["1t", "0.5v"], instruments=[btc])
    bars = builder.update(trade(1, 6_000_012, 25_000_000) + trade(2, 6_000_012, 25_000_000))
    assert bars["interval"].tolist() == [1, 1, 50_000_000]
    assert bars["close"].tolist() == [60000.12] * 3
    assert bars["turnover"][2] == 30000.06
    assert bar_vwap(bars, -8).tolist() == [60000.12] * 3
