"""Single-producer single-consumer ring of records, between threads or between processes."""
# Owns the handle of a ring and its mapping. Two threads at most use one ring: one pushes, one pops;
# properties are read by any thread or process. A push or pop of 64 bytes costs 30-40 ns from
# Python, 2 ns from Cython over `c`. Waiting follows the ring's idle policy, without the GIL, and
# hears Ctrl-C every 20 ms. Claims and batches are in ring_view.pyx. Wraps ext/tectra/spsc*.h.

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
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.base cimport TT_E_EMPTY, TT_E_FULL, TT_E_LENGTH, TT_E_STATE, TT_OK
from tectra.core.clock cimport tt_now_ns
from tectra.core.idle cimport Idle
from tectra.core.msg cimport TT_RECORD_BYTES_MAX, TT_SLOT_BYTES, tt_rec_bytes
from tectra.core.rc cimport check_with
from tectra.core.record cimport refuse_buffer
from tectra.core.shared_page cimport handle_memory
from tectra.core.shm cimport Mapping, attach_mapping, create_mapping, private_mapping

from tectra.core.errors import InputError
from tectra.core.idle import IdlePolicy
from tectra.core.msg import HEAD
from tectra.core.ring_page import Gap, Pressure
from tectra.core.ring_view import Batches, Claim

__all__ = ["Gap", "Pressure", "SpscRing"]

cdef enum:
    DRAIN_SLOTS = 65536

cdef int64_t TIMEOUT_NS = 1_000_000_000


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
    if made:
        check_with(tt_spsc_init(mapping.base, capacity, flags, start, tt_now_ns()), "ring")
    self.c = <tt_spsc *> handle_memory(sizeof(tt_spsc))
    self.bind(mapping, tt_spsc_open(self.c, mapping.base, mapping.bytes), "ring")
    self.capacity = self.head.capacity
    self.overwrite = (self.c.flags & TT_SPSC_OVERWRITE) != 0
    self.stamp = (self.c.flags & TT_SPSC_STAMP) != 0
    self.push_idle = Idle(IdlePolicy.YIELD)
    self.pop_idle = Idle(IdlePolicy.YIELD)
    return self


@final
cdef class SpscRing(RingPage):
    """Bounded ring of 64- and 128-byte records; a full one refuses, or with overwrite=True the
    oldest go.

    Owner threads: one producer (push...), one consumer (pop, drain...), in one or two processes.
    The first push and the first pop claim their side; a second live user of a side gets StateError.
    Capacity is in slots of 64 bytes; one stays free. With stamp=True the ring writes its record
    number, from 1, into ring_seq; otherwise records pass unchanged. After an overwrite the consumer
    first gets a `gap` record (Template.GAP) with the first and last number lost. `idle_policy` says
    how both sides wait: spin, yield (the default), back off, or park until the other side wakes
    them. Iterating gives batches() that wait for a second.
    """

    @staticmethod
    def create(name, capacity, *, bint overwrite=False, bint stamp=True, high_mark=None):
        """Make a ring in shared memory; close() removes the name. DuplicateError: taken.
        `high_mark`: slots in use from which the pressure is HIGH; three quarters unless given.
        """
        cdef uint32_t flags = _flags(overwrite, stamp)
        cdef uint64_t size = _size(capacity, flags)
        ring = _ring(create_mapping(name, size), capacity, flags, True, 0)
        if high_mark is not None:
            ring.high_mark = high_mark
        return ring

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

    def __iter__(self):
        return Batches(self, DRAIN_SLOTS, TIMEOUT_NS)

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
            self.may_push()
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
        if not self.wait_space(tt_rec_bytes(rec) // TT_SLOT_BYTES, timeout_ns):
            self.raise_full(timeout_ns)
        return check_with(tt_spsc_try_push(self.c, rec), "push")

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
            self.may_push()
        return done

    def claim(self, template, int64_t timeout_ns=TIMEOUT_NS):
        """Write one record of a template in place: `with ring.claim(Template.TRADE) as rec:` gives
        a NumPy record over the slot, zeroed, without the four header fields: the ring's own.
        Left normally, it is committed; left by an exception, nothing of it is ever seen. Waits like
        push() for room. Do not keep `rec`. StateError: with overwrite, or inside another claim.
        """
        return Claim(self, template, 0, timeout_ns)

    def claim_many(self, template, uint64_t n, int64_t timeout_ns=TIMEOUT_NS):
        """The same for up to n records of one template, made visible together: an array to fill by
        columns. Fewer than n where the ring ends or room is short; its length says how many.
        """
        return Claim(self, template, n, timeout_ns)

    # -- consumer

    def try_pop(self):
        """The next record as bytes, or None. Never waits."""
        cdef uint8_t out[128]
        cdef int rc
        if self.c is NULL:
            self.require()
        rc = TT_E_STATE if self.lent else tt_spsc_try_pop(self.c, out)
        if rc > 0:
            return PyBytes_FromStringAndSize(<char *> out, rc)
        if rc != TT_E_EMPTY:
            self.may_pop()
            check_with(rc, "pop")
        return None

    def pop(self, int64_t timeout_ns=TIMEOUT_NS):
        """The next record as bytes, waiting for it up to timeout_ns; then RingEmptyError."""
        cdef uint8_t out[128]
        cdef int64_t rc
        if self.c is NULL:
            self.require()
        rc = TT_E_STATE if self.lent else tt_spsc_try_pop(self.c, out)
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
                refuse_buffer(view.len, "pop")
            rc = TT_E_STATE if self.lent else tt_spsc_try_pop(self.c, view.buf)
            if rc < 0:
                rc = self._wait_pop(view.buf, timeout_ns)
        finally:
            PyBuffer_Release(&view)
        return rc

    cdef int64_t _wait_pop(self, void *out, int64_t timeout_ns) except? -1:
        cdef int rc = TT_E_EMPTY
        while rc == TT_E_EMPTY:  # a lossy ring may be lapped between the look and the pop
            if not self.wait_filled(timeout_ns):
                self.raise_empty(timeout_ns)
            rc = tt_spsc_try_pop(self.c, out)
        return check_with(rc, "pop")

    def drain_into(self, out not None):
        """Copy whole records into a buffer of 64-byte slots; the slots filled. Never waits."""
        cdef Py_buffer view
        cdef int64_t done
        self.require()
        self.may_pop()
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

    def batches(self, *, uint64_t max_slots=DRAIN_SLOTS, int64_t timeout_ns=TIMEOUT_NS):
        """Iterate over the records in place: each step gives the slots that lie one behind another,
        at most max_slots (2 or more), as a read-only NumPy array of dtype HEAD, without copying.

        It is valid until the next step, which gives the slots back; so does the end of the loop.
        Ends when nothing came for timeout_ns. While a batch is out nothing else pops. With
        overwrite=True each step is a copy of one record. `end_of_batch` of the iterator is True
        when nothing was behind the batch: the moment to flush.
        """
        return Batches(self, max_slots, timeout_ns)
