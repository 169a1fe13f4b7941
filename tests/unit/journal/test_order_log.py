"""The order log of a real run against the run's own records, by a plain loop."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tectra.backtest.run import run_backtest
from tectra.core.msg import OrderState, Template
from tectra.core.record import decode
from tectra.journal import JournalReader, JournalWriter, Query
from tectra.journal.order_log import ORDER_TEMPLATES, OrderLog, OrderRow
from tectra.journal.retention import compact_journal

pytestmark = pytest.mark.timeout(30)  # a whole run, once


@pytest.fixture(scope="module")
def journal(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("log") / "run"
    run_backtest(strategy="tectra.strategy.sample.steady", data=small_day, out=out)
    return out / "journal"


def test_the_ten_fields() -> None:
    assert OrderRow._fields == (
        "timestamp_ns", "event_type", "order_id", "exchange", "symbol", "side", "price", "qty",
        "status", "metadata",
    )  # fmt: skip


def test_every_order_record_is_a_row(journal: Path) -> None:
    reader = JournalReader(journal)
    rows = list(OrderLog(reader).rows())
    records = [decode(view) for t, view in reader.records() if t in ORDER_TEMPLATES]
    assert len(rows) == len(records) > 100
    state: dict[int, str] = defaultdict(lambda: "NONE")
    for row, record in zip(rows, records, strict=True):
        order_id = record.get_int("order_id")
        if record.template is Template.ORDER_EVENT:
            state[order_id] = OrderState(record.get_int("to_state")).name
        assert (row.timestamp_ns, row.order_id) == (record.get_int("ts_recv_ns"), order_id)
        assert row.metadata["ring_seq"] == record.get_int("ring_seq")
        assert row.status == state[order_id]
        assert row.symbol in ("AAPL", "MSFT")
        assert row.exchange == "Nasdaq"
        assert Decimal(row.qty) == record.get_int("qty")
        if row.price is not None:
            assert Decimal(row.price) == Decimal(record.get_int("px")).scaleb(-4)
    kinds = {row.event_type for row in rows}
    assert {"intent_submit", "verdict_accepted", "send_submit", "ack", "report_fill"} <= kinds


def test_by_order_and_by_time_with_and_without_an_index(journal: Path) -> None:
    log = OrderLog(JournalReader(journal))
    every = list(log.rows())
    some = every[len(every) // 2]
    seq = some.metadata["ring_seq"]
    window = {"start_ns": some.timestamp_ns, "end_ns": some.timestamp_ns + 10**11}
    queries = {
        Query(order_id=some.order_id): [r for r in every if r.order_id == some.order_id],
        Query(**window): [
            r for r in every if window["start_ns"] <= r.timestamp_ns < window["end_ns"]
        ],
        Query(start_seq=seq, stop_seq=seq + 1): [some],
        Query(order_id=some.order_id, start_seq=seq): [
            r for r in every if r.order_id == some.order_id and r.metadata["ring_seq"] >= seq
        ],
        Query(order_id=2**60): [],
        Query(limit=7): every[:7],
        Query(order_id=some.order_id, start_seq=seq, limit=1): [some],
    }
    for _ in range(2):
        for query, want in queries.items():
            assert list(OrderLog(JournalReader(journal)).rows(query)) == want
            assert want or query.order_id == 2**60
        compact_journal(journal)


def test_a_mapping_names_the_exchanges(journal: Path) -> None:
    rows = OrderLog(JournalReader(journal), exchanges={}).rows(Query(limit=1))
    assert next(rows).exchange == "6"
    rows = OrderLog(JournalReader(journal), exchanges={6: "XNAS"}).rows(Query(limit=1))
    assert next(rows).exchange == "XNAS"


def test_orders_in_flight_at_every_cut(journal: Path, tmp_path: Path) -> None:
    """As after a crash at that record: those whose last transition does not end them."""
    reader = JournalReader(journal)
    done = {"FILLED", "CANCELLED", "REJECTED", "EXPIRED"}
    events = [decode(v) for t, v in reader.records() if t is Template.ORDER_EVENT]
    seen_some = 0
    for cut in range(3, 90, 7):
        stop = events[cut].get_int("ring_seq") + 1
        path = tmp_path / str(cut)
        with JournalWriter(path, session=reader.session, segment_slots=1 << 15) as writer:
            for slots in reader.slots(None, stop):
                writer.append_many(slots)
        last = {e.get_int("order_id"): e for e in events[: cut + 1]}
        want = {
            i: OrderState(e.get_int("to_state")).name
            for i, e in last.items()
            if OrderState(e.get_int("to_state")).name not in done
        }
        found = OrderLog(JournalReader(path)).in_flight()
        assert {f.order_id: f.status for f in found} == want
        assert [f.order_id for f in found] == sorted(want)
        for one in found:
            event = last[one.order_id]
            assert Decimal(one.leaves_qty) == event.get_int("leaves_qty")
            assert one.last_ring_seq == event.get_int("ring_seq")
        seen_some += len(found)
    assert seen_some > 3
    assert OrderLog(reader).in_flight() == []
