"""What guides the Python fuzzers: it finds what chance does not, and tells what it found."""

import sys
from collections.abc import Callable
from pathlib import Path

import guide
import nested_fault
import pytest

from tectra.core.errors import FileFormatError

PLANTED = guide.Target("planted", nested_fault.parse, (b"a canary",), (nested_fault,))
ME = sys.modules[__name__]


def target(run: Callable[[bytes], object], *seeds: bytes) -> guide.Target:
    return guide.Target("one", run, seeds or (b"x",), (ME,))


def test_guidance_finds_what_chance_does_not() -> None:
    assert guide.campaign(PLANTED, 7, 5_000, blind=True).corpus == 1
    with pytest.raises(AssertionError, match="ZeroDivisionError") as told:
        guide.campaign(PLANTED, 7, 60_000)
    with pytest.raises(ZeroDivisionError):
        nested_fault.parse(bytes.fromhex(str(told.value).rpartition(" ")[2]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_guidance_finds_it_from_any_seed(seed: int) -> None:
    assert guide.campaign(PLANTED, seed, 60_000, blind=True).corpus == 1
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        guide.campaign(PLANTED, seed, 400_000)


def test_a_seed_repeats_itself() -> None:
    runs = [guide.campaign(target(lambda data: data.split(b","), b"1,2,3"), 4, 300)] * 2
    assert runs[0] == runs[1]


def test_refusals_are_no_findings_but_steps() -> None:
    def refuse(data: bytes) -> None:
        if len(data) > 3:
            raise FileFormatError(f"too long: found {len(data)}; allowed: 3")

    assert guide.campaign(target(refuse, b"x", b"long one"), 1, 200).steps > 3


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("x"), RecursionError("deep"), MemoryError()]
)
def test_other_exceptions_are_findings(error: Exception) -> None:
    def fail(data: bytes) -> None:
        raise error

    with pytest.raises(AssertionError, match=f"{type(error).__name__}.*input 78"):
        guide.campaign(target(fail), 1, 1)


def test_a_hang_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(data: bytes) -> None:
        while True:
            try:
                data = data[::-1]
            except Exception:  # noqa: BLE001  what a careless parser does
                return

    monkeypatch.setattr(guide, "HANG_S", 0.05)
    with pytest.raises(AssertionError, match="more than a second: input 78"):
        guide.campaign(target(forever), 1, 1)


def test_what_is_slow_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guide, "SECONDS_MAX", 0.001)
    with pytest.raises(AssertionError, match="s: input 78"):
        guide.campaign(target(lambda data: sum(range(1_000_000))), 1, 1)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guide, "GROWTH_MAX_KB", -1)
    with pytest.raises(AssertionError, match="memory grew"):
        guide.campaign(target(len), 1, 1)


def test_who_watched_before_goes_on(tmp_path: Path) -> None:
    seen = []

    def other(frame, event, arg):
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(other)
    try:
        guide.campaign(target(len), 1, 3)
        assert sys.gettrace() is other
    finally:
        sys.settrace(before)
    assert seen
