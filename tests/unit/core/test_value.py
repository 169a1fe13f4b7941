"""The duties of every value type, found by looking at the packages: none can be forgotten."""

import copy
import importlib
import inspect
import json
import pickle
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from value_strategies import value_of

import tectra
from tectra.core.errors import InputError
from tectra.core.event import Event, EventType, TradePayload
from tectra.core.fixed import Fixed, Price, Quantity
from tectra.core.market import BookUpdate, Trade
from tectra.core.record import Record, decode, encode
from tectra.core.types import Exchange, Side, Timestamp
from tectra.core.value import Labels, Value
from tectra.refdata.instrument import Instrument
from tectra.refdata.symbol import Symbol

WHERE = ("core", "refdata", "book", "signals", "venue", "risk", "oms", "research")
TOP = Path(tectra.__file__).parent
# Ordered within their own type; every other value type has no order at all.
ORDERED = {Price, Quantity, Timestamp, Symbol}
BASES = {Value, Fixed}


def value_types() -> list[Any]:
    """Public classes with to_dict() and from_dict(), whatever package they live in."""
    out = {}
    for package in WHERE:
        for path in sorted((TOP / package).rglob("*.py*")):
            if path.suffix not in (".py", ".pyx") or path.stem == "__main__":
                continue
            name = ".".join(path.relative_to(TOP.parent).with_suffix("").parts)
            module = importlib.import_module(name.removesuffix(".__init__"))
            for _, kind in inspect.getmembers(module, inspect.isclass):
                owner = kind.__module__.startswith("tectra.")
                if owner and hasattr(kind, "to_dict") and hasattr(kind, "from_dict"):
                    out[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return [k for k in out.values() if k not in BASES and not k.__name__.startswith("_")]


TYPES = value_types()
pytestmark = pytest.mark.timeout(30)
EACH = pytest.mark.parametrize("kind", TYPES, ids=lambda k: k.__name__)
instruments = st.builds(
    Instrument, st.integers(1, 9), st.sampled_from(["AAPL", "BTCUSDT"]), st.sampled_from(Exchange)
)
symbols = st.sampled_from(["BTCUSDT", "AAPL", "ETHUSD"]).map(Symbol.parse)
records = st.builds(lambda px: decode(encode("trade", px=px)), st.integers(0, 99))


def values(kind: Any) -> st.SearchStrategy[Any]:
    own = {Instrument: instruments, Symbol: symbols, Record: records}
    return own[kind] if kind in own else value_of(kind)


def test_the_list_is_long_enough() -> None:
    """The search finds what is known to be there."""
    names = {k.__name__ for k in TYPES}
    assert {"Price", "Quantity", "Timestamp", "OrderId", "BookLevel", "BookUpdate"} <= names
    assert {"Trade", "Ticker", "MarketData", "Event", "Symbol", "Record", "Labels"} <= names


@EACH
@settings(max_examples=25)
@given(data=st.data())
def test_duties(kind: Any, data: Any) -> None:
    value = data.draw(values(kind))
    assert type(value) is kind
    assert type(value).__name__ in repr(value)
    twins = [
        copy.copy(value),
        copy.deepcopy(value),
        kind.from_dict(value.to_dict()),
        *[pickle.loads(pickle.dumps(value, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)],
    ]
    for twin in twins:
        assert type(twin) is kind
        assert (twin == value, twin != value) == (True, False)
        assert hash(twin) == hash(value)
        assert twin.to_dict() == value.to_dict()
        assert {value: 1}[twin] == 1
    other = data.draw(values(kind))
    if other == value:
        assert hash(other) == hash(value)
    else:
        assert other != value


@EACH
@settings(max_examples=5)
@given(data=st.data())
def test_it_cannot_be_changed(kind: Any, data: Any) -> None:
    value = data.draw(values(kind))
    before = value.to_dict()
    names = [*before, "anything_else"]
    for name in names:
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, 1)
        with pytest.raises((AttributeError, TypeError)):
            delattr(value, name)
    assert value.to_dict() == before


@EACH
@settings(max_examples=5)
@given(data=st.data())
def test_it_equals_and_is_ordered_within_its_own_type_only(kind: Any, data: Any) -> None:
    value = data.draw(values(kind))
    strangers = [object(), 1, 1.0, "1", None, (), value.to_dict()]
    strangers += [data.draw(values(k)) for k in (Price, Quantity, Trade, Event) if k is not kind]
    for stranger in strangers:
        assert (value == stranger) is False and (stranger == value) is False
        for order in (lt, le, gt, ge):
            with pytest.raises(TypeError):
                order(value, stranger)
    twin = copy.deepcopy(value)
    for order in (lt, le, gt, ge):
        if kind in ORDERED:
            assert order(value, twin) is (order in (le, ge))
        else:
            with pytest.raises(TypeError):
                order(value, twin)


@pytest.mark.parametrize(
    "kind", [k for k in TYPES if issubclass(k, Value)], ids=lambda k: k.__name__
)
@settings(max_examples=10)
@given(data=st.data())
def test_dicts_go_through_json(kind: Any, data: Any) -> None:
    """What to_dict gives is plain: two JSON libraries carry it without loss."""
    value = data.draw(values(kind))
    plain = value.to_dict()
    assert kind.from_dict(json.loads(json.dumps(plain))) == value
    if all(-(1 << 63) <= n < 1 << 64 for n in _integers(plain)):
        assert kind.from_dict(orjson.loads(orjson.dumps(plain))) == value
    for broken in ({**plain, "stranger": 1}, dict(list(plain.items())[1:])):
        with pytest.raises(InputError, match="found"):
            kind.from_dict(broken)


@pytest.mark.parametrize(
    "kind",
    [k for k in TYPES if issubclass(k, Value)],
    ids=lambda k: k.__name__,
)
@settings(max_examples=10)
@given(data=st.data())
def test_what_no_to_dict_writes_is_refused(kind: Any, data: Any) -> None:
    """Any field replaced by something odd: refused on purpose, or a value that says so again."""
    plain = data.draw(values(kind)).to_dict()
    name = data.draw(st.sampled_from(sorted(plain)))
    odd = data.draw(st.sampled_from([None, 99, -1, 1.5, "x", [], [1], {}, {"a": 1}, 1 << 70]))
    try:
        again = kind.from_dict({**plain, name: odd})
    except (InputError, OverflowError, TypeError) as error:
        good = "allowed" in str(error)
    else:
        good = kind.from_dict(again.to_dict()) == again
    assert good


def _integers(plain: Any) -> list[int]:
    if isinstance(plain, dict):
        return [n for v in plain.values() for n in _integers(v)]
    if isinstance(plain, list):
        return [n for v in plain for n in _integers(v)]
    return [plain] if isinstance(plain, int) else []


TRADE = {
    "exchange": Exchange.BINANCE,
    "symbol": "BTCUSDT",
    "timestamp": Timestamp(1),
    "price": Price("1.5"),
    "quantity": Quantity("2"),
    "side": Side.BUY,
    "trade_id": 7,
}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"price": Quantity(1)}, TypeError),
        ({"price": 1.5}, TypeError),
        ({"price": None}, TypeError),
        ({"quantity": Price(1)}, TypeError),
        ({"timestamp": 1}, TypeError),
        ({"symbol": 1}, TypeError),
        ({"symbol": ""}, InputError),
        ({"symbol": "BTCUSDTBTCUSDTBTC"}, InputError),
        ({"symbol": "BTÇUSDT"}, InputError),
        ({"side": "BUY"}, TypeError),
        ({"side": Exchange.BYBIT}, TypeError),
        ({"exchange": 99}, TypeError),
        ({"trade_id": True}, TypeError),
        ({"trade_id": 1.0}, TypeError),
        ({"trade_id": -1}, OverflowError),
        ({"trade_id": 1 << 64}, OverflowError),
    ],
)
def test_fields_are_checked(change: dict[str, Any], error: type[Exception]) -> None:
    assert Trade(**TRADE).side is Side.BUY
    name = next(iter(change))
    with pytest.raises(error, match=rf"{name}.*found.*allowed"):
        Trade(**{**TRADE, **change})


def test_enums_may_come_as_their_numbers() -> None:
    assert Trade(**{**TRADE, "side": 1, "exchange": 1}) == Trade(**TRADE)


def test_levels_may_come_as_pairs_and_lists() -> None:
    update = BookUpdate(
        Exchange.BYBIT, "BTCUSDT", Timestamp(1), [(Price(1), Quantity(2))], [], is_snapshot=True
    )
    (level,) = update.bids
    price, quantity = level
    assert (price, quantity) == (Price(1), Quantity(2)) == (level.price, level.quantity)
    assert isinstance(update.bids, tuple) and update.asks == ()


def test_labels_tell_one_from_true() -> None:
    assert Labels({"a": 1}) != Labels({"a": True}) != Labels({"a": 1.0})
    assert Labels({"b": 1, "a": 2}) == Labels({"a": 2, "b": 1})
    assert Labels({"a": 1}) != {"a": 1}
    for bad in ({1: 1}, {"a": None}, {"a": [1]}, {"a": float("nan")}, {"a": b""}):
        with pytest.raises(InputError):
            Labels(bad)


def test_events_name_their_type() -> None:
    event = Event(
        1,
        2,
        Exchange.KRAKEN,
        "BTCUSD",
        Timestamp(3),
        TradePayload(Timestamp(2), Price(1), Quantity(1)),
    )
    assert event.type is EventType.TRADE and not event.is_merged
    assert event.to_dict()["type"] == 3
    with pytest.raises(InputError, match="type 9"):
        Event.from_dict({**event.to_dict(), "type": 9})
    with pytest.raises(TypeError, match="payload"):
        Event(1, 2, Exchange.KRAKEN, "BTCUSD", Timestamp(3), Price(1))
