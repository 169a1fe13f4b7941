"""The data bus: publish, subscribe, unsubscribe, a policy for each slow one, all counted."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import gap_of, number_of, record, seq_of, template_of, wide

from tectra.core.bus import DataBus, MemoryDataBus, Policy, Subscription
from tectra.core.errors import (
    CapacityError,
    ClosedError,
    DuplicateError,
    InputError,
    RingEmptyError,
    RingFullError,
)
from tectra.core.msg import Template

WAIT_NS = 30_000_000_000


def rest(subscription: Subscription) -> list[bytes]:
    out: list[bytes] = []
    try:
        while (raw := subscription.try_read()) is not None:
            out.append(raw)
    except ClosedError:
        pass
    return out


def balanced(subscription: Subscription) -> bool:
    s = subscription.stats()
    return s.produced == s.consumed + s.filtered + s.dropped + s.pending


def test_two_subscribers_and_one_that_leaves() -> None:
    bus: DataBus = MemoryDataBus()
    one, two = bus.subscribe("one"), bus.subscribe("two", policy=Policy.DROP_OLDEST)
    bus.publish(record(1))
    bus.publish(wide(2))
    for subscription in (one, two):
        got = [subscription.read() for _ in range(2)]
        assert [number_of(r) for r in got] == [1, 2] and [seq_of(r) for r in got] == [1, 2]
        assert subscription.try_read() is None
    bus.unsubscribe(one)
    bus.unsubscribe(one)
    bus.publish(record(3))
    assert number_of(two.read()) == 3
    with pytest.raises(ClosedError, match="'one': it was unsubscribed"):
        one.try_read()
    bus.unsubscribe(two)
    with pytest.raises(ClosedError, match="'two': it was unsubscribed"):
        two.read()
    assert one.closed and two.closed
    assert one.stats() == (2, 2, 0, 0, 0) and two.stats() == (3, 3, 0, 0, 0)


def test_topics_and_masks() -> None:
    bus = MemoryDataBus()
    trades = bus.subscribe("trades", ["trade"])
    both = bus.subscribe("both", ["trade", "quote"], policy=Policy.DROP_OLDEST)
    everything = bus.subscribe("everything")
    for topic in ("trade", "quote", "status", "trade"):
        bus.publish(record(1), bus.topic(topic))
    assert [seq_of(r) for r in rest(trades)] == [1, 4]
    assert [seq_of(r) for r in rest(both)] == [1, 2, 4]
    assert [seq_of(r) for r in rest(everything)] == [1, 2, 3, 4]
    assert trades.stats().filtered == 2 and both.stats().filtered == 1
    for i in range(61):
        bus.topic(f"more {i}")
    with pytest.raises(CapacityError, match="all 64 tag bits"):
        bus.topic("one too many")
    with pytest.raises(DuplicateError, match="'both' exists"):
        bus.subscribe("both")
    for tags in (0, -1, 2**64, ()):
        with pytest.raises(InputError, match="at least one of 64 bits"):
            bus.subscribe("x", tags)  # type: ignore[arg-type]


def test_a_full_recorder_is_told_of_and_the_publisher_never_waits() -> None:
    bus = MemoryDataBus(capacity=64)
    recorder = bus.subscribe("recorder", capacity=8)
    other = bus.subscribe("other", policy=Policy.DROP_OLDEST)
    done = [bus.try_publish(record(i)) for i in range(1, 13)]
    assert done == [True] * 7 + [False] * 5 and bus.refused == 5
    assert recorder.stats() == (12, 0, 0, 5, 7) and recorder.under_pressure
    assert [number_of(r) for r in rest(other)] == list(range(1, 13)), "the others have it all"
    assert [number_of(recorder.read()) for _ in range(3)] == [1, 2, 3]
    assert bus.try_publish(record(13))
    got = rest(recorder)
    assert [number_of(r) for r in got if template_of(r) != Template.GAP] == [4, 5, 6, 7, 13]
    assert gap_of(got[4]) == (8, 12) and int.from_bytes(got[4][16:24], "little") == 13
    assert recorder.stats() == (13, 8, 0, 5, 0) and not recorder.under_pressure


def test_publish_waits_for_room_and_else_reaches_nobody() -> None:
    bus = MemoryDataBus()
    slow, other = bus.subscribe("slow", capacity=8), bus.subscribe("other")
    for i in range(7):
        bus.publish(record(i))
    with pytest.raises(RingFullError, match="slow full for 1000000 ns; nothing was published"):
        bus.publish(record(99), timeout_ns=1_000_000)
    assert len(rest(other)) == 7 and bus.published == 7 and bus.refused == 1
    thread = threading.Thread(target=bus.publish, args=[record(7)], kwargs={"timeout_ns": WAIT_NS})
    thread.start()
    assert [number_of(slow.read(WAIT_NS)) for _ in range(8)] == list(range(8))
    thread.join()
    assert slow.stats() == (8, 8, 0, 0, 0)
    with pytest.raises(RingEmptyError):
        slow.read(timeout_ns=1000)


def test_a_waiting_publisher_does_not_hold_up_one_that_never_waits() -> None:
    bus = MemoryDataBus()
    slow = bus.subscribe("slow", 1, capacity=8)
    quick = bus.subscribe("quick", 2)
    for i in range(7):
        bus.publish(record(i), 1)
    thread = threading.Thread(target=bus.publish, args=[record(7), 1, WAIT_NS])
    thread.start()
    assert bus.try_publish(record(50), 2) and number_of(quick.read(WAIT_NS)) == 50
    assert number_of(slow.read(WAIT_NS)) == 0
    thread.join()


@pytest.mark.parametrize("policy", list(Policy))
def test_a_slow_subscriber_is_treated_as_it_declared(policy: Policy) -> None:
    bus = MemoryDataBus(capacity=8)
    slow = bus.subscribe("slow", policy=policy, capacity=8)
    for i in range(1, 21):
        bus.try_publish(record(i))
    assert balanced(slow)
    numbers = [number_of(r) for r in rest(slow) if template_of(r) != Template.GAP]
    assert numbers == ([17, 18, 19, 20] if policy is Policy.DROP_OLDEST else list(range(1, 8)))
    if policy is Policy.DISCONNECT:
        assert slow.closed and slow.stats() == (8, 7, 0, 1, 0)
        with pytest.raises(ClosedError, match="too slow and was disconnected"):
            slow.read()
        assert bus.subscriptions() == []
    else:
        assert slow.stats() == (20, len(numbers), 0, 20 - len(numbers), 0)
        bus.publish(record(21))
        assert number_of(rest(slow)[-1]) == 21
    assert bus.refused == (13 if policy is Policy.BLOCK else 0)


def test_arguments() -> None:
    bus = MemoryDataBus()
    for bad in (b"", bytes(64), record(1)[:63], record(1) * 2):
        with pytest.raises(InputError, match="header does not fit"):
            bus.publish(bad)
    for capacity in (0, 7, 9):
        with pytest.raises(InputError, match="power of two"):
            bus.subscribe("x", capacity=capacity)
    for pressure in (0, 65):
        with pytest.raises(InputError, match="allowed: 1 to 64"):
            bus.subscribe("x", capacity=64, pressure_slots=pressure)
    touchy = bus.subscribe("touchy", capacity=64, pressure_slots=2)
    bus.publish(record(1))
    assert not touchy.under_pressure
    bus.publish(record(1))
    assert touchy.under_pressure
    bus.publish(np.frombuffer(record(3), np.uint8))
    assert bus.published == 3


STEP = st.one_of(
    st.tuples(st.just("publish"), st.booleans(), st.sampled_from([1, 2, 3])),
    st.tuples(st.just("read"), st.integers(0, 4), st.integers(1, 6)),
)


@given(st.lists(STEP, max_size=120))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_every_record_is_accounted_for(steps: list[tuple[str, int, int]]) -> None:
    bus = MemoryDataBus(capacity=16)
    subs = [bus.subscribe(p.name, 1, policy=p, capacity=8) for p in Policy]
    subs.append(bus.subscribe("all", policy=Policy.DROP_NEWEST, capacity=8))
    tags: list[int] = []
    seen: dict[str, int] = {}

    def read(subscription: Subscription, times: int) -> None:
        want = ~0 if subscription.name == "all" else 1
        for raw in iter_reads(subscription, times):
            at = seen.get(subscription.name, 0)
            if template_of(raw) == Template.GAP:
                first, last = gap_of(raw)
                assert at < first <= last
            else:
                first = last = seq_of(raw)
                assert tags[first - 1] & want
            assert not any(tags[n - 1] & want for n in range(at + 1, first))
            seen[subscription.name] = last

    for kind, a, b in steps:
        if kind == "publish":
            tags.append(b)
            bus.try_publish(wide(1) if a else record(1), b)
        else:
            read(subs[a], b)
        assert all(balanced(s) for s in subs)
    for subscription in subs:
        read(subscription, 1000)
        assert balanced(subscription) and subscription.stats().pending == 0


def iter_reads(subscription: Subscription, times: int) -> list[bytes]:
    out: list[bytes] = []
    try:
        while len(out) < times and (raw := subscription.try_read()) is not None:
            out.append(raw)
    except ClosedError:
        pass
    return out


def test_an_overloaded_bus_keeps_no_memory(retained_blocks: Callable[..., float]) -> None:
    bus = MemoryDataBus(capacity=64)
    for policy in (Policy.BLOCK, Policy.DROP_NEWEST, Policy.DROP_OLDEST):
        bus.subscribe(policy.name, policy=policy, capacity=64)
    raw = record(1)

    def run() -> None:
        for _ in range(5000):
            bus.try_publish(raw)

    run()
    assert retained_blocks(run, events=5000) < 2
