"""The page of a ring as anyone sees it: how full, how much went through, who holds its sides."""
# Owns the handle and the mapping of a ring; SpscRing in ring.pyx adds pushing and popping. Any
# thread and process reads; a property costs some tens of nanoseconds. Wraps ext/tectra/spsc*.h.

from enum import IntEnum
from typing import NamedTuple

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free

from tectra.core.base cimport TT_OK
from tectra.core.clock cimport tt_mono_ns, tt_now_ns
from tectra.core.idle cimport Idle, tt_idle_reset, tt_load_relaxed32
from tectra.core.rc cimport check_with
from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_load_acquire64, tt_load_relaxed64, tt_store_release64

from cpython.exc cimport PyErr_CheckSignals

from tectra.core.errors import InputError, RingEmptyError, RingFullError, StateError

__all__ = ["Gap", "Pressure", "RingPage"]

cdef enum:
    CHUNK_NS = 20_000_000  # without the GIL at a time


class Gap(NamedTuple):
    """Records `first` to `last` (from 1) were overwritten before they were read."""

    first: int
    last: int


class Pressure(IntEnum):
    """How hard the consumer's lag presses on the producer."""

    OK = TT_SPSC_PRESSURE_OK
    HIGH = TT_SPSC_PRESSURE_HIGH
    """`high_mark` slots are in use, or more."""
    FULL = TT_SPSC_PRESSURE_FULL
    """The next push is refused; with overwrite, it overwrites."""


cdef class RingPage(SharedPage):
    """The base of SpscRing: the handle, waiting, and what any thread or process may read.

    Owner threads: any for reading; waiting belongs to the side that waits. Made by SpscRing only.
    close() leaves both sides; views that were lent stay readable, and keep the memory until they
    are gone.
    """

    _kind = "ring"
    _made = ("a ring", "SpscRing")

    cdef void leave(self, bint mapped) noexcept:
        if self.c is not NULL and mapped:
            tt_spsc_leave(self.c)
        free(self.c)
        self.c = NULL

    cdef tt_spsc_page *_page(self) except NULL:
        self.require()
        return self.c.page

    def claim_producer(self):
        """Become the producer now, for wiring. StateError when another live handle is."""
        self.require()
        if not self.c.producing and tt_spsc_claim_producer(self.c) != TT_OK:
            raise StateError(
                f"ring {self.mapping.name!r}: process {self.producer_pid} pushes into it; a ring "
                "has one producer"
            )

    def claim_consumer(self):
        """Become the consumer now, for wiring. StateError when another live handle is."""
        self.require()
        if not self.c.consuming and tt_spsc_claim_consumer(self.c) != TT_OK:
            raise StateError(
                f"ring {self.mapping.name!r}: process {self.consumer_pid} pops from it; a ring has "
                "one consumer"
            )

    cdef int may_push(self) except -1:
        """Say why a push was refused, when it was not for lack of room."""
        self.claim_producer()
        if self.c.claimed != 0:
            raise StateError(
                f"ring {self.mapping.name!r}: a claim is open; leave its `with` block before "
                "pushing or claiming again"
            )
        return 0

    cdef int may_pop(self) except -1:
        """Say why nothing may be popped, when that is not for lack of records."""
        if self.lent:
            raise StateError(
                f"ring {self.mapping.name!r}: an iterator holds its next records; end the "
                "iteration before popping"
            )
        self.claim_consumer()
        return 0

    # -- waiting

    @property
    def idle_policy(self):
        """How pushes and pops of this handle wait (IdlePolicy). Set it from any thread: whoever
        waits goes on by the new one. `push_idle` and `pop_idle` count the steps.
        """
        return self.pop_idle.policy

    @idle_policy.setter
    def idle_policy(self, policy):
        self.require()
        self.push_idle.policy = policy
        self.pop_idle.policy = policy
        tt_spsc_unpark(self.c)

    @property
    def consumer_parked(self):
        """True while the consumer sleeps until a push wakes it."""
        return tt_load_relaxed32(&self._page().consumer_parked) != 0

    @property
    def producer_parked(self):
        """True while the producer sleeps until something is given back."""
        return tt_load_relaxed32(&self._page().producer_parked) != 0

    cdef int wait_filled(self, int64_t timeout_ns) except -1:
        """Wait for a record; 0 when the time is up. Hears signals, and beats."""
        cdef Idle idle = self.pop_idle
        cdef int64_t end = tt_mono_ns() + timeout_ns
        cdef int64_t until
        cdef int rc
        self.may_pop()
        tt_idle_reset(&idle.c)
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            with nogil:
                rc = tt_spsc_wait_filled(self.c, &idle.c, until)
            if rc == TT_OK:
                return 1
            PyErr_CheckSignals()
            tt_store_release64(&self.c.page.consumer_beat_ns, <uint64_t> tt_now_ns())
            if tt_mono_ns() >= end:
                return 0

    cdef int wait_space(self, uint64_t slots, int64_t timeout_ns) except -1:
        """Wait for room; 0 when the time is up. Hears signals, and beats."""
        cdef Idle idle = self.push_idle
        cdef int64_t end = tt_mono_ns() + timeout_ns
        cdef int64_t until
        cdef int rc
        self.may_push()
        tt_idle_reset(&idle.c)
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            with nogil:
                rc = tt_spsc_wait_space(self.c, &idle.c, until, slots)
            if rc == TT_OK:
                return 1
            PyErr_CheckSignals()
            tt_store_release64(&self.c.page.producer_beat_ns, <uint64_t> tt_now_ns())
            if tt_mono_ns() >= end:
                return 0

    cdef int raise_full(self, int64_t timeout_ns) except -1:
        raise RingFullError(
            f"ring {self.mapping.name!r}: full for {timeout_ns} ns ({self.capacity} "
            "slots); nothing was written; "
            "let the consumer catch up or make the ring larger"
        )

    cdef int raise_empty(self, int64_t timeout_ns) except -1:
        raise RingEmptyError(
            f"ring {self.mapping.name!r}: nothing came in {timeout_ns} ns; is the producer "
            "running?"
        )

    # -- counters, for any thread and process

    @property
    def depth(self):
        """Slots in use now."""
        self.require()
        return tt_spsc_depth(self.c)

    @property
    def pressure(self):
        """How full it is, as a Pressure: OK, HIGH from `high_mark` slots on, FULL."""
        self.require()
        return Pressure(tt_spsc_pressure(self.c))

    @property
    def high_mark(self):
        """Slots in use from which the pressure is HIGH; three quarters of all unless set. Any
        thread or process sets it, for all of them. InputError outside 1 to the capacity.
        """
        return tt_load_relaxed64(&self._page().high_mark)

    @high_mark.setter
    def high_mark(self, slots):
        self.require()
        if (
            not isinstance(slots, int)
            or not 0 < slots <= self.capacity
            or tt_spsc_set_high_mark(self.c, slots) != TT_OK
        ):
            raise InputError(
                f"high mark of a ring: found {slots!r}; allowed: 1 to {self.capacity} slots"
            )

    @property
    def high_water(self):
        """Slots in use at most so far: noted every 16 slots from 64 up, and when full. To be exact,
        each push would look at the consumer's line: 0.2 ns more on one core, and with two one more
        line to move each way.
        """
        return max(tt_load_acquire64(&self._page().high_water), tt_spsc_depth(self.c))

    @property
    def pushed(self):
        """Records pushed so far: also the number of the newest record."""
        self.require()
        return tt_spsc_pushed(self.c)

    @property
    def popped(self):
        """Records read so far."""
        self.require()
        return tt_spsc_popped(self.c)

    @property
    def full_count(self):
        """Pushes refused because the ring was full."""
        return tt_load_acquire64(&self._page().full_count)

    @property
    def lost(self):
        """Records overwritten before they were read."""
        return tt_load_acquire64(&self._page().lost)

    @property
    def gap_count(self):
        """Gaps told so far."""
        return tt_load_acquire64(&self._page().gaps)

    def gaps(self):
        """The newest gaps, at most 32, oldest first: a list of Gap."""
        cdef tt_spsc_page *page = self._page()
        cdef uint64_t count = tt_load_acquire64(&page.gaps)
        cdef uint64_t i
        out = []
        for i in range(count - min(count, <uint64_t> TT_SPSC_GAP_LOG), count):
            out.append(Gap(
                tt_load_acquire64(&page.gap_log[i % TT_SPSC_GAP_LOG].first),
                tt_load_acquire64(&page.gap_log[i % TT_SPSC_GAP_LOG].last),
            ))
        return out

    @property
    def producer_pid(self):
        """Process that holds the producer's side, 0 for none."""
        return tt_spsc_holder_pid(tt_load_acquire64(&self._page().producer))

    @property
    def consumer_pid(self):
        """Process that holds the consumer's side, 0 for none."""
        return tt_spsc_holder_pid(tt_load_acquire64(&self._page().consumer))

    @property
    def takeovers(self):
        """(producer, consumer): how often a side was taken from a process that had died."""
        cdef tt_spsc_page *page = self._page()
        cdef uint64_t producer = tt_load_acquire64(&page.producer_takeovers)
        return producer, tt_load_acquire64(&page.consumer_takeovers)

    @property
    def beats_ns(self):
        """(producer, consumer): time each side last said that it lives, 0 for never."""
        cdef tt_spsc_page *page = self._page()
        return tt_load_acquire64(&page.producer_beat_ns), tt_load_acquire64(&page.consumer_beat_ns)

    def beat(self, uint64_t now_ns):
        """Say that the sides held here live, and the segment's maker, where that is this process.
        Called by the loop that owns them, with its clock; waiting says so too.
        """
        cdef tt_spsc_page *page = self._page()
        if self.mapping.is_owner:
            tt_store_release64(&page.head.heartbeat_ns, now_ns)
        if self.c.producing:
            tt_store_release64(&page.producer_beat_ns, now_ns)
        if self.c.consuming:
            tt_store_release64(&page.consumer_beat_ns, now_ns)

    def counters(self):
        """All counters by name."""
        return {
            "depth": self.depth,
            "high_water": self.high_water,
            "pushed": self.pushed,
            "popped": self.popped,
            "full_count": self.full_count,
            "lost": self.lost,
            "gaps": self.gap_count,
        }

    def check(self):
        """Verify a ring at rest. FileFormatError when records, positions or end mark are off."""
        self.require()
        check_with(tt_spsc_check(self.c), f"ring {self.mapping.name!r}")
