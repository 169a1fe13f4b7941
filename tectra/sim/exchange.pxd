# The simulated exchange of fill.h as an object. For drivers: use `c` in a nogil loop, and on
# TT_E_FULL call grow() and repeat.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.book.l3 cimport L3Book, tt_book_effect, tt_l3
from tectra.core.msg cimport tt_head, tt_order_send


cdef extern from "tectra/fill.h" nogil:
    enum:
        TT_SIM_NIL
        TT_SIM_LIVE
        TT_SIM_CAP_ORDERS
        TT_SIM_CAP_REQUESTS
        TT_SIM_CAP_REPORTS
        TT_SIM_CAP_INSTRUMENTS
        TT_SIM_CAP_SLOTS
        TT_SIM_CAP_TAKEN
        TT_SIM_CAP_LEVELS
        TT_SIM_CAPS

    ctypedef struct tt_latency:
        pass

    ctypedef struct tt_fees:
        pass

    ctypedef struct tt_sim_filters:
        int64_t tick
        int64_t lot
        int64_t qty_min
        int64_t qty_max

    ctypedef struct tt_sim_caps:
        uint32_t *n

    ctypedef struct tt_sim_stats:
        uint64_t arrivals
        uint64_t acks
        uint64_t fills
        uint64_t cancels
        uint64_t expiries
        uint64_t rejects
        uint64_t *rejects_by_reason
        uint64_t *fills_by_reason

    ctypedef struct tt_sim_order:
        uint64_t order_id
        uint64_t venue_order_id
        int64_t px
        int64_t qty
        int64_t cum_qty
        int64_t leaves_qty
        int64_t ahead_qty
        uint32_t inst
        uint32_t next
        uint8_t side
        uint8_t state

    ctypedef struct tt_sim_orders:
        tt_sim_order *at
        uint32_t cap
        uint32_t live

    ctypedef struct tt_sim_inst:
        uint32_t instrument_id
        uint32_t *head
        uint8_t halted

    ctypedef struct tt_sim_insts:
        tt_sim_inst *at
        uint32_t n

    ctypedef struct tt_sim:
        const tt_l3 *book
        uint32_t live
        uint32_t short_of
        tt_sim_orders orders
        tt_sim_insts insts
        tt_sim_stats stats
        tt_sim_caps caps

    int tt_latency_init(
        tt_latency *l, int64_t entry_ns, int64_t response_ns, int64_t jitter_ns, uint64_t seed
    )
    int tt_fees_init(tt_fees *f, int64_t maker_rate_e7, int64_t taker_rate_e7, int64_t per_unit)
    int tt_fees_of(const tt_fees *f, uint8_t liquidity, int64_t px, int64_t qty, int64_t *out)
    size_t tt_sim_bytes(const tt_sim_caps *caps)
    int tt_sim_init(
        tt_sim *s, const tt_l3 *book, void *zeroed, const tt_sim_caps *caps,
        const tt_latency *latency, const tt_fees *fees, const tt_sim_filters *filters
    )
    void tt_sim_move(tt_sim *s, void *zeroed, const tt_sim_caps *caps)
    int tt_sim_submit(tt_sim *s, const tt_order_send *request, int64_t now_ns)
    int64_t tt_sim_next_arrival_ns(const tt_sim *s)
    int64_t tt_sim_next_report_ns(const tt_sim *s)
    int tt_sim_arrive(tt_sim *s)
    int tt_sim_ready(tt_sim *s, const tt_head *rec)
    int tt_sim_on_market(tt_sim *s, const tt_head *rec, const tt_book_effect *fx)
    int tt_sim_take_report(tt_sim *s, void *out128)
    int tt_sim_check(const tt_sim *s)


# Thread that applies the book. `c` stays at its place as long as the object lives.
cdef class SimExchange:
    cdef tt_sim *c
    cdef readonly L3Book book
    cdef readonly object config
    cdef void *_memory
    cdef uint32_t _orders_max

    # Double what the last TT_E_FULL named. Raises CapacityError beyond orders_max,
    # OutOfMemoryError.
    cdef int grow(self) except -1
    # The calls of fill.h, growing as needed.
    cdef int put(self, const tt_order_send *request, int64_t now_ns) except -1 nogil
    cdef int take_in(self) except -1 nogil
    cdef int react(self, const tt_head *rec, const tt_book_effect *fx) except -1 nogil
    cdef int _send(self, object record, int action, int64_t now_ns) except -1
