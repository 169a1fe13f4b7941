# Snapshots of orders and order events.
from tectra.core.msg cimport tt_order_event
from tectra.oms.table cimport tt_order


cdef class Order:
    cdef tt_order c

    @staticmethod
    cdef Order copy(const tt_order *c)


cdef class OrderEvent:
    cdef tt_order_event c
