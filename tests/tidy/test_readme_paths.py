"""A document that names a path names one that exists."""

import re
import subprocess
from pathlib import Path

import pytest
import sources

DOCS = sorted({*sources.ROOT.glob("*.md"), *(sources.ROOT / "docs").rglob("*.md")})
TOPS = (
    "tectra/",
    "ext/",
    "tests/",
    "benchmarks/",
    "docs/",
    "examples/",
    "data/",
    "infra/",
    ".ci/",
    ".github/",
)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def named_paths(text: str) -> list[str]:
    found = []
    for span in CODE.findall(text):
        for word in re.split(r"[\s,;()\"']+", span):
            clean = word.rstrip(".:").removeprefix("./")
            if clean.startswith(TOPS) and not re.search(r"[<>{}$]|\bXX", clean):
                found.append(clean)
    found += [
        link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")
    ]
    return found


def exists(name: str, base: Path) -> bool:
    if "*" in name:
        return any(sources.ROOT.glob(name))
    return (sources.ROOT / name).exists() or (base / name).exists()


def test_there_is_a_readme() -> None:
    assert (sources.ROOT / "README.md") in DOCS


@pytest.mark.parametrize("path", DOCS, ids=sources.rel)
def test_paths_exist(path: Path) -> None:
    missing = sorted({n for n in named_paths(path.read_text()) if not exists(n, path.parent)})
    assert not missing, f"{sources.rel(path)} names {missing}"


@pytest.mark.parametrize("path", DOCS, ids=sources.rel)
def test_make_targets_exist(path: Path) -> None:
    makefile = (sources.ROOT / "Makefile").read_text()
    wanted = {
        target
        for span in CODE.findall(path.read_text())
        if span.startswith("make ")
        for target in span.split()[1:]
    }
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in wanted), wanted


@pytest.mark.parametrize(
    "target", ["build", "test", "lint", "coverage", "bench", "fuzz", "typecheck", "native"]
)
def test_make_knows_its_targets(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=sources.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_make_test_has_a_timeout() -> None:
    done = subprocess.run(["make", "-n", "test"], cwd=sources.ROOT, capture_output=True, text=True)
    assert "--timeout=30" in done.stdout


def test_standards_are_written_down() -> None:
    text = (sources.ROOT / "CONTRIBUTING.md").read_text()
    assert "No backward-compatibility code allowed" in text
    assert "Coding standards" in text
    assert "Apache License" in (sources.ROOT / "LICENSE").read_text()
    rules = (sources.ROOT / "docs" / "schema-versioning.md").read_text()
    for word in ("add a field", "remove a field", "rename a field", "ring_seq"):
        assert word in rules


def test_editor_and_git_know_the_languages() -> None:
    assert "max_line_length = 100" in (sources.ROOT / ".editorconfig").read_text()
    ignored = (sources.ROOT / ".gitignore").read_text()
    assert all(word in ignored for word in ("*.so", "__pycache__", "luac"))


def test_kinds_of_tests_exist() -> None:
    present = {
        p.relative_to(sources.ROOT / "tests").parts[0]
        for p in sources.files(".py", ".c", under=("tests",))
    }
    assert {"unit", "property", "native", "tidy", "typing"} <= present, present
