"""Fixtures of the benchmarks: `gate`, `scaling_gate`, `retained_gate`, each with its limit in
limits.toml.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import gate as gates
import pytest


class Gate(Protocol):
    def __call__(
        self, subject: Callable[[], object], yardstick: Callable[[], object], name: str
    ) -> float: ...


def _store(benchmark: Any, name: str, ratio: float, limit: gates.Limit) -> None:
    benchmark.extra_info.update(
        name=name, ratio=round(ratio, 4), limit=limit.limit, measured=limit.measured
    )
    print(f"\n{name}: ratio {ratio:.3f}, limit {limit.limit}, last recorded {limit.measured}")


@pytest.fixture
def gate(benchmark: Any) -> Gate:
    """`gate(subject, yardstick, name)` -> ratio; fails when it is above the limit of that name in
    each of a few tries.
    """

    def judge(subject: Callable[[], object], yardstick: Callable[[], object], name: str) -> float:
        ratio = gates.measure(subject, yardstick).ratio
        for _ in range(gates.TRIES - 1):
            if not gates.is_over(name, ratio):
                break
            ratio = min(ratio, gates.measure(subject, yardstick).ratio)
        _store(benchmark, name, ratio, gates.check(name, ratio))
        # The table of pytest-benchmark is for people: it times the subject alone.
        prepare = getattr(subject, "prepare", None)
        benchmark.pedantic(subject, setup=prepare, rounds=1 if gates.TINY else 5)
        return ratio

    return judge


@pytest.fixture
def scaling_gate() -> Callable[..., float]:
    """`scaling_gate(make, n)`: eight times the input may take ten times the time."""

    def judge(make: Callable[[int], Callable[[], object]], n: int) -> float:
        ratio = gates.scaling(make, n)
        if not gates.TINY and ratio > gates.SCALING_MAX:
            raise gates.GateError(f"8 n takes {ratio:.1f} times as long as n; linear code takes 8")
        return ratio

    return judge


@pytest.fixture
def retained_gate() -> Callable[..., float]:
    """`retained_gate(run, events=n)`: at most two blocks stay per 1,000 events."""

    def judge(run: Callable[[], object], *, events: int) -> float:
        kept = gates.retained_blocks(run, events=events)
        if not gates.TINY and kept > gates.RETAINED_PER_1000_MAX:
            raise gates.GateError(f"{kept:.1f} memory blocks stay per 1,000 events; allowed: 2")
        return kept

    return judge


@pytest.fixture(scope="session")
def native_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("native")
