"""Frames of venues to NormalisedTicks: numbers that only rise, features of the book as it is
then.
"""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pytest
import venue_captures
from hypothesis import given, settings
from hypothesis import strategies as st

from tectra.book.l2 import L2Book
from tectra.book.metrics import book_metrics
from tectra.book.tick import TickMapper
from tectra.core.errors import GapError, InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.market import BookUpdate, Trade
from tectra.core.tick import NormalisedTick
from tectra.core.types import Exchange, Side, Timestamp
from tectra.refdata.instrument import Instrument
from tectra.venue.binance import decode_depth, from_binance_depth
from tectra.venue.bybit import from_bybit_book

pytestmark = pytest.mark.timeout(30)
BTC = Instrument(7, "BTCUSDT", Exchange.BYBIT, px_exponent=-2, qty_exponent=-3)
NOW = Timestamp(99)


def level(px: int, qty: int) -> BookLevel:
    return BookLevel(Price.from_raw(px, -2), Quantity.from_raw(qty, -3))


bids = st.dictionaries(st.integers(90, 100), st.integers(0, 5), max_size=4)
asks = st.dictionaries(st.integers(101, 110), st.integers(0, 5), max_size=4)
changes = st.tuples(st.booleans(), st.integers(1, 30), bids, asks)
prints = st.tuples(st.integers(1, 200), st.integers(1, 9), st.sampled_from(list(Side)))


@settings(max_examples=40)
@given(st.lists(changes | prints, max_size=30))
def test_ticks_rise_and_agree_with_a_dictionary(steps: list[Any]) -> None:
    mapper = TickMapper(BTC, levels=3)
    book: tuple[dict[int, int], dict[int, int]] | None = None
    last_venue = 0
    ticks: list[NormalisedTick] = []
    for number, step in enumerate(steps):
        if len(step) == 3:
            px, qty, side = step
            trade = Trade(
                BTC.exchange, "BTCUSDT", Timestamp(number), *level(px, qty), side, trade_id=number
            )
            ticks.append(mapper.on_trade(trade, ts_recv=NOW))
            assert (ticks[-1].direction, ticks[-1].trade_price) == (side, trade.price)
        else:
            whole, seq, bid_levels, ask_levels = step
            if whole:
                bid_levels = {px: qty for px, qty in bid_levels.items() if qty}
                ask_levels = {px: qty for px, qty in ask_levels.items() if qty}
            update = BookUpdate(
                BTC.exchange,
                "BTCUSDT",
                Timestamp(number),
                [level(*v) for v in bid_levels.items()],
                [level(*v) for v in ask_levels.items()],
                whole,
                seq,
            )
            if not whole and (book is None or seq <= last_venue):
                before = mapper.seq
                with pytest.raises(GapError):
                    mapper.on_book(update, ts_recv=NOW)
                assert mapper.seq == before
                continue
            old = ({}, {}) if whole or book is None else book
            book = ({**old[0], **bid_levels}, {**old[1], **ask_levels})
            book = tuple({p: q for p, q in side.items() if q} for side in book)
            last_venue = seq
            ticks.append(mapper.on_book(update, ts_recv=NOW))
            assert (ticks[-1].venue_seq, ticks[-1].is_snapshot) == (seq, whole)
        check(ticks[-1], *(book or ({}, {})))
    assert [t.seq for t in ticks] == list(range(1, len(ticks) + 1))  # rises by one, without end
    assert all(NormalisedTick.from_dict(t.to_dict()) == t for t in ticks[:3])


def check(tick: NormalisedTick, bid_levels: dict[int, int], ask_levels: dict[int, int]) -> None:
    found = tick.features
    best_bid, best_ask = max(bid_levels, default=None), min(ask_levels, default=None)
    assert found.bid_price == (None if best_bid is None else Price.from_raw(best_bid, -2))
    assert found.ask_price == (None if best_ask is None else Price.from_raw(best_ask, -2))
    if best_bid is None or best_ask is None:
        assert found.mid is found.spread is found.microprice is None
        return
    assert found.mid == pytest.approx((best_bid + best_ask) / 200)
    assert found.spread == Price.from_raw(best_ask - best_bid, -2)
    b = sum(bid_levels[p] for p in sorted(bid_levels)[-3:])
    a = sum(ask_levels[p] for p in sorted(ask_levels)[:3])
    assert found.imbalance == pytest.approx((b - a) / (b + a))
    top_b, top_a = bid_levels[best_bid], ask_levels[best_ask]
    micro = (best_bid * top_a + best_ask * top_b) / (top_b + top_a)
    assert found.microprice == pytest.approx(micro / 100)


def test_another_instrument_is_refused() -> None:
    mapper = TickMapper(BTC)
    update = BookUpdate(Exchange.BYBIT, "ETHUSDT", NOW, [level(1, 1)], [], is_snapshot=True)
    with pytest.raises(InputError):
        mapper.on_book(update, ts_recv=NOW)
    with pytest.raises(InputError):
        mapper.on_trade(Trade(Exchange.KRAKEN, "BTCUSDT", NOW, Price(1), Quantity(1)), ts_recv=NOW)
    assert mapper.seq == 0


@pytest.mark.timeout(60)
def test_a_capture_of_bybit(test_data: Any) -> None:
    """Every book message of one symbol: numbers rise, and the features are those of the book that
    the messages build.
    """
    instrument = Instrument(7, "BTCUSDT", Exchange.BYBIT, px_exponent=-2, qty_exponent=-3)
    mapper, plain = TickMapper(instrument), L2Book(7)
    ticks = []
    for raw in venue_captures.bybit_books(test_data):
        message = orjson.loads(raw)
        if message["data"]["s"] != "BTCUSDT":
            continue
        ticks.append(mapper.on_book(from_bybit_book(raw), ts_recv=NOW))
        if message["type"] == "snapshot":
            plain.clear()
        for side, rows in ((Side.BUY, message["data"]["b"]), (Side.SELL, message["data"]["a"])):
            for px, qty in rows:
                plain.apply_update(side, int(Decimal(px) * 100), int(Decimal(qty) * 1000))
        want = book_metrics(plain)
        found = ticks[-1].features
        assert found.imbalance == want["imbalance"] and found.bid_price is not None
        assert found.bid_price.raw(-2) == want["bid_px"]
        assert found.ask_price is not None and found.bid_price < found.ask_price
    assert len(ticks) > 300
    assert (np.diff([t.seq for t in ticks]) == 1).all()
    assert (np.diff([t.venue_seq for t in ticks]) == 1).all()


@pytest.mark.timeout(60)
def test_a_capture_of_binance(test_data: Any) -> None:
    """The spot capture, from its snapshot on: older diffs are refused, newer ones rise."""
    instrument = Instrument(7, "BTCUSDT", Exchange.BINANCE, px_exponent=-2, qty_exponent=-8)
    mapper = TickMapper(instrument)
    messages = list(venue_captures.binance_depth(test_data, "hbt_spot_btcusdt_20240808.jsonl.gz"))
    updates = [from_binance_depth(raw, symbol="BTCUSDT") for _, raw in messages]
    at = next(i for i, u in enumerate(updates) if u.is_snapshot)
    first = mapper.on_book(updates[at], ts_recv=NOW)
    assert first.is_snapshot and first.seq == 1
    refused, ticks = 0, [first]
    for update in updates:
        if update.is_snapshot:
            continue
        try:
            ticks.append(mapper.on_book(update, ts_recv=NOW))
        except GapError:
            refused += 1
    assert refused > 0 and len(ticks) > 3000 and refused + len(ticks) == len(updates)
    assert (np.diff([t.venue_seq for t in ticks]) > 0).all()
    assert ticks[-1].seq == len(ticks)
    for tick in ticks[:: len(ticks) // 20]:
        assert tick.features.bid_price is not None and tick.features.ask_price is not None
        assert tick.features.bid_price < tick.features.ask_price
    assert decode_depth(messages[at][1]).final_id == first.venue_seq
    assert json.loads(messages[at][1])["lastUpdateId"] == first.venue_seq
