"""What if: equal when nothing changes, equal up to the change, and then what the change did."""

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from engine_scene import Quiet
from journal_edit import crashed, edited, nth, records_of, rewritten
from trading import write_strategy

import tectra as tt
from tectra.backtest import SimSetup
from tectra.core.errors import InputError, JournalError, ParameterError, StoppedError
from tectra.core.msg import IntentAction, Template
from tectra.core.stop import clear_stop, request_stop
from tectra.engine.session import SessionSpec
from tectra.journal.reader import JournalReader
from tectra.replay import verify_replay
from tectra.research.whatif import Alternative, what_if
from tectra.risk.limits import LimitScope
from tectra.strategy.sample.maker import Maker

MINUTES = tt.BacktestConfig(sample_ns=60_000_000_000)
DERIVED = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"


@pytest.fixture(scope="module")
def day(make_day) -> Path:
    return make_day(6_000)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """Where the strategies of these runs are, as files: two that rest and set timers."""
    path = tmp_path_factory.mktemp("what")
    far = "px - 5_000 if side is tt.Side.BUY else px + 5_000"
    for name, interval in (("Momentum", 7), ("Other", 5)):
        file = write_strategy(path / f"{name}.py", instead="class Momentum", by=f"class {name}")
        start = f"self.updates = 0\n        ctx.set_timer(interval_ns={interval} * 10**12)"
        text = file.read_text().replace("self.updates = 0", start, 1)
        text = text.replace("px=px", f"px=px if self.updates % 80 else {far}")
        file.write_text(text.replace('tif="IOC"', 'tif="DAY"'))
    return path


@pytest.fixture(scope="module")
def run(day, base) -> Path:
    tt.run_backtest(strategy=str(base / "Momentum.py"), data=day, config=MINUTES, out=base / "run")
    return base / "run"


@pytest.fixture(scope="module")
def middle(run) -> int:
    """The number of an input that is no market record, in the middle of the run."""
    rows = records_of(run)
    fills = [int(r["ring_seq"]) for r in rows if r["template_id"] == Template.ORDER_FILL]
    return fills[len(fills) // 2]


def same_curve(a: Any, b: Any) -> bool:
    return np.array_equal(a.ts_ns, b.ts_ns) and np.array_equal(a.total, b.total)


def test_nothing_changed_is_equal(run, day, base):
    found = what_if(run)
    assert found.b.diff.divergence is None, list(found.b.diff.lines())
    assert found.equal and found.b.equal and found.b.before_equal and not found.notes
    assert found.b.diff.shared == len(records_of(run))
    first = tt.run_backtest(strategy=str(base / "Momentum.py"), data=day, config=MINUTES)
    assert same_curve(found.a.equity, first.equity)
    assert same_curve(found.b.side.equity, first.equity)
    assert found.a.figures == found.b.side.figures
    assert list(found.a.strategies) == list(first.strategies)
    assert {row["status"] for row in found.b.orders} == {"same"}
    assert "B is equal to A" in "\n".join(found.lines())


@pytest.mark.parametrize("strategy", ["Momentum.py", "tectra.strategy.sample.maker"])
def test_nothing_changed_is_equal_on_recorded_data(test_data, base, tmp_path, strategy):
    """With jitter in the latency and more than one strategy: every draw is the same again."""
    chosen = str(base / strategy) if strategy.endswith(".py") else strategy
    sim = tt.SimConfig(latency=tt.LatencyConfig(entry_ns=50_000, jitter_ns=200_000, seed=3))
    config = tt.BacktestConfig(date="2012-06-21", sim=sim, seed=11)
    runs = [tt.StrategyRun(chosen), tt.StrategyRun(Maker, {"rest_ms": 700})]
    first = tt.run_backtest(
        strategies=runs, data=test_data / DERIVED, config=config, out=tmp_path / "o"
    )
    found = what_if(tmp_path / "o")
    assert found.equal and found.b.diff.shared > 60_000
    assert same_curve(found.b.side.equity, first.equity)
    assert found.a.pnl == found.b.side.pnl == first.pnl


def test_other_parameters_from_the_start_are_another_run(run, day, base, tmp_path):
    found = what_if(run, Alternative(params={"every": 25}), out=tmp_path / "o")
    other = tt.run_backtest(
        strategy=str(base / "Momentum.py"),
        params={"every": 25},
        data=day,
        config=MINUTES,
        out=tmp_path / "p",
    )
    assert found.b.side.pnl == other.pnl != found.a.pnl
    assert same_curve(found.b.side.equity, other.equity)
    assert found.b.said == ("parameter Momentum.every: 40 -> 25",)
    digests = [JournalReader(p / "journal").result["output_digest"]
               for p in (tmp_path / "o", tmp_path / "p")]  # fmt: skip
    assert digests[0] == digests[1]
    assert verify_replay(tmp_path / "o").ok and found.b.before_equal is None


def test_parameters_in_the_middle(run, middle, tmp_path):
    change = Alternative(params={"every": 20, "size": 300}, at_seq=middle)
    found = what_if(run, change, out=tmp_path / "o")
    assert found.b.before_equal and found.b.changed_seq > middle
    divergence = found.b.diff.divergence
    assert divergence.ring_seq == found.b.changed_seq == found.b.diff.shared + 1
    assert divergence.component == "operator"
    assert found.b.diff.consequence.component == "strategy"
    rows = JournalReader(tmp_path / "o" / "journal").column_view(Template.CONTROL_PARAM)
    assert [(r["name"], int(r["value_i"])) for r in rows] == [(b"every", 20), (b"size", 300)]
    intents = JournalReader(tmp_path / "o" / "journal").column_view(Template.ORDER_INTENT)
    submits = intents[intents["action"] == IntentAction.SUBMIT]
    late = submits["ring_seq"] > found.b.changed_seq
    assert set(submits["qty"][late].tolist()) == {300} and late.any()
    assert set(submits["qty"][~late].tolist()) == {100} and (~late).any()
    assert verify_replay(tmp_path / "o").ok
    # The alternative is a run as any other: unchanged, it is equal to itself.
    assert what_if(tmp_path / "o").equal


def test_the_same_place_by_number_and_by_time(run, middle):
    seq = what_if(run, Alternative(params={"every": 20}, at_seq=middle)).b.changed_seq
    rows = records_of(run)
    following = next(r for r in rows[middle:] if r["template_id"] < Template.ORDER_ACK)
    by_time = Alternative(params={"every": 20}, at_ns=int(following["ts_recv_ns"]))
    assert what_if(run, by_time).b.changed_seq == seq == int(following["ring_seq"])


@pytest.mark.parametrize("cancel", [True, False])
def test_another_strategy_takes_over(run, base, middle, tmp_path, cancel):
    change = Alternative(
        strategy=str(base / "Other.py"), params={"size": 7}, at_seq=middle, cancel_orders=cancel
    )
    found = what_if(run, change, out=tmp_path / "o")
    assert found.b.before_equal and verify_replay(tmp_path / "o").ok
    view = JournalReader(tmp_path / "o" / "journal").column_view(Template.ORDER_INTENT)
    late = view[view["ring_seq"] > found.b.changed_seq]
    submits = late[late["action"] == IntentAction.SUBMIT]
    assert set(submits["qty"].tolist()) == {7}
    assert bool((late["action"] == IntentAction.CANCEL).any()) is cancel
    names = sorted(p.name for p in (tmp_path / "o" / "strategies").iterdir() if p.is_file())
    assert names == ["1.py", "1.then.py"]
    (kept := tmp_path / "o" / "strategies" / "1.then.py").write_text(kept.read_text() + "\n")
    with pytest.raises(JournalError, match="its code is not the one that ran"):
        verify_replay(tmp_path / "o")


def test_another_strategy_from_the_start(run, day, base):
    found = what_if(run, Alternative(strategy=Maker, params={"rest_ms": 900}))
    other = tt.run_backtest(strategy=Maker, params={"rest_ms": 900}, data=day, config=MINUTES)
    assert found.b.side.pnl == other.pnl and same_curve(found.b.side.equity, other.equity)
    assert [m.strategy for m in found.b.side.strategies] == ["Maker"]


@pytest.mark.parametrize("at", ["start", "middle"])
def test_other_limits(run, middle, at):
    limits = tt.RiskLimits(default=LimitScope(order_qty_max=Decimal(99)))
    change = Alternative(limits=limits, at_seq=middle if at == "middle" else None)
    found = what_if(run, change)
    refused = found.b.side.verdicts["MAX_QTY"]
    if at == "start":
        assert refused == found.b.side.figures["orders"] > 0 == found.b.side.figures["fills"]
        assert found.b.diff.divergence.component == "operator"
    else:
        assert 0 < refused < found.b.side.figures["orders"] and found.b.before_equal
        assert found.b.diff.consequence.component == "risk"
    assert found.a.verdicts["MAX_QTY"] == 0
    assert "limit default.order_qty_max: 10000 -> 99" in found.b.said


def test_several_alternatives_share_the_original(run, tmp_path):
    wanted = [Alternative(params={"every": n}, label=f"every {n}") for n in (40, 20, 80)]
    seen: list[tuple[int, int]] = []
    found = what_if(run, *wanted, out=tmp_path / "o", progress=lambda *step: seen.append(step))
    assert [one.equal for one in found.alternatives] == [True, False, False]
    assert found.notes == ("every 40: the change made no difference to any record",)
    orders = [one.side.figures["orders"] for one in found.alternatives]
    assert orders[1] > orders[0] == found.a.figures["orders"] > orders[2]
    for one in wanted:
        assert verify_replay(tmp_path / "o" / one.label).ok
    assert (tmp_path / "o" / "whatif.html").is_file()
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1]


def test_html_and_json(run, middle, tmp_path):
    what_if(run, Alternative(params={"every": 20}, at_seq=middle), out=tmp_path / "o")
    page = (tmp_path / "o" / "whatif.html").read_text()
    for text in ("What if: parameter Momentum.every: 40 -&gt; 20", "Equity after fees", "<svg",
                 "up to it both are equal, byte for byte", "only B", "B - A"):  # fmt: skip
        assert text in page, text
    assert "<script" not in page and "http" not in page
    back = json.loads((tmp_path / "o" / "whatif.json").read_text())
    one = back["alternatives"][0]
    assert one["before_equal"] is True and one["diff"]["divergence"]["component"] == "operator"
    assert one["figures"]["fills"] == len(one["positions"])
    assert len(one["equity"]["ts_ns"]) == len(one["equity"]["total"]) > 100
    rows = {row["status"] for row in one["orders"]}
    assert rows >= {"same", "only B"}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"params": {"evry": 1}}, ParameterError, "unknown parameter 'evry'"),
        ({"params": {"size": 0}}, ParameterError, "size"),
        ({"params": {"Maker": {"rest_ms": 1}}}, InputError, "allowed: Momentum"),
        ({"strategy": 7}, InputError, "give a class"),
        ({"strategy": Maker, "at_seq": 5_000}, InputError, "is compiled"),
        ({"params": {"size": 2}, "at_seq": 10**9}, InputError, "last market record is"),
        ({"params": {"size": 2}, "at_ns": 2**62}, InputError, "last market record is"),
    ],
)
def test_what_is_refused_leaves_no_trace(run, tmp_path, change, error, text):
    with pytest.raises(error, match=text):
        what_if(run, Alternative(**change), out=tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_two_places_and_two_labels_are_refused(run):
    with pytest.raises(InputError, match="one of the two"):
        Alternative(at_seq=1, at_ns=1)
    for label in ("B", "A", "x/y", ".."):
        with pytest.raises(InputError, match="label"):
            what_if(run, Alternative(), Alternative(label=label), Alternative(label=label))


def without_sim(run: Path, out: Path, mode: str = "live") -> Path:
    copy = rewritten(run, out, lambda rows: rows)
    manifest = copy / "journal" / "manifest.json"
    session = dict(JournalReader(run / "journal").session, mode=mode, sim={})
    return _with_session(run, out, session, manifest)


def _with_session(run: Path, out: Path, session: dict[str, object], manifest: Path) -> Path:
    from tectra.journal.writer import JournalWriter

    slots = b"".join(r.tobytes() for r in records_of(run))
    shutil.rmtree(manifest.parent)
    with JournalWriter(out / "journal", session=session) as journal:
        journal.append_many(np.frombuffer(slots, np.uint8).copy())
        journal.close(result=JournalReader(run / "journal").result)
    return out


def test_a_run_that_a_venue_answered_needs_an_exchange(run, tmp_path):
    live = without_sim(run, tmp_path / "o")
    with pytest.raises(InputError, match="journal of a live run that names no simulated exchange"):
        what_if(live)
    slow = tt.SimConfig(latency=tt.LatencyConfig(entry_ns=90_000_000_000))
    found = what_if(live, sim=SimSetup(exchange=slow, sample_ns=MINUTES.sample_ns))
    assert not found.simulated_fills_only and "are simulated" in found.notes[0]
    assert not found.equal and found.b.side.figures["fills"] != found.a.figures["fills"]
    same = what_if(live, sim=SimSetup(sample_ns=MINUTES.sample_ns))
    assert same.equal, "the exchange that had answered"


def test_a_set_up_that_did_not_run_is_told(run, middle, tmp_path):
    """The journal claims another latency than the one that answered it."""
    spec = SessionSpec.from_journal(JournalReader(run / "journal").session)
    sim = {**spec.sim, "exchange": {"latency": {"entry_ns": 70_000_000}}}
    session = msgspec.structs.replace(spec, sim=sim).to_journal()
    copy = rewritten(run, tmp_path / "o", lambda rows: rows)
    _with_session(run, copy, session, copy / "journal" / "manifest.json")
    found = what_if(copy, Alternative(params={"every": 20}, at_seq=middle))
    assert found.b.before_equal is False and "the set-up is not the one" in found.notes[0]


def test_an_original_that_does_not_replay_is_told(run, tmp_path):
    def change(rows: list[Any]) -> list[Any]:
        at = nth(rows, Template.POSITION_UPDATE, 3)
        rows[at] = edited(rows[at], realized=rows[at]["realized"] + 1)
        return rows

    found = what_if(rewritten(run, tmp_path / "o", change))
    assert not found.equal and "A does not replay" in found.notes[0]
    assert found.b.diff.divergence.component == "portfolio"


def test_a_strategy_that_raises_raises_again(day, base, tmp_path):
    late = "self.updates += 1\n        if self.updates > 900: 1 / self.zero"
    file = write_strategy(tmp_path / "raises.py", instead="self.updates += 1", by=late)
    file.write_text(file.read_text().replace("self.updates = 0", "self.updates = self.zero = 0"))
    with pytest.raises(tt.TectraError):
        tt.run_backtest(strategy=str(file), data=day, config=MINUTES, out=tmp_path / "o")
    found = what_if(tmp_path / "o")
    assert found.equal and "ZeroDivisionError" in found.a.raised
    assert found.b.side.raised == found.a.raised
    assert "raised: " in "\n".join(found.lines())
    other = what_if(tmp_path / "o", Alternative(strategy=str(base / "Momentum.py")))
    assert other.b.side.raised is None and other.a.raised


def test_a_run_without_an_end(run, tmp_path):
    """A journal whose writer died: the alternative ends where the market data do."""
    at = len(records_of(run)) // 2
    cut = crashed(run, tmp_path / "o", at)
    found = what_if(cut)
    assert found.b.diff.shared >= at - 5
    if found.b.diff.divergence is not None:  # the cut went through the middle of a step
        assert found.b.diff.divergence.a is None
    assert found.a.figures["fills"] == found.b.side.figures["fills"]


class Stopper(Quiet):
    def on_book_update(self, ctx, book):
        request_stop()


def test_a_stop_is_heard(run):
    try:
        with pytest.raises(StoppedError, match="stopped on request"):
            what_if(run, Alternative(strategy=Stopper))
    finally:
        clear_stop()


def test_json_of_the_report(run):
    found = what_if(run)
    back = json.loads(orjson.dumps(found.as_dict(), default=str))
    assert back["equal"] and back["alternatives"][0]["orders"][0]["status"] == "same"
