"""Readers of a broadcast ring: each with a cursor, a mask of tags and counters of its own."""
# Owns the handle of a reader; the ring, and with it the mapping, is kept alive. One thread reads;
# counters are read by any. Reading 64 bytes costs 60 ns from Python, some 5 ns from Cython over
# `c`. Waiting spins, then yields, without the GIL, and hears Ctrl-C every 20 ms. Wraps
# ext/tectra/bcast*.h.

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free

from tectra.core.base cimport TT_E_FULL, TT_E_LENGTH, TT_E_STATE, TT_OK
from tectra.core.bcast cimport (
    TT_BCAST_NAME_BYTES,
    TT_BCAST_NEWEST,
    TT_BCAST_OLDEST,
    TT_BCAST_PLACES,
    BroadcastRing,
    bits_of,
    tt_bcast_batch,
    tt_bcast_join,
    tt_bcast_lag,
    tt_bcast_part,
    tt_bcast_place,
    tt_bcast_read_n,
    tt_bcast_read_until,
    tt_bcast_reader,
    tt_bcast_set_mask,
    tt_bcast_try_read,
)
from tectra.core.clock cimport tt_mono_ns
from tectra.core.msg cimport TT_RECORD_BYTES_MAX, TT_SLOT_BYTES
from tectra.core.rc cimport check_with
from tectra.core.record cimport refuse_buffer
from tectra.core.shared_page cimport handle_memory
from tectra.core.shm cimport tt_load_acquire64, tt_store_release64

from tectra.core.bcast import EVERYONE
from tectra.core.errors import CapacityError, ClosedError, InputError, RingEmptyError, StateError
from tectra.core.msg import HEAD

__all__ = ["BroadcastReader"]

cdef enum:
    CHUNK_NS = 20_000_000  # without the GIL at a time
    DRAIN_SLOTS = 65536

cdef int64_t TIMEOUT_NS = 1_000_000_000
_WHERE = {"newest": TT_BCAST_NEWEST, "oldest": TT_BCAST_OLDEST}


cdef BroadcastReader _join(BroadcastRing ring, object name, uint64_t mask, object start):
    """A reader of the ring, in a listed place when it has a name."""
    cdef BroadcastReader self = BroadcastReader.__new__(BroadcastReader)
    cdef const char *label = NULL
    cdef int rc
    ring.require()
    if start not in _WHERE:
        raise InputError(f"start of a reader: found {start!r}; allowed: 'newest' or 'oldest'")
    if name is not None:
        raw = name.encode()
        if not 0 < len(raw) < TT_BCAST_NAME_BYTES or 0 in raw:
            raise InputError(
                f"name of a reader: found {name!r}; allowed: 1 to {TT_BCAST_NAME_BYTES - 1} bytes"
            )
        label = raw
    self.c = <tt_bcast_reader *> handle_memory(sizeof(tt_bcast_reader))
    rc = tt_bcast_join(self.c, ring.c, label, mask, _WHERE[start])
    if rc != TT_OK:
        free(self.c)
        self.c = NULL
    if rc == TT_E_FULL:
        raise CapacityError(
            f"broadcast ring {ring.name!r}: {TT_BCAST_PLACES} listed readers live; close one, or "
            "read without a name"
        )
    if rc == TT_E_STATE:
        raise StateError(
            f"broadcast ring {ring.name!r}: the writer laps {ring.capacity} slots faster than one "
            "can look; make the ring larger, or try again"
        )
    check_with(rc, "join")
    self.ring = ring
    self.name = "" if name is None else name
    self.end_of_batch = True
    ring._readers.add(self)
    return self


@final
cdef class BroadcastReader:
    """One cursor on a BroadcastRing.

    Owner thread: one, that reads; the counters are for any thread. It sees the records whose tag
    has a bit in common with its mask, in order, and before a record that follows a loss a `gap`
    record with the first and last number lost, whatever the tags of those were.
    """

    def __init__(self):
        raise TypeError("join a ring with BroadcastReader.join")

    @staticmethod
    def join(BroadcastRing ring not None, name=None, *, mask=EVERYONE, start="newest"):
        """Follow a ring from the next record ("newest") or from the oldest one that is still there
        ("oldest"). With a name (up to 39 bytes) the reader is listed in the ring, in one of 64
        places; without, nobody else sees it. CapacityError: 64 listed readers live.
        """
        return _join(ring, name, bits_of(mask, "mask"), start)

    def __dealloc__(self):
        if self.c is not NULL:
            if self.ring is not None and self.ring.c is not NULL:
                tt_bcast_part(self.c)
            free(self.c)
            self.c = NULL

    def close(self):
        """Give the place back. Idempotent; no thread may be inside."""
        if self.c is NULL:
            return
        tt_bcast_part(self.c)
        free(self.c)
        self.c = NULL

    def __enter__(self):
        self.require()
        return self

    def __exit__(self, *exc):
        self.close()

    cdef int require(self) except -1:
        if self.c is NULL:
            raise ClosedError("reader of a broadcast ring: used after close(); join again")
        return 0

    def try_read(self):
        """The next wanted record, or the gap before it, as bytes; None when there is none. Never
        waits.
        """
        cdef uint8_t out[128]
        cdef int rc
        if self.c is NULL:
            self.require()
        rc = tt_bcast_try_read(self.c, out)
        return PyBytes_FromStringAndSize(<char *> out, rc) if rc > 0 else None

    def read(self, int64_t timeout_ns=TIMEOUT_NS):
        """The next wanted record or gap as bytes, waiting up to timeout_ns; then RingEmptyError."""
        cdef uint8_t out[128]
        cdef int64_t rc
        self.require()
        rc = self._wait(out, timeout_ns)
        return PyBytes_FromStringAndSize(<char *> out, rc)

    def read_into(self, out not None, int64_t timeout_ns=TIMEOUT_NS):
        """Copy the next wanted record or gap into a buffer of 128 bytes; its size. Waits like
        read().
        """
        cdef Py_buffer view
        cdef int64_t rc
        self.require()
        PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            if view.len < TT_RECORD_BYTES_MAX:
                refuse_buffer(view.len, "read")
            rc = self._wait(view.buf, timeout_ns)
        finally:
            PyBuffer_Release(&view)
        return rc

    cdef int64_t _wait(self, void *out, int64_t timeout_ns) except? -1:
        cdef int64_t end, until
        cdef int rc = tt_bcast_try_read(self.c, out)
        if rc > 0:
            return rc
        end = tt_mono_ns() + timeout_ns
        while True:
            until = min(end, tt_mono_ns() + CHUNK_NS)
            with nogil:
                rc = tt_bcast_read_until(self.c, out, until)
            if rc > 0:
                return rc
            PyErr_CheckSignals()
            if tt_mono_ns() >= end:
                raise RingEmptyError(
                    f"broadcast ring {self.ring.name!r}: nothing came in {timeout_ns} ns; is the "
                    "writer running?"
                )

    def drain_into(self, out not None):
        """Copy whole records and gaps into a buffer of 64-byte slots; the slots filled. Never
        waits. `end_of_batch` then says whether that was all there is. InputError when not even the
        first one fits.
        """
        cdef Py_buffer view
        cdef tt_bcast_batch batch
        cdef int rc
        self.require()
        PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            rc = tt_bcast_read_n(self.c, view.buf, <uint64_t> (view.len // TT_SLOT_BYTES), &batch)
        finally:
            PyBuffer_Release(&view)
        if rc == TT_E_LENGTH and view.len >= TT_SLOT_BYTES:
            raise InputError("buffer to drain into: found 1 slot; allowed: 2 or more")
        self.end_of_batch = batch.end_of_batch != 0
        return batch.slots

    def drain(self, uint64_t max_slots=DRAIN_SLOTS):
        """Up to max_slots slots as a new array of dtype HEAD: one row per slot. Never waits."""
        cdef uint64_t room = min(self.ring.capacity + 2, max_slots)
        out = np.empty(max(room, <uint64_t> 2), HEAD)
        return out[: self.drain_into(out)]

    def beat(self, uint64_t now_ns):
        """Say that this reader lives. Called by the loop that owns it, with its clock."""
        self.require()
        tt_store_release64(&self.c.place.beat_ns, now_ns)

    def set_mask(self, mask):
        """Want other tags from the next record on. Owner thread."""
        self.require()
        tt_bcast_set_mask(self.c, bits_of(mask, "mask"))

    # -- counters, for any thread

    cdef tt_bcast_place *_place(self) except NULL:
        self.require()
        return self.c.place

    @property
    def closed(self):
        return self.c is NULL

    @property
    def mask(self):
        """The tags it wants."""
        return tt_load_acquire64(&self._place().mask)

    @property
    def next_number(self):
        """Number of the record it looks at next."""
        return tt_load_acquire64(&self._place().next)

    @property
    def lag(self):
        """Records published and not yet passed."""
        self.require()
        return tt_bcast_lag(self.ring.c.page, self.c.place)

    @property
    def lost(self):
        """Records overwritten before they were seen, of whatever tag."""
        return tt_load_acquire64(&self._place().lost)

    def counters(self):
        """All counters by name: read + skipped + lost = next - joined."""
        cdef tt_bcast_place *place = self._place()
        return {
            "joined": tt_load_acquire64(&place.joined),
            "next": tt_load_acquire64(&place.next),
            "read": tt_load_acquire64(&place.read),
            "skipped": tt_load_acquire64(&place.skipped),
            "lost": tt_load_acquire64(&place.lost),
            "gaps": tt_load_acquire64(&place.gaps),
            "lag": tt_bcast_lag(self.ring.c.page, place),
            "lag_high": tt_load_acquire64(&place.lag_high),
        }
