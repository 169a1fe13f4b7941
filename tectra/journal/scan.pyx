"""The loops of reading: checksums, record boundaries, header pages.

Owns nothing; pure functions of buffers, any thread. The GIL is released over the loops; scanning is
bound by memory (several GB/s). Wraps journal.h and crc32c.h.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from tectra.core.msg cimport TT_SLOT_BYTES
from tectra.journal.journal cimport (
    TT_JOURNAL_LAYOUT,
    TT_JOURNAL_PAGE,
    tt_crc32c,
    tt_journal_crc_scan,
    tt_journal_head,
    tt_journal_head_check,
    tt_journal_head_state,
    tt_journal_published,
    tt_journal_record_bytes,
    tt_journal_seed,
    tt_journal_slots_offset,
    tt_journal_walk,
)

import numpy as np

cdef extern from "tectra/crc32c.h" nogil:
    void tt_crc32c_slots(uint32_t seed, const void *data, size_t slots, uint32_t *out)

LAYOUT_VERSION = TT_JOURNAL_LAYOUT
PAGE_BYTES = TT_JOURNAL_PAGE
CLOCK_DOMAINS = ("none", "realtime", "simulated", "journal")


def crc32c(data, uint32_t seed=0):
    """CRC32C (Castagnoli) of a contiguous buffer, going on from `seed`."""
    cdef Py_buffer view
    cdef uint32_t crc
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            crc = tt_crc32c(seed, view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return crc


def slots_offset(uint32_t capacity):
    """Bytes before the first slot in a segment file of this capacity."""
    return tt_journal_slots_offset(capacity)


def slot_seed(uint64_t epoch, uint32_t segment_id, uint32_t capacity):
    """Checksum seed of slot 0; slot i has this plus i, modulo 2**32."""
    return tt_journal_seed(epoch, segment_id, capacity)


def head_fields(page):
    """Fields of a header page as a dict, read through the C struct, with the verdicts on it.

    `check` is the code of tt_journal_head_check; `state` is 1 closed, 0 open, negative damaged;
    `published` is -1 when that word is damaged. ValueError when the page is not 4096 bytes.
    """
    cdef tt_journal_head head
    cdef Py_buffer view
    cdef uint8_t text[8]
    if len(page) != TT_JOURNAL_PAGE:
        raise ValueError(f"a header page has {TT_JOURNAL_PAGE} bytes; found {len(page)}")
    PyObject_GetBuffer(page, &view, PyBUF_SIMPLE)
    try:
        memcpy(&head, view.buf, TT_JOURNAL_PAGE)
    finally:
        PyBuffer_Release(&view)
    cdef int check = tt_journal_head_check(&head)
    memcpy(text, &head, 8)
    return {
        "check": check,
        "state": tt_journal_head_state(&head),
        "published": tt_journal_published(&head),
        "magic": bytes(text[:8]),
        "segment_id": head.segment_id,
        "capacity": head.capacity,
        "epoch": head.epoch,
        "base_ring_seq": head.base_ring_seq,
        "run_seed": head.run_seed,
        "clock_domain": head.clock_domain,
        "used": head.used,
        "records": head.records,
        "first_ring_seq": head.first_ring_seq,
        "last_ring_seq": head.last_ring_seq,
        "first_ts_recv_ns": head.first_ts_recv_ns,
        "last_ts_recv_ns": head.last_ts_recv_ns,
        "digest": f"{head.digest[0]:016x}{head.digest[1]:016x}",
        "merkle_root": bytes(head.merkle_root[:32]).hex(),
        "chain": bytes(head.chain[:32]).hex(),
    }


def crc_scan(slots, crc, uint32_t seed, uint32_t start=0):
    """Index of the first slot at or behind `start` whose checksum is wrong; the count when none is.

    `seed` is the seed of slots[0]. ValueError when there are fewer checksums than slots.
    """
    cdef Py_buffer data
    cdef Py_buffer sums
    cdef uint32_t bad
    PyObject_GetBuffer(slots, &data, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(crc, &sums, PyBUF_SIMPLE)
        try:
            if data.len // TT_SLOT_BYTES > sums.len // 4:
                raise ValueError(f"{data.len // TT_SLOT_BYTES} slots, {sums.len // 4} checksums")
            with nogil:
                bad = tt_journal_crc_scan(
                    data.buf, <const uint32_t *> sums.buf, start,
                    <uint32_t> (data.len // TT_SLOT_BYTES), seed)
        finally:
            PyBuffer_Release(&sums)
    finally:
        PyBuffer_Release(&data)
    return bad


def slot_sums(slots, uint32_t seed):
    """Checksums of contiguous slots; `seed` is the seed of slots[0]."""
    cdef Py_buffer data
    cdef Py_buffer out
    PyObject_GetBuffer(slots, &data, PyBUF_SIMPLE)
    try:
        sums = np.empty(data.len // TT_SLOT_BYTES, np.uint32)
        PyObject_GetBuffer(sums, &out, PyBUF_WRITABLE)
        try:
            with nogil:
                tt_crc32c_slots(
                    seed, data.buf, data.len // TT_SLOT_BYTES, <uint32_t *> out.buf)
        finally:
            PyBuffer_Release(&out)
    finally:
        PyBuffer_Release(&data)
    return sums


def walk(slots):
    """Record boundaries: (starts, end). `starts` are the slot indices at which records begin.

    `end` is less than the count of slots when a record is malformed or cut.
    """
    cdef Py_buffer data
    cdef Py_buffer out
    cdef uint32_t n, records, end = 0
    PyObject_GetBuffer(slots, &data, PyBUF_SIMPLE)
    try:
        n = <uint32_t> (data.len // TT_SLOT_BYTES)
        starts = np.empty(n, np.uint32)
        PyObject_GetBuffer(starts, &out, PyBUF_WRITABLE)
        try:
            with nogil:
                records = tt_journal_walk(data.buf, n, <uint32_t *> out.buf, &end)
        finally:
            PyBuffer_Release(&out)
    finally:
        PyBuffer_Release(&data)
    return starts[:records], end


def record_bytes(slot):
    """Size of the record that begins with this 64-byte slot; 0 when none of ours does."""
    cdef Py_buffer view
    cdef uint32_t size
    PyObject_GetBuffer(slot, &view, PyBUF_SIMPLE)
    try:
        size = tt_journal_record_bytes(view.buf) if view.len >= TT_SLOT_BYTES else 0
    finally:
        PyBuffer_Release(&view)
    return size
