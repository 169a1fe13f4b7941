"""Timestamp, OrderId, Exchange, the enums; and one list of every core value type and its duties."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core import msg, types
from tectra.core.errors import DuplicateError, InputError, UnknownOrderError
from tectra.core.fixed import Price, Quantity, Rounding
from tectra.core.types import (
    Exchange,
    OrderId,
    OrderIdIndex,
    OrderState,
    OrderType,
    Side,
    TimeInForce,
    Timestamp,
    TradeSide,
)
from tectra.refdata import Instrument, Symbol

U64 = (1 << 64) - 1
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001
stamps = st.integers(0, U64).map(Timestamp)

# (value, another with the same meaning, a different one)
VALUES = [
    (Price("1.50"), Price("1.5"), Price("1.51")),
    (Quantity("2"), Quantity("2.0"), Quantity("-2")),
    (Timestamp(5), Timestamp(5), Timestamp(6)),
    (OrderId(7, "v"), OrderId(7, "v"), OrderId(7)),
    (Symbol("BTC", "USDT"), Symbol.parse("btc/usdt"), Symbol("BTC", "USD")),
    (
        Instrument(1, "AAPL", Exchange.NASDAQ),
        Instrument(1, "AAPL", Exchange.NASDAQ),
        Instrument(2, "AAPL", Exchange.NASDAQ),
    ),
]
ENUMS = [Side, OrderType, TimeInForce, OrderState, Exchange, Rounding]


@pytest.mark.parametrize(("value", "same", "other"), VALUES, ids=lambda v: type(v).__name__)
def test_value_type(value, same, other):
    kind = type(value)
    assert value == same
    assert hash(value) == hash(same)
    assert value != other
    assert value != object()
    assert kind.__name__ in repr(value)
    names = {"Exchange": Exchange, kind.__name__: kind}
    if kind is not Instrument:
        assert eval(repr(value), names) == value
    for again in (
        copy.copy(value),
        copy.deepcopy(value),
        pickle.loads(pickle.dumps(value)),
        kind.from_dict(value.to_dict()),
    ):
        assert again == value
        assert type(again) is kind
        assert again.to_dict() == value.to_dict()
    with pytest.raises((AttributeError, TypeError)):
        value.ns = value.mantissa = value.internal = value.base = value.tick = 1


@pytest.mark.parametrize("kind", ENUMS, ids=lambda k: k.__name__)
def test_enum(kind):
    for member in kind:
        assert kind[member.name] is member
        assert kind(member.value) is member
        assert pickle.loads(pickle.dumps(member)) is member
        assert copy.deepcopy(member) is member
        assert {member: 1}[member] == 1
        assert member.name in repr(member)
    assert issubclass(kind, Enum)


def test_side_doubles_as_trade_side():
    assert TradeSide is Side
    assert {s.name for s in Side} - {"NONE"} == {"BUY", "SELL"}


def test_order_types():
    names = {t.name for t in OrderType}
    assert {"LIMIT", "MARKET", "POST_ONLY", "STOP", "STOP_LIMIT"} == names


def test_exchange():
    assert [e.label for e in Exchange] == [
        "Binance",
        "Bybit",
        "Coinbase",
        "Kraken",
        "Alpaca",
        "Nasdaq",
        "Simulated",
        "Okx",
    ]
    for exchange in Exchange:
        assert Exchange.parse(exchange.label) is exchange
        assert Exchange[exchange.label] is exchange
        assert 0 < exchange < 1 << 16
    with pytest.raises(InputError, match=r"'nyse'.*Binance, Bybit"):
        Exchange.parse("nyse")


def test_re_exports_are_the_schema_s():
    for name in ("Side", "OrderType", "OrderState", "TimeInForce", "Liquidity"):
        assert getattr(types, name) is getattr(msg, name)


@given(stamps)
def test_timestamp_round_trips(t):
    assert Timestamp.from_iso(t.to_iso()) == t
    assert Timestamp.from_iso(str(t)) == t
    assert Timestamp.from_us(t.us).us == t.us
    assert Timestamp.from_ms(t.ms).ms == t.ms
    assert Timestamp.from_s(t.s).s == t.s
    assert Timestamp.from_datetime(t.to_datetime()) == Timestamp.from_us(t.us)
    assert (t.ns // 1_000, t.ns // 1_000_000, t.ns // 1_000_000_000) == (t.us, t.ms, t.s)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2554, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_timestamp_from_any_zone(when, minutes):
    aware = when.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    t = Timestamp.from_datetime(aware)
    assert t.to_datetime() == aware
    assert Timestamp.from_iso(aware.isoformat()) == t


@given(stamps, stamps)
def test_timestamp_arithmetic_and_order(a, b):
    assert b + (a - b) == a
    assert (a < b, a == b, a >= b) == (a.ns < b.ns, a.ns == b.ns, a.ns >= b.ns)


def test_timestamp_text():
    t = Timestamp.from_iso("2026-01-31T09:30:00.123456789Z")
    assert t.ns == 1_769_851_800_123_456_789
    assert t.to_datetime() == datetime(2026, 1, 31, 9, 30, 0, 123456, UTC)
    assert Timestamp.from_iso("2026-01-31 04:30:00.1-05:00").to_iso() == (
        "2026-01-31T09:30:00.100000000Z"
    )
    assert Timestamp(0).to_iso() == "1970-01-01T00:00:00.000000000Z"


@pytest.mark.parametrize(
    ("run", "error"),
    [
        (lambda: Timestamp(-1), OverflowError),
        (lambda: Timestamp(1 << 64), OverflowError),
        (lambda: Timestamp(U64) + 1, OverflowError),
        (lambda: Timestamp.from_s(1 << 40), OverflowError),
        (lambda: Timestamp.from_iso("1969-12-31T23:59:59Z"), OverflowError),
        (lambda: Timestamp(1.0), TypeError),
        (lambda: Timestamp(True), TypeError),
        (lambda: Timestamp(1) + 1.5, TypeError),
        (lambda: Timestamp(1) < 2, TypeError),
        (lambda: Timestamp.from_datetime(NAIVE), InputError),
        (lambda: Timestamp.from_iso("2026-01-31T09:30:00"), InputError),
        (lambda: Timestamp.from_iso("2026-02-31T09:30:00Z"), InputError),
        (lambda: Timestamp.from_iso("2026-01-31T09:30:00.1234567890Z"), InputError),
        (lambda: OrderId(-1), InputError),
        (lambda: OrderId(1 << 64), InputError),
    ],
)
def test_bad_input(run, error):
    with pytest.raises(error):
        run()


def test_both_lookups_return_the_same_order():
    index: OrderIdIndex[dict[str, int]] = OrderIdIndex()
    record = {"qty": 5}
    index.add(OrderId(1), record)
    assert index.bind(1, "abc-1") == OrderId(1, "abc-1")
    assert index.find(1) is index.find("abc-1") is record
    assert index.id_of("abc-1") == index.id_of(1) == OrderId(1, "abc-1")
    index.bind(1, "abc-1")
    index.add(OrderId(2, "abc-2"), {})
    assert index.find("abc-2") is index.find(2) is not record
    assert list(index) == [OrderId(1, "abc-1"), OrderId(2, "abc-2")]
    for run in (
        lambda: index.add(OrderId(1), {}),
        lambda: index.add(OrderId(3, "abc-1"), {}),
        lambda: index.bind(2, "abc-1"),
        lambda: index.bind(1, "abc-9"),
    ):
        with pytest.raises(DuplicateError):
            run()
    index.remove(1)
    for key in (1, "abc-1", 99, ""):
        with pytest.raises(UnknownOrderError, match="no order"):
            index.find(key)
    assert len(index) == 1
