# Memory and parts of one pipeline.
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.book.l3 cimport L3Book
from tectra.core.errlog cimport ErrorLog
from tectra.core.hist cimport Histogram
from tectra.core.memory cimport tt_region
from tectra.core.ring cimport SpscRing
from tectra.engine.capi cimport tt_pipeline
from tectra.journal.writer cimport JournalWriter
from tectra.oms.orders cimport OrderTable
from tectra.portfolio.position cimport Portfolio
from tectra.risk.chain cimport RiskChain
from tectra.strategy.capi cimport tt_book_view, tt_ctx


cdef class EngineState:
    cdef tt_pipeline *c
    cdef tt_ctx *ctxs
    cdef tt_book_view view
    cdef uint64_t *subscribed
    cdef tt_region capture
    cdef uint64_t want[8]
    cdef uint64_t python_mask
    cdef PyObject *compiled[64]
    cdef list bound
    cdef object observer
    cdef bint observed
    cdef bint chained  # a step takes in more than its record: a failure now leaves it half done
    cdef bint torn  # one was left so
    cdef uint64_t before
    cdef list contexts
    cdef tuple book_views
    cdef readonly tuple instruments
    cdef dict slots
    cdef readonly list strategies
    cdef readonly L3Book book
    cdef readonly OrderTable orders
    cdef readonly Portfolio portfolio
    cdef readonly RiskChain risk
    cdef readonly SpscRing out
    cdef readonly object kill
    cdef readonly JournalWriter journal
    cdef readonly ErrorLog errors
    cdef readonly list stages
    cdef Histogram hist_apply, hist_strategy, hist_order, hist_tick_to_order
    cdef uint64_t sample_mask
    cdef uint64_t seed
    cdef bint sends_wait

    cdef int wire(self, uint32_t slots, uint64_t capture_mask) except -1
    cdef int make_room(self, uint64_t slots) except -1
    cdef int make_room_inside(self, uint64_t slots) except -1
    cdef int tear(self) except -1
    cdef int refuse_torn(self) except -1
    # Whoever takes orders from the out ring calls this first: with a journal of the mode "sync",
    # what led to them is on the disk when it returns. JournalError: it is not, they must not leave.
    cdef int commit_journal(self) except -1 nogil
    cdef uint32_t slot_of(self, instrument) except? 0xFFFFFFFF
    cdef int grow_book(self) except -1
    cdef int grow_pending(self) except -1
    cdef int tell(self) except -1
