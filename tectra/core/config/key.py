"""What a key of the configuration is: its type, unit, range and sentence, read from the structs.

Everything that knows keys (reading, messages, the JSON Schema, the document, the tests) reads this
one description.
"""

import functools
import types
import typing
from decimal import Decimal
from typing import Any, Literal

import msgspec

__all__ = [
    "ADDRESS",
    "DATE",
    "ENDPOINT",
    "ENV_NAME",
    "NAME",
    "SYMBOL",
    "URL",
    "Key",
    "Kind",
    "decimal",
    "flag",
    "items",
    "keys_of",
    "number",
    "text",
]

Kind = Literal[
    "flag", "int", "float", "decimal", "text", "choice", "section", "list", "table", "free"
]

NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
SYMBOL = r"^[A-Z0-9][A-Z0-9.\-/]{0,23}$"
ENV_NAME = r"^[A-Z][A-Z0-9_]{1,63}$"
URL = r"^(wss|https)://[^\s@/]+(/[^\s@]*)?$"
DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
ENDPOINT = r"^[A-Za-z0-9.\-\[\]:]+:\d{1,5}$"
ADDRESS = r"^[0-9A-Fa-f.:]+$|^localhost$"

_SAYS = {
    NAME: "a name of letters, digits, _ . -, up to 64",
    SYMBOL: "a symbol such as BTCUSDT or AAPL, in capitals",
    ENV_NAME: "the name of an environment variable, in capitals",
    URL: "a wss:// or https:// address without user or password",
    DATE: "a date YYYY-MM-DD",
    ENDPOINT: "HOST:PORT",
    ADDRESS: "an IP address, or localhost",
}


def number(
    unit: str, low: float, high: float, sentence: str, *, above: float | None = None
) -> msgspec.Meta:
    """Of an int or a float: unit, smallest and largest value; `above` excludes a bound itself."""
    extra = {"unit": unit, "low": low, "high": high, "above": above}
    if above is not None:
        return msgspec.Meta(gt=above, le=high, description=sentence, extra=extra)
    return msgspec.Meta(ge=low, le=high, description=sentence, extra=extra)


def decimal(unit: str, low: str, high: str, sentence: str) -> msgspec.Meta:
    """Of an exact decimal: unit, smallest and largest value."""
    extra = {"unit": unit, "low": Decimal(low), "high": Decimal(high), "above": None}
    return msgspec.Meta(description=sentence, extra=extra)


def text(sentence: str, pattern: str | None = None, *, longest: int = 4096) -> msgspec.Meta:
    """Of a text: its form and length; an empty one is never allowed."""
    return msgspec.Meta(description=sentence, pattern=pattern, min_length=1, max_length=longest)


def flag(sentence: str) -> msgspec.Meta:
    """Of a yes or no, or of a choice."""
    return msgspec.Meta(description=sentence)


def items(sentence: str, *, most: int) -> msgspec.Meta:
    """Of a list or a table of names: how many entries it may have."""
    return msgspec.Meta(description=sentence, max_length=most)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key: what a value may be. `item` is the key of a list's or a table's entries."""

    name: str
    kind: Kind
    required: bool = False
    optional: bool = False
    default: Any = None
    unit: str = ""
    low: Any = None
    high: Any = None
    above: Any = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    longest: int = 0
    sentence: str = ""
    live: bool = False
    item: "Key | None" = None
    section: Any = None

    def allowed(self) -> str:
        """The range in words."""
        if self.kind == "flag":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind in ("int", "float", "decimal"):
            what = "whole number" if self.kind == "int" else "number"
            span = (
                f"{_plain(self.low)} to {_plain(self.high)}"
                if self.above is None
                else f"above {_plain(self.above)}, up to {_plain(self.high)}"
            )
            words = "".join(f", or {c!r}" for c in self.choices)
            return f"{what}, {span} ({self.unit}){words}"
        if self.kind == "text":
            return _SAYS.get(self.pattern or "", f"text of 1 to {self.longest} characters")
        if self.kind == "list" and self.item is not None:
            return f"a list of up to {self.longest}, each {self.item.allowed()}"
        if self.kind == "table" and self.item is not None:
            return f"a table of up to {self.longest} names, each {self.item.allowed()}"
        if self.kind == "free":
            return f"a table of up to {self.longest} numbers, texts, true or false"
        return "a table"


def _plain(value: Any) -> str:
    """A bound without an exponent: 0.000001, 1000000."""
    if isinstance(value, int):
        return str(value)
    shown = f"{Decimal(str(value)):f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _parts(hint: Any) -> tuple[Any, bool, tuple[str, ...]]:
    """A type without None and without the words that may stand for a number."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False, ()
    members = [a for a in typing.get_args(hint) if a is not type(None)]
    words: tuple[str, ...] = ()
    if len(members) > 1:  # a number, or a word that stands for one
        literal = next(a for a in members if typing.get_origin(a) is Literal)
        words = typing.get_args(literal)
        members.remove(literal)
    return members[0], type(None) in typing.get_args(hint), words


def _of_type(name: str, hint: Any, live: bool) -> Key:
    """The key of a type, without what only the field knows."""
    meta = msgspec.Meta()
    if typing.get_origin(hint) is typing.Annotated:
        meta = hint.__metadata__[0]
        hint = hint.__origin__
    hint, optional, words = _parts(hint)
    extra = meta.extra or {}
    more: dict[str, Any] = {
        "name": name,
        "optional": optional,
        "choices": words,
        "sentence": meta.description or "",
        "unit": extra.get("unit", ""),
        "low": extra.get("low"),
        "high": extra.get("high"),
        "above": extra.get("above"),
        "pattern": meta.pattern,
        "longest": meta.max_length or 0,
        "live": live,
    }
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return Key(kind="choice", **{**more, "choices": args})
    if origin is tuple:
        return Key(kind="list", item=_of_type(name, args[0], live), **more)
    if origin is dict:
        if args[1] is Any:
            return Key(kind="free", **more)
        names = typing.get_args(args[0]) if typing.get_origin(args[0]) is Literal else ()
        item = _of_type(name, args[1], live)
        return Key(kind="table", item=item, **{**more, "choices": names})
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        first = (hint.__doc__ or "").strip().split("\n\n")[0]
        sentence = more["sentence"] or " ".join(first.split())
        return Key(kind="section", section=hint, **{**more, "sentence": sentence})
    kinds: dict[Any, Kind] = {
        bool: "flag", int: "int", float: "float", Decimal: "decimal", str: "text",
    }  # fmt: skip
    return Key(kind=kinds[hint], **more)


@functools.cache
def keys_of(section: type[msgspec.Struct]) -> dict[str, Key]:
    """The keys of a section by name, in the order in which they are declared."""
    hints = typing.get_type_hints(section, include_extras=True)
    live: frozenset[str] = getattr(section, "LIVE", frozenset())
    out = {}
    for field in msgspec.structs.fields(section):
        key = _of_type(field.name, hints[field.name], field.name in live)
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        out[field.name] = msgspec.structs.replace(
            key, required=field.required, default=None if field.required else default
        )
    return out
