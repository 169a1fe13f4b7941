"""Nothing formats a string on a hot thread: code without the GIL neither logs nor prints, and
modules with loops of that kind do not know the log.
"""

import re
from pathlib import Path

import pytest
import sources

PYX = sources.files(".pyx", under=("tectra",))
HEADERS = sources.files(".h", under=("ext",))
SAYS = re.compile(r"\b(?:logging|getLogger|_LOG|_LOGGER|logger|log_[a-z]+|print|warnings)\b\s*[.(]")
IMPORTS = re.compile(r"^\s*(?:from|import)\s+(?:logging|warnings|tectra\.core\.log\w*)\b")
FORMATS = re.compile(r"\b(?:v?f?printf|v?s?n?printf|v?asprintf|puts|fputs|perror|strftime)\s*\(")
# The failed assertion of a checked build, and the path that is read when a page is attached.
COLD = {("base.h", "fprintf"), ("shm.h", "snprintf")}


def loops(path: Path) -> list[sources.Function]:
    """Functions that run without the GIL, in part or whole."""
    lines = sources.masked(path).split("\n")
    return [
        f
        for f in sources.cython_functions(path)
        if any("nogil" in line for line in lines[f.line - 1 : f.line - 1 + f.lines])
    ]


def talk(path: Path) -> list[str]:
    lines = sources.masked(path).split("\n")
    return [
        f"{sources.rel(path)}:{n + 1}: {lines[n].strip()}"
        for f in loops(path)
        for n in range(f.line - 1, f.line - 1 + f.lines)
        if SAYS.search(lines[n])
    ]


def knows_the_log(path: Path) -> list[str]:
    """Imports of the log in a module whose loops take the GIL back: one call away from saying."""
    lines = sources.masked(path).split("\n")
    if not any("with gil" in line for line in lines):
        return []
    return [f"{sources.rel(path)}:{n}: {x}" for n, x in enumerate(lines, 1) if IMPORTS.match(x)]


@pytest.mark.parametrize("path", PYX, ids=sources.rel)
def test_loops_say_nothing(path: Path) -> None:
    assert not (wrong := talk(path) + knows_the_log(path)), "\n".join(wrong)


@pytest.mark.parametrize("path", HEADERS, ids=sources.rel)
def test_headers_format_nothing(path: Path) -> None:
    found = {m[0].rstrip("( ") for m in FORMATS.finditer(sources.masked(path))}
    wrong = {(path.name, name) for name in found} - COLD
    assert not wrong, f"{sources.rel(path)}: {sorted(wrong)}"


def test_the_rule_itself(tmp_path: Path) -> None:
    probe = tmp_path / "probe.pyx"
    probe.write_text(
        "from logging import getLogger\n_LOG = getLogger('tectra')\n"
        "def cold(self):\n    _LOG.info('x')\n"
        "def hot(self):\n    with nogil:\n        with gil:\n            _LOG.info('x')\n"
        "cdef int step(int x) except -1 nogil:\n    return x\n"
    )
    assert [f.name for f in loops(probe)] == ["hot", "step"]
    assert talk(probe) == ["probe.pyx:8: _LOG.info('x')".replace("'x'", "' '")]
    assert knows_the_log(probe) == ["probe.pyx:1: from logging import getLogger"]
    assert FORMATS.search("snprintf(text, 4)") and not FORMATS.search("tt_format_(x)")
