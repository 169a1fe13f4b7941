"""CRC-32C (Castagnoli): the checksum of journal slots and of whole files."""
# Owns nothing; pure functions for any thread. 20-30 GB/s on long input where the processor has the
# instruction; input above 64 KiB is summed without the GIL. Wraps ext/tectra/crc32c.h.

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from tectra.core.errors import InputError

__all__ = ["crc32c", "crc32c_slots", "crc32c_table", "has_instruction"]

cdef enum:
    WITHOUT_GIL = 65536
    SLOT_BYTES = 64


def crc32c(data not None, uint32_t seed=0):
    """Checksum of a buffer; `seed` is the checksum of what came before it."""
    cdef Py_buffer view
    cdef uint32_t out
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if view.len < WITHOUT_GIL:
            return tt_crc32c(seed, view.buf, view.len)
        with nogil:
            out = tt_crc32c(seed, view.buf, view.len)
        return out
    finally:
        PyBuffer_Release(&view)


def crc32c_table(data not None, uint32_t seed=0):
    """The same without the processor's instruction: the reference."""
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return tt_crc32c_table(seed, view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


def crc32c_slots(data not None, uint32_t seed=0):
    """Checksums of contiguous 64-byte slots: slot i alone, with seed + i. An array of uint32."""
    cdef Py_buffer view
    cdef uint32_t[::1] sums
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if view.len % SLOT_BYTES != 0:
            raise InputError(f"slots: found {view.len} bytes; allowed: a multiple of {SLOT_BYTES}")
        out = np.zeros(view.len // SLOT_BYTES, np.uint32)
        sums = out
        if view.len > 0:
            with nogil:
                tt_crc32c_slots(seed, view.buf, <size_t> view.len // SLOT_BYTES, &sums[0])
        return out
    finally:
        PyBuffer_Release(&view)


def has_instruction():
    """True when this processor sums with its own instruction."""
    return tt_crc32c_has_instruction() != 0
