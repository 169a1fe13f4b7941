# C-level face of the generated market. All of it belongs to one thread.
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.core.rng cimport tt_rng

cdef extern from "tectra/gen_flow.h" nogil:
    enum:
        TT_GEN_ROOM
        TT_GEN_FAIR_BITS
        TT_GEN_TICKS
        TT_GEN_NO_TICK
        TT_GEN_MESSAGE_BYTES
    ctypedef struct tt_gen_regime:
        int32_t drift
        int32_t reach
        int32_t pull
        int32_t half
        int32_t orders
        int32_t take
        int32_t cancel
        int32_t replace
        int32_t hidden
        int32_t cross
    ctypedef struct tt_gen_order:
        uint64_t ref
    ctypedef struct tt_gen_symbol:
        int64_t fair
        int64_t anchor
        int64_t base
        uint32_t count[2]
        uint32_t tick_px
        uint16_t locate
        uint8_t halted
        uint8_t regime
        uint8_t name[8]
    ctypedef struct tt_pool:
        uint32_t live
    void tt_pool_init(tt_pool *p, uint32_t cap)
    ctypedef struct tt_gen:
        tt_rng rng
        tt_gen_symbol *symbols
        tt_gen_order *orders
        const uint16_t *pick
        const tt_gen_regime *regimes
        uint8_t *out
        size_t cap
        size_t used
        uint64_t ref
        uint64_t match
        uint64_t messages
        uint64_t *by_type
        int64_t now_ns
        uint32_t n_symbols
        uint32_t next_symbol
        uint64_t last_hidden
        uint16_t last_hidden_locate
        tt_pool pool
    int64_t tt_gen_best(const tt_gen_symbol *s, int side)
    int tt_gen_run(tt_gen *g, int64_t until_ns, double gap_ns)
    int tt_gen_drain(tt_gen *g, int64_t gap_ns)
    void tt_gen_noii(tt_gen *g, tt_gen_symbol *s, uint8_t type)
    void tt_gen_cross(tt_gen *g, tt_gen_symbol *s, uint8_t type)


cdef class FlowGenerator:
    cdef tt_gen c
    cdef void *memory[4]
    cdef readonly tuple symbols
    cdef uint32_t place(self, object index) except? 0xFFFFFFFF
    cdef int reserve(self, Py_ssize_t n, Py_ssize_t most) except -1
