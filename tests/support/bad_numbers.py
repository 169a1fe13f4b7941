"""Sixty things that stand where a number should, and a way to put them into a message."""

import copy
from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["NOT_NUMBERS", "changed", "leaves", "literals"]

# As text within the quotes of JSON.
_TEXTS = [
    "", " ", "NaN", "nan", "-NaN", "Infinity", "-Infinity", "inf", "+inf", "1e400", "-1e400",
    "9" * 40, "1" + "0" * 30, str(1 << 63), str(1 << 64), str(1 << 80), "0x10", "0b1", "1_000",
    "1,000", "1.2.3", ".", "-", "+", "--1", "+-1", "1-", "e5", "1e", "1e+", "1ee5", "1e5.5",
    " 1", "1 ", "1E+5", "-0", "-1", "+1.5", "1\t", "\n1", "1\u0000",
    "\u0661", "\uff11", "\u00b2", "\u2212" + "1", "one",
    "0." + "1" * 20, "1e-19", "5%", "1/2", "$5", "1..2",
]  # fmt: skip
# As JSON of another type.
_OTHERS: list[Any] = [None, True, False, [], {}, [1], {"a": 1}, 1.5e300]
NOT_NUMBERS: list[Any] = [*_TEXTS, *_OTHERS]


def literals() -> list[Any]:
    """Every one of them; sixty."""
    assert len(NOT_NUMBERS) == 60
    return NOT_NUMBERS


def leaves(message: Any, wanted: set[str], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the values whose last name, or whose row's name, is one of these."""
    if isinstance(message, dict):
        for name, value in message.items():
            yield from leaves(value, wanted, (*path, name))
    elif isinstance(message, list):
        for i, value in enumerate(message):
            yield from leaves(value, wanted, (*path, i))
    else:
        names = [p for p in path if isinstance(p, str)]
        last = f"{names[-1]}.{path[-1]}" if names and isinstance(path[-1], int) else path[-1]
        if last in wanted:
            yield path


def changed(message: Any, path: tuple[Any, ...], value: Any) -> bytes:
    """The message with another value at the path."""
    out = copy.deepcopy(message)
    at = out
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return orjson.dumps(out)
