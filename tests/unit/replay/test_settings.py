"""B-01 and B-02: a recorded session is replayed in fresh processes under other hash seeds, batch
and segment sizes, collectors, processors and allocators; every output is equal and so are the
digests of inputs, outputs and final state.
"""

import itertools
import json
import platform
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import replay_settings
from trading import Momentum

import tectra as tt
from tectra.feed.synthetic import generate_day
from tectra.journal.reader import JournalReader
from tectra.journal.writer import JournalWriter

MAKER = "tectra.strategy.sample.maker:Maker"
STRATEGY = """
import tectra as tt
from tectra.core.msg import Side

class Mine(tt.Strategy):
    every: int = tt.param(40, ge=1)

    def on_start(self, ctx):
        self.updates = 0
        self.known = set()
        self.sums = {}
        ctx.set_timer(interval_ns=60_000_000_000)

    def on_book_update(self, ctx, book):
        self.updates += 1
        self.known.add(book.symbol)
        self.sums[book.symbol] = self.sums.get(book.symbol, 0.0) * 0.9 + book.imbalance
        if not book.tradeable or self.updates % self.every:
            return
        leading = max(sorted(self.known), key=lambda s: self.sums[s])
        side, px = (Side.BUY, book.ask_px) if book.imbalance > 0 else (Side.SELL, book.bid_px)
        size = 100 + ctx.random.integers(0, 50)
        ctx.submit_order(book.instrument, side, qty=size, px=px, tif="IOC")
        ctx.signal(leading, self.sums[leading], book.instrument)

    def on_trade(self, ctx, trade): ...

    def on_fill(self, ctx, fill):
        ctx.decide(f"{len(self.known)} symbols", side=fill.side)

    def on_timer(self, ctx, timestamp):
        for order in ctx.get_open_orders():
            ctx.cancel_order(order.order_id)

    def on_params_update(self, params): ...
"""


def record(base: Path, messages: int) -> Path:
    """A session with a Python and a compiled strategy."""
    day = base / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=3, symbols=("AAPL", "MSFT", "NVDA"), messages=messages)
    (base / "mine.py").write_text(STRATEGY)
    runs = [
        tt.StrategyRun(str(base / "mine.py")),
        tt.StrategyRun(MAKER, {"rest_ms": 250}, ("MSFT", "NVDA")),
    ]
    tt.run_backtest(strategies=runs, data=day, config=tt.BacktestConfig(seed=9), out=base / "run")
    return base / "run"


def segmented(run: Path, out: Path, slots: int) -> Path:
    """The same session in segments of another size."""
    shutil.copytree(run / "strategies", out / "strategies")
    reader = JournalReader(run / "journal")
    session = dict(reader.session)
    with JournalWriter(out / "journal", session=session, segment_slots=slots) as journal:
        for part in reader.slots():
            journal.append_many(part.copy())
        journal.close(result=reader.result)
    return out


def child(run: Path, env: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """A replay in a fresh process; `seed` is its PYTHONHASHSEED, `malloc` its allocator, `aslr`
    whether its addresses are left to chance.
    """
    env = {**env, "PYTHONHASHSEED": str(settings["seed"])}
    if settings.get("malloc"):
        env["PYTHONMALLOC"] = settings["malloc"]
    fixed = shutil.which("setarch") if settings.get("aslr") is False else None
    command = [fixed, platform.machine(), "-R"] if fixed else []
    command += [sys.executable, "-P", replay_settings.__file__, str(run), json.dumps(settings)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def prove(run: Path, env: dict[str, str], tmp_path: Path, chosen: list[dict[str, Any]]) -> None:
    """Every setting gives what the run itself recorded, and one final state."""
    recorded = JournalReader(run / "journal").result
    runs = {0: run}
    states = set()
    for settings in chosen:
        slots = settings.get("segment", 0)
        if slots not in runs:
            runs[slots] = segmented(run, tmp_path / f"segments-{slots}", slots)
        said = child(runs[slots], env, settings)
        assert said["difference"] is None and not said["caught"], settings
        for name in ("inputs", "outputs", "input_digest", "output_digest"):
            assert said[name] == recorded[name], (name, settings)
        states.add(said["state_digest"])
    assert len(states) == 1


FIVE: list[dict[str, Any]] = [
    {"seed": 0},
    {"seed": 1, "chunk": 7, "gc": "off", "cpu": 0, "malloc": "malloc"},
    {"seed": 4_294_967_295, "segment": 4_096, "gc": 1, "guard": True},
    {"seed": "random", "segment": 50_000, "chunk": 1_000, "pause": True, "aslr": False},
    {"seed": 77, "chunk": 1, "cold": True},
]


@pytest.mark.timeout(60)
def test_three_settings(tmp_path, fresh_env):
    """20,000 records, and the settings that are furthest apart."""
    run = record(tmp_path, 20_000)
    assert JournalReader(run / "journal").record_count > 20_000
    prove(run, fresh_env, tmp_path, FIVE[1:4])


@pytest.mark.timeout(30)
def test_the_proof_can_fail(tmp_path, fresh_env):
    """A strategy that goes by the order of a set is not equal under every seed."""
    spoiled = STRATEGY.replace("max(sorted(self.known), key=lambda s: self.sums[s])",
                               "list({*self.known, 'a', 'b', 'c', 'd', 'e'})[0]").replace(
                               "self.sums[leading]", "1.0")  # fmt: skip
    day = tmp_path / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=3, symbols=("AAPL", "MSFT"), messages=3_000)
    (tmp_path / "mine.py").write_text(spoiled)
    tt.run_backtest(strategy=str(tmp_path / "mine.py"), data=day, out=tmp_path / "run")
    said = [child(tmp_path / "run", fresh_env, {"seed": seed}) for seed in (1, 2, 3)]
    differing = [s["difference"] for s in said if s["difference"]]
    assert differing and all("strategy, strategy_signal" in d for d in differing)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_million_records_five_times(tmp_path, fresh_env):
    run = record(tmp_path, 1_000_000)
    assert JournalReader(run / "journal").record_count > 1_000_000
    prove(run, fresh_env, tmp_path, FIVE)


FACTORS: dict[str, tuple[Any, Any]] = {
    "seed": (0, "random"),
    "segment": (0, 4_096),
    "chunk": (0, 13),
    "gc": ("on", 1),
    "cpu": (None, 0),
    "malloc": ("", "malloc"),
    "aslr": (True, False),
}


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_thirty_two_of_the_128_settings(tmp_path, fresh_env):
    every = [dict(zip(FACTORS, v, strict=True)) for v in itertools.product(*FACTORS.values())]
    assert len(every) == 128
    run = record(tmp_path, 300_000)
    prove(run, fresh_env, tmp_path, random.Random(2).sample(every, 32))


def test_the_same_objects_twice_in_one_process(tmp_path):
    """A second replay in a process begins where the first one did."""
    day = tmp_path / "01052026.NASDAQ_ITCH50.gz"
    generate_day(day, seed=3, symbols=("AAPL",), messages=3_000)
    tt.run_backtest(strategy=Momentum, data=day, out=tmp_path / "run")
    first = replay_settings.replayed(tmp_path / "run", {})
    assert first["difference"] is None and first["outputs"] > 100
    assert replay_settings.replayed(tmp_path / "run", {"chunk": 5, "guard": True}) == first
