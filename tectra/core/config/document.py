"""A file of the configuration as plain values, each key with its line."""

import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any, Final

import msgspec

from tectra.core.config.fault import Fault, Path
from tectra.core.config.json_lines import json_lines
from tectra.core.config.toml_lines import toml_lines
from tectra.core.config.yaml_read import YamlFault, read_yaml

__all__ = ["FORMATS", "Document", "parse_document", "read_document"]

FORMATS: Final = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}
_BYTES_MAX: Final = 1 << 20
_DEPTH_MAX: Final = 64
_LONG_NUMBER: Final = re.compile(r"\d[\d_]{999,}")
_AT_LINE: Final = re.compile(r"line (\d+)")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says. `name` is how messages call it; numbers with a point are Decimal."""

    name: str
    values: dict[str, Any] = {}
    lines: dict[Path, int] = {}
    faults: tuple[Fault, ...] = ()

    def line_of(self, path: Path) -> int:
        """Line of a key, or of what it belongs to; 0 where the file says nothing of it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def _broken(name: str, found: str, line: int, path: Path = (), form: str = "") -> Document:
    allowed = f"a {form.upper()} document" if form else "a configuration file"
    fault = Fault(path=path, found=found, allowed=allowed, source=name, line=line)
    return Document(name=name, faults=(fault,))


def _toml(text: str) -> tuple[Any, Any, Any]:
    lines, twice = toml_lines(text)
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        if not twice:
            raise
        values = {}
    return values, lines, twice


def _json(text: str) -> tuple[Any, Any, Any]:
    values = json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    return values, *json_lines(text)


def _deep(values: Any) -> bool:
    level = [values]
    for _ in range(_DEPTH_MAX):
        level = [
            v
            for node in level
            for v in (
                node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            )
        ]
        if not level:
            return False
    return True


def parse_document(text: str, form: str, name: str) -> Document:
    """A text as `toml`, `yaml` or `json`; what cannot be read is a fault of the document."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if (match := _LONG_NUMBER.search(text)) is not None:
        line = text.count("\n", 0, match.start()) + 1
        return _broken(name, f"a number of {len(match[0])} digits", line, (), form)
    try:
        values, lines, twice = {"toml": _toml, "json": _json, "yaml": read_yaml}[form](text)
    except tomllib.TOMLDecodeError as error:
        where = _AT_LINE.search(str(error))
        line = int(where[1]) if where else text.count("\n") + 1
        return _broken(name, str(error), line, (), form)
    except json.JSONDecodeError as error:
        return _broken(name, error.msg, error.lineno, (), form)
    except YamlFault as error:
        return _broken(name, str(error), error.line, error.path, form)
    except (RecursionError, ValueError) as error:
        return _broken(name, f"{type(error).__name__}: {error}", 1, (), form)
    if not isinstance(values, dict) or _deep(values):
        found = "nested too deep" if isinstance(values, dict) else "no table at the top"
        return _broken(name, found, 1, (), form)
    faults = tuple(
        Fault(
            path=path,
            found=f"the key twice, first in line {first}",
            allowed="once",
            fix="remove one of them",
            source=name,
            line=line,
        )
        for path, first, line in twice
    )
    return Document(name=name, values=values, lines=lines, faults=faults)


def read_document(path: str | FilePath) -> Document:
    """A file by the ending of its name; OSError where it cannot be read."""
    file = FilePath(path)
    name = str(path)
    form = FORMATS.get(file.suffix.lower())
    if form is None:
        return _broken(name, f"the ending {file.suffix!r}; allowed: {', '.join(FORMATS)}", 0)
    with file.open("rb") as stream:
        data = stream.read(_BYTES_MAX + 1)
    if len(data) > _BYTES_MAX:
        return _broken(name, f"more than {_BYTES_MAX} bytes", 0)
    try:
        return parse_document(data.decode("utf-8"), form, name)
    except UnicodeDecodeError as error:
        return _broken(name, "bytes that are no UTF-8", data.count(b"\n", 0, error.start) + 1)
