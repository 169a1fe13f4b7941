"""What the names of a module stand for: imports and their aliases, its own functions and classes,
modules that lie next to it. Reads sources; imports and runs nothing.
"""

import ast
import builtins
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tectra.core.errors import StrategyLoadError

__all__ = ["Def", "Function", "Module", "bound_names", "key_of"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
Def = Function | ast.ClassDef
_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BUILTINS = frozenset(vars(builtins))


def _imported(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """(name, what it stands for) of one import statement; a relative import begins with dots."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield (alias.asname or top), (alias.name if alias.asname else top)
    elif isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        if package and base.startswith(f"{package}."):
            base = "." + base.removeprefix(f"{package}.")
        for alias in node.names:
            joint = "" if base.endswith(".") or not base else "."
            yield (alias.asname or alias.name), f"{base}{joint}{alias.name}"


def bound_names(function: ast.AST) -> set[str]:
    """Names that a function binds itself: parameters, assignments, loop targets, handlers."""
    out: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            out.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            out.add(node.id)
        elif isinstance(node, (ast.ExceptHandler, *_DEFS)) and node is not function:
            out.update([node.name] if node.name else [])
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            out.difference_update(node.names)
    return out


def key_of(node: ast.AST) -> str | None:
    """How a variable is called in tables of variables: `name`, or `self.name` of an attribute."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"self.{node.attr}" if node.value.id == "self" else None
    return None


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported; not those of a script's own main part."""
    for statement in body:
        if isinstance(statement, Def):
            continue
        if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            continue
        yield statement


class Module:
    """The parsed source of one module."""

    def __init__(self, path: Path, package: str = "") -> None:
        self.path = path
        self.package = package
        try:
            self.tree = ast.parse(path.read_bytes(), str(path))
        except (OSError, SyntaxError, ValueError) as error:
            raise StrategyLoadError(f"{path} cannot be read as Python: {error}") from error
        self.defs: dict[str, Def] = {n.name: n for n in self.tree.body if isinstance(n, Def)}
        self.top = list(_run_at_import(self.tree.body))
        self._near: dict[str, Module | None] = {}

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Module-level names and the dotted names they stand for."""
        return self._aliases_in(self.top, {})

    def _aliases_in(self, body: list[ast.stmt], outer: dict[str, str]) -> dict[str, str]:
        out = dict(outer)
        for statement in body:
            for node in ast.walk(statement):
                out.update(_imported(node, self.package))
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Assign) and isinstance(
                    node.value, (ast.Name, ast.Attribute)
                ):
                    dotted = _dotted(node.value, out)
                    for target in node.targets:
                        if dotted is not None and isinstance(target, ast.Name):
                            out[target.id] = dotted
        return out

    def scope(self, function: Def) -> dict[str, str]:
        """Names inside a function and what they stand for."""
        bound = bound_names(function)
        outer = {k: v for k, v in self.aliases.items() if k not in bound}
        for name in bound:
            outer[name] = ""
        return self._aliases_in(function.body, outer)

    def resolve(self, node: ast.AST, scope: dict[str, str]) -> str | None:
        """Dotted name of an expression: `time.time`, `builtins.open`, `:function` of this module;
        None when it is a value.
        """
        found = _dotted(node, scope)
        if found is not None or not isinstance(node, ast.Name) or node.id in scope:
            return found
        if node.id in self.defs:
            return f":{node.id}"
        if node.id in self.globals:
            return None
        return f"builtins.{node.id}" if node.id in _BUILTINS else None

    @cached_property
    def globals(self) -> set[str]:
        """Names assigned at the top of the module."""
        return {
            n.id
            for statement in self.top
            for n in ast.walk(statement)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }

    def near(self, dotted: str) -> "tuple[Module, str] | None":
        """A module in the directory of this one, and the name in it that `dotted` stands for."""
        parts = dotted.lstrip(".").split(".")
        if dotted.startswith("..") or not parts[0].isidentifier():
            return None
        if parts[0] not in self._near:
            path = self.path.parent / f"{parts[0]}.py"
            same = path == self.path or not path.is_file()
            self._near[parts[0]] = None if same else Module(path, self.package)
        module = self._near[parts[0]]
        return None if module is None else (module, parts[1] if len(parts) > 1 else "")


def _dotted(node: ast.AST, scope: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return scope.get(node.id) or None
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, scope)
        return None if base is None else f"{base}.{node.attr}"
    return None
