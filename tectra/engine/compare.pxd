# Steps a journal's inputs through a pipeline and holds every output against the journal's.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from tectra.core.msg cimport tt_head
from tectra.engine.capi cimport tt_tap
from tectra.engine.pipeline cimport Pipeline


cdef class Comparator:
    cdef readonly Pipeline pipeline
    cdef readonly uint64_t inputs, outputs, notes, last_seq, last_input
    cdef readonly int64_t first_ns
    cdef readonly object divergence, raised
    cdef uint64_t at, read, until_seq
    cdef bint compare

    cdef int run_slots(self, const uint8_t *slots, uint64_t n) except -1 nogil
    cdef int one(self, tt_tap *tap, const tt_head *rec) except -1 nogil
    cdef int keep(self, error) except -1
    cdef int differ(self, const tt_head *journal, const tt_head *mine) except -1
