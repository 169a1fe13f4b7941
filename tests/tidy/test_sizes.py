"""Files, functions, classes and parameter lists stay small enough to be read in one sitting."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
import sources

LINES = {".pyx": 500, ".h": 400, ".py": 500, ".pxd": 250, ".pyi": 250, ".c": 700}
TEST_LINES = 700
COLUMNS = 100
FUNCTION_LINES = 70
PARAMETERS = 8
PUBLIC_METHODS = 25

FILES = sources.files(*LINES)
READERS = {
    ".py": sources.python_functions,
    ".pyi": sources.python_functions,
    ".pyx": sources.cython_functions,
    ".pxd": sources.cython_functions,
    ".h": sources.c_functions,
    ".c": sources.c_functions,
}


@pytest.mark.parametrize("path", FILES, ids=sources.rel)
def test_file(path: Path) -> None:
    limit = TEST_LINES if sources.rel(path).startswith("tests/") else LINES[path.suffix]
    lines = sources.read(path).split("\n")
    wrong = [f"{n}: {len(line)} columns" for n, line in enumerate(lines, 1) if len(line) > COLUMNS]
    if len(lines) - 1 > limit:
        wrong.append(f"{len(lines) - 1} lines of {limit}: it has two subjects, split it by subject")
    assert not wrong, f"{sources.rel(path)}:" + f"\n{sources.rel(path)}:".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=sources.rel)
def test_functions(path: Path) -> None:
    wrong = []
    for f in READERS[path.suffix](path):
        where = f"{sources.rel(path)}:{f.line}: {f.name}"
        if f.lines > FUNCTION_LINES:
            wrong.append(f"{where} has {f.lines} lines; allowed: {FUNCTION_LINES}")
        if f.parameters > PARAMETERS:
            wrong.append(f"{where} has {f.parameters} parameters; take a struct above {PARAMETERS}")
    assert not wrong, "\n".join(wrong)


def python_methods(path: Path) -> dict[str, int]:
    """Public methods by class; properties are data."""
    out = {}
    for node in ast.walk(ast.parse(sources.read(path))):
        if isinstance(node, ast.ClassDef):
            names = {
                f.name
                for f in node.body
                if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
                and not f.name.startswith("_")
                and not any(
                    "property" in ast.unparse(d) or "setter" in ast.unparse(d)
                    for d in f.decorator_list
                )
            }
            out[node.name] = len(names)
    return out


CLASS = re.compile(r"^(?:cdef\s+)?class\s+(\w+)")
METHOD = re.compile(r"^    (?:def|cpdef)\s+(?:[^(=]*?)(\w+)\s*\(")


def cython_methods(path: Path) -> dict[str, int]:
    out: dict[str, set[str]] = defaultdict(set)
    current, previous = "", ""
    for _, line in sources.logical_lines(sources.masked(path)):
        if match := CLASS.match(line):
            current = match[1]
        elif line and not line[0].isspace():
            current = "" if not line.startswith("@") else current
        method = METHOD.match(line)
        if current and method and not method[1].startswith("_") and "@property" not in previous:
            out[current].add(method[1])
        previous = line
    return {name: len(methods) for name, methods in out.items()}


@pytest.mark.parametrize(
    "path", sources.files(".py", ".pyi", ".pyx", under=("tectra",)), ids=sources.rel
)
def test_classes(path: Path) -> None:
    count = cython_methods if path.suffix == ".pyx" else python_methods
    wrong = {name: n for name, n in count(path).items() if n > PUBLIC_METHODS}
    assert not wrong, f"{sources.rel(path)}: {wrong}; allowed: {PUBLIC_METHODS} public methods"


def test_the_counting_itself(tmp_path: Path) -> None:
    c = tmp_path / "x.h"
    c.write_text(
        "/* int no(int a) { */\nstatic inline int tt_f(const char *a, int (*b)(int, int))\n{\n"
        "    if (a) {\n        return 1;\n    }\n    return 0;\n}\n"
        "typedef struct {\n    int a;\n} t;\nstatic inline int one(void) { return 1; }\n"
    )
    found = [(f.name, f.line, f.lines, f.parameters) for f in sources.c_functions(c)]
    assert found == [("tt_f", 2, 7, 2), ("one", 12, 1, 0)]
    pyx = tmp_path / "x.pyx"
    pyx.write_text(
        "cdef class A:\n    cdef int f(self, int a,\n               int b) except -1:\n"
        "        return a\n\n"
        '    def g(self, x=("a", 1)):\n        """def no(self): """\n        return x\n\n\n'
        "cdef inline int64_t h(const uint8_t *p) noexcept nogil:\n    return 1\n"
    )
    found = [(f.name, f.line, f.lines, f.parameters) for f in sources.cython_functions(pyx)]
    assert found == [("f", 2, 3, 2), ("g", 6, 3, 1), ("h", 11, 2, 1)]
    assert cython_methods(pyx) == {"A": 1}
