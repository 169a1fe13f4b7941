"""The storage of the latest data: windows, clones, threads, snapshots, replay."""

import threading
from pathlib import Path

import numpy as np
import pytest
from feed_records import START, quote, trade
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError, InputError, JournalError
from tectra.core.msg import DTYPES, Template
from tectra.feed.batch import scan
from tectra.feed.storage import MarketDataStorage


def test_the_last_n_of_each_symbol() -> None:
    storage = MarketDataStorage(3)
    records = [trade(START + i, i) if i % 2 else quote(START + i, i, i + 1) for i in range(5)]
    for record in records:
        storage.push("AAA", record)
    assert storage.last("AAA").tobytes() == b"".join(records[2:])
    assert storage.last("AAA", 2).tobytes() == b"".join(records[3:])
    assert storage.latest("AAA") == records[4] and storage.total("AAA") == 5
    assert len(storage.last("AAA", 0)) == 0 and len(storage.last("BBB")) == 0
    assert storage.latest("BBB") is None and storage.symbols() == ["AAA"] and len(storage) == 1


def test_a_clone_shares_everything() -> None:
    storage = MarketDataStorage(4)
    other = storage.clone()
    other.push("AAA", trade(START, 1))
    assert storage.latest("AAA") == trade(START, 1) and other.window == 4
    del storage
    assert other.total("AAA") == 1


@pytest.mark.parametrize("wrong", [b"", bytes(64), trade(START, 1)[:60], trade(START, 1) * 2])
def test_what_is_no_record_is_refused(wrong: bytes) -> None:
    storage = MarketDataStorage(4)
    with pytest.raises(InputError):
        storage.push("AAA", wrong)
    assert storage.latest("AAA") is None


def test_many_are_all_or_none() -> None:
    storage = MarketDataStorage(4)
    assert storage.push_many("AAA", trade(START, 1) + quote(START, 1, 2)) == 2
    with pytest.raises(InputError, match="slot 1 of 2"):
        storage.push_many("AAA", trade(START, 1) + bytes(64))
    assert storage.total("AAA") == 2 and storage.push_many("AAA", b"") == 0
    odd = memoryview(b"-" + trade(START, 1))[1:]
    storage.push("AAA", odd)
    assert storage.push_many("AAA", odd) == 1 and storage.total("AAA") == 4


@pytest.mark.parametrize(("window", "symbol"), [(0, "A"), (1 << 25, "A"), (4, ""), (4, "x" * 17)])
def test_limits(window: int, symbol: str) -> None:
    with pytest.raises(InputError):
        MarketDataStorage(window).push(symbol, trade(START, 1))


def test_threads_write_and_read_and_see_whole_records_in_order() -> None:
    storage, count, writers = MarketDataStorage(64), 4000, 3
    stop, faults = threading.Event(), []

    def write(symbol: str) -> None:
        for i in range(count):
            storage.push(symbol, quote(START + i, i, i) if i % 3 else trade(START + i, i))

    def read() -> None:
        mine = storage.clone()
        while not stop.is_set():
            for symbol in mine.symbols():
                rows = scan(mine.last(symbol))
                if len(rows.slot) and not (np.diff(rows.ts_event_ns) == 1).all():
                    faults.append(rows.ts_event_ns.tolist())

    threads = [threading.Thread(target=write, args=(f"S{i}",)) for i in range(writers)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in [*readers, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert [storage.total(f"S{i}") for i in range(writers)] == [count] * writers


@given(
    pushes=st.lists(st.tuples(st.sampled_from("ABC"), st.booleans()), max_size=60),
    window=st.integers(1, 9),
)
def test_a_snapshot_is_the_same_storage(pushes: list[tuple[str, bool]], window: int) -> None:
    storage = MarketDataStorage(window)
    model: dict[str, list[bytes]] = {}
    for i, (symbol, wide) in enumerate(pushes):
        record = quote(START + i, i, i) if wide else trade(START + i, i)
        storage.push(symbol, record)
        model.setdefault(symbol, []).append(record)
    back = MarketDataStorage.restore(storage.snapshot())
    for symbol, records in model.items():
        assert back.last(symbol).tobytes() == b"".join(records[-window:])
        assert back.total(symbol) == len(records)
    assert back.symbols() == sorted(model) and back.snapshot() == storage.snapshot()


def test_snapshots_that_were_touched(tmp_path: Path) -> None:
    storage = MarketDataStorage(4)
    storage.push("AAA", trade(START, 1))
    path = tmp_path / "s.bin"
    storage.save(path)
    assert MarketDataStorage.load(path).latest("AAA") == trade(START, 1)
    whole = path.read_bytes()
    for wrong in (b"", whole[:-1], whole[:10], whole[:30] + b"x" + whole[31:], bytes(200)):
        with pytest.raises(FileFormatError):
            MarketDataStorage.restore(wrong)
    with pytest.raises(InputError, match="no such file"):
        MarketDataStorage.load(tmp_path / "none")
    with pytest.raises(OSError, match="No such file"):
        storage.save(tmp_path / "none" / "s.bin")
    assert [p.name for p in tmp_path.iterdir()] == ["s.bin"]


def test_a_recorded_storage_is_replayed(tmp_path: Path) -> None:
    with MarketDataStorage(5, record_to=tmp_path / "j") as storage:
        for i in range(20):
            storage.push("AAA", trade(START + i, i, i=1))
            storage.push_many("BBB", quote(START + i, i, i, i=2) + trade(START + i, i, i=2))
        with pytest.raises(InputError, match="one id for each symbol"):
            storage.push("CCC", trade(START, 1, i=2))
        with pytest.raises(InputError, match="one id for each symbol"):
            storage.push("AAA", trade(START, 1, i=3))
        kept = storage.snapshot()
    back = MarketDataStorage.replay(tmp_path / "j", 5)
    assert back.snapshot() == kept and back.total("BBB") == 40
    assert len(MarketDataStorage.replay(tmp_path / "j", 100).last("AAA")) == 20 * 64
    storage.push("AAA", trade(START, 9, i=1))
    assert storage.latest("AAA") == trade(START, 9, i=1)
    with pytest.raises(JournalError):
        MarketDataStorage(5, record_to=tmp_path / "j")


def test_recording_from_threads_keeps_every_record(tmp_path: Path) -> None:
    with MarketDataStorage(100, record_to=tmp_path / "j") as storage:
        threads = [
            threading.Thread(
                target=lambda n: [
                    storage.push(f"S{n}", trade(START + i, i, i=n)) for i in range(300)
                ],
                args=(n,),
            )
            for n in range(1, 4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    back = MarketDataStorage.replay(tmp_path / "j", 300)
    for n in range(1, 4):
        rows = back.last(f"S{n}").view(DTYPES[Template.TRADE])
        assert rows["px"].tolist() == list(range(300))
