# The price-level book of one instrument. C users take L2Book.c and call tt_l2_set from the owner
# thread; on TT_E_FULL they
# call grow() with the GIL and set again.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t

from tectra.book.l3 cimport tt_top
from tectra.core.msg cimport tt_book_level
from tectra.journal.digest cimport tt_digest


cdef extern from "tectra/l2.h" nogil:
    ctypedef struct tt_l2:
        uint32_t count[2]
        uint32_t cap
        uint32_t changed
    size_t tt_l2_bytes(uint32_t cap)
    void tt_l2_init(tt_l2 *b, void *mem, uint32_t cap)
    void *tt_l2_regrow(tt_l2 *b, void *mem, uint32_t cap)
    void tt_l2_clear(tt_l2 *b)
    int tt_l2_set(tt_l2 *b, uint8_t side, int64_t px, int64_t qty)
    int tt_l2_apply(tt_l2 *b, const tt_book_level *r)
    tt_top tt_l2_top(const tt_l2 *b)
    int64_t tt_l2_level_qty(const tt_l2 *b, uint8_t side, int64_t px)
    uint32_t tt_l2_levels(const tt_l2 *b, uint8_t side, uint32_t max, int64_t *px, int64_t *qty)
    int tt_l2_check(const tt_l2 *b)
    void tt_l2_digest(const tt_l2 *b, uint32_t instrument_id, tt_digest *d)


cdef class L2Book:
    cdef tt_l2 *c
    cdef void *mem
    cdef readonly object instrument_id
    cdef object __weakref__
    cdef int grow(self) except -1
    cdef object depth(self, uint8_t side, uint32_t levels)
