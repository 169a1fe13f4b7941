"""A look at a strategy's source for what no replay can repeat: the clock, randomness, the order of
sets, threads, sockets, files.

Reads only; runs nothing. What it looks at: the classes of the strategy, the functions and classes
of their modules that they reach, and modules that lie next to them. Dicts keep their order and are
not named. A compiled strategy has no source to look at: a replay still compares what it says.
"""

import ast
import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Any
from weakref import WeakSet

from tectra.core.errors import StrategyLoadError
from tectra.strategy.api import Strategy
from tectra.strategy.compiled import CompiledStrategy
from tectra.strategy.machine import SOURCES, Source, is_now, needs_arguments, source_of
from tectra.strategy.names import Def, Function, Module, key_of
from tectra.strategy.setorder import NUMBERS, SetTable, ordered_uses

__all__ = ["Finding", "Look", "look_at", "warn_of"]

_LOG = getLogger("tectra.strategy")
_WARNED: WeakSet[type[Any]] = WeakSet()
_FILES_MAX = 16
_MUTATORS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem",
    "popleft", "remove", "setdefault", "update",
}  # fmt: skip
_MUTABLE_MAKERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict"}
_PATH_METHODS = {
    "exists", "glob", "is_dir", "is_file", "iterdir", "open", "read_bytes", "read_text", "rglob",
    "stat", "touch", "unlink", "write_bytes", "write_text",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Finding:
    """One place in a source that may answer differently in every run."""

    file: str
    line: int
    where: str
    source: str
    what: str

    @property
    def why(self) -> str:
        """Why it cannot be repeated."""
        return SOURCES[self.source].why

    @property
    def instead(self) -> str:
        """What to use instead."""
        return SOURCES[self.source].instead

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.where} {self.what}: {self.why}; use {self.instead}"


@dataclass(frozen=True)
class Look:
    """What was looked at, what was found; `note` says why there was nothing to look at."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    note: str | None = None


class _Walk:
    """One pass over everything that a strategy's classes reach."""

    def __init__(self) -> None:
        self.findings: set[Finding] = set()
        self.files: dict[Path, Module] = {}
        self._seen: set[tuple[Path, str]] = set()
        self.left_out: set[str] = set()
        self._tables: dict[Path, SetTable] = {}

    def module(self, path: Path, package: str = "") -> Module:
        """The module at a path; what runs when it is imported is looked at as well."""
        if path not in self.files:
            self.take(Module(path, package))
        return self.files[path]

    def _table(self, module: Module) -> SetTable:
        """The sets of a module's own variables, a new copy each time."""
        if module.path not in self._tables:
            self._tables[module.path] = SetTable(module.top)
        return SetTable([], self._tables[module.path])

    def take(self, module: Module) -> Module:
        known = self.files.setdefault(module.path, module)
        if known is module:
            table = self._table(module)
            for statement in module.top:
                if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                    self._body(module, statement, "the module", module.aliases, table)
        return known

    def reach(self, module: Module, name: str) -> None:
        """Look at a function or class of a module, once."""
        found = module.defs.get(name)
        if found is None or (module.path, name) in self._seen:
            return
        self._seen.add((module.path, name))
        if isinstance(found, ast.ClassDef):
            self._class(module, found)
        else:
            self._function(module, found, name, self._table(module), {})

    def _class(self, module: Module, node: ast.ClassDef) -> None:
        for base in node.bases:
            self._reach_name(module, module.resolve(base, module.aliases))
        methods = [n for n in node.body if isinstance(n, Function)]
        others = [n for n in node.body if not isinstance(n, Def)]
        attributes = SetTable(list(methods), self._table(module))
        own = SetTable(others)
        attributes.kinds |= {f"self.{key}": kind for key, kind in own.kinds.items()}
        shared = _shared_attributes(others, methods)
        for statement in others:
            self._body(module, statement, node.name, module.aliases, attributes)
        for method in methods:
            # What other methods call their variables says nothing here.
            kinds = self._table(module)
            kinds.kinds |= {k: v for k, v in attributes.kinds.items() if k.startswith("self.")}
            where = f"{node.name}.{method.name}"
            if method.name == "__del__":
                self._say(module, method, where, SOURCES["memory"], "runs when it is collected")
            self._function(module, method, where, kinds, shared)

    def _function(
        self, module: Module, node: Function, where: str, outer: SetTable, shared: dict[str, int]
    ) -> None:
        table = SetTable([node], outer)
        scope = module.scope(node)
        for statement in [*node.args.defaults, *node.args.kw_defaults, *node.body]:
            if statement is not None:
                self._body(module, statement, where, scope, table)
        for found, what in _shared_changes(module, node, scope, shared):
            self._say(module, found, where, SOURCES["shared state"], what)

    def _body(
        self, module: Module, body: ast.AST, where: str, scope: dict[str, str], table: SetTable
    ) -> None:
        for found, what in ordered_uses(body, table):
            self._say(module, found, where, SOURCES["set order"], what)
        for node, call in _expressions(body):
            if isinstance(node, ast.Call):
                self._method(module, node, where, scope)
                continue
            dotted = module.resolve(node, scope)
            if dotted is None or self._reach_name(module, dotted):
                continue
            source = source_of(dotted)
            if source is not None and _asks(dotted, call, where):
                text = dotted.removeprefix("builtins.")
                self._say(module, node, where, source, f"{'calls' if call else 'uses'} {text}")

    def _method(self, module: Module, node: ast.Call, where: str, scope: dict[str, str]) -> None:
        """Calls that are known by the method: of a Path, of a weak reference with a callback."""
        if isinstance(node.func, ast.Attribute) and node.func.attr in _PATH_METHODS:
            made = node.func.value
            if isinstance(made, ast.Call):
                dotted = module.resolve(made.func, scope)
                if dotted == "pathlib.Path":
                    text = f"calls pathlib.Path.{node.func.attr}"
                    self._say(module, node, where, SOURCES["file"], text)
        dotted = module.resolve(node.func, scope)
        if dotted in ("weakref.ref", "weakref.proxy") and len(node.args) > 1:
            self._say(module, node, where, SOURCES["memory"], f"calls {dotted} with a callback")

    def _reach_name(self, module: Module, dotted: str | None) -> bool:
        """Follow a name into this module or one next to it; whether it was one of those."""
        if dotted is None:
            return False
        if dotted.startswith(":"):
            self.reach(module, dotted[1:])
            return True
        near = module.near(dotted)
        if near is None:
            return False
        if near[0].path not in self.files and len(self.files) >= _FILES_MAX:
            self.left_out.add(near[0].path.name)
            return True
        self.reach(self.take(near[0]), near[1])
        return True

    def _say(self, module: Module, node: ast.AST, where: str, source: Source, what: str) -> None:
        line = getattr(node, "lineno", 0)
        self.findings.add(Finding(str(module.path), line, where, source.name, what))


def _expressions(body: ast.AST) -> Iterator[tuple[ast.AST, ast.Call | None]]:
    """Names and chains of attributes that are read, with the call that calls them; and the calls
    themselves. Annotations are not code.
    """
    todo: list[tuple[ast.AST, ast.Call | None]] = [(body, None)]
    while todo:
        node, call = todo.pop()
        if isinstance(node, ast.Call):
            yield node, None
            todo.append((node.func, node))
            todo.extend((n, None) for n in ast.iter_child_nodes(node) if n is not node.func)
            continue
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            yield node, call
            root = node
            while isinstance(root, ast.Attribute):
                root = root.value  # type: ignore[assignment]
            todo.extend([] if root is node else [(root, None)])
            continue
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns"):
                children = value if isinstance(value, list) else [value]
                todo.extend((c, None) for c in children if isinstance(c, ast.AST))


def _asks(dotted: str, call: ast.Call | None, where: str) -> bool:
    """Whether this use of a name asks the machine: a class only when it is called, a generator only
    without a seed, hash() not of a number and not to define a hash.
    """
    inside = [] if call is None else ast.walk(call)
    asks_now = is_now(dotted, [n.value for n in inside if isinstance(n, ast.Constant)])
    if asks_now is not None:
        return asks_now
    if call is None:
        return dotted.rpartition(".")[2].islower()
    given = [*call.args, *(k.value for k in call.keywords)]
    if dotted == "builtins.hash":
        numbers = bool(given) and SetTable([]).element(given[0]) <= NUMBERS
        return not where.endswith(".__hash__") and not numbers
    none = len(given) == 1 and isinstance(given[0], ast.Constant) and given[0].value is None
    needed = needs_arguments(dotted)
    return needed == 0 or len(given) < needed or none


def _mutable(value: ast.AST | None) -> bool:
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else ""
        return (value.func.id if isinstance(value.func, ast.Name) else name) in _MUTABLE_MAKERS
    return isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST | None, int]]:
    for node in (n for statement in body for n in ast.walk(statement)):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if (key := key_of(target)) is not None:
                    yield key, node.value, node.lineno
        elif isinstance(node, ast.AnnAssign) and (key := key_of(node.target)) is not None:
            yield key, node.value, node.lineno


def _shared_attributes(others: list[ast.stmt], methods: list[Function]) -> dict[str, int]:
    """Attributes that are made once for the class and changed through instances: name -> line."""
    made = {f"self.{key}": line for key, value, line in _assigned(others) if _mutable(value)}
    for attribute, _, _ in _assigned(list(methods)):
        made.pop(attribute, None)
    return made


def _shared_changes(
    module: Module, function: Function, scope: dict[str, str], attributes: dict[str, int]
) -> Iterator[tuple[ast.AST, str]]:
    """Changes of what outlives the run: module-level variables, attributes of the class."""
    shared = {key for key, value, _ in _assigned(module.top) if _mutable(value)} - set(scope)
    named = {n for node in ast.walk(function) if isinstance(node, ast.Global) for n in node.names}
    for node in ast.walk(function):
        key: str | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            key = key_of(node.func.value) if node.func.attr in _MUTATORS else None
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            key = key_of(node.value)
        elif isinstance(node, ast.AugAssign):
            key = key_of(node.target)
        if key is not None and (key in shared or key in attributes):
            kind = "of the class" if key.startswith("self.") else "of the module"
            yield node, f"changes {key} {kind}"
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and node.id in named:
            yield node, f"assigns {node.id} of the module"


def _files_of(cls: type[Any]) -> Iterator[tuple[Path, str, str]]:
    """(file, package, class) of a strategy's class and its bases, but not of what tectra brings."""
    for each in cls.__mro__:
        if each is Strategy or each.__module__ in ("abc", "builtins", "typing"):
            continue
        file: str | None = None
        with suppress(TypeError, OSError):  # it is built in, or was typed at a prompt
            file = inspect.getsourcefile(each)
        if file is not None and Path(file).is_file():
            yield Path(file), each.__module__.rpartition(".")[0], each.__qualname__.split(".")[0]


def look_at(cls: type[Any]) -> Look:
    """Look at the source of a strategy class; never raises for what stands in it."""
    if issubclass(cls, CompiledStrategy):
        said = f"{cls.__name__} is compiled: nothing to look at; a replay compares what it says"
        return Look((), (), said)
    walk = _Walk()
    try:
        for path, package, name in _files_of(cls):
            walk.reach(walk.module(path, package), name)
    except (StrategyLoadError, RecursionError) as error:
        return Look(tuple(map(str, walk.files)), tuple(sorted(walk.findings)), str(error))
    if walk.left_out:
        rest = f"looked at {_FILES_MAX} files and not at {', '.join(sorted(walk.left_out))}"
        return Look(tuple(map(str, walk.files)), tuple(sorted(walk.findings)), rest)
    note = None if walk.files else f"{cls.__name__} has no source file to look at"
    return Look(tuple(map(str, walk.files)), tuple(sorted(walk.findings)), note)


def warn_of(cls: type[Any]) -> None:
    """Log what a look at a strategy finds: a warning each, once for a class in a process."""
    if cls in _WARNED:
        return
    _WARNED.add(cls)
    look = look_at(cls)
    if look.note is not None:
        _LOG.info("%s", look.note)
    for finding in look.findings:
        _LOG.warning("not repeatable: %s", finding)
