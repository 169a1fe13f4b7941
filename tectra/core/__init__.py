"""What everything else stands on: value types, records, clocks, rings, randomness, errors.

Owns the exact decimal types, the record codec, the clocks, shared memory with what lies in it
(ring, counters, kill word), histograms, the stop flag, the only random generator and the exception
tree. Floor 1. Value types are immutable and go anywhere; a clock, a generator, a histogram and an
index have one owner thread each, a ring one for each side; the kill word is anyone's.
"""

from tectra.core.bar import MarketData
from tectra.core.bcast import BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
from tectra.core.clock import Clock, ClockDomain, FakeClock, LiveClock, SimClock
from tectra.core.columns import RecordColumns, record_columns
from tectra.core.counters import Counters
from tectra.core.cpu import allowed_cores, isolated_cores, pin_to_core
from tectra.core.errors import InputError, TectraError
from tectra.core.event import (
    BookSnapshotPayload,
    BookUpdatePayload,
    Event,
    EventType,
    ExecReportPayload,
    ExecReportState,
    KlineSummary,
    TickerPayload,
    TradePayload,
)
from tectra.core.fixed import Price, Quantity, Rounding
from tectra.core.hist import Histogram
from tectra.core.idle import Idle, IdlePolicy
from tectra.core.kill import KillReason, KillWord
from tectra.core.kill_frame import (
    Ack,
    KillAction,
    KillTrigger,
    StrategyKillAction,
    StrategyKillTrigger,
)
from tectra.core.level import BookLevel
from tectra.core.market import BookUpdate, Ticker, Trade
from tectra.core.mpmc import MpmcRing
from tectra.core.msg import DTYPES, Template
from tectra.core.order import REJECT_TEXT, RISK_TEXT, OrderRequest, RiskVerdict, reject_text
from tectra.core.rc import check
from tectra.core.record import Record, decode, encode, iter_records
from tectra.core.ring import Gap, Pressure, SpscRing
from tectra.core.rng import Random
from tectra.core.signal import Signal, StrategyDecision, StrategyState
from tectra.core.stop import StopSignals, clear_stop, request_stop, stop_reason, stop_requested
from tectra.core.tick import BookFeatures, NormalisedTick
from tectra.core.types import (
    Exchange,
    Liquidity,
    OrderId,
    OrderIdIndex,
    OrderState,
    OrderType,
    Side,
    TimeInForce,
    Timestamp,
    TradeSide,
)
from tectra.core.value import Labels, Value
from tectra.core.window import MarketDataWindow

__all__ = [
    "Ack",
    "BookFeatures",
    "BookLevel",
    "BookSnapshotPayload",
    "BookUpdate",
    "BookUpdatePayload",
    "BroadcastReader",
    "BroadcastRing",
    "Clock",
    "ClockDomain",
    "Counters",
    "DTYPES",
    "Event",
    "EventType",
    "Exchange",
    "ExecReportPayload",
    "ExecReportState",
    "FakeClock",
    "Gap",
    "Histogram",
    "Idle",
    "IdlePolicy",
    "InputError",
    "KillAction",
    "KillReason",
    "KillTrigger",
    "KillWord",
    "KlineSummary",
    "Labels",
    "Liquidity",
    "LiveClock",
    "MarketData",
    "MarketDataWindow",
    "MpmcRing",
    "NormalisedTick",
    "OrderId",
    "OrderIdIndex",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "Pressure",
    "Price",
    "Quantity",
    "REJECT_TEXT",
    "RISK_TEXT",
    "Random",
    "Record",
    "RecordColumns",
    "RiskVerdict",
    "Rounding",
    "Side",
    "Signal",
    "SimClock",
    "SpscRing",
    "StopSignals",
    "StrategyDecision",
    "StrategyKillAction",
    "StrategyKillTrigger",
    "StrategyState",
    "TectraError",
    "Template",
    "Ticker",
    "TickerPayload",
    "TimeInForce",
    "Timestamp",
    "Trade",
    "TradePayload",
    "TradeSide",
    "Value",
    "allowed_cores",
    "check",
    "clear_stop",
    "decode",
    "encode",
    "isolated_cores",
    "iter_records",
    "pin_to_core",
    "record_columns",
    "reject_text",
    "request_stop",
    "stop_reason",
    "stop_requested",
]
