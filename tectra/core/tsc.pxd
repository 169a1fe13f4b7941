# The counter as a Clock. Cython code holds it and calls c_now. One owner thread.
from libc.stdint cimport int64_t

from tectra.core.clock cimport Clock, tt_tsc_clock

cdef class TscClock(Clock):
    cdef tt_tsc_clock line
    cdef int monotonic
