"""Batches of records as columns: when, what and whose each record is; chosen records; many streams
into one.
"""
# Owns the lanes of a merge and the memory they point into. One thread for each object. A few
# nanoseconds a record for columns, about the cost of copying it for the rest. Wraps
# ext/tectra/batch.h.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from tectra.core.rc cimport check_with

from typing import NamedTuple

import numpy as np

from tectra.core.errors import (
    FileFormatError,
    InputError,
    OutOfMemoryError,
    StateError,
    TruncatedInputError,
)

__all__ = ["LaneMerger", "Rows", "gather", "renumber", "scan"]

cdef enum:
    SLOT = 64

_KINDS = (np.uint32, np.uint8, np.uint8, np.uint16, np.uint32, np.int64, np.int64)


class Rows(NamedTuple):
    """A batch as columns, a row for each record. `slot` is where it begins, `width` its slots."""

    slot: np.ndarray
    template_id: np.ndarray
    width: np.ndarray
    venue_id: np.ndarray
    instrument_id: np.ndarray
    ts_event_ns: np.ndarray
    ts_recv_ns: np.ndarray


def scan(slots):
    """The columns of a batch. FileFormatError for what is no record, TruncatedInputError for one
    that is cut.
    """
    cdef Py_buffer view
    cdef tt_batch_rows c
    cdef uint32_t n, records, end = 0
    cdef uint32_t[::1] slot, instrument_id
    cdef uint8_t[::1] template_id, width
    cdef uint16_t[::1] venue_id
    cdef int64_t[::1] ts_event_ns, ts_recv_ns
    PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
    try:
        if view.len % SLOT:
            raise TruncatedInputError(
                f"records: found {view.len} bytes; allowed: a multiple of 64; read the rest")
        n = <uint32_t>(view.len // SLOT)
        room = max(1, n)
        columns = tuple(np.empty(room, kind) for kind in _KINDS)
        slot, template_id, width, venue_id, instrument_id, ts_event_ns, ts_recv_ns = columns
        c.slot = &slot[0]
        c.template_id = &template_id[0]
        c.width = &width[0]
        c.venue_id = &venue_id[0]
        c.instrument_id = &instrument_id[0]
        c.ts_event_ns = &ts_event_ns[0]
        c.ts_recv_ns = &ts_recv_ns[0]
        with nogil:
            records = tt_batch_scan(<const uint8_t *>view.buf, n, &c, &end)
    finally:
        PyBuffer_Release(&view)
    if end < n:
        raise FileFormatError(
            f"records: slot {end} of {n} begins no whole record of this schema; the batch is "
            "damaged or cut")
    return Rows(*(column[:records] for column in columns))


def gather(slots, at):
    """The records that begin at the slots `at`, in that order, one behind the other (a copy)."""
    cdef Py_buffer view
    cdef const uint32_t[::1] where
    cdef uint8_t[::1] out
    cdef int64_t used = 0
    cdef uint64_t count, cap
    starts = np.ascontiguousarray(at, dtype=np.uint32)
    if not len(starts):
        return np.empty(0, np.uint8)
    where = starts
    array = np.empty(2 * len(starts) * SLOT, np.uint8)
    out = array
    count = <uint64_t>where.shape[0]
    cap = 2 * count
    PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            used = tt_batch_gather(
                <const uint8_t *>view.buf, <uint32_t>(view.len // SLOT), &where[0], count, &out[0],
                cap)
    finally:
        PyBuffer_Release(&view)
    check_with(<int>min(used, 0), "records")
    return array[: used * SLOT]


def renumber(slots, at, ids):
    """Write the instrument ids into the records of a writable batch that begin at `at`."""
    cdef Py_buffer view
    cdef const uint32_t[::1] where, new
    starts = np.ascontiguousarray(at, dtype=np.uint32)
    numbers = np.ascontiguousarray(ids, dtype=np.uint32)
    if len(starts) != len(numbers):
        raise InputError(f"ids: found {len(numbers)}; allowed: one for each of {len(starts)}")
    if not len(starts):
        return
    where, new = starts, numbers
    PyObject_GetBuffer(slots, &view, PyBUF_WRITABLE)
    try:
        if starts.max() >= view.len // SLOT:
            raise InputError("at: a record lies outside the batch")
        with nogil:
            tt_batch_renumber(
                <uint8_t *>view.buf, &where[0], &new[0], <uint64_t>where.shape[0])
    finally:
        PyBuffer_Release(&view)


@final
cdef class LaneMerger:
    """Lanes of records with keys that never go down, merged by key, tie and number of the lane.

    Give every lane its first batch with feed(), then take() until it asks for another.
    """

    def __cinit__(self, uint32_t lanes):
        self.count = lanes
        self.lanes = <tt_merge_lane *>calloc(max(1, lanes), sizeof(tt_merge_lane))
        self.heap = <uint32_t *>calloc(max(1, lanes), sizeof(uint32_t))
        if self.lanes == NULL or self.heap == NULL:
            raise OutOfMemoryError(f"no memory to merge {lanes} lanes")
        self.held = [None] * lanes
        for i in range(lanes):
            self.lanes[i].more = 1

    def __dealloc__(self):
        free(self.lanes)
        free(self.heap)

    def feed(self, uint32_t lane, slots, rows, key, tie=None) -> None:
        """Hand a lane its next batch, all of whose predecessors are used."""
        cdef tt_merge_lane *c
        cdef const uint8_t[::1] memory, width
        cdef const uint32_t[::1] slot
        cdef const int64_t[::1] keys
        cdef const uint64_t[::1] ties
        if lane >= self.count or not self.lanes[lane].more:
            raise StateError(f"lane {lane}: it does not exist or has ended")
        c = &self.lanes[lane]
        if c.next < c.count:
            raise StateError(f"lane {lane}: {c.count - c.next} records are not used yet")
        if not len(rows.slot):
            return
        memory, width, slot, keys = slots, rows.width, rows.slot, key
        if not keys.shape[0] == width.shape[0] == slot.shape[0]:
            raise InputError("key: wants one for each record")
        c.slots, c.width, c.slot, c.key = &memory[0], &width[0], &slot[0], &keys[0]
        c.tie = NULL
        if tie is not None:
            ties = tie
            if ties.shape[0] != keys.shape[0]:
                raise InputError("tie: wants one for each record")
            c.tie = &ties[0]
        c.count, c.next = <uint64_t>slot.shape[0], 0
        self.held[lane] = (slots, rows, key, tie)

    def end(self, uint32_t lane) -> None:
        """Nothing more comes for a lane."""
        if lane < self.count:
            self.lanes[lane].more = 0

    def take(self, Py_ssize_t max_slots):
        """(records, lane that has to be fed first or None). Neither: all is over."""
        cdef uint8_t[::1] out
        cdef uint64_t used = 0, cap
        cdef uint32_t dry = 0
        if max_slots < 2:
            raise InputError(f"room for {max_slots} slots; a record takes up to 2")
        array = np.empty(max_slots * SLOT, np.uint8)
        out = array
        cap = <uint64_t>max_slots
        with nogil:
            used = tt_merge_run(self.lanes, self.count, self.heap, &out[0], cap, &dry)
        if dry < self.count:
            self.held[dry] = None
        return array[: used * SLOT], (dry if dry < self.count else None)
