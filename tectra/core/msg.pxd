# Generated from schema.xml by `python -m tectra.schema`; edit the schema, not this file.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "tectra/msg.h" nogil:
    enum: TT_SCHEMA_ID, TT_SCHEMA_VERSION, TT_SLOT_BYTES, TT_RECORD_BYTES_MAX, TT_T_END
    enum: TT_DIR_NONE, TT_DIR_INPUT, TT_DIR_OUTPUT, TT_DIR_NOTE
    const uint8_t tt_template_bytes[]
    const uint8_t tt_template_dir[]
    void tt_rec_init(void *rec, uint16_t template_id)
    uint32_t tt_rec_bytes(const void *rec)

    enum:
        TT_SIDE_NONE
        TT_SIDE_BUY
        TT_SIDE_SELL
    enum:
        TT_ORDER_TYPE_LIMIT
        TT_ORDER_TYPE_MARKET
        TT_ORDER_TYPE_POST_ONLY
        TT_ORDER_TYPE_STOP
        TT_ORDER_TYPE_STOP_LIMIT
    enum:
        TT_TIME_IN_FORCE_DAY
        TT_TIME_IN_FORCE_GTC
        TT_TIME_IN_FORCE_IOC
        TT_TIME_IN_FORCE_FOK
    enum:
        TT_ORDER_STATE_NONE
        TT_ORDER_STATE_NEW
        TT_ORDER_STATE_SENT
        TT_ORDER_STATE_ACKED
        TT_ORDER_STATE_PARTIAL_FILL
        TT_ORDER_STATE_FILLED
        TT_ORDER_STATE_CANCEL_SENT
        TT_ORDER_STATE_CANCELLED
        TT_ORDER_STATE_REJECTED
        TT_ORDER_STATE_EXPIRED
        TT_ORDER_STATE_UNKNOWN
    enum:
        TT_ORDER_EVENT_KIND_SUBMIT
        TT_ORDER_EVENT_KIND_SEND
        TT_ORDER_EVENT_KIND_ACK
        TT_ORDER_EVENT_KIND_PARTIAL_FILL
        TT_ORDER_EVENT_KIND_FILL
        TT_ORDER_EVENT_KIND_CANCEL_SEND
        TT_ORDER_EVENT_KIND_CANCEL_ACK
        TT_ORDER_EVENT_KIND_CANCEL_REJECT
        TT_ORDER_EVENT_KIND_REPLACE_SEND
        TT_ORDER_EVENT_KIND_REPLACE_ACK
        TT_ORDER_EVENT_KIND_REPLACE_REJECT
        TT_ORDER_EVENT_KIND_REJECT
        TT_ORDER_EVENT_KIND_EXPIRE
        TT_ORDER_EVENT_KIND_TIMEOUT
    enum:
        TT_INTENT_ACTION_SUBMIT
        TT_INTENT_ACTION_CANCEL
        TT_INTENT_ACTION_MODIFY
    enum:
        TT_LIQUIDITY_NONE
        TT_LIQUIDITY_MAKER
        TT_LIQUIDITY_TAKER
    enum:
        TT_FILL_REASON_NONE
        TT_FILL_REASON_TOOK_LIQUIDITY
        TT_FILL_REASON_QUEUE_REACHED
        TT_FILL_REASON_TRADED_THROUGH
        TT_FILL_REASON_BOOK_CROSSED
    enum:
        TT_RISK_RULE_NONE
        TT_RISK_RULE_VALIDITY
        TT_RISK_RULE_KILL
        TT_RISK_RULE_MAX_QTY
        TT_RISK_RULE_MAX_NOTIONAL
        TT_RISK_RULE_MAX_POSITION
        TT_RISK_RULE_PRICE_BAND
        TT_RISK_RULE_ORDER_RATE
    enum:
        TT_REJECT_REASON_NONE
        TT_REJECT_REASON_UNKNOWN_INSTRUMENT
        TT_REJECT_REASON_UNKNOWN_ORDER
        TT_REJECT_REASON_PRICE_FILTER
        TT_REJECT_REASON_SIZE_FILTER
        TT_REJECT_REASON_POST_ONLY_WOULD_CROSS
        TT_REJECT_REASON_NO_LIQUIDITY
        TT_REJECT_REASON_HALTED
        TT_REJECT_REASON_TOO_LATE
        TT_REJECT_REASON_UNSUPPORTED
        TT_REJECT_REASON_SELF_TRADE
        TT_REJECT_REASON_RISK
        TT_REJECT_REASON_CAPACITY
        TT_REJECT_REASON_OTHER
    enum:
        TT_STATUS_KIND_SYSTEM_EVENT
        TT_STATUS_KIND_TRADING_ACTION
        TT_STATUS_KIND_OPERATIONAL_HALT
        TT_STATUS_KIND_SHORT_SALE
        TT_STATUS_KIND_MARKET_WIDE_BREAKER
        TT_STATUS_KIND_RETAIL_INTEREST
        TT_STATUS_KIND_LINK
    enum:
        TT_BOOK_STATUS_NONE
        TT_BOOK_STATUS_VALID
        TT_BOOK_STATUS_INVALID
        TT_BOOK_STATUS_RECOVERING
        TT_BOOK_STATUS_STALE
    enum:
        TT_BOOK_REASON_NONE
        TT_BOOK_REASON_GAP
        TT_BOOK_REASON_CHECKSUM
        TT_BOOK_REASON_STALE
        TT_BOOK_REASON_CROSSED
        TT_BOOK_REASON_RESET
        TT_BOOK_REASON_LINK
        TT_BOOK_REASON_REFRESH
        TT_BOOK_REASON_DRIFT
        TT_BOOK_REASON_REQUEST
        TT_BOOK_REASON_MALFORMED
        TT_BOOK_REASON_RECOVERED
    enum:
        TT_VENUE_PROTOCOL_NONE
        TT_VENUE_PROTOCOL_ITCH50
    enum:
        TT_BAR_KIND_TIME
        TT_BAR_KIND_TICK
        TT_BAR_KIND_VOLUME
        TT_BAR_KIND_DOLLAR
        TT_BAR_KIND_IMBALANCE
    enum:
        TT_KILL_STEP_HALT
        TT_KILL_STEP_CANCEL_ALL
        TT_KILL_STEP_FLATTEN
        TT_KILL_STEP_PAUSE_STRATEGY
        TT_KILL_STEP_STOP_STRATEGY
    enum:
        TT_ACK_STATUS_ACCEPTED
        TT_ACK_STATUS_DONE
        TT_ACK_STATUS_REFUSED
        TT_ACK_STATUS_FAILED
    enum:
        TT_KILL_ACTION_KILL
        TT_KILL_ACTION_CLEAR
    enum:
        TT_SESSION_KIND_START
        TT_SESSION_KIND_END
        TT_SESSION_KIND_FAULT
        TT_SESSION_KIND_INTERRUPTED
    enum:
        TT_STRATEGY_PHASE_LOADED
        TT_STRATEGY_PHASE_STARTED
        TT_STRATEGY_PHASE_PAUSED
        TT_STRATEGY_PHASE_STOPPED
        TT_STRATEGY_PHASE_FAULTED
    enum:
        TT_CALLBACK_NONE
        TT_CALLBACK_ON_START
        TT_CALLBACK_ON_BOOK_UPDATE
        TT_CALLBACK_ON_TRADE
        TT_CALLBACK_ON_FILL
        TT_CALLBACK_ON_TIMER
        TT_CALLBACK_ON_PARAMS_UPDATE
        TT_CALLBACK_ON_STOP
    enum:
        TT_BAR_FLAG_PARTIAL
    enum:
        TT_KILL_STEP_FLAG_CONFIRM
    enum:
        TT_MARKET_FLAG_SNAPSHOT
        TT_MARKET_FLAG_LAST
        TT_MARKET_FLAG_HIDDEN
        TT_MARKET_FLAG_CROSS
        TT_MARKET_FLAG_BROKEN
        TT_MARKET_FLAG_NOT_PRINTABLE
    enum:
        TT_ORDER_FLAG_REDUCE_ONLY
    enum:
        TT_T_BOOK_ADD
        TT_T_BOOK_ADD_ATTRIBUTED
        TT_T_BOOK_EXECUTE
        TT_T_BOOK_EXECUTE_PRICED
        TT_T_BOOK_CANCEL
        TT_T_BOOK_DELETE
        TT_T_BOOK_REPLACE
        TT_T_TRADE
        TT_T_BOOK_LEVEL
        TT_T_QUOTE
        TT_T_STATUS
        TT_T_INSTRUMENT
        TT_T_AUCTION
        TT_T_VENUE_MESSAGE
        TT_T_GAP
        TT_T_TICKER
        TT_T_BAR
        TT_T_BOOK_STATUS
        TT_T_BOOK_CLEAR
        TT_T_ORDER_ACK
        TT_T_ORDER_FILL
        TT_T_ORDER_CANCEL
        TT_T_ORDER_REJECT
        TT_T_CONTROL_KILL
        TT_T_CONTROL_LIMIT
        TT_T_CONTROL_PARAM
        TT_T_TIMER
        TT_T_SESSION
        TT_T_CONFIG_CHANGE
        TT_T_KILL_RESPONSE
        TT_T_CONTROL_ACK
        TT_T_ORDER_INTENT
        TT_T_ORDER_VERDICT
        TT_T_ORDER_SEND
        TT_T_ORDER_EVENT
        TT_T_STRATEGY_SIGNAL
        TT_T_STRATEGY_DECISION
        TT_T_STRATEGY_STATE
        TT_T_POSITION_UPDATE
        TT_T_PNL_UPDATE
        TT_T_BOOK_METRICS
        TT_T_RUN_CONFIG
        TT_T_RUN_RESULT

    ctypedef struct tt_head:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id

    ctypedef struct tt_book_add:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref
        int64_t px
        int64_t qty

    ctypedef struct tt_book_add_attributed:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref
        int64_t px
        int64_t qty
        char attribution[4]

    ctypedef struct tt_book_execute:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref
        uint64_t match_id
        int64_t qty

    ctypedef struct tt_book_execute_priced:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref
        uint64_t match_id
        int64_t qty
        int64_t exec_px

    ctypedef struct tt_book_cancel:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref
        uint64_t reserved
        int64_t qty

    ctypedef struct tt_book_delete:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref

    ctypedef struct tt_book_replace:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t order_ref
        int64_t px
        int64_t qty
        uint64_t new_order_ref

    ctypedef struct tt_trade:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t match_id
        int64_t px
        int64_t qty

    ctypedef struct tt_book_level:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t seq
        int64_t px
        int64_t qty

    ctypedef struct tt_quote:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t seq
        int64_t bid_px
        int64_t bid_qty
        int64_t ask_px
        int64_t ask_qty

    ctypedef struct tt_status:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t kind
        char state
        uint16_t venue_id
        char code[8]
        char symbol[8]

    ctypedef struct tt_instrument:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        int8_t px_exponent
        int8_t qty_exponent
        uint16_t venue_id
        char symbol[16]
        int64_t tick
        int64_t lot
        int64_t qty_min
        int64_t qty_max
        uint32_t round_lot
        char details[24]

    ctypedef struct tt_auction:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        char direction
        char cross_type
        uint16_t venue_id
        int64_t paired_qty
        int64_t imbalance_qty
        int64_t far_px
        int64_t near_px
        int64_t reference_px
        char price_variation

    ctypedef struct tt_venue_message:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t protocol
        char msg_type
        uint16_t venue_id
        uint64_t msg_length
        char payload[64]

    ctypedef struct tt_gap:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t reserved
        uint16_t venue_id
        uint64_t first_seq
        uint64_t last_seq

    ctypedef struct tt_ticker:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t venue_id
        uint64_t seq
        int64_t bid_px
        int64_t bid_qty
        int64_t ask_px
        int64_t ask_qty
        int64_t last_px
        int64_t last_qty
        int64_t high_px
        int64_t low_px
        int64_t volume_qty
        double turnover

    ctypedef struct tt_bar:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t kind
        uint8_t flags
        uint16_t venue_id
        int64_t ts_open_ns
        int64_t interval
        double open
        double high
        double low
        double close
        int64_t volume_qty
        double turnover
        double bid
        double ask
        uint32_t trades
        uint32_t reserved

    ctypedef struct tt_book_status:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t status
        uint8_t reason
        uint16_t venue_id
        uint64_t seq
        uint64_t expected
        uint64_t found

    ctypedef struct tt_book_clear:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t reserved
        uint8_t reason
        uint16_t venue_id
        uint64_t seq

    ctypedef struct tt_order_ack:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t action
        uint16_t venue_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t venue_order_id
        int64_t leaves_qty
        int64_t queue_ahead_qty

    ctypedef struct tt_order_fill:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t liquidity
        uint16_t venue_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t venue_order_id
        uint64_t exec_id
        int64_t leaves_qty
        int64_t fee
        uint64_t match_id
        uint8_t fill_reason

    ctypedef struct tt_order_cancel:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t reason
        uint16_t venue_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t venue_order_id
        uint8_t expired

    ctypedef struct tt_order_reject:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t reason
        uint16_t venue_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint8_t action
        uint8_t reserved
        int16_t venue_code
        uint32_t reserved2
        char text[40]

    ctypedef struct tt_control_kill:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t action
        uint8_t state
        uint16_t strategy_id
        uint64_t operator_id
        char reason[16]

    ctypedef struct tt_control_limit:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t rule
        uint8_t reserved
        uint16_t strategy_id
        int64_t old_value
        int64_t new_value
        uint64_t operator_id

    ctypedef struct tt_control_param:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        char value_type
        uint8_t reserved
        uint16_t strategy_id
        char name[24]
        char value_text[40]
        double value_f
        int64_t value_i

    ctypedef struct tt_timer:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t reserved
        uint16_t strategy_id
        uint64_t timer_id
        int64_t due_ns
        int64_t interval_ns

    ctypedef struct tt_session:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t kind
        char mode
        uint16_t strategies
        uint64_t session_id
        uint64_t seed
        uint64_t config_digest[2]
        char name[40]

    ctypedef struct tt_config_change:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t part
        uint16_t parts
        uint64_t revision
        uint64_t operator_id
        uint32_t length
        uint32_t reserved
        char text[64]

    ctypedef struct tt_kill_response:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t step
        uint8_t flags
        uint16_t strategy_id
        uint64_t trigger_seq
        int64_t ts_done_ns
        uint32_t orders
        uint8_t status
        uint8_t reserved
        uint16_t reserved2
        char reason[16]
        char rollback[40]

    ctypedef struct tt_control_ack:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t status
        uint8_t reserved
        uint16_t command
        uint64_t command_id
        uint64_t command_seq
        uint64_t operator_id
        int64_t ts_done_ns
        int32_t code
        uint32_t reserved2
        char text[40]

    ctypedef struct tt_order_intent:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t strategy_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t cause_seq
        int64_t stop_px
        uint64_t tag
        uint8_t action
        uint8_t order_type
        uint8_t tif

    ctypedef struct tt_order_verdict:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t rule
        uint16_t strategy_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t cause_seq
        int64_t limit
        int64_t found
        int64_t position_qty
        int64_t reference_px2
        uint8_t action
        uint8_t accepted

    ctypedef struct tt_order_send:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t flags
        uint16_t strategy_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t cause_seq
        int64_t stop_px
        uint64_t tag
        uint8_t action
        uint8_t order_type
        uint8_t tif
        uint8_t reserved
        uint16_t venue_id
        uint16_t reserved2
        uint64_t venue_order_id

    ctypedef struct tt_order_event:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t event
        uint16_t strategy_id
        uint64_t order_id
        int64_t px
        int64_t qty
        uint64_t cause_seq
        int64_t leaves_qty
        int64_t cum_qty
        int64_t last_px
        int64_t last_qty
        uint8_t from_state
        uint8_t to_state
        uint8_t valid
        uint8_t reason

    ctypedef struct tt_strategy_signal:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t reserved
        uint16_t strategy_id
        uint64_t cause_seq
        double value
        char name[24]

    ctypedef struct tt_strategy_decision:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t side
        uint8_t callback
        uint16_t strategy_id
        uint64_t cause_seq
        double confidence
        char text[40]

    ctypedef struct tt_strategy_state:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint8_t phase
        uint8_t callback
        uint16_t strategy_id
        uint64_t cause_seq
        char text[64]

    ctypedef struct tt_position_update:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t reserved
        uint16_t strategy_id
        int64_t net_qty
        int64_t cost
        int64_t realized
        int64_t fees
        int64_t open_buy_qty
        int64_t open_sell_qty
        uint64_t cause_seq

    ctypedef struct tt_pnl_update:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t reserved
        uint16_t strategy_id
        int64_t net_qty
        int64_t mark_px2
        int64_t realized
        int64_t unrealized
        int64_t fees
        int64_t total

    ctypedef struct tt_book_metrics:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        uint16_t levels
        uint16_t venue_id
        int64_t bid_px
        int64_t bid_qty
        int64_t ask_px
        int64_t ask_qty
        int64_t mid_px2
        int64_t spread_px
        double imbalance
        double microprice
        double vwap
        double pressure

    ctypedef struct tt_run_config:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        char mode
        uint8_t reserved
        uint16_t strategies
        uint64_t session_id
        uint64_t seed
        uint64_t config_digest[2]
        int64_t latency_entry_ns
        int64_t latency_response_ns
        int64_t maker_rate_e7
        int64_t taker_rate_e7

    ctypedef struct tt_run_result:
        uint16_t block_length
        uint16_t template_id
        uint16_t schema_id
        uint16_t version
        uint64_t ring_seq
        int64_t ts_event_ns
        int64_t ts_recv_ns
        uint32_t instrument_id
        char mode
        uint8_t reserved
        uint16_t strategies
        uint64_t session_id
        uint64_t inputs
        uint64_t outputs
        uint64_t fills
        uint64_t input_digest[2]
        uint64_t output_digest[2]
        int64_t pnl_total
