"""The ring between two processes over shared memory: rate in bulk and one by one, round trips.

This process pushes; a child of it, which runs `peer` of this module, pops or echoes. Both wait by
the same idle policy, and both end by themselves: a side that hears nothing for ten seconds raises.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import StateError
from tectra.core.hist import Histogram
from tectra.core.idle import IdlePolicy
from tectra.core.msg import HEAD, Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing

__all__ = ["QUANTILES", "Rate", "RingFigures", "Trips", "measure_ring", "peer", "push_all"]

CAPACITY = 1 << 14
BATCH = 1 << 10
PATIENCE_NS = 10_000_000_000
TRIPS_MAX = 20_000
SINGLES_MAX = 500_000
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
Step = Callable[[int, int], None]


@dataclass(frozen=True)
class Rate:
    """Records one way, and the counters of the ring behind them."""

    records: int
    ns: int
    counters: dict[str, int]

    @property
    def per_s(self) -> float:
        return self.records * 1e9 / self.ns


@dataclass(frozen=True)
class Trips:
    """Round trips of one record, nanoseconds."""

    count: int
    ns: dict[str, int]


@dataclass(frozen=True)
class RingFigures:
    """What `measure_ring` found."""

    policy: IdlePolicy
    bulk: Rate
    single: Rate
    trips: Trips


def push_all(ring: SpscRing, slots: NDArray[np.void]) -> None:
    """Push every record of one slot, waiting by the ring's policy where it is full."""
    at = 0
    while at < len(slots):
        took = ring.push_many(slots[at:])
        if took == 0:
            ring.push(slots[at : at + 1], PATIENCE_NS)
            took = 1
        at += took


def peer(role: str, name: str, back: str, policy: int, records: int) -> None:
    """The other process: `bulk` reads batches in place, `single` pops, `echo` sends back."""
    with SpscRing.attach(name) as ring, SpscRing.attach(back) as out:
        ring.idle_policy = out.idle_policy = IdlePolicy(policy)
        done = 0
        ring.claim_consumer()
        out.push(encode(Template.TRADE), PATIENCE_NS)  # ready
        if role == "bulk":
            for batch in ring.batches(timeout_ns=PATIENCE_NS):
                done += len(batch)
                if done >= records:
                    break
        elif role == "single":
            for _ in range(records):
                ring.pop(PATIENCE_NS)
        else:
            for _ in range(records):
                out.push(ring.pop(PATIENCE_NS), PATIENCE_NS)
        out.push(encode(Template.TRADE), PATIENCE_NS)  # done


@contextmanager
def _pair(role: str, policy: IdlePolicy, records: int) -> Iterator[tuple[SpscRing, SpscRing]]:
    """Two rings and the process at the other end of them."""
    name, back = (f"tectra_bench_{os.getpid()}_{role}_{end}" for end in ("there", "back"))
    with SpscRing.create(name, CAPACITY) as ring, SpscRing.create(back, 64) as out:
        ring.idle_policy = out.idle_policy = policy
        code = f"from {__name__} import peer; peer{(role, name, back, int(policy), records)!r}"
        # -P: not the checkout that may lie unbuilt in the working directory. A group of its own:
        # Ctrl-C is this process's to hear, which then ends the other.
        child = subprocess.Popen([sys.executable, "-P", "-c", code], process_group=0)
        try:
            out.pop(PATIENCE_NS)
            yield ring, out
            if child.wait(PATIENCE_NS / 1e9) != 0:
                raise StateError(f"the other process of the bench ended with {child.returncode}")
        finally:
            child.kill()
            child.wait()


def _rate(role: str, policy: IdlePolicy, records: int, clock: LiveClock) -> Rate:
    one = encode(Template.TRADE)
    slots = np.frombuffer(one * BATCH, HEAD)
    with _pair(role, policy, records) as (ring, back):
        start = clock.now_ns()
        if role == "bulk":
            for at in range(0, records, BATCH):
                push_all(ring, slots[: min(BATCH, records - at)])
        else:
            for _ in range(records):
                ring.push(one, PATIENCE_NS)
        back.pop(PATIENCE_NS)
        ns = clock.now_ns() - start
        return Rate(records, ns, ring.counters())


def _trips(policy: IdlePolicy, count: int, clock: LiveClock) -> Trips:
    one, hist = encode(Template.TRADE), Histogram(bits=10, max_bits=40)
    with _pair("echo", policy, count) as (ring, back):
        for _ in range(count):
            start = clock.now_ns()
            ring.push(one, PATIENCE_NS)
            back.pop(PATIENCE_NS)
            hist.record(clock.now_ns() - start)
        back.pop(PATIENCE_NS)
    found = dict(zip(QUANTILES, hist.quantiles(QUANTILES.values()), strict=True))
    return Trips(count, {**found, "max": hist.max})


def measure_ring(messages: int, policy: IdlePolicy, step: Step) -> RingFigures:
    """Measure the ring with so many records in bulk, and fewer one by one and there and back."""
    clock = LiveClock(ClockDomain.MONOTONIC)
    step(0, 3)
    bulk = _rate("bulk", policy, messages, clock)
    step(1, 3)
    single = _rate("single", policy, min(messages, SINGLES_MAX), clock)
    step(2, 3)
    trips = _trips(policy, min(messages, TRIPS_MAX), clock)
    step(3, 3)
    return RingFigures(policy, bulk, single, trips)
