"""A module imports its own package and lower floors only, wherever the import stands. There is no
list of exceptions.
"""

import re
from pathlib import Path

import pytest
import sources
from floors import (
    FACE,
    FLOORS,
    WIRED,
    WIRING,
    absolute,
    floor_of,
    imports,
    module_of,
    package_of,
)


def violation(path: Path, target: str) -> str | None:
    """What is wrong with an import, or None."""
    if target.split(".", maxsplit=1)[0] != "tectra":
        return None
    mine, theirs = package_of(module_of(path)), package_of(target)
    top = theirs.split(".")[0]
    if top not in ("", "paths", "__main__") and top not in FLOORS:
        return f"imports tectra.{top}, which is on no floor"
    if mine == theirs:
        return None
    if floor_of(theirs) >= floor_of(mine):
        return f"floor {floor_of(mine)} imports {target} of floor {floor_of(theirs)}"
    if top in WIRED and mine.split(".")[0] not in WIRING and floor_of(mine) != FACE:
        return f"imports {target}: only the wiring in runtime and backtest names a venue or sim"
    return None


MODULES = sources.files(".py", ".pyx", ".pxd", ".pyi", under=("tectra",), generated=True)


@pytest.mark.parametrize("path", MODULES, ids=sources.rel)
def test_imports_own_package_and_lower_floors(path: Path) -> None:
    package = package_of(module_of(path))
    assert package in ("", "__main__", "paths") or package.split(".")[0] in FLOORS, (
        f"tectra/{package} is on no floor"
    )
    wrong = [
        f"{sources.rel(path)}:{line}: {problem}"
        for line, target in imports(path)
        if (problem := violation(path, target))
    ]
    assert not wrong, "\n".join(wrong)


INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", re.MULTILINE)
HEADERS = sources.files(".h", under=("ext",), generated=True)


@pytest.mark.parametrize("path", HEADERS, ids=sources.rel)
def test_headers_know_neither_python_nor_what_is_above(path: Path) -> None:
    present = {p.name for p in HEADERS}
    wrong = []
    for match in INCLUDE.finditer(sources.read(path)):
        name = match[2]
        ours = name.removeprefix("tectra/")
        if ours in present and (name != ours or match[1] == '"'):
            continue
        system = match[1] == "<" and not name.startswith(("Python", "numpy", "tectra/"))
        if not system:
            wrong.append(f"{sources.rel(path)}: {match[0].strip()}")
    assert not wrong, "\n".join(wrong)


EXTERN = re.compile(r"cdef\s+extern\s+from\s+[\"']([^\"']+)[\"']")


@pytest.mark.parametrize(
    "path", sources.files(".pxd", ".pyx", under=("tectra",), generated=True), ids=sources.rel
)
def test_extern_declarations_name_headers_that_exist(path: Path) -> None:
    """Ours by `tectra/x.h`; the system's by their own names."""
    present = {p.name for p in HEADERS}
    wrong = []
    for name in EXTERN.findall(sources.read(path)):
        ours = name.removeprefix("tectra/")
        if (ours in present) != (name != ours) or name.startswith("numpy"):
            wrong.append(name)
    assert not wrong, f"{sources.rel(path)}: {wrong}"


def test_the_rule_itself() -> None:
    book = sources.ROOT / "tectra" / "book" / "l3.pyx"
    assert violation(book, "tectra.core.rc") is None
    assert violation(book, "tectra.book.l2") is None
    assert violation(book, "numpy") is None
    assert "floor 3 imports tectra.engine" in str(violation(book, "tectra.engine.pipeline"))
    assert violation(book, "tectra.agents") is not None  # same floor, other package
    assert violation(book, "tectra") is not None  # the face
    risk = sources.ROOT / "tectra" / "risk" / "chain.py"
    assert "only the wiring" in str(violation(risk, "tectra.sim.exchange"))
    binance = sources.ROOT / "tectra" / "venue" / "binance" / "feed.py"
    assert violation(binance, "tectra.venue.kraken.feed") is not None
    assert absolute(".l2", book) == "tectra.book.l2"
    assert absolute("..core.rc", book) == "tectra.core.rc"


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    plain = tmp_path / "probe.py"
    plain.write_text(
        "import tectra.core\n"
        "def f():\n    from tectra import engine\n    import_module('tectra.ops')\n"
        "if TYPE_CHECKING:\n    from tectra.sim.x import (\n        A,\n    )\n"
    )
    want = ["tectra.core", "tectra.engine", "tectra.ops", "tectra.sim.x"]
    assert [target for _, target in sorted(imports(plain))] == want
    compiled = tmp_path / "probe.pyx"
    compiled.write_text(
        '"""from tectra.no import docstring"""\n'
        "cimport tectra.core.msg as msg\n"
        "from tectra.book.l3 cimport (\n    L3Book,  # import tectra.comment\n    Other,\n)\n"
        "def f():\n    from tectra import engine, ops as o\n"
    )
    want = ["tectra.core.msg", "tectra.book.l3", "tectra.engine", "tectra.ops"]
    assert [target for _, target in imports(compiled)] == want
