# Clocks. Cython code holds a Clock and calls c_now; one vtable call.
from libc.stdint cimport int64_t, uint64_t

cdef extern from "tectra/clock.h" nogil:
    int64_t tt_now_ns()
    int64_t tt_mono_ns()
    int64_t tt_boot_ns()
    int64_t tt_raw_ns()
    uint64_t tt_tsc()

cdef extern from "tectra/tsc.h" nogil:
    ctypedef struct tt_tsc_clock:
        uint64_t ns_per_2_32
        uint64_t span
        int64_t wall_offset_ns
        int64_t error_ns
        uint64_t anchors
        uint64_t skipped
    int tt_tsc_calibrate(tt_tsc_clock *c, int64_t span_ns, int64_t every_ns)
    int64_t tt_tsc_now(tt_tsc_clock *c)
    int tt_tsc_given_up(const tt_tsc_clock *c)

cdef class Clock:
    cdef int64_t c_now(self) noexcept nogil

cdef class LiveClock(Clock):
    cdef int monotonic

cdef class SimClock(Clock):
    cdef int64_t now
    cdef readonly uint64_t regressions
    # Move to a record's time; an earlier time is counted and changes nothing. Owner thread only.
    cdef void c_set(self, int64_t ts_ns) noexcept nogil

cdef class FakeClock(Clock):
    cdef int64_t now
    cdef uint64_t added
    cdef list heap
    cdef set live
