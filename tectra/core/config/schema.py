"""The configuration as JSON Schema, for editors that complete and check while one types."""

from decimal import Decimal
from typing import Any

import msgspec

from tectra.core.config.key import Key, keys_of
from tectra.core.config.section import Config

__all__ = ["json_schema"]


def _number(value: Any) -> Any:
    return value if isinstance(value, int) else float(value)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _number(int(value) if value == int(value) else value)
    return list(value) if isinstance(value, tuple) else value


def _scalar(key: Key) -> dict[str, Any]:
    if key.kind == "flag":
        return {"type": "boolean"}
    if key.kind == "choice":
        return {"enum": list(key.choices)}
    if key.kind == "text":
        out: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": key.longest}
        return out if key.pattern is None else {**out, "pattern": key.pattern}
    kind = "integer" if key.kind == "int" else "number"
    span: dict[str, Any] = {"type": kind, "maximum": _number(key.high)}
    if key.above is None:
        span["minimum"] = _number(key.low)
    else:
        span["exclusiveMinimum"] = _number(key.above)
    if key.choices:
        return {"anyOf": [span, {"enum": list(key.choices)}]}
    return span


def _of_key(key: Key) -> dict[str, Any]:
    if key.kind == "section":
        out: dict[str, Any] = {"$ref": f"#/$defs/{key.section.__name__}"}
    elif key.kind == "list" and key.item is not None:
        out = {"type": "array", "items": _of_key(key.item), "maxItems": key.longest}
    elif key.kind == "table" and key.item is not None:
        out = {
            "type": "object", "additionalProperties": _of_key(key.item),
            "maxProperties": key.longest,
        }  # fmt: skip
        if key.choices:
            out["propertyNames"] = {"enum": list(key.choices)}
    elif key.kind == "free":
        scalar = {"type": ["number", "string", "boolean"]}
        out = {"type": "object", "additionalProperties": scalar, "maxProperties": key.longest}
    else:
        out = _scalar(key)
    if key.sentence:
        unit = f" Unit: {key.unit}." if key.unit else ""
        out["description"] = key.sentence + unit
    if key.default is not None and key.kind not in ("section", "table", "free"):
        default = _default(key.default)
        if not (isinstance(default, list) and default and isinstance(default[0], msgspec.Struct)):
            out["default"] = default
    return out


def _sections(section: type[msgspec.Struct], out: dict[str, Any]) -> None:
    if section.__name__ in out:
        return
    keys = keys_of(section)
    out[section.__name__] = {
        "type": "object",
        "description": " ".join((section.__doc__ or "").split()),
        "properties": {name: _of_key(key) for name, key in keys.items()},
        "required": [name for name, key in keys.items() if key.required],
        "additionalProperties": False,
    }
    for key in keys.values():
        inner = key.item if key.item is not None else key
        if inner.section is not None:
            _sections(inner.section, out)


def json_schema() -> dict[str, Any]:
    """The schema of a configuration file (draft 2020-12): types, ranges, units, sentences."""
    sections: dict[str, Any] = {}
    _sections(Config, sections)
    top = sections.pop(Config.__name__)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tectra configuration",
        **top,
        "$defs": sections,
    }
