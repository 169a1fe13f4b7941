"""Multi-producer multi-consumer ring of records, between threads or between processes, that
survives whoever dies or is stopped in the middle.
"""
# Owns the handle that its base (mpmc_page.pyx) binds. Each thread has a handle of its own. A push
# or pop of 64 bytes costs 40-60 ns from Python. Waiting spins, then yields, without the GIL, hears
# Ctrl-C every 20 ms, and gives up on others that hold the ring up. Wraps ext/tectra/mpmc.h and
# mpmc_wait.h.

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
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from tectra.core.base cimport TT_E_EMPTY, TT_E_FULL, TT_E_LENGTH, TT_E_STATE, TT_OK
from tectra.core.clock cimport tt_mono_ns, tt_now_ns
from tectra.core.mpmc_page cimport (
    TT_MPMC_CAPACITY_MAX,
    TT_MPMC_CAPACITY_MIN,
    TT_MPMC_FENCED,
    TT_MPMC_STAMP,
    TT_MPMC_UNBLOCK_NS,
    TT_MPMC_WIDE,
    MpmcPage,
    tt_mpmc,
    tt_mpmc_bytes,
    tt_mpmc_depth,
    tt_mpmc_init,
    tt_mpmc_number,
    tt_mpmc_open,
    tt_mpmc_unblock_read,
    tt_mpmc_unblock_write,
)
from tectra.core.msg cimport TT_RECORD_BYTES_MAX, TT_SLOT_BYTES, tt_rec_bytes
from tectra.core.rc cimport check_with
from tectra.core.record cimport refuse_buffer
from tectra.core.shared_page cimport handle_memory
from tectra.core.shm cimport Mapping, attach_mapping, create_mapping, private_mapping

from tectra.core.errors import InputError, RingEmptyError, RingFullError, StateError
from tectra.core.mpmc_page import MpmcGap, Participant
from tectra.core.msg import HEAD

__all__ = ["MpmcGap", "MpmcRing", "MpmcSlot", "Participant"]

cdef enum:
    CHUNK_NS = 20_000_000  # without the GIL at a time
    DRAIN_SLOTS = 65536

cdef int64_t TIMEOUT_NS = 1_000_000_000


cdef int _bad_record(Py_ssize_t size, uint32_t room) except -1:
    allowed = "64" if room == TT_SLOT_BYTES else "64 or 128"
    raise InputError(
        f"record of {size} bytes: it or its header does not fit; allowed: {allowed} bytes that "
        "begin with a header of that block length less 8 (tectra.core.encode)"
    )


cdef inline int _verify(const void *rec, Py_ssize_t size, uint32_t room) except -1:
    if size < TT_SLOT_BYTES or size > room or tt_rec_bytes(rec) != <uint32_t> size:
        _bad_record(size, room)
    return 0


cdef uint64_t _size(object capacity, uint32_t flags) except 0:
    cdef uint64_t size = 0
    if isinstance(capacity, int) and 0 < capacity <= TT_MPMC_CAPACITY_MAX:
        size = tt_mpmc_bytes(capacity, flags)
    if size == 0:
        raise InputError(
            f"capacity of a ring: found {capacity!r}; allowed: a power of two from "
            f"{TT_MPMC_CAPACITY_MIN} to 2**32"
        )
    return size


cdef uint32_t _flags(bint fenced, bint stamp, bint wide) noexcept:
    return (
        (TT_MPMC_FENCED if fenced else 0)
        | (TT_MPMC_STAMP if stamp else 0)
        | (TT_MPMC_WIDE if wide else 0)
    )


cdef int _lay_out(
    Mapping mapping, uint64_t capacity, uint32_t flags, uint64_t start, object unblock_ns
) except -1:
    if not isinstance(unblock_ns, int) or not 0 < unblock_ns < 2**63:
        mapping.close()
        raise InputError(f"unblock_ns of a ring: found {unblock_ns!r}; allowed: 1 to 2**63 - 1")
    return check_with(
        tt_mpmc_init(mapping.base, capacity, flags, start, unblock_ns, tt_now_ns()), "ring"
    )


cdef MpmcRing _ring(Mapping mapping):
    """A handle over a mapping that holds a ring."""
    cdef MpmcRing self = MpmcRing.__new__(MpmcRing)
    self.c = <tt_mpmc *> handle_memory(sizeof(tt_mpmc))
    self.bind(mapping, tt_mpmc_open(self.c, mapping.base, mapping.bytes), "queue")
    self.capacity = self.head.capacity
    return self


@final
cdef class MpmcRing(MpmcPage):
    """Bounded ring of 64- and 128-byte records for any number of producers and consumers, each of
    which holds a handle of its own; a full ring refuses. Each record goes to one consumer.

    Owner thread: one for each handle: attach(name) once more, or handle(), for another thread. A
    fenced ring goes on when a process dies or stands still while it holds a slot: after unblock_ns,
    whoever waits gives the slot up, the record number is counted (abandoned, lost) and told by
    gaps(), and the late write or read is refused: StateError from a push, False from a MpmcSlot.
    All processes see the same process ids. With fenced=False it is faster, for threads of one
    process. With stamp=True the ring writes its record number, from
    1, into ring_seq; numbers of aborted and skipped positions are left out. With wide=False a slot
    takes 128 bytes in place of 256, and records of 64 only.
    """

    @staticmethod
    def create(name, capacity, *, bint fenced=True, bint stamp=True, bint wide=True,
               unblock_ns=TT_MPMC_UNBLOCK_NS):
        """Make a ring in shared memory; close() removes the name. Capacity in records, a power of
        two; unblock_ns: how long a slot may be held while another waits. DuplicateError: taken.
        """
        cdef uint32_t flags = _flags(fenced, stamp, wide)
        cdef uint64_t size = _size(capacity, flags)
        cdef Mapping mapping = create_mapping(name, size)
        _lay_out(mapping, capacity, flags, 0, unblock_ns)
        return _ring(mapping)

    @staticmethod
    def attach(name):
        """Use a ring that another process or thread made. FileFormatError, LayoutVersionError and
        TruncatedInputError say what is wrong with it.
        """
        return _ring(attach_mapping(name, True, "queue"))

    @staticmethod
    def private(capacity, *, bint fenced=False, bint stamp=True, bint wide=True,
                unblock_ns=TT_MPMC_UNBLOCK_NS, uint64_t start=0):
        """A ring of this process alone. `start`: first position, to test the wrap of 2**64."""
        cdef uint32_t flags = _flags(fenced, stamp, wide)
        cdef Mapping mapping = private_mapping(_size(capacity, flags))
        _lay_out(mapping, capacity, flags, start, unblock_ns)
        return _ring(mapping)

    def handle(self):
        """Another handle on the same ring, for another thread. Close it too."""
        self.seen()
        return _ring(self.mapping)

    cdef int _sure(self, int rc, str what) except -1:
        """Raise for what a push or pop returned."""
        if rc == TT_E_STATE:
            raise StateError(
                f"ring {self.mapping.name!r}: this {what} took longer than "
                f"{self.c.page.unblock_ns} ns while others waited, and they went on; nothing was "
                "delivered; push again if it is still wanted"
            )
        return check_with(rc, what)

    # -- producers

    def try_push(self, record not None, uint32_t tag=0):
        """Push one record (bytes or a buffer). False when the ring is full; never waits.
        StateError: this thread stood still for so long in the middle that others gave up on it.
        """
        cdef int rc
        if self.c is NULL or self.waiting or self.c.me == 0:
            self.enter()
        if PyBytes_CheckExact(record):
            _verify(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record), self.c.room)
            rc = tt_mpmc_try_push(self.c, PyBytes_AS_STRING(record), tag)
        else:
            rc = self._push_buffer(record, tag, -1)
        if rc == TT_E_FULL:
            tt_mpmc_unblock_write(self.c, tt_mono_ns())
            return False
        if rc != TT_OK:
            self._sure(rc, "push")
        return True

    def push(self, record not None, int64_t timeout_ns=TIMEOUT_NS, uint32_t tag=0):
        """Push one record (bytes or a buffer); waits up to timeout_ns, then RingFullError."""
        cdef int rc
        if self.c is NULL or self.waiting or self.c.me == 0:
            self.enter()
        if not PyBytes_CheckExact(record):
            self._push_buffer(record, tag, max(timeout_ns, 0))
            return
        _verify(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record), self.c.room)
        rc = tt_mpmc_try_push(self.c, PyBytes_AS_STRING(record), tag)
        if rc == TT_E_FULL:
            self._push_slow(PyBytes_AS_STRING(record), tag, timeout_ns)
        elif rc != TT_OK:
            self._sure(rc, "push")

    cdef int _push_buffer(self, object record, uint32_t tag, int64_t timeout_ns) except? -1000:
        cdef Py_buffer view
        cdef int rc
        PyObject_GetBuffer(record, &view, PyBUF_SIMPLE)
        try:
            _verify(view.buf, view.len, self.c.room)
            rc = tt_mpmc_try_push(self.c, view.buf, tag)
            if rc == TT_E_FULL and timeout_ns >= 0:
                rc = self._push_slow(view.buf, tag, timeout_ns)
        finally:
            PyBuffer_Release(&view)
        return rc if timeout_ns < 0 else self._sure(rc, "push")

    cdef int _push_slow(self, const void *rec, uint32_t tag, int64_t timeout_ns) except -1:
        cdef int64_t end = tt_mono_ns() + timeout_ns
        cdef int64_t until
        cdef int rc
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            self.waiting = True
            with nogil:
                rc = tt_mpmc_push_until(self.c, rec, tag, until)
            self.waiting = False
            if rc != TT_E_FULL:
                return self._sure(rc, "push")
            PyErr_CheckSignals()
            if tt_mono_ns() >= end:
                raise RingFullError(
                    f"ring {self.mapping.name!r}: full for {timeout_ns} ns ({self.capacity} "
                    "records); nothing was written; "
                    "let the consumers catch up or make the ring larger"
                )

    def push_many(self, slots not None, uint32_t tag=0):
        """Push whole records out of contiguous 64-byte slots (array or buffer), one by one. Returns
        the slots taken: fewer than given when the ring filled up. InputError at a header that is
        none, or a record cut at the end.
        """
        cdef Py_buffer view
        cdef int64_t done = 0
        self.enter()
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            if view.len % TT_SLOT_BYTES != 0:
                _bad_record(view.len, self.c.room)
            if view.len > 0:
                done = tt_mpmc_try_push_n(
                    self.c, view.buf, <uint64_t> (view.len // TT_SLOT_BYTES), tag
                )
        finally:
            PyBuffer_Release(&view)
        if done == TT_E_LENGTH:
            _bad_record(view.len, self.c.room)
        return self._sure(<int> done, "push") if done < 0 else done

    def try_claim(self, uint32_t size=TT_SLOT_BYTES):
        """A slot (MpmcSlot) for a record of up to `size` bytes, 64 or 128, to commit or abort soon;
        None when the ring is full.
        """
        cdef MpmcSlot slot = MpmcSlot.__new__(MpmcSlot)
        cdef int rc
        self.enter()
        rc = tt_mpmc_try_claim(self.c, size, &slot._item)
        if rc == TT_E_FULL:
            return None
        if rc == TT_E_LENGTH:
            _bad_record(size, self.c.room)
        self._sure(rc, "claim")
        slot._ring = self
        slot._room = size
        slot.writing = True
        return slot

    # -- consumers

    def try_pop(self):
        """The next record as bytes, or None; its tag is then in `tag`. Never waits."""
        cdef uint8_t out[128]
        cdef int rc
        if self.c is NULL or self.waiting or self.c.me == 0:
            self.enter()
        rc = tt_mpmc_try_pop(self.c, out, &self.tag)
        if rc > 0:
            return PyBytes_FromStringAndSize(<char *> out, rc)
        if rc != TT_E_EMPTY:
            self._sure(rc, "pop")
        tt_mpmc_unblock_read(self.c, tt_mono_ns())
        return None

    def pop(self, int64_t timeout_ns=TIMEOUT_NS):
        """The next record as bytes, waiting for it up to timeout_ns; then RingEmptyError."""
        cdef uint8_t out[128]
        cdef int64_t rc
        if self.c is NULL or self.waiting or self.c.me == 0:
            self.enter()
        rc = tt_mpmc_try_pop(self.c, out, &self.tag)
        if rc < 0:
            rc = self._wait_pop(out, timeout_ns)
        return PyBytes_FromStringAndSize(<char *> out, rc)

    def pop_into(self, out not None, int64_t timeout_ns=TIMEOUT_NS):
        """Copy the next record into a buffer of 128 bytes; returns its size. Waits like pop()."""
        cdef Py_buffer view
        cdef int64_t rc
        self.enter()
        PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            if view.len < TT_RECORD_BYTES_MAX:
                refuse_buffer(view.len, "pop")
            rc = tt_mpmc_try_pop(self.c, view.buf, &self.tag)
            if rc < 0:
                rc = self._wait_pop(view.buf, timeout_ns)
        finally:
            PyBuffer_Release(&view)
        return rc

    cdef int64_t _wait_pop(self, void *out, int64_t timeout_ns) except? -1:
        cdef int64_t end = tt_mono_ns() + timeout_ns
        cdef int64_t until
        cdef int rc
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            self.waiting = True
            with nogil:
                rc = tt_mpmc_pop_until(self.c, out, &self.tag, until)
            self.waiting = False
            if rc != TT_E_EMPTY:
                return self._sure(rc, "pop")
            PyErr_CheckSignals()
            if tt_mono_ns() >= end:
                raise RingEmptyError(
                    f"ring {self.mapping.name!r}: nothing came in {timeout_ns} ns; is a producer "
                    "running?"
                )

    def drain_into(self, out not None):
        """Copy whole records into a buffer of 64-byte slots; the slots filled. Never waits."""
        cdef Py_buffer view
        cdef int64_t done
        self.enter()
        PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            done = tt_mpmc_drain(self.c, view.buf, <uint64_t> (view.len // TT_SLOT_BYTES))
        finally:
            PyBuffer_Release(&view)
        return self._sure(<int> done, "drain") if done < 0 else done

    def drain(self, uint64_t max_slots=DRAIN_SLOTS):
        """Up to max_slots slots as a new array of dtype HEAD: one row per slot. Never waits."""
        self.enter()
        cdef uint64_t room = tt_mpmc_depth(self.c) * (self.c.room // TT_SLOT_BYTES)
        out = np.empty(min(room, max_slots), HEAD)
        return out[: self.drain_into(out)]

    def try_peek(self):
        """The next record in place (MpmcSlot), to release soon, or None."""
        cdef MpmcSlot slot = MpmcSlot.__new__(MpmcSlot)
        cdef int rc
        self.enter()
        rc = tt_mpmc_try_peek(self.c, &slot._item)
        if rc == TT_E_EMPTY:
            return None
        self._sure(rc, "peek")
        slot._ring = self
        return slot

    @property
    def accept(self):
        """Bits: only records with any of them in their tag are taken; others stay, for a consumer
        that accepts them, and hold back what is behind. 0 (the default): all records.
        """
        self.require()
        return self.c.accept

    @accept.setter
    def accept(self, uint32_t mask):
        self.require()
        self.c.accept = mask

    def check(self):
        """Verify a ring at rest. FileFormatError when a slot stands for a position it must not."""
        check_with(tt_mpmc_check(self.seen()), f"ring {self.mapping.name!r}")


@final
cdef class MpmcSlot:
    """A slot held in place: to write (MpmcRing.try_claim) or to read (MpmcRing.try_peek). Others
    wait for it, so it is given back soon; a late one is refused (False).

    Owner thread: the one of its ring handle. As a context manager it ends by itself: a claim that
    was not committed is aborted, a record is released.
    """

    def __init__(self):
        raise TypeError("a slot comes from MpmcRing.try_claim or MpmcRing.try_peek")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if not self.done and self._ring.c is not NULL:
            if self.writing:
                self.abort()
            else:
                self.release()

    cdef int _begin(self, bint writing) except -1:
        self._ring.require()
        if self.done or self.writing != writing:
            what = "was given back" if self.done else "is held to write" if self.writing \
                else "is held to read"
            raise StateError(f"slot {self.number}: it {what}; claim or peek another one")
        return 0

    cdef bint _end(self, int rc) except -1:
        self.done = True
        if rc != TT_E_STATE:
            check_with(rc, "slot")
        return rc == TT_OK

    @property
    def number(self):
        """Record number of the slot, from 1."""
        return tt_mpmc_number(self._ring.seen(), self._item.pos)

    @property
    def tag(self):
        """Tag of the record held to read."""
        return self._item.tag

    @property
    def record(self):
        """The record held to read, as bytes."""
        self._begin(False)
        return PyBytes_FromStringAndSize(<char *> self._item.record, self._item.bytes)

    def commit(self, bytes record not None, uint32_t tag=0):
        """Write the record and hand it over. False: too late, nothing was delivered."""
        self._begin(True)
        _verify(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record), self._room)
        self._item.bytes = <uint32_t> PyBytes_GET_SIZE(record)
        memcpy(self._item.record, PyBytes_AS_STRING(record), self._item.bytes)
        return self._end(tt_mpmc_commit(self._ring.c, &self._item, tag))

    def abort(self):
        """Give the claim up. False: too late, others gave it up."""
        self._begin(True)
        return self._end(tt_mpmc_abort(self._ring.c, &self._item))

    def release(self):
        """Done with the record. False: too late, it counts as lost."""
        self._begin(False)
        return self._end(tt_mpmc_release(self._ring.c, &self._item))
