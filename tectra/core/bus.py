"""The data bus: records from producers to subscribers, bounded, with a policy for each slow one.

A subscriber that may lose the oldest follows one broadcast ring that all such subscribers share;
any other has a queue of its own. Nothing here grows: a ring is full, and then the subscriber's
policy says what happens. Every subscription accounts for every record:

    produced = consumed + filtered + dropped + pending
"""

import threading
from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np
from typing_extensions import Buffer

from tectra.core.bcast import EVERYONE, BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import (
    CapacityError,
    ClosedError,
    DuplicateError,
    InputError,
    RingEmptyError,
    RingFullError,
)
from tectra.core.msg import DTYPES, Template
from tectra.core.ring import SpscRing

__all__ = [
    "DataBus",
    "MemoryDataBus",
    "Policy",
    "Subscription",
    "SubscriptionStats",
]

CAPACITY = 4096
TIMEOUT_NS = 1_000_000_000
_SLICE_NS = 20_000_000
_PAUSE_S = 50e-6
_BITS = 64
_MONO = LiveClock(ClockDomain.MONOTONIC)


class Policy(Enum):
    """What happens to a subscriber whose queue is full."""

    BLOCK = "block"  # publish() waits; try_publish() drops, tells and returns False
    DROP_NEWEST = "drop_newest"  # the new record is dropped for this subscriber, and told
    DROP_OLDEST = "drop_oldest"  # the oldest go, and are told
    DISCONNECT = "disconnect"  # the subscription ends; what is queued can still be read


class SubscriptionStats(NamedTuple):
    """Records since the subscription began; `filtered` are those it does not want. What was not
    read when it was given up counts as dropped.
    """

    produced: int
    consumed: int
    filtered: int
    dropped: int
    pending: int


class Subscription(Protocol):
    """One subscriber's end of a bus. Owner thread: one, that reads; the rest is for any thread.

    Where records were lost, a `gap` record (Template.GAP) says so before the next one: first and
    last number on the bus; each wanted record in that range was dropped.
    """

    @property
    def name(self) -> str: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def closed(self) -> bool:
        """Nothing more will come."""
        ...

    @property
    def under_pressure(self) -> bool:
        """The queue is as full as the threshold given when subscribing."""
        ...

    def try_read(self) -> bytes | None:
        """The next record or gap, or None. ClosedError when the subscription is over and empty."""
        ...

    def read(self, timeout_ns: int = TIMEOUT_NS) -> bytes:
        """The next record or gap, waiting for it; then RingEmptyError."""
        ...

    def stats(self) -> SubscriptionStats: ...


class DataBus(Protocol):
    """Producers publish records, subscribers get those whose tags they want. Any thread."""

    def publish(self, record: Buffer, tag: int = EVERYONE, timeout_ns: int = TIMEOUT_NS) -> None:
        """To every subscriber, waiting for those that must not lose; RingFullError: to nobody."""
        ...

    def try_publish(self, record: Buffer, tag: int = EVERYONE) -> bool:
        """To every subscriber with room, never waiting; False: one that must not lose lost it."""
        ...

    def subscribe(
        self,
        name: str,
        tags: int | Iterable[str] = EVERYONE,
        *,
        policy: Policy = Policy.BLOCK,
        capacity: int = CAPACITY,
    ) -> Subscription: ...

    def unsubscribe(self, subscription: Subscription) -> None: ...


def _gap(first: int, last: int, behind: bytes | bytearray) -> bytes:
    """The gap record that goes before `behind`, with its times."""
    row = np.zeros(1, DTYPES[Template.GAP])
    row["block_length"] = row.dtype.itemsize - 8
    row["template_id"] = Template.GAP
    raw = bytearray(row.tobytes())
    raw[4:8] = behind[4:8]
    raw[16:32] = behind[16:32]
    row = np.frombuffer(raw, row.dtype)
    row["ring_seq"] = row["last_seq"] = last
    row["first_seq"] = first
    return bytes(raw)


class _Wanted:
    """Tags and instruments of a subscription, and how full its queue may get unnoticed."""

    def __init__(
        self, name: str, mask: int, instruments: frozenset[int] | None, pressure_slots: int
    ) -> None:
        self.name = name
        self.mask = mask
        self.instruments = instruments
        self.pressure_slots = pressure_slots

    def has(self, record: bytes | bytearray) -> bool:
        """Records of instrument 0 concern everyone."""
        if self.instruments is None:
            return True
        instrument = int.from_bytes(record[32:36], "little")
        return instrument == 0 or instrument in self.instruments


class _Queue:
    """A subscription with a queue of its own. The bus pushes under its lock, one thread reads."""

    def __init__(self, wanted: _Wanted, policy: Policy, capacity: int) -> None:
        self.wanted, self._policy = wanted, policy
        self.ring = SpscRing.private(capacity, stamp=False)
        self._produced = self._filtered = self._dropped = self._gaps = self._consumed = 0
        self._lost: tuple[int, int] | None = None  # numbers dropped and not told yet
        self._gap_at: deque[int] = deque()  # which pushes were gaps: as many as the ring holds
        self._cut = self._over = False

    @property
    def name(self) -> str:
        return self.wanted.name

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def closed(self) -> bool:
        return self._cut

    @property
    def under_pressure(self) -> bool:
        return self.ring.depth >= self.wanted.pressure_slots

    def is_for(self, record: bytearray, tag: int) -> bool:
        return bool(tag & self.wanted.mask) and self.wanted.has(record)

    def has_room(self, record: bytearray) -> bool:
        slots = len(record) // 64 + (self._lost is not None)
        return self.ring.depth + slots < self.ring.capacity

    def skip(self) -> None:
        self._produced += 1
        self._filtered += 1

    def push(self, record: bytearray, number: int) -> bool:
        """False: it was dropped, which is counted and will be told."""
        self._produced += 1
        if self._lost is not None and not self._tell(self._lost, record):
            self._lost = (self._lost[0], number)
        elif not self.ring.try_push(record):
            self._lost = (number, number)
        else:
            return True
        self._dropped += 1
        self._cut = self._policy is Policy.DISCONNECT
        return False

    def _tell(self, lost: tuple[int, int], record: bytearray) -> bool:
        self._gap_at.append(self.ring.pushed + 1)
        if not self.ring.try_push(_gap(*lost, record)):
            self._gap_at.pop()
            return False
        self._gaps += 1
        self._lost = None
        return True

    def end(self) -> None:
        self._cut = self._over = True

    def try_read(self) -> bytes | None:
        cut = self._cut
        raw = None if self._over else self.ring.try_pop()
        if raw is None and cut:
            raise self._closed()
        return raw if raw is None else self._count(raw)

    def read(self, timeout_ns: int = TIMEOUT_NS) -> bytes:
        end = _MONO.now_ns() + timeout_ns
        while (raw := self.try_read()) is None:
            try:
                return self._count(self.ring.pop(max(min(end - _MONO.now_ns(), _SLICE_NS), 0)))
            except RingEmptyError:
                if _MONO.now_ns() >= end:
                    raise
        return raw

    def _count(self, raw: bytes) -> bytes:
        if self._gap_at and self._gap_at[0] == self.ring.popped:
            self._gap_at.popleft()
        else:
            self._consumed += 1
        return raw

    def _closed(self) -> ClosedError:
        why = "it was unsubscribed" if self._over else "it was too slow and was disconnected"
        return ClosedError(f"subscription {self.name!r}: {why}; subscribe again")

    def stats(self) -> SubscriptionStats:
        queued = self.ring.pushed - self._gaps - self._consumed
        dropped, pending = self._dropped, queued
        if self._over:
            dropped, pending = dropped + queued, 0
        return SubscriptionStats(self._produced, self._consumed, self._filtered, dropped, pending)


class _Follower:
    """A subscription to the ring that all who may lose the oldest share."""

    def __init__(self, wanted: _Wanted, ring: BroadcastRing) -> None:
        self.wanted = wanted
        self._reader: BroadcastReader = BroadcastReader.join(ring, mask=wanted.mask)
        self._passed = 0  # read and found to be of another instrument
        self._final: SubscriptionStats | None = None

    @property
    def name(self) -> str:
        return self.wanted.name

    @property
    def policy(self) -> Policy:
        return Policy.DROP_OLDEST

    @property
    def closed(self) -> bool:
        return self._final is not None

    @property
    def under_pressure(self) -> bool:
        return self._final is None and self._reader.lag >= self.wanted.pressure_slots

    def end(self) -> None:
        found = self.stats()
        self._final = found._replace(dropped=found.dropped + found.pending, pending=0)

    def _require(self) -> None:
        if self._final is not None:
            raise ClosedError(f"subscription {self.name!r}: it was unsubscribed; subscribe again")

    def try_read(self) -> bytes | None:
        self._require()
        while (raw := self._reader.try_read()) is not None and not self._keep(raw):
            pass
        return raw

    def read(self, timeout_ns: int = TIMEOUT_NS) -> bytes:
        end = _MONO.now_ns() + timeout_ns
        while True:
            self._require()
            try:
                raw = self._reader.read(max(min(end - _MONO.now_ns(), _SLICE_NS), 0))
            except RingEmptyError:
                if _MONO.now_ns() >= end:
                    raise
                continue
            if self._keep(raw):
                return raw

    def _keep(self, raw: bytes) -> bool:
        """A gap of the ring has no instrument, so it is kept."""
        if self.wanted.has(raw):
            return True
        self._passed += 1
        return False

    def stats(self) -> SubscriptionStats:
        if self._final is not None:
            return self._final
        found = self._reader.counters()
        return SubscriptionStats(
            found["next"] + found["lag"] - found["joined"],
            found["read"] - self._passed,
            found["skipped"] + self._passed,
            found["lost"],
            found["lag"],
        )


def _require_record(record: Buffer) -> bytearray:
    raw = bytearray(record)
    if len(raw) not in (64, 128) or int.from_bytes(raw[:2], "little") + 8 != len(raw):
        raise InputError(
            f"record of {len(raw)} bytes for the bus: its header does not fit; allowed: 64 or 128 "
            "bytes that begin with a header of block length 56 or 120 (tectra.core.encode)"
        )
    return raw


class MemoryDataBus:
    """The data bus of one process.

    Owner thread: any; publishers take turns by a lock that is never held while one of them waits.
    The bus numbers its records from 1 and writes the number into ring_seq. `capacity`: slots of 64
    bytes of the ring that the DROP_OLDEST subscribers share, a power of two from 8 to 2**32.
    """

    def __init__(self, *, capacity: int = CAPACITY) -> None:
        self._ring = BroadcastRing.private(capacity)
        self._lock = threading.Lock()
        self._queues: list[_Queue] = []
        self._followers: list[_Follower] = []
        self._topics: dict[str, int] = {}
        self._refused = 0

    @property
    def published(self) -> int:
        """Records published so far: also the number of the newest."""
        return self._ring.published

    @property
    def refused(self) -> int:
        """try_publish() calls that returned False, and publish() calls that ran out of time."""
        return self._refused

    def topic(self, name: str) -> int:
        """The tag bit of a topic: the next free one when it is new. CapacityError: 64 are taken."""
        with self._lock:
            if name not in self._topics:
                if len(self._topics) == _BITS:
                    raise CapacityError(f"topic {name!r}: all 64 tag bits are taken; share a topic")
                self._topics[name] = 1 << len(self._topics)
            return self._topics[name]

    def subscribe(
        self,
        name: str,
        tags: int | Iterable[str] = EVERYONE,
        *,
        policy: Policy = Policy.BLOCK,
        capacity: int = CAPACITY,
        instruments: Iterable[int] | None = None,
        pressure_slots: int | None = None,
    ) -> Subscription:
        """Get the records whose tag has a bit in common with `tags` (a mask, or names of topics)
        and, if given, those of `instruments` (ids; records of instrument 0 concern everyone).

        `capacity`: slots of 64 bytes of the subscriber's own queue, a power of two from 8 to 2**32;
        not used by DROP_OLDEST, who share the ring of the bus. `pressure_slots`: how full is
        `under_pressure`, 1 up to the capacity, default three quarters of it. DuplicateError: the
        name is taken.
        """
        mask = tags if isinstance(tags, int) else sum({self.topic(topic) for topic in tags})
        if not 0 < mask <= EVERYONE:
            raise InputError(f"tags of {name!r}: found {tags!r}; allowed: at least one of 64 bits")
        if policy is Policy.DROP_OLDEST:
            capacity = self._ring.capacity
        if pressure_slots is None:
            pressure_slots = max(capacity * 3 // 4, 1)
        if not 1 <= pressure_slots <= max(capacity, 1):
            raise InputError(
                f"pressure_slots of {name!r}: found {pressure_slots}; allowed: 1 to {capacity}"
            )
        only = None if instruments is None else frozenset(instruments)
        wanted = _Wanted(name, mask, only, pressure_slots)
        with self._lock:
            if name in {q.name for q in self._queues} | {f.name for f in self._followers}:
                raise DuplicateError(f"subscriber {name!r} exists; unsubscribe it first")
            if policy is Policy.DROP_OLDEST:
                self._followers.append(_Follower(wanted, self._ring))
                return self._followers[-1]
            self._queues.append(_Queue(wanted, policy, capacity))
            return self._queues[-1]

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop delivering; what was not read counts as dropped. Idempotent."""
        with self._lock:
            if isinstance(subscription, _Queue) and not subscription._over:
                self._queues = [s for s in self._queues if s is not subscription]
                subscription.end()
            elif isinstance(subscription, _Follower) and not subscription.closed:
                self._followers.remove(subscription)
                subscription.end()

    def subscriptions(self) -> list[Subscription]:
        """Whoever is subscribed now."""
        with self._lock:
            return [*self._queues, *self._followers]

    def try_publish(self, record: Buffer, tag: int = EVERYONE) -> bool:
        """Publish to every subscriber that has room; never waits. False when one that must not lose
        (BLOCK) had none: it lost this record, which is counted and told; do not publish again, the
        others have it.
        """
        raw = _require_record(record)
        with self._lock:
            done = self._deliver(raw, tag)
            self._refused += not done
        return done

    def publish(self, record: Buffer, tag: int = EVERYONE, timeout_ns: int = TIMEOUT_NS) -> None:
        """Publish to every subscriber, waiting up to timeout_ns for those that must not lose; then
        RingFullError, and nobody got it.
        """
        raw = _require_record(record)
        end, pause = _MONO.now_ns() + timeout_ns, threading.Event()
        while True:
            with self._lock:
                full = [
                    q.name
                    for q in self._queues
                    if q.policy is Policy.BLOCK and q.is_for(raw, tag) and not q.has_room(raw)
                ]
                if not full:
                    self._deliver(raw, tag)
                    return
                if _MONO.now_ns() >= end:
                    self._refused += 1
                    raise RingFullError(
                        f"bus: {', '.join(full)} full for {timeout_ns} ns; nothing was published; "
                        "let them catch up or give them more capacity"
                    )
            pause.wait(_PAUSE_S)

    def _deliver(self, raw: bytearray, tag: int) -> bool:
        number = self._ring.published + 1
        raw[8:16] = number.to_bytes(8, "little")
        self._ring.publish(raw, tag)
        done = True
        for queue in self._queues:
            if not queue.is_for(raw, tag):
                queue.skip()
            elif not queue.push(raw, number):
                done = done and queue.policy is not Policy.BLOCK
        if any(queue.closed for queue in self._queues):
            self._queues = [queue for queue in self._queues if not queue.closed]
        return done
