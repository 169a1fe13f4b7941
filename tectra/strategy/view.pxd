# Flyweights that Python strategies see; built once, filled by the engine, valid only during a
# callback.
from libc.stdint cimport int64_t, uint32_t

from tectra.core.msg cimport tt_order_fill
from tectra.strategy.capi cimport tt_market, tt_trade_view


cdef class BookView:
    cdef const tt_market *market
    cdef uint32_t slot
    cdef readonly object instrument
    cdef object owner

    @staticmethod
    cdef BookView make(const tt_market *market, uint32_t slot, object instrument, object owner)


cdef class TradeView:
    cdef tt_trade_view trade
    cdef readonly object instrument

    @staticmethod
    cdef TradeView make(const tt_trade_view *trade, object instrument)


cdef class FillView:
    cdef tt_order_fill fill
    cdef readonly object instrument

    @staticmethod
    cdef FillView make(const tt_order_fill *fill, object instrument)
