"""Fields of venues' JSON objects: there with their kind, or refused by their place."""

from typing import Any

import pytest

from tectra.core.errors import FileFormatError
from tectra.core.json_object import JsonObject

FIELDS: dict[str, Any] = {
    "t": "x",
    "n": 5,
    "b": True,
    "p": "150.25",
    "l": [["1.5", "2"], ["1", "0"]],
    "o": [{"n": 1}],
}


def test_what_is_there() -> None:
    it = JsonObject(FIELDS, "m")
    assert (it.flag("b"), it.mantissa("p", -4), it.plain("p")) == (True, 1502500, 150.25)
    assert it.levels("l", (-1, 0)) == ((15, 2), (10, 0))
    assert it.children("o")[0].integer("n") == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda it: it.flag("n"),
        lambda it: it.flag("z"),
        lambda it: it.mantissa("p", -1),
        lambda it: it.mantissa("n", 0),
        lambda it: it.mantissa("z", 0),
        lambda it: it.plain("n"),
        lambda it: it.plain("t"),
        lambda it: it.levels("l", (0, 0)),
        lambda it: it.levels("t", (0, 0)),
        lambda it: it.children("l"),
        lambda it: it.children("t"),
        lambda it: it.children("o")[0].text("n"),
    ],
)
def test_what_is_not(read: Any) -> None:
    with pytest.raises(FileFormatError, match=r"^m"):
        read(JsonObject(FIELDS, "m"))


@pytest.mark.parametrize("text", ["", "1e5", "-1", "nan", "1" * 33, "1.", ".5", "\u0661"])
def test_plain_numbers_only(text: str) -> None:
    with pytest.raises(FileFormatError):
        JsonObject({"x": text}, "m").plain("x")
