"""The floors of the packages, and the imports of a module wherever they stand."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sources

__all__ = [
    "FACE",
    "FLOORS",
    "PATHS",
    "WIRED",
    "WIRING",
    "absolute",
    "floor_of",
    "imports",
    "module_of",
    "package_of",
]

FLOORS: dict[str, int] = {
    "core": 1,
    "schema": 1,
    "refdata": 2,
    "journal": 2,
    "net": 2,
    "signals": 2,
    "book": 3,
    "protocol": 3,
    "agents": 3,
    "feed": 4,
    "gateway": 4,
    "venue": 5,
    "sim": 5,
    "portfolio": 5,
    "dispatch": 5,
    "risk": 6,
    "oms": 7,
    "strategy": 8,
    "engine": 9,
    "runtime": 10,
    "backtest": 10,
    "replay": 10,
    "research": 11,
    "recorder": 11,
    "testing": 11,
    "ops": 12,
}
# `tectra/paths.py` says where shipped files lie and knows no other module: floor 0, beside the
# headers. `tectra/__init__.py` is the face that users import: above everything, so nothing inside
# may import it.
PATHS, FACE = 0, 13
# Only the wiring names a venue or the simulated exchange.
WIRING = {"runtime", "backtest"}
WIRED = {"venue", "sim"}


def package_of(module: str) -> str:
    """'tectra.book.l3' -> 'book'; each venue is a package of its own; '' is the face."""
    parts = module.split(".")[1:]
    if not parts:
        return ""
    return ".".join(parts[:2]) if parts[0] == "venue" and len(parts) > 1 else parts[0]


def floor_of(package: str) -> int:
    if package in ("", "__main__"):
        return FACE
    return PATHS if package == "paths" else FLOORS[package.split(".", maxsplit=1)[0]]


def module_of(path: Path) -> str:
    parts = path.relative_to(sources.ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def absolute(name: str, path: Path) -> str:
    """Resolve a relative import as the importing file sees it."""
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    parts = module_of(path).split(".")
    base = parts if path.stem == "__init__" else parts[:-1]
    base = base[: len(base) - dots + 1]
    return ".".join([*base, *([name.lstrip(".")] if name.strip(".") else [])])


def named(module: str, names: list[str]) -> list[str]:
    """What `from module import names` reaches: below the top package, each name is a subpackage or
    module.
    """
    return [f"{module}.{n}" for n in names] if module == "tectra" else [module]


def python_imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(sources.read(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute("." * node.level + (node.module or ""), path)
            for target in named(module, [alias.name for alias in node.names]):
                yield node.lineno, target
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rsplit(".", 1)[-1]
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


FROM = re.compile(r"^\s*from\s+([\w.]+)\s+c?import\s+\(?(.*?)\)?\s*$")
PLAIN = re.compile(r"^\s*c?import\s+(.+)$")


def cython_imports(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in sources.logical_lines(sources.masked(path)):
        if match := FROM.match(line):
            names = [n.split(" as ")[0].strip() for n in match[2].split(",")]
            for target in named(absolute(match[1], path), names):
                yield number, target
        elif match := PLAIN.match(line):
            for part in match[1].split(","):
                yield number, part.split(" as ")[0].strip()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    yield from cython_imports(path) if path.suffix in (".pyx", ".pxd") else python_imports(path)
