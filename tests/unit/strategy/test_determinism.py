"""The look at a strategy's source: what is named, what is not, and where it is said."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tectra.strategy import Look, Strategy, load_strategy, look_at, validate_strategy
from tectra.strategy.sample.maker import Maker

HEAD = """
import tectra as tt
{imports}

{top}

class Mine(tt.Strategy):
    {attributes}
    def on_start(self, ctx):
        {start}
        pass

    def on_book_update(self, ctx, book):
        {body}
        pass

    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...

{below}
"""


def source(
    body: str = "",
    *,
    imports: str = "",
    start: str = "",
    top: str = "",
    below: str = "",
    attributes: str = "",
) -> str:
    def deep(text: str) -> str:
        return text.replace("\n", "\n        ")

    return HEAD.format(
        imports=imports,
        top=top,
        attributes=attributes,
        start=deep(start),
        body=deep(body),
        below=below,
    )


@pytest.fixture
def look(tmp_path: Path):
    def made(body: str = "", **parts: str) -> Look:
        path = tmp_path / "mine.py"
        path.write_text(source(body, **parts))
        return look_at(load_strategy(str(path)))

    return made


def kinds(found: Look) -> set[str]:
    return {f.source for f in found.findings}


CASES = [
    ("clock", "import time", "time.time()"),
    ("clock", "from time import time_ns as t", "t()"),
    ("clock", "import time", "time.strftime('%H')"),
    ("stopwatch", "import time", "time.monotonic()"),
    ("stopwatch", "from time import perf_counter_ns", "a = perf_counter_ns() - 3"),
    ("date", "import datetime as dt", "dt.datetime.now()"),
    ("date", "from datetime import datetime", "datetime.utcnow().hour"),
    ("date", "from datetime import date", "date.today()"),
    ("date", "import numpy as np", "np.datetime64('now')"),
    ("date", "import numpy as np", "np.array(np.datetime64('today', 'D'))"),
    ("date", "import pandas as pd", "pd.Timestamp('now', tz='UTC')"),
    ("date", "import pandas as pd", "pd.to_datetime(['today'])"),
    ("time zone", "from datetime import datetime", "datetime.fromtimestamp(ctx.now_ns / 1e9)"),
    ("time zone", "from datetime import date", "date.fromtimestamp(ctx.now_ns / 1e9)"),
    ("time zone", "import time", "time.mktime(self.day)"),
    ("thread", "import threading", "threading.get_ident()"),
    ("environment", "import resource", "resource.getrusage(0)"),
    ("random", "import random", "random.random()"),
    ("random", "from random import choice", "choice([1, 2])"),
    ("random", "import random", "random.Random()"),
    ("numpy random", "import numpy.random as npr", "npr.normal()"),
    ("numpy random", "import numpy as np", "np.random.rand(3)"),
    ("numpy random", "import numpy as np", "np.random.default_rng(None)"),
    ("uuid", "import uuid", "str(uuid.uuid4())"),
    ("uuid", "from uuid import uuid1", "uuid1()"),
    ("entropy", "import os", "os.urandom(8)"),
    ("entropy", "import secrets", "secrets.token_hex()"),
    ("hash", "", "hash(book.symbol)"),
    ("id", "", "id(book)"),
    ("thread", "import threading", "threading.Thread(target=print).start()"),
    ("thread", "from concurrent.futures import ThreadPoolExecutor as P", "P()"),
    ("thread", "import _thread", "_thread.start_new_thread(print, ())"),
    ("process", "import subprocess", "subprocess.run(['ls'])"),
    ("process", "import multiprocessing as mp", "mp.Process(target=print).start()"),
    ("asyncio", "import asyncio", "asyncio.run(self.go())"),
    ("network", "import socket", "socket.create_connection(('127.0.0.1', 9))"),
    ("network", "from urllib.request import urlopen", "urlopen('http://127.0.0.1')"),
    ("network", "import http.client", "http.client.HTTPConnection('127.0.0.1')"),
    ("environment", "import os", "os.environ['HOME']"),
    ("environment", "import os", "os.environ.get('HOME')"),
    ("environment", "from os import getenv, getpid", "getpid()"),
    ("file", "", "open('levels.txt').read()"),
    ("file", "from pathlib import Path", "Path('levels.txt').read_text()"),
    ("file", "import numpy as np", "np.loadtxt('levels.txt')"),
    ("memory", "import gc", "gc.collect()"),
    ("memory", "import weakref", "weakref.ref(book, print)"),
    ("memory", "import weakref", "weakref.finalize(book, print)"),
]


@pytest.mark.parametrize(("source", "imports", "body"), CASES)
def test_what_asks_the_machine_is_named(look, tmp_path, source, imports, body):
    if "pandas" in imports:
        pytest.importorskip("pandas")
    (found,) = look(body, imports=imports).findings
    assert found.source == source and found.where == "Mine.on_book_update"
    text = (tmp_path / "mine.py").read_text().split("\n")
    assert body in text[found.line - 1]
    assert found.why in str(found) and found.instead in str(found)
    assert str(found).startswith(f"{tmp_path / 'mine.py'}:{found.line}: ")


def test_twelve_sources_and_more_have_a_case():
    assert len({c[0] for c in CASES} | {"set order", "shared state"}) >= 18


ORDERED = [
    "for s in {'a', 'b'}: self.x = s",
    "for s in set(['a', 'b']): self.x = s",
    "for s in {i.symbol for i in ctx.instruments}: self.x = s",
    "self.x = [s for s in frozenset(('a', 'b'))]",
    "self.x = {s: 1 for s in {'a', 'b'}}",
    "names = {'a'} | {'b'}\nfor s in names: self.x = s",
    "names = set()\nnames.add(book.symbol)\nself.x = list(names)",
    "names: set[str] = set()\nself.x = tuple(names)",
    "self.x = ','.join({'a', 'b'})",
    "self.x = {'a', 'b'}.pop()",
    "self.x = next(iter({'a', 'b'}))",
    "first, second = {'a', 'b'}",
    "self.x = [*{'a', 'b'}]",
    "ctx.decide(f'{self.names}')",
    "for s in self.names: self.x = s",
    "for s in self.names - {'a'}: self.x = s",
    "for s in self.names.union({'c'}): self.x = s",
    "self.x = sum(float(len(s)) * 0.1 for s in self.names)",
    "self.x = max(self.names, key=len)",
    "for s in {'a': 1}.keys() & {'b': 2}.keys(): self.x = s",
    "for s in (yes := {'a', 'b'}): self.x = s",
    "for i, s in enumerate(self.names): self.x = s",
    "self.list = []\nself.list.extend(self.names)",
]
FREE = [
    "for s in sorted({'a', 'b'}): self.x = s",
    "self.x = 'a' in self.names",
    "self.x = len(self.names)",
    "self.x = self.names | {'c'}",
    "self.x = {s.lower() for s in self.names}",
    "self.x = any(s == 'a' for s in self.names)",
    "self.x = max(self.names)",
    "self.x = sum(1 for s in self.names)",
    "for n in {1, 2, 3}: self.x = n",
    "for n in self.order_ids: self.x = n",
    "waiting = {ctx.submit_order(book.instrument, 1, qty=1)}\nfor n in waiting: self.x = n",
    "known: set[int] = set(self.many)\nfor n in known: self.x = n",
    "for s in {'a': 1, 'b': 2}: self.x = s",
    "for s in {'a': 1}.items(): self.x = s",
    "for s in ['a', 'b']: self.x = s",
    "names = ['a']\nfor s in names: self.x = s",
    "self.table = {}\nfor k, v in self.table.items(): self.x = k\nself.table.pop(3, None)",
    "stack = ['a']\nself.x = stack.pop()",
]
NAMED = "self.names = {i.symbol for i in ctx.instruments}\nself.order_ids = set()\n"
NAMED += "self.order_ids.add(book_id := 3)\nself.many = []"


@pytest.mark.parametrize("body", ORDERED)
def test_the_order_of_a_set_is_named(look, body):
    found = look(body, start=NAMED)
    assert kinds(found) == {"set order"}, found
    assert "sorted(" in str(found.findings[0])


@pytest.mark.parametrize("body", FREE)
def test_what_does_not_ask_for_the_order_is_not(look, body):
    assert not look(body, start=NAMED).findings


FINE = [
    ("import random", "self.rng = random.Random(7)"),
    ("import numpy as np", "self.rng = np.random.default_rng(seed=3)"),
    ("import numpy as np", "self.rng = np.random.Generator(np.random.PCG64(1))"),
    ("from numpy.random import Generator", "rng: Generator | None = None"),
    ("import time", "time.gmtime(3)"),
    ("import numpy as np", "np.datetime64(ctx.now_ns, 'ns')"),
    ("import numpy as np", "np.zeros(3, np.datetime64)"),
    ("import pandas as pd", "pd.Timestamp('2026-01-05T09:30', tz='UTC')"),
    ("from datetime import UTC, datetime", "datetime.fromtimestamp(ctx.now_ns / 1e9, UTC)"),
    ("from datetime import UTC, datetime", "datetime.fromtimestamp(ctx.now_ns / 1e9, tz=UTC)"),
    ("", "ctx.random.uniform()"),
    ("", "a = ctx.now_ns"),
    ("import uuid", "uuid.uuid5(uuid.NAMESPACE_DNS, 'x')"),
    ("", "hash(3)"),
    ("", "a = hash(self.count * 7)"),
    ("", "time = book\ntime.time"),
    ("import time", "def inner(time): return time.time()\ninner(book)"),
    ("import os", "a = os.path.join('a', 'b')"),
    ("from urllib.parse import quote", "quote('a')"),
    ("import datetime", "datetime.datetime.fromtimestamp(3, datetime.timezone.utc)"),
    ("import weakref", "weakref.ref(book)"),
    ("import threading", "a: threading.Thread | None = None"),
    ("import logging", "logging.getLogger('mine').warning('x')"),
    ("import numpy as np", "np.array([1, 2]).mean()"),
    ("import math", "math.sqrt(2)"),
]


@pytest.mark.parametrize(("imports", "body"), FINE)
def test_what_can_be_repeated_is_not(look, imports, body):
    if "pandas" in imports:
        pytest.importorskip("pandas")
    assert not look(body, imports=imports).findings


class TestReach:
    def test_functions_and_classes_of_the_module(self, look):
        below = (
            "def helper(n):\n    return deeper(n)\n\n"
            "def deeper(n):\n    return time.time()\n\n"
            "class Desk:\n    def __init__(self):\n        self.made = random.random()\n\n"
            "def never():\n    return uuid.uuid4()\n"
        )
        found = look("helper(3)\nDesk()", imports="import time, random, uuid", below=below)
        assert [(f.where, f.source) for f in found.findings] == [
            ("deeper", "clock"),
            ("Desk.__init__", "random"),
        ]

    def test_what_runs_at_import_and_what_is_a_script(self, look):
        found = look(
            imports="import time",
            top="START = time.time()",
            below='if __name__ == "__main__":\n    print(time.time())',
        )
        assert [(f.where, f.source) for f in found.findings] == [("the module", "clock")]

    def test_a_module_next_to_it(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "near_helpers.py").write_text(
            "import time\nfrom near_deeper import choose\n\ndef now():\n    return time.time()\n\n"
            "def pick():\n    return choose()\n\ndef unused():\n    return time.monotonic()\n"
        )
        (tmp_path / "near_deeper.py").write_text(
            "import random\n\ndef choose():\n    return random.choice([1, 2])\n"
        )
        path = tmp_path / "mine.py"
        imports = "from near_helpers import now\nimport near_helpers as h"
        path.write_text(source("now()\nh.pick()", imports=imports))
        found = look_at(load_strategy(str(path)))
        assert [(Path(f.file).name, f.where, f.source) for f in found.findings] == [
            ("near_deeper.py", "choose", "random"),
            ("near_helpers.py", "now", "clock"),
        ]
        assert len(found.files) == 3

    def test_a_directory_full_of_modules(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        for n in range(20):
            (tmp_path / f"near_{n:02}.py").write_text("import time\n\ndef f(): time.time()\n")
        names = [f"near_{n:02}" for n in range(20)]
        path = tmp_path / "mine.py"
        body = "\n".join(f"{n}.f()" for n in names)
        path.write_text(source(body, imports=f"import {', '.join(names)}"))
        found = look_at(load_strategy(str(path)))
        assert len(found.files) == 16 and len(found.findings) == 15
        assert found.note.startswith("looked at 16 files and not at near_")

    def test_a_base_in_another_module(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        text = source("time.time()", imports="import time").replace("Mine", "Base")
        (tmp_path / "near_base.py").write_text(text)
        path = tmp_path / "mine.py"
        path.write_text("from near_base import Base\n\nclass Mine(Base):\n    pass\n")
        (found,) = look_at(load_strategy(f"{path}:Mine")).findings
        assert found.where == "Base.on_book_update" and found.file.endswith("near_base.py")

    def test_aliases_of_functions(self, look):
        found = look("self.x = clock()", imports="import time", top="clock = time.time")
        assert kinds(found) == {"clock"} and len(found.findings) == 2
        found = look("rng = random\nrng.random()", imports="import random")
        assert kinds(found) == {"random"}
        assert kinds(look("self.clock = time.time", imports="import time")) == {"clock"}

    def test_a_hash_that_is_defined_and_one_that_is_used(self, look):
        below = "class Key:\n    def __hash__(self):\n        return hash((self.a, self.b))\n"
        assert not look("Key()", below=below).findings

    def test_a_finalizer(self, look):
        below = "class Desk:\n    def __del__(self):\n        pass\n"
        assert kinds(look("Desk()", below=below)) == {"memory"}


class TestSharedState:
    @pytest.mark.parametrize(
        ("parts", "body"),
        [
            ({"top": "SEEN = []"}, "SEEN.append(1)"),
            ({"top": "SEEN = {}"}, "SEEN[book.symbol] = 1"),
            ({"top": "COUNT = 0"}, "global COUNT\nCOUNT += 1"),
            ({"attributes": "seen = []"}, "self.seen.append(1)"),
            ({"attributes": "seen: dict[str, int] = {}"}, "self.seen['a'] = 1"),
        ],
    )
    def test_what_outlives_the_run(self, look, parts, body):
        found = look(body, **parts)
        assert kinds(found) == {"shared state"}, found

    @pytest.mark.parametrize(
        ("parts", "body"),
        [
            ({"top": "LEVELS = [1, 2]"}, "self.x = LEVELS[0]"),
            ({"top": "LEVELS = [1, 2]"}, "LEVELS = []\nLEVELS.append(1)"),
            ({"attributes": "seen = []", "start": "self.seen = []"}, "self.seen.append(1)"),
            ({"start": "self.seen = []"}, "self.seen.append(1)"),
        ],
    )
    def test_what_does_not(self, look, parts, body):
        assert not look(body, **parts).findings


SAMPLES = ["cross", "maker", "passthrough", "requote", "steady", "watcher", "idle"]


@pytest.mark.parametrize("name", SAMPLES)
def test_no_sample_has_a_finding(name):
    assert not look_at(load_strategy(f"tectra.strategy.sample.{name}")).findings


def test_no_example_has_a_finding(root: Path):
    found = look_at(load_strategy(str(root / "examples" / "mean_reversion.py")))
    assert found.files and not found.findings


def test_a_compiled_strategy_says_that_there_is_nothing_to_look_at():
    found = look_at(Maker)
    assert not found.findings and not found.files and "compiled: nothing to look at" in found.note


def test_a_class_that_was_typed_at_a_prompt(fresh_env: dict[str, str]):
    program = (
        "from tectra.strategy.api import Strategy\n"
        "from tectra.strategy.determinism import look_at\n"
        "class Typed(Strategy): pass\n"
        "print(look_at(Typed).note)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env=fresh_env, capture_output=True, text=True
    )
    assert done.stdout == "Typed has no source file to look at\n", done.stderr


def test_a_class_without_a_file_and_a_neighbor_that_is_no_python(tmp_path, monkeypatch):
    nowhere = type("Mine", (Strategy,), {"__module__": "nowhere"})
    assert "no source file" in look_at(nowhere).note
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "near_broken.py").write_text("x = 1\n")
    path = tmp_path / "mine.py"
    path.write_text(source("near_broken.x", imports="import near_broken"))
    chosen = load_strategy(str(path))
    (tmp_path / "near_broken.py").write_text("x = (\n")
    assert "cannot be read as Python" in look_at(chosen).note


class TestWarnings:
    def test_one_line_a_finding_and_once_a_class(self, tmp_path, caplog):
        path = tmp_path / "mine.py"
        path.write_text(source("time.time()\nid(book)", imports="import time"))
        with caplog.at_level(logging.WARNING, logger="tectra.strategy"):
            chosen = load_strategy(str(path))
            lines = [r.getMessage() for r in caplog.records]
            assert len(lines) == 2 and all(line.startswith("not repeatable: ") for line in lines)
            assert "calls time.time" in lines[0] and "ctx.now_ns" in lines[0]
            validate_strategy(chosen)
        assert len(caplog.records) == 2
        assert {r.levelname for r in caplog.records} == {"WARNING"}

    def test_nothing_for_a_sample(self, caplog):
        with caplog.at_level(logging.WARNING):
            load_strategy("tectra.strategy.sample.cross:Cross")
        assert not caplog.records


PLAIN = st.sampled_from(
    [
        "self.count = self.count + 1",
        "for i in range(3): self.count += i",
        "values = [i.symbol for i in ctx.instruments]",
        "table = {s: 1 for s in values} if False else {}",
        "if book.tradeable: ctx.signal('a', 1.0)",
        "self.seen = sorted({'a', 'b'})",
        "ctx.set_timer(interval_ns=5)",
        "last = max(self.seen) if self.seen else ''",
    ]
)


@pytest.mark.timeout(30)
@settings(max_examples=20)
@given(before=st.lists(PLAIN, max_size=6), after=st.lists(PLAIN, max_size=6),
       case=st.sampled_from([c for c in CASES if "pandas" not in c[1]]))  # fmt: skip
def test_a_source_is_found_wherever_it_stands(tmp_path_factory, before, after, case):
    """Among plain statements: nothing without it, exactly its line with it."""
    kind, imports, body = case
    path = tmp_path_factory.getbasetemp() / "looked_at.py"
    start = "values = []\nself.count = 0\nself.seen = []"
    path.write_text(source("\n".join([start, *before, *after])))
    assert not look_at(load_strategy(str(path))).findings
    path.write_text(source("\n".join([start, *before, body, *after]), imports=imports))
    (found,) = look_at(load_strategy(str(path))).findings
    assert found.source == kind
    assert body in path.read_text().split("\n")[found.line - 1]
