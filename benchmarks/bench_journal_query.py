"""The journal as a store: what an index saves."""

from pathlib import Path

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, Template
from tectra.journal import JournalQuery, JournalReader, JournalWriter, Query
from tectra.journal.retention import compact_journal

ORDERS = 250
BETWEEN = 1_000  # market data records between two orders
EVENTS = 8  # records of an order


def _rows(template: Template, first: int, count: int) -> np.ndarray:
    """Consecutive records of one type, a microsecond apart, prices on a random walk."""
    rng = np.random.default_rng(first)
    rows = np.zeros(count, DTYPES[template])
    rows["block_length"] = rows.dtype.itemsize - 8
    rows["template_id"] = int(template)
    rows["schema_id"], rows["version"] = SCHEMA_ID, SCHEMA_VERSION
    rows["ring_seq"] = np.arange(first, first + count)
    rows["ts_event_ns"] = rows["ts_recv_ns"] = rows["ring_seq"].astype(np.int64) * 1_000
    rows["instrument_id"] = rng.integers(1, 6, count)
    rows["px"] = 1_000_000 + 100 * np.cumsum(rng.integers(-1, 2, count))
    rows["qty"] = rng.integers(1, 500, count)
    return rows


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Market data with an order now and then, packed and indexed."""
    path = tmp_path_factory.mktemp("journal") / "j"
    with JournalWriter(path, session={}) as writer:
        for order in range(1, 1 + gates.size(ORDERS, 3)):
            adds = _rows(Template.BOOK_ADD, writer.last_ring_seq + 1, BETWEEN)
            adds["order_ref"] = adds["ring_seq"]
            writer.append_many(adds.view(np.uint8))
            events = _rows(Template.ORDER_EVENT, writer.last_ring_seq + 1, EVENTS)
            events["order_id"] = order
            writer.append_many(events.view(np.uint8))
    compact_journal(path)
    return path


def test_query_of_an_order(gate: Gate, journal: Path) -> None:
    """An order's events by the index / by reading everything; each opens the journal anew."""
    query = Query(order_id=gates.size(ORDERS, 3) // 2 + 1)

    def ask(*, use_index: bool) -> int:
        found = JournalQuery(JournalReader(journal), query, use_index=use_index)
        return sum(1 for _ in found.records())

    assert ask(use_index=True) == ask(use_index=False) == EVENTS
    gate(
        lambda: ask(use_index=True),
        lambda: ask(use_index=False),
        "journal.query_indexed_to_scan",
    )
