"""Packages say what they own and what they offer; every compiled module has a stub; nothing stray
lies at the top.
"""

import ast
import importlib
import subprocess
from pathlib import Path

import pytest
import sources

PACKAGES = [p for p in sources.files(".py", under=("tectra",)) if p.name == "__init__.py"]
MODULES = [
    p
    for p in sources.files(".py", under=("tectra",))
    if p.name not in ("__init__.py", "__main__.py")
]
PYX = sources.files(".pyx", under=("tectra",))
TOP = {"pyproject.toml", "setup.py", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"}
TOP |= {"Makefile", "tectra", "ext", "benchmarks", "tests", "examples", "data", "docs", "infra"}


def _assigned(node: ast.stmt) -> str:
    """The one name that a statement assigns to, annotated or not."""
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.target)
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""


def declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if _assigned(node) == "__all__":
            # type: ignore[attr-defined]
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def by_kind(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("path", PACKAGES, ids=sources.rel)
def test_package(path: Path) -> None:
    tree = ast.parse(sources.read(path))
    assert ast.get_docstring(tree), f"{sources.rel(path)}: says nothing about what it owns"
    names = declared(tree)
    assert names is not None, f"{sources.rel(path)}: no __all__"
    assert names in (sorted(names), sorted(names, key=by_kind)), (
        f"{sources.rel(path)}: __all__ is not sorted"
    )
    if path.parent.name == "tectra":
        return  # the face imports a name when it is first used; the next test asks for each
    imported: set[str] = set()
    other = []
    for node in tree.body[1:]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif _assigned(node) not in ("__all__", "__version__"):
            other.append(node.lineno)
    assert not other, f"{sources.rel(path)}: logic in lines {other}; a package only imports"
    public = {n for n in imported if not n.startswith("_")}
    assert public == set(names) - {"__version__"}, (
        f"{sources.rel(path)}: __all__ and the imports differ by {sorted(public ^ set(names))}"
    )


@pytest.mark.parametrize("path", PACKAGES, ids=sources.rel)
def test_package_offers_what_it_says(path: Path) -> None:
    module = importlib.import_module(".".join(path.parent.relative_to(sources.ROOT).parts))
    missing = [n for n in module.__all__ if not hasattr(module, n)]
    assert not missing, f"{sources.rel(path)}: {missing}"


@pytest.mark.parametrize("path", MODULES, ids=sources.rel)
def test_module_all(path: Path) -> None:
    """A module that declares __all__ keeps it sorted and free of names that it does not have."""
    tree = ast.parse(sources.read(path))
    assert ast.get_docstring(tree), f"{sources.rel(path)}: no docstring"
    names = declared(tree)
    if names is None:
        return
    assert names in (sorted(names), sorted(names, key=by_kind)), (
        f"{sources.rel(path)}: __all__ is not sorted"
    )
    bound = {
        n.name
        for n in tree.body
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {a.asname or a.name for a in node.names}
    assert set(names) <= bound, f"{sources.rel(path)}: {sorted(set(names) - bound)} is not defined"


@pytest.mark.parametrize("path", PYX, ids=sources.rel)
def test_stub(path: Path) -> None:
    """Every compiled module has a stub: annotated, without docstrings, with __new__ for a
    constructor of C level.
    """
    stub = path.with_suffix(".pyi")
    assert stub.exists(), f"{sources.rel(stub)} is missing"
    tree = ast.parse(sources.read(stub))
    talk = [
        n.name
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(n)
    ]
    assert not talk, f"{sources.rel(stub)}: docstrings in {talk}; they stand in the .pyx"
    open_ended = [
        f"{n.lineno}: {n.name}"
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef) and n.returns is None
    ]
    assert not open_ended, f"{sources.rel(stub)}: no return type: {open_ended}"


@pytest.mark.parametrize("path", PYX, ids=sources.rel)
def test_compiled_packages_can_be_cimported(path: Path) -> None:
    assert (path.parent / "__init__.pxd").exists(), (
        f"{sources.rel(path.parent)}/__init__.pxd is missing"
    )


def test_stubs_have_modules() -> None:
    """No stub outlives its module."""
    left = [
        sources.rel(p)
        for p in sources.files(".pyi", under=("tectra",))
        if not p.with_suffix(".pyx").exists()
    ]
    assert not left


def test_top_of_the_tree() -> None:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=sources.ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in done.stdout.splitlines()}
    stray = sorted(t for t in tops if t not in TOP and not t.startswith("."))
    assert not stray, f"does not belong at the top: {stray}"


def test_headers_are_used() -> None:
    """No dead header: each is included by another, declared by a module, or driven by a native
    test.
    """
    readers = sources.files(".h", ".c", ".pxd", ".pyx", generated=True)
    dead = []
    for header in sources.files(".h", under=("ext",), generated=True):
        name = header.name
        if not any(p != header and f"{name}" in sources.read(p) for p in readers):
            dead.append(name)
    assert not dead, dead
