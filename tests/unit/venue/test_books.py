"""Books of Kraken, OKX and Coinbase through the assembler: against plain books over long runs, with
faults put in, and over the recorded days.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import venue_captures
from venue_wire import CoinbaseWire, KrakenV1Wire, KrakenV2Wire, OkxWire, Wire

from tectra.core.errors import InputError
from tectra.core.msg import BookReason, BookStatus
from tectra.core.rng import Random
from tectra.core.types import Exchange
from tectra.feed.assembly import (
    AssemblyPolicy,
    AssemblyTelemetry,
    BookAssembler,
    BookDelta,
    BookRule,
    RecordBatch,
)
from tectra.feed.assembly.unnumbered import UnnumberedRule
from tectra.feed.resync import ResyncPolicy
from tectra.feed.said import MessageKind
from tectra.refdata.instrument import Instrument
from tectra.venue import coinbase, kraken, okx
from tectra.venue.coinbase import book as coinbase_book
from tectra.venue.coinbase.book import ConnectionSequence, SequenceVerdict
from tectra.venue.kraken import book as kraken_book
from tectra.venue.okx import book as okx_book

MS = 1_000_000
PLACES = (-2, -4)


class Asked:
    """A source that remembers what it was asked."""

    def __init__(self) -> None:
        self.reasons: list[BookReason] = []

    def request(self, instrument_id: int, reason: BookReason) -> None:
        self.reasons.append(reason)


def kraken_rules(message: Any, instrument: Instrument) -> BookRule:
    return kraken_book.kraken_rule(
        instrument,
        version=message.version,
        depth=kraken_book.depth_of(message),
        places=kraken_book.text_places(message.bids + message.asks),
    )


class Bench:
    """One venue's decoder, rule and assembler."""

    def __init__(self, name: str, seed: int = 1) -> None:
        rng = Random(seed)
        self.wire, self.decode, self.to_delta, self.rules = {
            "kraken-v1": (KrakenV1Wire, kraken.decode, kraken_book.to_delta, kraken_rules),
            "kraken-v2": (KrakenV2Wire, kraken.decode, kraken_book.to_delta, kraken_rules),
            "okx": (OkxWire, okx.decode, okx_book.to_delta, lambda m, i: okx_book.okx_rule(i)),
            "coinbase": (
                CoinbaseWire, coinbase.decode, coinbase_book.to_delta,
                lambda m, i: coinbase_book.coinbase_rule(),
            ),
        }[name]  # fmt: skip
        self.venue: Wire = self.wire(rng)
        exchange = Exchange.parse(name.partition("-")[0])
        self.instrument = Instrument(
            1, "BTCUSD", exchange, px_exponent=PLACES[0], qty_exponent=PLACES[1]
        )
        self.asked = Asked()
        self.telemetry = AssemblyTelemetry()
        self.out = RecordBatch()
        self.now = 0
        first = self.message(self.venue.snapshot())
        self.assembler = BookAssembler(
            self.instrument,
            self.rules(first, self.instrument),
            source=self.asked,
            random=Random(seed),
            telemetry=self.telemetry,
            policy=AssemblyPolicy(
                refresh_ns=0, resync=ResyncPolicy(first_wait_ns=500 * MS, jitter=0.0)
            ),
        )
        self.feed(self.venue.snapshot())

    def message(self, raw: bytes) -> Any:
        (item,) = self.decode(raw).items
        return item

    def feed(self, raw: bytes) -> BookStatus:
        """Hand one message over; 10 ms pass."""
        self.now += 10 * MS
        delta: BookDelta = self.to_delta(self.message(raw), self.instrument, ts_recv_ns=self.now)
        self.assembler.apply_diff(delta, self.out)
        self.out.take()
        return self.assembler.status

    def is_same(self) -> bool:
        """Our book is the venue's."""
        made = self.assembler.book
        if made is None:
            return False
        bids, asks = made.depth_at(1 << 20)
        return (bids, asks) == self.venue.best()


VENUES = ["kraken-v1", "kraken-v2", "okx", "coinbase"]
CHECKED = VENUES[:3]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of failures on purpose need no thousands of lines."""
    log = logging.getLogger("tectra.feed.assembly")
    level = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)


@pytest.mark.parametrize("name", VENUES)
def test_long_runs_equal_the_venue_s_book(name: str) -> None:
    bench = Bench(name)
    assert bench.is_same()
    for _ in range(600):
        assert bench.feed(bench.venue.update()) is BookStatus.VALID
    assert bench.is_same() and not bench.asked.reasons
    book = bench.assembler.order_book(5)
    assert [int(v.price.raw(-2)) for v in book.bids] == [p for p, _ in bench.venue.best()[0][:5]]


def one_bad(bench: Bench) -> None:
    """A wrong checksum: not valid at that message, one request, and whole again with a snapshot."""
    raw = bench.venue.update()
    message = bench.message(raw)
    wrong = {
        "kraken": b'"checksum":',
        "okx": b'"checksum": ',
    }["okx" if bench.instrument.exchange is Exchange.OKX else "kraken"]
    if raw[:1] == b"[":
        raw = raw.replace(f'"{message.checksum}"'.encode(), b'"12345"')
    else:
        raw = raw.replace(wrong + str(message.checksum).encode(), wrong + b"12345")
    failed = bench.telemetry.counts()["checksum.failed"]
    asked = len(bench.asked.reasons)
    assert bench.feed(raw) is not BookStatus.VALID
    assert bench.assembler.book is None
    assert bench.telemetry.counts()["checksum.failed"] == failed + 1
    bench.now += 120_000 * MS  # whatever wait there was is over
    bench.assembler.do_timers(bench.now, bench.out)
    assert len(bench.asked.reasons) > asked
    assert set(bench.asked.reasons[asked:]) == {BookReason.CHECKSUM}
    assert bench.feed(bench.venue.update()) is not BookStatus.VALID
    assert bench.feed(bench.venue.snapshot()) is BookStatus.VALID and bench.is_same()


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_checksum_is_found_at_that_message(name: str) -> None:
    bench = Bench(name)
    for _ in range(50):
        for _ in range(bench.venue.rng.integers(0, 5)):
            bench.feed(bench.venue.update())
        one_bad(bench)
    assert bench.telemetry.counts()["book.resync"] == 50


@pytest.mark.soak
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", CHECKED)
def test_ten_thousand_wrong_checksums(name: str) -> None:
    bench = Bench(name, seed=3)
    for _ in range(10_000):
        one_bad(bench)
    assert bench.telemetry.counts()["checksum.failed"] == 10_000


@pytest.mark.parametrize("name", CHECKED)
def test_a_venue_whose_snapshots_are_wrong_is_not_asked_without_end(name: str) -> None:
    """E-03: waits grow, however often it fails."""
    bench = Bench(name)
    for _ in range(600):  # a minute
        raw = bench.venue.update()
        checksum = bench.message(raw).checksum
        bench.now += 90 * MS
        bench.feed(raw.replace(str(checksum).encode(), b"12345"))
        whole = bench.venue.snapshot()
        if name != "kraken-v1":
            bench.feed(whole.replace(str(bench.message(whole).checksum).encode(), b"12345"))
        bench.assembler.do_timers(bench.now, bench.out)
        bench.out.take()
    assert bench.assembler.status is not BookStatus.VALID
    assert 3 <= len(bench.asked.reasons) <= 12


@pytest.mark.parametrize("name", ["kraken-v1", "kraken-v2"])
def test_one_digit_of_a_level_that_counts(name: str) -> None:
    bench = Bench(name)
    found = 0
    for _ in range(200):
        raw = bench.venue.update()
        px, qty = bench.venue.best()[0][0]
        text, other = bench.venue.qty(qty).encode(), bench.venue.qty(qty % 90_000 + 1).encode()
        if text not in raw or bench.venue.px(px).encode() not in raw or raw.count(text) != 1:
            assert bench.feed(raw) is BookStatus.VALID
            continue
        found += 1
        assert bench.feed(raw.replace(text, other)) is not BookStatus.VALID
        bench.feed(bench.venue.snapshot())
    assert found > 10


def test_okx_gaps_duplicates_and_resets() -> None:
    bench = Bench("okx")
    first, second, third = (bench.venue.update() for _ in range(3))
    assert bench.feed(first) is BookStatus.VALID
    assert bench.feed(first) is BookStatus.VALID  # seen before
    assert bench.feed(third) is not BookStatus.VALID
    assert bench.asked.reasons == [BookReason.GAP]
    assert bench.feed(second) is not BookStatus.VALID
    assert bench.feed(bench.venue.snapshot()) is BookStatus.VALID and bench.is_same()
    same = f'"prevSeqId": {bench.venue.seq}, "seqId": {bench.venue.seq}'.encode()
    raw = bench.venue.update()
    seq = bench.message(raw)
    silent = b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],'
    silent += b'"bids":[],"ts":"1597026383085","checksum":0,' + same + b"}]}"
    assert bench.feed(silent) is BookStatus.VALID  # nothing changed, and it says so
    assert bench.feed(raw) is BookStatus.VALID and seq.prev_seq_id < seq.seq_id
    # Numbers that fall after the right one: the venue counts anew, and the book goes on.
    fallen = bench.venue.update()
    was = bench.message(fallen)
    fallen = fallen.replace(f'"seqId": {was.seq_id}'.encode(), b'"seqId": 5')
    assert bench.feed(fallen) is BookStatus.VALID
    bench.venue.seq = 5
    assert bench.feed(bench.venue.update()) is BookStatus.VALID and bench.is_same()


def test_okx_without_a_checksum_or_numbers() -> None:
    rule = okx_book.okx_rule(Instrument(1, "X", Exchange.OKX), channel="books5")
    assert rule.checksum is None
    delta = BookDelta(1, False, 0, 0, (), (), 0)
    assert rule.covers(delta) is None and not rule.is_reset(delta)


def test_coinbase_numbers_of_the_connection() -> None:
    sequence = ConnectionSequence()
    assert sequence.offer(0) is SequenceVerdict.NEXT
    assert sequence.offer(1) is SequenceVerdict.NEXT
    assert sequence.offer(1) is SequenceVerdict.OLD
    assert sequence.offer(5) is SequenceVerdict.GAP
    assert sequence.offer(6) is SequenceVerdict.NEXT
    assert sequence.offer(0) is SequenceVerdict.RESTART
    assert sequence.offer(1) is SequenceVerdict.NEXT
    assert (sequence.gaps, sequence.lost, sequence.duplicates) == (1, 3, 1)
    bench = Bench("coinbase")
    bench.assembler.invalidate(BookReason.GAP, bench.now, bench.out)
    assert bench.feed(bench.venue.update()) is not BookStatus.VALID
    assert bench.feed(bench.venue.snapshot()) is BookStatus.VALID and bench.is_same()


def test_levels_beyond_the_depth_are_cut() -> None:
    bench = Bench("kraken-v2")
    assert bench.assembler.rule.depth_max == 10
    for _ in range(300):
        bench.feed(bench.venue.update())
        assert bench.assembler.book is not None
        bids, asks = bench.assembler.book.depth_at(100)
        assert len(bids) <= 10 and len(asks) <= 10


def test_what_the_exponents_cannot_hold() -> None:
    bench = Bench("kraken-v2")
    coarse = Instrument(1, "BTCUSD", Exchange.KRAKEN, px_exponent=-1, qty_exponent=-4)
    raw = bench.venue.snapshot().replace(b".00,", b".05,")
    with pytest.raises(InputError, match="multiple of 1e-1"):
        kraken_book.to_delta(bench.message(raw), coarse, ts_recv_ns=1)
    with pytest.raises(InputError, match="depth_max"):
        UnnumberedRule(depth_max=-1)


def test_the_places_of_a_recording_without_its_last_zeros() -> None:
    bench = Bench("kraken-v2", seed=9)
    message = bench.message(bench.venue.snapshot())
    assert kraken_book.find_places(message) == (2, 4)
    for depth in kraken_book.DEPTHS:
        assert kraken_book.depth_of(bench.message(bench.venue.snapshot())) <= depth


CAPTURES: list[tuple[str, str, Callable[[bytes], Any], int]] = [
    ("kraken", "cf_kraken_v1_book1000_20210417.jsonl.gz", kraken.decode, 2183),
    ("okx", "cf_okx_20220513.jsonl.zst", okx.decode, 290),
]


@pytest.mark.parametrize(("venue", "name", "decode", "sums"), CAPTURES)
def test_every_checksum_of_the_captures(
    test_data: Path, venue: str, name: str, decode: Callable[[bytes], Any], sums: int
) -> None:
    """Rebuilt from mantissas: n of n."""
    books: dict[str, BookAssembler] = {}
    out, matched = RecordBatch(), 0
    module = {"kraken": kraken_book, "okx": okx_book}[venue]
    for raw in venue_captures.received(test_data / venue / name):
        message = decode(raw)
        for item in message.items if message.kind is MessageKind.BOOK else ():
            made = books.get(item.symbol)
            if made is None:
                px, _ = kraken_book.text_places(item.bids + item.asks)
                instrument = Instrument(
                    len(books) + 1, f"B{len(books)}", Exchange.parse(venue),
                    px_exponent=-px, qty_exponent=-9,
                )  # fmt: skip
                rule = (
                    kraken_rules(item, instrument)
                    if venue == "kraken"
                    else okx_book.okx_rule(instrument)
                )
                made = books[item.symbol] = BookAssembler(
                    instrument, rule, source=Asked(), random=Random(1)
                )
            delta = module.to_delta(item, made.instrument, ts_recv_ns=1)
            made.apply_diff(delta, out)
            out.take()
            assert made.status is BookStatus.VALID
            matched += delta.checksum is not None
    assert matched == sums
