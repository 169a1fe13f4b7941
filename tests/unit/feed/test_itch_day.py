"""The large synthetic day: valid, complete, the same for the same seed, shaped like a real one."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tectra.book.l3 import L3Book
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, HEAD, StatusKind, Template
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_day import MarketDay, make_symbols, write_market_day
from tectra.feed.itch_stats import collect
from tectra.feed.itch_wire import LAYOUTS
from tectra.journal.scan import walk

MINUTE = 60_000_000_000
KNOWN = "9487ad65e102"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> MarketDay:
    path = tmp_path_factory.mktemp("market") / "day.itch"
    return write_market_day(path, messages=200_000, symbols=50, profile="stress")


def audit(path: Path, most_symbols: int) -> tuple[L3Book, int]:
    """Decode strictly and build every book; a top is looked at behind each batch."""
    book, crossed = L3Book(), 0
    with ItchFeed(path, strict=True) as feed:
        while (batch := feed.next_batch(1 << 14)) is not None:
            book.apply(batch)
            for number in book.instrument_ids[:most_symbols]:
                bid, ask = book.best_bid(number), book.best_ask(number)
                crossed += bid is not None and ask is not None and bid[0] >= ask[0]
        assert feed.end_of_session
    return book, crossed


def test_valid(market: MarketDay) -> None:
    stats = collect(market.path)
    assert stats.total == market.messages
    assert stats.messages == market.by_type
    assert (stats.unknown, stats.malformed, stats.trailing_bytes) == (0, 0, 0)
    assert abs(market.messages - 200_000) < 2_000
    book, crossed = audit(market.path, 50)
    assert book.fault_report().total == 0
    assert book.check()
    assert crossed == 0
    assert book.live_orders == 0, "books are empty at the end"


def test_every_type_in_the_shares_of_a_day(market: MarketDay) -> None:
    assert set(market.by_type) == set(LAYOUTS)
    share = {code: n / market.messages for code, n in market.by_type.items()}
    for code, low, high in (
        ("A", 0.38, 0.48), ("D", 0.36, 0.45), ("U", 0.05, 0.10), ("E", 0.02, 0.06),
        ("X", 0.005, 0.03), ("F", 0.005, 0.02), ("P", 0.004, 0.02), ("I", 0.003, 0.02),
        ("C", 0.0005, 0.01),
    ):  # fmt: skip
        assert low < share[code] < high, (code, share[code])


def test_adds_and_deletes_weigh_as_in_a_recorded_half_hour(
    market: MarketDay, test_data: Path
) -> None:
    name = "derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
    real = collect(test_data / "itch" / name).messages
    adds = [sum(d.get(c, 0) for c in "AFU") for d in (real, market.by_type)]
    gone = [sum(d.get(c, 0) for c in "DU") for d in (real, market.by_type)]
    ratios = [g / a for g, a in zip(gone, adds, strict=True)]
    assert abs(ratios[0] - ratios[1]) < 0.15, ratios


def test_directory_as_in_a_recorded_opening(market: MarketDay, test_data: Path) -> None:
    """R, H and Y once a symbol, as in the recorded opening of a session."""
    real = collect(test_data / "itch" / "itch50_session_open_1mb.itch").messages
    for counts, symbols in ((real, 8713), (market.by_type, 50)):
        assert abs(counts["R"] - symbols) <= 1
        assert counts["H"] >= symbols - 10
        assert abs(counts["Y"] - symbols) <= 10


def test_deterministic(market: MarketDay, tmp_path: Path) -> None:
    again = write_market_day(tmp_path / "a.itch", messages=200_000, symbols=50, profile="stress")
    assert again.sha256 == market.sha256
    assert again.sha256 == hashlib.sha256(again.path.read_bytes()).hexdigest()
    assert again.sha256.startswith(KNOWN), "the same day on every machine"
    packed = write_market_day(tmp_path / "b.itch.gz", seed=2, messages=5000, symbols=9)
    assert packed.sha256 != market.sha256
    with ItchFeed(packed.path, strict=True) as feed:
        assert str(feed.date) == "2026-01-05"
        assert len(feed.instruments) == 9


def test_rates_peak_at_both_ends(market: MarketDay) -> None:
    minutes: Counter[int] = Counter()
    with ItchFeed(market.path) as feed:
        while (batch := feed.next_batch(1 << 15)) is not None:
            starts, _ = walk(batch)
            heads = batch.reshape(-1, 64)[starts].view(HEAD).reshape(-1)
            at = (heads["ts_event_ns"] - feed.midnight_ns) // MINUTE
            for minute, n in zip(*np.unique(at, return_counts=True), strict=True):
                minutes[int(minute)] += int(n)
    opening = sum(minutes[m] for m in range(570, 575)) / 5
    noon = sum(minutes[m] for m in range(765, 795)) / 30
    closing = sum(minutes[m] for m in range(955, 960)) / 5
    early = sum(minutes[m] for m in range(240, 540)) / 300
    assert opening > 3 * noon and closing > 3 * noon
    assert early < 0.3 * noon
    assert min(minutes[m] for m in range(570, 960)) > 0


def statuses(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    parts = []
    with ItchFeed(path) as feed:
        while (batch := feed.next_batch(1 << 15)) is not None:
            starts, _ = walk(batch)
            slots = batch.reshape(-1, 64)[starts]
            mine = np.isin(slots.view("<u2")[:, 1], (Template.STATUS, Template.TRADE, 3, 4))
            parts.append(slots[mine])
    return np.concatenate(parts).reshape(-1).view(DTYPES[Template.STATUS]).reshape(-1)


def test_nothing_trades_in_a_halt(market: MarketDay) -> None:
    assert set(market.halted) == {"IPO1", "LUDP", "T1", "operational", "MWC1"}
    stopped: set[int] = set()
    seen = resumed = trades = 0
    for row in statuses(market.path):
        number = int(row["instrument_id"])
        if row["template_id"] != Template.STATUS:
            cross = row["template_id"] in (Template.TRADE, Template.BOOK_EXECUTE_PRICED)
            assert number not in stopped or cross, "an execution in a halted symbol"
            trades += 1
        elif row["kind"] in (StatusKind.TRADING_ACTION, StatusKind.OPERATIONAL_HALT):
            if row["state"] == b"T":
                resumed += number in stopped
                stopped.discard(number)
            else:
                stopped.add(number)
                seen += 1
    assert not stopped, "every symbol trades again"
    assert seen > 50 and resumed > 50 and trades > 1000


def test_symbols_and_refusals(tmp_path: Path) -> None:
    assert len(set(make_symbols(8713))) == 8713
    assert all(len(s) <= 8 and s.isalpha() for s in make_symbols(8713))
    path = tmp_path / "x.itch"
    for bad in (
        {"symbols": 0}, {"symbols": 20_001}, {"symbols": ("A", "A")}, {"profile": "x"},
        {"messages": 100}, {"messages": 10_000, "symbols": 8000}, {"date": "today"}, {"seed": -1},
        {"symbols": ("TOOLONGNAME",)},
    ):  # fmt: skip
        with pytest.raises(InputError):
            write_market_day(path, **{"messages": 50_000, "symbols": 5, **bad})
    assert not list(tmp_path.iterdir())


def test_few_symbols(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        day = write_market_day(tmp_path / f"{count}.itch", messages=4000, symbols=count)
        book, crossed = audit(day.path, count)
        assert (book.fault_report().total, crossed, book.live_orders) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_million_messages_of_a_whole_market(tmp_path: Path) -> None:
    day = write_market_day(tmp_path / "x.itch", messages=10_000_000, symbols=8713)
    assert abs(day.messages - 10_000_000) < 100_000
    book, crossed = audit(day.path, 20)
    assert (book.fault_report().total, crossed, book.live_orders) == (0, 0, 0)
    assert book.check()
