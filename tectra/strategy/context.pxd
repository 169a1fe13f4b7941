# The context of one Python strategy: a face over tt_ctx, made by the engine.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from tectra.strategy.capi cimport tt_ctx


cdef class Context:
    cdef tt_ctx *c
    cdef readonly tuple instruments
    cdef readonly dict params
    cdef readonly object random
    cdef tuple table
    cdef tuple books
    cdef dict slots
    cdef object owner

    @staticmethod
    cdef Context make(
        tt_ctx *c, tuple heard, tuple table, tuple books, dict params, object random, object owner
    )
    cdef uint32_t slot_of(self, object instrument) except? 0xFFFFFFFF
    cdef uint8_t tif_of(self, object tif) except? 255
    cdef int refuse(self, str action, int rc=*, uint64_t order_id=*) except -1
