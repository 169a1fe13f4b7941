"""The check of captures: sound ones of every venue, and each kind of damage told by its name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import venue_captures
from venue_wire import CoinbaseWire, KrakenV1Wire, KrakenV2Wire, OkxWire, Wire

from tectra.core.errors import FileFormatError, InputError
from tectra.core.rng import Random
from tectra.feed.capture import CaptureReader
from tectra.runtime.capture import CaptureReport, check_capture, detect

START = 1_700_000_000_000_000_000
WIRES: dict[str, type[Wire]] = {
    "kraken-v1": KrakenV1Wire,
    "kraken-v2": KrakenV2Wire,
    "okx": OkxWire,
    "coinbase": CoinbaseWire,
}


def messages(name: str, count: int = 60, seed: int = 5) -> list[bytes]:
    wire = WIRES[name](Random(seed))
    return [wire.snapshot(), *(wire.update() for _ in range(count))]


def write(path: Path, rows: list[bytes], *, end: bytes = b"\n") -> Path:
    path.write_bytes(
        b"".join(b"%d %s%s" % (START + i * 10**7, row, end) for i, row in enumerate(rows))
    )
    return path


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., CaptureReport]:
    def run(rows: list[bytes], *, end: bytes = b"\n", **more: Any) -> CaptureReport:
        return check_capture(write(tmp_path / "capture", rows, end=end), **more)

    return run


Check = Callable[..., CaptureReport]


@pytest.mark.parametrize("name", WIRES)
def test_a_sound_capture(check: Check, name: str) -> None:
    report = check(messages(name))
    assert not report.faults and report.venue == name.partition("-")[0]
    (book,) = report.books
    assert (book.snapshots, book.updates, book.state) == (1, 60, "SYNCED")
    assert book.exponents_from == "inferred from levels" and not book.spans
    sums = {"kraken-v1": 60, "kraken-v2": 61, "okx": 61, "coinbase": 0}[name]
    assert book.checksums_matched == sums
    assert report.seconds == pytest.approx(0.6) and report.total == 61
    assert report.to_dict()["ok"] is True
    json.dumps(report.to_dict())


@pytest.mark.parametrize("name", WIRES)
def test_windows_line_ends_and_empty_lines(check: Check, name: str) -> None:
    assert not check(messages(name), end=b"\r\n\r\n").faults


@pytest.mark.parametrize("name", WIRES)
def test_a_lost_message(check: Check, name: str) -> None:
    """Found by the next checksum or number: at the line after the hole."""
    rows = messages(name)
    for lost in (20, 40):
        report = check(rows[:lost] + rows[lost + 1 :])
        (book,) = report.books
        assert report.faults and book.state != "SYNCED"
        # A level that came and went within the hole, or is too deep, does not show at once.
        assert book.spans[0].from_line >= lost + 1
        if name in ("okx", "coinbase"):
            assert book.spans[0].from_line == lost + 1
            assert book.spans[0].reason == "GAP"


@pytest.mark.parametrize("name", WIRES)
def test_a_lost_message_and_a_new_snapshot(check: Check, name: str) -> None:
    wire = WIRES[name](Random(8))
    rows = [wire.snapshot(), *(wire.update() for _ in range(20))]
    wire.update()
    rows += [wire.update(), wire.update(), wire.snapshot(), *(wire.update() for _ in range(20))]
    (book,) = check(rows).books
    assert book.state == "SYNCED" and len(book.spans) == 1
    assert 22 <= book.spans[0].from_line <= 24 and book.spans[0].to_line == 24
    if name != "coinbase":
        assert book.checksums_failed.count or book.gaps.count


@pytest.mark.parametrize("name", ["okx", "coinbase"])
def test_a_repeated_message(check: Check, name: str) -> None:
    rows = messages(name)
    report = check(rows[:31] + rows[30:])
    (book,) = report.books
    assert not report.faults and book.state == "SYNCED"
    assert book.duplicates + report.sequence_duplicates == 1


@pytest.mark.parametrize("name", WIRES)
def test_a_connection_made_anew(check: Check, name: str) -> None:
    """Snapshots again, numbers from the start."""
    report = check(messages(name) + messages(name, seed=6))
    (book,) = report.books
    assert not report.faults and book.state == "SYNCED" and book.snapshots == 2


@pytest.mark.parametrize("name", WIRES)
def test_a_refused_book_message_leaves_the_book_in_doubt(check: Check, name: str) -> None:
    rows = messages(name)
    broken = rows[30]
    for text in (b'"price":', b'"price_level": "', b'[["', b'"bids":['):
        if text in broken:
            broken = broken.replace(text, text + b"x", 1)
            break
    report = check([*rows[:30], broken, *rows[31:]])
    (book,) = report.books
    assert report.refused.count >= 1 and report.refused.first[0].line == 31
    assert book.spans[0].from_line == 31 and book.spans[0].reason == "MALFORMED"


def test_several_symbols_and_channels(check: Check) -> None:
    wires: list[Wire] = []
    for i, symbol in enumerate(("BTC/USD", "ETH/USD", "1INCH/USD", "ABCDEFGHIJKLMNOPQ/USDT")):
        wire = KrakenV2Wire(Random(i))
        wire.symbol = symbol
        wires.append(wire)
    rows = [b'{"channel":"heartbeat"}', b'{"method":"subscribe","success":true,"result":{}}']
    rows += [w.snapshot() for w in wires]
    rows += [w.update() for _ in range(30) for w in wires]
    rows.append(b'{"channel":"weather","type":"update","data":[]}')
    rows.append(b'{"method":"subscribe","success":false,"error":"Currency pair not supported"}')
    report = check(rows)
    assert not report.faults and len(report.books) == 4
    assert sum(b.checksums_matched for b in report.books) == 4 * 31
    assert report.unknown.count == 1 and report.errors.count == 1
    assert "not supported" in report.errors.first[0].text
    one = check(rows, symbol="eth-usd")
    assert [b.symbol for b in one.books] == ["ETH/USD"]
    assert check(rows, symbol="XRPUSD").notes == ["found no message of XRPUSD"]


def test_kraken_says_depth_and_places_elsewhere(check: Check) -> None:
    """The subscribed depth from the answer, the places from the channel `instrument`; numbers that
    another program wrote again have lost their last zeros.
    """
    wire = KrakenV2Wire(Random(3))
    wire.depth = 25
    wire.bids = {100_000 - 10 * i: 5 + i for i in range(8)}  # fewer than are subscribed to
    wire.asks = {100_010 + 10 * i: 5 + i for i in range(8)}
    answer = b'{"method":"subscribe","success":true,"result":{"channel":"book","symbol":"BTC/USD"'
    pair = {"symbol": "BTC/USD", "price_precision": 2, "qty_precision": 4,
            "price_increment": 0.01, "qty_min": 0.0001}  # fmt: skip
    said = {"channel": "instrument", "type": "snapshot", "data": {"assets": [], "pairs": [pair]}}
    rows = [answer + b',"depth":25}}', json.dumps(said).encode(), wire.snapshot()]
    rows += [wire.update() for _ in range(200)]
    report = check(rows)
    (book,) = report.books
    assert not report.faults and book.checksums_matched == 201
    assert book.exponents_from == "definition" and report.definitions == 1
    stripped = [json.dumps(json.loads(row)).encode() for row in rows]
    assert not check(stripped).faults
    plain = [json.dumps(json.loads(row)).encode() for row in messages("kraken-v2")]
    assert check(plain).books[0].checksums_matched == 61  # places found by the checksum


def test_a_book_without_a_snapshot(check: Check) -> None:
    (book,) = check(messages("kraken-v2")[1:]).books
    assert book.state == "EMPTY" and book.waiting == 60 and "no snapshot" in book.missing
    late = messages("okx")
    (book,) = check([*late[1:5], *late]).books
    assert book.state == "SYNCED" and book.waiting == 4


def test_a_crossed_snapshot(check: Check) -> None:
    wire = CoinbaseWire(Random(4))
    wire.bids, wire.asks = wire.asks, wire.bids
    report = check([wire.snapshot(), *messages("coinbase")[1:9]])
    (book,) = report.books
    assert book.snapshots_refused.first[0].line == 1 and report.faults


def test_which_venue(tmp_path: Path, check: Check) -> None:
    okx = write(tmp_path / "okx", messages("okx"))
    assert detect(okx, None) == "okx"
    with pytest.raises(FileFormatError, match=r"messages of okx; allowed: those of kraken"):
        detect(okx, "kraken")
    with pytest.raises(FileFormatError, match="no message of binance"):
        check([b"nonsense"] * 5)
    with pytest.raises(FileFormatError, match="no message"):
        check([])
    assert check([b"{}"] * 5, venue="okx").unknown.count == 5
    with pytest.raises(InputError, match="binance, bybit"):
        check(messages("okx"), venue="mtgox")


def test_times_that_go_back_are_counted(tmp_path: Path) -> None:
    rows = messages("okx")
    path = tmp_path / "a"
    path.write_bytes(b"".join(b"%d %s\n" % (START - i, row) for i, row in enumerate(rows)))
    report = check_capture(path)
    assert report.time_reversals == 60 and not report.faults


BTC_DIFF = '{{"e":"depthUpdate","E":1,"s":"{s}","U":{a},"u":{b},"b":[["100.0","{q}"]],"a":[]}}'
SPOT_SNAPSHOT = b'{"lastUpdateId":12,"bids":[["99.0","1"]],"asks":[["101.0","1"]]}'


def diff(first: int, last: int, symbol: str = "BTCUSDT", quantity: str = "2") -> bytes:
    return BTC_DIFF.format(s=symbol, a=first, b=last, q=quantity).encode()


def test_binance_snapshots(check: Check, tmp_path: Path) -> None:
    rows = [diff(10, 11), diff(12, 14), SPOT_SNAPSHOT, diff(15, 16)]
    report = check(rows)
    (book,) = report.books
    assert not report.faults and (book.state, report.market) == ("SYNCED", "spot")
    file = tmp_path / "snapshot.json"
    file.write_bytes(SPOT_SNAPSHOT)
    given = check([rows[0], rows[1], rows[3]], snapshots=[file], symbol="BTCUSDT")
    assert given.books[0].state == "SYNCED" and not given.faults
    without = check([rows[0], rows[1], rows[3]])
    assert "no snapshot" in without.books[0].missing and not without.faults
    gap = check([rows[0], rows[1], diff(16, 17), diff(19, 20)])
    assert gap.books[0].gaps.count == 2 and gap.faults
    two = check([diff(1, 2), diff(1, 2, "ETHUSDT"), SPOT_SNAPSHOT])
    assert two.refused.count == 1 and "--symbol" in two.refused.first[0].text
    with pytest.raises(FileFormatError, match="binance spot; allowed: linear"):
        check(rows, market="linear")


def test_binance_best_prices(check: Check) -> None:
    def top(seq: int, bid: str, size: str) -> bytes:
        return json.dumps(
            {"u": seq, "s": "BTCUSDT", "b": bid, "B": size, "a": "101.0", "A": "1"}
        ).encode()

    rows = [diff(10, 11), SPOT_SNAPSHOT, diff(12, 14), top(14, "100.0", "2"), diff(15, 16)]
    good = check([*rows, top(15, "100.0", "2.0"), top(17, "100.0", "3")])
    assert good.books[0].tops_agreed == 2 and not good.faults
    bad = check([*rows, top(15, "100.0", "5"), top(17, "100.0", "3")])
    assert bad.books[0].tops_differed.count == 1 and "at number 15" in str(bad.books[0])


RECORDINGS = {
    "kraken/cf_kraken_v1_book1000_20210417.jsonl.gz": (6, 2183, 0),
    "okx/cf_okx_20220513.jsonl.zst": (3, 290, 0),
    "coinbase/cf_coinbase_advanced_20260809.jsonl.zst": (2, 0, 0),
    "bybit/cf_bybit_v5_linear_20260809.jsonl.gz": (4, 0, 0),
    "binance/cf_binance_spot_20211012.jsonl.zst": (4, 0, 141),
    "binance/cf_binance_usdm_20210722.jsonl.zst": (4, 0, 719),
    "binance/hbt_spot_btcusdt_20240808.jsonl.gz": (1, 0, 3448),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings(test_data: Path, name: str) -> None:
    """Every checksum and every comparable best price agrees, no number is missing."""
    report = check_capture(test_data / name)
    books, sums, tops = RECORDINGS[name]
    assert not report.faults and not report.refused.count and not report.unknown.count
    assert len(report.books) == books
    assert all(book.state == "SYNCED" and not book.spans for book in report.books)
    assert sum(book.checksums_matched for book in report.books) == sums
    assert sum(book.checksums_unchecked for book in report.books) == 0
    assert sum(book.tops_agreed for book in report.books) == tops


def test_one_flipped_digit_in_a_recording(test_data: Path, tmp_path: Path) -> None:
    """A digit of the best bid's quantity in one message: found at that line."""
    name = test_data / "okx" / "cf_okx_20220513.jsonl.zst"
    rows = list(venue_captures.lines(name))
    flipped = 0
    for number in range(len(rows)):
        row = rows[number]
        mark = b'\\"action\\":\\"snapshot\\"'
        if mark not in row:
            continue
        at = row.index(b'\\",\\"', row.index(b'\\"bids\\":[[\\"')) + 5
        digit = bytes([48 + (row[at] - 48) % 9 + 1])
        damaged = [*rows[:number], row[:at] + digit + row[at + 1 :], *rows[number + 1 :]]
        path = tmp_path / "flipped"
        path.write_bytes(b"\n".join(r.rstrip(b"\n") for r in damaged))
        report = check_capture(path)
        first = min(b.checksums_failed.first[0].line for b in report.books if b.faults)
        assert first == number + 1
        flipped += 1
    assert flipped


def test_messages_of_another_venue_are_a_fault(check: Check) -> None:
    """Whichever comes first: they were not checked."""
    kraken, okx = messages("kraken-v2"), messages("okx", 90)
    for rows in (okx + kraken, kraken + okx):
        report = check(rows, venue="okx")
        assert report.foreign.count == len(kraken) and report.books[0].updates == 90
        assert f"{len(kraken)} messages of another venue" in " ".join(report.faults)
        assert report.foreign.first[0].text.startswith("kraken: ")


MARKETS = {
    "binance/cf_binance_spot*": "spot",
    "binance/cf_binance_usdm*": "linear",
    "binance/hbt_cm*": "inverse",
    "bybit/cf_bybit_v5_linear*": "linear",
}


@pytest.mark.parametrize("pattern", MARKETS)
def test_another_market_is_refused(test_data: Path, tmp_path: Path, pattern: str) -> None:
    (path,) = test_data.glob(pattern)
    with CaptureReader(path) as reader:
        head = [line for line, _ in zip(reader._texts(), range(1500), strict=False)]
    part = tmp_path / "part"
    part.write_bytes(b"\n".join(head) + b"\n")
    assert check_capture(part, market=MARKETS[pattern]).market == MARKETS[pattern]
    for other in {"spot", "linear", "inverse"} - {MARKETS[pattern]}:
        with pytest.raises(FileFormatError, match=f"allowed: {other}, as --market says"):
            check_capture(part, market=other)


@pytest.mark.parametrize(
    ("symbol", "market"),
    [("BTC-USDT", "spot"), ("BTC-USDT-SWAP", "linear"), ("BTC-USD-SWAP", "inverse"),
     ("BTC-USD-220527", "inverse"), ("BTC-USD-220527-30000-C", "option")],
)  # fmt: skip
def test_symbols_of_okx_say_the_market(check: Check, symbol: str, market: str) -> None:
    rows = [row.replace(b"BTC-USDT", symbol.encode()) for row in messages("okx")]
    assert check(rows).market == market


def test_a_market_that_the_venue_has_not(check: Check) -> None:
    with pytest.raises(InputError, match="linear with kraken"):
        check(messages("kraken-v2"), market="linear")
