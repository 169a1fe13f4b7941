"""What value types of plain fields share: fields checked by their annotations, exact dicts, no
order between values.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Self, TypeAlias, Union, get_args, get_origin, get_type_hints

from tectra.core.errors import InputError, NumericOverflowError
from tectra.core.level import BookLevel

__all__ = ["I64", "U16", "U32", "U64", "Between", "Labels", "Scalar", "Value"]

Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Between:
    """Least and greatest value of an integer field: `Annotated[int, Between(0, 9)]`."""

    low: int
    high: int


U16 = Annotated[int, Between(0, (1 << 16) - 1)]
U32 = Annotated[int, Between(0, (1 << 32) - 1)]
U64 = Annotated[int, Between(0, (1 << 64) - 1)]
I64 = Annotated[int, Between(-(1 << 63), (1 << 63) - 1)]


class Labels(Mapping[str, Scalar]):
    """An immutable mapping of names to text, numbers and truth values. Equal to another Labels with
    the same names and values of the same types: 1, 1.0 and True differ.
    """

    __slots__ = ("_items", "_key")

    def __init__(self, items: Mapping[str, Scalar] | None = None) -> None:
        pairs = {} if items is None else dict(items)
        for name, value in pairs.items():
            if not isinstance(name, str) or type(value) not in (str, int, float, bool):
                raise InputError(
                    f"labels: found {name!r}: {type(value).__name__}; allowed: a text name and a "
                    "text, int, float or bool"
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"labels: {name}: found {value}; allowed: a finite number")
        self._items: dict[str, Scalar] = {n: pairs[n] for n in sorted(pairs)}
        self._key = tuple((n, type(v).__name__, v) for n, v in self._items.items())

    def __getitem__(self, name: str) -> Scalar:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "_key"):
            raise AttributeError(
                f"found an assignment to {name}; Labels is immutable; make another"
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"found a deletion of {name}; Labels is immutable; make another")

    def to_dict(self) -> dict[str, Scalar]:
        """A plain dict, sorted by name."""
        return dict(self._items)

    @classmethod
    def from_dict(cls, items: Mapping[str, Scalar]) -> Self:
        """Inverse of to_dict()."""
        return cls(items)

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Labels) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Scalar]]]:
        return type(self), (self._items,)

    def __repr__(self) -> str:
        return f"Labels({self._items!r})"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a field of one annotation is checked, and read back from a plain value."""

    allowed: str
    check: Callable[[object], object]
    build: Callable[[Any], object]
    exact: type | None = None


class _Refused(Exception):
    """A value does not fit its annotation; the field's name is added where it is known."""


def _same(value: object) -> object:
    return value


def _integer(low: int, high: int) -> _Kind:
    def check(value: object) -> object:
        if not isinstance(value, int) or isinstance(value, bool | Enum):
            raise _Refused
        if not low <= value <= high:
            raise NumericOverflowError(f"found {value}; allowed: {low} to {high}")
        return value

    return _Kind("int", check, _same)


def _float(value: object) -> object:
    if isinstance(value, bool | Enum) or not isinstance(value, int | float):
        raise _Refused
    if not math.isfinite(value) or float(value) != value:
        raise _Refused
    return float(value)


def _exactly(kind: type) -> Callable[[object], object]:
    def check(value: object) -> object:
        if type(value) is not kind:
            raise _Refused
        return value

    return check


def _labels(value: object) -> object:
    if isinstance(value, Mapping):
        return value if type(value) is Labels else Labels(value)
    raise _Refused


def _tuple_of(item: _Kind) -> _Kind:
    def check(value: object) -> object:
        if not isinstance(value, tuple | list):
            raise _Refused
        if type(value) is tuple and item.exact is not None and {*map(type, value)} <= {item.exact}:
            return value  # thousands of levels, at the speed of C
        return tuple([item.check(v) for v in value])

    return _Kind(
        f"a sequence of {item.allowed}", check, lambda plain: tuple(map(item.build, plain))
    )


def _either(kinds: list[_Kind], none: bool) -> _Kind:
    def check(value: object) -> object:
        if none and value is None:
            return None
        for kind in kinds:
            try:
                return kind.check(value)
            except _Refused:
                continue
        raise _Refused

    def build(plain: Any) -> object:
        return None if plain is None else kinds[0].build(plain)

    names = [k.allowed for k in kinds] + (["None"] if none else [])
    return _Kind(" or ".join(names), check, build)


def _class(hint: type) -> _Kind:
    check = _exactly(hint)
    if issubclass(hint, Enum):

        def member(value: object) -> object:
            if isinstance(value, Enum) and type(value) is not hint:
                raise _Refused
            try:
                return hint(value)
            except ValueError:
                raise _Refused from None

        return _Kind(f"{hint.__name__}", member, member)
    if hint is Decimal:
        return _Kind("a finite Decimal", _decimal, Decimal)
    if hint is Labels:
        return _Kind("a mapping of labels", _labels, Labels.from_dict)
    if hint is BookLevel:
        return _Kind("BookLevel or a pair of Price and Quantity", _level, BookLevel.from_dict, hint)
    builder: Any = getattr(hint, "from_dict", _same)
    return _Kind(hint.__name__, check, builder, hint)


def _level(value: object) -> object:
    if isinstance(value, tuple | list) and len(value) == 2:
        return BookLevel(*value)
    if type(value) is not BookLevel:
        raise _Refused
    return value


def _decimal(value: object) -> object:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise _Refused
    return value


def _kind(hint: Any) -> _Kind:
    origin = get_origin(hint)
    if origin is Annotated:
        _, limits = get_args(hint)
        return _integer(limits.low, limits.high)
    if origin is tuple:
        return _tuple_of(_kind(get_args(hint)[0]))
    if origin in (Union, UnionType):
        arms = get_args(hint)
        return _either([_kind(a) for a in arms if a is not NoneType], NoneType in arms)
    if hint is int:
        return _integer(-(1 << 63), (1 << 64) - 1)
    if hint is float:
        return _Kind("a finite float", _float, _same)
    return _class(hint)


@cache
def _kinds(cls: type) -> dict[str, _Kind]:
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: _kind(hints[f.name]) for f in fields(cls)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Decimal):
        return str(value)
    return value.to_dict() if hasattr(value, "to_dict") else value


class Value:
    """Base of the value types: frozen dataclasses, equal only within their own type, without order.

    Making one checks every field by its annotation (TypeError; OverflowError for an integer that
    is out of range); a list becomes a tuple, a pair of Price and Quantity a BookLevel, a
    whole number in a float field a float. About 1 us a
    field: for edges. Immutable: any thread.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        cls: Any = type(self)
        for name, kind in _kinds(cls).items():
            value = getattr(self, name)
            try:
                checked = kind.check(value)
            except _Refused:
                raise TypeError(
                    f"{cls.__name__}.{name}: found {type(value).__name__} {value!r}; allowed: "
                    f"{kind.allowed}"
                ) from None
            except NumericOverflowError as error:
                raise NumericOverflowError(f"{cls.__name__}.{name}: {error}") from None
            if checked is not value:
                object.__setattr__(self, name, checked)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, exact: numbers, text, lists and dicts of them."""
        cls: Any = type(self)
        return {name: _plain(getattr(self, name)) for name in _kinds(cls)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of to_dict(). InputError for an unknown or a missing field, and for a plain value
        that no to_dict() writes.
        """
        own: Any = cls
        kinds = _kinds(own)
        if plain.keys() != kinds.keys():
            raise InputError(
                f"{cls.__name__}: found fields {sorted(plain)}; allowed: exactly {sorted(kinds)}"
            )
        built = {}
        for name, kind in kinds.items():
            try:
                built[name] = kind.build(plain[name])
            except InputError:
                raise
            except (_Refused, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                raise InputError(
                    f"{cls.__name__}.{name}: found {plain[name]!r:.60}; allowed: what to_dict() "
                    f"writes for {kind.allowed}"
                ) from None
        return cls(**built)
