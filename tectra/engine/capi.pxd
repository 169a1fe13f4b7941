# C side of the engine: state and steps of pipeline.h and flow.h.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from tectra.book.l3 cimport tt_book_effect, tt_l3
from tectra.core.errlog cimport tt_errlog
from tectra.core.kill cimport tt_kill
from tectra.core.msg cimport tt_control_kill, tt_head, tt_order_fill, tt_order_reject, tt_timer
from tectra.core.ring cimport tt_spsc
from tectra.journal.digest cimport tt_digest
from tectra.journal.journal cimport tt_segment
from tectra.oms.table cimport tt_orders
from tectra.portfolio.position cimport tt_position
from tectra.risk.chain cimport tt_risk
from tectra.strategy.capi cimport tt_ctx, tt_instrument_state, tt_market, tt_timers, tt_trades


cdef extern from "tectra/tap.h" nogil:
    ctypedef struct tt_tap:
        uint64_t ring_seq
        tt_segment *journal
        uint8_t *capture
        uint64_t capture_used
        uint64_t capture_room
        uint64_t capture_mask
        uint64_t records[4]
        tt_digest inputs
        tt_digest outputs

    void tt_tap_init(tt_tap *tap)
    uint64_t tt_tap_room(const tt_tap *tap)
    uint64_t tt_tap_room_at(const tt_tap *tap, int64_t ts_recv_ns)


cdef extern from "tectra/timers.h" nogil:
    int tt_timers_due(const tt_timers *t, int64_t now_ns, tt_timer *out)


cdef extern from "tectra/book_trust.h" nogil:
    bint tt_trust_take_news(tt_instrument_state *s)


cdef extern from "tectra/pipeline.h" nogil:
    enum: TT_STEP_ROOM, TT_FLUSH_ROOM, TT_PENDING_PER_STRATEGY

    ctypedef struct tt_pipeline:
        tt_tap tap
        tt_market market
        tt_l3 *book
        tt_orders *orders
        tt_risk *risk
        tt_position *positions
        tt_instrument_state *state
        tt_trades *trades
        tt_timers *timers
        tt_spsc *out
        const tt_kill *kill
        uint32_t slots
        uint32_t strategies
        int64_t now_ns
        uint64_t next_order_id
        uint64_t book_errors
        uint64_t unknown_orders
        uint64_t invalid_transitions
        uint64_t overflows
        uint64_t gate_refusals
        uint64_t first_error_seq
        int32_t first_error_rc
        uint32_t n_pending
        tt_book_effect effect
        uint64_t refused_controls
        tt_order_reject *pending
        tt_errlog *errors
        uint32_t pending_max
        uint32_t n_news
        uint8_t *scratch

    int tt_pipeline_say(tt_pipeline *p, void *rec)
    const tt_head *tt_pipeline_take(tt_pipeline *p, const tt_head *rec, int *rc)
    uint32_t tt_pipeline_market(tt_pipeline *p, const tt_head *rec, int *is_trade, int *rc)
    uint32_t tt_pipeline_reference(tt_pipeline *p, const tt_head *rec)
    int64_t tt_pipeline_mark_px2(const tt_pipeline *p, uint32_t slot, int64_t last_px)
    int64_t tt_pipeline_mid_px2(const tt_pipeline *p, uint32_t slot)


cdef extern from "tectra/flow.h" nogil:
    int tt_flow_flush(tt_pipeline *p, tt_ctx *ctx)
    int tt_flow_report(tt_pipeline *p, const tt_head *rec, uint16_t *strategy_id)
    int tt_flow_control(tt_pipeline *p, const tt_head *rec)
    void tt_flow_refuse_control(tt_pipeline *p, int rc)
    int tt_flow_mark(tt_pipeline *p, uint16_t strategy_id, uint32_t slot)
    int tt_flow_kill_seen(tt_pipeline *p, tt_control_kill *rec)
