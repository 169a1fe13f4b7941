"""Words that stand for habits which this project does not have, code in comments, and who may ask
the machine for what.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sources

# Put together here, so that the list does not find itself.
WORDS = ("leg" + "acy", "depre" + "cated", "feature" + "_flag")
BANNED = re.compile(rf"{'|'.join(WORDS)}|(?<![a-z])sh{''}ims?(?![a-z])", re.IGNORECASE)
MARKS = re.compile(rf"\b(?:FIX{''}ME|X{''}XX|TO{''}DO|HA{''}CK)\b")
ALL = sources.files(".py", ".pyi", ".pyx", ".pxd", ".h", ".c")


@pytest.mark.parametrize("path", ALL, ids=sources.rel)
def test_words(path: Path) -> None:
    wrong = [
        f"{sources.rel(path)}:{n}: {match[0]}"
        for n, line in enumerate(sources.read(path).split("\n"), 1)
        for pattern in (BANNED, MARKS)
        if (match := pattern.search(line))
    ]
    assert not wrong, "\n".join(wrong)


PY_CODE = re.compile(
    r"^(?:(?:cdef|cpdef|def|class)\s+\w.*:|(?:from\s+\S+\s+)?c?import\s+[\w.]+(?:\s+as\s+\w+)?"
    r"|return\s+(?:\w+[.(\[].*|None|True|False|-?\d+)"
    r"|(?:if|elif|while|for|with)\s.*[\w)\]]:|else:|try:|finally:|except.*:"
    r"|[\w.\[\]]+\s*[-+*/|&]?=\s*[\w.\[\]]+(?:\(.*\))?|[\w.]+\(.*\))$"
)
C_CODE = re.compile(
    r"^(?:[\w\s*>.\[\]-]+(?:\(.*\)|[-+|&]?=\s*\S.*);|#\s*(?:if|define|include)\b.*|[{}])$"
)


@pytest.mark.parametrize("path", ALL, ids=sources.rel)
def test_no_code_in_comments(path: Path) -> None:
    pattern = C_CODE if path.suffix in (".h", ".c") else PY_CODE
    lines = sources.masked(path).split("\n")
    wrong = [
        f"{sources.rel(path)}:{n}: {' '.join(block)}"
        for n, block in sources.comments(path)
        if not lines[n - 1].strip() and block and all(map(pattern.match, block))
    ]
    assert not wrong, "\n".join(wrong)


CLOCK_MODULES = {"time"}
RANDOM_MODULES = {"random", "uuid", "secrets"}
CLOCK_CALLS = {"time", "time_ns", "monotonic", "monotonic_ns", "clock_gettime", "process_time"}
CLOCK_CALLS |= {"perf_counter", "perf_counter_ns"}
NOW = {"now", "utcnow", "today"}


def _asked(node: ast.AST) -> str | None:
    """The name by which a node asks the machine for time, randomness or an id. A seeded generator
    is none of these.
    """
    if isinstance(node, ast.ImportFrom) and not node.level:
        taken = {alias.name for alias in node.names}
        if node.module in CLOCK_MODULES and taken & CLOCK_CALLS:
            return f"from time import {', '.join(sorted(taken & CLOCK_CALLS))}"
        if node.module in RANDOM_MODULES and taken != {"Random"}:
            return f"from {node.module} import {', '.join(sorted(taken))}"
    if isinstance(node, ast.Attribute):
        text = ast.unparse(node)
        head, _, last = text.rpartition(".")
        if (head == "time" and last in CLOCK_CALLS) or text == "os.urandom":
            return text
        if head in RANDOM_MODULES and text != "random.Random":
            return text
        if last in NOW and head.rsplit(".", 1)[-1] in ("datetime", "date", "Timestamp"):
            return text
        if head in ("np.random", "numpy.random") and last not in (
            "default_rng",
            "Generator",
            "SeedSequence",
            "PCG64",
        ):
            return text
    if isinstance(node, ast.Call) and not node.args and not node.keywords:
        called = ast.unparse(node.func)
        if called.rsplit(".", 1)[-1] in ("default_rng", "Random", "SeedSequence"):
            return f"{called}() without a seed"
    return None


def asks(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(sources.read(path))):
        if what := _asked(node):
            yield f"{sources.rel(path)}:{getattr(node, 'lineno', 0)}: {what}"


OUTSIDE_CORE = [
    p
    for p in sources.files(".py", ".pyx", under=("tectra",))
    if not sources.rel(p).startswith("tectra/core/")
]
CYTHON_ASKS = re.compile(
    r"(?<![\w.])time\.(?:time|time_ns|monotonic\w*|perf_counter\w*)\s*\(|datetime\.(?:utc)?now\s*\("
    r"|(?<![\w.])(?:random|uuid|secrets)\.(?!Random\()\w+"
    r"|(?<!\w)(?:clock_gettime|gettimeofday)\s*\("
)


@pytest.mark.parametrize("path", OUTSIDE_CORE, ids=sources.rel)
def test_only_core_asks_the_machine(path: Path) -> None:
    """State is a function of records: time, randomness and ids come in as arguments."""
    if path.suffix == ".py":
        wrong = list(asks(path))
    else:
        text = sources.masked(path)
        wrong = [
            f"{sources.rel(path)}:{text.count(chr(10), 0, m.start()) + 1}: {m[0]}"
            for m in CYTHON_ASKS.finditer(text)
        ]
    assert not wrong, "\n".join(wrong)


C_ASKS = re.compile(
    r"\b(?:clock_gettime|gettimeofday|time|rand|random|drand48|getrandom|__rdtscp?|_rdtsc)\s*\("
)
CLOCK_HEADERS = {"clock.h", "cpu.h"}


@pytest.mark.parametrize("path", sources.files(".h", under=("ext",)), ids=sources.rel)
def test_only_the_clock_header_asks_the_clock(path: Path) -> None:
    if path.name in CLOCK_HEADERS:
        return
    found = C_ASKS.findall(sources.masked(path))
    assert not found, f"{sources.rel(path)}: {found}"


@pytest.mark.parametrize("path", sources.files(".h", under=("ext",)), ids=sources.rel)
def test_no_memory_is_allocated_in_headers(path: Path) -> None:
    """Memory comes from the caller."""
    found = re.findall(r"\b(?:malloc|calloc|realloc|free|alloca|strdup)\s*\(", sources.masked(path))
    assert not found, f"{sources.rel(path)}: {found}"


def test_the_patterns_themselves() -> None:
    assert BANNED.search("a " + "sh" + "im") and not BANNED.search("shimmer")
    for code in ("x = f(a)", "return f(x)", "for a in b:", "import os", "f(1)"):
        assert PY_CODE.match(code), code
    for prose in ("the best price, if any", "see x: y", "n = number of levels", "return codes"):
        assert not PY_CODE.match(prose), prose
    for code in ("x = 1;", "return f(x);", "}", "#define A"):
        assert C_CODE.match(code), code
    for prose in ("pairs with the acquire in pop", "empty; then the consumer sleeps"):
        assert not C_CODE.match(prose), prose
    lines = {
        "random.random()": 1,
        "random.Random(7)": 0,
        "rng.random()": 0,
        "time.time()": 1,
        "datetime.now()": 1,
        "np.random.default_rng()": 1,
        "np.random.default_rng(1)": 0,
    }
    for line, want in lines.items():
        tree = ast.parse(line)
        assert sum(bool(_asked(n)) for n in ast.walk(tree)) == want, line
