"""The gates judge: a slower subject fails, a leak is found, growth is seen, a missing limit is
named.
"""

from collections.abc import Callable
from pathlib import Path

import gate
import pytest


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    path = tmp_path / "limits.toml"
    path.write_text(
        '[twice]\nlimit = 1.5\nmeasured = 1.0\ndate = 2025-01-31\nreason = "same loop"\n'
        '[seen]\nreport = true\nmeasured = 3.0\ndate = 2025-01-31\nreason = "two threads"\n'
    )
    return path


def loop(n: int) -> int:
    total = 0
    for i in range(n):
        total += i
    return total


@pytest.mark.timeout(30)
def test_ratio_of_equal_and_of_triple_work() -> None:
    def ratios() -> tuple[float, float]:
        equal = gate.measure(lambda: loop(2000), lambda: loop(2000), pairs=15).ratio
        return equal, gate.measure(lambda: loop(6000), lambda: loop(2000), pairs=15).ratio

    # A machine that is busy elsewhere may spoil a set of pairs, hardly three sets in a row.
    sets = [ratios() for _ in range(3)]
    assert any(0.5 < equal < 2 and triple > 1.5 * equal for equal, triple in sets), sets


def test_above_its_limit_fails(limits: Path) -> None:
    assert gate.check("twice", 1.4, limits).measured == 1.0
    with pytest.raises(gate.GateError, match=r"1\.600 times its yardstick; the limit is 1\.5"):
        gate.check("twice", 1.6, limits)
    assert gate.check("seen", 99.0, limits).limit is None


def test_a_name_without_limit_fails(limits: Path) -> None:
    with pytest.raises(gate.GateError, match=r'no \["other"\] in limits.toml'):
        gate.check("other", 1.0, limits)


@pytest.mark.parametrize(
    "row",
    ["limit = 1.0", 'limit = 1.0\nreport = true\nmeasured = 1\ndate = 2025-01-31\nreason = ""'],
)
def test_a_limit_without_reason_is_refused(tmp_path: Path, row: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(f"[x]\n{row}\n")
    with pytest.raises(ValueError, match="needs measured, date, reason"):
        gate.limits(path)


def test_the_shipped_limits_are_complete() -> None:
    for limit in gate.limits().values():
        assert limit.reason and limit.measured > 0, limit.name
        assert limit.limit is None or limit.limit > 0


def test_a_planted_leak_is_found() -> None:
    kept: list[object] = []
    leaky = gate.retained_blocks(lambda: kept.extend(object() for _ in range(1000)), events=1000)
    assert leaky > 900
    assert gate.retained_blocks(lambda: sum(range(1000)), events=1000) <= gate.RETAINED_PER_1000_MAX


@pytest.mark.timeout(30)
def test_growth_is_seen() -> None:
    def linear(n: int) -> Callable[[], object]:
        return lambda: loop(n * 200)

    def quadratic(n: int) -> Callable[[], object]:
        return lambda: loop(n * n * 50)

    assert min(gate.scaling(linear, 20) for _ in range(3)) <= gate.SCALING_MAX
    assert max(gate.scaling(quadratic, 5) for _ in range(3)) > gate.SCALING_MAX
