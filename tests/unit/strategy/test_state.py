"""State of strategies as bytes: equal values, equal bytes, shared objects shared, no code."""

import datetime as dt
import math
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, IntFlag
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError, StateError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.msg import OrderState, OrderType, Side, TimeInForce
from tectra.core.rng import Random
from tectra.core.types import Timestamp
from tectra.strategy.snapshot import OrderSnapshot
from tectra.strategy.state import (
    StateScope,
    decode_state,
    encode_state,
    give_state,
    take_state,
)


class Color(Enum):
    RED = "red"


class Bits(IntFlag):
    A = 1
    B = 2


class Node:
    __slots__ = ("__dict__", "__hidden", "next")

    def __init__(self, value):
        self.__hidden = value
        self.free = value + 1

    @property
    def hidden(self):
        return self.__hidden


@dataclass(frozen=True, slots=True)
class Pair:
    a: int
    b: list


class ListLike(list):
    pass


OWN = StateScope(Node.__module__)


def back(value, scope=OWN):
    data = encode_state(value, scope)
    out = decode_state(data, scope)
    assert encode_state(out, scope) == data
    return out


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.just(dt.UTC) | st.none())
    | st.dates()
    | st.timedeltas()
    | st.sampled_from([*Side, *Color, Bits.A | Bits.B])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.text(), inner)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.tuples(st.integers(), st.binary()))
        | st.builds(deque, st.lists(inner), st.none() | st.integers(0, 5))
    ),
    max_leaves=20,
)


@given(VALUES)
def test_values_come_back(value):
    out = back(value)
    assert out == value and type(out) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        Price("1.25"),
        Quantity(300, 2),
        BookLevel(Price("1.5"), Quantity("7")),
        Timestamp(123),
        Random(7),
        Counter("abca"),
        OrderedDict(b=1, a=2),
        defaultdict(list, {1: [2]}),
        defaultdict(None, {1: 2}),
        bytearray(b"xy"),
        np.float64(0.1),
        np.int8(-3),
        np.bool_(True),
        np.datetime64("2024-01-01T00:00:00", "ns"),
        dt.datetime(2024, 1, 1, fold=1, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
        Color.RED,
        Bits.A | Bits.B,
        OrderSnapshot(
            1, 2, Side.BUY, OrderType.LIMIT, TimeInForce.DAY, OrderState.NEW, 3, 4, 4, 0, 0
        ),
        1 << 900,
        -(1 << 64),
        float("inf"),
        -0.0,
        "\ud800",
    ],
    ids=lambda v: type(v).__name__,
)
def test_each_kind(value):
    out = back(value)
    assert out == value and type(out) is type(value)


def test_signs_and_nan_payloads():
    assert math.copysign(1, back(-0.0)) == -1
    nan = np.frombuffer(b"\1\2\3\0\0\0\xf8\x7f", "<f8")[0].item()
    assert np.float64(back(nan)).tobytes() == b"\1\2\3\0\0\0\xf8\x7f"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.zeros((0, 3), "<i2"),
        np.array(5.5),
        np.array(["a", "bcd"]),
        np.array([b"xy"]),
        np.array([1, 2], ">i4"),
        np.array([True, False]),
        np.array(["2024-01-01"], "M8[ns]"),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_arrays(array):
    out = back(array)
    assert out.dtype == array.dtype and out.shape == array.shape
    assert np.array_equal(out, array) and out.flags.f_contiguous == array.flags.f_contiguous
    assert out.flags.owndata and out.flags.writeable
    array.flags.writeable = False
    assert not back(array).flags.writeable


def test_what_is_shared_stays_shared():
    inner = [1]
    loop = {"one": inner, "two": inner}
    loop["me"] = loop
    out = back(loop)
    assert out["one"] is out["two"] and out["me"] is out
    node = Node(5)
    node.next = node
    first, second = back([node, node])
    assert first is second and first.next is first
    assert first.hidden == 5 and first.free == 6
    pair = back(Pair(1, inner))
    assert pair == Pair(1, [1])


def test_shared_numbers_behind_a_set():
    kept = [7]
    out = back([{Price("1"), Price("2")}, frozenset({(Price("3"),)}), kept, kept])
    assert out[0] == {Price("1"), Price("2")} and out[2] is out[3]


def test_a_set_has_no_order():
    assert encode_state({8, 0, 16}) == encode_state({16, 8, 0})
    assert encode_state({1: 0, 2: 0}) != encode_state({2: 0, 1: 0})


def test_objects_of_the_run_are_named():
    run = object()
    one = StateScope("", {"ctx": run})
    data = encode_state({"ctx": run}, one)
    other = object()
    assert decode_state(data, StateScope("", {"ctx": other}))["ctx"] is other
    with pytest.raises(StateError, match="names ctx"):
        decode_state(data)


class Outside(Exception):
    pass


def deep():
    out = []
    for _ in range(200):
        out = [out]
    return out


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda: 0, "function"),
        (print, "builtin"),
        (threading.Lock(), "lock"),
        (ListLike(), "ListLike"),
        (Outside("x"), "Outside"),
        (Fraction(1, 3), "Fraction"),
        (Node, "Node"),
        (dt.time(1), "time"),
        (np.arange(10)[::2], "strided"),
        (np.array([object()]), "array"),
        (np.zeros(2, "i4,i4"), "array"),
        ({Node(1)}, "in a set"),
        (dt.datetime(2024, 1, 1, tzinfo=__import__("zoneinfo").ZoneInfo("UTC")), "time zone"),
        (defaultdict(lambda: 0), "defaultdict"),
        (deep(), "levels"),
        ((n := np.zeros(4), n[:2]), "view of another"),
    ],
    ids=lambda v: None if callable(v) else str(v)[:12],
)
def test_what_is_refused(value, why):
    with pytest.raises(StateError, match=why) as caught:
        encode_state({"at": [value]}, OWN, where="strategy 1")
    assert "strategy 1['at'][0]" in str(caught.value) and "save_state" in str(caught.value)


def test_objects_of_other_modules_are_refused():
    with pytest.raises(StateError, match="Node"):
        encode_state(Node(1))
    data = encode_state(Node(1), OWN)
    with pytest.raises(StateError):
        decode_state(data, StateScope("tectra.core.types"))


def test_a_class_is_never_imported_nor_called(tmp_path, monkeypatch):
    """The name of a module that is not loaded is not imported; no constructor runs."""
    (tmp_path / "trap_of_state.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    data = encode_state(Color.RED, StateScope("")).replace(
        Color.__module__.encode(), b"trap_of_state".ljust(len(Color.__module__), b"_")
    )
    with pytest.raises(StateError, match="not loaded"):
        decode_state(data)


@given(VALUES, st.data())
def test_damage_is_an_error_of_the_format(value, data):
    raw = bytearray(encode_state(value, OWN))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del raw[at:]
    with suppress(FileFormatError, StateError):
        decode_state(bytes(raw), OWN)


class Slotted:
    __slots__ = ("a",)


class Own:
    def __init__(self):
        self.x = threading.Lock()

    def save_state(self):
        return {"n": 3}

    def load_state(self, value):
        self.got = value


class Half:
    def save_state(self):
        return None


def test_own_methods_come_first():
    assert take_state(Own(), where="s") == ("own", {"n": 3})
    other = Own()
    give_state(other, "own", {"n": 4}, where="s")
    assert other.got == {"n": 4}
    with pytest.raises(StateError, match="both or neither"):
        take_state(Half(), where="s")
    with pytest.raises(StateError, match="no load_state"):
        give_state(Node(1), "own", 3, where="s")


def test_attributes_replace_what_was_there():
    node = Node(1)
    kind, value = take_state(node, where="s")
    assert kind == "attributes" and value == {"_Node__hidden": 1, "free": 2}
    other = Node(9)
    other.more = 1
    give_state(other, kind, value, where="s")
    assert other.hidden == 1 and vars(other) == {"free": 2}
