"""What trades and how it is written: instruments, symbols, venues.

Owns the meaning of ids and mantissas: exponents, ticks, lots, spellings, order types. Floor 2.
Values are immutable; an InstrumentTable has one owner thread.
"""

from tectra.refdata.codec import (
    CODECS,
    EVENT_BYTES,
    Codec,
    decode_event,
    decode_value,
    encode_event,
    encode_value,
    iter_events,
)
from tectra.refdata.definition import Definition, canonical_symbol, infer_definition
from tectra.refdata.instrument import Instrument, InstrumentTable
from tectra.refdata.listing import Listing, Listings
from tectra.refdata.symbol import BTCUSD, BTCUSDT, ETHUSD, ETHUSDT, Symbol, from_native, to_native
from tectra.refdata.venue import WireOrderType, order_type_from_wire, order_types, wire_order_type

__all__ = [
    "BTCUSD",
    "BTCUSDT",
    "CODECS",
    "ETHUSD",
    "ETHUSDT",
    "EVENT_BYTES",
    "Codec",
    "Definition",
    "Instrument",
    "InstrumentTable",
    "Listing",
    "Listings",
    "Symbol",
    "WireOrderType",
    "canonical_symbol",
    "decode_event",
    "decode_value",
    "encode_event",
    "encode_value",
    "from_native",
    "infer_definition",
    "iter_events",
    "order_type_from_wire",
    "order_types",
    "to_native",
    "wire_order_type",
]
