"""Coverage-guided fuzzing of Python code: an input that takes a step between two lines that no
input took before, or as often, is kept, and later inputs are made from it.

Only the files that a target names are watched. Code that is compiled shows itself by what it says:
an error with other words counts as a new step. Values that the watched code compares with come from
its own constants.
"""

import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType, ModuleType
from typing import Any

from tectra.core.errors import TectraError
from tectra.core.rng import Random

__all__ = ["Campaign", "Target", "campaign", "coverage_of"]

BYTES_MAX = 4096
CORPUS_MAX = 512
HANG_S = 20.0
SECONDS_MAX = 1.0
GROWTH_MAX_KB = 256 << 10
_ODD = (
    0,
    1,
    2,
    20,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    (1 << 31) - 1,
    1 << 31,
    (1 << 64) - 1,
)
_WORDS = (
    *(
        b"",
        b"0",
        b"-0",
        b"-1",
        b"1e5",
        b"1e400",
        b"NaN",
        b"Infinity",
        b"null",
        b"true",
        b"[]",
        b"{}",
    ),
    *(
        b'""',
        b'"',
        b",",
        b"\n",
        b"\r\n",
        b"\\u0000",
        b"\x00",
        b"\xff",
        b"9" * 25,
        b"9223372036854775808",
    ),
    *(b"0." + b"1" * 30, b"1_0", b"+1", b" 1", b"0x1", "١".encode(), b"\xef\xbb\xbf", b"[[", b"}}"),
)


class Hang(BaseException):
    """An input took too long; no handler of the code under test may take it for its own."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is fuzzed: `run` takes bytes and returns, or raises TectraError. It raises
    AssertionError where a second reading disagrees.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    watched: tuple[ModuleType, ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a run of a target came to."""

    target: str
    executions: int
    steps: int
    corpus: int

    def __str__(self) -> str:
        return (
            f"{self.target}: {self.executions} executions, {self.steps} steps, corpus {self.corpus}"
        )


class Watch:
    """Steps between lines of some files, by how often they were taken."""

    def __init__(self, files: Iterable[str]) -> None:
        self.files = frozenset(files)
        self.numbers: dict[CodeType, int] = {}
        self.counts: dict[tuple[int, int], int] = {}
        self.before = 0

    def call(self, frame: FrameType, event: str, arg: object) -> Any:
        """Follow a call when its code is watched."""
        code = frame.f_code
        number = self.numbers.get(code)
        if number is None:
            watched = code.co_filename in self.files
            number = self.numbers[code] = (len(self.numbers) + 1) << 20 if watched else 0
        if not number:
            return None
        self.step(number)
        return self.line

    def line(self, frame: FrameType, event: str, arg: object) -> Any:
        """One line, or a return."""
        if event == "line":
            self.step(self.numbers[frame.f_code] + frame.f_lineno)
        return self.line

    def step(self, place: int) -> None:
        key = (self.before, place)
        self.counts[key] = self.counts.get(key, 0) + 1
        self.before = place

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch this thread; whoever watched before goes on afterwards."""
        self.counts = {}
        self.before = 0
        other = sys.gettrace()
        sys.settrace(self.call)
        try:
            yield
        finally:
            sys.settrace(other)


@contextmanager
def alarm() -> Iterator[None]:
    """Raise Hang when this thread burns too much processor time; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def words_of(modules: Iterable[ModuleType]) -> list[bytes]:
    """Texts, bytes and whole numbers that stand in the code of modules."""
    found: set[bytes] = set()

    def visit(value: object) -> None:
        if isinstance(value, CodeType):
            for inner in value.co_consts:
                visit(inner)
        elif isinstance(value, tuple | frozenset):
            for inner in value:
                visit(inner)
        elif isinstance(value, bytes) and 0 < len(value) <= 32:
            found.add(value)
        elif isinstance(value, str) and 0 < len(value) <= 32:
            found.add(value.encode("utf-8", "replace"))
        elif type(value) is int and 0 <= value < 1 << 64:
            found.add(str(value).encode())
            size = max(1, (value.bit_length() + 7) // 8)
            found.update((value.to_bytes(size, "little"), value.to_bytes(size, "big")))

    for module in modules:
        for value in vars(module).values():
            visit(getattr(value, "__code__", value))
            for inner in vars(value).values() if isinstance(value, type) else ():
                visit(getattr(inner, "__code__", inner))
            if isinstance(value, dict):
                visit(tuple(value))
    return sorted(found)


class Changer:
    """New inputs out of old ones."""

    def __init__(self, rng: Random, words: list[bytes]) -> None:
        self.rng = rng
        self.words = [*_WORDS, *words]
        self.corpus: list[bytes] = []

    def make(self) -> bytes:
        """The next input: one of the corpus, changed at one to eight places, mostly few."""
        rng, n = self.rng, len(self.corpus)
        recent = min(n, 4)
        pick = n - 1 - rng.integers(0, recent) if rng.chance(0.5) else rng.integers(0, n)
        out = bytearray(self.corpus[pick])
        for _ in range(1 << min(rng.integers(0, 4), rng.integers(0, 4))):
            if out and rng.chance(0.75):
                self.value(out)
            else:
                self.shape(out)
        return bytes(out[:BYTES_MAX])

    def value(self, out: bytearray) -> None:
        """Another value at a place."""
        rng = self.rng
        at, kind = rng.integers(0, len(out)), rng.integers(0, 6)
        if kind == 0:
            out[at] ^= 1 << rng.integers(0, 8)
        elif kind == 1:
            out[at] = rng.integers(0, 256)
        elif kind == 2:
            word = self.words[rng.integers(0, len(self.words))]
            out[at : at + len(word)] = word
        elif kind == 3:  # a number of fixed width; a length of what is left behind it
            size = 1 << rng.integers(0, 4)
            odd = _ODD[rng.integers(0, len(_ODD))] if rng.chance(0.5) else len(out) - at - size
            value = (odd + rng.integers(0, 3) - 1) % (1 << 8 * size)
            out[at : at + size] = value.to_bytes(size, "little" if rng.chance(0.5) else "big")
        elif kind == 4:
            out[at] = (out[at] + rng.integers(0, 32) - 16) % 256
        else:  # a whole value between marks, as in JSON and CSV
            end = at
            while end < len(out) and out[end] not in b',]}:\n"':
                end += 1
            out[at:end] = self.words[rng.integers(0, len(self.words))]

    def shape(self, out: bytearray) -> None:
        """A piece less, twice, put in, or taken from another input."""
        rng = self.rng
        at, kind = rng.integers(0, len(out) + 1), rng.integers(0, 5)
        size = rng.integers(1, 5 if rng.chance(0.5) else 65)
        if kind == 0:
            del out[at : at + size]
        elif kind == 1:
            to = rng.integers(0, len(out) + 1)
            out[to:to] = out[at : at + size]
        elif kind == 2:
            out[at:at] = self.words[rng.integers(0, len(self.words))]
        elif kind == 3:
            del out[at:]
        else:
            other = self.corpus[rng.integers(0, len(self.corpus))]
            start = rng.integers(0, len(other) + 1)
            out[at:] = other[start:]


def said(error: Exception) -> str:
    """The words of an error, without what was found."""
    text = str(error)[:400]
    return type(error).__name__ + "".join(c for c in text.split("found")[0] if c.isalpha())[:80]


def execute(target: Target, data: bytes, watch: Watch | None) -> str:
    """One input: "" or the words of a refusal. AssertionError: a finding."""
    start = time.process_time()
    outcome = ""
    try:
        with alarm():
            if watch is None:
                target.run(data)
            else:
                with watch.on():
                    target.run(data)
    except TectraError as error:
        outcome = said(error)
    except (Exception, Hang) as error:
        what = "more than a second" if isinstance(error, Hang) else f"{error!r:.600}"
        raise AssertionError(f"{target.name}: {what}: input {data.hex()}") from error
    if watch is not None and time.process_time() - start > SECONDS_MAX:
        start = time.process_time()  # watching is slow: judge without
        execute(target, data, None)
        took = time.process_time() - start
        assert took <= SECONDS_MAX, f"{target.name}: {took:.1f} s: input {data.hex()}"
    return outcome


def campaign(target: Target, seed: int, count: int, *, blind: bool = False) -> Campaign:
    """Run `count` inputs, the seeds among them; blind keeps none. AssertionError says the input."""
    assert target.seeds, target.name
    watch = Watch(m.__file__ for m in target.watched if m.__file__)
    changer = Changer(Random(seed), words_of(target.watched))
    changer.corpus = list(target.seeds)
    seen: set[object] = set()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(count):
        data = target.seeds[i] if i < len(target.seeds) else changer.make()
        outcome = execute(target, data, watch)
        steps = {(key, n.bit_length()) for key, n in watch.counts.items()} | {outcome}
        is_new = not steps <= seen
        seen |= steps
        if is_new and i >= len(target.seeds) and not blind:
            if len(changer.corpus) < CORPUS_MAX:
                changer.corpus.append(data)
            else:
                changer.corpus[changer.rng.integers(0, CORPUS_MAX)] = data
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < GROWTH_MAX_KB, f"{target.name}: memory grew by {grown >> 10} MB"
    return Campaign(target.name, count, len(seen), len(changer.corpus))


def coverage_of(target: Target, inputs: Iterable[bytes]) -> int:
    """Different steps that some inputs take."""
    watch = Watch(m.__file__ for m in target.watched if m.__file__)
    seen: set[object] = set()
    for data in inputs:
        execute(target, data, watch)
        seen.update(watch.counts)
    return len(seen)
