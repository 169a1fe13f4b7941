/* Generated from schema.xml by `python -m tectra.schema`; edit the schema, not this file. */
#ifndef TECTRA_MSG_H
#define TECTRA_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TT_SCHEMA_ID 7433
#define TT_SCHEMA_VERSION 2
#define TT_SLOT_BYTES 64
#define TT_RECORD_BYTES_MAX 128

/* Side: Side of an order, or of the aggressor of a trade */
enum {
    TT_SIDE_NONE = 0,
    TT_SIDE_BUY = 1,
    TT_SIDE_SELL = 2,
};

/* OrderType: FIX OrdType, with post-only as a type of its own */
enum {
    TT_ORDER_TYPE_LIMIT = 1,
    TT_ORDER_TYPE_MARKET = 2,
    TT_ORDER_TYPE_POST_ONLY = 3,
    TT_ORDER_TYPE_STOP = 4,
    TT_ORDER_TYPE_STOP_LIMIT = 5,
};

/* TimeInForce */
enum {
    TT_TIME_IN_FORCE_DAY = 1,
    TT_TIME_IN_FORCE_GTC = 2,
    TT_TIME_IN_FORCE_IOC = 3,
    TT_TIME_IN_FORCE_FOK = 4,
};

/* OrderState */
enum {
    TT_ORDER_STATE_NONE = 0,
    TT_ORDER_STATE_NEW = 1,
    TT_ORDER_STATE_SENT = 2,
    TT_ORDER_STATE_ACKED = 3,
    TT_ORDER_STATE_PARTIAL_FILL = 4,
    TT_ORDER_STATE_FILLED = 5,
    TT_ORDER_STATE_CANCEL_SENT = 6,
    TT_ORDER_STATE_CANCELLED = 7,
    TT_ORDER_STATE_REJECTED = 8,
    TT_ORDER_STATE_EXPIRED = 9,
    TT_ORDER_STATE_UNKNOWN = 10,
};

/* OrderEventKind: What can happen to an order */
enum {
    TT_ORDER_EVENT_KIND_SUBMIT = 1,
    TT_ORDER_EVENT_KIND_SEND = 2,
    TT_ORDER_EVENT_KIND_ACK = 3,
    TT_ORDER_EVENT_KIND_PARTIAL_FILL = 4,
    TT_ORDER_EVENT_KIND_FILL = 5,
    TT_ORDER_EVENT_KIND_CANCEL_SEND = 6,
    TT_ORDER_EVENT_KIND_CANCEL_ACK = 7,
    TT_ORDER_EVENT_KIND_CANCEL_REJECT = 8,
    TT_ORDER_EVENT_KIND_REPLACE_SEND = 9,
    TT_ORDER_EVENT_KIND_REPLACE_ACK = 10,
    TT_ORDER_EVENT_KIND_REPLACE_REJECT = 11,
    TT_ORDER_EVENT_KIND_REJECT = 12,
    TT_ORDER_EVENT_KIND_EXPIRE = 13,
    TT_ORDER_EVENT_KIND_TIMEOUT = 14,
};

/* IntentAction */
enum {
    TT_INTENT_ACTION_SUBMIT = 1,
    TT_INTENT_ACTION_CANCEL = 2,
    TT_INTENT_ACTION_MODIFY = 3,
};

/* Liquidity */
enum {
    TT_LIQUIDITY_NONE = 0,
    TT_LIQUIDITY_MAKER = 1,
    TT_LIQUIDITY_TAKER = 2,
};

/* FillReason: Why the simulated exchange gave a fill */
enum {
    TT_FILL_REASON_NONE = 0,
    TT_FILL_REASON_TOOK_LIQUIDITY = 1,
    TT_FILL_REASON_QUEUE_REACHED = 2,
    TT_FILL_REASON_TRADED_THROUGH = 3,
    TT_FILL_REASON_BOOK_CROSSED = 4,
};

/* RiskRule: Pre-trade rules in the order in which they are checked */
enum {
    TT_RISK_RULE_NONE = 0,
    TT_RISK_RULE_VALIDITY = 1,
    TT_RISK_RULE_KILL = 2,
    TT_RISK_RULE_MAX_QTY = 3,
    TT_RISK_RULE_MAX_NOTIONAL = 4,
    TT_RISK_RULE_MAX_POSITION = 5,
    TT_RISK_RULE_PRICE_BAND = 6,
    TT_RISK_RULE_ORDER_RATE = 7,
};

/* RejectReason: Why a venue, or the order manager before it, refused */
enum {
    TT_REJECT_REASON_NONE = 0,
    TT_REJECT_REASON_UNKNOWN_INSTRUMENT = 1,
    TT_REJECT_REASON_UNKNOWN_ORDER = 2,
    TT_REJECT_REASON_PRICE_FILTER = 3,
    TT_REJECT_REASON_SIZE_FILTER = 4,
    TT_REJECT_REASON_POST_ONLY_WOULD_CROSS = 5,
    TT_REJECT_REASON_NO_LIQUIDITY = 6,
    TT_REJECT_REASON_HALTED = 7,
    TT_REJECT_REASON_TOO_LATE = 8,
    TT_REJECT_REASON_UNSUPPORTED = 9,
    TT_REJECT_REASON_SELF_TRADE = 10,
    TT_REJECT_REASON_RISK = 11,
    TT_REJECT_REASON_CAPACITY = 12,
    TT_REJECT_REASON_OTHER = 13,
};

/* StatusKind */
enum {
    TT_STATUS_KIND_SYSTEM_EVENT = 1,
    TT_STATUS_KIND_TRADING_ACTION = 2,
    TT_STATUS_KIND_OPERATIONAL_HALT = 3,
    TT_STATUS_KIND_SHORT_SALE = 4,
    TT_STATUS_KIND_MARKET_WIDE_BREAKER = 5,
    TT_STATUS_KIND_RETAIL_INTEREST = 6,
    TT_STATUS_KIND_LINK = 7,
};

/* BookStatus: Whether a book is what the venue has */
enum {
    TT_BOOK_STATUS_NONE = 0,
    TT_BOOK_STATUS_VALID = 1,
    TT_BOOK_STATUS_INVALID = 2,
    TT_BOOK_STATUS_RECOVERING = 3,
    TT_BOOK_STATUS_STALE = 4,
};

/* BookReason: Why a book changed its status, or is built anew */
enum {
    TT_BOOK_REASON_NONE = 0,
    TT_BOOK_REASON_GAP = 1,
    TT_BOOK_REASON_CHECKSUM = 2,
    TT_BOOK_REASON_STALE = 3,
    TT_BOOK_REASON_CROSSED = 4,
    TT_BOOK_REASON_RESET = 5,
    TT_BOOK_REASON_LINK = 6,
    TT_BOOK_REASON_REFRESH = 7,
    TT_BOOK_REASON_DRIFT = 8,
    TT_BOOK_REASON_REQUEST = 9,
    TT_BOOK_REASON_MALFORMED = 10,
    TT_BOOK_REASON_RECOVERED = 11,
};

/* VenueProtocol */
enum {
    TT_VENUE_PROTOCOL_NONE = 0,
    TT_VENUE_PROTOCOL_ITCH50 = 1,
};

/* BarKind: What a bar counts until it closes */
enum {
    TT_BAR_KIND_TIME = 1,
    TT_BAR_KIND_TICK = 2,
    TT_BAR_KIND_VOLUME = 3,
    TT_BAR_KIND_DOLLAR = 4,
    TT_BAR_KIND_IMBALANCE = 5,
};

/* KillStep: What is done because of a kill */
enum {
    TT_KILL_STEP_HALT = 1,
    TT_KILL_STEP_CANCEL_ALL = 2,
    TT_KILL_STEP_FLATTEN = 3,
    TT_KILL_STEP_PAUSE_STRATEGY = 4,
    TT_KILL_STEP_STOP_STRATEGY = 5,
};

/* AckStatus: What became of a command */
enum {
    TT_ACK_STATUS_ACCEPTED = 1,
    TT_ACK_STATUS_DONE = 2,
    TT_ACK_STATUS_REFUSED = 3,
    TT_ACK_STATUS_FAILED = 4,
};

/* KillAction */
enum {
    TT_KILL_ACTION_KILL = 1,
    TT_KILL_ACTION_CLEAR = 2,
};

/* SessionKind */
enum {
    TT_SESSION_KIND_START = 1,
    TT_SESSION_KIND_END = 2,
    TT_SESSION_KIND_FAULT = 3,
    TT_SESSION_KIND_INTERRUPTED = 4,
};

/* StrategyPhase */
enum {
    TT_STRATEGY_PHASE_LOADED = 1,
    TT_STRATEGY_PHASE_STARTED = 2,
    TT_STRATEGY_PHASE_PAUSED = 3,
    TT_STRATEGY_PHASE_STOPPED = 4,
    TT_STRATEGY_PHASE_FAULTED = 5,
};

/* Callback */
enum {
    TT_CALLBACK_NONE = 0,
    TT_CALLBACK_ON_START = 1,
    TT_CALLBACK_ON_BOOK_UPDATE = 2,
    TT_CALLBACK_ON_TRADE = 3,
    TT_CALLBACK_ON_FILL = 4,
    TT_CALLBACK_ON_TIMER = 5,
    TT_CALLBACK_ON_PARAMS_UPDATE = 6,
    TT_CALLBACK_ON_STOP = 7,
};

/* BarFlag */
enum {
    TT_BAR_FLAG_PARTIAL = 1,
};

/* KillStepFlag */
enum {
    TT_KILL_STEP_FLAG_CONFIRM = 1,
};

/* MarketFlag */
enum {
    TT_MARKET_FLAG_SNAPSHOT = 1,
    TT_MARKET_FLAG_LAST = 2,
    TT_MARKET_FLAG_HIDDEN = 4,
    TT_MARKET_FLAG_CROSS = 8,
    TT_MARKET_FLAG_BROKEN = 16,
    TT_MARKET_FLAG_NOT_PRINTABLE = 32,
};

/* OrderFlag */
enum {
    TT_ORDER_FLAG_REDUCE_ONLY = 1,
};

/* Template ids */
enum {
    TT_T_BOOK_ADD = 1,
    TT_T_BOOK_ADD_ATTRIBUTED = 2,
    TT_T_BOOK_EXECUTE = 3,
    TT_T_BOOK_EXECUTE_PRICED = 4,
    TT_T_BOOK_CANCEL = 5,
    TT_T_BOOK_DELETE = 6,
    TT_T_BOOK_REPLACE = 7,
    TT_T_TRADE = 8,
    TT_T_BOOK_LEVEL = 9,
    TT_T_QUOTE = 10,
    TT_T_STATUS = 11,
    TT_T_INSTRUMENT = 12,
    TT_T_AUCTION = 13,
    TT_T_VENUE_MESSAGE = 14,
    TT_T_GAP = 15,
    TT_T_TICKER = 16,
    TT_T_BAR = 17,
    TT_T_BOOK_STATUS = 18,
    TT_T_BOOK_CLEAR = 19,
    TT_T_ORDER_ACK = 20,
    TT_T_ORDER_FILL = 21,
    TT_T_ORDER_CANCEL = 22,
    TT_T_ORDER_REJECT = 23,
    TT_T_CONTROL_KILL = 30,
    TT_T_CONTROL_LIMIT = 31,
    TT_T_CONTROL_PARAM = 32,
    TT_T_TIMER = 33,
    TT_T_SESSION = 34,
    TT_T_CONFIG_CHANGE = 35,
    TT_T_KILL_RESPONSE = 36,
    TT_T_CONTROL_ACK = 37,
    TT_T_ORDER_INTENT = 40,
    TT_T_ORDER_VERDICT = 41,
    TT_T_ORDER_SEND = 42,
    TT_T_ORDER_EVENT = 43,
    TT_T_STRATEGY_SIGNAL = 50,
    TT_T_STRATEGY_DECISION = 51,
    TT_T_STRATEGY_STATE = 52,
    TT_T_POSITION_UPDATE = 53,
    TT_T_PNL_UPDATE = 54,
    TT_T_BOOK_METRICS = 55,
    TT_T_RUN_CONFIG = 60,
    TT_T_RUN_RESULT = 61,
    TT_T_END = 62,
};

enum { TT_DIR_NONE = 0, TT_DIR_INPUT = 1, TT_DIR_OUTPUT = 2, TT_DIR_NOTE = 3 };

/* The head that every record has; a pointer to any record may be read through it. */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns, ts_recv_ns;
    uint32_t instrument_id;
} tt_head;

/* A visible order joins the tail of its level (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    int64_t px;
    int64_t qty;
} tt_book_add;
_Static_assert(sizeof(tt_book_add) == 64, "book_add: size");
_Static_assert(offsetof(tt_book_add, ring_seq) == 8, "book_add.ring_seq");
_Static_assert(offsetof(tt_book_add, ts_event_ns) == 16, "book_add.ts_event_ns");
_Static_assert(offsetof(tt_book_add, ts_recv_ns) == 24, "book_add.ts_recv_ns");
_Static_assert(offsetof(tt_book_add, instrument_id) == 32, "book_add.instrument_id");
_Static_assert(offsetof(tt_book_add, side) == 36, "book_add.side");
_Static_assert(offsetof(tt_book_add, flags) == 37, "book_add.flags");
_Static_assert(offsetof(tt_book_add, venue_id) == 38, "book_add.venue_id");
_Static_assert(offsetof(tt_book_add, order_ref) == 40, "book_add.order_ref");
_Static_assert(offsetof(tt_book_add, px) == 48, "book_add.px");
_Static_assert(offsetof(tt_book_add, qty) == 56, "book_add.qty");

/* book_add with the market participant who stands behind it (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    int64_t px;
    int64_t qty;
    char attribution[4];
    uint8_t pad_[60];
} tt_book_add_attributed;
_Static_assert(sizeof(tt_book_add_attributed) == 128, "book_add_attributed: size");
_Static_assert(offsetof(tt_book_add_attributed, ring_seq) == 8, "book_add_attributed.ring_seq");
_Static_assert(offsetof(tt_book_add_attributed, ts_event_ns) == 16, "book_add_attributed.ts_event_ns");
_Static_assert(offsetof(tt_book_add_attributed, ts_recv_ns) == 24, "book_add_attributed.ts_recv_ns");
_Static_assert(offsetof(tt_book_add_attributed, instrument_id) == 32, "book_add_attributed.instrument_id");
_Static_assert(offsetof(tt_book_add_attributed, side) == 36, "book_add_attributed.side");
_Static_assert(offsetof(tt_book_add_attributed, flags) == 37, "book_add_attributed.flags");
_Static_assert(offsetof(tt_book_add_attributed, venue_id) == 38, "book_add_attributed.venue_id");
_Static_assert(offsetof(tt_book_add_attributed, order_ref) == 40, "book_add_attributed.order_ref");
_Static_assert(offsetof(tt_book_add_attributed, px) == 48, "book_add_attributed.px");
_Static_assert(offsetof(tt_book_add_attributed, qty) == 56, "book_add_attributed.qty");
_Static_assert(offsetof(tt_book_add_attributed, attribution) == 64, "book_add_attributed.attribution");

/* A visible order traded at its own price (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    uint64_t match_id;
    int64_t qty;
} tt_book_execute;
_Static_assert(sizeof(tt_book_execute) == 64, "book_execute: size");
_Static_assert(offsetof(tt_book_execute, ring_seq) == 8, "book_execute.ring_seq");
_Static_assert(offsetof(tt_book_execute, ts_event_ns) == 16, "book_execute.ts_event_ns");
_Static_assert(offsetof(tt_book_execute, ts_recv_ns) == 24, "book_execute.ts_recv_ns");
_Static_assert(offsetof(tt_book_execute, instrument_id) == 32, "book_execute.instrument_id");
_Static_assert(offsetof(tt_book_execute, side) == 36, "book_execute.side");
_Static_assert(offsetof(tt_book_execute, flags) == 37, "book_execute.flags");
_Static_assert(offsetof(tt_book_execute, venue_id) == 38, "book_execute.venue_id");
_Static_assert(offsetof(tt_book_execute, order_ref) == 40, "book_execute.order_ref");
_Static_assert(offsetof(tt_book_execute, match_id) == 48, "book_execute.match_id");
_Static_assert(offsetof(tt_book_execute, qty) == 56, "book_execute.qty");

/* A visible order traded at another price than its own (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    uint64_t match_id;
    int64_t qty;
    int64_t exec_px;
    uint8_t pad_[56];
} tt_book_execute_priced;
_Static_assert(sizeof(tt_book_execute_priced) == 128, "book_execute_priced: size");
_Static_assert(offsetof(tt_book_execute_priced, ring_seq) == 8, "book_execute_priced.ring_seq");
_Static_assert(offsetof(tt_book_execute_priced, ts_event_ns) == 16, "book_execute_priced.ts_event_ns");
_Static_assert(offsetof(tt_book_execute_priced, ts_recv_ns) == 24, "book_execute_priced.ts_recv_ns");
_Static_assert(offsetof(tt_book_execute_priced, instrument_id) == 32, "book_execute_priced.instrument_id");
_Static_assert(offsetof(tt_book_execute_priced, side) == 36, "book_execute_priced.side");
_Static_assert(offsetof(tt_book_execute_priced, flags) == 37, "book_execute_priced.flags");
_Static_assert(offsetof(tt_book_execute_priced, venue_id) == 38, "book_execute_priced.venue_id");
_Static_assert(offsetof(tt_book_execute_priced, order_ref) == 40, "book_execute_priced.order_ref");
_Static_assert(offsetof(tt_book_execute_priced, match_id) == 48, "book_execute_priced.match_id");
_Static_assert(offsetof(tt_book_execute_priced, qty) == 56, "book_execute_priced.qty");
_Static_assert(offsetof(tt_book_execute_priced, exec_px) == 64, "book_execute_priced.exec_px");

/* A visible order shrank by qty and kept its place (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    uint64_t reserved;
    int64_t qty;
} tt_book_cancel;
_Static_assert(sizeof(tt_book_cancel) == 64, "book_cancel: size");
_Static_assert(offsetof(tt_book_cancel, ring_seq) == 8, "book_cancel.ring_seq");
_Static_assert(offsetof(tt_book_cancel, ts_event_ns) == 16, "book_cancel.ts_event_ns");
_Static_assert(offsetof(tt_book_cancel, ts_recv_ns) == 24, "book_cancel.ts_recv_ns");
_Static_assert(offsetof(tt_book_cancel, instrument_id) == 32, "book_cancel.instrument_id");
_Static_assert(offsetof(tt_book_cancel, side) == 36, "book_cancel.side");
_Static_assert(offsetof(tt_book_cancel, flags) == 37, "book_cancel.flags");
_Static_assert(offsetof(tt_book_cancel, venue_id) == 38, "book_cancel.venue_id");
_Static_assert(offsetof(tt_book_cancel, order_ref) == 40, "book_cancel.order_ref");
_Static_assert(offsetof(tt_book_cancel, reserved) == 48, "book_cancel.reserved");
_Static_assert(offsetof(tt_book_cancel, qty) == 56, "book_cancel.qty");

/* A visible order left the book (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    uint8_t pad_[16];
} tt_book_delete;
_Static_assert(sizeof(tt_book_delete) == 64, "book_delete: size");
_Static_assert(offsetof(tt_book_delete, ring_seq) == 8, "book_delete.ring_seq");
_Static_assert(offsetof(tt_book_delete, ts_event_ns) == 16, "book_delete.ts_event_ns");
_Static_assert(offsetof(tt_book_delete, ts_recv_ns) == 24, "book_delete.ts_recv_ns");
_Static_assert(offsetof(tt_book_delete, instrument_id) == 32, "book_delete.instrument_id");
_Static_assert(offsetof(tt_book_delete, side) == 36, "book_delete.side");
_Static_assert(offsetof(tt_book_delete, flags) == 37, "book_delete.flags");
_Static_assert(offsetof(tt_book_delete, venue_id) == 38, "book_delete.venue_id");
_Static_assert(offsetof(tt_book_delete, order_ref) == 40, "book_delete.order_ref");

/* An order gave way to a new one: same side, new reference, price and size, tail of its level (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t order_ref;
    int64_t px;
    int64_t qty;
    uint64_t new_order_ref;
    uint8_t pad_[56];
} tt_book_replace;
_Static_assert(sizeof(tt_book_replace) == 128, "book_replace: size");
_Static_assert(offsetof(tt_book_replace, ring_seq) == 8, "book_replace.ring_seq");
_Static_assert(offsetof(tt_book_replace, ts_event_ns) == 16, "book_replace.ts_event_ns");
_Static_assert(offsetof(tt_book_replace, ts_recv_ns) == 24, "book_replace.ts_recv_ns");
_Static_assert(offsetof(tt_book_replace, instrument_id) == 32, "book_replace.instrument_id");
_Static_assert(offsetof(tt_book_replace, side) == 36, "book_replace.side");
_Static_assert(offsetof(tt_book_replace, flags) == 37, "book_replace.flags");
_Static_assert(offsetof(tt_book_replace, venue_id) == 38, "book_replace.venue_id");
_Static_assert(offsetof(tt_book_replace, order_ref) == 40, "book_replace.order_ref");
_Static_assert(offsetof(tt_book_replace, px) == 48, "book_replace.px");
_Static_assert(offsetof(tt_book_replace, qty) == 56, "book_replace.qty");
_Static_assert(offsetof(tt_book_replace, new_order_ref) == 64, "book_replace.new_order_ref");

/* A print that touches no visible order: hidden, cross or broken (flags). side is the aggressor's, NONE where the venue does not say (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t match_id;
    int64_t px;
    int64_t qty;
} tt_trade;
_Static_assert(sizeof(tt_trade) == 64, "trade: size");
_Static_assert(offsetof(tt_trade, ring_seq) == 8, "trade.ring_seq");
_Static_assert(offsetof(tt_trade, ts_event_ns) == 16, "trade.ts_event_ns");
_Static_assert(offsetof(tt_trade, ts_recv_ns) == 24, "trade.ts_recv_ns");
_Static_assert(offsetof(tt_trade, instrument_id) == 32, "trade.instrument_id");
_Static_assert(offsetof(tt_trade, side) == 36, "trade.side");
_Static_assert(offsetof(tt_trade, flags) == 37, "trade.flags");
_Static_assert(offsetof(tt_trade, venue_id) == 38, "trade.venue_id");
_Static_assert(offsetof(tt_trade, match_id) == 40, "trade.match_id");
_Static_assert(offsetof(tt_trade, px) == 48, "trade.px");
_Static_assert(offsetof(tt_trade, qty) == 56, "trade.qty");

/* The whole quantity of one price level; 0 removes it (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t seq;
    int64_t px;
    int64_t qty;
} tt_book_level;
_Static_assert(sizeof(tt_book_level) == 64, "book_level: size");
_Static_assert(offsetof(tt_book_level, ring_seq) == 8, "book_level.ring_seq");
_Static_assert(offsetof(tt_book_level, ts_event_ns) == 16, "book_level.ts_event_ns");
_Static_assert(offsetof(tt_book_level, ts_recv_ns) == 24, "book_level.ts_recv_ns");
_Static_assert(offsetof(tt_book_level, instrument_id) == 32, "book_level.instrument_id");
_Static_assert(offsetof(tt_book_level, side) == 36, "book_level.side");
_Static_assert(offsetof(tt_book_level, flags) == 37, "book_level.flags");
_Static_assert(offsetof(tt_book_level, venue_id) == 38, "book_level.venue_id");
_Static_assert(offsetof(tt_book_level, seq) == 40, "book_level.seq");
_Static_assert(offsetof(tt_book_level, px) == 48, "book_level.px");
_Static_assert(offsetof(tt_book_level, qty) == 56, "book_level.qty");

/* Best bid and offer as the venue says them (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t seq;
    int64_t bid_px;
    int64_t bid_qty;
    int64_t ask_px;
    int64_t ask_qty;
    uint8_t pad_[48];
} tt_quote;
_Static_assert(sizeof(tt_quote) == 128, "quote: size");
_Static_assert(offsetof(tt_quote, ring_seq) == 8, "quote.ring_seq");
_Static_assert(offsetof(tt_quote, ts_event_ns) == 16, "quote.ts_event_ns");
_Static_assert(offsetof(tt_quote, ts_recv_ns) == 24, "quote.ts_recv_ns");
_Static_assert(offsetof(tt_quote, instrument_id) == 32, "quote.instrument_id");
_Static_assert(offsetof(tt_quote, side) == 36, "quote.side");
_Static_assert(offsetof(tt_quote, flags) == 37, "quote.flags");
_Static_assert(offsetof(tt_quote, venue_id) == 38, "quote.venue_id");
_Static_assert(offsetof(tt_quote, seq) == 40, "quote.seq");
_Static_assert(offsetof(tt_quote, bid_px) == 48, "quote.bid_px");
_Static_assert(offsetof(tt_quote, bid_qty) == 56, "quote.bid_qty");
_Static_assert(offsetof(tt_quote, ask_px) == 64, "quote.ask_px");
_Static_assert(offsetof(tt_quote, ask_qty) == 72, "quote.ask_qty");

/* State of a market, an instrument or a link; state and code are the venue's own letters (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t kind;
    char state;
    uint16_t venue_id;
    char code[8];
    char symbol[8];
    uint8_t pad_[8];
} tt_status;
_Static_assert(sizeof(tt_status) == 64, "status: size");
_Static_assert(offsetof(tt_status, ring_seq) == 8, "status.ring_seq");
_Static_assert(offsetof(tt_status, ts_event_ns) == 16, "status.ts_event_ns");
_Static_assert(offsetof(tt_status, ts_recv_ns) == 24, "status.ts_recv_ns");
_Static_assert(offsetof(tt_status, instrument_id) == 32, "status.instrument_id");
_Static_assert(offsetof(tt_status, kind) == 36, "status.kind");
_Static_assert(offsetof(tt_status, state) == 37, "status.state");
_Static_assert(offsetof(tt_status, venue_id) == 38, "status.venue_id");
_Static_assert(offsetof(tt_status, code) == 40, "status.code");
_Static_assert(offsetof(tt_status, symbol) == 48, "status.symbol");

/* Definition of an instrument from this record on (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    int8_t px_exponent;
    int8_t qty_exponent;
    uint16_t venue_id;
    char symbol[16];
    int64_t tick;
    int64_t lot;
    int64_t qty_min;
    int64_t qty_max;
    uint32_t round_lot;
    char details[24];
    uint8_t pad_[12];
} tt_instrument;
_Static_assert(sizeof(tt_instrument) == 128, "instrument: size");
_Static_assert(offsetof(tt_instrument, ring_seq) == 8, "instrument.ring_seq");
_Static_assert(offsetof(tt_instrument, ts_event_ns) == 16, "instrument.ts_event_ns");
_Static_assert(offsetof(tt_instrument, ts_recv_ns) == 24, "instrument.ts_recv_ns");
_Static_assert(offsetof(tt_instrument, instrument_id) == 32, "instrument.instrument_id");
_Static_assert(offsetof(tt_instrument, px_exponent) == 36, "instrument.px_exponent");
_Static_assert(offsetof(tt_instrument, qty_exponent) == 37, "instrument.qty_exponent");
_Static_assert(offsetof(tt_instrument, venue_id) == 38, "instrument.venue_id");
_Static_assert(offsetof(tt_instrument, symbol) == 40, "instrument.symbol");
_Static_assert(offsetof(tt_instrument, tick) == 56, "instrument.tick");
_Static_assert(offsetof(tt_instrument, lot) == 64, "instrument.lot");
_Static_assert(offsetof(tt_instrument, qty_min) == 72, "instrument.qty_min");
_Static_assert(offsetof(tt_instrument, qty_max) == 80, "instrument.qty_max");
_Static_assert(offsetof(tt_instrument, round_lot) == 88, "instrument.round_lot");
_Static_assert(offsetof(tt_instrument, details) == 92, "instrument.details");

/* Net order imbalance indicator (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    char direction;
    char cross_type;
    uint16_t venue_id;
    int64_t paired_qty;
    int64_t imbalance_qty;
    int64_t far_px;
    int64_t near_px;
    int64_t reference_px;
    char price_variation;
    uint8_t pad_[47];
} tt_auction;
_Static_assert(sizeof(tt_auction) == 128, "auction: size");
_Static_assert(offsetof(tt_auction, ring_seq) == 8, "auction.ring_seq");
_Static_assert(offsetof(tt_auction, ts_event_ns) == 16, "auction.ts_event_ns");
_Static_assert(offsetof(tt_auction, ts_recv_ns) == 24, "auction.ts_recv_ns");
_Static_assert(offsetof(tt_auction, instrument_id) == 32, "auction.instrument_id");
_Static_assert(offsetof(tt_auction, direction) == 36, "auction.direction");
_Static_assert(offsetof(tt_auction, cross_type) == 37, "auction.cross_type");
_Static_assert(offsetof(tt_auction, venue_id) == 38, "auction.venue_id");
_Static_assert(offsetof(tt_auction, paired_qty) == 40, "auction.paired_qty");
_Static_assert(offsetof(tt_auction, imbalance_qty) == 48, "auction.imbalance_qty");
_Static_assert(offsetof(tt_auction, far_px) == 56, "auction.far_px");
_Static_assert(offsetof(tt_auction, near_px) == 64, "auction.near_px");
_Static_assert(offsetof(tt_auction, reference_px) == 72, "auction.reference_px");
_Static_assert(offsetof(tt_auction, price_variation) == 80, "auction.price_variation");

/* A venue's message that no other record carries, verbatim (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t protocol;
    char msg_type;
    uint16_t venue_id;
    uint64_t msg_length;
    char payload[64];
    uint8_t pad_[16];
} tt_venue_message;
_Static_assert(sizeof(tt_venue_message) == 128, "venue_message: size");
_Static_assert(offsetof(tt_venue_message, ring_seq) == 8, "venue_message.ring_seq");
_Static_assert(offsetof(tt_venue_message, ts_event_ns) == 16, "venue_message.ts_event_ns");
_Static_assert(offsetof(tt_venue_message, ts_recv_ns) == 24, "venue_message.ts_recv_ns");
_Static_assert(offsetof(tt_venue_message, instrument_id) == 32, "venue_message.instrument_id");
_Static_assert(offsetof(tt_venue_message, protocol) == 36, "venue_message.protocol");
_Static_assert(offsetof(tt_venue_message, msg_type) == 37, "venue_message.msg_type");
_Static_assert(offsetof(tt_venue_message, venue_id) == 38, "venue_message.venue_id");
_Static_assert(offsetof(tt_venue_message, msg_length) == 40, "venue_message.msg_length");
_Static_assert(offsetof(tt_venue_message, payload) == 48, "venue_message.payload");

/* Records first_seq to last_seq of a stream are lost (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t reserved;
    uint16_t venue_id;
    uint64_t first_seq;
    uint64_t last_seq;
    uint8_t pad_[8];
} tt_gap;
_Static_assert(sizeof(tt_gap) == 64, "gap: size");
_Static_assert(offsetof(tt_gap, ring_seq) == 8, "gap.ring_seq");
_Static_assert(offsetof(tt_gap, ts_event_ns) == 16, "gap.ts_event_ns");
_Static_assert(offsetof(tt_gap, ts_recv_ns) == 24, "gap.ts_recv_ns");
_Static_assert(offsetof(tt_gap, instrument_id) == 32, "gap.instrument_id");
_Static_assert(offsetof(tt_gap, reserved) == 36, "gap.reserved");
_Static_assert(offsetof(tt_gap, venue_id) == 38, "gap.venue_id");
_Static_assert(offsetof(tt_gap, first_seq) == 40, "gap.first_seq");
_Static_assert(offsetof(tt_gap, last_seq) == 48, "gap.last_seq");

/* A venue's own summary of an instrument: best prices, last trade, and the day so far as that venue counts days (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t venue_id;
    uint64_t seq;
    int64_t bid_px;
    int64_t bid_qty;
    int64_t ask_px;
    int64_t ask_qty;
    int64_t last_px;
    int64_t last_qty;
    int64_t high_px;
    int64_t low_px;
    int64_t volume_qty;
    double turnover;
} tt_ticker;
_Static_assert(sizeof(tt_ticker) == 128, "ticker: size");
_Static_assert(offsetof(tt_ticker, ring_seq) == 8, "ticker.ring_seq");
_Static_assert(offsetof(tt_ticker, ts_event_ns) == 16, "ticker.ts_event_ns");
_Static_assert(offsetof(tt_ticker, ts_recv_ns) == 24, "ticker.ts_recv_ns");
_Static_assert(offsetof(tt_ticker, instrument_id) == 32, "ticker.instrument_id");
_Static_assert(offsetof(tt_ticker, side) == 36, "ticker.side");
_Static_assert(offsetof(tt_ticker, flags) == 37, "ticker.flags");
_Static_assert(offsetof(tt_ticker, venue_id) == 38, "ticker.venue_id");
_Static_assert(offsetof(tt_ticker, seq) == 40, "ticker.seq");
_Static_assert(offsetof(tt_ticker, bid_px) == 48, "ticker.bid_px");
_Static_assert(offsetof(tt_ticker, bid_qty) == 56, "ticker.bid_qty");
_Static_assert(offsetof(tt_ticker, ask_px) == 64, "ticker.ask_px");
_Static_assert(offsetof(tt_ticker, ask_qty) == 72, "ticker.ask_qty");
_Static_assert(offsetof(tt_ticker, last_px) == 80, "ticker.last_px");
_Static_assert(offsetof(tt_ticker, last_qty) == 88, "ticker.last_qty");
_Static_assert(offsetof(tt_ticker, high_px) == 96, "ticker.high_px");
_Static_assert(offsetof(tt_ticker, low_px) == 104, "ticker.low_px");
_Static_assert(offsetof(tt_ticker, volume_qty) == 112, "ticker.volume_qty");
_Static_assert(offsetof(tt_ticker, turnover) == 120, "ticker.turnover");

/* Open, high, low and close of a stretch of trading, stamped at its close; prices in units of the quote currency (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t kind;
    uint8_t flags;
    uint16_t venue_id;
    int64_t ts_open_ns;
    int64_t interval;
    double open;
    double high;
    double low;
    double close;
    int64_t volume_qty;
    double turnover;
    double bid;
    double ask;
    uint32_t trades;
    uint32_t reserved;
} tt_bar;
_Static_assert(sizeof(tt_bar) == 128, "bar: size");
_Static_assert(offsetof(tt_bar, ring_seq) == 8, "bar.ring_seq");
_Static_assert(offsetof(tt_bar, ts_event_ns) == 16, "bar.ts_event_ns");
_Static_assert(offsetof(tt_bar, ts_recv_ns) == 24, "bar.ts_recv_ns");
_Static_assert(offsetof(tt_bar, instrument_id) == 32, "bar.instrument_id");
_Static_assert(offsetof(tt_bar, kind) == 36, "bar.kind");
_Static_assert(offsetof(tt_bar, flags) == 37, "bar.flags");
_Static_assert(offsetof(tt_bar, venue_id) == 38, "bar.venue_id");
_Static_assert(offsetof(tt_bar, ts_open_ns) == 40, "bar.ts_open_ns");
_Static_assert(offsetof(tt_bar, interval) == 48, "bar.interval");
_Static_assert(offsetof(tt_bar, open) == 56, "bar.open");
_Static_assert(offsetof(tt_bar, high) == 64, "bar.high");
_Static_assert(offsetof(tt_bar, low) == 72, "bar.low");
_Static_assert(offsetof(tt_bar, close) == 80, "bar.close");
_Static_assert(offsetof(tt_bar, volume_qty) == 88, "bar.volume_qty");
_Static_assert(offsetof(tt_bar, turnover) == 96, "bar.turnover");
_Static_assert(offsetof(tt_bar, bid) == 104, "bar.bid");
_Static_assert(offsetof(tt_bar, ask) == 112, "bar.ask");
_Static_assert(offsetof(tt_bar, trades) == 120, "bar.trades");
_Static_assert(offsetof(tt_bar, reserved) == 124, "bar.reserved");

/* Whether a book (instrument 0: every book of the venue) is what the venue has, from this record on (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t status;
    uint8_t reason;
    uint16_t venue_id;
    uint64_t seq;
    uint64_t expected;
    uint64_t found;
} tt_book_status;
_Static_assert(sizeof(tt_book_status) == 64, "book_status: size");
_Static_assert(offsetof(tt_book_status, ring_seq) == 8, "book_status.ring_seq");
_Static_assert(offsetof(tt_book_status, ts_event_ns) == 16, "book_status.ts_event_ns");
_Static_assert(offsetof(tt_book_status, ts_recv_ns) == 24, "book_status.ts_recv_ns");
_Static_assert(offsetof(tt_book_status, instrument_id) == 32, "book_status.instrument_id");
_Static_assert(offsetof(tt_book_status, status) == 36, "book_status.status");
_Static_assert(offsetof(tt_book_status, reason) == 37, "book_status.reason");
_Static_assert(offsetof(tt_book_status, venue_id) == 38, "book_status.venue_id");
_Static_assert(offsetof(tt_book_status, seq) == 40, "book_status.seq");
_Static_assert(offsetof(tt_book_status, expected) == 48, "book_status.expected");
_Static_assert(offsetof(tt_book_status, found) == 56, "book_status.found");

/* Every order and level of an instrument (0: of all) leaves its book, ahead of a snapshot (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t reserved;
    uint8_t reason;
    uint16_t venue_id;
    uint64_t seq;
    uint8_t pad_[16];
} tt_book_clear;
_Static_assert(sizeof(tt_book_clear) == 64, "book_clear: size");
_Static_assert(offsetof(tt_book_clear, ring_seq) == 8, "book_clear.ring_seq");
_Static_assert(offsetof(tt_book_clear, ts_event_ns) == 16, "book_clear.ts_event_ns");
_Static_assert(offsetof(tt_book_clear, ts_recv_ns) == 24, "book_clear.ts_recv_ns");
_Static_assert(offsetof(tt_book_clear, instrument_id) == 32, "book_clear.instrument_id");
_Static_assert(offsetof(tt_book_clear, reserved) == 36, "book_clear.reserved");
_Static_assert(offsetof(tt_book_clear, reason) == 37, "book_clear.reason");
_Static_assert(offsetof(tt_book_clear, venue_id) == 38, "book_clear.venue_id");
_Static_assert(offsetof(tt_book_clear, seq) == 40, "book_clear.seq");

/* The venue accepted an order, or a replace (px, qty: what now stands) (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t action;
    uint16_t venue_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t venue_order_id;
    int64_t leaves_qty;
    int64_t queue_ahead_qty;
    uint8_t pad_[40];
} tt_order_ack;
_Static_assert(sizeof(tt_order_ack) == 128, "order_ack: size");
_Static_assert(offsetof(tt_order_ack, ring_seq) == 8, "order_ack.ring_seq");
_Static_assert(offsetof(tt_order_ack, ts_event_ns) == 16, "order_ack.ts_event_ns");
_Static_assert(offsetof(tt_order_ack, ts_recv_ns) == 24, "order_ack.ts_recv_ns");
_Static_assert(offsetof(tt_order_ack, instrument_id) == 32, "order_ack.instrument_id");
_Static_assert(offsetof(tt_order_ack, side) == 36, "order_ack.side");
_Static_assert(offsetof(tt_order_ack, action) == 37, "order_ack.action");
_Static_assert(offsetof(tt_order_ack, venue_id) == 38, "order_ack.venue_id");
_Static_assert(offsetof(tt_order_ack, order_id) == 40, "order_ack.order_id");
_Static_assert(offsetof(tt_order_ack, px) == 48, "order_ack.px");
_Static_assert(offsetof(tt_order_ack, qty) == 56, "order_ack.qty");
_Static_assert(offsetof(tt_order_ack, venue_order_id) == 64, "order_ack.venue_order_id");
_Static_assert(offsetof(tt_order_ack, leaves_qty) == 72, "order_ack.leaves_qty");
_Static_assert(offsetof(tt_order_ack, queue_ahead_qty) == 80, "order_ack.queue_ahead_qty");

/* The venue executed a part of an order (px, qty: this execution; fee negative for a rebate) (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t liquidity;
    uint16_t venue_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t venue_order_id;
    uint64_t exec_id;
    int64_t leaves_qty;
    int64_t fee;
    uint64_t match_id;
    uint8_t fill_reason;
    uint8_t pad_[23];
} tt_order_fill;
_Static_assert(sizeof(tt_order_fill) == 128, "order_fill: size");
_Static_assert(offsetof(tt_order_fill, ring_seq) == 8, "order_fill.ring_seq");
_Static_assert(offsetof(tt_order_fill, ts_event_ns) == 16, "order_fill.ts_event_ns");
_Static_assert(offsetof(tt_order_fill, ts_recv_ns) == 24, "order_fill.ts_recv_ns");
_Static_assert(offsetof(tt_order_fill, instrument_id) == 32, "order_fill.instrument_id");
_Static_assert(offsetof(tt_order_fill, side) == 36, "order_fill.side");
_Static_assert(offsetof(tt_order_fill, liquidity) == 37, "order_fill.liquidity");
_Static_assert(offsetof(tt_order_fill, venue_id) == 38, "order_fill.venue_id");
_Static_assert(offsetof(tt_order_fill, order_id) == 40, "order_fill.order_id");
_Static_assert(offsetof(tt_order_fill, px) == 48, "order_fill.px");
_Static_assert(offsetof(tt_order_fill, qty) == 56, "order_fill.qty");
_Static_assert(offsetof(tt_order_fill, venue_order_id) == 64, "order_fill.venue_order_id");
_Static_assert(offsetof(tt_order_fill, exec_id) == 72, "order_fill.exec_id");
_Static_assert(offsetof(tt_order_fill, leaves_qty) == 80, "order_fill.leaves_qty");
_Static_assert(offsetof(tt_order_fill, fee) == 88, "order_fill.fee");
_Static_assert(offsetof(tt_order_fill, match_id) == 96, "order_fill.match_id");
_Static_assert(offsetof(tt_order_fill, fill_reason) == 104, "order_fill.fill_reason");

/* The venue took what was left of an order off: asked for, or expired (reason says which) (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t reason;
    uint16_t venue_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t venue_order_id;
    uint8_t expired;
    uint8_t pad_[55];
} tt_order_cancel;
_Static_assert(sizeof(tt_order_cancel) == 128, "order_cancel: size");
_Static_assert(offsetof(tt_order_cancel, ring_seq) == 8, "order_cancel.ring_seq");
_Static_assert(offsetof(tt_order_cancel, ts_event_ns) == 16, "order_cancel.ts_event_ns");
_Static_assert(offsetof(tt_order_cancel, ts_recv_ns) == 24, "order_cancel.ts_recv_ns");
_Static_assert(offsetof(tt_order_cancel, instrument_id) == 32, "order_cancel.instrument_id");
_Static_assert(offsetof(tt_order_cancel, side) == 36, "order_cancel.side");
_Static_assert(offsetof(tt_order_cancel, reason) == 37, "order_cancel.reason");
_Static_assert(offsetof(tt_order_cancel, venue_id) == 38, "order_cancel.venue_id");
_Static_assert(offsetof(tt_order_cancel, order_id) == 40, "order_cancel.order_id");
_Static_assert(offsetof(tt_order_cancel, px) == 48, "order_cancel.px");
_Static_assert(offsetof(tt_order_cancel, qty) == 56, "order_cancel.qty");
_Static_assert(offsetof(tt_order_cancel, venue_order_id) == 64, "order_cancel.venue_order_id");
_Static_assert(offsetof(tt_order_cancel, expired) == 72, "order_cancel.expired");

/* The venue refused a new order, a cancel or a replace (action says which) (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t reason;
    uint16_t venue_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint8_t action;
    uint8_t reserved;
    int16_t venue_code;
    uint32_t reserved2;
    char text[40];
    uint8_t pad_[16];
} tt_order_reject;
_Static_assert(sizeof(tt_order_reject) == 128, "order_reject: size");
_Static_assert(offsetof(tt_order_reject, ring_seq) == 8, "order_reject.ring_seq");
_Static_assert(offsetof(tt_order_reject, ts_event_ns) == 16, "order_reject.ts_event_ns");
_Static_assert(offsetof(tt_order_reject, ts_recv_ns) == 24, "order_reject.ts_recv_ns");
_Static_assert(offsetof(tt_order_reject, instrument_id) == 32, "order_reject.instrument_id");
_Static_assert(offsetof(tt_order_reject, side) == 36, "order_reject.side");
_Static_assert(offsetof(tt_order_reject, reason) == 37, "order_reject.reason");
_Static_assert(offsetof(tt_order_reject, venue_id) == 38, "order_reject.venue_id");
_Static_assert(offsetof(tt_order_reject, order_id) == 40, "order_reject.order_id");
_Static_assert(offsetof(tt_order_reject, px) == 48, "order_reject.px");
_Static_assert(offsetof(tt_order_reject, qty) == 56, "order_reject.qty");
_Static_assert(offsetof(tt_order_reject, action) == 64, "order_reject.action");
_Static_assert(offsetof(tt_order_reject, reserved) == 65, "order_reject.reserved");
_Static_assert(offsetof(tt_order_reject, venue_code) == 66, "order_reject.venue_code");
_Static_assert(offsetof(tt_order_reject, reserved2) == 68, "order_reject.reserved2");
_Static_assert(offsetof(tt_order_reject, text) == 72, "order_reject.text");

/* Kill or clear; instrument_id and strategy_id 0 mean all (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t action;
    uint8_t state;
    uint16_t strategy_id;
    uint64_t operator_id;
    char reason[16];
} tt_control_kill;
_Static_assert(sizeof(tt_control_kill) == 64, "control_kill: size");
_Static_assert(offsetof(tt_control_kill, ring_seq) == 8, "control_kill.ring_seq");
_Static_assert(offsetof(tt_control_kill, ts_event_ns) == 16, "control_kill.ts_event_ns");
_Static_assert(offsetof(tt_control_kill, ts_recv_ns) == 24, "control_kill.ts_recv_ns");
_Static_assert(offsetof(tt_control_kill, instrument_id) == 32, "control_kill.instrument_id");
_Static_assert(offsetof(tt_control_kill, action) == 36, "control_kill.action");
_Static_assert(offsetof(tt_control_kill, state) == 37, "control_kill.state");
_Static_assert(offsetof(tt_control_kill, strategy_id) == 38, "control_kill.strategy_id");
_Static_assert(offsetof(tt_control_kill, operator_id) == 40, "control_kill.operator_id");
_Static_assert(offsetof(tt_control_kill, reason) == 48, "control_kill.reason");

/* One limit changes; instrument_id and strategy_id 0 mean the default (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t rule;
    uint8_t reserved;
    uint16_t strategy_id;
    int64_t old_value;
    int64_t new_value;
    uint64_t operator_id;
} tt_control_limit;
_Static_assert(sizeof(tt_control_limit) == 64, "control_limit: size");
_Static_assert(offsetof(tt_control_limit, ring_seq) == 8, "control_limit.ring_seq");
_Static_assert(offsetof(tt_control_limit, ts_event_ns) == 16, "control_limit.ts_event_ns");
_Static_assert(offsetof(tt_control_limit, ts_recv_ns) == 24, "control_limit.ts_recv_ns");
_Static_assert(offsetof(tt_control_limit, instrument_id) == 32, "control_limit.instrument_id");
_Static_assert(offsetof(tt_control_limit, rule) == 36, "control_limit.rule");
_Static_assert(offsetof(tt_control_limit, reserved) == 37, "control_limit.reserved");
_Static_assert(offsetof(tt_control_limit, strategy_id) == 38, "control_limit.strategy_id");
_Static_assert(offsetof(tt_control_limit, old_value) == 40, "control_limit.old_value");
_Static_assert(offsetof(tt_control_limit, new_value) == 48, "control_limit.new_value");
_Static_assert(offsetof(tt_control_limit, operator_id) == 56, "control_limit.operator_id");

/* One parameter of a strategy changes (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    char value_type;
    uint8_t reserved;
    uint16_t strategy_id;
    char name[24];
    char value_text[40];
    double value_f;
    int64_t value_i;
    uint8_t pad_[8];
} tt_control_param;
_Static_assert(sizeof(tt_control_param) == 128, "control_param: size");
_Static_assert(offsetof(tt_control_param, ring_seq) == 8, "control_param.ring_seq");
_Static_assert(offsetof(tt_control_param, ts_event_ns) == 16, "control_param.ts_event_ns");
_Static_assert(offsetof(tt_control_param, ts_recv_ns) == 24, "control_param.ts_recv_ns");
_Static_assert(offsetof(tt_control_param, instrument_id) == 32, "control_param.instrument_id");
_Static_assert(offsetof(tt_control_param, value_type) == 36, "control_param.value_type");
_Static_assert(offsetof(tt_control_param, reserved) == 37, "control_param.reserved");
_Static_assert(offsetof(tt_control_param, strategy_id) == 38, "control_param.strategy_id");
_Static_assert(offsetof(tt_control_param, name) == 40, "control_param.name");
_Static_assert(offsetof(tt_control_param, value_text) == 64, "control_param.value_text");
_Static_assert(offsetof(tt_control_param, value_f) == 104, "control_param.value_f");
_Static_assert(offsetof(tt_control_param, value_i) == 112, "control_param.value_i");

/* A timer came due (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t reserved;
    uint16_t strategy_id;
    uint64_t timer_id;
    int64_t due_ns;
    int64_t interval_ns;
} tt_timer;
_Static_assert(sizeof(tt_timer) == 64, "timer: size");
_Static_assert(offsetof(tt_timer, ring_seq) == 8, "timer.ring_seq");
_Static_assert(offsetof(tt_timer, ts_event_ns) == 16, "timer.ts_event_ns");
_Static_assert(offsetof(tt_timer, ts_recv_ns) == 24, "timer.ts_recv_ns");
_Static_assert(offsetof(tt_timer, instrument_id) == 32, "timer.instrument_id");
_Static_assert(offsetof(tt_timer, reserved) == 36, "timer.reserved");
_Static_assert(offsetof(tt_timer, strategy_id) == 38, "timer.strategy_id");
_Static_assert(offsetof(tt_timer, timer_id) == 40, "timer.timer_id");
_Static_assert(offsetof(tt_timer, due_ns) == 48, "timer.due_ns");
_Static_assert(offsetof(tt_timer, interval_ns) == 56, "timer.interval_ns");

/* A session starts or ends; mode is 'b', 'p', 'l' or 'r' (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t kind;
    char mode;
    uint16_t strategies;
    uint64_t session_id;
    uint64_t seed;
    uint64_t config_digest[2];
    char name[40];
    uint8_t pad_[16];
} tt_session;
_Static_assert(sizeof(tt_session) == 128, "session: size");
_Static_assert(offsetof(tt_session, ring_seq) == 8, "session.ring_seq");
_Static_assert(offsetof(tt_session, ts_event_ns) == 16, "session.ts_event_ns");
_Static_assert(offsetof(tt_session, ts_recv_ns) == 24, "session.ts_recv_ns");
_Static_assert(offsetof(tt_session, instrument_id) == 32, "session.instrument_id");
_Static_assert(offsetof(tt_session, kind) == 36, "session.kind");
_Static_assert(offsetof(tt_session, mode) == 37, "session.mode");
_Static_assert(offsetof(tt_session, strategies) == 38, "session.strategies");
_Static_assert(offsetof(tt_session, session_id) == 40, "session.session_id");
_Static_assert(offsetof(tt_session, seed) == 48, "session.seed");
_Static_assert(offsetof(tt_session, config_digest) == 56, "session.config_digest");
_Static_assert(offsetof(tt_session, name) == 72, "session.name");

/* A part of the text of one change of the configuration: JSON with path, old and new value, cut into parts (input) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t part;
    uint16_t parts;
    uint64_t revision;
    uint64_t operator_id;
    uint32_t length;
    uint32_t reserved;
    char text[64];
} tt_config_change;
_Static_assert(sizeof(tt_config_change) == 128, "config_change: size");
_Static_assert(offsetof(tt_config_change, ring_seq) == 8, "config_change.ring_seq");
_Static_assert(offsetof(tt_config_change, ts_event_ns) == 16, "config_change.ts_event_ns");
_Static_assert(offsetof(tt_config_change, ts_recv_ns) == 24, "config_change.ts_recv_ns");
_Static_assert(offsetof(tt_config_change, instrument_id) == 32, "config_change.instrument_id");
_Static_assert(offsetof(tt_config_change, part) == 36, "config_change.part");
_Static_assert(offsetof(tt_config_change, parts) == 38, "config_change.parts");
_Static_assert(offsetof(tt_config_change, revision) == 40, "config_change.revision");
_Static_assert(offsetof(tt_config_change, operator_id) == 48, "config_change.operator_id");
_Static_assert(offsetof(tt_config_change, length) == 56, "config_change.length");
_Static_assert(offsetof(tt_config_change, reserved) == 60, "config_change.reserved");
_Static_assert(offsetof(tt_config_change, text) == 64, "config_change.text");

/* One step that was taken because of a kill (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t step;
    uint8_t flags;
    uint16_t strategy_id;
    uint64_t trigger_seq;
    int64_t ts_done_ns;
    uint32_t orders;
    uint8_t status;
    uint8_t reserved;
    uint16_t reserved2;
    char reason[16];
    char rollback[40];
    uint8_t pad_[8];
} tt_kill_response;
_Static_assert(sizeof(tt_kill_response) == 128, "kill_response: size");
_Static_assert(offsetof(tt_kill_response, ring_seq) == 8, "kill_response.ring_seq");
_Static_assert(offsetof(tt_kill_response, ts_event_ns) == 16, "kill_response.ts_event_ns");
_Static_assert(offsetof(tt_kill_response, ts_recv_ns) == 24, "kill_response.ts_recv_ns");
_Static_assert(offsetof(tt_kill_response, instrument_id) == 32, "kill_response.instrument_id");
_Static_assert(offsetof(tt_kill_response, step) == 36, "kill_response.step");
_Static_assert(offsetof(tt_kill_response, flags) == 37, "kill_response.flags");
_Static_assert(offsetof(tt_kill_response, strategy_id) == 38, "kill_response.strategy_id");
_Static_assert(offsetof(tt_kill_response, trigger_seq) == 40, "kill_response.trigger_seq");
_Static_assert(offsetof(tt_kill_response, ts_done_ns) == 48, "kill_response.ts_done_ns");
_Static_assert(offsetof(tt_kill_response, orders) == 56, "kill_response.orders");
_Static_assert(offsetof(tt_kill_response, status) == 60, "kill_response.status");
_Static_assert(offsetof(tt_kill_response, reserved) == 61, "kill_response.reserved");
_Static_assert(offsetof(tt_kill_response, reserved2) == 62, "kill_response.reserved2");
_Static_assert(offsetof(tt_kill_response, reason) == 64, "kill_response.reason");
_Static_assert(offsetof(tt_kill_response, rollback) == 80, "kill_response.rollback");

/* The answer to a command (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t status;
    uint8_t reserved;
    uint16_t command;
    uint64_t command_id;
    uint64_t command_seq;
    uint64_t operator_id;
    int64_t ts_done_ns;
    int32_t code;
    uint32_t reserved2;
    char text[40];
    uint8_t pad_[8];
} tt_control_ack;
_Static_assert(sizeof(tt_control_ack) == 128, "control_ack: size");
_Static_assert(offsetof(tt_control_ack, ring_seq) == 8, "control_ack.ring_seq");
_Static_assert(offsetof(tt_control_ack, ts_event_ns) == 16, "control_ack.ts_event_ns");
_Static_assert(offsetof(tt_control_ack, ts_recv_ns) == 24, "control_ack.ts_recv_ns");
_Static_assert(offsetof(tt_control_ack, instrument_id) == 32, "control_ack.instrument_id");
_Static_assert(offsetof(tt_control_ack, status) == 36, "control_ack.status");
_Static_assert(offsetof(tt_control_ack, reserved) == 37, "control_ack.reserved");
_Static_assert(offsetof(tt_control_ack, command) == 38, "control_ack.command");
_Static_assert(offsetof(tt_control_ack, command_id) == 40, "control_ack.command_id");
_Static_assert(offsetof(tt_control_ack, command_seq) == 48, "control_ack.command_seq");
_Static_assert(offsetof(tt_control_ack, operator_id) == 56, "control_ack.operator_id");
_Static_assert(offsetof(tt_control_ack, ts_done_ns) == 64, "control_ack.ts_done_ns");
_Static_assert(offsetof(tt_control_ack, code) == 72, "control_ack.code");
_Static_assert(offsetof(tt_control_ack, reserved2) == 76, "control_ack.reserved2");
_Static_assert(offsetof(tt_control_ack, text) == 80, "control_ack.text");

/* What a strategy asked for (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t strategy_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t cause_seq;
    int64_t stop_px;
    uint64_t tag;
    uint8_t action;
    uint8_t order_type;
    uint8_t tif;
    uint8_t pad_[37];
} tt_order_intent;
_Static_assert(sizeof(tt_order_intent) == 128, "order_intent: size");
_Static_assert(offsetof(tt_order_intent, ring_seq) == 8, "order_intent.ring_seq");
_Static_assert(offsetof(tt_order_intent, ts_event_ns) == 16, "order_intent.ts_event_ns");
_Static_assert(offsetof(tt_order_intent, ts_recv_ns) == 24, "order_intent.ts_recv_ns");
_Static_assert(offsetof(tt_order_intent, instrument_id) == 32, "order_intent.instrument_id");
_Static_assert(offsetof(tt_order_intent, side) == 36, "order_intent.side");
_Static_assert(offsetof(tt_order_intent, flags) == 37, "order_intent.flags");
_Static_assert(offsetof(tt_order_intent, strategy_id) == 38, "order_intent.strategy_id");
_Static_assert(offsetof(tt_order_intent, order_id) == 40, "order_intent.order_id");
_Static_assert(offsetof(tt_order_intent, px) == 48, "order_intent.px");
_Static_assert(offsetof(tt_order_intent, qty) == 56, "order_intent.qty");
_Static_assert(offsetof(tt_order_intent, cause_seq) == 64, "order_intent.cause_seq");
_Static_assert(offsetof(tt_order_intent, stop_px) == 72, "order_intent.stop_px");
_Static_assert(offsetof(tt_order_intent, tag) == 80, "order_intent.tag");
_Static_assert(offsetof(tt_order_intent, action) == 88, "order_intent.action");
_Static_assert(offsetof(tt_order_intent, order_type) == 89, "order_intent.order_type");
_Static_assert(offsetof(tt_order_intent, tif) == 90, "order_intent.tif");

/* What the risk chain said: rule NONE means accepted, otherwise the first rule that refused, with the limit and what was found (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t rule;
    uint16_t strategy_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t cause_seq;
    int64_t limit;
    int64_t found;
    int64_t position_qty;
    int64_t reference_px2;
    uint8_t action;
    uint8_t accepted;
    uint8_t pad_[22];
} tt_order_verdict;
_Static_assert(sizeof(tt_order_verdict) == 128, "order_verdict: size");
_Static_assert(offsetof(tt_order_verdict, ring_seq) == 8, "order_verdict.ring_seq");
_Static_assert(offsetof(tt_order_verdict, ts_event_ns) == 16, "order_verdict.ts_event_ns");
_Static_assert(offsetof(tt_order_verdict, ts_recv_ns) == 24, "order_verdict.ts_recv_ns");
_Static_assert(offsetof(tt_order_verdict, instrument_id) == 32, "order_verdict.instrument_id");
_Static_assert(offsetof(tt_order_verdict, side) == 36, "order_verdict.side");
_Static_assert(offsetof(tt_order_verdict, rule) == 37, "order_verdict.rule");
_Static_assert(offsetof(tt_order_verdict, strategy_id) == 38, "order_verdict.strategy_id");
_Static_assert(offsetof(tt_order_verdict, order_id) == 40, "order_verdict.order_id");
_Static_assert(offsetof(tt_order_verdict, px) == 48, "order_verdict.px");
_Static_assert(offsetof(tt_order_verdict, qty) == 56, "order_verdict.qty");
_Static_assert(offsetof(tt_order_verdict, cause_seq) == 64, "order_verdict.cause_seq");
_Static_assert(offsetof(tt_order_verdict, limit) == 72, "order_verdict.limit");
_Static_assert(offsetof(tt_order_verdict, found) == 80, "order_verdict.found");
_Static_assert(offsetof(tt_order_verdict, position_qty) == 88, "order_verdict.position_qty");
_Static_assert(offsetof(tt_order_verdict, reference_px2) == 96, "order_verdict.reference_px2");
_Static_assert(offsetof(tt_order_verdict, action) == 104, "order_verdict.action");
_Static_assert(offsetof(tt_order_verdict, accepted) == 105, "order_verdict.accepted");

/* A request that left for a gateway: only the risk chain's pass lets it out (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t flags;
    uint16_t strategy_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t cause_seq;
    int64_t stop_px;
    uint64_t tag;
    uint8_t action;
    uint8_t order_type;
    uint8_t tif;
    uint8_t reserved;
    uint16_t venue_id;
    uint16_t reserved2;
    uint64_t venue_order_id;
    uint8_t pad_[24];
} tt_order_send;
_Static_assert(sizeof(tt_order_send) == 128, "order_send: size");
_Static_assert(offsetof(tt_order_send, ring_seq) == 8, "order_send.ring_seq");
_Static_assert(offsetof(tt_order_send, ts_event_ns) == 16, "order_send.ts_event_ns");
_Static_assert(offsetof(tt_order_send, ts_recv_ns) == 24, "order_send.ts_recv_ns");
_Static_assert(offsetof(tt_order_send, instrument_id) == 32, "order_send.instrument_id");
_Static_assert(offsetof(tt_order_send, side) == 36, "order_send.side");
_Static_assert(offsetof(tt_order_send, flags) == 37, "order_send.flags");
_Static_assert(offsetof(tt_order_send, strategy_id) == 38, "order_send.strategy_id");
_Static_assert(offsetof(tt_order_send, order_id) == 40, "order_send.order_id");
_Static_assert(offsetof(tt_order_send, px) == 48, "order_send.px");
_Static_assert(offsetof(tt_order_send, qty) == 56, "order_send.qty");
_Static_assert(offsetof(tt_order_send, cause_seq) == 64, "order_send.cause_seq");
_Static_assert(offsetof(tt_order_send, stop_px) == 72, "order_send.stop_px");
_Static_assert(offsetof(tt_order_send, tag) == 80, "order_send.tag");
_Static_assert(offsetof(tt_order_send, action) == 88, "order_send.action");
_Static_assert(offsetof(tt_order_send, order_type) == 89, "order_send.order_type");
_Static_assert(offsetof(tt_order_send, tif) == 90, "order_send.tif");
_Static_assert(offsetof(tt_order_send, reserved) == 91, "order_send.reserved");
_Static_assert(offsetof(tt_order_send, venue_id) == 92, "order_send.venue_id");
_Static_assert(offsetof(tt_order_send, reserved2) == 94, "order_send.reserved2");
_Static_assert(offsetof(tt_order_send, venue_order_id) == 96, "order_send.venue_order_id");

/* One transition of one order (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t event;
    uint16_t strategy_id;
    uint64_t order_id;
    int64_t px;
    int64_t qty;
    uint64_t cause_seq;
    int64_t leaves_qty;
    int64_t cum_qty;
    int64_t last_px;
    int64_t last_qty;
    uint8_t from_state;
    uint8_t to_state;
    uint8_t valid;
    uint8_t reason;
    uint8_t pad_[20];
} tt_order_event;
_Static_assert(sizeof(tt_order_event) == 128, "order_event: size");
_Static_assert(offsetof(tt_order_event, ring_seq) == 8, "order_event.ring_seq");
_Static_assert(offsetof(tt_order_event, ts_event_ns) == 16, "order_event.ts_event_ns");
_Static_assert(offsetof(tt_order_event, ts_recv_ns) == 24, "order_event.ts_recv_ns");
_Static_assert(offsetof(tt_order_event, instrument_id) == 32, "order_event.instrument_id");
_Static_assert(offsetof(tt_order_event, side) == 36, "order_event.side");
_Static_assert(offsetof(tt_order_event, event) == 37, "order_event.event");
_Static_assert(offsetof(tt_order_event, strategy_id) == 38, "order_event.strategy_id");
_Static_assert(offsetof(tt_order_event, order_id) == 40, "order_event.order_id");
_Static_assert(offsetof(tt_order_event, px) == 48, "order_event.px");
_Static_assert(offsetof(tt_order_event, qty) == 56, "order_event.qty");
_Static_assert(offsetof(tt_order_event, cause_seq) == 64, "order_event.cause_seq");
_Static_assert(offsetof(tt_order_event, leaves_qty) == 72, "order_event.leaves_qty");
_Static_assert(offsetof(tt_order_event, cum_qty) == 80, "order_event.cum_qty");
_Static_assert(offsetof(tt_order_event, last_px) == 88, "order_event.last_px");
_Static_assert(offsetof(tt_order_event, last_qty) == 96, "order_event.last_qty");
_Static_assert(offsetof(tt_order_event, from_state) == 104, "order_event.from_state");
_Static_assert(offsetof(tt_order_event, to_state) == 105, "order_event.to_state");
_Static_assert(offsetof(tt_order_event, valid) == 106, "order_event.valid");
_Static_assert(offsetof(tt_order_event, reason) == 107, "order_event.reason");

/* A value a strategy published (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t reserved;
    uint16_t strategy_id;
    uint64_t cause_seq;
    double value;
    char name[24];
    uint8_t pad_[48];
} tt_strategy_signal;
_Static_assert(sizeof(tt_strategy_signal) == 128, "strategy_signal: size");
_Static_assert(offsetof(tt_strategy_signal, ring_seq) == 8, "strategy_signal.ring_seq");
_Static_assert(offsetof(tt_strategy_signal, ts_event_ns) == 16, "strategy_signal.ts_event_ns");
_Static_assert(offsetof(tt_strategy_signal, ts_recv_ns) == 24, "strategy_signal.ts_recv_ns");
_Static_assert(offsetof(tt_strategy_signal, instrument_id) == 32, "strategy_signal.instrument_id");
_Static_assert(offsetof(tt_strategy_signal, reserved) == 36, "strategy_signal.reserved");
_Static_assert(offsetof(tt_strategy_signal, strategy_id) == 38, "strategy_signal.strategy_id");
_Static_assert(offsetof(tt_strategy_signal, cause_seq) == 40, "strategy_signal.cause_seq");
_Static_assert(offsetof(tt_strategy_signal, value) == 48, "strategy_signal.value");
_Static_assert(offsetof(tt_strategy_signal, name) == 56, "strategy_signal.name");

/* What a strategy decided in one callback, in one line (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t side;
    uint8_t callback;
    uint16_t strategy_id;
    uint64_t cause_seq;
    double confidence;
    char text[40];
    uint8_t pad_[32];
} tt_strategy_decision;
_Static_assert(sizeof(tt_strategy_decision) == 128, "strategy_decision: size");
_Static_assert(offsetof(tt_strategy_decision, ring_seq) == 8, "strategy_decision.ring_seq");
_Static_assert(offsetof(tt_strategy_decision, ts_event_ns) == 16, "strategy_decision.ts_event_ns");
_Static_assert(offsetof(tt_strategy_decision, ts_recv_ns) == 24, "strategy_decision.ts_recv_ns");
_Static_assert(offsetof(tt_strategy_decision, instrument_id) == 32, "strategy_decision.instrument_id");
_Static_assert(offsetof(tt_strategy_decision, side) == 36, "strategy_decision.side");
_Static_assert(offsetof(tt_strategy_decision, callback) == 37, "strategy_decision.callback");
_Static_assert(offsetof(tt_strategy_decision, strategy_id) == 38, "strategy_decision.strategy_id");
_Static_assert(offsetof(tt_strategy_decision, cause_seq) == 40, "strategy_decision.cause_seq");
_Static_assert(offsetof(tt_strategy_decision, confidence) == 48, "strategy_decision.confidence");
_Static_assert(offsetof(tt_strategy_decision, text) == 56, "strategy_decision.text");

/* A strategy changed its phase (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint8_t phase;
    uint8_t callback;
    uint16_t strategy_id;
    uint64_t cause_seq;
    char text[64];
    uint8_t pad_[16];
} tt_strategy_state;
_Static_assert(sizeof(tt_strategy_state) == 128, "strategy_state: size");
_Static_assert(offsetof(tt_strategy_state, ring_seq) == 8, "strategy_state.ring_seq");
_Static_assert(offsetof(tt_strategy_state, ts_event_ns) == 16, "strategy_state.ts_event_ns");
_Static_assert(offsetof(tt_strategy_state, ts_recv_ns) == 24, "strategy_state.ts_recv_ns");
_Static_assert(offsetof(tt_strategy_state, instrument_id) == 32, "strategy_state.instrument_id");
_Static_assert(offsetof(tt_strategy_state, phase) == 36, "strategy_state.phase");
_Static_assert(offsetof(tt_strategy_state, callback) == 37, "strategy_state.callback");
_Static_assert(offsetof(tt_strategy_state, strategy_id) == 38, "strategy_state.strategy_id");
_Static_assert(offsetof(tt_strategy_state, cause_seq) == 40, "strategy_state.cause_seq");
_Static_assert(offsetof(tt_strategy_state, text) == 48, "strategy_state.text");

/* A position after a fill; money at px_exponent + qty_exponent (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t reserved;
    uint16_t strategy_id;
    int64_t net_qty;
    int64_t cost;
    int64_t realized;
    int64_t fees;
    int64_t open_buy_qty;
    int64_t open_sell_qty;
    uint64_t cause_seq;
    uint8_t pad_[32];
} tt_position_update;
_Static_assert(sizeof(tt_position_update) == 128, "position_update: size");
_Static_assert(offsetof(tt_position_update, ring_seq) == 8, "position_update.ring_seq");
_Static_assert(offsetof(tt_position_update, ts_event_ns) == 16, "position_update.ts_event_ns");
_Static_assert(offsetof(tt_position_update, ts_recv_ns) == 24, "position_update.ts_recv_ns");
_Static_assert(offsetof(tt_position_update, instrument_id) == 32, "position_update.instrument_id");
_Static_assert(offsetof(tt_position_update, reserved) == 36, "position_update.reserved");
_Static_assert(offsetof(tt_position_update, strategy_id) == 38, "position_update.strategy_id");
_Static_assert(offsetof(tt_position_update, net_qty) == 40, "position_update.net_qty");
_Static_assert(offsetof(tt_position_update, cost) == 48, "position_update.cost");
_Static_assert(offsetof(tt_position_update, realized) == 56, "position_update.realized");
_Static_assert(offsetof(tt_position_update, fees) == 64, "position_update.fees");
_Static_assert(offsetof(tt_position_update, open_buy_qty) == 72, "position_update.open_buy_qty");
_Static_assert(offsetof(tt_position_update, open_sell_qty) == 80, "position_update.open_sell_qty");
_Static_assert(offsetof(tt_position_update, cause_seq) == 88, "position_update.cause_seq");

/* Profit and loss of one strategy in one instrument, marked at mark_px2 / 2 (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t reserved;
    uint16_t strategy_id;
    int64_t net_qty;
    int64_t mark_px2;
    int64_t realized;
    int64_t unrealized;
    int64_t fees;
    int64_t total;
    uint8_t pad_[40];
} tt_pnl_update;
_Static_assert(sizeof(tt_pnl_update) == 128, "pnl_update: size");
_Static_assert(offsetof(tt_pnl_update, ring_seq) == 8, "pnl_update.ring_seq");
_Static_assert(offsetof(tt_pnl_update, ts_event_ns) == 16, "pnl_update.ts_event_ns");
_Static_assert(offsetof(tt_pnl_update, ts_recv_ns) == 24, "pnl_update.ts_recv_ns");
_Static_assert(offsetof(tt_pnl_update, instrument_id) == 32, "pnl_update.instrument_id");
_Static_assert(offsetof(tt_pnl_update, reserved) == 36, "pnl_update.reserved");
_Static_assert(offsetof(tt_pnl_update, strategy_id) == 38, "pnl_update.strategy_id");
_Static_assert(offsetof(tt_pnl_update, net_qty) == 40, "pnl_update.net_qty");
_Static_assert(offsetof(tt_pnl_update, mark_px2) == 48, "pnl_update.mark_px2");
_Static_assert(offsetof(tt_pnl_update, realized) == 56, "pnl_update.realized");
_Static_assert(offsetof(tt_pnl_update, unrealized) == 64, "pnl_update.unrealized");
_Static_assert(offsetof(tt_pnl_update, fees) == 72, "pnl_update.fees");
_Static_assert(offsetof(tt_pnl_update, total) == 80, "pnl_update.total");

/* Metrics derived from a book; px2 are doubled prices so that a mid is exact (output) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    uint16_t levels;
    uint16_t venue_id;
    int64_t bid_px;
    int64_t bid_qty;
    int64_t ask_px;
    int64_t ask_qty;
    int64_t mid_px2;
    int64_t spread_px;
    double imbalance;
    double microprice;
    double vwap;
    double pressure;
    uint8_t pad_[8];
} tt_book_metrics;
_Static_assert(sizeof(tt_book_metrics) == 128, "book_metrics: size");
_Static_assert(offsetof(tt_book_metrics, ring_seq) == 8, "book_metrics.ring_seq");
_Static_assert(offsetof(tt_book_metrics, ts_event_ns) == 16, "book_metrics.ts_event_ns");
_Static_assert(offsetof(tt_book_metrics, ts_recv_ns) == 24, "book_metrics.ts_recv_ns");
_Static_assert(offsetof(tt_book_metrics, instrument_id) == 32, "book_metrics.instrument_id");
_Static_assert(offsetof(tt_book_metrics, levels) == 36, "book_metrics.levels");
_Static_assert(offsetof(tt_book_metrics, venue_id) == 38, "book_metrics.venue_id");
_Static_assert(offsetof(tt_book_metrics, bid_px) == 40, "book_metrics.bid_px");
_Static_assert(offsetof(tt_book_metrics, bid_qty) == 48, "book_metrics.bid_qty");
_Static_assert(offsetof(tt_book_metrics, ask_px) == 56, "book_metrics.ask_px");
_Static_assert(offsetof(tt_book_metrics, ask_qty) == 64, "book_metrics.ask_qty");
_Static_assert(offsetof(tt_book_metrics, mid_px2) == 72, "book_metrics.mid_px2");
_Static_assert(offsetof(tt_book_metrics, spread_px) == 80, "book_metrics.spread_px");
_Static_assert(offsetof(tt_book_metrics, imbalance) == 88, "book_metrics.imbalance");
_Static_assert(offsetof(tt_book_metrics, microprice) == 96, "book_metrics.microprice");
_Static_assert(offsetof(tt_book_metrics, vwap) == 104, "book_metrics.vwap");
_Static_assert(offsetof(tt_book_metrics, pressure) == 112, "book_metrics.pressure");

/* What a run was asked to do (note) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    char mode;
    uint8_t reserved;
    uint16_t strategies;
    uint64_t session_id;
    uint64_t seed;
    uint64_t config_digest[2];
    int64_t latency_entry_ns;
    int64_t latency_response_ns;
    int64_t maker_rate_e7;
    int64_t taker_rate_e7;
    uint8_t pad_[24];
} tt_run_config;
_Static_assert(sizeof(tt_run_config) == 128, "run_config: size");
_Static_assert(offsetof(tt_run_config, ring_seq) == 8, "run_config.ring_seq");
_Static_assert(offsetof(tt_run_config, ts_event_ns) == 16, "run_config.ts_event_ns");
_Static_assert(offsetof(tt_run_config, ts_recv_ns) == 24, "run_config.ts_recv_ns");
_Static_assert(offsetof(tt_run_config, instrument_id) == 32, "run_config.instrument_id");
_Static_assert(offsetof(tt_run_config, mode) == 36, "run_config.mode");
_Static_assert(offsetof(tt_run_config, reserved) == 37, "run_config.reserved");
_Static_assert(offsetof(tt_run_config, strategies) == 38, "run_config.strategies");
_Static_assert(offsetof(tt_run_config, session_id) == 40, "run_config.session_id");
_Static_assert(offsetof(tt_run_config, seed) == 48, "run_config.seed");
_Static_assert(offsetof(tt_run_config, config_digest) == 56, "run_config.config_digest");
_Static_assert(offsetof(tt_run_config, latency_entry_ns) == 72, "run_config.latency_entry_ns");
_Static_assert(offsetof(tt_run_config, latency_response_ns) == 80, "run_config.latency_response_ns");
_Static_assert(offsetof(tt_run_config, maker_rate_e7) == 88, "run_config.maker_rate_e7");
_Static_assert(offsetof(tt_run_config, taker_rate_e7) == 96, "run_config.taker_rate_e7");

/* What a run came to; digests are of all inputs and of all outputs (note) */
typedef struct {
    uint16_t block_length, template_id, schema_id, version;
    uint64_t ring_seq;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    uint32_t instrument_id;
    char mode;
    uint8_t reserved;
    uint16_t strategies;
    uint64_t session_id;
    uint64_t inputs;
    uint64_t outputs;
    uint64_t fills;
    uint64_t input_digest[2];
    uint64_t output_digest[2];
    int64_t pnl_total;
    uint8_t pad_[16];
} tt_run_result;
_Static_assert(sizeof(tt_run_result) == 128, "run_result: size");
_Static_assert(offsetof(tt_run_result, ring_seq) == 8, "run_result.ring_seq");
_Static_assert(offsetof(tt_run_result, ts_event_ns) == 16, "run_result.ts_event_ns");
_Static_assert(offsetof(tt_run_result, ts_recv_ns) == 24, "run_result.ts_recv_ns");
_Static_assert(offsetof(tt_run_result, instrument_id) == 32, "run_result.instrument_id");
_Static_assert(offsetof(tt_run_result, mode) == 36, "run_result.mode");
_Static_assert(offsetof(tt_run_result, reserved) == 37, "run_result.reserved");
_Static_assert(offsetof(tt_run_result, strategies) == 38, "run_result.strategies");
_Static_assert(offsetof(tt_run_result, session_id) == 40, "run_result.session_id");
_Static_assert(offsetof(tt_run_result, inputs) == 48, "run_result.inputs");
_Static_assert(offsetof(tt_run_result, outputs) == 56, "run_result.outputs");
_Static_assert(offsetof(tt_run_result, fills) == 64, "run_result.fills");
_Static_assert(offsetof(tt_run_result, input_digest) == 72, "run_result.input_digest");
_Static_assert(offsetof(tt_run_result, output_digest) == 88, "run_result.output_digest");
_Static_assert(offsetof(tt_run_result, pnl_total) == 104, "run_result.pnl_total");

/* Bytes of a record by template id; 0: no such template. */
static const uint8_t tt_template_bytes[TT_T_END] = {
    [TT_T_BOOK_ADD] = 64,
    [TT_T_BOOK_ADD_ATTRIBUTED] = 128,
    [TT_T_BOOK_EXECUTE] = 64,
    [TT_T_BOOK_EXECUTE_PRICED] = 128,
    [TT_T_BOOK_CANCEL] = 64,
    [TT_T_BOOK_DELETE] = 64,
    [TT_T_BOOK_REPLACE] = 128,
    [TT_T_TRADE] = 64,
    [TT_T_BOOK_LEVEL] = 64,
    [TT_T_QUOTE] = 128,
    [TT_T_STATUS] = 64,
    [TT_T_INSTRUMENT] = 128,
    [TT_T_AUCTION] = 128,
    [TT_T_VENUE_MESSAGE] = 128,
    [TT_T_GAP] = 64,
    [TT_T_TICKER] = 128,
    [TT_T_BAR] = 128,
    [TT_T_BOOK_STATUS] = 64,
    [TT_T_BOOK_CLEAR] = 64,
    [TT_T_ORDER_ACK] = 128,
    [TT_T_ORDER_FILL] = 128,
    [TT_T_ORDER_CANCEL] = 128,
    [TT_T_ORDER_REJECT] = 128,
    [TT_T_CONTROL_KILL] = 64,
    [TT_T_CONTROL_LIMIT] = 64,
    [TT_T_CONTROL_PARAM] = 128,
    [TT_T_TIMER] = 64,
    [TT_T_SESSION] = 128,
    [TT_T_CONFIG_CHANGE] = 128,
    [TT_T_KILL_RESPONSE] = 128,
    [TT_T_CONTROL_ACK] = 128,
    [TT_T_ORDER_INTENT] = 128,
    [TT_T_ORDER_VERDICT] = 128,
    [TT_T_ORDER_SEND] = 128,
    [TT_T_ORDER_EVENT] = 128,
    [TT_T_STRATEGY_SIGNAL] = 128,
    [TT_T_STRATEGY_DECISION] = 128,
    [TT_T_STRATEGY_STATE] = 128,
    [TT_T_POSITION_UPDATE] = 128,
    [TT_T_PNL_UPDATE] = 128,
    [TT_T_BOOK_METRICS] = 128,
    [TT_T_RUN_CONFIG] = 128,
    [TT_T_RUN_RESULT] = 128,
};
/* TT_DIR_* by template id. */
static const uint8_t tt_template_dir[TT_T_END] = {
    [TT_T_BOOK_ADD] = TT_DIR_INPUT,
    [TT_T_BOOK_ADD_ATTRIBUTED] = TT_DIR_INPUT,
    [TT_T_BOOK_EXECUTE] = TT_DIR_INPUT,
    [TT_T_BOOK_EXECUTE_PRICED] = TT_DIR_INPUT,
    [TT_T_BOOK_CANCEL] = TT_DIR_INPUT,
    [TT_T_BOOK_DELETE] = TT_DIR_INPUT,
    [TT_T_BOOK_REPLACE] = TT_DIR_INPUT,
    [TT_T_TRADE] = TT_DIR_INPUT,
    [TT_T_BOOK_LEVEL] = TT_DIR_INPUT,
    [TT_T_QUOTE] = TT_DIR_INPUT,
    [TT_T_STATUS] = TT_DIR_INPUT,
    [TT_T_INSTRUMENT] = TT_DIR_INPUT,
    [TT_T_AUCTION] = TT_DIR_INPUT,
    [TT_T_VENUE_MESSAGE] = TT_DIR_INPUT,
    [TT_T_GAP] = TT_DIR_INPUT,
    [TT_T_TICKER] = TT_DIR_INPUT,
    [TT_T_BAR] = TT_DIR_INPUT,
    [TT_T_BOOK_STATUS] = TT_DIR_INPUT,
    [TT_T_BOOK_CLEAR] = TT_DIR_INPUT,
    [TT_T_ORDER_ACK] = TT_DIR_INPUT,
    [TT_T_ORDER_FILL] = TT_DIR_INPUT,
    [TT_T_ORDER_CANCEL] = TT_DIR_INPUT,
    [TT_T_ORDER_REJECT] = TT_DIR_INPUT,
    [TT_T_CONTROL_KILL] = TT_DIR_INPUT,
    [TT_T_CONTROL_LIMIT] = TT_DIR_INPUT,
    [TT_T_CONTROL_PARAM] = TT_DIR_INPUT,
    [TT_T_TIMER] = TT_DIR_INPUT,
    [TT_T_SESSION] = TT_DIR_INPUT,
    [TT_T_CONFIG_CHANGE] = TT_DIR_INPUT,
    [TT_T_KILL_RESPONSE] = TT_DIR_OUTPUT,
    [TT_T_CONTROL_ACK] = TT_DIR_OUTPUT,
    [TT_T_ORDER_INTENT] = TT_DIR_OUTPUT,
    [TT_T_ORDER_VERDICT] = TT_DIR_OUTPUT,
    [TT_T_ORDER_SEND] = TT_DIR_OUTPUT,
    [TT_T_ORDER_EVENT] = TT_DIR_OUTPUT,
    [TT_T_STRATEGY_SIGNAL] = TT_DIR_OUTPUT,
    [TT_T_STRATEGY_DECISION] = TT_DIR_OUTPUT,
    [TT_T_STRATEGY_STATE] = TT_DIR_OUTPUT,
    [TT_T_POSITION_UPDATE] = TT_DIR_OUTPUT,
    [TT_T_PNL_UPDATE] = TT_DIR_OUTPUT,
    [TT_T_BOOK_METRICS] = TT_DIR_OUTPUT,
    [TT_T_RUN_CONFIG] = TT_DIR_NOTE,
    [TT_T_RUN_RESULT] = TT_DIR_NOTE,
};

/* Zero a record and write its header. `rec` has room for its template's bytes. */
static inline void tt_rec_init(void *rec, uint16_t template_id)
{
    tt_head *head = (tt_head *)rec;
    const uint16_t bytes = tt_template_bytes[template_id];
    memset(rec, 0, bytes);
    head->block_length = (uint16_t)(bytes - 8);
    head->template_id = template_id;
    head->schema_id = TT_SCHEMA_ID;
    head->version = TT_SCHEMA_VERSION;
}

/* Bytes of the record at `rec`, from its own header. */
static inline uint32_t tt_rec_bytes(const void *rec)
{
    return ((const tt_head *)rec)->block_length + 8u;
}

#endif
