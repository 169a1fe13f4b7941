"""Feeds merged, blocks of a tick store and the storage in memory, against the plain way of each."""

import threading
from collections import deque
from pathlib import Path

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, Template
from tectra.feed.batch import LaneMerger, scan
from tectra.feed.itch import ItchFeed
from tectra.feed.storage import MarketDataStorage
from tectra.feed.synthetic import generate_day
from tectra.feed.tick_block import BlockEncoder, Codec, decode_block

LANES = 8


def trades(count: int, seed: int) -> np.ndarray:
    """Records with times that never go back."""
    dtype = DTYPES[Template.TRADE]
    out = np.zeros(count, dtype)
    out["block_length"], out["template_id"] = dtype.itemsize - 8, int(Template.TRADE)
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    rng = np.random.default_rng(seed)
    out["ts_recv_ns"] = np.sort(rng.integers(0, 1 << 40, count))
    return out


def test_merge_to_sort(gate: Gate) -> None:
    """Eight feeds in one order, against a stable sort of all of them at once."""
    lanes = [trades(gates.size(50_000, 100), seed) for seed in range(LANES)]
    slots = [lane.view(np.uint8) for lane in lanes]

    def merge() -> None:
        merger = LaneMerger(LANES)
        for i, part in enumerate(slots):
            rows = scan(part)
            merger.feed(i, part, rows, rows.ts_recv_ns)
            merger.end(i)
        while len(merger.take(1 << 14)[0]):
            pass

    def plain() -> None:
        every = np.concatenate(lanes)
        every[np.argsort(every["ts_recv_ns"], kind="stable")]

    gate(merge, plain, "feed.merge_to_sort")


def day_slots(tmp_path: Path) -> np.ndarray:
    path = tmp_path / "day.itch"
    generate_day(path, messages=gates.size(100_000, 2_000))
    feed, out = ItchFeed(path), []
    while (batch := feed.next_batch(1 << 16)) is not None:
        out.append(batch)
    return np.concatenate(out)


@pytest.mark.parametrize("codec", ["zstd", "lz4", "none"])
def test_blocks_to_memcpy(gate: Gate, tmp_path: Path, codec: Codec) -> None:
    """Stored blocks back to records, against a copy of the records."""
    slots = day_slots(tmp_path)
    encoder, stored = BlockEncoder(codec), []
    starts = scan(slots).slot
    for i in range(0, len(starts), 1 << 14):
        last = i + (1 << 14)
        end = int(starts[last]) if last < len(starts) else len(slots) // 64
        part = slots[int(starts[i]) * 64 : end * 64]
        rows = scan(part)
        tie = np.arange(len(rows.slot), dtype=np.uint64)
        stored.append(np.frombuffer(encoder.encode(part, rows, tie), np.uint8))
    size = sum(map(len, stored))
    print(
        f"{codec}: {size / len(starts):.1f} bytes a record, {len(slots) / size:.1f} times smaller"
    )

    def read() -> None:
        for one in stored:
            decode_block(one, "block")

    gate(read, slots.copy, f"feed.blocks_to_memcpy.{codec}")


def threaded(push, last) -> None:
    """Two writers of their own symbols and a reader of both."""
    count = gates.size(20_000, 50)

    def write(symbol: str) -> None:
        for _ in range(count):
            push(symbol)

    def read() -> None:
        for _ in range(count // 50):
            last("A")
            last("B")

    threads = [threading.Thread(target=write, args=(s,)) for s in "AB"]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_storage_to_lock_and_deque(gate: Gate) -> None:
    """Concurrent writers and a reader, against a lock around a deque of bytes for each symbol."""
    record = trades(1, 1).tobytes()
    storage = MarketDataStorage(256)
    queues = {s: deque(maxlen=256) for s in "AB"}
    lock = threading.Lock()

    def push_plain(symbol: str) -> None:
        with lock:
            queues[symbol].append(record)

    def last_plain(symbol: str) -> bytes:
        with lock:
            return b"".join(queues[symbol])

    gate(
        lambda: threaded(lambda symbol: storage.push(symbol, record), storage.last),
        lambda: threaded(push_plain, last_plain),
        "feed.storage_to_lock_and_deque",
    )
