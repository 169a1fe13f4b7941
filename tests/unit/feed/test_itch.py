"""The compiled ITCH feed: mapping to records, filter, errors, recovery."""

import gzip
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import itch_model
import numpy as np
import pytest

from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    InputError,
    TruncatedInputError,
    UnknownSymbolError,
)
from tectra.core.msg import DTYPES, Template
from tectra.feed import Feed, ItchFeed
from tectra.feed.itch import ItchScan, decode_message, message_size
from tectra.feed.itch_encode import encode
from tectra.feed.itch_wire import SIZES

SECOND = 1_000_000_000


def framed(*messages: bytes) -> bytes:
    return b"".join(len(m).to_bytes(2, "big") + m for m in messages)


def write(path: Path, *messages: bytes, tail: bytes = b"") -> Path:
    data = framed(*messages) + tail
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


Open = Callable[..., ItchFeed]


@pytest.fixture
def feed_of() -> Iterator[Open]:
    """Opens feeds and closes them after the test."""
    with ExitStack() as stack:

        def open_feed(path: Path, **options: Any) -> ItchFeed:
            return stack.enter_context(ItchFeed(path, **options))

        yield open_feed


def directory(*symbols: str) -> list[bytes]:
    body = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")
    return [encode("R", i, 1, s, *body) for i, s in enumerate(symbols, 1)]


def add(locate: int, ref: int, symbol: str = "AAPL", px: int = 1_502_500) -> bytes:
    return encode("A", locate, 34200 * SECOND + ref, ref, "B", 100, symbol, px)


def slots(feed: ItchFeed, max_slots: int = 4096) -> np.ndarray:
    parts = []
    while (batch := feed.next_batch(max_slots)) is not None:
        parts.append(batch)
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def records(data: np.ndarray) -> list[np.void]:
    out, at = [], 0
    while at < len(data):
        template = Template(int(data[at + 2 : at + 4].view("<u2")[0]))
        size = 8 + int(data[at : at + 2].view("<u2")[0])
        out.append(data[at : at + size].view(DTYPES[template])[0])
        at += size
    return out


def test_sizes_agree_with_the_wire_table() -> None:
    assert {c: message_size(c) for c in SIZES} == SIZES == itch_model.SIZES
    assert len(SIZES) == 23
    assert [c for c in map(chr, range(256)) if message_size(c)] == sorted(SIZES)


@pytest.mark.parametrize("code", sorted(SIZES))
def test_every_type_has_a_record(code: str) -> None:
    noise = bytes(range(17, 67))
    message = itch_model.random_message(code, noise, side=b"S")
    raw = decode_message(message, midnight_ns=10**18, venue_id=7)
    record = records(raw)[0]
    name, fields = itch_model.decode(message, 10**18)
    assert Template(int(raw[2:4].view("<u2")[0])).name == name.upper()
    assert {f: record[f].item() for f in fields} == fields
    assert record["venue_id"] == 7
    assert record["ring_seq"] == 0


def test_padding_of_records_is_zero() -> None:
    for code in SIZES:
        message = itch_model.random_message(code, b"\xff" * 50)
        raw = decode_message(message)
        template = Template(int(raw[2:4].view("<u2")[0]))
        known = np.zeros(len(raw), bool)
        known[:8] = True
        for dtype, offset, *_ in DTYPES[template].fields.values():
            known[offset : offset + dtype.itemsize] = True
        assert not raw[~known].any(), code


@pytest.mark.parametrize("name", ["day.itch", "day.itch.gz"])
def test_file_to_records(tmp_path: Path, feed_of: Open, name: str) -> None:
    wanted = [*directory("AAPL", "MSFT"), add(1, 10), add(2, 11, "MSFT"), encode("D", 1, 5, 10)]
    with feed_of(write(tmp_path / name, *wanted, tail=b"\0\0"), date="2012-06-21") as feed:
        assert isinstance(feed, Feed)
        assert feed.instruments == {1: "AAPL", 2: "MSFT"}
        got = records(slots(feed))
        assert [r["instrument_id"] for r in got] == [1, 2, 1, 2, 1]
        assert got[2]["ts_event_ns"] == 1_340_251_200 * SECOND + 34200 * SECOND + 10
        assert feed.messages == 5
        assert feed.end_of_session
        assert (feed.trailing_bytes, feed.unknown, feed.malformed) == (0, 0, 0)
        assert feed.next_batch() is None


def test_small_batches_hold_whole_records(tmp_path: Path, feed_of: Open) -> None:
    path = write(
        tmp_path / "x.itch", *directory(*map(str, range(50))), *map(add, range(50), [9] * 50)
    )
    whole = slots(feed_of(path))
    for size in (2, 3, 5):
        assert np.array_equal(slots(feed_of(path), size), whole)
    with pytest.raises(InputError, match="up to 2"):
        feed_of(path).next_batch(1)


def test_next_batch_into(tmp_path: Path, feed_of: Open) -> None:
    feed = feed_of(write(tmp_path / "x.itch", *directory("A"), add(1, 1)))
    out = np.zeros(640, np.uint8)
    assert feed.next_batch_into(out) == 3
    assert feed.next_batch_into(out) == 0
    assert len(records(out[:192])) == 2


def test_date(tmp_path: Path, feed_of: Open) -> None:
    named = feed_of(write(tmp_path / "01302019.NASDAQ_ITCH50", *directory("A")))
    assert (str(named.date), named.date_known) == ("2019-01-30", True)
    assert named.midnight_ns == 1_548_824_400 * SECOND
    bare = feed_of(write(tmp_path / "day.itch", *directory("A")))
    assert (bare.date, bare.date_known, bare.midnight_ns) == (None, False, 0)
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        feed_of(tmp_path / "day.itch", date="30.01.2019")


def test_filter(tmp_path: Path, feed_of: Open) -> None:
    head = [encode("S", 0, 1, "O"), *directory("AAPL", "MSFT", "AMD")]
    rest = [
        encode("H", 1, 2, "AAPL", "T", "", ""),
        encode("H", 2, 2, "MSFT", "T", "", ""),
        *[add(1 + i % 3, i, ("AAPL", "MSFT", "AMD")[i % 3]) for i in range(30)],
        encode("S", 0, 9, "C"),
    ]
    path = write(tmp_path / "x.itch", *head, *rest)
    feed = feed_of(path, symbols=["MSFT", "AMD"])
    assert feed.instruments == {2: "MSFT", 3: "AMD"}
    ids = [int(r["instrument_id"]) for r in records(slots(feed))]
    assert sorted(set(ids)) == [0, 2, 3]
    assert ids.count(0) == 2
    assert ids.count(2) == 12
    assert ids.count(3) == 11
    assert feed.filtered == 12
    assert feed.messages == 37


def test_filter_learns_from_adds_without_a_directory(tmp_path: Path, feed_of: Open) -> None:
    adds = [add(5, 1, "AAPL"), add(6, 2, "MSFT"), encode("D", 5, 3, 1), encode("D", 6, 3, 2)]
    path = write(tmp_path / "x.itch", encode("D", 6, 1, 99), *adds)
    feed = feed_of(path, symbols=["MSFT"])
    assert feed.instruments == {}
    assert [r["instrument_id"] for r in records(slots(feed))] == [6, 6]
    assert feed.instruments == {6: "MSFT"}
    late = feed_of(path, symbols=["MSFX"])
    with pytest.raises(UnknownSymbolError, match="MSFT"):
        slots(late)


def test_unknown_symbol_is_refused_before_the_first_record(tmp_path: Path, feed_of: Open) -> None:
    for name in ("x.itch", "x.itch.gz"):
        path = write(tmp_path / name, *directory("AAPL", "MSFT"), add(1, 1))
        with pytest.raises(UnknownSymbolError, match="close matches: AAPL"):
            feed_of(path, symbols=["AAPX"])
    for symbols in ([], [""], ["TOOLONGNAME"], ["é"]):
        with pytest.raises(InputError):
            feed_of(path, symbols=symbols)


BAD = {
    "unknown type": b"z" + bytes(20),
    "too short": add(1, 1)[:-1],
    "too long": add(1, 1) + b"x",
    "one byte": b"A",
    "bad side": add(1, 1)[:19] + b"Q" + add(1, 1)[20:],
    "cross of 2^63 shares": encode("Q", 1, 1, 1 << 63, "AAPL", 1, 1, "O"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_message_is_skipped_and_the_next_good_one_decodes(
    tmp_path: Path, feed_of: Open, bad: bytes
) -> None:
    path = write(tmp_path / "x.itch", *directory("AAPL"), add(1, 1), bad, add(1, 2))
    feed = feed_of(path)
    assert [int(r["order_ref"]) for r in records(slots(feed))[1:]] == [1, 2]
    unknown = bad[:1] == b"z"
    assert (feed.unknown, feed.malformed) == (int(unknown), int(not unknown))
    assert feed.messages == 4


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_strict_raises_with_the_offset(tmp_path: Path, feed_of: Open, bad: bytes) -> None:
    path = write(tmp_path / "x.itch", *directory("AAPL"), add(1, 1), bad, add(1, 2))
    feed = feed_of(path, strict=True)
    assert len(records(feed.next_batch())) == 2
    for _ in range(2):
        with pytest.raises(FileFormatError, match="offset 79"):
            feed.next_batch()


def test_cut_file_reports_what_is_left(tmp_path: Path, feed_of: Open) -> None:
    data = framed(*directory("AAPL"), add(1, 1))
    for cut in range(42, len(data)):
        for name in ("x.itch", "x.itch.gz"):
            path = tmp_path / name
            path.write_bytes(gzip.compress(data[:cut]) if name.endswith("gz") else data[:cut])
            feed = feed_of(path)
            assert len(slots(feed)) == 128
            assert (feed.offset, feed.trailing_bytes) == (41, cut - 41)
    strict = feed_of(path, strict=True)
    strict.next_batch()
    with pytest.raises(TruncatedInputError, match="offset 41: 37 bytes"):
        strict.next_batch()


def test_bytes_behind_the_end_of_session(tmp_path: Path, feed_of: Open) -> None:
    for name in ("x.itch", "x.itch.gz"):
        feed = feed_of(write(tmp_path / name, *directory("A"), tail=b"\0\0rest"))
        slots(feed)
        assert feed.end_of_session
        assert (feed.offset, feed.trailing_bytes) == (43, 4)


def test_zero_prefixes_are_framed_by_type(tmp_path: Path, feed_of: Open) -> None:
    good = [*directory("AAPL"), add(1, 1), add(1, 2)]
    path = tmp_path / "x.itch"
    path.write_bytes(b"".join(b"\0\0" + m for m in good))
    feed = feed_of(path)
    assert len(records(slots(feed))) == 3
    assert not feed.end_of_session
    path.write_bytes(b"".join(b"\0\0" + m for m in [*good, b"z", good[1]]))
    lost = feed_of(path)
    assert len(records(slots(lost))) == 3
    assert (lost.unknown, lost.trailing_bytes) == (1, 3 + 38)
    strict = feed_of(path, strict=True)
    strict.next_batch()
    with pytest.raises(FileFormatError, match="unknown message type 'z'"):
        strict.next_batch()


def test_gzip_is_read_in_chunks_that_cut_messages_anywhere(tmp_path: Path, feed_of: Open) -> None:
    many = [*directory("AAPL"), *[add(1, i) for i in range(60_000)]]
    plain = slots(feed_of(write(tmp_path / "x.itch", *many)))
    packed = slots(feed_of(write(tmp_path / "x.itch.gz", *many)))
    assert np.array_equal(plain, packed)


def test_closed_feed(tmp_path: Path, feed_of: Open) -> None:
    feed = feed_of(write(tmp_path / "x.itch", *directory("A")))
    before = sys.getrefcount(feed)
    feed.close()
    feed.close()
    assert sys.getrefcount(feed) == before
    with pytest.raises(ClosedError):
        feed.next_batch()


def test_decode_message_refuses() -> None:
    for bad in [b"", *BAD.values()]:
        with pytest.raises(FileFormatError):
            decode_message(bad)


def test_scan_head_stops_before_trading() -> None:
    data = framed(encode("S", 0, 1, "O"), *directory("AAPL"), add(1, 1), add(1, 2))
    scan = ItchScan(head_only=True)
    assert scan.update(data) == 14 + 41
    assert scan.state == "trading"
    assert scan.messages == {"R": 1, "S": 1}
    assert scan.update(data) == 0


def test_what_is_held_of_a_mapped_file_does_not_grow_with_it(tmp_path: Path) -> None:
    """Pages behind the reader are given back: 64 MiB are read, two windows at most are resident."""
    path = tmp_path / "day.itch"
    message = framed(encode("D", 1, SECOND, 7))
    block = message * ((1 << 20) // len(message))
    with path.open("wb") as file:
        for _ in range(64):
            file.write(block)

    def resident() -> int:
        lines = Path("/proc/self/smaps").read_text().splitlines()
        at = next(i for i, line in enumerate(lines) if line.endswith(str(path)))
        return next(int(line.split()[1]) for line in lines[at:] if line.startswith("Rss:")) << 10

    out, most, slots = np.empty(1 << 22, np.uint8), 0, 0
    with ItchFeed(path) as feed:
        while n := feed.next_batch_into(out):
            slots += n
            most = max(most, resident())
        assert slots == 64 * (len(block) // len(message))
    assert 0 < most < 40 << 20
