"""Parameters of strategies: declared on the class, checked before the first event."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tectra.core.errors import ParameterError

__all__ = ["Param", "check_params", "param", "parse_params"]

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Param:
    """Default and allowed range of one parameter; its type is the default's."""

    default: int | float | bool | str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    choices: tuple[Any, ...] | None = None

    def allowed(self) -> str:
        """The range in words, for messages."""
        parts = [
            f"{sign} {bound}"
            for sign, bound in ((">=", self.ge), (">", self.gt), ("<=", self.le), ("<", self.lt))
            if bound is not None
        ]
        if self.choices is not None:
            parts.append("one of " + ", ".join(repr(c) for c in self.choices))
        return f"{type(self.default).__name__} {' and '.join(parts)}".strip()

    def check(self, name: str, value: object) -> int | float | bool | str:
        """The value if it is allowed; an int is taken for a float. ParameterError says what is."""
        kind = type(self.default)
        if kind is float and type(value) is int and abs(value) <= _INT64_MAX:
            value = float(value)
        if type(value) is not kind:
            found = f"{value!r} ({type(value).__name__})"
            raise ParameterError(f"parameter {name}: found {found}; allowed: {self.allowed()}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterError(f"parameter {name}: found {value}; allowed: {self.allowed()}")
        if isinstance(value, int) and not _INT64_MIN <= value <= _INT64_MAX:
            raise ParameterError(
                f"parameter {name}: found {value}; allowed: {self.allowed()}, within 64 bits"
            )
        if not self._inside(value) or (self.choices is not None and value not in self.choices):
            raise ParameterError(f"parameter {name}: found {value!r}; allowed: {self.allowed()}")
        return value

    def _inside(self, value: Any) -> bool:
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def parse(self, name: str, text: str) -> int | float | bool | str:
        """A value from the command line, checked."""
        value: object = text
        try:
            if isinstance(self.default, bool):
                value = _TRUE[text.lower()]
            elif isinstance(self.default, int):
                value = int(text)
            elif isinstance(self.default, float):
                value = float(text)
        except (ValueError, KeyError):
            raise ParameterError(
                f"parameter {name}: found {text!r}; allowed: {self.allowed()}"
            ) from None
        return self.check(name, value)


def param(
    default: Any,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: Iterable[Any] | None = None,
) -> Any:
    """Declare a parameter: `fast: int = param(10, ge=2)`. The default itself must be allowed."""
    if type(default) not in (int, float, bool, str):
        found = f"{default!r} ({type(default).__name__})"
        raise ParameterError(f"param: found the default {found}; allowed: int, float, bool or str")
    made = Param(default, ge, gt, le, lt, None if choices is None else tuple(choices))
    made.check("default", default)
    return made


def check_params(
    declared: Mapping[str, Param], given: Mapping[str, object], owner: str
) -> dict[str, Any]:
    """Defaults overlaid with what was given; unknown names and values out of range raise
    ParameterError.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        allowed = ", ".join(declared) or "none: it declares no parameters"
        raise ParameterError(f"{owner}: unknown parameter {unknown[0]!r}; allowed: {allowed}")
    return {n: p.check(n, given[n]) if n in given else p.default for n, p in declared.items()}


def parse_params(declared: Mapping[str, Param], pairs: Iterable[str], owner: str) -> dict[str, Any]:
    """Parameters from `name=value` texts."""
    out: dict[str, Any] = {}
    for pair in pairs:
        name, found, text = pair.partition("=")
        if not found:
            raise ParameterError(f"{owner}: found {pair!r}; write parameters as name=value")
        if name not in declared:
            allowed = ", ".join(declared) or "none: it declares no parameters"
            raise ParameterError(f"{owner}: unknown parameter {name!r}; allowed: {allowed}")
        out[name] = declared[name].parse(name, text)
    return out
