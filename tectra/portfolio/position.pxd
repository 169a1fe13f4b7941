# Positions. Rows belong to the engine's thread; a pointer lives as long as its Portfolio.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "tectra/position.h" nogil:
    ctypedef struct tt_position:
        int64_t net_qty
        int64_t cost
        int64_t realized
        int64_t fees
        int64_t cash
        int64_t open_buy_qty
        int64_t open_sell_qty
        uint64_t fills
        int64_t buy_qty
        int64_t sell_qty
        int64_t last_px
        uint32_t instrument_id
        uint16_t strategy_id

    void tt_position_init(tt_position *p, uint32_t instrument_id, uint16_t strategy_id)
    int tt_position_fill(tt_position *p, uint8_t side, int64_t px, int64_t qty, int64_t fee)
    int tt_position_open(tt_position *p, uint8_t side, int64_t dqty)
    int tt_position_worst(const tt_position *p, uint8_t side, int64_t extra, int64_t *out)
    int tt_position_theoretical(const tt_position *p, int64_t *out)
    int tt_position_unrealized(const tt_position *p, int64_t mark_px2, int64_t *out)
    int tt_position_total(const tt_position *p, int64_t mark_px2, int64_t *out)
    int tt_position_avg_px(const tt_position *p, int rounding, int64_t *out)
    int tt_position_check(const tt_position *p)


cdef class Position:
    cdef tt_position own
    cdef tt_position *c
    cdef object owner

    @staticmethod
    cdef Position view(tt_position *c, object owner)


cdef class Portfolio:
    # Row of a strategy (0: the account) and a slot: strategy_id * slots + slot.
    cdef tt_position *rows
    cdef readonly uint32_t slots
    cdef readonly uint32_t strategies
    cdef readonly tuple instrument_ids
    cdef dict slot_of

    cdef tt_position *row(self, object instrument_id, object strategy_id) except NULL
