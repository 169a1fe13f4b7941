"""Two journals: the first record that differs, and what differs behind it by component."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from journal_edit import edited, nth, records_of, rewritten
from trading import write_strategy

import tectra as tt
from tectra.core.errors import JournalError
from tectra.core.msg import DIRECTION, DTYPES, Template
from tectra.journal.reader import JournalReader
from tectra.replay.component import COMPONENTS, component_of
from tectra.replay.diff import diff_journals


@pytest.fixture(scope="module")
def day(make_day) -> Path:
    return make_day(6_000)


@pytest.fixture(scope="module")
def run(day, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("diff")
    # Signals, decisions and timers are in it, beside orders and fills.
    text = "ctx.signal('imbalance', book.imbalance, book.instrument)\n        "
    text += "ctx.decide('take', side=side)\n        ctx.submit_order"
    file = write_strategy(base / "mine.py", instead="ctx.submit_order", by=text)
    source = file.read_text().replace(
        "self.updates = 0", "self.updates = 0\n        ctx.set_timer(interval_ns=10**12)", 1
    )
    file.write_text(source)
    tt.run_backtest(strategy=str(file), data=day, out=base / "o")
    return base / "o"


def with_metrics(rows: list[Any]) -> list[Any]:
    """Metrics of a book behind a record, as a session that says them has it."""
    row = np.zeros(1, DTYPES[Template.BOOK_METRICS])[0]
    at = nth(rows, Template.BOOK_ADD, 100) + 1
    dtype = DTYPES[Template.BOOK_METRICS]
    row["block_length"], row["template_id"] = dtype.itemsize - 8, Template.BOOK_METRICS
    row["schema_id"], row["version"] = rows[0]["schema_id"], rows[0]["version"]
    row["ring_seq"], row["ts_recv_ns"] = rows[at]["ring_seq"], rows[at - 1]["ts_recv_ns"]
    row["bid_px"] = 7
    later = [edited(r, ring_seq=r["ring_seq"] + 1) for r in rows[at:]]
    return [*rows[:at], row, *later]


@pytest.fixture(scope="module")
def base(run, tmp_path_factory) -> Path:
    return rewritten(run, tmp_path_factory.mktemp("base") / "a", with_metrics)


def test_a_journal_is_equal_to_itself(run, tmp_path):
    found = diff_journals(run, run / "journal")
    assert found.equal and found.divergence is None and not found.inputs_differ
    assert found.shared == len(records_of(run))
    assert not any(c.differ for c in found.components) and not found.settings
    assert "equal: " in "\n".join(found.lines())
    copy = rewritten(run, tmp_path / "o", lambda rows: rows)
    assert diff_journals(run, copy).equal


@pytest.mark.parametrize(
    ("template", "field", "component"),
    [
        (Template.BOOK_METRICS, "bid_px", "book"),
        (Template.STRATEGY_SIGNAL, "value", "strategy"),
        (Template.STRATEGY_DECISION, "confidence", "strategy"),
        (Template.ORDER_INTENT, "px", "strategy"),
        (Template.ORDER_VERDICT, "found", "risk"),
        (Template.ORDER_EVENT, "leaves_qty", "order manager"),
        (Template.ORDER_SEND, "qty", "order manager"),
        (Template.POSITION_UPDATE, "net_qty", "portfolio"),
        (Template.PNL_UPDATE, "total", "portfolio"),
        (Template.BOOK_ADD, "px", "market data"),
        (Template.BOOK_REPLACE, "qty", "market data"),
        (Template.ORDER_FILL, "fee", "venue"),
        (Template.CONTROL_LIMIT, "new_value", "operator"),
        (Template.TIMER, "due_ns", "timer"),
        (Template.SESSION, "seed", "session"),
    ],
)
def test_a_change_of_one_record_is_one_difference_of_its_component(
    base, tmp_path, template, field, component
):
    where: dict[str, int] = {}

    def change(rows: list[Any]) -> list[Any]:
        at = nth(rows, template, 0)
        row = edited(rows[at], **{field: rows[at][field] + 1})
        where["seq"] = int(row["ring_seq"])
        return [*rows[:at], row, *rows[at + 1 :]]

    found = diff_journals(base, rewritten(base, tmp_path / "b", change), context=3)
    first = found.divergence
    assert (first.ring_seq, first.component, first.record) == (
        where["seq"],
        component,
        template.name.lower(),
    )
    assert list(first.fields) == [field] and len(first.context) == min(3, where["seq"] - 1)
    assert {c.component: c.differ for c in found.components if c.differ} == {component: 1}
    assert found.inputs_differ is (component in ("market data", "operator", "session"))
    assert f"DIFFERENT at record {where['seq']}, {component}" in "\n".join(found.lines())


@pytest.mark.parametrize(
    "template",
    [
        Template.BOOK_ADD,
        Template.ORDER_FILL,
        Template.ORDER_INTENT,
        Template.ORDER_VERDICT,
        Template.ORDER_EVENT,
        Template.ORDER_SEND,
        Template.POSITION_UPDATE,
        Template.STRATEGY_DECISION,
    ],
)
@pytest.mark.parametrize("side", ["a", "b"])
def test_a_record_that_one_side_lacks_is_one_difference_of_its_component(
    run, tmp_path, template, side
):
    def drop(rows: list[Any]) -> list[Any]:
        at = nth(rows, template, 1)
        return [*rows[:at], *rows[at + 1 :]]

    less = rewritten(run, tmp_path / "less", drop)
    found = diff_journals(less, run) if side == "a" else diff_journals(run, less)
    assert found.divergence.component == component_of(template)
    counted = {c.component: (c.changed, c.only_a, c.only_b) for c in found.components if c.differ}
    if template in (Template.ORDER_EVENT, Template.ORDER_INTENT):
        # What is left of the order moves up by one place, or loses the name it is matched by.
        assert component_of(template) in counted
    else:
        expected = (0, 0, 1) if side == "a" else (0, 1, 0)
        assert counted == {component_of(template): expected}


def test_where_one_ends_first(run, tmp_path):
    short = rewritten(run, tmp_path / "o", lambda rows: rows[:-1], close=False)
    found = diff_journals(run, short)
    assert found.divergence.component == "portfolio" and found.divergence.b is None
    assert found.divergence.record == "A has pnl_update here, B nothing"
    text = "\n".join(found.lines())
    assert "B nothing" in text and "B did not come to its end" in text
    assert diff_journals(short, run).divergence.a is None


def test_other_orders_of_the_same_market(run, day, tmp_path):
    """A run with another parameter: the market is the same, the orders that both sent match."""
    strategy = str(run.parent / "mine.py")
    tt.run_backtest(strategy=strategy, data=day, params={"every": 20}, out=tmp_path / "o")
    found = diff_journals(run, tmp_path / "o")
    by = {c.component: c for c in found.components}
    assert found.divergence.component == "strategy" and not found.inputs_differ
    assert by["market data"].differ == 0 and by["market data"].a == by["market data"].b
    intents = [JournalReader(p / "journal").column_view(Template.ORDER_INTENT)
               for p in (run, tmp_path / "o")]  # fmt: skip
    assert len(intents[1]) > 1.9 * len(intents[0])
    # Every order of A is one of B's as well: only B's own are "only B".
    assert by["strategy"].only_a == 0
    assert by["strategy"].only_b == by["strategy"].b - by["strategy"].a
    assert found.settings["strategies.1.params.every"] == (40, 20)
    assert found.totals["orders"] == (len(intents[0]), len(intents[1]))


def test_many_market_records_that_differ_are_counted_without_order(run, tmp_path):
    def change(rows: list[Any]) -> list[Any]:
        return [
            edited(r, qty=r["qty"] + 1) if r["template_id"] == Template.BOOK_ADD else r
            for r in rows
        ]

    n = JournalReader(run / "journal").count_by_template()[Template.BOOK_ADD]
    found = diff_journals(run, rewritten(run, tmp_path / "o", change))
    market = next(c for c in found.components if c.component == "market data")
    assert n > 2_000 and (market.only_a, market.only_b) == (n, n)
    assert found.inputs_differ


def test_the_first_word_that_a_changed_input_caused(run, tmp_path):
    def change(rows: list[Any]) -> list[Any]:
        at = nth(rows, Template.ORDER_FILL, 3)
        change.seq = int(rows[at]["ring_seq"])
        later = nth(rows[at:], Template.POSITION_UPDATE, 0) + at
        rows[at] = edited(rows[at], fee=rows[at]["fee"] + 5)
        rows[later] = edited(rows[later], fees=rows[later]["fees"] + 5)
        change.word = int(rows[later]["ring_seq"])
        return rows

    found = diff_journals(run, rewritten(run, tmp_path / "o", change))
    assert (found.divergence.component, found.divergence.ring_seq) == ("venue", change.seq)
    said = found.consequence
    assert (said.component, said.ring_seq, list(said.fields)) == (
        "portfolio",
        change.word,
        ["fees"],
    )
    assert "the first of the engine's words that differs: record" in "\n".join(found.lines())


def test_every_template_has_its_component():
    assert {component_of(t) for t in DIRECTION} == set(COMPONENTS)


def test_json_form(run, day, tmp_path):
    tt.run_backtest(strategy=str(run.parent / "mine.py"), data=day,
                    params={"every": 60}, out=tmp_path / "o")  # fmt: skip
    found = diff_journals(run, tmp_path / "o")
    back = json.loads(orjson.dumps(found.as_dict(), default=str))
    assert back["equal"] is False and back["divergence"]["component"] == "strategy"
    assert back["components"][0]["component"] == "market data"
    assert back["totals"]["P&L"][0] != back["totals"]["P&L"][1]


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_journal(run, tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError, match="no journal at"):
        diff_journals(run, tmp_path / name)
