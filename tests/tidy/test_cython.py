"""Error contracts, directives and performance hints of the Cython modules."""

import hashlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import sources

CYTHON = sources.files(".pyx", ".pxd", under=("tectra", "examples"))
PYX = sources.files(".pyx", under=("tectra",))
HINT = re.compile(r"performance hint: (.*)")

OBJECTS = {
    "object",
    "str",
    "bytes",
    "bytearray",
    "list",
    "dict",
    "tuple",
    "set",
    "frozenset",
    "memoryview",
    "type",
}
FUNCTION = re.compile(
    r"^(?P<indent>\s*)(?P<kind>c(?:p)?def)\s+(?:public\s+|api\s+)*(?P<inline>inline\s+)?"
    r"(?P<type>[\w.\s*&\[\]:]*?)\s*(?P<name>\w+)\s*\((?P<args>.*)\)"
    r"(?P<tail>[^()]*(?:\([^()]*\))?[^()]*?):?\s*$"
)
POINTER = re.compile(
    r"^\s*(?:ctypedef|cdef)\s+[\w.\s*]+\(\s*\*\s*\w+\s*\)\s*\(.*\)(?P<tail>[^()]*)$"
)
CONTRACT = re.compile(r"^\s*(?:noexcept|except\s*\??\s*[-+\w.]+)(?:\s+nogil|\s+with\s+gil)?\s*$")


def returns_object(kind: str) -> bool:
    """No type, a Python type, or a class of ours (CamelCase, no pointer)."""
    words = kind.replace("inline", "").split()
    if not words:
        return True
    last = words[-1].split(".")[-1]
    return "*" not in kind and (
        last in OBJECTS or re.fullmatch(r"[A-Z]\w*[a-z]\w*", last) is not None
    )


def bare(path: Path) -> list[str]:
    """cdef and cpdef functions that leave Cython to guess what happens on error."""
    out: list[str] = []
    extern: int | None = None
    for number, line in sources.logical_lines(sources.masked(path)):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if extern is not None and indent <= extern:
            extern = None
        if re.match(r"\s*cdef\s+extern\b", line):
            extern = indent
        if extern is not None:
            continue
        match = FUNCTION.match(line) or POINTER.match(line)
        if not match or re.match(r"\s*c(?:p)?def\s+(?:class|struct|enum|union|packed)\b", line):
            continue
        groups = match.groupdict()
        groups["tail"] = groups["tail"].rstrip(" :")
        if (
            "=" in (groups.get("type") or "")
            or "except *" in groups["tail"]
            or "except*" in groups["tail"]
        ):
            out.append(f"{sources.rel(path)}:{number}: {line.strip()}")
        elif "type" in groups and returns_object(groups["type"]) and not groups["tail"].strip():
            continue
        elif not CONTRACT.match(groups["tail"]):
            out.append(f"{sources.rel(path)}:{number}: {line.strip()}")
    return out


@pytest.mark.parametrize("path", CYTHON, ids=sources.rel)
def test_every_cdef_function_states_its_error_contract(path: Path) -> None:
    wrong = bare(path)
    assert not wrong, "say noexcept, except -1 or except? SENTINEL:\n" + "\n".join(wrong)


@pytest.mark.parametrize("path", CYTHON, ids=sources.rel)
def test_no_textual_include_no_numpy_abi_no_directives(path: Path) -> None:
    wrong = []
    for number, line in enumerate(sources.masked(path).split("\n"), 1):
        if re.match(r"\s*include\s+[\"']", line):
            wrong.append(f"{number}: include makes one compile unit of two subjects")
        if re.search(r"\bcimport\s+numpy\b|\bfrom\s+numpy\s+cimport\b", line):
            wrong.append(f"{number}: cimport numpy brings its ABI in; take buffers")
        if re.search(r"\bexcept\s*\*", line):
            wrong.append(f"{number}: `except *` takes the GIL on every call")
    for number, line in enumerate(sources.read(path).split("\n"), 1):
        if re.match(r"\s*#\s*(?:distutils|cython)\s*:", line):
            wrong.append(f"{number}: directives and build options stand in setup.py")
    assert not wrong, f"{sources.rel(path)}:" + f"\n{sources.rel(path)}:".join(wrong)


@pytest.mark.parametrize("path", PYX, ids=sources.rel)
def test_header_comment(path: Path) -> None:
    """The docstring or comment on top says what the module owns, who calls it, what it costs, what
    it wraps.
    """
    top = re.match(r'\s*(?:(?:""".*?"""\n*)?(?:#.*\n)*)', sources.read(path), re.DOTALL)
    assert top and top[0].strip(), f"{sources.rel(path)} starts without a header comment"
    assert len(top[0]) > 80, f"{sources.rel(path)}: the header comment says too little"


def hints(paths: list[Path], build_dir: Path) -> list[str]:
    """Performance hints and warnings that Cython prints for these modules."""
    directives = runpy.run_path(str(sources.ROOT / "setup.py"), run_name="tidy")["DIRECTIVES"]
    program = (
        "import sys; from Cython.Build import cythonize;"
        f"cythonize(sys.argv[2:], compiler_directives={directives!r}, build_dir=sys.argv[1],"
        " include_path=['.'], force=True, quiet=True)"
    )
    env = dict(os.environ, CYTHON_CACHE_DIR=str(build_dir / "cache"))
    done = subprocess.run(
        [sys.executable, "-c", program, str(build_dir), *map(str, paths)],
        cwd=sources.ROOT, env=env, capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    errors = [
        line for line in done.stderr.splitlines() if re.search(r"\.p(?:yx|xd):\d+:\d+: ", line)
    ]
    assert done.returncode == 0, "\n".join(errors) or done.stderr
    return [line for line in done.stderr.splitlines() if HINT.search(line)]


@pytest.mark.timeout(180)
def test_zero_performance_hints(tmp_path: Path, cache: pytest.Cache) -> None:
    """Modules that have not changed since they were found clean are not compiled again."""
    pxd = "".join(sources.read(p) for p in sources.files(".pxd", under=("tectra",), generated=True))
    setup = sources.read(sources.ROOT / "setup.py")
    known: dict[str, str] = cache.get("tidy/hints", {})
    marks = {
        sources.rel(p): hashlib.sha256((setup + pxd + sources.read(p)).encode()).hexdigest()
        for p in PYX
    }
    fresh = [p for p in PYX if known.get(sources.rel(p)) != marks[sources.rel(p)]]
    found = hints(fresh, tmp_path) if fresh else []
    if not found:
        cache.set("tidy/hints", marks)
    assert not found, "\n".join(found)


@pytest.mark.timeout(60)
def test_hints_are_found(tmp_path: Path) -> None:
    """The check would see one: a nogil function that Cython must ask for exceptions after each
    call.
    """
    probe = tmp_path / "probe.pyx"
    probe.write_text(
        "cdef int counter = 0\n\ncdef void f() nogil:\n    global counter\n    counter += 1\n\n"
        "def g():\n    with nogil:\n        f()\n"
    )
    assert hints([probe], tmp_path / "out")


def test_the_contract_patterns(tmp_path: Path) -> None:
    good = (
        "cdef int f(self) except -1:",
        "cdef inline int64_t f(int a, int (*g)(int) noexcept) noexcept nogil",
        "cdef double f() except? -2.0 nogil:",
        "cdef object f(self):",
        "cdef L3Book make(tt_l3 *c):",
        "cdef f(self):",
        "cpdef str name(self):",
        "ctypedef int (*cb)(void *) noexcept nogil",
        "cdef int x = f(1)",
        "cdef extern from 'tectra/x.h' nogil:\n    int f(int a)",
        "cdef uint8_t buf[16]",
    )
    bad = (
        "cdef int f(self):",
        "cdef void f() nogil:",
        "cpdef int f(self, int a=(1)):",
        "cdef tt_l3 *f(self)",
        "cdef void f() except *:",
        "ctypedef int (*cb)(void *) nogil",
    )
    for i, text in enumerate((*good, *bad)):
        path = tmp_path / f"case{i}.pyx"
        path.write_text(text + "\n")
        assert bool(bare(path)) == (text in bad), text
