"""An ITCH day as columns and as objects, against the decoder alone and the plain way of each."""

import struct
from pathlib import Path

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.columns import RecordColumns
from tectra.core.msg import DTYPES, Template
from tectra.core.record import encode, iter_records
from tectra.feed.columns import iter_columns
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_day import write_market_day
from tectra.journal.scan import walk

# The fields of a BOOK_ADD behind its message header.
ADD = struct.Struct("<8xQqqIBBHQqq")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("columns") / "day.itch"
    messages, symbols = gates.size(300_000, 2_000), gates.size(100, 4)
    write_market_day(path, messages=messages, symbols=symbols, seed=1)
    return path


def slots_of(day: Path, most: int) -> np.ndarray:
    with ItchFeed(day) as feed:
        batch = feed.next_batch(most)
    assert batch is not None
    return batch


def test_columns_to_records(gate: Gate, day: Path) -> None:
    """Every field of every message as columns, against decoding alone."""
    out = np.empty(4096 * 64, np.uint8)

    def columns() -> None:
        with ItchFeed(day) as feed:
            for _ in iter_columns(feed):
                pass

    def records() -> None:
        with ItchFeed(day) as feed:
            while feed.next_batch_into(out):
                pass

    gate(columns, records, "feed.columns_to_records")


def test_columns_to_numpy(gate: Gate, day: Path) -> None:
    """Records to columns, against NumPy: a mask for each template, a copy for each field."""
    slots = slots_of(day, 1 << 14)
    columns = RecordColumns()

    def scattered() -> None:
        columns.add(slots)
        columns.take()

    def plain() -> None:
        starts, _ = walk(slots)
        rows = slots.reshape(-1, 64)
        numbers = rows[starts, 2]
        for number in np.unique(numbers):
            dtype = DTYPES[Template(int(number))]
            at = starts[numbers == number]
            parts = [rows[at + i] for i in range(dtype.itemsize // 64)]
            records = np.concatenate(parts, axis=1).view(dtype).reshape(-1)
            for name in (dtype.names or ())[4:]:
                np.ascontiguousarray(records[name])

    gate(scattered, plain, "feed.columns_to_numpy")


def test_objects_to_struct(gate: Gate) -> None:
    """Records as objects with four fields read, against tuples of the struct module."""
    one = encode("book_add", ts_event_ns=1 << 60, side=2, order_ref=1 << 40, px=1_000_000, qty=100)
    count = gates.size(20_000, 100)
    slots = one * count

    def objects() -> int:
        return sum(
            1 for r in iter_records(slots) if r.px > 0 and r.qty > 0 and r.side and r.ts_event_ns
        )

    def tuples() -> int:
        return sum(1 for r in ADD.iter_unpack(slots) if r[8] > 0 and r[9] > 0 and r[4] and r[1])

    assert objects() == tuples() == count
    gate(objects, tuples, "record.objects_to_struct")
