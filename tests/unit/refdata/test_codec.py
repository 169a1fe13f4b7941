"""Every type with a record: there and back for drawn values, its constant length, what is
refused.
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from value_strategies import PX_EXPONENT, QTY_EXPONENT, SYMBOL, of_hint, stamps, value_of

from tectra.book.l2 import L2Book
from tectra.core.bar import MarketData
from tectra.core.errors import FileFormatError, InputError, TruncatedInputError, UnknownSymbolError
from tectra.core.event import (
    BookSnapshotPayload,
    BookUpdatePayload,
    Event,
    ExecReportPayload,
    ExecReportState,
    Payload,
    TradePayload,
)
from tectra.core.fixed import Price, Quantity
from tectra.core.market import BookUpdate, Ticker, Trade
from tectra.core.msg import DTYPES, IntentAction, MarketFlag, OrderState, Side, Template
from tectra.core.record import encode, iter_records
from tectra.core.types import Exchange, OrderId, Timestamp
from tectra.core.value import U32, U64
from tectra.refdata.codec import (
    CODECS,
    EVENT_BYTES,
    decode_event,
    decode_value,
    encode_event,
    encode_value,
    iter_events,
)
from tectra.refdata.instrument import Instrument, InstrumentTable

pytestmark = pytest.mark.timeout(30)
BTC = Instrument(
    7, SYMBOL, Exchange.BINANCE, px_exponent=PX_EXPONENT, qty_exponent=QTY_EXPONENT, lot=1
)
WHOLE = Instrument(7, SYMBOL, Exchange.BINANCE, px_exponent=PX_EXPONENT, qty_exponent=0)
EACH = pytest.mark.parametrize("kind", list(CODECS), ids=lambda k: k.__name__)
BOOKS = {BookUpdate, BookSnapshotPayload, BookUpdatePayload}
# The bytes of a value, of a level for books: part of the contract.
BYTES = {
    "BookUpdate": 64,
    "BookSnapshotPayload": 64,
    "BookUpdatePayload": 64,
    "Trade": 64,
    "TradePayload": 64,
    "Ticker": 128,
    "TickerPayload": 128,
    "KlineSummary": 128,
    "MarketData": 128,
    "ExecReportPayload": 128,
}


@st.composite
def about_btc(draw: Any, kind: Any) -> Any:
    """A value about the instrument above, within the int64 that records have."""
    fields = draw(value_of(kind)).to_dict()
    if "exchange" in fields:
        fields |= {"exchange": int(BTC.exchange)}
    if "symbol" in fields:
        fields |= {"symbol": SYMBOL}
    if kind is MarketData:
        fields |= {"volume": draw(st.integers(0, (1 << 63) - 1))}
        fields |= {"timestamp": draw(st.integers(0, (1 << 63) - 1))}
    return kind.from_dict(fields)


@EACH
@settings(max_examples=60)
@given(data=st.data())
def test_round_trip_and_constant_length(kind: Any, data: Any) -> None:
    value = data.draw(about_btc(kind))
    instrument = WHOLE if kind is MarketData else BTC
    raw = encode_value(value, instrument, ts_recv_ns=5, seq=6)
    assert decode_value(kind, raw, instrument) == value
    assert decode_value(kind, memoryview(raw), instrument).to_dict() is not None
    each = CODECS[kind].nbytes
    count = max(1, len(value.bids) + len(value.asks)) if kind in BOOKS else 1
    assert len(raw) == count * each == count * BYTES[kind.__name__]
    records = list(iter_records(raw))
    assert {r.template for r in records} <= set(CODECS[kind].templates)
    assert {r.instrument_id for r in records} == {7} and {r.ts_recv_ns for r in records} == {5}


events = st.builds(
    Event,
    event_id=of_hint(U64),
    seq_provider=of_hint(U64),
    provider=st.sampled_from(list(Exchange)),
    symbol=st.just(SYMBOL),
    ingest_ts=stamps,
    payload=of_hint(Payload),
    trace_id=of_hint(U64),
    merge_id=of_hint(U64),
    routing_version=of_hint(U32),
)


@settings(max_examples=100)
@given(events)
def test_events_merged_or_not_go_through_the_same_codec(event: Event) -> None:
    raw = encode_event(event, BTC)
    assert decode_event(raw, BTC) == event
    payload = encode_value(event.payload, BTC)
    assert len(raw) == EVENT_BYTES + len(payload)
    again = Event.from_dict({**event.to_dict(), "merge_id": 0})
    assert len(encode_event(again, BTC)) == len(raw)


@settings(max_examples=30)
@given(st.lists(events, max_size=5))
def test_a_stream_of_events(many: list[Event]) -> None:
    table = InstrumentTable([BTC])
    stranger = encode("timer", due_ns=3)
    raw = stranger + b"".join(encode_event(e, BTC) + stranger for e in many)
    assert list(iter_events(raw, table)) == many
    if many:
        with pytest.raises(TruncatedInputError):
            list(iter_events(encode_event(many[0], BTC)[:128], table))
        with pytest.raises(TruncatedInputError):
            list(iter_events(encode_event(many[0], BTC)[:128] * 2, table))
        with pytest.raises(UnknownSymbolError):
            list(iter_events(raw, InstrumentTable()))


def test_every_payload_type_has_a_codec() -> None:
    assert {k.__name__ for k in CODECS} == set(BYTES)
    assert set(Payload.__args__) <= set(CODECS)


def update(**change: Any) -> BookUpdate:
    fields = {
        "exchange": Exchange.BINANCE,
        "symbol": SYMBOL,
        "timestamp": Timestamp(9),
        "bids": [(Price("10.50"), Quantity("2")), (Price("10.49"), Quantity(0))],
        "asks": [(Price("10.51"), Quantity("1.5"))],
        "seq": 77,
    }
    return BookUpdate(**{**fields, **change})


def test_a_book_builder_takes_the_records() -> None:
    raw = encode_value(update(bids=update().bids[:1], is_snapshot=True), BTC)
    rows = np.frombuffer(raw, DTYPES[Template.BOOK_LEVEL])
    assert rows["flags"].tolist() == [MarketFlag.SNAPSHOT, MarketFlag.SNAPSHOT | MarketFlag.LAST]
    assert rows["seq"].tolist() == [77, 77] and rows["venue_id"].tolist() == [1, 1]
    book = L2Book(7)
    assert book.apply(rows) == 2
    assert (book.best_bid(), book.best_ask()) == ((1050, 200_000), (1051, 150_000))
    book.apply(np.frombuffer(encode_value(update(), BTC), DTYPES[Template.BOOK_LEVEL]))
    assert book.depth_at(9)[0] == [(1050, 200_000)]


def test_an_empty_snapshot_empties_and_an_empty_update_is_none() -> None:
    empty = update(bids=(), asks=(), is_snapshot=True)
    raw = encode_value(empty, BTC)
    assert decode_value(BookUpdate, raw, BTC) == empty
    assert L2Book(7).apply(np.frombuffer(raw, DTYPES[Template.BOOK_LEVEL])) == 1
    with pytest.raises(InputError, match="no level"):
        encode_value(update(bids=(), asks=()), BTC)


@pytest.mark.parametrize(
    "value",
    [
        update(symbol="ETHUSDT"),
        update(exchange=Exchange.BYBIT),
        update(is_snapshot=True),  # with a level of quantity 0
        update(bids=[(Price("10.505"), Quantity(1))]),
        update(bids=[(Price("10.50"), Quantity(-1))]),
        Trade(Exchange.BINANCE, SYMBOL, Timestamp(1), Price("1.001"), Quantity(1)),
        Trade(Exchange.BINANCE, SYMBOL, Timestamp(1 << 63), Price("1"), Quantity(1)),
        Ticker(Exchange.BINANCE, SYMBOL, Timestamp(1), volume=Quantity("0.000001")),
        MarketData(SYMBOL, 1, 1.0, 1.0, 1.0, 1.0, 1 << 63),
        OrderId(1),
    ],
)
def test_what_a_record_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises((InputError, OverflowError)):
        encode_value(value, BTC)


def test_damaged_books_are_refused() -> None:
    raw = encode_value(update(), BTC)
    for broken in (
        raw[128:] + raw[:128],  # the last one stands first
        raw[:128],
        raw + raw,
        raw[:64] + raw[128:] + raw[64:128],
        raw + b"\0" * 64,
        raw[:-1],
        encode("trade", instrument_id=7),
        raw.replace((7).to_bytes(4, "little"), (8).to_bytes(4, "little")),
        encode("book_level", instrument_id=7, flags=MarketFlag.LAST),
    ):
        if broken == raw:
            continue
        with pytest.raises(FileFormatError):
            decode_value(BookUpdate, broken, BTC)
    snapshot = encode_value(update(bids=(), is_snapshot=True), BTC)
    with pytest.raises(FileFormatError, match="allowed: BookUpdatePayload"):
        decode_value(BookUpdatePayload, snapshot, BTC)
    with pytest.raises(FileFormatError, match="allowed: one record of trade"):
        decode_value(Trade, raw[:64], BTC)
    with pytest.raises(FileFormatError, match="allowed: an envelope"):
        decode_event(raw, BTC)


def test_events_of_another_version_or_symbol_are_refused() -> None:
    event = Event(
        1,
        2,
        Exchange.KRAKEN,
        SYMBOL,
        Timestamp(3),
        TradePayload(Timestamp(2), Price(1), Quantity(1)),
    )
    for change in ({"version": event.version + 1}, {"symbol": "ETHUSDT"}):
        with pytest.raises(InputError, match="allowed"):
            encode_event(Event.from_dict({**event.to_dict(), **change}), BTC)
    assert decode_event(encode_event(event, BTC), BTC).provider is Exchange.KRAKEN


REPORT = {
    "ts_event": Timestamp(1),
    "order_id": 3,
    "side": Side.BUY,
    "price": Price("1.5"),
    "quantity": Quantity(2),
}


def test_a_report_says_only_what_its_state_has() -> None:
    state = ExecReportState
    assert ExecReportPayload(**REPORT, state=state.FILLED).leaves_quantity == Quantity(0)
    for s, change in (
        (state.FILLED, {"leaves_quantity": Quantity(1)}),
        (state.PARTIAL, {}),
        (state.ACK, {"fee": Decimal(1)}),
        (state.REJECTED, {"venue_order_id": 1}),
        (state.CANCELLED, {"text": "no"}),
        (state.REJECTED, {"text": "x" * 41}),
        (state.REJECTED, {"text": "é"}),
        (state.EXPIRED, {"action": IntentAction.CANCEL}),
    ):
        with pytest.raises(InputError, match="found"):
            ExecReportPayload(**REPORT, state=s, **change)
    loss = ExecReportPayload(**REPORT, state=state.FILLED, fee=Decimal("0.00000001"))
    with pytest.raises(InputError, match="money"):
        encode_value(loss, BTC)


def test_report_states_are_order_states() -> None:
    assert [s.name for s in ExecReportState] == [
        "ACK", "PARTIAL", "FILLED", "CANCELLED", "REJECTED", "EXPIRED",
    ]  # fmt: skip
    for state in ExecReportState:
        assert ExecReportState.of(state.order_state) is state
    for state in (OrderState.NEW, OrderState.SENT, OrderState.UNKNOWN, OrderState.CANCEL_SENT):
        with pytest.raises(InputError, match=state.name):
            ExecReportState.of(state)
