"""Single-producer single-consumer ring of records, between threads or between processes."""
# Owns the handle of a ring and its mapping. Two threads at most use one ring: one pushes, one pops;
# properties are read by any thread or process. A push or pop of 64 bytes costs 30-40 ns from
# Python, 2 ns from Cython over `c`. Waiting spins, then yields, without the GIL, and hears Ctrl-C
# every 20 ms. Wraps ext/tectra/spsc*.h.

from typing import NamedTuple

import numpy as np

from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.exc cimport PyErr_CheckSignals
from cython cimport final
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from tectra.core.base cimport TT_E_EMPTY, TT_E_FULL, TT_E_LENGTH, TT_OK
from tectra.core.clock cimport tt_mono_ns, tt_now_ns
from tectra.core.msg cimport TT_RECORD_BYTES_MAX, TT_SLOT_BYTES, tt_rec_bytes
from tectra.core.rc cimport check_with
from tectra.core.shm cimport (
    TT_SHM_GOOD,
    Mapping,
    attach_mapping,
    create_mapping,
    private_mapping,
    tt_load_acquire64,
    tt_store_release64,
)

from tectra.core.errors import (
    ClosedError,
    InputError,
    OutOfMemoryError,
    RingEmptyError,
    RingFullError,
    StateError,
)
from tectra.core.msg import HEAD

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t bytes)

__all__ = ["Gap", "SpscRing"]

cdef enum:
    CHUNK_NS = 20_000_000  # without the GIL at a time
    DRAIN_SLOTS = 65536

cdef int64_t TIMEOUT_NS = 1_000_000_000


class Gap(NamedTuple):
    """Records `first` to `last` (from 1) were overwritten before they were read."""

    first: int
    last: int


cdef int _bad_record(Py_ssize_t size) except -1:
    raise InputError(
        f"record of {size} bytes: its header does not fit; allowed: 64 or 128 bytes that begin "
        "with a header of block length "
        "56 or 120 (tt_rec_init, tectra.core.encode)"
    )


cdef inline int _verify(const void *rec, Py_ssize_t size) except -1:
    if size < TT_SLOT_BYTES or tt_rec_bytes(rec) != <uint32_t> size:
        _bad_record(size)
    return 0


cdef uint32_t _flags(bint overwrite, bint stamp) noexcept:
    return (TT_SPSC_OVERWRITE if overwrite else 0) | (TT_SPSC_STAMP if stamp else 0)


cdef uint64_t _size(object capacity, uint32_t flags) except 0:
    cdef uint64_t size = 0
    if isinstance(capacity, int) and 0 < capacity <= TT_SPSC_CAPACITY_MAX:
        size = tt_spsc_bytes(capacity, flags)
    if size == 0:
        raise InputError(
            f"capacity of a ring: found {capacity!r}; allowed: a power of two from "
            f"{TT_SPSC_CAPACITY_MIN} to 2**32"
        )
    return size


cdef SpscRing _ring(Mapping mapping, uint64_t capacity, uint32_t flags, bint made, uint64_t start):
    """A ring over the mapping; when it is new, lay it out first."""
    cdef SpscRing self = SpscRing.__new__(SpscRing)
    cdef int reason
    if made:
        check_with(tt_spsc_init(mapping.base, capacity, flags, start, tt_now_ns()), "ring")
    self.c = <tt_spsc *> aligned_alloc(128, sizeof(tt_spsc))
    if self.c is NULL:
        raise OutOfMemoryError("no memory for the handle of a ring")
    memset(self.c, 0, sizeof(tt_spsc))
    reason = tt_spsc_open(self.c, mapping.base, mapping.bytes)
    if reason != TT_SHM_GOOD:
        free(self.c)
        self.c = NULL
        mapping.refuse(reason, "ring")
    self.mapping = mapping
    self.capacity = self.c.page.head.capacity
    self.overwrite = (self.c.flags & TT_SPSC_OVERWRITE) != 0
    self.stamp = (self.c.flags & TT_SPSC_STAMP) != 0
    return self


@final
cdef class SpscRing:
    """Bounded ring of 64- and 128-byte records; a full one refuses, or with overwrite=True the
    oldest go.

    Owner threads: one producer (push...), one consumer (pop, drain...), in one or two processes.
    The first push and the first pop claim their side; a second live user of a side gets StateError.
    Capacity is in slots of 64 bytes; one stays free. With stamp=True the ring writes its record
    number, from 1, into ring_seq; otherwise records pass unchanged. After an overwrite the consumer
    first gets a `gap` record (Template.GAP) with the first and last number lost.
    """

    def __init__(self):
        raise TypeError("make a ring with SpscRing.create, SpscRing.attach or SpscRing.private")

    @staticmethod
    def create(name, capacity, *, bint overwrite=False, bint stamp=True):
        """Make a ring in shared memory; close() removes the name. DuplicateError: taken."""
        cdef uint32_t flags = _flags(overwrite, stamp)
        cdef uint64_t size = _size(capacity, flags)
        return _ring(create_mapping(name, size), capacity, flags, True, 0)

    @staticmethod
    def attach(name):
        """Use a ring that another process, or another part of this one, made. FileFormatError,
        LayoutVersionError and TruncatedInputError say what is wrong with it.
        """
        return _ring(attach_mapping(name, True, "ring"), 0, 0, False, 0)

    @staticmethod
    def private(capacity, *, bint overwrite=False, bint stamp=True, uint64_t start=0):
        """A ring of this process alone. `start`: first position, to test the wrap of 2**64."""
        cdef uint32_t flags = _flags(overwrite, stamp)
        cdef uint64_t size = _size(capacity, flags)
        return _ring(private_mapping(size), capacity, flags, True, start)

    def __dealloc__(self):
        if self.c is not NULL:
            if self.mapping is not None and self.mapping.base is not NULL:
                tt_spsc_leave(self.c)
            free(self.c)
            self.c = NULL

    def close(self):
        """Leave, unmap; the maker also removes the name. Idempotent; no thread may be inside."""
        if self.c is NULL:
            return
        if self.mapping.base is not NULL:
            tt_spsc_leave(self.c)
        free(self.c)
        self.c = NULL
        self.mapping.close()

    def __enter__(self):
        self.require()
        return self

    def __exit__(self, *exc):
        self.close()

    cdef int require(self) except -1:
        if self.c is NULL:
            raise ClosedError("ring: used after close(); create or attach it again")
        return 0

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

    # -- producer

    def try_push(self, record not None):
        """Push one record (bytes or a buffer). False when the ring is full; never waits."""
        cdef int rc
        if self.c is NULL:
            self.require()
        if PyBytes_CheckExact(record):
            _verify(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record))
            rc = tt_spsc_try_push(self.c, PyBytes_AS_STRING(record))
        else:
            rc = self._push_buffer(record, -1)
        if rc < 0 and rc != TT_E_FULL:
            self.claim_producer()
            check_with(rc, "push")
        return rc == TT_OK

    def push(self, record not None, int64_t timeout_ns=TIMEOUT_NS):
        """Push one record (bytes or a buffer); waits up to timeout_ns, then RingFullError."""
        if self.c is NULL:
            self.require()
        if not PyBytes_CheckExact(record):
            self._push_buffer(record, max(timeout_ns, 0))
            return
        _verify(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record))
        if tt_spsc_try_push(self.c, PyBytes_AS_STRING(record)) != TT_OK:
            self._push_slow(PyBytes_AS_STRING(record), timeout_ns)

    cdef int _push_buffer(self, object record, int64_t timeout_ns) except? -1000:
        cdef Py_buffer view
        cdef int rc
        PyObject_GetBuffer(record, &view, PyBUF_SIMPLE)
        try:
            _verify(view.buf, view.len)
            rc = tt_spsc_try_push(self.c, view.buf)
            if rc != TT_OK and timeout_ns >= 0:
                rc = self._push_slow(view.buf, timeout_ns)
        finally:
            PyBuffer_Release(&view)
        return rc

    cdef int _push_slow(self, const void *rec, int64_t timeout_ns) except -1:
        cdef int64_t end = tt_mono_ns() + timeout_ns
        cdef int64_t until
        cdef int rc
        self.claim_producer()
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            with nogil:
                rc = tt_spsc_push_until(self.c, rec, until)
            if rc != TT_E_FULL:
                return check_with(rc, "push")
            PyErr_CheckSignals()
            if tt_mono_ns() >= end:
                raise RingFullError(
                    f"ring {self.mapping.name!r}: full for {timeout_ns} ns ({self.capacity} "
                    "slots); nothing was written; "
                    "let the consumer catch up or make the ring larger"
                )

    def push_many(self, slots not None):
        """Push whole records out of contiguous 64-byte slots (array or buffer), visible at once.
        Returns the slots taken: fewer than given when the ring filled up. InputError at a header
        that is none, or a record cut at the end.
        """
        cdef Py_buffer view
        cdef int64_t done = 0
        self.require()
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            if view.len % TT_SLOT_BYTES != 0:
                _bad_record(view.len)
            if view.len > 0:
                done = tt_spsc_try_push_n(self.c, view.buf, <uint64_t> (view.len // TT_SLOT_BYTES))
        finally:
            PyBuffer_Release(&view)
        if done == TT_E_LENGTH:
            _bad_record(view.len)
        if done < 0:
            self.claim_producer()
        return done

    # -- consumer

    def try_pop(self):
        """The next record as bytes, or None. Never waits."""
        cdef uint8_t out[128]
        cdef int rc
        if self.c is NULL:
            self.require()
        rc = tt_spsc_try_pop(self.c, out)
        if rc > 0:
            return PyBytes_FromStringAndSize(<char *> out, rc)
        if rc != TT_E_EMPTY:
            self.claim_consumer()
            check_with(rc, "pop")
        return None

    def pop(self, int64_t timeout_ns=TIMEOUT_NS):
        """The next record as bytes, waiting for it up to timeout_ns; then RingEmptyError."""
        cdef uint8_t out[128]
        cdef int64_t rc
        if self.c is NULL:
            self.require()
        rc = tt_spsc_try_pop(self.c, out)
        if rc < 0:
            rc = self._wait_pop(out, timeout_ns)
        return PyBytes_FromStringAndSize(<char *> out, rc)

    def pop_into(self, out not None, int64_t timeout_ns=TIMEOUT_NS):
        """Copy the next record into a buffer of 128 bytes; returns its size. Waits like pop()."""
        cdef Py_buffer view
        cdef int64_t rc
        self.require()
        PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            if view.len < TT_RECORD_BYTES_MAX:
                raise InputError(
                    f"buffer to pop into: found {view.len} bytes; allowed: {TT_RECORD_BYTES_MAX} "
                    "or more"
                )
            rc = tt_spsc_try_pop(self.c, view.buf)
            if rc < 0:
                rc = self._wait_pop(view.buf, timeout_ns)
        finally:
            PyBuffer_Release(&view)
        return rc

    cdef int64_t _wait_pop(self, void *out, int64_t timeout_ns) except? -1:
        cdef int64_t end = tt_mono_ns() + timeout_ns
        cdef int64_t until
        cdef int rc
        self.claim_consumer()
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            with nogil:
                rc = tt_spsc_pop_until(self.c, out, until)
            if rc != TT_E_EMPTY:
                return check_with(rc, "pop")
            PyErr_CheckSignals()
            if tt_mono_ns() >= end:
                raise RingEmptyError(
                    f"ring {self.mapping.name!r}: nothing came in {timeout_ns} ns; is the producer "
                    "running?"
                )

    def drain_into(self, out not None):
        """Copy whole records into a buffer of 64-byte slots; the slots filled. Never waits."""
        cdef Py_buffer view
        cdef int64_t done
        self.claim_consumer()
        PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            done = tt_spsc_drain(self.c, view.buf, <uint64_t> (view.len // TT_SLOT_BYTES))
        finally:
            PyBuffer_Release(&view)
        return check_with(<int> done, "drain") if done < 0 else done

    def drain(self, uint64_t max_slots=DRAIN_SLOTS):
        """Up to max_slots slots as a new array of dtype HEAD: one row per slot. Never waits."""
        cdef uint64_t room = self.depth + (1 if self.overwrite else 0)
        out = np.empty(min(room, max_slots), HEAD)
        return out[: self.drain_into(out)]

    # -- counters, for any thread and process

    @property
    def name(self):
        return self.mapping.name

    @property
    def closed(self):
        return self.c is NULL

    @property
    def depth(self):
        """Slots in use now."""
        self.require()
        return tt_spsc_depth(self.c)

    @property
    def high_water(self):
        """Slots in use at most so far: noted every 16 slots from 64 up, and when full."""
        return max(tt_load_acquire64(&self._page().high_water), tt_spsc_depth(self.c))

    @property
    def pushed(self):
        """Records pushed so far: also the number of the newest record."""
        return tt_load_acquire64(&self._page().pushed)

    @property
    def popped(self):
        """Records read so far."""
        return tt_load_acquire64(&self._page().popped)

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
    def owner_pid(self):
        """Process that made the ring."""
        return self._page().head.owner_pid

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
        """Say that the sides held here live. Called by the loop that owns them, with its clock."""
        cdef tt_spsc_page *page = self._page()
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
