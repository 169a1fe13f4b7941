"""Recorded days: every message against a plain reading, every book against the venue's own best
prices.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import venue_captures
import venue_plain

from tectra.core.msg import BookReason, Template
from tectra.core.record import decode
from tectra.core.rng import Random
from tectra.feed.assembly import (
    AssemblyState,
    BookAssembler,
    BookDelta,
    BookGroup,
    RecordBatch,
    Refused,
)
from tectra.refdata.listing import DecimalsSeen, Listings
from tectra.venue.binance import (
    FUTURES_BOOK,
    SPOT_BOOK,
    BinanceDecoder,
    BinanceMarket,
)
from tectra.venue.binance import infer_listings as infer_binance
from tectra.venue.binance import read_listings as read_binance
from tectra.venue.bybit import STREAM_BOOK, BybitDecoder, BybitMarket
from tectra.venue.bybit import read_listings as read_bybit

pytestmark = pytest.mark.timeout(120)
SPOT, USD_M, COIN_M = BinanceMarket.SPOT, BinanceMarket.USD_M, BinanceMarket.COIN_M
# Every level that the snapshot names, as far as that goes: for a comparison of best prices only.
UNLIMITED = replace(FUTURES_BOOK, snapshot_levels=0)


class Asked(list):
    """A source of snapshots that never answers: recorded ones come when they came."""

    def request(self, instrument_id: int, reason: BookReason) -> None:
        self.append((instrument_id, reason))


def listings(lines: list[venue_captures.Line], market: BinanceMarket) -> Listings:
    """Exponents as fine as any message of the capture has them."""
    found = infer_binance((line.raw for line in lines if not line.native), market)
    for line in lines:
        if line.native:
            seen = DecimalsSeen()
            it = infer_binance([line.raw], market, symbol=line.native)[line.native].instrument
            seen.px_decimals, seen.qty_decimals = -it.px_exponent, -it.qty_exponent
            finer = [v.finer(seen) if v.native == line.native else v for v in found.values()]
            found = Listings(finer)
    return found


class Run:
    """A capture through decoder and assembler, with every best price on both sides."""

    def __init__(self, lines: Any, found: Listings, rule: Any, plain_every: int = 7) -> None:
        self.asked = Asked()
        self.counts: Counter[str] = Counter()
        # By instrument: (update id, best prices and quantities).
        self.books: dict[int, list[tuple[int, Any]]] = {}
        self.quotes: dict[int, list[tuple[int, Any]]] = {}
        self.group = BookGroup(
            BookAssembler(v.instrument, rule, source=self.asked, random=Random(1))
            for v in found.values()
        )
        self.decoder = BinanceDecoder(found.instruments())
        self.out = RecordBatch()
        for i, line in enumerate(lines):
            self.take(line, found.instruments() if i % plain_every == 0 else None)

    def take(self, line: Any, table: Any) -> None:
        decoder = self.decoder
        if line.native:
            got: Any = decoder.decode_snapshot(line.raw, line.native, line.ts_ns)
        else:
            got = decoder.decode(line.raw, line.ts_ns)
        assert not isinstance(got, Refused), got
        if table is not None:
            plain = venue_plain.binance_plain(line.raw, table, line.ts_ns, line.native)
            venue_plain.same(got, plain)
        if isinstance(got, BookDelta):
            self.counts["snapshot" if line.native else "diff"] += 1
            (self.group.on_snapshot if line.native else self.group.on_decoded)(got, self.out)
            book = self.group[got.instrument_id]
            if book.book is not None:
                top = tuple(book.book.top()[:4])
                self.books.setdefault(got.instrument_id, []).append((book.seq, top))
        elif got is not None:
            record = decode(got)
            self.counts[record.template_name] += 1
            if record.template is Template.QUOTE:
                names = ("bid_px", "bid_qty", "ask_px", "ask_qty")
                top = tuple(record.get_int(n) for n in names)
                number = record.get_int("instrument_id")
                self.quotes.setdefault(number, []).append((record.get_int("seq"), top))
        self.out.take()

    def compare(self, skip: int = 0) -> dict[str, int]:
        """Comparisons at the very id of a bookTicker, and at ids between two of them, where the
        first still holds; and how many of each differ.
        """
        out = {"same": 0, "same_differ": 0, "between": 0, "between_differ": 0}
        for number, tops in self.books.items():
            quotes = self.quotes.get(number, [])
            exact, ids = dict(quotes), [u for u, _ in quotes]
            assert ids == sorted(ids)
            for u, top in tops[skip:]:
                if u in exact:
                    out["same"] += 1
                    out["same_differ"] += exact[u] != top
                at = bisect_right(ids, u)
                if 0 < at < len(ids):
                    out["between"] += 1
                    out["between_differ"] += quotes[at - 1][1] != top
        return out


TRUTH = [
    ("hbt_spot_btcusdt_20240808.jsonl.gz", SPOT, SPOT_BOOK, 564, 3449),
    ("hbt_usdm_btcusdt_20240808.jsonl.gz", USD_M, UNLIMITED, 629, 6544),
    ("cf_binance_spot_20211012.jsonl.zst", SPOT, SPOT_BOOK, 26, 141),
    ("cf_binance_usdm_20210722.jsonl.zst", USD_M, FUTURES_BOOK, 50, 719),
]
# The default run takes the first minutes of the long captures, and reads some messages plainly.
SHORT = 15_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "market", "rule", "same", "between"), TRUTH)
def test_best_prices_equal_book_ticker(
    test_data: Any, name: str, market: BinanceMarket, rule: Any, same: int, between: int
) -> None:
    """Price and quantity, wherever both speak of the same update: no difference. Every message
    equals a plain reading.
    """
    lines = venue_captures.binance_lines(test_data, name)
    run = Run(lines, listings(lines, market), rule, 1)
    assert run.compare() == {
        "same": same,
        "same_differ": 0,
        "between": between,
        "between_differ": 0,
    }
    assert all(book.state is AssemblyState.SYNCED for book in run.group)
    assert {reason for _, reason in run.asked} == {BookReason.LINK}


@pytest.mark.parametrize(("name", "market", "rule"), [row[:3] for row in TRUTH])
def test_the_first_minutes(test_data: Any, name: str, market: BinanceMarket, rule: Any) -> None:
    lines = venue_captures.binance_lines(test_data, name)[:SHORT]
    found = Run(lines, listings(lines, market), rule).compare()
    assert found["same_differ"] == found["between_differ"] == 0
    assert found["same"] > 20 and found["between"] > 100


@pytest.mark.parametrize("short", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_capture_without_a_snapshot(test_data: Any, short: bool) -> None:
    """COIN-M: begun with nothing, and right from where all that was there has changed once."""
    lines = venue_captures.binance_lines(test_data, "hbt_cm_btcusd_perp_20240809.jsonl.gz")
    lines = lines[:SHORT] if short else lines
    found = listings(lines, COIN_M)
    first = next(line for line in lines if b'"depthUpdate"' in line.raw)
    delta = BinanceDecoder(found.instruments()).decode(first.raw, first.ts_ns)
    assert isinstance(delta, BookDelta) and delta.prev_seq
    begin = b'{"lastUpdateId":%d,"bids":[],"asks":[]}' % delta.prev_seq
    start = venue_captures.Line(first.ts_ns, "BTCUSD_PERP", begin)
    run = Run([start, *lines], found, UNLIMITED, 7 if short else 1)
    assert all(b.state is AssemblyState.SYNCED for b in run.group)
    found_all, found_later = run.compare(), run.compare(skip=400)
    assert found_later["same_differ"] == found_later["between_differ"] == 0
    assert found_later["between"] > (4_000 if short else 17_500)
    assert short or (run.counts["diff"], found_all["same"]) == (17_948, 761)
    # What was there before, and is not seen until it changes: the reason for a snapshot.
    assert 0 < found_all["between_differ"] < 30


def test_a_market_that_leaves_what_its_snapshot_knew(test_data: Any) -> None:
    """1,000 levels of BTCUSDT are 150 dollars: asked for more in time, invalid in the end."""
    lines = venue_captures.binance_lines(test_data, "hbt_usdm_btcusdt_20240808.jsonl.gz")
    lines = [line for line in lines if b"@bookTicker" not in line.raw and b"@trade" not in line.raw]
    run = Run(lines, listings(lines, USD_M), FUTURES_BOOK)
    reasons = [reason for _, reason in run.asked]
    assert reasons[:2] == [BookReason.LINK, BookReason.REFRESH]
    (book,) = run.group
    assert book.state is not AssemblyState.SYNCED and book.seq == 0  # nobody answered
    assert 4000 < len(run.books[book.instrument.instrument_id]) < 5000


def test_bybit(test_data: Any) -> None:
    """Every message against a plain reading; gapless, 200 levels deep, never crossed."""
    path = test_data / "bybit" / venue_captures.BYBIT_WRAPPED[0]
    info = next(raw for url, raw in venue_captures.listing_answers(path) if "linear" in url)
    natives = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
    listed = read_bybit(info, BybitMarket.LINEAR)
    table = {native: listed[native].instrument for native in natives}
    asked, counts, said = Asked(), Counter(), {}
    group = BookGroup(
        BookAssembler(it, STREAM_BOOK, source=asked, random=Random(1)) for it in table.values()
    )
    decoder, out, tops = BybitDecoder(table), RecordBatch(), {}
    for line in venue_captures.bybit_lines(test_data):
        got = decoder.decode(line.raw, line.ts_ns)
        venue_plain.same(got, venue_plain.bybit_plain(line.raw, table, line.ts_ns, said))
        group.on_decoded(got, out)
        out.take()
        if isinstance(got, BookDelta):
            book = group[got.instrument_id]
            assert book.state is AssemblyState.SYNCED and book.book is not None
            assert book.book.top().tradeable
            assert max(map(len, book.book.depth_at(1000))) <= 200
            tops.setdefault(got.instrument_id, set()).add(tuple(book.book.top()[:4]))
        elif got is not None:
            for at in range(0, len(got), 64 if decode(got).template is Template.TRADE else 128):
                counts[decode(got[at:]).template_name] += 1
        counts[type(got).__name__] += 1
    assert not asked and counts["BookDelta"] == 1598 and counts["ticker"] == 758
    assert counts["bar"] == 75 and counts["trade"] >= 102


def test_orders_older_than_a_change_of_the_tick(test_data: Any) -> None:
    """exchangeInfo's tick is not what every resting order lies on: exponents seen in messages are,
    and with those of the tick the messages are refused and say why.
    """
    name = "cf_binance_spot_20211012.jsonl.zst"
    info = venue_captures.listing_answers(test_data / "binance" / name)[0][1]
    listed = read_binance(info, SPOT)
    assert len(listed) > 1500 and not listed.refused
    lines = venue_captures.binance_lines(test_data, name)
    seen = listings(lines, SPOT)
    assert listed["NKNUSDT"].instrument.px_exponent == -4
    assert seen["NKNUSDT"].instrument.px_exponent == -5 and seen["NKNUSDT"].is_inferred
    decoder = BinanceDecoder({n: listed[n].instrument for n in seen})
    refused = [
        got
        for line in lines
        if isinstance(got := decoder.decode_snapshot(line.raw, line.native, 1), Refused)
        and line.native
    ]
    assert refused and all("allowed: a multiple of 1e" in r.reason for r in refused)
    assert {r.instrument_id for r in refused} == {listed["NKNUSDT"].instrument.instrument_id}
