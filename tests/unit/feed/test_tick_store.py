"""The tick store: exact rows back, only the blocks that matter, damage told, readers beside a
writer.
"""

import fcntl
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from feed_records import NS, START, ListFeed, drain, quote, trade

from tectra.core.errors import (
    DuplicateError,
    FileFormatError,
    InputError,
    StateError,
    UnknownSymbolError,
)
from tectra.core.msg import Template
from tectra.core.types import Exchange
from tectra.feed.batch import scan
from tectra.feed.importer.base import RecordFeed
from tectra.feed.itch import ItchFeed
from tectra.feed.selection import Selection, time_ns
from tectra.feed.tick_import import import_file
from tectra.feed.tick_store import TickStore
from tectra.feed.tick_writer import BLOCK_RECORDS, StoreOptions, TickStoreWriter
from tectra.refdata.instrument import Instrument

DAY = 86_400 * NS
MIDNIGHT = 1_700_006_400 * NS  # of 2023-11-15
EVERY = Selection()
NAMES = {1: "AAA", 2: "BBB"}


def mixed(n: int, start: int = START, step: int = NS) -> list[bytes]:
    """Trades and quotes of two symbols, several at one time."""
    return [
        quote(start + i // 3 * step, i, i + 1, i=1 + i % 2, seq=i)
        if i % 5 == 0
        else trade(start + i // 3 * step, i, i=1 + i % 2, recv=start + i // 3 * step + i % 3 // 2)
        for i in range(n)
    ]


def put(path: Path, records: list[bytes], name: str = "a", **options: object) -> TickStore:
    commit = int(options.pop("commit", 1 << 19))
    with TickStoreWriter(path, StoreOptions(**options), commit_records=commit) as writer:
        feed = ListFeed(records, NAMES, batch=64)
        assert writer.begin(name, name, 1, EVERY)
        while (batch := feed.next_batch()) is not None:
            writer.append(batch, feed)
        writer.finish()
    return TickStore(path)


@pytest.mark.parametrize("codec", ["zstd", "lz4", "none"])
@pytest.mark.parametrize("partition", ["date", "symbol"])
@pytest.mark.parametrize("commit", [700, 1 << 19])
def test_what_comes_back_is_what_went_in(
    tmp_path: Path, codec: str, partition: str, commit: int
) -> None:
    records = mixed(3000, MIDNIGHT - 500 * NS)
    store = put(tmp_path / "s", records, codec=codec, partition=partition, commit=commit)
    assert drain(store.feed(), 64) == b"".join(records)
    assert store.size.records == 3000 and not store.verify()
    assert {p.name for p in (tmp_path / "s").iterdir()} >= {"2023-11-14", "2023-11-15"}
    assert store.span_ns == (MIDNIGHT - 500 * NS, MIDNIGHT + 499 * NS + 1)


@pytest.mark.parametrize("partition", ["date", "symbol"])
@pytest.mark.parametrize("codec", ["zstd", "none"])
def test_windows_equal_a_filter_of_everything(tmp_path: Path, partition: str, codec: str) -> None:
    records = mixed(2000)
    store = put(tmp_path / "s", records, partition=partition, codec=codec, commit=300)
    rng = np.random.default_rng(5)
    for _ in range(25):
        low, high = sorted(rng.integers(-5, 700, 2))
        symbols = [None, ("AAA",), ("BBB",), ("AAA", "BBB")][rng.integers(4)]
        types = [None, frozenset({Template.TRADE}), frozenset({Template.QUOTE})][rng.integers(3)]
        by = ("recv", "event")[rng.integers(2)]
        window = Selection(START + int(low) * NS, START + int(high) * NS + 1, symbols, types, by)
        at = 24 if by == "recv" else 16
        want = [
            r for r in records
            if window.from_ns <= int.from_bytes(r[at : at + 8], "little") < window.to_ns
            and (symbols is None or NAMES[r[32]] in symbols)
            and (types is None or r[2] in types)
        ]  # fmt: skip
        assert drain(store.feed(window), 32) == b"".join(want)


def test_only_blocks_that_can_hold_the_window_are_read(tmp_path: Path) -> None:
    n = 5 * BLOCK_RECORDS
    records = [trade(START + i * 1000, i % 100, i=1 if i < n // 2 else 2) for i in range(n)]
    store = put(tmp_path / "s", records)
    cases = (
        (Selection(), 5),
        (Selection(START, START + 1000), 1),
        (Selection(START + n * 1000), 0),
        (Selection(symbols=("AAA",)), 3),
        (Selection(symbols=("BBB",), from_ns=START, to_ns=START + 1000), 0),
        (Selection(types=frozenset({Template.QUOTE})), 0),
    )
    for selection, blocks in cases:
        feed = store.feed(selection)
        drain(feed)
        assert feed.blocks_read == blocks, selection


def test_uncompressed_blocks_are_the_mapped_file(tmp_path: Path) -> None:
    store = put(tmp_path / "s", mixed(100), codec="none")
    batch = store.feed().next_batch(1 << 16)
    assert batch is not None and not batch.flags.owndata and not batch.flags.writeable


def test_sources_of_several_days_and_venues_are_one_stream(tmp_path: Path) -> None:
    path = tmp_path / "s"
    definition = Instrument(7, "CCC", Exchange.BYBIT, px_exponent=-3, tick=5)
    put(path, mixed(300))
    with TickStoreWriter(path) as writer:
        feed = ListFeed(
            [trade(START + i * NS, i, i=7) for i in range(100)], definitions=[definition]
        )
        writer.begin("b", "b", 1, EVERY)
        while (batch := feed.next_batch()) is not None:
            writer.append(batch, feed)
        writer.finish()
    feed = TickStore(path).feed()
    rows = scan(drain(feed))
    assert len(rows.slot) == 400 and (np.diff(rows.ts_recv_ns) >= 0).all()
    assert feed.instruments == {1: "AAA", 2: "BBB", 3: "CCC"}
    assert feed.definitions[3].px_exponent == -3 and feed.definitions[3].tick == 5
    assert isinstance(feed, RecordFeed)
    only = TickStore(path).feed(Selection(symbols=("CCC",)))
    assert set(scan(drain(only)).instrument_id) == {3} and list(only.definitions) == [3]


def test_another_scale_of_a_symbol_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "s"
    coarse = Instrument(1, "AAA", Exchange.BINANCE, px_exponent=-2)
    fine = Instrument(1, "AAA", Exchange.BINANCE, px_exponent=-4)
    with TickStoreWriter(path) as writer:
        for name, definition in (("a", coarse), ("b", fine)):
            feed = ListFeed([trade(START, 1)], definitions=[definition])
            writer.begin(name, name, 1, EVERY)
            batch = feed.next_batch()
            assert batch is not None
            if name == "a":
                writer.append(batch, feed)
                writer.finish()
            else:
                with pytest.raises(InputError, match="exponents -4 and 0"):
                    writer.append(batch, feed)
                writer.abandon()
    store = TickStore(path)
    assert store.size.records == 1 and len(store.manifest.sources) == 1


def test_a_refused_source_leaves_no_trace_in_the_next_commit(tmp_path: Path) -> None:
    with TickStoreWriter(tmp_path / "s") as writer:
        for name, names in (("bad", {1: "ZZZ"}), ("good", {1: "AAA"})):
            feed = ListFeed([trade(START, 1)], names)
            writer.begin(name, name, 1, EVERY)
            batch = feed.next_batch()
            assert batch is not None
            writer.append(batch, feed)
            writer.abandon() if name == "bad" else writer.finish()
    store = TickStore(tmp_path / "s")
    assert [s.name for s in store.manifest.sources] == ["good"]
    assert store.feed().instruments == {1: "AAA"}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    put(tmp_path / "kept", mixed(4 * 1000), commit=1000)
    return tmp_path / "kept"


def part_of(path: Path, number: int = 1) -> Path:
    return sorted(path.glob("*/*/*.ttk"))[number]


@pytest.mark.parametrize("at", [0, 5, 20, 28, 70, 300, 600, -70, -300])
def test_a_flipped_byte_is_reported_and_never_read(kept: Path, at: int) -> None:
    part = part_of(kept)
    data = bytearray(part.read_bytes())
    data[at] ^= 0x10
    part.write_bytes(data)
    store = TickStore(kept)
    with pytest.raises(FileFormatError, match=part.name):
        drain(store.feed())
    feed = store.feed(strict=False)
    good = mixed(4000)
    assert drain(feed) == b"".join(good[:1000] + good[2000:])
    assert len(feed.damage) == 1 and feed.faults == {"records_lost": 1000}
    faults = store.verify()
    assert len(faults) == 1 and faults[0].records == 1000 and part.name in str(faults[0])
    assert (faults[0].first_ns, faults[0].last_ns) == (START + 333 * NS, START + 666 * NS)


@pytest.mark.parametrize("keep", [0, 10, 63, 200, -64, -1])
def test_a_part_that_was_cut_or_is_gone(kept: Path, keep: int) -> None:
    part = part_of(kept)
    part.write_bytes(part.read_bytes()[:keep])
    assert [f.records for f in TickStore(kept).verify()] == [1000]
    part.unlink()
    with pytest.raises(FileFormatError, match="cannot be read"):
        drain(TickStore(kept).feed())


def test_another_part_in_the_place_of_one(kept: Path) -> None:
    shutil.copy(part_of(kept, 2), part_of(kept, 1))
    with pytest.raises(FileFormatError, match="another file"):
        drain(TickStore(kept).feed())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "damaged"),
        (b"{}", "damaged"),
        (b"\xff\xfe", "damaged"),
        (None, "changed after it was written"),
    ],
)
def test_a_manifest_that_was_touched(kept: Path, text: bytes | None, error: str) -> None:
    manifest = kept / "store.json"
    body = manifest.read_bytes()
    manifest.write_bytes(
        body.replace(b'"records": 1000', b'"records": 1001', 1) if text is None else text
    )
    with pytest.raises(FileFormatError, match=error):
        TickStore(kept)


def test_what_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such directory"):
        TickStore(tmp_path / "none")
    with pytest.raises(InputError, match=r"it has no store\.json"):
        TickStore(tmp_path)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match=r"no tick store: it has mine\.txt"):
        TickStoreWriter(tmp_path)
    with pytest.raises(InputError, match="is not a directory"):
        TickStoreWriter(tmp_path / "mine.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_one_writer_at_a_time(kept: Path) -> None:
    with TickStoreWriter(kept), pytest.raises(StateError, match="written by another"):
        TickStoreWriter(kept)
    TickStoreWriter(kept).close()


def test_a_lock_whose_file_is_gone_locks_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer before gives the store back while the next one is between open and lock."""
    before = TickStoreWriter(tmp_path / "s")
    flock, waiting = fcntl.flock, [before]

    def late(fd: int, how: int) -> None:
        while waiting:
            waiting.pop().close()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with (
        TickStoreWriter(tmp_path / "s"),
        pytest.raises(StateError, match="another process"),
    ):
        TickStoreWriter(tmp_path / "s")


@pytest.mark.parametrize("text", ["²", "9" * 5000, "9" * 20, "--5", "٣٣"])
def test_what_only_looks_like_a_count_is_no_time(text: str) -> None:
    with pytest.raises(InputError, match="time: found"):
        time_ns(text)


def test_layouts_do_not_mix(kept: Path) -> None:
    for wrong in ({"codec": "lz4"}, {"partition": "symbol"}, {"by": "event"}):
        with pytest.raises(InputError, match="leave the option out"):
            TickStoreWriter(kept, StoreOptions(**wrong))
    with pytest.raises(InputError, match="level"):
        TickStoreWriter(kept, StoreOptions(level=99))
    with pytest.raises(InputError, match="codec"):
        TickStoreWriter(kept.parent / "new", StoreOptions(codec="rar"))
    assert not (kept.parent / "new").exists()


def test_the_same_content_is_taken_once(kept: Path) -> None:
    with TickStoreWriter(kept) as writer:
        assert not writer.begin("a", "a", 1, EVERY)
        with pytest.raises(DuplicateError, match="another selection"):
            writer.begin("a", "a", 1, Selection(symbols=("AAA",)))


def test_disjoint_times_of_one_content_are_two_sources(tmp_path: Path) -> None:
    with TickStoreWriter(tmp_path / "s") as writer:
        assert writer.begin("a", "a", 1, Selection(0, 10))
        writer.finish()
        assert writer.begin("a", "a", 1, Selection(10, 20))
        writer.finish()
        with pytest.raises(DuplicateError):
            writer.begin("a", "a", 1, Selection(19, 30))


def test_times_that_go_back_are_refused(tmp_path: Path) -> None:
    with TickStoreWriter(tmp_path / "s") as writer:
        feed = ListFeed([trade(START, 1), trade(START - 1, 1)])
        writer.begin("a", "a", 1, EVERY)
        batch = feed.next_batch()
        assert batch is not None
        with pytest.raises(FileFormatError, match="times go back"):
            writer.append(batch, feed)
    assert not (tmp_path / "s").exists()


def test_unknown_symbols_come_with_close_ones(kept: Path) -> None:
    with pytest.raises(UnknownSymbolError, match="close matches: AAA"):
        TickStore(kept).feed(Selection(symbols=("AAAA",)))


def test_readers_see_whole_commits_while_a_writer_appends(tmp_path: Path) -> None:
    path, records, commit = tmp_path / "s", mixed(20_000), 1000
    put(path, [trade(START - NS, 0)], name="first")
    done = threading.Event()
    faults: list[str] = []

    def read() -> None:
        while not done.is_set():
            data = drain(TickStore(path).feed())
            count = len(scan(data).slot) - 1
            whole = trade(START - NS, 0) + b"".join(records[:count])
            if data != whole or (count % commit and count != len(records)):
                faults.append(f"{count} records")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    store = put(path, records, name="second", commit=commit)
    done.set()
    for reader in readers:
        reader.join()
    assert not faults and store.size.records == 20_001


def test_a_full_disk_leaves_the_store_as_it_was(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()}
    monkeypatch.setattr("tectra.feed.tick_part.os.fsync", _no_room)
    with TickStoreWriter(kept) as writer:
        feed = ListFeed(mixed(100, START + DAY), NAMES)
        writer.begin("b", "b", 1, EVERY)
        batch = feed.next_batch()
        assert batch is not None
        writer.append(batch, feed)
        with pytest.raises(OSError, match="No space"):
            writer.finish()
    assert {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()} == before


def _no_room(_: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("partition", ["date", "symbol"])
def test_a_real_day_survives(
    test_data: Path, tmp_path: Path, partition: str, retained: Callable[[Path], bytes]
) -> None:
    path = next((test_data / "itch").glob("derived_AAPL*.gz"))
    with TickStoreWriter(tmp_path / "s", StoreOptions(partition=partition)) as writer:
        done = import_file(writer, path, ItchFeed)
    store = TickStore(tmp_path / "s")
    assert done.records == store.size.records == 42_274
    assert drain(store.feed(), 1 << 14) == retained(path)
    assert store.size.bytes_per_record < 10


@pytest.fixture
def retained() -> Callable[[Path], bytes]:
    """The records of an ITCH file of one symbol, with the number that a new store gives it."""

    def read(path: Path) -> bytes:
        rows = np.frombuffer(drain(ItchFeed(path), 1 << 14), np.uint8).copy().reshape(-1, 64)
        slots = rows.reshape(-1)
        columns = scan(slots)
        at = columns.slot[columns.instrument_id != 0]
        rows[at, 32:36] = np.frombuffer(np.uint32(1).tobytes(), np.uint8)
        return slots.tobytes()

    return read
