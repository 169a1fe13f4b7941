# The C risk chain. Owner: the engine's thread; only tt_risk_check makes a tt_pass.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.core.msg cimport tt_head, tt_order_intent, tt_order_verdict
from tectra.portfolio.position cimport tt_position


cdef extern from "tectra/limits.h" nogil:
    enum: TT_RISK_RULES
    enum: TT_RISK_ANY
    enum: TT_LIMIT_UNSET
    enum: TT_ORDER_MARK_REPLACE_PENDING
    enum: TT_LIMIT_RULE_OFF
    enum: TT_LIMIT_RULE_ON

    ctypedef struct tt_limit_row:
        int64_t qty_max
        int64_t notional_max
        int64_t position_max
        int64_t band_ppm
        uint32_t rules
        uint32_t instrument_id
        uint8_t killed

    ctypedef struct tt_rate:
        int64_t level
        int64_t last_ns
        int64_t per_second
        int64_t cap
        uint8_t limited
        uint8_t killed

    ctypedef struct tt_limit_scope:
        int64_t value[5]

    ctypedef struct tt_risk:
        tt_limit_row *rows
        tt_rate *rates
        uint32_t slots
        uint32_t strategies
        uint32_t rules_on
        uint8_t kill_all
        uint64_t version
        uint64_t orders
        uint64_t cancels
        uint64_t accepted
        uint64_t gate_sent
        uint64_t gate_killed
        uint64_t gate_refused
        uint64_t gate_full

    ctypedef struct tt_rule_counts:
        uint64_t checked
        uint64_t passed
        uint64_t rejected
        uint64_t skipped

    ctypedef struct tt_order:
        uint64_t order_id
        int64_t qty
        int64_t leaves_qty
        int64_t cum_qty
        int64_t pending_qty
        uint32_t instrument_id
        uint16_t strategy_id
        uint8_t side
        uint8_t state
        uint8_t marks

    ctypedef struct tt_risk_context:
        const tt_position *position
        const tt_position *account
        const tt_order *order
        int64_t mid_px2
        int64_t bid_px
        int64_t ask_px
        int64_t now_ns
        int64_t recent_pnl
        uint32_t open_orders
        uint32_t row
        uint32_t account_row

    # Opaque on purpose: nothing outside limits.h writes its fields.
    ctypedef struct tt_pass:
        pass

    size_t tt_risk_bytes(uint32_t slots, uint32_t strategies)
    int tt_risk_init(
        tt_risk *r, void *memory, uint32_t slots, uint32_t strategies, const uint64_t *secret)
    int tt_risk_bind(tt_risk *r, uint32_t instrument_id, uint32_t slot)
    uint32_t tt_risk_slot(const tt_risk *r, uint32_t instrument_id)
    uint32_t tt_risk_row(const tt_risk *r, uint16_t strategy_id, uint32_t slot)
    tt_limit_scope *tt_risk_scope(const tt_risk *r, uint16_t strategy_id, uint32_t slot)
    int tt_risk_is_killed(const tt_risk *r)
    int tt_risk_set_limit(
        tt_risk *r, uint8_t rule, uint16_t strategy_id, uint32_t slot, int64_t value)
    int tt_risk_apply_control(tt_risk *r, const tt_head *rec)
    int tt_risk_check(
        tt_risk *r, const tt_order_intent *it, const tt_risk_context *cx, tt_order_verdict *v,
        tt_pass *p)
    tt_rule_counts tt_risk_counts(const tt_risk *r, uint8_t rule)
