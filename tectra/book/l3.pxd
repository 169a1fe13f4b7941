# The order-by-order book of a whole market. C users take L3Book.c and call tt_l3_apply in a nogil
# loop from the owner
# thread; on TT_E_FULL they call grow() with the GIL and apply the same record again. `c` lives as
# long as the L3Book.
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.core.msg cimport tt_book_add, tt_book_level, tt_head
from tectra.journal.digest cimport tt_digest


cdef extern from "tectra/l3.h" nogil:
    enum:
        TT_FX_NONE
        TT_FX_ADD
        TT_FX_REDUCE
        TT_FX_EXECUTE
        TT_FX_REMOVE
        TT_FX_REPLACE
        TT_FX_CLEAR
    enum:
        TT_BOOK_NO_BID
        TT_BOOK_NO_ASK
        TT_BOOK_LOCKED
        TT_BOOK_CROSSED
    enum:
        TT_L3_ORDERS
        TT_L3_LEVELS
        TT_L3_RUNGS
        TT_L3_PAGES
        TT_L3_REFS
        TT_L3_OTHER_IDS
        TT_L3_ARENAS
        TT_L3_FAULTS_KEPT
        TT_L3_FAULT_KINDS

    ctypedef struct tt_top:
        int64_t bid_px
        int64_t bid_qty
        int64_t ask_px
        int64_t ask_qty
        uint32_t bid_orders
        uint32_t ask_orders

    ctypedef struct tt_book_effect:
        uint32_t slot
        uint8_t side
        uint8_t kind
        uint8_t top_changed
        uint8_t gone
        int64_t px
        int64_t qty
        int64_t exec_px
        uint64_t prio
        uint64_t order_ref
        int64_t new_px
        int64_t new_qty
        uint64_t new_prio

    ctypedef struct tt_l3_book:
        uint32_t instrument_id
        uint32_t orders
        uint32_t levels[2]
        uint64_t faults

    ctypedef struct tt_pool:
        uint32_t cap
        uint32_t live

    ctypedef struct tt_l3:
        tt_l3_book *books
        tt_pool order_pool
        tt_pool level_pool
        uint64_t next_prio
        uint32_t slots
        uint32_t slots_max
        uint32_t short_of

    ctypedef struct tt_l3_fault:
        uint64_t ring_seq
        uint64_t order_ref
        int64_t ts_event_ns
        uint32_t instrument_id
        int16_t code
        uint16_t template_id

    ctypedef struct tt_l3_faults:
        uint64_t total
        uint64_t by_code[32]
        tt_l3_fault first[16]

    ctypedef struct tt_l3_listed:
        uint64_t order_ref
        uint64_t prio
        int64_t px
        int64_t qty

    ctypedef struct tt_l3_watch:
        uint32_t instrument_id
        uint32_t levels
        int64_t *rows
        int64_t *last
        size_t cap
        size_t used

    ctypedef struct tt_l3_batch:
        const void *slots
        size_t n
        size_t until
        size_t at
        tt_l3_faults *faults

    ctypedef struct tt_l3_outlet:
        tt_book_level *out
        size_t cap
        size_t used

    size_t tt_l3_fixed_bytes(uint32_t slots_max)
    size_t tt_l3_arena_bytes(uint32_t arena, uint32_t cap)
    uint32_t tt_l3_arena_cap(const tt_l3 *b, uint32_t arena)
    void tt_l3_attach(
        tt_l3 *b, uint32_t slots_max, void *fixed, void *const *mem, const uint32_t *cap)
    void *tt_l3_regrow(tt_l3 *b, uint32_t arena, void *mem, uint32_t cap)
    int tt_l3_open(tt_l3 *b, uint32_t instrument_id, uint32_t *slot)
    uint32_t tt_l3_slot(const tt_l3 *b, uint32_t instrument_id)
    int tt_l3_apply(tt_l3 *b, const tt_head *rec, tt_book_effect *fx)
    void tt_l3_prefetch(const tt_l3 *b, const tt_head *rec)
    const tt_top *tt_l3_top(const tt_l3 *b, uint32_t slot)
    uint32_t tt_top_state(const tt_top *top)
    uint64_t tt_l3_next_prio(const tt_l3 *b)
    int64_t tt_l3_level_qty(const tt_l3 *b, uint32_t slot, uint8_t side, int64_t px)
    uint32_t tt_l3_levels(
        const tt_l3 *b, uint32_t slot, uint8_t side, uint32_t max, int64_t *px, int64_t *qty,
        uint32_t *orders)
    int tt_l3_order(
        const tt_l3 *b, uint64_t order_ref, int64_t *px, int64_t *qty, uint8_t *side,
        uint32_t *slot, uint64_t *prio)
    int64_t tt_l3_ahead(const tt_l3 *b, uint64_t order_ref)
    int64_t tt_l3_ahead_of(
        const tt_l3 *b, uint32_t slot, uint8_t side, int64_t px, uint64_t prio)
    uint32_t tt_l3_list(
        const tt_l3 *b, uint32_t slot, uint8_t side, uint32_t max, tt_l3_listed *out)
    int tt_l3_check(const tt_l3 *b, uint32_t slot)
    int tt_l3_check_all(const tt_l3 *b)
    void tt_l3_note_fault(tt_l3 *b, tt_l3_faults *f, const tt_head *rec, int code)
    int tt_l3_run(tt_l3 *b, tt_l3_batch *batch, uint64_t *applied)
    int tt_l3_run_watch(tt_l3 *b, tt_l3_batch *batch, tt_l3_watch *w)
    int tt_l3_run_publish(tt_l3 *b, tt_l3_batch *batch, tt_l3_outlet *o)
    void tt_l3_state(const tt_l3 *b, uint32_t instrument_id, uint32_t levels, int64_t *out)


cdef extern from "tectra/l3_image.h" nogil:
    ctypedef struct tt_l3_top_row:
        uint32_t instrument_id
        uint32_t state
        tt_top top

    ctypedef struct tt_l3_loader:
        tt_l3 *book
        const uint64_t *prio
        size_t n
        size_t at

    void tt_l3_tops(const tt_l3 *b, tt_l3_top_row *out)
    size_t tt_l3_image(
        const tt_l3 *b, uint32_t slot, const tt_book_add *like, tt_book_add *out, uint64_t *prio)
    void tt_l3_digest_slot(const tt_l3 *b, uint32_t slot, int with_prio, tt_digest *d)
    int tt_l3_load(tt_l3_loader *l, tt_l3_batch *batch)


# A contiguous buffer of whole 64-byte slots, held until close().
cdef class Slots:
    cdef Py_buffer view
    cdef bint held
    cdef const char *p
    cdef size_t n
    cdef int close(self) except -1


cdef class L3Book:
    cdef tt_l3 *c
    cdef tt_l3_faults *faults
    cdef void *fixed
    cdef void *mem[7]
    cdef object __weakref__
    cdef uint32_t cap_of(self, uint32_t arena) noexcept
    cdef int grow(self) except -1
    cdef int grow_or_check(self, int rc, size_t done) except -1
    cdef uint32_t slot_of(self, object instrument_id) except? 0xFFFFFFFF
    cdef int apply_one(self, const tt_head *rec, tt_book_effect *fx) except -1
