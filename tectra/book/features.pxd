# Multi-level features and order flow, for nogil users.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tectra.book.depth cimport tt_book_side
from tectra.book.l3 cimport tt_l3, tt_l3_batch


cdef extern from "tectra/features.h" nogil:
    ctypedef struct tt_depth:
        uint32_t count[2]

    ctypedef struct tt_book_features:
        uint32_t instrument_id

    ctypedef struct tt_flow_state:
        uint32_t levels
        uint32_t is_known
        uint64_t updates
        int64_t flow[64]
        int64_t total[64]

    int tt_features_of(
        tt_book_side *bids, tt_book_side *asks, uint32_t levels, tt_book_features *f)
    void tt_depth_of(
        tt_book_side *bids, tt_book_side *asks, uint32_t levels, tt_depth *d)
    int tt_flow_update(tt_flow_state *s, const tt_depth *now)


cdef extern from "tectra/metrics_flow.h" nogil:
    ctypedef struct tt_flow_outlet:
        tt_flow_state *state
        int64_t *rows
        size_t cap
        size_t used
        uint32_t instrument_id
        int32_t rc

    int tt_l3_run_flow(tt_l3 *b, tt_l3_batch *batch, tt_flow_outlet *o)


cdef class FeatureFiller:
    cdef tt_book_features *c
    cdef readonly object array
    cdef readonly uint32_t levels


cdef class OrderFlow:
    cdef tt_flow_state *c
    cdef object row(self, const int64_t *values)
