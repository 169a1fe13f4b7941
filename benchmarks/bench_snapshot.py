"""Warm start: an engine from its image, against stepping the same records again."""

from time import perf_counter_ns

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.msg import DTYPES, Side, Template
from tectra.core.record import encode
from tectra.core.types import Exchange
from tectra.engine import Pipeline, build_pipeline, load_state, save_state
from tectra.engine.snapshot import SnapshotStore
from tectra.refdata.instrument import Instrument
from tectra.strategy.sample.idle import Idle


def fresh(symbols: int) -> Pipeline:
    pipeline = build_pipeline(
        [Instrument(i, f"S{i}", Exchange.NASDAQ, tick=100) for i in range(1, symbols + 1)],
        capture_mask=0,
        with_out_ring=False,
    )
    pipeline.add_strategy(Idle())
    return pipeline


def adds(symbols: int, orders: int) -> list[bytes]:
    """Orders over all symbols, a thousand prices each side."""
    like = np.frombuffer(encode(Template.BOOK_ADD), DTYPES[Template.BOOK_ADD])
    rows = np.repeat(like, orders)
    n = np.arange(orders)
    rows["instrument_id"] = n % symbols + 1
    rows["order_ref"] = n + 1
    rows["qty"] = 100
    rows["side"] = np.where(n // symbols % 2, Side.BUY, Side.SELL)
    rows["px"] = np.where(
        n // symbols % 2, 1_000_000 - 100 * (n * 7 % 1_000), 1_000_100 + 100 * (n * 7 % 1_000)
    )
    rows["ts_event_ns"] = rows["ts_recv_ns"] = n + 1
    return [row.tobytes() for row in rows]


def stepped(symbols: int, records: list[bytes]) -> Pipeline:
    pipeline = fresh(symbols)
    for row in records:
        pipeline.step_record(row)
    return pipeline


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("symbols", [1, 100])
def test_restore(symbols: int, compression: str, tmp_path) -> None:
    """PF-16: a snapshot of 100,000 orders in books is an engine again in less than 100 ms."""
    records = adds(symbols, gates.size(100_000, 100))
    image = save_state(stepped(symbols, records))
    with SnapshotStore(tmp_path, epoch=1, compression=compression) as store:
        path = store.write(image)
        best = 1 << 62
        for _ in range(gates.size(5, 1)):
            pipeline = fresh(symbols)
            start = perf_counter_ns()
            load_state(pipeline, store.read(path).image)
            best = min(best, perf_counter_ns() - start)
    assert save_state(pipeline) == image
    print(
        f"\n{symbols} symbols, {len(records):,} orders, {compression}: {path.stat().st_size:,} "
        f"bytes, file to engine {best / 1e6:.1f} ms"
    )
    if not gates.TINY:
        assert best < 100_000_000


def test_warm_start(gate: Gate) -> None:
    """JW-17: what left the books costs a replay, but not an image."""
    records = adds(10, gates.size(20_000, 100))
    gone = np.repeat(
        np.frombuffer(encode(Template.BOOK_DELETE), DTYPES[Template.BOOK_DELETE]),
        len(records) * 9 // 10,
    )
    gone["instrument_id"] = np.arange(len(gone)) % 10 + 1
    gone["order_ref"] = np.arange(len(gone)) + 1
    gone["ts_recv_ns"] = len(records)
    records += [row.tobytes() for row in gone]
    image = save_state(stepped(10, records))

    def subject() -> None:
        load_state(fresh(10), image)

    def yardstick() -> None:
        stepped(10, records)

    gate(subject, yardstick, "snapshot.load_to_step")
