"""B-05 and RE-06: one byte of one record of a journal is changed, with every checksum made right
again, and the replay stops at the first record that shows it; and a part of the engine that is
another is named as the part it is.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_scene import split
from journal_edit import records_of
from trading import write_strategy

import tectra as tt
from tectra.core.errors import TectraError
from tectra.core.msg import DIRECTION, DTYPES, Side, Template
from tectra.engine.compare import Comparator
from tectra.engine.divergence import Divergence
from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.session import SessionSpec
from tectra.feed.synthetic import generate_day
from tectra.journal.reader import JournalReader
from tectra.journal.verify import verify
from tectra.journal.writer import JournalWriter
from tectra.replay import ReplayReport, verify_replay
from tectra.replay.component import component_of
from tectra.replay.difference import Difference, difference_of

MAKER = "tectra.strategy.sample.maker:Maker"
BODY = 16  # behind what says which record it is, and which number it has


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("mutation")
    day = base / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=7, symbols=("AAPL", "MSFT"), messages=2_000)
    runs = [
        tt.StrategyRun(str(write_strategy(base / "mine.py")), {"every": 10}),
        tt.StrategyRun(MAKER, {"rest_ms": 500}, ("MSFT",)),
    ]
    tt.run_backtest(strategies=runs, data=day, out=base / "o")
    return base / "o"


def direction(row: Any) -> str:
    return DIRECTION[Template(int(row["template_id"]))]


def written(run: Path, rows: list[Any], out: Path) -> Path:
    """A closed journal of these records whose checksums all hold."""
    shutil.copytree(run / "strategies", out / "strategies")
    reader = JournalReader(run / "journal")
    with JournalWriter(
        out / "journal", session=dict(reader.session), segment_slots=16_384
    ) as journal:
        data = b"".join(r.tobytes() for r in rows)
        journal.append_many(np.frombuffer(data, np.uint8).copy())
        journal.close(result=reader.result)
    return out


def mutated(row: Any, rng: random.Random) -> Any:
    body = bytearray(row.tobytes())
    at = rng.randrange(BODY, len(body))
    body[at] ^= rng.randrange(1, 256)
    return np.frombuffer(body, row.dtype)[0]


def first_effect(run: Path, rows: list[Any]) -> int | None:
    """The oracle: inputs are stepped one by one through Python, and what came out is laid beside
    what the journal has behind each; the number of the first record that is not the same.
    """
    spec = SessionSpec.from_journal(JournalReader(run / "journal").session)
    pipeline = spec.make_pipeline(
        spec.load_classes(run / "journal"), capture_mask=OUTPUT_MASK, with_out_ring=False
    )
    at = 0
    while at < len(rows):
        row = rows[at]
        behind = at + 1
        while behind < len(rows) and direction(rows[behind]) == "output":
            behind += 1
        pipeline.drop_captured()
        try:
            pipeline.step_record(row.tobytes())
        except TectraError as error:
            if "names no rule, strategy or instrument" not in str(error):
                return int(row["ring_seq"])
        said = split(pipeline.captured())
        theirs = rows[at + 1 : behind]
        for k in range(max(len(said), len(theirs))):
            mine = said[k].tobytes() if k < len(said) else b""
            if k >= len(theirs) or mine != theirs[k].tobytes():
                return int(row["ring_seq"]) + 1 + k
        at = behind
    return None


def check(run: Path, rows: list[Any], at: int, report: ReplayReport) -> str:
    """What every mutation must come to; says which case it was."""
    seq = int(rows[at]["ring_seq"])
    if direction(rows[at]) == "output":
        assert report.difference is not None and report.difference.ring_seq == seq
        assert report.difference.component == component_of(Template(int(rows[at]["template_id"])))
        assert report.inputs_changed is False
        return "output"
    assert report.inputs_changed is True and not report.ok
    expected = first_effect(run, rows)
    if expected is None:
        assert report.difference is None
        return "input without effect"
    assert report.difference is not None and expected >= seq
    assert abs(report.difference.ring_seq - expected) <= 1, (report.difference, expected)
    return "input"


def mutate(run: Path, tmp_path: Path, count: int, seed: int) -> dict[str, int]:
    rng = random.Random(seed)
    original = list(records_of(run))
    of = {d: [i for i, r in enumerate(original) if direction(r) == d] for d in ("input", "output")}
    cases: dict[str, int] = {}
    for number in range(count):
        at = rng.choice(of["output" if number % 2 else "input"])
        rows = [*original[:at], mutated(original[at], rng), *original[at + 1 :]]
        out = written(run, rows, tmp_path / "changed")
        if number % 100 == 0:
            assert verify(out / "journal").ok, "only a replay can see it"
        case = check(run, rows, at, verify_replay(out))
        cases[case] = cases.get(case, 0) + 1
        shutil.rmtree(out)
    return cases


@pytest.mark.timeout(60)
def test_twenty_mutations(run, tmp_path):
    cases = mutate(run, tmp_path, 20, seed=1)
    assert cases["output"] == 10 and sum(cases.values()) == 20


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_three_hundred_mutations(run, tmp_path):
    cases = mutate(run, tmp_path, 300, seed=2)
    assert cases["output"] == 150 and cases["input"] > 20 and cases["input without effect"] > 20


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_ten_thousand_mutations(run, tmp_path):
    assert sum(mutate(run, tmp_path, 10_000, seed=3).values()) == 10_000


def replay_changed(run: Path, change: Callable[[Any], None], *, after: int) -> Difference:
    """The first difference of a replay in which `change(pipeline)` happens at an input, `after`
    records in.
    """
    spec = SessionSpec.from_journal(JournalReader(run / "journal").session)
    pipeline = spec.make_pipeline(
        spec.load_classes(run / "journal"), capture_mask=OUTPUT_MASK, with_out_ring=False
    )
    comparator = Comparator(pipeline)
    rows = list(records_of(run))
    after += next(i for i, r in enumerate(rows[after:]) if direction(r) == "input")
    before, behind = (
        np.frombuffer(b"".join(r.tobytes() for r in part), np.uint8)
        for part in (rows[:after], rows[after:])
    )
    assert comparator.run(before)
    change(pipeline)
    assert not comparator.run(behind)
    difference = difference_of(comparator.divergence)
    assert difference is not None
    return difference


def another_strategy(pipeline: Any) -> None:
    pipeline.strategies[0].size += 1


def another_limit(pipeline: Any) -> None:
    pipeline.risk.kill(strategy_id=1)


def another_order_table(pipeline: Any) -> None:
    order = pipeline.orders.open_orders()[0]
    pipeline.orders.on_cancel_ack(order.order_id, pipeline.now_ns)


def another_portfolio(pipeline: Any) -> None:
    for instrument in pipeline.instruments:
        for strategy_id in (1, 2):
            pipeline.portfolio.on_fill(
                strategy_id, instrument.instrument_id, Side.BUY, 1_000_000, 1
            )


class TestComponents:
    @pytest.mark.parametrize(
        ("change", "component", "template"),
        [
            (another_strategy, "strategy", Template.ORDER_INTENT),
            (another_limit, "risk", Template.ORDER_VERDICT),
            (another_order_table, "order manager", Template.ORDER_EVENT),
        ],
    )
    def test_a_part_that_is_another_is_named(self, run, change, component, template):
        found = replay_changed(run, change, after=1_500)
        assert found.component == component and template.name.lower() in found.record

    def test_another_portfolio(self, run):
        """Changed just before a fill tells of it: nobody has asked for a position by then."""
        rows = records_of(run)
        at = [i for i, r in enumerate(rows) if r["template_id"] == Template.ORDER_FILL][3]
        found = replay_changed(run, another_portfolio, after=at)
        assert found.component == "portfolio" and found.record == "position_update"

    @pytest.mark.parametrize(
        ("template", "field", "component"),
        [
            (Template.BOOK_METRICS, "bid_px", "book"),
            (Template.KILL_RESPONSE, "strategy_id", "engine"),
            (Template.CONTROL_ACK, "ts_recv_ns", "engine"),
        ],
    )
    def test_words_of_the_book_and_of_the_engine(self, template, field, component):
        dtype = DTYPES[template]
        a = np.zeros(1, dtype)[0]
        a["block_length"], a["template_id"], a["ring_seq"] = dtype.itemsize - 8, template, 7
        b = a.copy()
        b[field] += 1
        found = difference_of(Divergence(7, a.tobytes(), b.tobytes()))
        assert (found.ring_seq, found.component) == (7, component) and list(found.fields) == [field]

    def test_a_record_that_the_engine_cannot_take(self, run, tmp_path):
        """A fill larger than any position: the run could not have had it, and the replay says so
        where it stands.
        """
        rows = list(records_of(run))
        at = next(i for i, r in enumerate(rows) if r["template_id"] == Template.ORDER_FILL)
        row = rows[at].copy()
        row["px"], row["qty"] = 2**62, 2**62
        out = written(run, [*rows[:at], row, *rows[at + 1 :]], tmp_path / "o")
        report = verify_replay(out)
        assert not report.ok and report.inputs_changed
        assert report.difference.ring_seq - int(row["ring_seq"]) in (0, 1)
