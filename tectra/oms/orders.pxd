# The order table and, through it, the C API of orders: `from tectra.oms.orders cimport ...`.
from libc.stdint cimport uint8_t, uint64_t

from tectra.core.msg cimport tt_head
from tectra.oms.order cimport OrderEvent
from tectra.oms.table cimport (
    tt_order,
    tt_order_counts,
    tt_order_exposure,
    tt_order_is_done,
    tt_order_is_open,
    tt_orders,
    tt_orders_after,
    tt_orders_event,
    tt_orders_find,
    tt_orders_first,
    tt_orders_on_report,
    tt_orders_submit,
)


cdef class OrderTable:
    cdef tt_orders *c
    cdef void *memory
    cdef object on_anomaly

    cdef tt_order *need(self, uint64_t order_id) except NULL
    cdef OrderEvent step(self, object order_id, uint8_t event, object at)
    cdef OrderEvent report(self, const tt_head *rec)
    cdef int alert(self, OrderEvent event) except -1
