"""The checkout as text, for the tests that hold its habits: files by kind, code without strings and
comments, functions.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = [
    "ROOT",
    "Function",
    "c_functions",
    "comments",
    "cython_functions",
    "files",
    "is_generated",
    "logical_lines",
    "masked",
    "python_functions",
    "read",
    "rel",
]

ROOT = Path(__file__).resolve().parents[2]
TREES = ("tectra", "ext", "tests", "benchmarks", "examples")
SKIP = {"build", "dist", "__pycache__", ".venv", "venv", "node_modules"}

_PYTHON_TOKENS = re.compile(
    r"(?P<string>[rbfuRBFU]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'))|(?P<comment>#[^\n]*)",
    re.DOTALL,
)
_C_TOKENS = re.compile(
    r"(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<comment>/\*.*?\*/|//[^\n]*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Function:
    """One function: where it starts, its lines, its parameters without self."""

    name: str
    line: int
    lines: int
    parameters: int


@cache
def read(path: Path) -> str:
    return path.read_text()


def rel(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


@cache
def is_generated(path: Path) -> bool:
    """The generator marks the first line of what it writes."""
    return "Generated from" in read(path).split("\n", 1)[0]


@cache
def _all() -> tuple[Path, ...]:
    found = [p for p in ROOT.glob("*.py") if p.is_file()]
    for tree in TREES:
        for path in (ROOT / tree).rglob("*"):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not SKIP.intersection(parts):
                found.append(path)
    return tuple(sorted(found))


def files(*suffixes: str, under: tuple[str, ...] = (), generated: bool = False) -> list[Path]:
    """Files with one of the suffixes, below the named trees (all by default)."""
    return [
        p
        for p in _all()
        if p.suffix in suffixes
        and (not under or rel(p).split("/")[0] in under)
        and (generated or not is_generated(p))
    ]


def _tokens(path: Path) -> re.Pattern[str]:
    return _C_TOKENS if path.suffix in (".h", ".c") else _PYTHON_TOKENS


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


@cache
def masked(path: Path) -> str:
    """The text with strings and comments blanked out; lines and columns stay."""

    def blank(match: re.Match[str]) -> str:
        text = match.group()
        if match.group("string") and "\n" not in text and len(text) >= 2:
            return text[0] + _blank(text[1:-1]) + text[-1]
        return _blank(text)

    return _tokens(path).sub(blank, read(path))


def comments(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(first line, lines without marks) of each comment; empty lines are left out."""
    text = read(path)
    for match in _tokens(path).finditer(text):
        if body := match.group("comment"):
            lines = [line.strip().strip("#/*").strip() for line in body.split("\n")]
            yield text.count("\n", 0, match.start()) + 1, [line for line in lines if line]


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) with lines joined inside brackets and after a backslash; for masked Cython."""
    depth, start, parts = 0, 1, []
    for number, line in enumerate(text.split("\n"), 1):
        if not parts:
            start = number
        depth += sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")
        parts.append(line.rstrip("\\") if line.endswith("\\") else line)
        if depth <= 0 and not line.endswith("\\"):
            yield start, re.sub(r"(?<=\S)\s+", " ", " ".join(parts).rstrip())
            depth, parts = 0, []


def python_functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a = node.args
            names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
            names += [x.arg for x in (a.vararg, a.kwarg) if x]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(node.name, node.lineno, lines, count)


_CY_DEF = re.compile(r"^(\s*)(?:async\s+)?(?:def|cpdef|cdef)\b[^=(]*?(\w+)\s*\((.*)\)[^()]*:\s*$")


def _split_parameters(text: str) -> list[str]:
    out, depth, part = [], 0, ""
    for char in text:
        depth += (char in "([{<") - (char in ")]}>")
        if char == "," and depth == 0:
            out.append(part)
            part = ""
        else:
            part += char
    return [p.strip() for p in (*out, part) if p.strip() not in ("", "*", "/", "void")]


def cython_functions(path: Path) -> Iterator[Function]:
    """Functions with a body; by indentation, as Cython has no parser to lend."""
    logical = list(logical_lines(masked(path)))
    for i, (number, line) in enumerate(logical):
        match = _CY_DEF.match(line)
        if not match or re.match(r"\s*c?p?def\s+(extern|class|struct|enum|union)\b", line):
            continue
        indent, last = len(match[1]), number
        for following, text in logical[i + 1 :]:
            if text.strip():
                if len(text) - len(text.lstrip()) <= indent:
                    break
                last = following
        last = max(last, number)
        names = _split_parameters(match[3])
        count = len(names) - bool(names and re.search(r"\b(self|cls)$", names[0]))
        yield Function(match[2], number, last - number + 1, count)


_C_DEF = re.compile(r"^[A-Za-z_][^;{}()=#]*?\b(\w+)\s*\(([^;{}]*)\)\s*\{", re.MULTILINE)


def c_functions(path: Path) -> Iterator[Function]:
    """Function definitions that begin in the first column and end with a brace there."""
    text = masked(path)
    for match in _C_DEF.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        end = text.find("\n}", match.end())
        opened = text[match.end() - 1 : text.find("\n", match.end())]
        if opened.count("{") == opened.count("}"):
            lines = text.count("\n", match.start(), match.end()) + 1
        else:
            lines = text.count("\n", match.start(), end + 1) + 1
        yield Function(match[1], first, lines, len(_split_parameters(match[2])))
