"""Planted faults: each found, one kind at a time, with its place; nothing on clean data."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from feed_records import NS, START, ListFeed, add, bar, delete, level, quote, trade

from tectra.core.counters import Counters
from tectra.core.errors import InputError
from tectra.core.msg import MarketFlag, Side
from tectra.core.record import encode
from tectra.core.types import Exchange
from tectra.feed.formats import open_feed
from tectra.feed.quality import (
    QualityReport,
    ValidationLimits,
    ValidationReport,
    Validator,
    report_schema,
    validate_feed,
)
from tectra.feed.quality.counters import QualityCounters
from tectra.feed.quality.finding import KINDS
from tectra.feed.synthetic import generate_messages
from tectra.refdata.instrument import Instrument

BUY, SELL = Side.BUY, Side.SELL
MS = 1_000_000
AAA = Instrument(1, "AAA", Exchange.BINANCE, px_exponent=-2, tick=5)


def clean(n: int = 200) -> list[bytes]:
    """Ten messages a second of a book with a spread of 10, a trade with every fifth."""
    out = []
    for i in range(n):
        ts, recv = START + i * 100 * MS, START + i * 100 * MS + 3 * MS
        side, px = ((BUY, 1000), (SELL, 1010))[i % 2]
        out.append(level(ts, side, px, 5 + i % 7, seq=i + 1, recv=recv))
        if i % 5 == 0:
            out.append(trade(ts, 1005 + i % 2 * 5, 1, match=i + 1, recv=recv))
    return out


def check(
    records: list[bytes], limits: ValidationLimits | None = None, batch: int = 9
) -> ValidationReport:
    feed = ListFeed(records, definitions=[AAA], batch=batch)
    return validate_feed(feed, "x.bin", limits)[0]


def at(i: int) -> int:
    return START + i * 100 * MS


@pytest.mark.parametrize("batch", [1, 9, 1000])
def test_nothing_is_found_on_clean_data(batch: int) -> None:
    report = check(clean(), ValidationLimits(fail_on=tuple(KINDS)), batch)
    assert report.counts == {} and report.findings == [] and report.passed
    assert report.by_type == {"trade": 40, "book_level": 200} and report.records == 240
    assert report.updates_per_second == pytest.approx(240 / 19.9)


def late(records: list[bytes], ns: int) -> list[bytes]:
    """The same from the hundredth record on, so much later."""
    out = list(records[:100])
    for record in records[100:]:
        raw = bytearray(record)
        for place in (16, 24):
            value = int.from_bytes(raw[place : place + 8], "little") + ns
            raw[place : place + 8] = value.to_bytes(8, "little")
        out.append(bytes(raw))
    return out


def insert(record: bytes, place: int = 100) -> list[bytes]:
    records = clean()
    return [*records[:place], record, *records[place:]]


RECV = at(83) + 3 * MS
PLANTS: dict[str, tuple[list[bytes], int, str]] = {
    "crossed": (insert(level(at(83), BUY, 1020, 1, seq=0, recv=RECV)), 100, "bid 1020, ask 1010"),
    "locked": (insert(level(at(83), BUY, 1010, 1, seq=0, recv=RECV)), 100, "bid 1010, ask 1010"),
    "size": (insert(trade(at(83), 1005, 0, match=9999, recv=RECV)), 100, "quantity 0 traded"),
    "off_tick": (insert(level(at(83), BUY, 991, 1, seq=0, recv=RECV)), 100, "price 991, tick 5"),
    "outlier": (insert(trade(at(83), 2000, 1, match=999, recv=RECV)), 100, "2000 where"),
    "time_order": (
        insert(trade(at(83), 1005, 1, match=999, recv=RECV - 2 * NS)), 100, "back by",
    ),
    "before_event": (
        insert(trade(at(83) + 9 * MS, 1005, 1, match=999, recv=RECV)), 100, "ns before its event",
    ),
    "duplicate_trade": (insert(trade(at(83), 1005, 1, match=81, recv=RECV)), 100, "trade 81 again"),
    "duplicate_sequence": (
        insert(level(at(83) + 1, BUY, 995, 1, seq=84, recv=RECV + 1)), 101, "84 again",
    ),
    "sequence_back": (
        insert(level(at(83) + 1, BUY, 995, 1, seq=70, recv=RECV)), 100, "70 after 83",
    ),
    "sequence_gap": (
        [r for i, r in enumerate(clean()) if i not in (100, 101)], 100, "86 after 83: 2 missing",
    ),
    "lost": (
        insert(encode("gap", ts_event_ns=at(83), ts_recv_ns=RECV, instrument_id=1, first_seq=7,
                      last_seq=9)), 100, "records 7 to 9",
    ),
    "clock_jump": (
        insert(trade(at(83) - 5 * NS, 1005, 1, match=999, recv=RECV)), 100, "a step of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_fault_is_found_where_it_is(kind: str) -> None:
    records, row, words = PLANTS[kind]
    for batch in (1, 7, 1000):
        report = check(records, batch=batch)
        found = [f for f in report.findings if f.kind == kind]
        assert found and report.counts[kind] == len(found), (batch, report.counts)
        assert found[0].row == row and words in found[0].found, found[0]
        assert found[0].file == "x.bin" and found[0].allowed
        assert kind == "lost" or found[0].symbol == "AAA"
        assert report.passed == (kind not in report.limits.fail_on)


def test_pauses_of_1001_ms_are_told_and_of_999_ms_are_not() -> None:
    for pause, count in ((1001 * MS, 1), (1000 * MS, 0), (999 * MS, 0)):
        report = check(late(clean(), pause - 100 * MS))
        assert report.gaps.time_gaps == report.counts.get("time_gap", 0) == count
        if count:
            gap = next(f for f in report.findings if f.kind == "time_gap")
            assert gap.row == 100 and gap.found == "1.001000000 s without an update"
            assert gap.allowed == "at most 1 s"
            assert report.gaps.time_gap_ns_total == report.gaps.time_gap_ns_max == pause
            assert (
                report.passed
                and not check(late(clean(), pause), ValidationLimits(fail_on=("time_gap",))).passed
            )


def test_messages_at_one_time_are_told_and_records_of_one_message_are_not() -> None:
    two = [level(START, BUY, 1000, 1, seq=5), level(START, SELL, 1010, 1, seq=5)]
    again = [level(START + NS, BUY, 995, 1, seq=6), level(START + NS, BUY, 990, 1, seq=7)]
    assert check(two).counts == {}
    report = check([*two, *again])
    assert report.counts == {"duplicate_time": 1} and report.findings[0].row == 3
    quotes = [quote(START, 1, 2), quote(START, 1, 3)]
    assert validate_feed(ListFeed(quotes), "q")[0].counts["duplicate_time"] == 1


def test_numbers_that_leap_by_design_are_no_gaps_unless_told_so() -> None:
    records = [level(at(i), BUY, 1000, 1, seq=i * i + 1) for i in range(50)]
    assert check(records).counts == {}
    strict = check(records, ValidationLimits(sequence="consecutive"))
    assert strict.counts["sequence_gap"] == 48 and not strict.passed
    assert strict.gaps.records_missing == 49 * 49 - 49


def test_a_snapshot_may_start_its_numbers_anew() -> None:
    records = [level(at(i), BUY, 1000, 1, seq=100 + i) for i in range(50)]
    anew = [level(at(50), BUY, 1000, 1, seq=7, flags=int(MarketFlag.SNAPSHOT))]
    anew += [level(at(51 + i), BUY, 1000, 1, seq=8 + i) for i in range(50)]
    assert check(records + anew).counts == {}


def test_a_book_is_judged_between_updates_and_not_within_one() -> None:
    """The bid passes the old ask before the ask is taken away, all at one time."""
    records = [level(START, BUY, 1000, 1, seq=1), level(START, SELL, 1010, 1, seq=1)]
    records += [level(START + MS, BUY, 1015, 1, seq=2), level(START + MS, SELL, 1010, 0, seq=2)]
    records += [level(START + MS, SELL, 1020, 1, seq=2), level(START + 2 * MS, BUY, 5, 1, seq=3)]
    assert check(records).counts == {}


def test_books_of_orders_are_judged_too() -> None:
    records = [add(START, 1, BUY, 100), add(START + 1, 2, SELL, 110), add(START + 2, 3, BUY, 120)]
    records += [delete(START + 3, 3), delete(START + 4, 77)]
    report, quality = validate_feed(ListFeed(records, {1: "AAA"}), "x")
    assert report.counts == {"book": 1, "crossed": 1}
    assert [(f.kind, f.row) for f in report.findings] == [("crossed", 2), ("book", 4)]
    assert quality.symbols[0].state_ns["crossed"] == 1


def test_bars() -> None:
    minute = 60 * NS
    bars = [bar(START + i * minute, 100.0 + i % 3) for i in range(30)]
    assert check(bars).counts == {}
    assert check(bars[:10] + bars[12:]).counts == {"missing_bar": 1}
    assert check(bars[:10] + bars[12:]).gaps.bars_missing == 2
    assert check([*bars[:10], bars[9], *bars[10:]]).counts == {"duplicate_bar": 1}
    spike = [*bars[:10], bar(START + 10 * minute, 300.0), *bars[11:]]
    assert check(spike).counts == {"outlier": 1}
    for wrong in ({"high": 1.0}, {"low": 500.0}, {"low": -1.0}, {"open": float("nan")}):
        bad = [*bars[:10], bar(START + 10 * minute, 101.0, **wrong), *bars[11:]]
        assert check(bad).counts == {"bar_shape": 1}, wrong
    other = [bar(START + i * minute, 50.0, i=2, interval=minute) for i in range(30)]
    five = [bar(START + i * 5 * minute, 100.0, interval=5 * minute) for i in range(6)]
    mixed = sorted([*bars, *other, *five], key=lambda r: int.from_bytes(r[16:24], "little"))
    assert check(mixed).counts == {}


def test_a_level_shift_is_no_outlier() -> None:
    records = [trade(at(i), 1000 if i < 10 else 2000, match=i + 1) for i in range(20)]
    assert check(records).counts == {}


def test_symbols_without_data_are_told() -> None:
    report, _ = validate_feed(ListFeed([trade(START, 1)], {1: "AAA", 2: "BBB"}), "x")
    assert [(f.kind, f.symbol) for f in report.findings] == [("silent_symbol", "BBB")]


def test_lists_are_bounded_and_counts_exact() -> None:
    records = [trade(at(i), 100, 0, match=i + 1) for i in range(500)]
    report = check(records, ValidationLimits(listed_max=7))
    assert report.counts == {"size": 500} and len(report.findings) == 7
    assert any("7 of them listed" in line for line in report.lines())


def test_reports_follow_their_schema() -> None:
    report, quality = validate_feed(ListFeed(PLANTS["crossed"][0], definitions=[AAA]), "x")
    schema = report_schema()
    for name, one in (("ValidationReport", report), ("QualityReport", quality)):
        said = json.loads(one.to_json())
        asked = schema["$defs"][name]
        assert set(said) == set(asked["properties"]) >= set(asked["required"])
        assert msgspec.json.decode(one.to_json(), type=type(one)) == one
    said = json.loads(report.to_json())
    assert {"records", "updates_per_second", "gaps", "counts", "findings", "passed"} <= set(said)
    assert ValidationReport.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    "wrong",
    [
        {"gap_ns": 0},
        {"outlier_share": 0},
        {"sequence": "odd"},
        {"listed_max": 0},
        {"fail_on": ("nothing",)},
    ],
)
def test_limits_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        ValidationLimits(**wrong)


def figures(records: list[bytes]) -> QualityReport:
    return validate_feed(ListFeed(records, definitions=[AAA]), "x")[1]


def test_figures_of_spread_depth_rate_and_latency() -> None:
    quality = figures(clean())
    one = quality.symbols[0]
    assert one.spread_px.p50 == one.spread_px.max == 10 and one.price(10) == "0.10"
    assert one.state_share["two_sided"] > 0.99 and one.state_share["crossed"] == 0
    assert quality.latency_ns.p50 == pytest.approx(3 * MS, rel=1e-3)
    assert quality.latency_ns.count == 240
    assert quality.rate.per_second.max == 12 and quality.rate.mean == 12
    assert one.bid_depth[0].samples - 1 <= one.ask_depth[0].samples > 15
    assert 5 <= one.bid_depth[0].p50 <= 12 and one.bid_depth[1].samples == 0
    assert sum(quality.series.records) == 240
    assert any(s == pytest.approx(1e4 * 10 / 1005) for s in quality.series.spread_bp if s)


def test_seconds_without_a_record_count_in_the_rate() -> None:
    records = [trade(START + i * 10 * NS, 1000, match=i + 1) for i in range(10)]
    rate = figures(records).rate
    assert rate.per_second.count == 91 and rate.per_second.p50 == 0
    assert rate.mean == pytest.approx(10 / 91)


def test_a_night_is_no_part_of_a_spread() -> None:
    records = [level(START, BUY, 1000, 1, seq=1), level(START, SELL, 1010, 1, seq=1)]
    records += [level(START + 10 * 3600 * NS, BUY, 1000, 2, seq=2)]
    assert figures(records).symbols[0].spread_px.count == 60 * NS + 1


def test_many_symbols_share_one_row_behind_the_first() -> None:
    records = [quote(START + i, 10, 12, i=1 + i % 400) for i in range(1200)]
    _, quality = validate_feed(ListFeed(records, {n: f"S{n}" for n in range(1, 401)}), "x")
    assert len(quality.symbols) == 257 and quality.symbols[-1].symbol == "others"
    assert sum(s.updates for s in quality.symbols) == 1200


def test_the_day_fits_whatever_its_length() -> None:
    records = [trade(START + i * i * NS, 1, match=i + 1) for i in range(300)]
    series = figures(records).series
    assert len(series.records) <= 1024 and sum(series.records) == 300


def test_counters_of_a_live_feed_change() -> None:
    """gap_total, replay_total, latency and spread on the page, as a monitor reads them."""
    page = Counters.private(128)
    validator, feed = Validator("live"), ListFeed(PLANTS["duplicate_sequence"][0])
    counters = QualityCounters(page, "feed.test")
    counters.publish(validator)
    before = page.snapshot()
    assert set(before.values()) == {0}
    for record in late(PLANTS["duplicate_sequence"][0], 5 * NS):
        validator.update(ListFeed([record]).next_batch(), feed)
    counters.publish(validator, {1: "AAA"})
    now = page.snapshot()
    assert now["feed.test.gap_total"] == 1 and now["feed.test.replay_total"] == 1
    assert now["feed.test.records_total"] == 241 and now["feed.test.rate_max"] > 0
    assert now["feed.test.latency_ns_p50"] == pytest.approx(3 * MS, rel=1e-3)
    assert now["feed.test.AAA.spread_px_p50"] == 10


def test_real_files_are_sound(test_data: Path, capped: Callable[[Path], dict[str, int]]) -> None:
    """A real half hour passes; what is told of it are pauses."""
    path = next((test_data / "itch").glob("derived_AAPL*.gz"))
    assert set(capped(path)) == {"time_gap"}


@pytest.fixture
def capped() -> Callable[[Path], dict[str, int]]:
    def run(path: Path) -> dict[str, int]:
        with open_feed(path) as feed:
            report, _ = validate_feed(feed, str(path))
        assert report.passed
        return report.counts

    return run


def test_a_synthetic_day_is_sound(
    small_day: Path, capped: Callable[[Path], dict[str, int]]
) -> None:
    assert set(capped(small_day)) == {"time_gap"}


def test_a_cut_file_does_not_pass(tmp_path: Path) -> None:
    whole = generate_messages(2_000, locates=5)
    for name, data, passed in (("whole", whole, True), ("cut", whole[:-5], False)):
        path = tmp_path / f"{name}.itch"
        path.write_bytes(data)
        with open_feed(path) as feed:
            report, _ = validate_feed(feed, name, ValidationLimits(fail_on=()))
        assert (report.passed, "trailing_bytes" in report.source_faults) == (passed, not passed)
