"""The comparator: where an engine leaves a journal, both records, and what is left at the end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_edit import edited, nth, records_of

import tectra as tt
from tectra.core.msg import Template
from tectra.engine.compare import Comparator
from tectra.engine.divergence import Divergence
from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.strategy.sample.maker import Maker

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(scope="module")
def run(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compare") / "o"
    tt.run_backtest(strategy=Maker, params={"rest_ms": 1_000}, data=small_day, out=out)
    return out


def stepped(run: Path, rows: Sequence[Any], **options: Any) -> Comparator:
    spec = SessionSpec.from_journal(JournalReader(run / "journal").session)
    classes = spec.load_classes(run / "journal")
    pipeline = spec.make_pipeline(classes, capture_mask=OUTPUT_MASK, with_out_ring=False)
    comparator = Comparator(pipeline, **options)
    comparator.run(np.frombuffer(b"".join(r.tobytes() for r in rows), np.uint8))
    return comparator


def test_a_whole_journal_leaves_nothing(run):
    rows = records_of(run)
    found = stepped(run, rows)
    assert found.finish() is None and found.rest() == b""
    assert found.records == len(rows) and found.last_seq == int(rows[-1]["ring_seq"])
    assert found.first_ns == int(rows[0]["ts_recv_ns"])
    assert found.pipeline.ring_seq == len(rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: [edited(row, px=row["px"] + 1)], "the engine says it with other content"),
        (lambda row: [], "the engine says order_intent here"),
        (lambda row: [row, row], "the engine says order_event here"),
    ],
    ids=["changed", "dropped", "twice"],
)
def test_an_output_that_differs(run, change, said):
    rows = records_of(run)
    at = nth(rows, Template.ORDER_INTENT, 7)
    found = stepped(run, [*rows[:at], *change(rows[at]), *rows[at + 1 :]]).divergence
    assert isinstance(found, Divergence) and not found.is_gap
    assert found.engine[:4] in (rows[at].tobytes()[:4], rows[at + 1].tobytes()[:4])
    assert f"record {found.ring_seq}: the journal has " in str(found) and said in str(found)
    assert at + 1 <= found.ring_seq <= at + 2


def test_an_input_that_is_not_there(run):
    rows = records_of(run)
    at = next(i for i in range(3_000, len(rows)) if rows[i]["template_id"] < Template.ORDER_ACK)
    assert rows[at + 1]["template_id"] < Template.ORDER_ACK
    found = stepped(run, [*rows[:at], *rows[at + 1 :]]).divergence
    assert found.is_gap and found.ring_seq == at + 1 and found.engine == b""
    assert found.journal == rows[at + 1].tobytes()
    assert str(found).endswith(f"record {at + 1} is missing before it")


def test_what_the_journal_lacks_at_its_end(run):
    rows = records_of(run)
    at = nth(rows, Template.ORDER_INTENT, 7)
    found = stepped(run, rows[:at])
    assert found.divergence is None and found.rest().startswith(rows[at].tobytes())
    left = found.finish()
    assert left.journal == b"" and left.engine == rows[at].tobytes()
    assert left.ring_seq == at + 1 and "the journal has nothing" in str(left)
    assert stepped(run, rows, until_seq=at).finish() is None


def test_without_comparing_outputs_are_passed_over(run):
    rows = records_of(run)
    at = nth(rows, Template.ORDER_INTENT, 7)
    found = stepped(run, [*rows[:at], *rows[at + 1 :]], compare=False)
    assert found.divergence is None and found.finish() is None
    assert found.last_seq == len(rows) and found.outputs == 0
