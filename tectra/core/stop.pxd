# The process's stop flag. A loop takes the pointer once and tests it every batch, without the GIL.
from libc.stdint cimport uint32_t

cdef extern from "tectra/stop.h" nogil:
    enum:
        TT_STOP_REQUESTED
    ctypedef struct tt_stop:
        pass
    void tt_stop_clear(tt_stop *s)
    void tt_stop_set(tt_stop *s, uint32_t reason)
    int tt_stop_is_set(const tt_stop *s)
    int tt_stop_check(const tt_stop *s)
    uint32_t tt_stop_reason(const tt_stop *s)
    uint32_t tt_stop_requests(const tt_stop *s)

# Valid for the life of the process.
cdef tt_stop *stop_flag() noexcept nogil
