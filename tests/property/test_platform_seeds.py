"""The whole platform under faults, seed after seed: whatever goes wrong, what must hold holds.

The invariants stand in tectra.testing.oracle and tectra.testing.proof; each seed checks them at
every request, report and position, every 25 packets, after each recovery, and at its end.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_image import scratch

from tectra.testing import Fault, FaultCounts, SimulationReport, simulate

SOAK_SEEDS = int(os.environ.get("TECTRA_TEST_SEEDS", "1000"))


@pytest.fixture
def where() -> Iterator[Path]:
    with scratch() as path:
        yield path


def all_of(where: Path, seeds: range, steps: int) -> list[SimulationReport]:
    """Each seed prints its line; the first that fails says how to repeat it."""
    reports = []
    for seed in seeds:
        reports.append(simulate(seed, where / "run", steps=steps))
        print(reports[-1])
    return reports


def occurred(reports: list[SimulationReport]) -> set[Fault]:
    total = FaultCounts()
    for report in reports:
        total.update(report.faults)
    return {kind for kind in Fault if total[kind]}


@pytest.mark.timeout(30)
def test_twenty_seeds(where: Path) -> None:
    """Every kind of fault occurs in them."""
    reports = all_of(where, range(60, 80), 1_500)
    assert set(Fault) - occurred(reports) == set()
    assert sum(r.looks for r in reports) > 100 and sum(r.fills for r in reports) > 300
    assert sum(r.lives for r in reports) > 30


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sixty_seeds(where: Path) -> None:
    reports = all_of(where, range(1_060, 1_120), 3_000)
    assert set(Fault) - occurred(reports) == set()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_seeds_of_ten_thousand_steps(where: Path) -> None:
    """B-04. TECTRA_TEST_SEEDS makes it longer."""
    reports = all_of(where, range(SOAK_SEEDS), 10_000)
    assert set(Fault) - occurred(reports) == set()
