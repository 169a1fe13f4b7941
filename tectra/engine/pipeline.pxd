# The engine: one object for every mode; drivers call step() with records.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.msg cimport tt_control_param, tt_head, tt_timer
from tectra.engine.state cimport EngineState


cdef class Pipeline(EngineState):
    cdef uint64_t t0, flush_ticks
    cdef bint timed
    cdef int running
    cdef uint8_t callback

    cdef int step(self, const tt_head *rec) except -1 nogil
    cdef int take(self, const tt_head *rec) except -1 nogil
    cdef int step_one(self, const tt_head *rec) except -1 nogil
    cdef int step_market(self, const tt_head *rec) except -1 nogil
    cdef int step_report(self, const tt_head *rec) except -1 nogil
    cdef int step_control(self, const tt_head *rec) except -1 nogil
    cdef int mark(self) except -1 nogil
    cdef int call_news(self) except -1 nogil
    cdef int call_book(self, uint32_t slot) except -1 nogil
    cdef int call_trade(self, uint32_t slot) except -1 nogil
    cdef int call_one(self, int i, uint8_t callback, uint32_t slot) except -1 nogil
    cdef int call_compiled(self, int i, uint8_t callback, uint32_t slot) except -1 nogil
    cdef int call_python(self, int i, uint8_t callback, uint32_t slot) except -1
    cdef int call_params(self, int i) except -1
    cdef tuple read_param(self, const tt_control_param *rec)
    cdef int flush(self, int i) except -1 nogil
    cdef int settle(self, uint64_t started) except -1 nogil
    cdef bint timer_due(self, int64_t now_ns, tt_timer *out) noexcept nogil
