"""Field lists that are part of the contract: books, trades, events, payloads."""

from dataclasses import fields
from typing import Any

import pytest

from tectra.core.event import (
    BookSnapshotPayload,
    BookUpdatePayload,
    Event,
    EventType,
    KlineSummary,
    TickerPayload,
    TradePayload,
)
from tectra.core.level import BookLevel
from tectra.core.market import BookUpdate, Trade
from tectra.core.msg import SCHEMA_VERSION, Template
from tectra.core.record import decode, encode
from tectra.schema import PAYLOADS, REGISTRY

HEAD = ["ring_seq", "ts_event_ns", "ts_recv_ns", "instrument_id"]
ORDER = ["strategy_id", "order_id", "px", "qty", "cause_seq"]
LISTS = {
    "MarketData": [
        "kind", "flags", "venue_id", "ts_open_ns", "interval", "open", "high", "low", "close",
        "volume_qty", "turnover", "bid", "ask", "trades", "reserved",
    ],
    "OrderIntent": ["side", "flags", *ORDER, "stop_px", "tag", "action", "order_type", "tif"],
    "OrderAck": [
        "side", "action", "venue_id", "order_id", "px", "qty", "venue_order_id", "leaves_qty",
        "queue_ahead_qty",
    ],
    "Fill": [
        "side", "liquidity", "venue_id", "order_id", "px", "qty", "venue_order_id", "exec_id",
        "leaves_qty", "fee", "match_id", "fill_reason",
    ],
    "RiskDecision": [
        "side", "rule", *ORDER, "limit", "found", "position_qty", "reference_px2", "action",
        "accepted",
    ],
    "StrategyDecision": ["side", "callback", "strategy_id", "cause_seq", "confidence", "text"],
}  # fmt: skip


RECORDS = {
    "MarketData": "bar",
    "OrderIntent": "order_intent",
    "OrderAck": "order_ack",
    "Fill": "order_fill",
    "RiskDecision": "order_verdict",
    "StrategyDecision": "strategy_decision",
}


@pytest.mark.parametrize("name", list(LISTS))
def test_payload_types_are_registered_with_these_fields(name: str) -> None:
    assert RECORDS[name] in PAYLOADS[name]
    message = REGISTRY[RECORDS[name]]
    assert [f.name for f in message.fields] == HEAD + LISTS[name]
    raw = encode(Template[RECORDS[name].upper()], instrument_id=3)
    assert len(raw) == message.size == 128 and decode(raw).to_bytes() == raw


def test_there_are_six() -> None:
    assert set(PAYLOADS) == set(LISTS)


def names(kind: Any) -> list[str]:
    return [f.name for f in fields(kind)]


def test_field_lists() -> None:
    book = ["exchange", "symbol", "timestamp", "bids", "asks", "is_snapshot"]
    assert names(BookUpdate)[:6] == book
    trade = ["exchange", "symbol", "timestamp", "price", "quantity", "side", "trade_id"]
    assert names(Trade) == trade
    assert {"price", "quantity"} <= set(dir(BookLevel))
    assert set(names(Event)) == {
        "event_id", "version", "routing_version", "seq_provider", "provider", "symbol",
        "ingest_ts", "trace_id", "merge_id", "payload",
    }  # fmt: skip
    for payload in (BookSnapshotPayload, BookUpdatePayload):
        assert names(payload) == ["ts_event", "bids", "asks"]
    assert names(TradePayload) == ["ts_event", *trade[3:]]
    assert {"open", "high", "low", "close", "volume", "interval"} <= set(names(KlineSummary))
    assert {"bid_price", "ask_price", "last_price", "volume"} <= set(names(TickerPayload))


def test_event_types() -> None:
    want = ["BookSnapshot", "BookUpdate", "Trade", "Ticker", "ExecReport", "KlineSummary"]
    assert [EventType[n] for n in want] == list(EventType)


def test_events_carry_the_version_of_the_schema() -> None:
    assert next(f.default for f in fields(Event) if f.name == "version") == SCHEMA_VERSION
