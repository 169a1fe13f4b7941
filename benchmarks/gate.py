"""Gates that compare: a subject against a yardstick measured in the same minutes, never against a
clock.

Absolute times wander by tens of percent on a shared machine, and so does the ratio of two
separately timed blocks. The ratio of two runs taken back to back does not: pairs are interleaved,
their order alternates, and the median of the ratios is judged.
"""

import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

__all__ = [
    "TINY",
    "TRIES",
    "GateError",
    "Limit",
    "Pairs",
    "check",
    "compile_driver",
    "is_over",
    "limits",
    "measure",
    "retained_blocks",
    "run_driver",
    "scaling",
    "size",
]

HERE = Path(__file__).resolve().parent
LIMITS = HERE / "limits.toml"
PAIRS = 31
TRIES = 5
SAMPLE_NS_MIN = 2_000_000
REPEAT_MAX = 1 << 20
RETAINED_PER_1000_MAX = 2.0
SCALING_MAX = 10.0

# Set by the test suite: everything runs once with small inputs, and no ratio is judged.
TINY = os.environ.get("TECTRA_BENCH_TINY") == "1"


class GateError(AssertionError):
    """A subject is slower, or keeps more, than its limit allows."""


@dataclass(frozen=True)
class Limit:
    """One entry of limits.toml. `limit` None: reported and not judged."""

    name: str
    limit: float | None
    measured: float
    date: str
    reason: str


@dataclass(frozen=True)
class Pairs:
    """Times of interleaved pairs, nanoseconds for one call."""

    subject_ns: tuple[float, ...]
    yardstick_ns: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(
            s / y for s, y in zip(self.subject_ns, self.yardstick_ns, strict=True)
        )


def size(full: int, tiny: int) -> int:
    """`full` in a measurement, `tiny` in the test suite."""
    return tiny if TINY else full


def limits(path: Path = LIMITS) -> dict[str, Limit]:
    """Every limit by name; ValueError for an entry that lacks a key."""
    out = {}
    for name, row in tomllib.loads(path.read_text()).items():
        missing = {"measured", "date", "reason"} - row.keys()
        if missing or ("limit" in row) == bool(row.get("report")):
            raise ValueError(
                f"{path.name}: [{name}] needs measured, date, reason, "
                "and either limit or report = true"
            )
        out[name] = Limit(
            name, row.get("limit"), float(row["measured"]), str(row["date"]), row["reason"]
        )
    return out


@contextmanager
def _quiet() -> Iterator[None]:
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _time(function: Callable[[], object], repeat: int) -> float:
    """Nanoseconds a call; what a function's own `prepare` does before each call is not counted."""
    prepare = getattr(function, "prepare", None)
    if prepare is not None:
        spent = 0
        for _ in range(repeat):
            prepare()
            start = perf_counter_ns()
            function()
            spent += perf_counter_ns() - start
        return spent / repeat
    start = perf_counter_ns()
    for _ in range(repeat):
        function()
    return (perf_counter_ns() - start) / repeat


def _repeat_for(function: Callable[[], object]) -> int:
    """Calls that make one sample long enough for the clock: by the best of three, since one that
    was interrupted looks long enough and is not.
    """
    repeat = 1
    while repeat < REPEAT_MAX:
        if min(_time(function, repeat) for _ in range(3)) * repeat >= SAMPLE_NS_MIN:
            break
        repeat *= 2
    return repeat


def measure(
    subject: Callable[[], object], yardstick: Callable[[], object], pairs: int = PAIRS
) -> Pairs:
    """Time interleaved pairs in alternating order, collector off."""
    if TINY:
        return Pairs((_time(subject, 1),), (_time(yardstick, 1),))
    subject_ns: list[float] = []
    yardstick_ns: list[float] = []
    with _quiet():
        repeats = (_repeat_for(subject), _repeat_for(yardstick))
        for i in range(pairs):
            if i % 2:
                yardstick_ns.append(_time(yardstick, repeats[1]))
                subject_ns.append(_time(subject, repeats[0]))
            else:
                subject_ns.append(_time(subject, repeats[0]))
                yardstick_ns.append(_time(yardstick, repeats[1]))
    return Pairs(tuple(subject_ns), tuple(yardstick_ns))


def check(name: str, ratio: float, path: Path = LIMITS) -> Limit:
    """Judge a ratio (subject / yardstick, less is better); GateError when above its limit."""
    entry = limits(path).get(name)
    if entry is None:
        raise GateError(f'{name}: ratio {ratio:.3f}, and no ["{name}"] in {path.name}; add one')
    if not TINY and entry.limit is not None and ratio > entry.limit:
        raise GateError(
            f"{name}: {ratio:.3f} times its yardstick; the limit is {entry.limit} "
            f"({entry.measured} on {entry.date}: {entry.reason})"
        )
    return entry


def is_over(name: str, ratio: float) -> bool:
    """Whether `check` would refuse this ratio; a name without an entry is left to it."""
    entry = limits().get(name)
    return not TINY and entry is not None and entry.limit is not None and ratio > entry.limit


def retained_blocks(run: Callable[[], object], *, events: int) -> float:
    """Memory blocks kept by a run of `events` events, per 1,000 events. The first run warms caches
    up.
    """
    run()
    with _quiet():
        before = sys.getallocatedblocks()
        run()
        kept = sys.getallocatedblocks() - before
    return max(0, kept) * 1000 / events


def scaling(make: Callable[[int], Callable[[], object]], n: int, *, factor: int = 8) -> float:
    """time(factor * n) / time(n): about `factor` for linear code. Inputs are made before the clock
    runs.
    """
    small, large = make(n), make(n * factor)
    return measure(large, small, pairs=11).ratio


def compile_driver(source: Path, out: Path, *, include: Path = HERE.parent / "ext") -> Path:
    """Compile a C driver as the release extensions are compiled, with the headers below `include`;
    skips nothing, raises on a warning.
    """
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("no C compiler: set CC, or install gcc")
    target = out / source.stem
    flags = ["-O3", "-std=gnu11", "-fno-strict-aliasing", "-ffp-contract=off", "-pthread"]
    flags += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter"]
    command = [compiler, *flags, f"-I{include}", str(source), "-o", str(target), "-lm"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return target


def run_driver(driver: Path, timeout_s: float = 240) -> list[dict[str, Any]]:
    """Run a driver and read its lines {"name": ..., "ratio": ...}; other lines are for people."""
    env = dict(os.environ, TECTRA_BENCH_TINY="1" if TINY else "0")
    done = subprocess.run(
        [str(driver)], check=True, capture_output=True, text=True, timeout=timeout_s, env=env
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [row for row in rows if not {"name", "ratio"} <= row.keys()]
    if bad or not rows:
        raise ValueError(f"{driver.name}: wants JSON lines with name and ratio, got {bad or done}")
    return rows
