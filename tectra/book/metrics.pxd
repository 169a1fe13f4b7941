# Metrics of a book's top levels, for nogil users. tt_book_metrics_fill writes no head and no times.
from libc.stdint cimport uint32_t

from tectra.book.l2 cimport tt_l2
from tectra.book.l3 cimport tt_l3
from tectra.core.msg cimport tt_book_metrics


cdef extern from "tectra/metrics.h" nogil:
    enum:
        TT_METRICS_LEVELS_MAX
    int tt_book_metrics_fill(const tt_l3 *b, uint32_t slot, uint32_t levels, tt_book_metrics *rec)
    int tt_l2_metrics_fill(const tt_l2 *b, uint32_t levels, tt_book_metrics *rec)


cdef class MetricsFiller:
    cdef tt_book_metrics *c
    cdef readonly object array
    cdef readonly uint32_t levels
