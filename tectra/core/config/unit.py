"""Units that end a key's name, and the sentence that helps who wrote another one."""

import re
from decimal import Decimal
from typing import Any, Final

from tectra.core.config.key import Key

__all__ = ["SUFFIXES", "stem", "unit_fix", "unit_hint"]

# suffix -> (what it measures, size in the base unit)
SUFFIXES: Final[dict[str, tuple[str, Decimal]]] = {
    "ns": ("time", Decimal(1)),
    "us": ("time", Decimal(10**3)),
    "ms": ("time", Decimal(10**6)),
    "s": ("time", Decimal(10**9)),
    "sec": ("time", Decimal(10**9)),
    "seconds": ("time", Decimal(10**9)),
    "min": ("time", Decimal(60 * 10**9)),
    "minutes": ("time", Decimal(60 * 10**9)),
    "hours": ("time", Decimal(3600 * 10**9)),
    "days": ("time", Decimal(86_400 * 10**9)),
    "fraction": ("ratio", Decimal(1)),
    "pct": ("ratio", Decimal("0.01")),
    "percent": ("ratio", Decimal("0.01")),
    "bps": ("ratio", Decimal("0.0001")),
    "ppm": ("ratio", Decimal("0.000001")),
    "bytes": ("size", Decimal(1)),
    "kb": ("size", Decimal(1000)),
    "kib": ("size", Decimal(1024)),
    "mb": ("size", Decimal(10**6)),
    "mib": ("size", Decimal(1 << 20)),
    "gb": ("size", Decimal(10**9)),
    "gib": ("size", Decimal(1 << 30)),
}
_SIGNS: Final = {"%": "pct", "µs": "us", "sec": "s", "m": "min", "h": "hours", "d": "days"}
_WRITTEN: Final = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*(%|µs|[A-Za-z]+)\s*$")


def stem(name: str) -> tuple[str, str]:
    """A key's name without its unit, and the unit: ('flush_interval', 'ms')."""
    head, _, tail = name.rpartition("_")
    return (head, tail) if head and tail.lower() in SUFFIXES else (name, "")


def _converted(amount: Any, unit: str, key: Key) -> str:
    """The value in the key's own unit, or '' where it cannot be said."""
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        return ""
    if unit not in SUFFIXES or key.unit not in SUFFIXES or not Decimal(amount).is_finite():
        return ""
    (kind, size), (own_kind, own_size) = SUFFIXES[unit], SUFFIXES[key.unit]
    exact = Decimal(str(amount))
    if kind != own_kind or abs(exact) > 10**15:
        return ""
    value = exact * size / own_size
    if key.kind == "int" and value % 1:
        return ""
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def unit_fix(name: str, value: Any, keys: dict[str, Key]) -> str:
    """What to write where an unknown key is a known one in another unit, or without it."""
    base, unit = stem(name)
    for key in keys.values():
        if key.kind not in ("int", "float", "decimal") or stem(key.name)[0] != base:
            continue
        value_there = _converted(value, unit.lower(), key)
        example = f" = {value_there}" if value_there else ""
        found = f"{unit} is another unit" if unit else "the unit is missing"
        return f"{found}: this one is in {key.unit}, write {key.name}{example}"
    return ""


def unit_hint(key: Key, written: str) -> str:
    """What to write for a text like '100ms' or '2 %' where a number belongs, or ''."""
    match = _WRITTEN.match(written)
    if match is None:
        return ""
    unit = _SIGNS.get(match[2], match[2].lower())
    value = _converted(Decimal(match[1]), unit, key)
    return f"write the number alone, in {key.unit}" + (f": {value}" if value else "")
