# The risk chain and, through it, the C API of risk: `from tectra.risk.chain cimport ...`.
from libc.stdint cimport uint32_t

from tectra.core.msg cimport tt_head, tt_order_verdict
from tectra.risk.table cimport (
    tt_pass,
    tt_risk,
    tt_risk_apply_control,
    tt_risk_check,
    tt_risk_context,
    tt_risk_is_killed,
)


cdef class Verdict:
    cdef tt_order_verdict c


cdef class RiskReject(Verdict):
    pass


cdef class RiskChain:
    cdef tt_risk *c
    cdef void *memory
    cdef readonly tuple instrument_ids
    cdef dict slot_of
    cdef object audit

    cdef uint32_t slot(self, object instrument_id) except? 0xFFFFFFFE
    cdef int control(self, const tt_head *rec) except -1
