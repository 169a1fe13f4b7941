# The tail of a journal, stepped and compared.
from libc.stdint cimport uint64_t

from tectra.core.msg cimport tt_head
from tectra.engine.pipeline cimport Pipeline


cdef class TailStepper:
    cdef Pipeline pipeline
    cdef uint64_t read, at
    cdef readonly uint64_t records, inputs, last_seq, last_input
    cdef readonly object raised

    cdef int run_slots(self, const unsigned char *slots, uint64_t n) except -1 nogil
    cdef int one(self, const tt_head *rec) except -1 nogil
    cdef int differ(self, const tt_head *journal, const tt_head *mine) except -1
