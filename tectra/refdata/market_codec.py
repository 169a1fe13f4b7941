"""Trades, tickers and bars as records: one `trade`, `ticker` or `bar` each."""

from typing import Any

from tectra.core.bar import MarketData
from tectra.core.errors import InputError
from tectra.core.event import KlineSummary, TickerPayload, TradePayload
from tectra.core.fixed import Quantity
from tectra.core.market import Ticker, Trade
from tectra.core.msg import BarFlag, BarKind, Side, Template
from tectra.core.record import Record, encode
from tectra.core.types import Timestamp
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import (
    About,
    Buffer,
    check_same,
    head,
    price_of,
    px_of,
    qty_of,
    read_one,
)

__all__ = [
    "read_bar",
    "read_kline",
    "read_ticker",
    "read_ticker_payload",
    "read_trade",
    "read_trade_payload",
    "write_bar",
    "write_kline",
    "write_ticker",
    "write_ticker_payload",
    "write_trade",
    "write_trade_payload",
]


def _write_print(value: Any, ts: Timestamp, about: About) -> bytes:
    return encode(
        Template.TRADE,
        **head(about, ts),
        side=value.side,
        match_id=value.trade_id,
        px=px_of(value.price, about.instrument),
        qty=qty_of(value.quantity, about.instrument),
    )


def _read_print(buffer: Buffer, instrument: Instrument) -> tuple[Timestamp, dict[str, Any]]:
    record = read_one(buffer, instrument, Template.TRADE)
    return Timestamp(record.get_int("ts_event_ns")), {
        "price": instrument.price(record.get_int("px")),
        "quantity": instrument.quantity(record.get_int("qty")),
        "side": Side(record.get_int("side")),
        "trade_id": record.get_int("match_id"),
    }


def write_trade_payload(value: TradePayload, about: About) -> bytes:
    """A trade record."""
    return _write_print(value, value.ts_event, about)


def read_trade_payload(buffer: Buffer, instrument: Instrument) -> TradePayload:
    """Inverse of write_trade_payload()."""
    ts, found = _read_print(buffer, instrument)
    return TradePayload(ts, **found)


def write_trade(value: Trade, about: About) -> bytes:
    """A trade record. InputError if the trade is of another instrument."""
    check_same(value, about.instrument)
    return _write_print(value, value.timestamp, about)


def read_trade(buffer: Buffer, instrument: Instrument) -> Trade:
    """Inverse of write_trade()."""
    ts, found = _read_print(buffer, instrument)
    return Trade(instrument.exchange, instrument.symbol, ts, **found)


_PRICES = {"bid_price": "bid_px", "ask_price": "ask_px", "last_price": "last_px"}
_PRICES |= {"high_price": "high_px", "low_price": "low_px"}
_QUANTITIES = {"bid_quantity": "bid_qty", "ask_quantity": "ask_qty", "last_quantity": "last_qty"}
_QUANTITIES |= {"volume": "volume_qty"}


def _write_summary(value: Any, ts: Timestamp, seq: int, about: About) -> bytes:
    return encode(
        Template.TICKER,
        **head(about, ts),
        seq=seq,
        turnover=value.turnover,
        **{raw: px_of(getattr(value, name), about.instrument) for name, raw in _PRICES.items()},
        **{
            raw: qty_of(getattr(value, name), about.instrument) for name, raw in _QUANTITIES.items()
        },
    )


def _read_summary(buffer: Buffer, instrument: Instrument) -> tuple[Record, dict[str, Any]]:
    record = read_one(buffer, instrument, Template.TICKER)
    out: dict[str, Any] = {n: price_of(record.get_int(r), instrument) for n, r in _PRICES.items()}
    out |= {n: instrument.quantity(record.get_int(r)) for n, r in _QUANTITIES.items()}
    return record, out | {"turnover": record.turnover}


def write_ticker(value: Ticker, about: About) -> bytes:
    """A ticker record. InputError if the ticker is of another instrument."""
    check_same(value, about.instrument)
    return _write_summary(value, value.timestamp, value.seq, about)


def read_ticker(buffer: Buffer, instrument: Instrument) -> Ticker:
    """Inverse of write_ticker()."""
    record, found = _read_summary(buffer, instrument)
    ts = Timestamp(record.get_int("ts_event_ns"))
    seq = record.get_int("seq")
    return Ticker(instrument.exchange, instrument.symbol, ts, **found, seq=seq)


def write_ticker_payload(value: TickerPayload, about: About) -> bytes:
    """A ticker record with the number that the event has."""
    return _write_summary(value, value.ts_event, about.seq, about)


def read_ticker_payload(buffer: Buffer, instrument: Instrument) -> TickerPayload:
    """Inverse of write_ticker_payload()."""
    record, found = _read_summary(buffer, instrument)
    return TickerPayload(Timestamp(record.get_int("ts_event_ns")), **found)


_FLOATS = ("open", "high", "low", "close", "bid", "ask")


def write_kline(value: KlineSummary, about: About) -> bytes:
    """A bar record, stamped at its close."""
    return encode(
        Template.BAR,
        **head(about, value.ts_close),
        kind=value.kind,
        flags=0 if value.is_closed else BarFlag.PARTIAL,
        ts_open_ns=value.ts_open.ns,
        interval=value.interval,
        volume_qty=qty_of(value.volume, about.instrument),
        turnover=value.turnover,
        trades=value.trades,
        **{name: getattr(value, name) for name in _FLOATS},
    )


def read_kline(buffer: Buffer, instrument: Instrument) -> KlineSummary:
    """Inverse of write_kline()."""
    record = read_one(buffer, instrument, Template.BAR)
    return KlineSummary(
        ts_open=Timestamp(record.get_int("ts_open_ns")),
        ts_close=Timestamp(record.get_int("ts_event_ns")),
        interval=record.get_int("interval"),
        volume=instrument.quantity(record.get_int("volume_qty")),
        turnover=record["turnover"],  # type: ignore[arg-type]
        trades=record.get_int("trades"),
        kind=BarKind(record.get_int("kind")),
        is_closed=not record.get_int("flags") & BarFlag.PARTIAL,
        **{name: record[name] for name in _FLOATS},  # type: ignore[arg-type]
    )


def write_bar(value: MarketData, about: About) -> bytes:
    """A bar record of unknown length. InputError for a volume beyond int64."""
    check_same(value, about.instrument)
    return encode(
        Template.BAR,
        **head(about, Timestamp(value.timestamp)),
        kind=BarKind.TIME,
        volume_qty=qty_of(Quantity(value.volume), about.instrument),
        **{name: getattr(value, name) for name in _FLOATS},
    )


def read_bar(buffer: Buffer, instrument: Instrument) -> MarketData:
    """Inverse of write_bar(). InputError for a volume that is not whole."""
    record = read_one(buffer, instrument, Template.BAR)
    volume = instrument.quantity(record.get_int("volume_qty"))
    if Quantity(int(volume)) != volume:
        raise InputError(f"bar: found a volume of {volume}; allowed: whole units; use KlineSummary")
    return MarketData(
        symbol=instrument.symbol,
        timestamp=record.get_int("ts_event_ns"),
        volume=int(volume),
        **{name: record[name] for name in _FLOATS},  # type: ignore[arg-type]
    )
