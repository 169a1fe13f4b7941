"""JSON objects from outside, read field by field: a field is there with its type, or
FileFormatError says what was found.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.level import raw_levels, raw_number
from tectra.core.types import Timestamp

__all__ = ["JsonObject"]

_U64_MAX = (1 << 64) - 1
_NS_PER_MS = 1_000_000
_EXPONENT_MAX = 36
_MISSING = object()
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_PLAIN_TEXT_MAX = 32


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"found {name}; allowed: a number")


class _Number(str):
    """The text of a number with a point or an exponent, as it stood in the message."""

    __slots__ = ()


_EXACT = json.JSONDecoder(parse_float=_Number, parse_constant=_no_number)


def _exact(raw: bytes | bytearray | memoryview) -> Any:
    return _EXACT.decode(bytes(raw).decode())


class JsonObject:
    """One object of a message and where it stands in it. Unknown fields are left alone: venues add
    some. Owner: whoever parses.
    """

    __slots__ = ("_fields", "_where")

    def __init__(self, fields: object, where: str) -> None:
        if type(fields) is not dict:
            raise FileFormatError(f"{where}: found {type(fields).__name__}; allowed: an object")
        self._fields: dict[str, Any] = fields
        self._where = where

    @classmethod
    def parse(cls, raw: bytes | bytearray | memoryview, where: str) -> "JsonObject":
        """From the bytes of one message, which are not copied. FileFormatError if they are no JSON
        object.
        """
        try:
            return cls(orjson.loads(raw), where)
        except orjson.JSONDecodeError as error:
            raise FileFormatError(f"{where}: {error}; found {bytes(raw[:40])!r}") from None

    @classmethod
    def parse_exact(cls, raw: bytes | bytearray | memoryview, where: str) -> "JsonObject":
        """As parse(), for venues that send prices as JSON numbers: those with a point or an
        exponent come as the text that they are, so that decimal() has every digit. About a fifth
        of parse()'s speed.
        """
        try:
            return cls(_exact(raw), where)
        except (ValueError, RecursionError) as error:
            raise FileFormatError(f"{where}: {error!s:.100}; found {bytes(raw[:40])!r}") from None

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def get(self, name: str) -> Any:
        """The field as it came, None when it is not there."""
        return self._fields.get(name)

    def child(self, name: str) -> "JsonObject":
        """A field that is an object."""
        return JsonObject(self._of(name), f"{self._where}.{name}")

    def array(self, name: str) -> list[Any]:
        """A field that is an array."""
        value = self._of(name)
        if type(value) is not list:
            raise self._refuse(name, value, "an array")
        return value

    def text(self, name: str) -> str:
        """A text field that is not empty."""
        value = self._of(name)
        if type(value) is not str or not value:
            raise self._refuse(name, value, "text")
        return value

    def integer(self, name: str, *, low: int = 0, high: int = _U64_MAX) -> int:
        """An integer field from `low` to `high`."""
        value = self._of(name)
        if type(value) is not int or not low <= value <= high:
            raise self._refuse(name, value, f"an integer from {low} to {high}")
        return value

    def decimal(self, name: str) -> str:
        """A decimal number as text: of a text field, or of a number of parse_exact(), which may
        have an exponent in JSON and has none here.
        """
        value = self._of(name)
        if type(value) is _Number and not value.replace(".", "", 1).isdigit():
            number = Decimal(value)
            if not -_EXPONENT_MAX <= number.adjusted() <= _EXPONENT_MAX:
                raise self._refuse(name, value, "a number that an int64 mantissa holds")
            return f"{number:f}"
        if type(value) is int or type(value) is _Number:
            return str(value)
        if type(value) is not str or not value:
            raise self._refuse(name, value, "a decimal number")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """A text field with one of few values."""
        value = self.text(name)
        if value not in allowed:
            raise self._refuse(name, value, " or ".join(allowed))
        return value

    def stamp_iso(self, name: str) -> Timestamp:
        """A field of ISO 8601 text."""
        value = self.text(name)
        try:
            return Timestamp.from_iso(value)
        except InputError:
            raise self._refuse(name, value, "ISO 8601 text with a zone") from None

    def flag(self, name: str) -> bool:
        """A field that is true or false."""
        value = self._of(name)
        if type(value) is not bool:
            raise self._refuse(name, value, "true or false")
        return value

    def mantissa(self, name: str, exponent: int) -> int:
        """A field of plain decimal text, as a mantissa at the exponent, exactly."""
        try:
            return raw_number(self._of(name), exponent)
        except (InputError, NumericError) as error:
            raise FileFormatError(f"{self._where}.{name}: {error}") from None

    def plain(self, name: str) -> float:
        """A field of plain decimal text, as the nearest float: for sums and summaries only."""
        value = self._of(name)
        if type(value) is not str or len(value) > _PLAIN_TEXT_MAX or not _PLAIN.fullmatch(value):
            raise self._refuse(name, value, "plain decimal text such as '150.25'")
        return float(value)

    def levels(self, name: str, exponents: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """A field of pairs of price and quantity, as mantissas at the exponents."""
        try:
            return raw_levels(self._of(name), exponents)
        except (InputError, NumericError) as error:
            raise FileFormatError(f"{self._where}.{name}: {error}") from None

    def children(self, name: str) -> "list[JsonObject]":
        """A field that is a list of objects."""
        value = self._of(name)
        if type(value) is not list:
            raise self._refuse(name, value, "a list")
        return [JsonObject(v, f"{self._where}.{name}[{i}]") for i, v in enumerate(value)]

    def stamp_ms(self, name: str) -> Timestamp:
        """A field of milliseconds since the epoch."""
        return Timestamp(self.integer(name, high=_U64_MAX // _NS_PER_MS) * _NS_PER_MS)

    def _of(self, name: str) -> Any:
        value = self._fields.get(name, _MISSING)
        if value is _MISSING:
            raise FileFormatError(
                f"{self._where}: found no field {name!r} among {sorted(self._fields)[:20]}"
            )
        return value

    def _refuse(self, name: str, value: object, allowed: str) -> FileFormatError:
        return FileFormatError(f"{self._where}.{name}: found {value!r:.60}; allowed: {allowed}")
