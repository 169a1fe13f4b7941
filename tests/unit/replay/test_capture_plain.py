"""Pictures of whatever a strategy may keep: the same in every process, nothing lost in silence."""

from collections import Counter, deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from tectra.core.bar import MarketData
from tectra.core.fixed import Price
from tectra.core.msg import Side
from tectra.core.rng import Random
from tectra.core.window import MarketDataWindow
from tectra.replay.capture.plain import Painter, opaque_paths, same


class Point(NamedTuple):
    x: int
    y: int


class Color(Enum):
    RED = "r"


@dataclass(slots=True)
class Slotted:
    a: int
    b: list


class Node:
    def __init__(self, value):
        self.value_, self.next = value, None


class Ema:
    def __init__(self):
        self.level = 1.5

    def update(self, x):
        self.level = x

    @property
    def value(self):
        return 2 * self.level


def paint(value):
    out = Painter().paint(value)
    msgspec.msgpack.encode(out)
    return out


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        (None, None),
        (-0.0, -0.0),
        (1 << 80, {"$": "int", "text": str(1 << 80)}),
        ("é", "é"),
        ("\ud800", {"$": "text", "data": b"\xed\xa0\x80"}),
        ((1, [2, "x"]), {"$": "tuple", "items": [1, [2, "x"]]}),
        ([1, 1 << 70], [1, {"$": "int", "text": str(1 << 70)}]),
        (deque([1, 2], maxlen=4), {"$": "deque", "items": [1, 2], "maxlen": 4}),
        ({3, 1, 2}, {"$": "set", "items": [1, 2, 3]}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        ({1: 2.5}, {"$": "dict", "items": [[1, 2.5]]}),
        ({"$": 1}, {"$": "dict", "items": [["$", 1]]}),
        (Color.RED, {"$": "enum", "type": "Color", "value": "r"}),
        (Side.BUY, {"$": "enum", "type": "Side", "value": 1}),
        (Decimal("1.50"), {"$": "Decimal", "text": "1.50"}),
        (Price("1.25"), {"$": "Price", "text": "1.25"}),
        (np.float64(1.5), {"$": "scalar", "dtype": "<f8", "data": np.float64(1.5).tobytes()}),
        (bytearray(b"x"), {"$": "bytearray", "data": b"x"}),
        (len, {"$": "opaque", "type": "builtin_function_or_method"}),
        (Slotted(1, [2]), {"$": "object", "type": "Slotted", "attributes": {"a": 1, "b": [2]}}),
    ],
)
def test_pictures(value, picture):
    assert same(paint(value), picture)


def test_subclasses_of_containers_keep_what_they_hold():
    assert paint(Point(1, 2))["base"] == {"$": "tuple", "items": [1, 2]}
    assert paint(Counter("aab"))["base"] == {"a": 2, "b": 1}
    array = paint(np.arange(4, dtype="<i4").reshape(2, 2))
    assert (array["dtype"], array["shape"]) == ("<i4", [2, 2])
    assert paint(Random(7)) == paint(Random(7)) != paint(Random(8))


def test_sets_do_not_depend_on_the_seed_of_hashes():
    words = [f"w{i}" for i in range(50)]
    assert paint(set(words)) == paint({*words[::-1]})


def test_circles_and_depths_end():
    node = Node(1)
    node.next = node
    assert paint(node)["attributes"]["next"] == {"$": "cycle"}
    deep: list = []
    for _ in range(500):
        deep = [deep]
    assert "opaque" in str(paint(deep))
    twice = [1]
    assert paint([twice, twice]) == [[1], [1]]


def test_what_hides_is_named():
    keeps = {"a": [iter([]), 1], "b": {"c": (x for x in ())}}
    assert opaque_paths(paint(keeps)) == ["a[0]", "b.c"]


def test_indicators_are_kept_apart():
    painter = Painter()
    painter.indicators = found = {}

    class Holder:
        def __init__(self):
            self.one, self.many = Ema(), {"x": [Ema()], 3: Ema()}
            self.window = MarketDataWindow(2)
            for i in range(3):
                self.window.push(MarketData("AAPL", i + 1, 1.0, 2.0, 0.5, 1.5, i))

    out = painter.attributes(Holder(), without={})
    assert out["one"] == {"$": "indicator", "type": "Ema"}
    assert set(found) == {"one", "many['x'][0]", "many[3]", "window"}
    assert found["one"]["value"] == 3.0 and found["one"]["attributes"] == {"level": 1.5}
    assert found["window"]["capacity"] == 2 and len(found["window"]["items"]) == 2
    assert Painter().paint(Ema())["attributes"] == {"level": 1.5}


def test_an_indicator_without_a_value_yet():
    class Bare(Ema):
        @property
        def value(self):
            raise ZeroDivisionError

    painter = Painter()
    painter.indicators = found = {}
    node = Node(Bare())
    painter.attributes(node, without={"next": None})
    assert found["value_"]["value"] == {"$": "raised", "type": "ZeroDivisionError"}
