"""Values to records and back: the fixed-size form of market data, execution reports and events.

A record says mantissas and ids, a value says prices and names; the Instrument knows how they
belong together. There is no other binary form. A value is one record, a book one record for each
level; an event is one more record ahead of them, its envelope: a `venue_message` of protocol NONE
and type E.

    payload of an envelope   0 event_id u64 | 8 seq_provider u64 | 16 trace_id u64 | 24 merge_id u64
                             32 routing_version u32; the rest is zero

About 3 us a record and 20 us and 0.1 us a level for books: for edges.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from tectra.core.bar import MarketData
from tectra.core.errors import FileFormatError, InputError, TruncatedInputError
from tectra.core.event import (
    BookSnapshotPayload,
    BookUpdatePayload,
    Event,
    ExecReportPayload,
    KlineSummary,
    Payload,
    TickerPayload,
    TradePayload,
)
from tectra.core.market import BookUpdate, Ticker, Trade
from tectra.core.msg import SCHEMA_VERSION, MarketFlag, Template
from tectra.core.record import Record, decode, encode, iter_records
from tectra.core.types import Exchange, Timestamp
from tectra.core.value import Value
from tectra.refdata import book_codec, exec_codec, market_codec
from tectra.refdata.instrument import Instrument, InstrumentTable
from tectra.refdata.mantissa import About, Buffer, head

__all__ = [
    "CODECS",
    "EVENT_BYTES",
    "Codec",
    "decode_event",
    "decode_value",
    "encode_event",
    "encode_value",
    "iter_events",
]

_V = TypeVar("_V", bound=Value)
_ENVELOPE = struct.Struct("<QQQQI")
_ENVELOPE_TYPE = b"E"
# What an event takes beside its payload.
EVENT_BYTES = 128


@dataclass(frozen=True, slots=True)
class Codec:
    """How one type is written and read. A value takes `nbytes`, a book as much for each level."""

    write: Callable[[Any, About], bytes]
    read: Callable[[Buffer, Instrument], Any]
    templates: tuple[Template, ...]
    nbytes: int


_LEVELS, _TRADES = (Template.BOOK_LEVEL,), (Template.TRADE,)
_TICKERS, _BARS = (Template.TICKER,), (Template.BAR,)
_PAYLOAD = (book_codec.write_payload, book_codec.read_payload, _LEVELS, 64)

CODECS: Mapping[type[Value], Codec] = MappingProxyType(
    {
        BookUpdate: Codec(book_codec.write_update, book_codec.read_update, _LEVELS, 64),
        BookSnapshotPayload: Codec(*_PAYLOAD),
        BookUpdatePayload: Codec(*_PAYLOAD),
        Trade: Codec(market_codec.write_trade, market_codec.read_trade, _TRADES, 64),
        TradePayload: Codec(
            market_codec.write_trade_payload, market_codec.read_trade_payload, _TRADES, 64
        ),
        Ticker: Codec(market_codec.write_ticker, market_codec.read_ticker, _TICKERS, 128),
        TickerPayload: Codec(
            market_codec.write_ticker_payload, market_codec.read_ticker_payload, _TICKERS, 128
        ),
        KlineSummary: Codec(market_codec.write_kline, market_codec.read_kline, _BARS, 128),
        MarketData: Codec(market_codec.write_bar, market_codec.read_bar, _BARS, 128),
        ExecReportPayload: Codec(
            exec_codec.write_report, exec_codec.read_report, exec_codec.REPORTS, 128
        ),
    }
)
# Payload types by the record that starts them.
_READERS: Mapping[Template, Callable[[Buffer, Instrument], Payload]] = MappingProxyType(
    {
        Template.BOOK_LEVEL: book_codec.read_payload,
        Template.TRADE: market_codec.read_trade_payload,
        Template.TICKER: market_codec.read_ticker_payload,
        Template.BAR: market_codec.read_kline,
        **dict.fromkeys(exec_codec.REPORTS, exec_codec.read_report),
    }
)


def encode_value(
    value: Value, instrument: Instrument, *, ts_recv_ns: int = 0, seq: int = 0
) -> bytes:
    """The records of a value, in whole 64-byte slots. `seq` numbers what has no number of its own.

    InputError for a value of another instrument, a price or quantity that the instrument's
    exponents cannot hold, a book update that says nothing, and a type without a record.
    """
    codec = CODECS.get(type(value))
    if codec is None:
        raise InputError(
            f"value: found {type(value).__name__}; allowed: "
            f"{', '.join(sorted(k.__name__ for k in CODECS))}; an Event goes to encode_event()"
        )
    return codec.write(value, About(instrument, ts_recv_ns, seq))


def decode_value(kind: type[_V], buffer: Buffer, instrument: Instrument) -> _V:
    """The value of a type in a buffer that holds exactly its records. FileFormatError for others,
    InputError for a type without a record.
    """
    codec = CODECS.get(kind)
    if codec is None:
        raise InputError(f"kind: found {kind.__name__}; allowed: {sorted(map(str, CODECS))}")
    found = codec.read(buffer, instrument)
    if not isinstance(found, kind):
        raise FileFormatError(f"found a {type(found).__name__}; allowed: {kind.__name__}")
    return found


def encode_event(event: Event, instrument: Instrument) -> bytes:
    """The envelope and the records of an event's payload, merged or not. InputError as
    encode_value(), and for an event of another schema version than this build writes.
    """
    if event.symbol != instrument.symbol or event.version != SCHEMA_VERSION:
        raise InputError(
            f"event: found {event.symbol}, version {event.version}; allowed: {instrument.symbol}, "
            f"version {SCHEMA_VERSION}"
        )
    words = (event.event_id, event.seq_provider, event.trace_id, event.merge_id)
    about = About(instrument, event.ingest_ts.ns, event.seq_provider)
    envelope = encode(
        Template.VENUE_MESSAGE,
        **{**head(about, event.ingest_ts), "venue_id": event.provider},
        msg_type=_ENVELOPE_TYPE,
        msg_length=_ENVELOPE.size,
        payload=_ENVELOPE.pack(*words, event.routing_version),
    )
    return envelope + CODECS[type(event.payload)].write(event.payload, about)


def decode_event(buffer: Buffer, instrument: Instrument) -> Event:
    """Inverse of encode_event(). FileFormatError for anything else than one event."""
    record = decode(buffer)
    if not _is_envelope(record):
        raise FileFormatError(f"event: found a {record.template_name}; allowed: an envelope first")
    rest = memoryview(buffer)[EVENT_BYTES:]
    first = decode(rest)
    reader = _READERS.get(first.template)
    if reader is None:
        raise FileFormatError(
            f"event: found the payload {first.template_name}; allowed: "
            f"{', '.join(t.name.lower() for t in _READERS)}"
        )
    raw = record.payload
    assert isinstance(raw, bytes)
    event_id, seq, trace_id, merge_id, routing = _ENVELOPE.unpack(raw.ljust(_ENVELOPE.size, b"\0"))
    return Event(
        event_id=event_id,
        seq_provider=seq,
        provider=Exchange(record.get_int("venue_id")),
        symbol=instrument.symbol,
        ingest_ts=Timestamp(record.get_int("ts_recv_ns")),
        payload=reader(rest, instrument),
        trace_id=trace_id,
        merge_id=merge_id,
        routing_version=routing,
        version=record.get_int("version"),
    )


def _is_envelope(record: Record) -> bool:
    return (
        record.template is Template.VENUE_MESSAGE
        and record.protocol == 0
        and record.msg_type == _ENVELOPE_TYPE
        and record.msg_length == _ENVELOPE.size
    )


def iter_events(slots: Buffer, instruments: InstrumentTable) -> Iterator[Event]:
    """Events of a stream of slots, in order; records outside of an event are passed over.

    UnknownSymbolError for an instrument that the table lacks, TruncatedInputError for an event
    whose payload does not come to its end.
    """
    parts: list[bytes] = []
    instrument: Instrument | None = None
    for record in iter_records(slots):
        if _is_envelope(record):
            if parts:
                raise TruncatedInputError("event: found the next envelope before the payload's end")
            instrument = instruments.by_id(record.get_int("instrument_id"))
            parts.append(record.to_bytes())
        elif parts and instrument is not None:
            parts.append(record.to_bytes())
            more = record.template is Template.BOOK_LEVEL
            if more and not record.get_int("flags") & MarketFlag.LAST:
                continue
            yield decode_event(b"".join(parts), instrument)
            parts = []
    if parts:
        raise TruncatedInputError("event: the stream ends within a payload; fetch the rest")
