# Sides of books and what is measured on them, for nogil users.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.book.l2 cimport tt_l2
from tectra.book.l3 cimport tt_l3


cdef extern from "tectra/depth.h" nogil:
    ctypedef struct tt_book_side:
        uint32_t count
        uint32_t side

    ctypedef struct tt_book_step:
        int64_t px
        int64_t qty
        uint32_t orders

    ctypedef struct tt_sweep:
        int64_t filled_qty
        int64_t worst_px
        uint64_t notional_low
        int64_t notional_high
        uint32_t levels

    tt_book_side tt_book_side_l3(const tt_l3 *b, uint32_t slot, uint32_t side)
    tt_book_side tt_book_side_l2(const tt_l2 *b, uint32_t side)
    tt_book_step tt_book_step_at(tt_book_side *s, uint32_t n)
    int tt_depth_near(tt_book_side *s, uint64_t distance, int64_t *qty, uint32_t *levels)
    int tt_depth_near_bps(
        tt_book_side *s, int64_t mid_px2, uint32_t bps, int64_t *qty, uint32_t *levels)
    tt_sweep tt_sweep_of(tt_book_side *s, int64_t qty, int64_t limit_px)
    int tt_depth_window(
        tt_book_side *s, int64_t low_px, int64_t tick, uint32_t rows, int64_t *qty)


# The sides of an L3Book's instrument or of an L2Book; valid until the next apply.
cdef int book_sides(object book, object instrument_id, tt_book_side *sides) except -1
