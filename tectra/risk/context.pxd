# An order as it is asked for, and what the chain knows beside it.
from tectra.core.msg cimport tt_order_intent
from tectra.portfolio.position cimport Position
from tectra.risk.table cimport tt_order, tt_risk, tt_risk_context


cdef class OrderIntent:
    cdef tt_order_intent c


cdef class RiskContext:
    cdef tt_risk_context c
    cdef tt_order changed
    cdef const tt_risk *bound_to
    cdef readonly Position position
    cdef readonly Position account
