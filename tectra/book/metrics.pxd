# Metrics of a book's top levels, for nogil users. tt_book_metrics_fill writes no head and no times.
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from tectra.book.l2 cimport tt_l2
from tectra.book.l3 cimport L3Book, tt_l3, tt_l3_batch
from tectra.core.msg cimport tt_book_metrics, tt_head


cdef extern from "tectra/metrics.h" nogil:
    enum:
        TT_METRICS_LEVELS_MAX
    int tt_book_metrics_fill(const tt_l3 *b, uint32_t slot, uint32_t levels, tt_book_metrics *rec)
    int tt_l2_metrics_fill(const tt_l2 *b, uint32_t levels, tt_book_metrics *rec)


cdef extern from "tectra/metrics_flow.h" nogil:
    ctypedef struct tt_metrics_outlet:
        tt_book_metrics *out
        size_t cap
        size_t used
        uint32_t levels
        uint32_t all_cleared

    void tt_metrics_write(
        const tt_l3 *b, tt_metrics_outlet *o, const tt_head *cause, uint32_t slot)
    int tt_l3_run_metrics(tt_l3 *b, tt_l3_batch *batch, tt_metrics_outlet *o)


cdef class MetricsFiller:
    cdef tt_book_metrics *c
    cdef readonly object array
    cdef readonly uint32_t levels


cdef class MetricsPublisher:
    cdef readonly L3Book book
    cdef readonly uint32_t levels
    cdef object every_book(self, const tt_head *cause)
