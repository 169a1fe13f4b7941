"""Objects of JSON read field by field; numbers kept as the text that they are."""

from collections.abc import Callable
from typing import Any

import pytest

from tectra.core.errors import FileFormatError
from tectra.core.json_object import JsonObject


def exact(raw: bytes) -> JsonObject:
    return JsonObject.parse_exact(raw, "here")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("105944.20", "105944.20"),
        ("0.00000100", "0.00000100"),
        ("9007199254740993.1", "9007199254740993.1"),
        ("7", "7"),
        ("1e-05", "0.00001"),
        ("1.50E+2", "150"),
        ('"0.5"', "0.5"),
    ],
)
def test_a_number_has_every_digit(raw: str, text: str) -> None:
    found = exact(f'{{"n":{raw}}}'.encode()).decimal("n")
    assert found == text and type(found) is str


def test_a_number_is_no_text() -> None:
    with pytest.raises(FileFormatError, match=r"here\.n: found '5.5'; allowed: text"):
        exact(b'{"n":5.5}').text("n")


@pytest.mark.parametrize("raw", ["null", "true", '""', "[]", "{}", "1e400", "1e-400"])
def test_what_is_no_number(raw: str) -> None:
    with pytest.raises(FileFormatError, match=r"here\.n: found"):
        exact(f'{{"n":{raw}}}'.encode()).decimal("n")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"5", b"{", b'{"n":NaN}', b'{"n":-Infinity}', b"\xff", b'{"a":' * 99_999]
)
def test_what_is_no_object(raw: bytes) -> None:
    with pytest.raises(FileFormatError, match="here"):
        exact(raw)


def test_fields() -> None:
    found = exact(b'{"a":[1],"o":[{"x":"y"}],"t":"2026-01-01T00:00:00Z","s":"buy"}')
    assert found.array("a") == [1] and found.children("o")[0].text("x") == "y"
    assert found.stamp_iso("t").ns == 1767225600 * 10**9
    assert found.one_of("s", ("buy", "sell")) == "buy"
    assert list(found) == ["a", "o", "t", "s"]
    refused: list[Callable[[], Any]] = [
        lambda: found.array("t"),
        lambda: found.children("a"),
        lambda: found.stamp_iso("s"),
        lambda: found.one_of("s", ("b", "s")),
        lambda: found.array("missing"),
    ]
    for call in refused:
        with pytest.raises(FileFormatError, match=r"here|missing"):
            call()
