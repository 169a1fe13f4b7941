# Steps a journal's inputs through a fresh pipeline and holds every output against the journal's.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from tectra.core.msg cimport tt_head
from tectra.engine.pipeline cimport Pipeline


cdef class Comparator:
    cdef readonly Pipeline pipeline
    cdef readonly uint64_t inputs, outputs, notes, last_seq
    cdef readonly object difference, raised
    cdef uint64_t at, read, until_seq
    cdef bint compare
    cdef readonly int64_t first_ns, last_ns

    cdef int run_slots(self, const uint8_t *slots, uint64_t n) except -1 nogil
    cdef int one(self, const tt_head *rec) except -1 nogil
    cdef int keep(self, error) except -1
    cdef int differ(self, const tt_head *journal, const tt_head *replayed) except -1
