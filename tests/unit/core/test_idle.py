"""Idle policies: the stages, switching while another thread steps, waking."""

import threading
from collections.abc import Callable
from time import monotonic_ns

import pytest

from tectra.core.errors import InputError
from tectra.core.idle import Idle, IdlePolicy

LONG_NS = 4_000_000_000


def counts(idle: Idle) -> tuple[int, int, int, int]:
    return idle.spins, idle.yields, idle.sleeps, idle.parks


def until(true: Callable[[], bool]) -> None:
    """Poll with a deadline."""
    end = monotonic_ns() + LONG_NS
    while not true():
        assert monotonic_ns() < end, "it never came"


@pytest.mark.parametrize(
    ("policy", "want"),
    [
        (IdlePolicy.SPIN, (12, 0, 0, 0)),
        (IdlePolicy.YIELD, (3, 9, 0, 0)),
        (IdlePolicy.BACKOFF, (3, 2, 7, 0)),
        (IdlePolicy.PARK, (3, 2, 0, 7)),
    ],
)
def test_stages_follow_one_another_and_work_starts_over(
    policy: IdlePolicy, want: tuple[int, ...]
) -> None:
    idle = Idle(policy, spins=3, yields=2, sleep_min_ns=1, sleep_max_ns=10, park_max_ns=10)
    for _ in range(12):
        idle.step(0)
    assert counts(idle) == want
    idle.step(5)
    idle.step(0)
    assert counts(idle) == (want[0] + 1, *want[1:])
    idle.step(0)
    idle.reset()
    idle.step(0)
    assert counts(idle) == (want[0] + 3, *want[1:])


def test_sleeps_grow_up_to_the_maximum() -> None:
    idle = Idle(
        IdlePolicy.BACKOFF, spins=0, yields=0, sleep_min_ns=2_000_000, sleep_max_ns=16_000_000
    )
    took = []
    for _ in range(6):
        start = monotonic_ns()
        idle.step(0)
        took.append(monotonic_ns() - start)
    assert all(t >= 2_000_000 * 2 ** min(i, 3) for i, t in enumerate(took)), took
    idle.step(1)
    assert idle.sleeps == 6


def test_a_wake_ends_the_park_that_is_or_the_next_one() -> None:
    idle = Idle(IdlePolicy.PARK, spins=0, yields=0, park_max_ns=LONG_NS)
    start = monotonic_ns()
    idle.wake()
    idle.step(0)  # the wake came before
    thread = threading.Thread(target=idle.step, args=(0,))
    thread.start()
    until(lambda: idle.parks == 2)
    idle.wake()
    thread.join()
    assert monotonic_ns() - start < LONG_NS


def test_a_park_ends_by_itself() -> None:
    idle = Idle(IdlePolicy.PARK, spins=0, yields=0, park_max_ns=3_000_000)
    start = monotonic_ns()
    idle.step(0)
    assert monotonic_ns() - start >= 3_000_000 and idle.parks == 1


def test_the_policy_is_switched_while_another_thread_steps() -> None:
    idle = Idle(IdlePolicy.PARK, spins=0, yields=0, sleep_max_ns=20_000, park_max_ns=LONG_NS)
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            idle.step(0)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        until(lambda: idle.parks > 0)
        for policy, name in (
            (IdlePolicy.SPIN, "spins"),
            (IdlePolicy.YIELD, "yields"),
            (IdlePolicy.BACKOFF, "sleeps"),
            (IdlePolicy.PARK, "parks"),
        ):
            before = getattr(idle, name)
            idle.policy = policy
            assert idle.policy is policy
            until(lambda n=name, b=before: getattr(idle, n) > b)  # type: ignore[misc]
    finally:
        stop.set()
        idle.policy = IdlePolicy.SPIN
        thread.join()


@pytest.mark.parametrize(
    "bad",
    [
        {"sleep_min_ns": 0},
        {"sleep_min_ns": 2_000_000},
        {"sleep_max_ns": -1},
        {"park_max_ns": 0},
        {"policy": 4},
        {"policy": -1},
        {"policy": "spin"},
        {"policy": None},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError, match="allowed"):
        Idle(**bad)  # type: ignore[arg-type]
    idle = Idle()
    assert idle.policy is IdlePolicy.BACKOFF
    if "policy" in bad:
        with pytest.raises(InputError, match="SPIN, YIELD, BACKOFF, PARK"):
            idle.policy = bad["policy"]  # type: ignore[assignment]
