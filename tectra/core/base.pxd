# Return codes and the "no price" constant of ext/tectra/base.h. Constants only; any thread.
from libc.stdint cimport int64_t

cdef extern from "tectra/base.h" nogil:
    enum:
        TT_OK
        TT_E_FULL
        TT_E_EMPTY
        TT_E_OVERFLOW
        TT_E_RANGE
        TT_E_UNKNOWN_ORDER
        TT_E_DUPLICATE
        TT_E_UNKNOWN_INSTRUMENT
        TT_E_TYPE
        TT_E_LENGTH
        TT_E_TRUNCATED
        TT_E_CORRUPT
        TT_E_GAP
        TT_E_KILLED
        TT_E_NO_PASS
        TT_E_STATE
        TT_E_CLOSED
        TT_E_IO
        TT_E_UNDERFLOW
        TT_E_DIVISION
        TT_E_MEMORY
        TT_E_CALLBACK
        TT_E_STOPPED
    const int64_t TT_NO_PX
