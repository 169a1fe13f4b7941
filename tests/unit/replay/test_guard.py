"""B-03: what a callback asks of the machine is named, by the look at its source and by the guard of
its replay, or by a replay under another hash seed.
"""

import gc
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tectra as tt
from tectra.core.errors import InputError, NonDeterminismError, StateError, StrategyCallbackError
from tectra.core.msg import Template
from tectra.engine.compare import Comparator
from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.session import SessionSpec
from tectra.feed.synthetic import generate_day
from tectra.journal.reader import JournalReader
from tectra.replay import Guard, replay_under_seeds, verify_replay
from tectra.replay.seeds import other_seeds
from tectra.strategy import load_strategy, look_at

ASKS = """
import tectra as tt
{imports}

class Asks(tt.Strategy):
    def on_start(self, ctx):
        self.seen = 0

    def on_book_update(self, ctx, book):
        self.seen += 1
        if self.seen % 100 == 0 and book.tradeable:
            value = {ask}
            ctx.submit_order(book.instrument, tt.Side.BUY, qty=1 + int(value) % 97)

    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...
"""
ASK_LINE = 12


@pytest.fixture(scope="module")
def short_day(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("day") / "01052026.NASDAQ_ITCH50.gz"
    generate_day(path, seed=7, symbols=("AAPL",), messages=2_000)
    return path


@pytest.fixture
def run(short_day, tmp_path):
    def made(ask: str, imports: str = "", text: str = ASKS) -> Path:
        file = tmp_path / "asks.py"
        file.write_text(text.format(imports=imports, ask=ask))
        tt.run_backtest(strategy=str(file), data=short_day, out=tmp_path / "run")
        return tmp_path / "run"

    return made


# source -> how a strategy asks; what the guard calls it.
GUARDED = [
    ("clock", "import time", "time.time()", "time.time"),
    ("clock", "from time import time_ns as t", "t()", "time.time_ns"),
    ("stopwatch", "import time", "time.monotonic() * 1e6", "time.monotonic"),
    ("stopwatch", "from time import perf_counter_ns", "perf_counter_ns()", "time.perf_counter_ns"),
    ("date", "from datetime import datetime as d", "d.now().microsecond", "datetime.datetime.now"),
    ("date", "from datetime import date", "date.today().day", "datetime.date.today"),
    ("random", "import random", "random.random() * 97", "random.random"),
    ("random", "import random", "random.randint(0, 97)", "random.getrandbits"),
    ("random", "import random", "random.Random().random() * 97", "random.Random"),
    ("numpy random", "import numpy as np", "np.random.random() * 97", "numpy.random.random"),
    ("uuid", "import uuid", "uuid.uuid4().int", "uuid.uuid4"),
    ("uuid", "import uuid", "uuid.uuid1().int", "uuid.uuid1"),
    ("entropy", "import os", "os.urandom(1)[0]", "os.urandom"),
    ("entropy", "import secrets", "secrets.randbelow(97)", "random.SystemRandom"),
    ("entropy", "import numpy as np", "np.random.default_rng().random()", "random.SystemRandom"),
    ("id", "", "id(book) >> 4", "id"),
    ("thread", "import threading", "threading.Thread(target=int).start() or 1", "threading.Thread"),
    ("thread", "import _thread", "_thread.start_new_thread(int, ()) % 9",
     "_thread.start_new_thread"),
    ("process", "import subprocess", "len(subprocess.check_output(['true']))", "subprocess.Popen"),
    ("process", "import os", "os.system('true')", "os.system"),
    ("network", "import socket", "socket.socket().close() or 1", "socket.__new__"),
    ("environment", "import os", "len(os.environ['PATH'])", "os.environ"),
    ("environment", "import os", "len(os.getenv('PATH', ''))", "os.environ"),
    ("environment", "import os", "os.getpid()", "os.getpid"),
    ("file", "import os", "os.close(os.open(__file__, 0)) or 1", "open("),
    ("file", "from pathlib import Path", "len(Path(__file__).read_text())", "open("),
    ("memory", "import gc", "gc.get_count()[0]", "gc.get_count"),
    ("environment", "import resource", "resource.getrusage(0).ru_maxrss", "resource.getrusage"),
]  # fmt: skip
SEEDED = [
    ("set order", "", "ord(next(iter({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})))"),
    ("hash", "", "hash(book.symbol) % 97"),
]


TRIED = """
            try:
                value += int({ask}) % 97
            except Exception:
                value += 1"""


COLLECTS = ASKS.replace("value = {ask}", "value = len([[] for _ in range(5_000)])")


def test_what_a_collection_of_garbage_runs_is_not_the_callbacks(run):
    asked: list[str] = []

    class Ring:
        def __init__(self):
            self.me = self

        def __del__(self):
            asked.append(f"finalizer {time.time() > 0}")

    def monitor(phase, info):
        frame = sys._getframe()
        names = set()
        while frame is not None:
            names.add(frame.f_code.co_name)
            frame = frame.f_back
        if "on_book_update" in names:
            asked.append(f"{phase} {time.perf_counter() > 0}")
        if phase == "start":
            Ring()

    done = run("", text=COLLECTS)
    before = list(gc.callbacks)
    gc.callbacks.append(monitor)
    try:
        report = verify_replay(done)
    finally:
        gc.callbacks.remove(monitor)
    assert report.ok and report.caught == ()
    assert {"start True", "stop True", "finalizer True"} == set(asked)
    assert gc.callbacks == before


def test_the_guard_names_every_source(short_day, tmp_path):
    """One strategy that asks for everything and swallows what comes of it, so that one replay shows
    every place.
    """
    imports = "\n".join(dict.fromkeys(c[1] for c in GUARDED if c[1]))
    tries = "".join(TRIED.format(ask=c[2]) for c in GUARDED)
    file = tmp_path / "asks.py"
    text = ASKS.replace("value = {ask}", "value = 0" + tries).format(imports=imports)
    file.write_text(text.replace("qty=1 + int(value) % 97", "qty=1 + value % 97"))
    lines = file.read_text().split("\n")
    place = {ask: next(n for n, x in enumerate(lines, 1) if f"int({ask})" in x)
             for _, _, ask, _ in GUARDED}  # fmt: skip
    seen = {(f.line, f.source) for f in look_at(load_strategy(str(file))).findings}
    asked = {(place[ask], "numpy random" if "np." in ask else kind) for kind, _, ask, _ in GUARDED}
    assert seen == asked
    tt.run_backtest(strategy=str(file), data=short_day, out=tmp_path / "run")
    report = verify_replay(tmp_path / "run")
    assert report.guarded and not report.ok
    kept = str(tmp_path / "run" / "strategies" / "1.py")
    found = {c.line: c for c in report.caught}
    assert set(found) == set(place.values()) and len(report.caught) == len(GUARDED)
    for source, _, ask, call in GUARDED:
        caught = found[place[ask]]
        assert (caught.source, caught.file) == (source, kept), ask
        assert caught.call.startswith(call), ask
        assert (caught.strategy, caught.callback) == ("Asks", "on_book_update")


@pytest.mark.parametrize("number", [0, 17])
def test_the_guard_stops_the_replay_there(run, number):
    source, imports, ask, call = GUARDED[number]
    out = run(ask, imports)
    report = verify_replay(out)
    (caught,) = report.caught
    assert caught.source == source and caught.call.startswith(call)
    intents = JournalReader(out / "journal").column_view(Template.ORDER_INTENT)
    assert caught.ring_seq == intents["cause_seq"][0]
    text = "\n".join(report.lines())
    kept = out / "strategies" / "1.py"
    assert f"NOT REPEATABLE: {kept}:{ASK_LINE}: Asks.on_book_update called {call}" in text
    assert report.difference is None and report.raised is None and "equal" not in text


@pytest.mark.parametrize("given", ["", "None", "a=None"])
def test_a_generator_that_is_seeded_anew_by_the_machine(run, given):
    out = run(f"[RNG.seed({given}), RNG.random() * 97][1]", "import random\nRNG = random.Random(1)")
    (caught,) = verify_replay(out).caught
    assert (caught.source, caught.call) == ("random", "random.Random.seed")


@pytest.mark.parametrize(("source", "imports", "ask"), SEEDED)
def test_another_hash_seed_shows_it(run, tmp_path, source, imports, ask):
    out = run(ask, imports)
    (found,) = look_at(load_strategy(str(tmp_path / "asks.py"))).findings
    assert found.source == source and found.line == ASK_LINE
    assert verify_replay(out).ok, "in the process that ran it, a set keeps its order"
    seeds = replay_under_seeds(out, [11, 12])
    assert [s.seed for s in seeds] == [11, 12]
    different = [s for s in seeds if not s.ok]
    assert different and "order_intent: qty: journal" in different[0].difference
    assert f"PYTHONHASHSEED={different[0].seed}: DIFFERENT at record" in str(different[0])


def test_at_least_twelve_sources():
    assert len({c[0] for c in GUARDED} | {c[0] for c in SEEDED}) >= 12


FINE = [
    ("import random", "random.Random(7).random() * 97"),
    ("import random", "[r := random.Random(7), r.seed(3), r.random() * 97][2]"),
    ("import numpy as np", "np.random.default_rng(3).random() * 97"),
    ("", "ctx.random.integers(0, 97)"),
    ("", "ctx.now_ns % 97"),
    ("", "max(sorted({'a', 'b'})) == 'b'"),
    ("import logging", "logging.getLogger('mine').warning('here') or 1"),
    ("import copy", "len(copy.deepcopy({'a': [1]}))"),
    ("import time", "time.gmtime(97).tm_sec"),
    ("", "__import__('colorsys').ONE_THIRD"),
    ("import traceback", "len(traceback.format_stack()) > 0"),
]


def test_what_can_be_repeated_passes(run):
    imports = "\n".join(dict.fromkeys(c[0] for c in FINE))
    report = verify_replay(run(" + ".join(f"int({c[1]})" for c in FINE), imports))
    assert report.ok and report.guarded and not report.caught, list(report.lines())


def test_without_the_guard_the_outputs_speak(run):
    out = run("time.time_ns()", "import time")
    report = verify_replay(out, guard=False)
    assert not report.guarded and not report.caught and not report.ok
    assert report.difference.component == "strategy" and "qty" in report.difference.fields


SWALLOWS = ASKS.replace(
    "            value = {ask}\n",
    "            try:\n                value = {ask}\n"
    "            except Exception:\n                value = 3\n",
)


def test_what_a_strategy_swallows_is_named_all_the_same(run):
    report = verify_replay(run("time.time() * 1e6", "import time", SWALLOWS))
    (caught,) = report.caught
    assert caught.call == "time.time" and not report.ok
    assert report.difference is not None, "the call was not made, so its value is another"


def test_numpy_functions_taken_out_of_their_module_are_seen_at_the_end(run):
    out = run("normal() * 1e6", "from numpy.random import normal")
    (caught,) = verify_replay(out).caught
    assert caught.source == "numpy random" and caught.callback is None
    assert caught.line == ASK_LINE
    assert "during the replay" in str(caught)


def test_the_guard_lets_go(run):
    out = run("1", "import time, os")
    shared = np.random
    before = shared.random
    assert verify_replay(out).ok
    assert sys.getprofile() is None and shared.random is before
    threading.Thread(target=int).start()
    assert os.getpid() and Path(__file__).read_text()


def test_outside_of_callbacks_anything_goes_and_inside_it_raises(run, short_day):
    out = run("time.time()", "import time")
    reader = JournalReader(out / "journal")
    spec = SessionSpec.from_journal(reader.session)
    classes = spec.load_classes(out / "journal")
    pipeline = spec.make_pipeline(classes, capture_mask=OUTPUT_MASK, with_out_ring=False)
    comparator = Comparator(pipeline)
    with Guard(pipeline) as guard:
        threading.Thread(target=int).start()
        assert not guard.caught
        comparator.run(next(reader.slots()).reshape(-1))
        assert os.environ["PATH"]
    assert isinstance(comparator.raised, StrategyCallbackError)
    assert isinstance(comparator.raised.__cause__, NonDeterminismError)
    assert len(guard.caught) == 1


def test_a_profiler_is_not_pushed_aside(run):
    out = run("1")
    seen = []
    sys.setprofile(lambda *a: seen.append(a))
    try:
        assert not verify_replay(out).guarded
        with pytest.raises(StateError, match="active profiler"):
            verify_replay(out, guard=True)
    finally:
        sys.setprofile(None)
    assert seen


def test_a_thread_of_somebody_else_is_left_alone(run, monkeypatch):
    """Only the thread that replays is watched."""
    out = run("sum(range(200))")
    stop = threading.Event()

    def other() -> None:
        while not stop.is_set():
            os.close(os.open(__file__, os.O_RDONLY))

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert verify_replay(out).ok
    finally:
        stop.set()
        thread.join()


RAISES = ASKS.replace(
    "            value = {ask}\n", "            value = {ask} / (self.seen - 100)\n"
)


def test_an_exception_is_reproduced_with_its_traceback(short_day, tmp_path):
    file = tmp_path / "asks.py"
    file.write_text(RAISES.format(imports="", ask="1"))
    with pytest.raises(StrategyCallbackError) as raised:
        tt.run_backtest(strategy=str(file), data=short_day, out=tmp_path / "run")
    seq = raised.value.ring_seq
    for guard in (True, False):
        report = verify_replay(tmp_path / "run", guard=guard)
        assert report.ok and not report.ended and not report.caught
        assert f"raised at record {seq}: ZeroDivisionError" in report.raised
        assert "value = 1 / (self.seen - 100)" in report.trace and ".pyx" not in report.trace
        assert report.trace.count("File ") == 1


def test_other_seeds(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    assert other_seeds(3) == [1, 3, 4]
    monkeypatch.delenv("PYTHONHASHSEED")
    assert other_seeds(2) == [1, 2] and other_seeds(0) == []


def test_a_replay_that_cannot_run_under_another_seed(tmp_path):
    with pytest.raises(StateError, match=r"PYTHONHASHSEED=1 ended with code 1: .*no journal at"):
        replay_under_seeds(tmp_path / "nosuch", [1])
    with pytest.raises(InputError, match="seed: found -1"):
        replay_under_seeds(tmp_path, [-1])
