"""Layers laid over one another: the values that win, and where each of them came from."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from tectra.core.config.fault import Path

__all__ = ["DEFAULT", "Layer", "Origin", "Tree"]

Layer = Literal["default", "profile", "file", "environment", "command line"]


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from: its layer, the file, variable or option, and the line."""

    layer: Layer
    source: str = ""
    line: int = 0

    def __str__(self) -> str:
        if not self.source:
            return self.layer
        return f"{self.source}:{self.line}" if self.line else self.source


DEFAULT = Origin("default")


class Tree:
    """Plain values by path, each with its origin. Tables are merged; a list replaces a list."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[Path, Origin] = {}

    def lay(self, values: dict[str, Any], origin_of: Callable[[Path], Origin]) -> None:
        """Put a layer on top."""
        self._merge(self.values, values, (), origin_of)

    def _merge(self, into: Any, values: Any, at: Path, origin_of: Callable[[Path], Origin]) -> None:
        for name, value in values.items():
            path = (*at, name)
            if isinstance(value, dict) and isinstance(into.get(name), dict):
                self.origins[path] = origin_of(path)
                self._merge(into[name], value, path, origin_of)
                continue
            self._forget(path)
            into[name] = self._copy(value, path, origin_of)

    def _copy(self, value: Any, path: Path, origin_of: Callable[[Path], Origin]) -> Any:
        self.origins[path] = origin_of(path)
        if isinstance(value, dict):
            return {n: self._copy(v, (*path, n), origin_of) for n, v in value.items()}
        if isinstance(value, list):
            return [self._copy(v, (*path, i), origin_of) for i, v in enumerate(value)]
        return value

    def _forget(self, path: Path) -> None:
        for old in [p for p in self.origins if p[: len(path)] == path]:
            del self.origins[old]

    def put(self, path: Path, value: Any, origin: Origin) -> None:
        """Set one value; tables on the way are made, entries of lists must be there."""
        node: Any = self.values
        for i, part in enumerate(path[:-1]):
            if isinstance(node, dict) and not isinstance(node.get(part), dict | list):
                node[part] = {}
                self.origins[path[: i + 1]] = origin
            node = node[part]
        self._forget(path)
        node[path[-1]] = self._copy(value, path, lambda _: origin)

    def at(self, path: Path) -> Any:
        """What stands at a path, or None."""
        node: Any = self.values
        for part in path:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def origin_of(self, path: Path) -> Origin:
        """Origin of a value, or of the nearest thing that it belongs to."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, DEFAULT)
