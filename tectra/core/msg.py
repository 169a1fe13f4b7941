"""Enums and NumPy dtypes of the records. Generated from schema.xml by `python -m tectra.schema`; edit the schema, not this file."""

from enum import IntEnum, IntFlag

import numpy as np

__all__ = [
    "AckStatus",
    "BarFlag",
    "BarKind",
    "BookReason",
    "BookStatus",
    "Callback",
    "DIRECTION",
    "DTYPES",
    "ENUMS",
    "FillReason",
    "HEAD",
    "IntentAction",
    "KillAction",
    "KillStep",
    "KillStepFlag",
    "Liquidity",
    "MarketFlag",
    "OrderEventKind",
    "OrderFlag",
    "OrderState",
    "OrderType",
    "RejectReason",
    "RiskRule",
    "SCHEMA_ID",
    "SCHEMA_VERSION",
    "SessionKind",
    "Side",
    "StatusKind",
    "StrategyPhase",
    "Template",
    "TimeInForce",
    "VenueProtocol",
]

SCHEMA_ID = 7433
SCHEMA_VERSION = 2


class Side(IntEnum):
    """Side of an order, or of the aggressor of a trade."""

    NONE = 0
    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """FIX OrdType, with post-only as a type of its own."""

    LIMIT = 1
    MARKET = 2
    POST_ONLY = 3
    STOP = 4
    STOP_LIMIT = 5


class TimeInForce(IntEnum):
    """TimeInForce."""

    DAY = 1
    GTC = 2
    IOC = 3
    FOK = 4


class OrderState(IntEnum):
    """OrderState."""

    NONE = 0
    NEW = 1
    SENT = 2
    ACKED = 3
    PARTIAL_FILL = 4
    FILLED = 5
    CANCEL_SENT = 6
    CANCELLED = 7
    REJECTED = 8
    EXPIRED = 9
    UNKNOWN = 10


class OrderEventKind(IntEnum):
    """What can happen to an order."""

    SUBMIT = 1
    SEND = 2
    ACK = 3
    PARTIAL_FILL = 4
    FILL = 5
    CANCEL_SEND = 6
    CANCEL_ACK = 7
    CANCEL_REJECT = 8
    REPLACE_SEND = 9
    REPLACE_ACK = 10
    REPLACE_REJECT = 11
    REJECT = 12
    EXPIRE = 13
    TIMEOUT = 14


class IntentAction(IntEnum):
    """IntentAction."""

    SUBMIT = 1
    CANCEL = 2
    MODIFY = 3


class Liquidity(IntEnum):
    """Liquidity."""

    NONE = 0
    MAKER = 1
    TAKER = 2


class FillReason(IntEnum):
    """Why the simulated exchange gave a fill."""

    NONE = 0
    TOOK_LIQUIDITY = 1
    QUEUE_REACHED = 2
    TRADED_THROUGH = 3
    BOOK_CROSSED = 4


class RiskRule(IntEnum):
    """Pre-trade rules in the order in which they are checked."""

    NONE = 0
    VALIDITY = 1
    KILL = 2
    MAX_QTY = 3
    MAX_NOTIONAL = 4
    MAX_POSITION = 5
    PRICE_BAND = 6
    ORDER_RATE = 7


class RejectReason(IntEnum):
    """Why a venue, or the order manager before it, refused."""

    NONE = 0
    UNKNOWN_INSTRUMENT = 1
    UNKNOWN_ORDER = 2
    PRICE_FILTER = 3
    SIZE_FILTER = 4
    POST_ONLY_WOULD_CROSS = 5
    NO_LIQUIDITY = 6
    HALTED = 7
    TOO_LATE = 8
    UNSUPPORTED = 9
    SELF_TRADE = 10
    RISK = 11
    CAPACITY = 12
    OTHER = 13


class StatusKind(IntEnum):
    """StatusKind."""

    SYSTEM_EVENT = 1
    TRADING_ACTION = 2
    OPERATIONAL_HALT = 3
    SHORT_SALE = 4
    MARKET_WIDE_BREAKER = 5
    RETAIL_INTEREST = 6
    LINK = 7


class BookStatus(IntEnum):
    """Whether a book is what the venue has."""

    NONE = 0
    VALID = 1
    INVALID = 2
    RECOVERING = 3
    STALE = 4


class BookReason(IntEnum):
    """Why a book changed its status, or is built anew."""

    NONE = 0
    GAP = 1
    CHECKSUM = 2
    STALE = 3
    CROSSED = 4
    RESET = 5
    LINK = 6
    REFRESH = 7
    DRIFT = 8
    REQUEST = 9
    MALFORMED = 10
    RECOVERED = 11


class VenueProtocol(IntEnum):
    """VenueProtocol."""

    NONE = 0
    ITCH50 = 1


class BarKind(IntEnum):
    """What a bar counts until it closes."""

    TIME = 1
    TICK = 2
    VOLUME = 3
    DOLLAR = 4
    IMBALANCE = 5


class KillStep(IntEnum):
    """What is done because of a kill."""

    HALT = 1
    CANCEL_ALL = 2
    FLATTEN = 3
    PAUSE_STRATEGY = 4
    STOP_STRATEGY = 5


class AckStatus(IntEnum):
    """What became of a command."""

    ACCEPTED = 1
    DONE = 2
    REFUSED = 3
    FAILED = 4


class KillAction(IntEnum):
    """KillAction."""

    KILL = 1
    CLEAR = 2


class SessionKind(IntEnum):
    """SessionKind."""

    START = 1
    END = 2
    FAULT = 3
    INTERRUPTED = 4


class StrategyPhase(IntEnum):
    """StrategyPhase."""

    LOADED = 1
    STARTED = 2
    PAUSED = 3
    STOPPED = 4
    FAULTED = 5


class Callback(IntEnum):
    """Callback."""

    NONE = 0
    ON_START = 1
    ON_BOOK_UPDATE = 2
    ON_TRADE = 3
    ON_FILL = 4
    ON_TIMER = 5
    ON_PARAMS_UPDATE = 6
    ON_STOP = 7


class BarFlag(IntFlag):
    """BarFlag."""

    PARTIAL = 1


class KillStepFlag(IntFlag):
    """KillStepFlag."""

    CONFIRM = 1


class MarketFlag(IntFlag):
    """MarketFlag."""

    SNAPSHOT = 1
    LAST = 2
    HIDDEN = 4
    CROSS = 8
    BROKEN = 16
    NOT_PRINTABLE = 32


class OrderFlag(IntFlag):
    """OrderFlag."""

    REDUCE_ONLY = 1


class Template(IntEnum):
    """Template id of a record."""

    BOOK_ADD = 1
    BOOK_ADD_ATTRIBUTED = 2
    BOOK_EXECUTE = 3
    BOOK_EXECUTE_PRICED = 4
    BOOK_CANCEL = 5
    BOOK_DELETE = 6
    BOOK_REPLACE = 7
    TRADE = 8
    BOOK_LEVEL = 9
    QUOTE = 10
    STATUS = 11
    INSTRUMENT = 12
    AUCTION = 13
    VENUE_MESSAGE = 14
    GAP = 15
    TICKER = 16
    BAR = 17
    BOOK_STATUS = 18
    BOOK_CLEAR = 19
    ORDER_ACK = 20
    ORDER_FILL = 21
    ORDER_CANCEL = 22
    ORDER_REJECT = 23
    CONTROL_KILL = 30
    CONTROL_LIMIT = 31
    CONTROL_PARAM = 32
    TIMER = 33
    SESSION = 34
    CONFIG_CHANGE = 35
    KILL_RESPONSE = 36
    CONTROL_ACK = 37
    ORDER_INTENT = 40
    ORDER_VERDICT = 41
    ORDER_SEND = 42
    ORDER_EVENT = 43
    STRATEGY_SIGNAL = 50
    STRATEGY_DECISION = 51
    STRATEGY_STATE = 52
    POSITION_UPDATE = 53
    PNL_UPDATE = 54
    BOOK_METRICS = 55
    RUN_CONFIG = 60
    RUN_RESULT = 61


def _dtype(size: int, **fields: tuple[object, int]) -> np.dtype[np.void]:
    names = ("block_length", "template_id", "schema_id", "version")
    head = {name: ("<u2", 2 * i) for i, name in enumerate(names)}
    every = {**head, **fields}
    return np.dtype(
        {
            "names": list(every),
            "formats": [f[0] for f in every.values()],
            "offsets": [f[1] for f in every.values()],
            "itemsize": size,
        }
    )


HEAD = _dtype(
    64,
    ring_seq=("<u8", 8),
    ts_event_ns=("<i8", 16),
    ts_recv_ns=("<i8", 24),
    instrument_id=("<u4", 32),
)

DTYPES: dict[Template, np.dtype[np.void]] = {
    Template.BOOK_ADD: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
    ),
    Template.BOOK_ADD_ATTRIBUTED: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        attribution=("S4", 64),
    ),
    Template.BOOK_EXECUTE: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
        match_id=("<u8", 48),
        qty=("<i8", 56),
    ),
    Template.BOOK_EXECUTE_PRICED: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
        match_id=("<u8", 48),
        qty=("<i8", 56),
        exec_px=("<i8", 64),
    ),
    Template.BOOK_CANCEL: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
        reserved=("<u8", 48),
        qty=("<i8", 56),
    ),
    Template.BOOK_DELETE: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
    ),
    Template.BOOK_REPLACE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        order_ref=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        new_order_ref=("<u8", 64),
    ),
    Template.TRADE: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        match_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
    ),
    Template.BOOK_LEVEL: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        seq=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
    ),
    Template.QUOTE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        seq=("<u8", 40),
        bid_px=("<i8", 48),
        bid_qty=("<i8", 56),
        ask_px=("<i8", 64),
        ask_qty=("<i8", 72),
    ),
    Template.STATUS: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        kind=("u1", 36),
        state=("S1", 37),
        venue_id=("<u2", 38),
        code=("S8", 40),
        symbol=("S8", 48),
    ),
    Template.INSTRUMENT: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        px_exponent=("i1", 36),
        qty_exponent=("i1", 37),
        venue_id=("<u2", 38),
        symbol=("S16", 40),
        tick=("<i8", 56),
        lot=("<i8", 64),
        qty_min=("<i8", 72),
        qty_max=("<i8", 80),
        round_lot=("<u4", 88),
        details=("S24", 92),
    ),
    Template.AUCTION: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        direction=("S1", 36),
        cross_type=("S1", 37),
        venue_id=("<u2", 38),
        paired_qty=("<i8", 40),
        imbalance_qty=("<i8", 48),
        far_px=("<i8", 56),
        near_px=("<i8", 64),
        reference_px=("<i8", 72),
        price_variation=("S1", 80),
    ),
    Template.VENUE_MESSAGE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        protocol=("u1", 36),
        msg_type=("S1", 37),
        venue_id=("<u2", 38),
        msg_length=("<u8", 40),
        payload=("S64", 48),
    ),
    Template.GAP: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        reserved=("<u2", 36),
        venue_id=("<u2", 38),
        first_seq=("<u8", 40),
        last_seq=("<u8", 48),
    ),
    Template.TICKER: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        seq=("<u8", 40),
        bid_px=("<i8", 48),
        bid_qty=("<i8", 56),
        ask_px=("<i8", 64),
        ask_qty=("<i8", 72),
        last_px=("<i8", 80),
        last_qty=("<i8", 88),
        high_px=("<i8", 96),
        low_px=("<i8", 104),
        volume_qty=("<i8", 112),
        turnover=("<f8", 120),
    ),
    Template.BAR: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        kind=("u1", 36),
        flags=("u1", 37),
        venue_id=("<u2", 38),
        ts_open_ns=("<i8", 40),
        interval=("<i8", 48),
        open=("<f8", 56),
        high=("<f8", 64),
        low=("<f8", 72),
        close=("<f8", 80),
        volume_qty=("<i8", 88),
        turnover=("<f8", 96),
        bid=("<f8", 104),
        ask=("<f8", 112),
        trades=("<u4", 120),
        reserved=("<u4", 124),
    ),
    Template.BOOK_STATUS: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        status=("u1", 36),
        reason=("u1", 37),
        venue_id=("<u2", 38),
        seq=("<u8", 40),
        expected=("<u8", 48),
        found=("<u8", 56),
    ),
    Template.BOOK_CLEAR: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        reserved=("u1", 36),
        reason=("u1", 37),
        venue_id=("<u2", 38),
        seq=("<u8", 40),
    ),
    Template.ORDER_ACK: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        action=("u1", 37),
        venue_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        venue_order_id=("<u8", 64),
        leaves_qty=("<i8", 72),
        queue_ahead_qty=("<i8", 80),
    ),
    Template.ORDER_FILL: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        liquidity=("u1", 37),
        venue_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        venue_order_id=("<u8", 64),
        exec_id=("<u8", 72),
        leaves_qty=("<i8", 80),
        fee=("<i8", 88),
        match_id=("<u8", 96),
        fill_reason=("u1", 104),
    ),
    Template.ORDER_CANCEL: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        reason=("u1", 37),
        venue_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        venue_order_id=("<u8", 64),
        expired=("u1", 72),
    ),
    Template.ORDER_REJECT: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        reason=("u1", 37),
        venue_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        action=("u1", 64),
        reserved=("u1", 65),
        venue_code=("<i2", 66),
        reserved2=("<u4", 68),
        text=("S40", 72),
    ),
    Template.CONTROL_KILL: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        action=("u1", 36),
        state=("u1", 37),
        strategy_id=("<u2", 38),
        operator_id=("<u8", 40),
        reason=("S16", 48),
    ),
    Template.CONTROL_LIMIT: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        rule=("u1", 36),
        reserved=("u1", 37),
        strategy_id=("<u2", 38),
        old_value=("<i8", 40),
        new_value=("<i8", 48),
        operator_id=("<u8", 56),
    ),
    Template.CONTROL_PARAM: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        value_type=("S1", 36),
        reserved=("u1", 37),
        strategy_id=("<u2", 38),
        name=("S24", 40),
        value_text=("S40", 64),
        value_f=("<f8", 104),
        value_i=("<i8", 112),
    ),
    Template.TIMER: _dtype(
        64,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        reserved=("<u2", 36),
        strategy_id=("<u2", 38),
        timer_id=("<u8", 40),
        due_ns=("<i8", 48),
        interval_ns=("<i8", 56),
    ),
    Template.SESSION: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        kind=("u1", 36),
        mode=("S1", 37),
        strategies=("<u2", 38),
        session_id=("<u8", 40),
        seed=("<u8", 48),
        config_digest=(("<u8", 2), 56),
        name=("S40", 72),
    ),
    Template.CONFIG_CHANGE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        part=("<u2", 36),
        parts=("<u2", 38),
        revision=("<u8", 40),
        operator_id=("<u8", 48),
        length=("<u4", 56),
        reserved=("<u4", 60),
        text=("S64", 64),
    ),
    Template.KILL_RESPONSE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        step=("u1", 36),
        flags=("u1", 37),
        strategy_id=("<u2", 38),
        trigger_seq=("<u8", 40),
        ts_done_ns=("<i8", 48),
        orders=("<u4", 56),
        status=("u1", 60),
        reserved=("u1", 61),
        reserved2=("<u2", 62),
        reason=("S16", 64),
        rollback=("S40", 80),
    ),
    Template.CONTROL_ACK: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        status=("u1", 36),
        reserved=("u1", 37),
        command=("<u2", 38),
        command_id=("<u8", 40),
        command_seq=("<u8", 48),
        operator_id=("<u8", 56),
        ts_done_ns=("<i8", 64),
        code=("<i4", 72),
        reserved2=("<u4", 76),
        text=("S40", 80),
    ),
    Template.ORDER_INTENT: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        strategy_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        cause_seq=("<u8", 64),
        stop_px=("<i8", 72),
        tag=("<u8", 80),
        action=("u1", 88),
        order_type=("u1", 89),
        tif=("u1", 90),
    ),
    Template.ORDER_VERDICT: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        rule=("u1", 37),
        strategy_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        cause_seq=("<u8", 64),
        limit=("<i8", 72),
        found=("<i8", 80),
        position_qty=("<i8", 88),
        reference_px2=("<i8", 96),
        action=("u1", 104),
        accepted=("u1", 105),
    ),
    Template.ORDER_SEND: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        flags=("u1", 37),
        strategy_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        cause_seq=("<u8", 64),
        stop_px=("<i8", 72),
        tag=("<u8", 80),
        action=("u1", 88),
        order_type=("u1", 89),
        tif=("u1", 90),
        reserved=("u1", 91),
        venue_id=("<u2", 92),
        reserved2=("<u2", 94),
        venue_order_id=("<u8", 96),
    ),
    Template.ORDER_EVENT: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        event=("u1", 37),
        strategy_id=("<u2", 38),
        order_id=("<u8", 40),
        px=("<i8", 48),
        qty=("<i8", 56),
        cause_seq=("<u8", 64),
        leaves_qty=("<i8", 72),
        cum_qty=("<i8", 80),
        last_px=("<i8", 88),
        last_qty=("<i8", 96),
        from_state=("u1", 104),
        to_state=("u1", 105),
        valid=("u1", 106),
        reason=("u1", 107),
    ),
    Template.STRATEGY_SIGNAL: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        reserved=("<u2", 36),
        strategy_id=("<u2", 38),
        cause_seq=("<u8", 40),
        value=("<f8", 48),
        name=("S24", 56),
    ),
    Template.STRATEGY_DECISION: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        side=("u1", 36),
        callback=("u1", 37),
        strategy_id=("<u2", 38),
        cause_seq=("<u8", 40),
        confidence=("<f8", 48),
        text=("S40", 56),
    ),
    Template.STRATEGY_STATE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        phase=("u1", 36),
        callback=("u1", 37),
        strategy_id=("<u2", 38),
        cause_seq=("<u8", 40),
        text=("S64", 48),
    ),
    Template.POSITION_UPDATE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        reserved=("<u2", 36),
        strategy_id=("<u2", 38),
        net_qty=("<i8", 40),
        cost=("<i8", 48),
        realized=("<i8", 56),
        fees=("<i8", 64),
        open_buy_qty=("<i8", 72),
        open_sell_qty=("<i8", 80),
        cause_seq=("<u8", 88),
    ),
    Template.PNL_UPDATE: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        reserved=("<u2", 36),
        strategy_id=("<u2", 38),
        net_qty=("<i8", 40),
        mark_px2=("<i8", 48),
        realized=("<i8", 56),
        unrealized=("<i8", 64),
        fees=("<i8", 72),
        total=("<i8", 80),
    ),
    Template.BOOK_METRICS: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        levels=("<u2", 36),
        venue_id=("<u2", 38),
        bid_px=("<i8", 40),
        bid_qty=("<i8", 48),
        ask_px=("<i8", 56),
        ask_qty=("<i8", 64),
        mid_px2=("<i8", 72),
        spread_px=("<i8", 80),
        imbalance=("<f8", 88),
        microprice=("<f8", 96),
        vwap=("<f8", 104),
        pressure=("<f8", 112),
    ),
    Template.RUN_CONFIG: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        mode=("S1", 36),
        reserved=("u1", 37),
        strategies=("<u2", 38),
        session_id=("<u8", 40),
        seed=("<u8", 48),
        config_digest=(("<u8", 2), 56),
        latency_entry_ns=("<i8", 72),
        latency_response_ns=("<i8", 80),
        maker_rate_e7=("<i8", 88),
        taker_rate_e7=("<i8", 96),
    ),
    Template.RUN_RESULT: _dtype(
        128,
        ring_seq=("<u8", 8),
        ts_event_ns=("<i8", 16),
        ts_recv_ns=("<i8", 24),
        instrument_id=("<u4", 32),
        mode=("S1", 36),
        reserved=("u1", 37),
        strategies=("<u2", 38),
        session_id=("<u8", 40),
        inputs=("<u8", 48),
        outputs=("<u8", 56),
        fills=("<u8", 64),
        input_digest=(("<u8", 2), 72),
        output_digest=(("<u8", 2), 88),
        pnl_total=("<i8", 104),
    ),
}

DIRECTION: dict[Template, str] = {
    Template.BOOK_ADD: "input",
    Template.BOOK_ADD_ATTRIBUTED: "input",
    Template.BOOK_EXECUTE: "input",
    Template.BOOK_EXECUTE_PRICED: "input",
    Template.BOOK_CANCEL: "input",
    Template.BOOK_DELETE: "input",
    Template.BOOK_REPLACE: "input",
    Template.TRADE: "input",
    Template.BOOK_LEVEL: "input",
    Template.QUOTE: "input",
    Template.STATUS: "input",
    Template.INSTRUMENT: "input",
    Template.AUCTION: "input",
    Template.VENUE_MESSAGE: "input",
    Template.GAP: "input",
    Template.TICKER: "input",
    Template.BAR: "input",
    Template.BOOK_STATUS: "input",
    Template.BOOK_CLEAR: "input",
    Template.ORDER_ACK: "input",
    Template.ORDER_FILL: "input",
    Template.ORDER_CANCEL: "input",
    Template.ORDER_REJECT: "input",
    Template.CONTROL_KILL: "input",
    Template.CONTROL_LIMIT: "input",
    Template.CONTROL_PARAM: "input",
    Template.TIMER: "input",
    Template.SESSION: "input",
    Template.CONFIG_CHANGE: "input",
    Template.KILL_RESPONSE: "output",
    Template.CONTROL_ACK: "output",
    Template.ORDER_INTENT: "output",
    Template.ORDER_VERDICT: "output",
    Template.ORDER_SEND: "output",
    Template.ORDER_EVENT: "output",
    Template.STRATEGY_SIGNAL: "output",
    Template.STRATEGY_DECISION: "output",
    Template.STRATEGY_STATE: "output",
    Template.POSITION_UPDATE: "output",
    Template.PNL_UPDATE: "output",
    Template.BOOK_METRICS: "output",
    Template.RUN_CONFIG: "note",
    Template.RUN_RESULT: "note",
}

# Fields whose numbers have names.
ENUMS: dict[Template, dict[str, type[IntEnum] | type[IntFlag]]] = {
    Template.BOOK_ADD: {"side": Side, "flags": MarketFlag},
    Template.BOOK_ADD_ATTRIBUTED: {"side": Side, "flags": MarketFlag},
    Template.BOOK_EXECUTE: {"side": Side, "flags": MarketFlag},
    Template.BOOK_EXECUTE_PRICED: {"side": Side, "flags": MarketFlag},
    Template.BOOK_CANCEL: {"side": Side, "flags": MarketFlag},
    Template.BOOK_DELETE: {"side": Side, "flags": MarketFlag},
    Template.BOOK_REPLACE: {"side": Side, "flags": MarketFlag},
    Template.TRADE: {"side": Side, "flags": MarketFlag},
    Template.BOOK_LEVEL: {"side": Side, "flags": MarketFlag},
    Template.QUOTE: {"side": Side, "flags": MarketFlag},
    Template.STATUS: {"kind": StatusKind},
    Template.VENUE_MESSAGE: {"protocol": VenueProtocol},
    Template.TICKER: {"side": Side, "flags": MarketFlag},
    Template.BAR: {"kind": BarKind, "flags": BarFlag},
    Template.BOOK_STATUS: {"status": BookStatus, "reason": BookReason},
    Template.BOOK_CLEAR: {"reason": BookReason},
    Template.ORDER_ACK: {"side": Side, "action": IntentAction},
    Template.ORDER_FILL: {"side": Side, "liquidity": Liquidity, "fill_reason": FillReason},
    Template.ORDER_CANCEL: {"side": Side, "reason": RejectReason},
    Template.ORDER_REJECT: {"side": Side, "reason": RejectReason, "action": IntentAction},
    Template.CONTROL_KILL: {"action": KillAction},
    Template.CONTROL_LIMIT: {"rule": RiskRule},
    Template.SESSION: {"kind": SessionKind},
    Template.KILL_RESPONSE: {"step": KillStep, "flags": KillStepFlag, "status": AckStatus},
    Template.CONTROL_ACK: {"status": AckStatus},
    Template.ORDER_INTENT: {"side": Side, "flags": OrderFlag, "action": IntentAction, "order_type": OrderType, "tif": TimeInForce},
    Template.ORDER_VERDICT: {"side": Side, "rule": RiskRule, "action": IntentAction},
    Template.ORDER_SEND: {"side": Side, "flags": OrderFlag, "action": IntentAction, "order_type": OrderType, "tif": TimeInForce},
    Template.ORDER_EVENT: {"side": Side, "event": OrderEventKind, "from_state": OrderState, "to_state": OrderState, "reason": RejectReason},
    Template.STRATEGY_DECISION: {"side": Side, "callback": Callback},
    Template.STRATEGY_STATE: {"phase": StrategyPhase, "callback": Callback},
}
