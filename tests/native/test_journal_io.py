"""The journal while its system calls fail, or are the last of the process: every one of them.

A process of its own runs each case under a preloaded library and looks at what is left; see
journal_faults.py.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(60)]

SUPPORT = Path(__file__).resolve().parents[1] / "support"
MODES = ("page-cache", "group-commit", "sync")
KINDS = ("EIO", "ENOSPC", "EDQUOT", "EINTR", "short")
STEP = 6  # of the default run; the slow one takes every call


@pytest.fixture
def fast_dir() -> Iterator[Path]:
    """A directory in memory, where there is one: syncs are called, but do not wait."""
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    path = Path(tempfile.mkdtemp(prefix="tectra_test_io_", dir=root))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def run(env: dict[str, str], program: str, *args: str, timeout_s: float = 55) -> list[Any]:
    """The JSON lines of a program of tests/support."""
    command = [sys.executable, "-P", str(SUPPORT / program), *args]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout_s)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def cases(env: dict[str, str], root: Path, mode: str, first: int, step: int, *kinds: str) -> Any:
    *wrong, total = run(
        env, "journal_faults.py", str(root), mode, str(first), str(step), *kinds, timeout_s=600
    )
    assert wrong == []
    assert total["calls"] > 100
    return total


@pytest.mark.parametrize("mode", MODES)
def test_a_call_that_fails(preloaded: dict[str, str], fast_dir: Path, mode: str) -> None:
    """Some end in a clean error, the others go on; no record is wrong and none is lost."""
    total = cases(preloaded, fast_dir, mode, 1 + MODES.index(mode), STEP, *KINDS)
    assert total["closed"] and total["refused"] and "killed" not in total


@pytest.mark.parametrize("mode", MODES)
def test_a_call_that_is_the_last(preloaded: dict[str, str], fast_dir: Path, mode: str) -> None:
    total = cases(preloaded, fast_dir, mode, 1 + MODES.index(mode), STEP + 1, "kill")
    assert total["killed"] >= 15


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [*KINDS, "kill"])
@pytest.mark.parametrize("mode", MODES)
def test_every_call(preloaded: dict[str, str], fast_dir: Path, mode: str, kind: str) -> None:
    cases(preloaded, fast_dir, mode, 1, 1, kind)


def failing(env: dict[str, str], root: Path, mode: str, letter: str, at: int) -> Any:
    (found,) = run(env, "journal_syncs.py", "failing", str(root / "j"), mode, letter, str(at))
    shutil.rmtree(root / "j", ignore_errors=True)
    return found


@pytest.mark.parametrize(
    ("mode", "letter", "at"),
    [("page-cache", "d", 2), ("group-commit", "d", 4), ("sync", "d", 1), ("sync", "n", 4)],
)
def test_a_sync_that_failed_is_never_repeated(
    preloaded: dict[str, str], fast_dir: Path, mode: str, letter: str, at: int
) -> None:
    """Once EIO, then OK: the kernel's yes to the second call means nothing."""
    found = failing(preloaded, fast_dir, mode, letter, at)
    assert found["opened"] and found["hit"]
    assert found["durable"][-1] == found["end"] < 200, "it moved on behind the fault"
    assert found["durable"] == sorted(found["durable"])
    assert found["refused"] > 0
    assert found["killed"] == "JOURNAL"
    assert found["noted"] == [7]
    assert "could not be made durable: Input/output error" in found["closed"]
    assert len(found["faults"]) == 1
    assert found["segments"] > found["failed_at"]
    assert any("not made durable" in line for line in found["warnings"])
    assert found["ok"] and found["read"]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("letter", ["d", "s", "n"])
def test_every_sync(preloaded: dict[str, str], fast_dir: Path, mode: str, letter: str) -> None:
    hits = 0
    for at in range(1, 60):
        found = failing(preloaded, fast_dir, mode, letter, at)
        if not found["opened"]:
            assert not found["left"]
            continue
        if not found["hit"]:
            break
        hits += 1
        assert found["durable"] == sorted(found["durable"])
        assert found["read"] and found["ok"], (at, found)
        if found["end"] < 200:
            assert "could not be made durable" in found["closed"], (at, found)
            assert found["killed"] == "JOURNAL" and found["faults"], (at, found)
        else:  # all records were on the disk before it happened
            assert found["closed"] != "whole" or not found["killed"], (at, found)
    assert hits >= 5


def test_no_order_leaves_before_its_records_are_on_the_disk(
    preloaded: dict[str, str], tmp_path: Path
) -> None:
    def orders(name: str, mode: str, at: int) -> Any:
        return run(preloaded, "journal_syncs.py", "orders", str(tmp_path / name), mode, str(at))[0]

    whole = orders("whole", "sync", 0)
    assert whole["said"] == "" and whole["taken"] == whole["pushed"] > 10
    assert 10 < whole["syncs"] <= whole["taken"]
    first, third = orders("first", "sync", 1), orders("third", "sync", 3)
    assert (first["taken"], first["syncs"]) == (0, 1) and first["pushed"] > 0
    assert 0 < third["taken"] < third["pushed"] and third["durable"] < third["last"]
    for found in (first, third):
        assert "could not be made durable" in found["said"]
    free = orders("free", "page-cache", 0)
    assert free["taken"] == whole["taken"] and free["syncs"] == 0


@pytest.mark.parametrize("mode", ["page-cache", "group-commit"])
def test_the_engine_stops_new_orders_and_journals_on(
    preloaded: dict[str, str], tmp_path: Path, mode: str
) -> None:
    (found,) = run(preloaded, "journal_syncs.py", "halted", str(tmp_path / "j"), mode)
    assert "could not be made durable" in found["said"] and "later" not in found
    assert found["sent"] > 0 and found["sent_later"] == 0
    assert found["stopped"] > 0
    assert found["killed"] == "JOURNAL"
    assert found["segments"] == 2, "the engine went on in a new segment"
    assert found["durable"] < found["last"] == found["read"]
