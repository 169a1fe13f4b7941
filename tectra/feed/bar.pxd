# C-level face of the bars. All of it belongs to the thread that feeds them.
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.book.l3 cimport L3Book, tt_l3, tt_l3_batch

cdef extern from "tectra/bar_run.h" nogil:
    enum:
        TT_BARS_RULES_MAX
        TT_BARS_CORRECTIONS_MAX
    ctypedef struct tt_table:
        pass
    size_t tt_table_bytes(uint32_t cap)
    void tt_table_init(tt_table *t, void *zeroed, uint32_t cap)

    ctypedef struct tt_print:
        int64_t px
        int64_t qty
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint64_t ring_seq
        uint64_t match_id
        uint32_t instrument_id
        uint16_t venue_id
        uint8_t side
        uint8_t flags
    ctypedef struct tt_bar_rule:
        int64_t amount
        int64_t align_ns
        uint8_t kind
        uint8_t scale
        uint8_t flat
        uint8_t mids
    ctypedef struct tt_bar_instrument:
        uint32_t instrument_id
    ctypedef struct tt_bar_row:
        uint32_t trades
    ctypedef struct tt_bar_set:
        tt_bar_rule rule
        tt_bar_row *rows
    ctypedef struct tt_bar_counts:
        uint64_t prints
        uint64_t late
        uint64_t broken
        uint64_t not_printable
        uint64_t unpriced
        uint64_t without_size
        uint64_t gaps
    ctypedef struct tt_bars:
        tt_table index
        tt_bar_instrument *known
        tt_bar_set *sets
        const tt_l3 *book
        uint64_t *out
        size_t cap
        size_t used
        uint64_t emitted
        int64_t last_ns
        uint32_t n
        uint32_t n_max
        uint32_t n_sets
        uint32_t n_corrections
        int32_t rc
        uint8_t copy
        uint8_t mids
        uint8_t crosses
        uint8_t out_full
        int8_t px_exponent
        int8_t qty_exponent
        tt_bar_counts counts
        tt_print *corrections
    ctypedef struct tt_print_outlet:
        tt_print *out
        size_t cap
        size_t used
        tt_bar_counts counts
    int tt_bars_open(
        tt_bars *b, uint32_t id, uint16_t venue_id, int px_exponent, int qty_exponent,
        uint32_t *place)
    int tt_bars_run(tt_bars *b, tt_l3 *book, tt_l3_batch *batch)
    int tt_bars_flush(tt_bars *b, int64_t ts_ns)
    int tt_print_run(tt_l3 *book, tt_l3_batch *batch, tt_print_outlet *o)


cdef class BarBuilder:
    cdef tt_bars *c
    cdef void *index
    cdef readonly L3Book book
    cdef readonly tuple specs
    cdef list left  # of a batch that ended for want of memory
    cdef int allocate(self, uint32_t most) except -1
    cdef object run(self, object source, bint copy)
