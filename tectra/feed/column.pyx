"""Words of records as columns of byte planes, ready for a compressor, and back."""
# Owns nothing: pure functions of buffers, any thread, without the GIL. A few nanoseconds a word.
# Wraps ext/tectra/column.h.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from tectra.core.rc cimport check_with

import numpy as np

from tectra.core.errors import FileFormatError, InputError

__all__ = ["BESIDE", "DELTA", "HEAD_BYTES", "RAW", "decode_column", "encode_column", "plane_bytes"]

cdef extern from "tectra/column.h" nogil:
    enum:
        TT_COLUMN_RAW
        TT_COLUMN_DELTA
        TT_COLUMN_BESIDE
        TT_COLUMN_FORMS
    ctypedef struct tt_column:
        uint8_t form
        uint8_t varying
    ctypedef struct tt_column_place:
        uint8_t *slots
        const uint32_t *at
        uint64_t rows
        uint32_t word
    uint64_t tt_column_encode(
        const tt_column_place *p, uint8_t form, uint64_t *temp, tt_column *column, uint8_t *out)
    uint64_t tt_column_size(const tt_column *column, uint64_t rows)
    int tt_column_decode(
        const tt_column_place *p, const tt_column *column, const uint8_t *planes)

RAW = TT_COLUMN_RAW
DELTA = TT_COLUMN_DELTA
BESIDE = TT_COLUMN_BESIDE
HEAD_BYTES = <int>sizeof(tt_column)


cdef int _place(tt_column_place *p, Py_buffer *view, const uint32_t[::1] at, int word) except -1:
    """Point at the words; InputError when one lies outside the buffer."""
    cdef Py_ssize_t i
    cdef uint64_t slots = <uint64_t>view.len // 64
    if word < 0 or word >= 16:
        raise InputError(f"word: found {word}; allowed: 0 to 15")
    for i in range(at.shape[0]):
        if at[i] * 64 + (<uint64_t>word + 1) * 8 > slots * 64:
            raise InputError(f"at: slot {at[i]} lies outside the {slots} of the batch")
    p.slots = <uint8_t *>view.buf
    p.at = &at[0] if at.shape[0] else NULL
    p.rows = <uint64_t>at.shape[0]
    p.word = <uint32_t>word
    return 0


def encode_column(slots, at, int word, int form):
    """(head, planes) of word `word` of the records that begin at the slots `at`."""
    cdef Py_buffer view
    cdef tt_column_place p
    cdef tt_column column
    cdef uint64_t[::1] temp
    cdef uint8_t[::1] out
    cdef uint64_t used = 0
    if form < 0 or form >= TT_COLUMN_FORMS or (form == TT_COLUMN_BESIDE and word == 0):
        raise InputError(f"form: found {form}; allowed: RAW, DELTA, and BESIDE from word 1 on")
    n = len(at)
    temp = np.empty(max(1, n), np.uint64)
    planes = np.empty(max(1, 8 * n), np.uint8)
    out = planes
    PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
    try:
        _place(&p, &view, at, word)
        with nogil:
            used = tt_column_encode(&p, <uint8_t>form, &temp[0], &column, &out[0])
    finally:
        PyBuffer_Release(&view)
    return (<const char *>&column)[: sizeof(tt_column)], planes[:used]


def plane_bytes(head, Py_ssize_t rows):
    """Bytes of planes that follow a column's head."""
    cdef tt_column column
    cdef const uint8_t[::1] raw = head
    if raw.shape[0] != sizeof(tt_column):
        raise InputError(f"head: found {raw.shape[0]} bytes; allowed: {sizeof(tt_column)}")
    memcpy(&column, &raw[0], sizeof(tt_column))
    return tt_column_size(&column, <uint64_t>rows)


def decode_column(slots, at, int word, head, planes):
    """Write word `word` of the records at `at` into a writable buffer. Columns with BESIDE want the
    word before them first.
    """
    cdef Py_buffer view
    cdef tt_column_place p
    cdef tt_column column
    cdef const uint8_t[::1] raw = head
    cdef const uint8_t[::1] data = planes
    cdef int rc = 0
    if raw.shape[0] != sizeof(tt_column):
        raise InputError(f"head: found {raw.shape[0]} bytes; allowed: {sizeof(tt_column)}")
    memcpy(&column, &raw[0], sizeof(tt_column))
    if <uint64_t>data.shape[0] != tt_column_size(&column, <uint64_t>len(at)):
        raise FileFormatError(f"column {word}: its planes have {data.shape[0]} bytes, not as told")
    PyObject_GetBuffer(slots, &view, PyBUF_WRITABLE)
    try:
        _place(&p, &view, at, word)
        with nogil:
            rc = tt_column_decode(&p, &column, &data[0] if data.shape[0] else NULL)
    finally:
        PyBuffer_Release(&view)
    check_with(rc, "column")
