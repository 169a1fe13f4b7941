"""JSON objects from outside, read field by field: a field is there with its type, or
FileFormatError says what was found.
"""

import re
from typing import Any

import orjson

from tectra.core.errors import FileFormatError, InputError, NumericError
from tectra.core.level import raw_levels, raw_number
from tectra.core.types import Timestamp

__all__ = ["JsonObject"]

_U64_MAX = (1 << 64) - 1
_NS_PER_MS = 1_000_000
_MISSING = object()
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_PLAIN_TEXT_MAX = 32


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

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def get(self, name: str) -> Any:
        """The field as it came, None when it is not there."""
        return self._fields.get(name)

    def child(self, name: str) -> "JsonObject":
        """A field that is an object."""
        return JsonObject(self._of(name), f"{self._where}.{name}")

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
