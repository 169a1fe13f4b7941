"""The extensions while an allocation of theirs fails: every one, until the operation succeeds.

A clean error, a state that did not change, nothing lost, and the same operation afterwards gives
what it gives without a fault. A process of its own runs the scenes under a preloaded library; see
alloc_fault.c and tests/support/alloc_faults.py.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

SUPPORT = Path(__file__).resolve().parents[1] / "support"
STEP = 7  # of the default run; the slow one takes every k
# Scenes that every machine has, and how many allocations they have at least.
LEAST = {
    "ring shared": 3,
    "large memory block": 2,
    "engine": 25,
    "engine steps": 4,
    "engine image": 25,
    "journal page-cache": 15,
    "journal group-commit": 15,
    "journal sync": 15,
    "columns": 12,
    "L2 updates": 3,
    "L3 records": 12,
    "L3 batch": 12,
    "L3 image": 20,
    "bars": 12,
    "storage": 40,
    "ITCH stream": 2,
    "exchange": 7,
}


def run(env: dict[str, str], *args: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", str(SUPPORT / "alloc_faults.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout_s)


def scenes(env: dict[str, str], mode: str, step: int, *names: str) -> dict[str, Any]:
    done = run(env, mode, str(step), *names, timeout_s=550)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{lines[-1:]}: {done.stderr[-3000:]}"
    return {line["scene"]: line for line in lines if "scene" in line}


def wrong(found: dict[str, Any]) -> dict[str, list[str]]:
    return {name: one["wrong"] for name, one in found.items() if one["wrong"]}


def test_some_allocations(starved: dict[str, str]) -> None:
    found = scenes(starved, "once", STEP, *LEAST)
    assert wrong(found) == {}
    assert set(LEAST) == set(found)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["once", "sticky"])
def test_every_allocation(starved: dict[str, str], mode: str) -> None:
    found = scenes(starved, mode, 1)
    assert wrong(found) == {}
    assert {n: found[n]["k"] for n, least in LEAST.items() if found[n]["k"] < least} == {}


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (0, ""),
        (1, "crashed"),
        (2, "state changed"),
        (3, "leaked 1 blocks"),
        (4, "nobody noticed"),
    ],
)
def test_a_planted_mistake_is_found(
    starved: dict[str, str],
    library_of: Callable[..., Path],
    tmp_path: Path,
    mistake: int,
    said: str,
) -> None:
    """Sound; not looked at; half done; lost; told as done."""
    library = library_of("alloc_planted.c", tmp_path / "planted.so", f"-DPLANTED={mistake}")
    done = run(starved, "once", "1", f"lib:{library}", timeout_s=60)
    if mistake == 1:
        assert done.returncode < 0, "a NULL that nobody looks at is written through"
        return
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = [json.loads(line) for line in done.stdout.splitlines()][1:]
    assert found["calls"] == {"c": 2}
    assert bool(found["wrong"]) is bool(said)
    assert any(said in line for line in found["wrong"]) or not said
