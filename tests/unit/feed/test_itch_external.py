"""ITCH data that no one here made: a real session open, real captures, other people's files."""

import gzip
import re
from pathlib import Path

import numpy as np
import pcap
import pytest

from tectra.core.msg import DTYPES, Template
from tectra.feed import ItchFeed, ItchWriter
from tectra.feed.itch import decode_message
from tectra.feed.itch_encode import encode
from tectra.feed.itch_stats import collect, columns
from tectra.feed.itch_wire import timestamp_ns


def drain(path: Path, **options: object) -> tuple[np.ndarray, ItchFeed]:
    with ItchFeed(path, **options) as feed:  # type: ignore[arg-type]
        parts = []
        while (batch := feed.next_batch(1 << 16)) is not None:
            parts.append(batch)
    return np.concatenate(parts), feed


def test_session_open(test_data: Path) -> None:
    path = test_data / "itch" / "itch50_session_open_1mb.itch"
    stats = collect(path)
    assert stats.messages == {"S": 1, "R": 8713, "H": 8707, "Y": 8707, "L": 9453}
    assert stats.total == 35_581
    assert len(stats.symbols) == 8713
    assert (stats.trailing_offset, stats.trailing_bytes) == (1_048_574, 2)
    assert (stats.unknown, stats.malformed, stats.end_of_session) == (0, 0, False)
    raw, feed = drain(path)
    assert (feed.messages, feed.trailing_bytes) == (35_581, 2)
    assert len(raw) // 64 == 35_581 + 8713 + 9453
    assert len(feed.instruments) == 8713
    apple, _ = drain(path, symbols=["AAPL"])
    assert (
        len(apple) // 64 == 1 + 2 + 1 + 1 + 2 * (columns(path, "L")["stock"] == b"AAPL    ").sum()
    )


def test_simulated_day_with_zero_prefixes(test_data: Path) -> None:
    path = test_data / "itch" / "ritch_ex20101224.TEST_ITCH_50.gz"
    stats = collect(path)
    assert stats.total == 12_012
    assert stats.messages["P"] == 5000
    assert stats.messages["A"] == 4997
    assert (stats.trailing_bytes, stats.unknown, stats.malformed) == (0, 0, 0)
    assert stats.by_type
    assert stats.symbols == ("ALC", "BOB", "CHAR")
    _, feed = drain(path)
    assert (feed.messages, feed.trailing_bytes, str(feed.date)) == (12_012, 0, "2010-12-24")


def test_derived_order_flow(test_data: Path) -> None:
    (path,) = (test_data / "itch").glob("derived_AAPL_*.itch.gz")
    raw, feed = drain(path, symbols=["AAPL"])
    assert feed.messages == 42_274
    assert (feed.trailing_bytes, feed.unknown, feed.malformed, feed.filtered) == (0, 0, 0, 0)
    assert len(raw) // 64 == 42_275
    assert feed.instruments == {13: "AAPL"}
    first = raw.view(DTYPES[Template.STATUS])[0]
    assert first["ts_event_ns"] == 1_340_251_200 * 10**9 + 34_199 * 10**9


def test_captures_decode_with_no_byte_left(test_data: Path) -> None:
    captures = sorted((test_data / "itch" / "moldudp64_pcap").rglob("*.pcap"))
    assert len(captures) >= 22
    seen = 0
    for path in captures:
        for payload in pcap.udp_payloads(path):
            count, messages, left = pcap.mold_messages(payload)
            assert left == 0, path.name
            assert len(messages) == (0 if count == 0xFFFF else count)
            for message in messages:
                assert len(decode_message(message)) in (64, 128), path.name
            seen += len(messages)
    assert seen >= 22


TRADE = re.compile(
    r"b'P',(\d+),(\d+),(\d\d):(\d\d):(\d\d),(\d+),b'(\w)',(\d+),b'([^']+)',([\d.]+),(\d+)"
)


def test_text_trades_come_back_from_our_encoder(test_data: Path, tmp_path: Path) -> None:
    (source,) = (test_data / "itch").glob("*_P_messages_text.txt.gz")
    rows = []
    for line in gzip.decompress(source.read_bytes()).decode().splitlines():
        if not line.strip():
            continue
        match = TRADE.fullmatch(line.strip())
        assert match, line
        locate, tracking, h, m, s, ref, side, shares, symbol, price, number = match.groups()
        ts = (int(h) * 3600 + int(m) * 60 + int(s)) * 10**9
        whole, _, part = price.partition(".")
        px = int(whole) * 10_000 + int(part.ljust(4, "0") or 0)
        rows.append(
            (int(locate), int(tracking), ts, int(ref), side, int(shares), symbol, px, int(number))
        )
    assert len(rows) == 12_593
    path = tmp_path / "trades.itch.gz"
    with ItchWriter(path) as out:
        for locate, tracking, ts, ref, side, shares, symbol, px, number in rows:
            body = (ref, side, shares, symbol, px, number)
            out.write("P", locate, ts, *body, tracking_number=tracking)
    wire = columns(path, "P")
    names = ("stock_locate", "tracking_number", "order_reference_number", "buy_sell_indicator")
    names += ("shares", "stock", "price", "match_number")
    back = zip(*(wire[n].tolist() for n in names), timestamp_ns(wire).tolist(), strict=True)
    assert [
        (loc, trk, ts, ref, side.decode(), qty, stock.decode().rstrip(), px, number)
        for loc, trk, ref, side, qty, stock, px, number, ts in back
    ] == rows
    raw, feed = drain(path)
    got = raw.view(DTYPES[Template.TRADE])
    assert feed.messages == len(got) == len(rows)
    for field, column in (("instrument_id", 0), ("ts_event_ns", 2), ("qty", 5), ("px", 7)):
        assert got[field].tolist() == [row[column] for row in rows]
    assert got["match_id"].tolist() == [row[8] for row in rows]
    assert got["side"].tolist() == [0 if not r[3] else 1 + (r[4] == "B") for r in rows]


def test_every_real_message_encodes_back(test_data: Path) -> None:
    path = test_data / "itch" / "itch50_session_open_1mb.itch"
    for code in "RHYL":
        rows = columns(path, code)[:500]
        for row, ts in zip(rows, timestamp_ns(rows).tolist(), strict=True):
            body = [row[name].item() for name in rows.dtype.names[5:]]
            tracking = int(row["tracking_number"])
            again = encode(code, int(row["stock_locate"]), ts, *body, tracking_number=tracking)
            assert again == row.tobytes()


@pytest.mark.parametrize("name", ["S", "R"])
def test_scan_and_feed_agree_on_the_first_time(test_data: Path, name: str) -> None:
    path = test_data / "itch" / "itch50_session_open_1mb.itch"
    first = timestamp_ns(columns(path, name))[0]
    assert collect(path).first_ns <= first <= collect(path).last_ns
