"""The guard of a replay: while a strategy's callback runs, nobody asks the machine for the time,
for randomness, for a thread, a socket or a file without being named.

One thread, the one that replays. It takes the place of a profiler there. What it cannot see is the
order of sets and what hashes of text are: for these a replay under another PYTHONHASHSEED is the
proof (tectra.replay.seeds).
"""

import gc
import importlib
import inspect
import linecache
import logging
import sys
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from tectra.core.errors import NonDeterminismError, StateError
from tectra.core.msg import Callback
from tectra.engine.pipeline import Pipeline
from tectra.replay.watch import Watch
from tectra.strategy.compiled import CompiledStrategy
from tectra.strategy.determinism import look_at
from tectra.strategy.machine import SOURCES, source_of

__all__ = ["Caught", "Guard", "has_python"]

_CAUGHT_MAX = 64
# Functions that are seen when they are called, by what they are in.
_WATCHED = {
    "time": (
        "time time_ns clock_gettime clock_gettime_ns localtime ctime monotonic monotonic_ns "
        "perf_counter perf_counter_ns process_time process_time_ns thread_time thread_time_ns"
    ),
    "datetime.datetime": "now utcnow",
    "datetime.date": "today",
    "os": "urandom getrandom getpid getppid getcwd cpu_count uname getloadavg times stat",
    "builtins": "id input",
    "resource": "getrusage",
    "gc": "collect get_count get_objects get_stats",
    "sys": "getrefcount",
    "uuid": "uuid1 uuid4 getnode",
    "random.Random": "__init__ seed",
    "random.SystemRandom": "random getrandbits",
    "secrets": "token_bytes",
    "_thread": "start_new_thread",
    "threading.Thread": "start",
    "asyncio": "run new_event_loop",
    "multiprocessing.process.BaseProcess": "start",
    "weakref.finalize": "__init__",
}
# How they are called in messages, where their own name says little.
_SAID = {
    "random.Random.__init__": "random.Random",
    "random.SystemRandom.random": "random.SystemRandom",
    "random.SystemRandom.getrandbits": "random.SystemRandom",
    "threading.Thread.start": "threading.Thread",
    "multiprocessing.process.BaseProcess.start": "multiprocessing.Process",
    "weakref.finalize.__init__": "weakref.finalize",
}
# Calls that ask only without a seed, and the argument that is one.
_SEEDS = {"random.Random": "x", "random.Random.seed": "a"}
_SHARED_RANDOM = ("random", "getrandbits")
# Audit events, and the names by which the same is known in a source.
_EVENTS = {
    "open": "builtins.open",
    "os.listdir": "os.listdir",
    "os.scandir": "os.scandir",
    "sqlite3.connect": "sqlite3.connect",
    "subprocess.Popen": "subprocess.Popen",
    "os.system": "os.system",
    "os.fork": "os.fork",
    "os.forkpty": "os.forkpty",
    "os.exec": "os.execv",
    "os.spawn": "os.spawnv",
    "os.posix_spawn": "os.posix_spawn",
    "_thread.start_new_thread": "_thread.start_new_thread",
    "urllib.Request": "urllib.request.Request",
}
_active: list["Guard"] = []
_hooked: list[bool] = []


@dataclass(frozen=True)
class Caught:
    """One place where a callback asked the machine. `callback` and `ring_seq` are None where only
    the end of the replay showed it.
    """

    source: str
    call: str
    strategy: str
    callback: str | None
    ring_seq: int | None
    file: str
    line: int

    def __str__(self) -> str:
        source = SOURCES[self.source]
        where = self.strategy if self.callback is None else f"{self.strategy}.{self.callback}"
        when = "during the replay" if self.ring_seq is None else f"at record {self.ring_seq}"
        return (
            f"{self.file}:{self.line}: {where} called {self.call} {when}: {source.why}; "
            f"use {source.instead}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with why and what to use instead."""
        source = SOURCES[self.source]
        return {**asdict(self), "why": source.why, "instead": source.instead}


def has_python(pipeline: Pipeline) -> bool:
    """Whether a pipeline has strategies that are not compiled: those the guard is for."""
    return any(not isinstance(s, CompiledStrategy) for s in pipeline.strategies)


def _on_audit(event: str, args: tuple[Any, ...]) -> None:
    """The one hook of the process; it cannot be taken off, so it asks who is on guard."""
    if _active and (event in _EVENTS or event.startswith("socket.")):
        _active[-1].on_event(event, args)


def _exempt() -> tuple[str, ...]:
    """Files that may ask on behalf of a callback, because nothing of it comes back: the log with
    its times, tracebacks that read sources, an import.
    """
    own = Path(__file__).parents[1] / "core"
    frozen = ("<frozen importlib", "<frozen zipimport")
    return (*frozen, f"{Path(logging.__file__).parent}/", linecache.__file__, f"{own}/")


def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({f"{paths[k]}/" for k in ("stdlib", "platstdlib", "purelib", "platlib")})


class Guard:
    """Watches the callbacks of a pipeline's Python strategies while it is entered.

    The call is not made: NonDeterminismError comes out of it. `caught` keeps the first places, also
    where a strategy swallowed the error. Raises StateError when a profiler is active.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.caught: list[Caught] = []
        self._pipeline = pipeline
        self._watch = Watch(pipeline, self._judge)
        self._thread = 0
        self._libraries = _libraries()
        self._exempt = _exempt()
        self._own = {
            file
            for strategy in pipeline.strategies
            for cls in type(strategy).__mro__
            if (file := _file_of(cls))
        }
        self._numpy: Any = None
        self._shared: Any = None
        self._numpy_state = ""
        self._patched: dict[str, Any] = {}
        self._base: FrameType | None = None
        self._collecting = False
        self._list()

    def __enter__(self) -> Self:
        if sys.getprofile() is not None:
            raise StateError(
                "guard: found an active profiler in this thread; stop it, or replay without the "
                "guard (guard=False, --no-guard)"
            )
        if not _hooked:
            sys.addaudithook(_on_audit)
            _hooked.append(True)
        self._base = sys._getframe(1)
        self._thread = threading.get_ident()
        self._patch_numpy()
        _active.append(self)
        gc.callbacks.insert(0, self._on_collection)
        gc.callbacks.append(self._on_collected)
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.stop()
        gc.callbacks.remove(self._on_collection)
        gc.callbacks.remove(self._on_collected)
        _active.remove(self)
        self._base = None
        self._unpatch_numpy()

    def _list(self) -> None:
        listed = [f"{m}.{name}" for m, names in _WATCHED.items() for name in names.split()]
        for dotted in listed:
            found, said = _find(dotted), _SAID.get(dotted, dotted)
            code = getattr(found, "__code__", None)
            if code is not None:
                self._watch.watch_code(code, said)
            elif found is not None:
                self._watch.watch_function(found, said)
        environ = _find("os.environ")
        self._watch.watch_code(type(environ).__getitem__.__code__, "os.environ")
        shared = importlib.import_module("random")
        for name in _SHARED_RANDOM:
            function = getattr(shared, name)
            self._watch.watch_function(function, f"random.{name}", function.__self__)

    # ---- numpy.random: compiled functions that no profiler sees ----

    def _patch_numpy(self) -> None:
        module: Any = sys.modules.get("numpy.random")
        shared = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
        if module is None or shared is None:
            return
        self._numpy = module
        self._shared = shared
        self._numpy_state = str(shared.get_state())
        for name, function in list(vars(module).items()):
            if getattr(function, "__self__", None) is shared and not name.endswith("state"):
                self._patched[name] = function
                setattr(module, name, self._asking(f"numpy.random.{name}", function))

    def _asking(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **more: Any) -> Any:
            self._refuse(name, name, sys._getframe(1))
            return function(*args, **more)

        return ask

    def _unpatch_numpy(self) -> None:
        for name, function in self._patched.items():
            setattr(self._numpy, name, function)
        self._patched.clear()
        if self._numpy is None or self._caught_kind("numpy random"):
            return
        if str(self._shared.get_state()) != self._numpy_state:
            for strategy in self._pipeline.strategies:
                for finding in look_at(type(strategy)).findings:
                    if finding.source == "numpy random":
                        self._keep(
                            Caught(
                                source="numpy random",
                                call="the global generator of numpy.random",
                                strategy=type(strategy).__name__,
                                callback=None,
                                ring_seq=None,
                                file=finding.file,
                                line=finding.line,
                            )
                        )

    def _caught_kind(self, source: str) -> bool:
        return any(c.source == source for c in self.caught)

    # ---- a collection of garbage, which any allocation may begin: what others have it do for them,
    # and the ends of their objects, are not the callback's calls ----

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start" and threading.get_ident() == self._thread:
            self._collecting = True

    def _on_collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and threading.get_ident() == self._thread:
            self._collecting = False

    # ---- what is seen ----

    def _judge(self, name: str, frame: FrameType) -> None:
        """A listed function is about to be called in a callback."""
        seed = _SEEDS.get(name)
        if seed is not None and frame.f_locals.get(seed) is not None:
            return
        if name == "builtins.id" and frame.f_code.co_filename not in self._own:
            return  # copying, and reprs that guard against cycles, ask for it and say nothing of it
        self._refuse(name, name.removeprefix("builtins."), frame)

    def on_event(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit event of the process; only those of a callback in this thread count."""
        if threading.get_ident() != self._thread or self._watch.running[0] == 0:
            return
        if event == "open" and isinstance(args[0], int):
            return  # a descriptor that is open already gets a file object
        dotted = _EVENTS.get(event, event)
        said = f"open({args[0]!r})" if event == "open" and args else dotted
        self._refuse(dotted, said, sys._getframe(1))

    def _refuse(self, dotted: str, said: str, frame: FrameType) -> None:
        number, callback = self._watch.running
        if number == 0 or self._collecting:
            return
        place = self._place(frame)
        source = source_of(dotted)
        if place is None or source is None:
            return
        strategy = type(self._pipeline.strategies[number - 1]).__name__
        caught = Caught(
            source=source.name,
            call=said,
            strategy=strategy,
            callback=Callback(callback).name.lower(),
            ring_seq=self._watch.cause_seq,
            file=place[0],
            line=place[1],
        )
        self._keep(caught)
        raise NonDeterminismError(str(caught))

    def _keep(self, caught: Caught) -> None:
        known = {(c.call, c.file, c.line) for c in self.caught}
        if len(known) < _CAUGHT_MAX and (caught.call, caught.file, caught.line) not in known:
            self.caught.append(caught)

    def _place(self, frame: FrameType) -> tuple[str, int] | None:
        """The user's line that led here; None when it was asked on behalf of something exempt."""
        stack = []
        at: FrameType | None = frame
        while at is not None and at is not self._base:
            if at.f_code.co_filename.startswith(self._exempt):
                return None
            stack.append((at.f_code.co_filename, at.f_lineno))
            at = at.f_back
        own = (p for p in stack if p[0] in self._own)
        others = (p for p in stack if not p[0].startswith((*self._libraries, "<")))
        return next(own, None) or next(others, None) or (stack[0] if stack else None)


def _file_of(cls: type[Any]) -> str | None:
    try:
        file = inspect.getsourcefile(cls)
    except (TypeError, OSError):
        return None
    return file if file is not None and not Path(file).match("tectra/strategy/api.py") else None


def _find(dotted: str) -> Any:
    """What a dotted name stands for, of modules that are imported already; else None."""
    parts = dotted.split(".")
    for n in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:n]))
        if found is not None:
            for part in parts[n:]:
                found = getattr(found, part, None)
            return found
    return None
