# The backtest driver: a discrete-event loop between recorded market data, the engine and the
# simulated exchange.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from tectra.core.msg cimport tt_head
from tectra.engine.pipeline cimport Pipeline
from tectra.sim.exchange cimport SimExchange


cdef class BacktestDriver:
    cdef readonly Pipeline pipeline
    cdef readonly SimExchange exchange
    cdef readonly list samples
    cdef int64_t sample_ns, next_sample_ns, wake_ns
    cdef readonly uint64_t records

    cdef int64_t exchange_wake(self) noexcept nogil
    cdef int run_slots(self, const uint8_t *slots, uint64_t n) except -1 nogil
    cdef int advance(self, int64_t now_ns) except -1 nogil
    cdef int stop(self) except -1 nogil
    cdef int drain(self) except -1 nogil
    cdef int deliver(self) except -1 nogil
    cdef int market(self, const tt_head *rec) except -1 nogil
    cdef int refresh(self) noexcept nogil
    cdef int sample(self, int64_t now_ns) except -1
