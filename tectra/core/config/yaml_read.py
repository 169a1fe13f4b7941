"""YAML into plain values with lines: nothing is made but numbers, texts, lists and tables."""

import re
from decimal import Decimal
from typing import Any, Final

from tectra.core.config.fault import Path
from tectra.core.errors import MissingExtraError

__all__ = ["YamlFault", "read_yaml"]

_DEPTH_MAX: Final = 64
_NUMBER: Final = re.compile(r"[-+]?(\d[\d_]*)?(\.\d[\d_]*|\.)?([eE][-+]?\d+)?$")


class YamlFault(Exception):
    """Why a document is not taken, and the line."""

    def __init__(self, text: str, line: int, path: Path = ()) -> None:
        super().__init__(text)
        self.line, self.path = line, path


def read_yaml(text: str) -> tuple[Any, dict[Path, int], list[tuple[Path, int, int]]]:
    """The values, the line of each key, and the keys that stand twice.

    Anchors, aliases, tags and merge keys are refused (YamlFault): a configuration says each thing
    once, where it stands. MissingExtraError without PyYAML.
    """
    try:
        import yaml  # noqa: PLC0415  optional
    except ImportError:
        raise MissingExtraError(
            "YAML needs PyYAML, which is not installed; pip install 'tectra[yaml]', or write TOML"
        ) from None
    # The one over libyaml reads the same, faster; it is not in every build.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            _plain_event(event)
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlFault(str(error.problem), 0 if mark is None else mark.line + 1) from None
    except yaml.YAMLError as error:
        raise YamlFault(" ".join(str(error).split()), 0) from None
    walk = _Walk()
    values = {} if node is None else walk.value(node, (), 0)
    return values, walk.lines, walk.twice


def _plain_event(event: Any) -> None:
    line = event.start_mark.line + 1
    kind = type(event).__name__
    if kind == "AliasEvent" or getattr(event, "anchor", None) is not None:
        raise YamlFault("an anchor or alias; write the value where it belongs", line)
    if getattr(event, "tag", None) is not None:
        raise YamlFault(f"the tag {event.tag!r}; write a plain value", line)


class _Walk:
    """From nodes to values. One thread, used once."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.twice: list[tuple[Path, int, int]] = []

    def value(self, node: Any, path: Path, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            raise YamlFault("nested too deep", node.start_mark.line + 1, path)
        if node.id == "mapping":
            return self._mapping(node, path, depth)
        if node.id == "sequence":
            out = []
            for i, item in enumerate(node.value):
                self.lines[*path, i] = item.start_mark.line + 1
                out.append(self.value(item, (*path, i), depth + 1))
            return out
        return _scalar(node)

    def _mapping(self, node: Any, path: Path, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if key.id != "scalar" or key.tag.endswith(":merge"):
                raise YamlFault("a key that is no plain text", line, path)
            at = (*path, key.value)
            if key.value in out:
                self.twice.append((at, self.lines[at], line))
            self.lines.setdefault(at, line)
            out[key.value] = self.value(item, at, depth + 1)
        return out


def _scalar(node: Any) -> Any:
    """A value by the tag that YAML resolved. Numbers in base 60 and dates stay texts."""
    written: str = node.value
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return written.lower() in ("true", "yes", "on")
    if kind == "int":
        digits = written.replace("_", "")
        if re.fullmatch(r"[-+]?(0|[1-9]\d*)", digits):
            return int(digits)
        if re.fullmatch(r"[-+]?0x[0-9A-Fa-f]+", digits):
            return int(digits, 16)
        return written
    if kind == "float":
        bare = written.lower().lstrip("+-")
        if bare in (".inf", ".nan"):
            return Decimal(("-" if written.startswith("-") else "") + bare[1:])
        return Decimal(written.replace("_", "")) if _NUMBER.match(written) else written
    return written
