"""What anyone sees of a ring, and how its sides wait: pressure, beats, policies, parking."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic_ns

import pytest

from tectra.core.errors import ClosedError, InputError, RingEmptyError, RingFullError
from tectra.core.idle import IdlePolicy
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.ring import Pressure, SpscRing
from tectra.core.ring_page import RingPage

Name = Callable[..., str]
REC = encode(Template.BOOK_ADD, px=1)
WIDE = encode(Template.BOOK_ADD_ATTRIBUTED, px=1)
LONG_NS = 20_000_000_000


def until(true: Callable[[], bool]) -> None:
    """Poll with a deadline."""
    end = monotonic_ns() + LONG_NS
    while not true():
        assert monotonic_ns() < end, "it never came"


def test_it_is_made_as_a_ring_only() -> None:
    with pytest.raises(TypeError, match=r"SpscRing\.create"):
        RingPage()


def test_pressure_rises_and_falls() -> None:
    ring = SpscRing.private(16)
    assert ring.high_mark == 12
    seen = [ring.pressure]
    while ring.try_push(REC):
        seen.append(ring.pressure)
    assert seen == [Pressure.OK] * 12 + [Pressure.HIGH] * 3 + [Pressure.FULL]
    for _ in range(3):
        ring.pop()
    assert ring.depth == 12 and ring.pressure is Pressure.HIGH
    ring.pop()
    assert ring.pressure is Pressure.OK
    ring.high_mark = 5
    assert ring.pressure is Pressure.HIGH
    ring.high_mark = 16  # never, but full
    assert ring.pressure is Pressure.OK


@pytest.mark.shm
def test_the_high_mark_is_everyones(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 32, high_mark=2) as ring, SpscRing.attach(shm_name()) as other:
        ring.push_many(REC * 3)
        assert other.high_mark == 2 and other.pressure is Pressure.HIGH
        other.high_mark = 20
        assert ring.pressure is Pressure.OK


@pytest.mark.parametrize("bad", [0, -1, 17, 2**64, 1.5, None])
def test_high_marks_outside_the_ring_are_refused(bad: object) -> None:
    ring = SpscRing.private(16)
    with pytest.raises(InputError, match="1 to 16 slots"):
        ring.high_mark = bad  # type: ignore[assignment]
    assert ring.high_mark == 12


def test_a_lossy_ring_is_full_when_it_overwrites() -> None:
    ring = SpscRing.private(8, overwrite=True)
    for _ in range(8):
        assert ring.pressure is not Pressure.FULL
        ring.push(REC)
    assert ring.pressure is Pressure.FULL


def test_counts_of_records_of_both_sizes() -> None:
    ring = SpscRing.private(64, start=2**64 - 5)
    for i in range(1, 12):
        ring.push(WIDE if i % 2 else REC)
        ring.push_many(REC + WIDE)
        assert ring.pushed == 3 * i
        for _ in range(3):
            ring.pop()
        assert ring.popped == 3 * i and ring.depth == 0


@pytest.mark.shm
def test_beats_on_demand_and_by_waiting(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 8) as ring, SpscRing.attach(shm_name()) as monitor:
        assert monitor.beats_ns == (0, 0)
        ring.claim_producer()
        ring.beat(1000)
        assert monitor.beats_ns == (1000, 0)
        with pytest.raises(RingEmptyError):
            ring.pop(timeout_ns=1000)
        producer, consumer = monitor.beats_ns
        assert producer == 1000 and consumer > 10**18  # the wall clock's time
        ring.push_many(REC * 7)
        with pytest.raises(RingFullError):
            ring.push(REC, timeout_ns=1000)
        assert monitor.beats_ns[0] > 10**18


COUNTER = {
    IdlePolicy.SPIN: "spins",
    IdlePolicy.YIELD: "yields",
    IdlePolicy.BACKOFF: "sleeps",
    IdlePolicy.PARK: "parks",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("side", ["push", "pop"])
def test_the_policy_of_a_waiter_is_switched_from_another_thread(side: str) -> None:
    ring = SpscRing.private(8)
    assert ring.idle_policy is IdlePolicy.YIELD
    ring.idle_policy = IdlePolicy.PARK
    if side == "push":
        ring.push_many(REC * 7)
        thread = threading.Thread(target=ring.push, args=(REC, LONG_NS))
        idle = ring.push_idle
    else:
        thread = threading.Thread(target=ring.pop, args=(LONG_NS,))
        idle = ring.pop_idle
    thread.start()
    for policy in (IdlePolicy.PARK, IdlePolicy.SPIN, IdlePolicy.BACKOFF, IdlePolicy.YIELD):
        before = getattr(idle, COUNTER[policy])
        ring.idle_policy = policy
        assert ring.idle_policy is policy
        until(lambda p=policy, b=before: getattr(idle, COUNTER[p]) > b)  # type: ignore[misc]
    if side == "push":
        ring.pop()
    else:
        ring.push(REC)
    thread.join()
    ring.close()
    with pytest.raises(ClosedError):
        ring.idle_policy = IdlePolicy.SPIN


ECHO = """
import sys
from tectra.core.idle import IdlePolicy
from tectra.core.ring import SpscRing
there, back = SpscRing.attach(sys.argv[1]), SpscRing.attach(sys.argv[2])
there.idle_policy = back.idle_policy = IdlePolicy(int(sys.argv[3]))
for _ in range(int(sys.argv[4])):
    back.push(there.pop(20_000_000_000), 20_000_000_000)
print(there.pop_idle.parks)
there.close()
back.close()
"""


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(60)
@pytest.mark.parametrize("policy", list(IdlePolicy))
def test_two_processes_wait_for_each_other(
    shm_name: Name, fresh_env: dict[str, str], policy: IdlePolicy
) -> None:
    """Every record goes there and back; parked sides wake each other across the processes."""
    trips = 300
    with (
        SpscRing.create(shm_name("there"), 8) as there,
        SpscRing.create(shm_name("back"), 8) as back,
    ):
        there.idle_policy = back.idle_policy = policy
        args = (shm_name("there"), shm_name("back"), str(int(policy)), str(trips))
        code = [sys.executable, "-c", ECHO, *args]
        process = subprocess.Popen(code, env=fresh_env, stdout=subprocess.PIPE, text=True)
        for i in range(trips):
            if policy is IdlePolicy.PARK and i % 10 == 0:  # let the other side fall asleep
                until(lambda: there.consumer_parked or process.poll() is not None)
            there.push(encode(Template.BOOK_ADD, px=i), LONG_NS)
            assert back.pop(LONG_NS)[16:] == encode(Template.BOOK_ADD, px=i)[16:]
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0 and there.depth == back.depth == 0
        if policy is IdlePolicy.PARK:
            assert int(out) >= trips // 10
        assert there.owner_pid == os.getpid()


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(60)
def test_a_parked_producer_is_woken_by_another_process(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    code = (
        "import sys; from tectra.core.ring import SpscRing\n"
        "from tectra.core.idle import IdlePolicy\n"
        "ring = SpscRing.attach(sys.argv[1])\n"
        "ring.idle_policy = IdlePolicy.PARK\n"
        "for i in range(40): ring.push(bytes.fromhex(sys.argv[2]), 20_000_000_000)\n"
    )
    with SpscRing.create(shm_name(), 8) as ring:
        process = subprocess.Popen(
            [sys.executable, "-c", code, shm_name(), REC.hex()], env=fresh_env
        )
        for _ in range(33):
            until(lambda: ring.producer_parked or process.poll() is not None)
            ring.pop(LONG_NS)
        assert process.wait(20) == 0
        assert len(ring.drain()) == 7 and ring.pushed == 40
