"""Continuous integration runs the gates that the project promises, when it promises."""

import re
import tomllib
from typing import Any

import pytest
import sources
import yaml

WORKFLOW = sources.ROOT / ".github" / "workflows" / "ci.yml"


@pytest.fixture(scope="module")
def ci() -> dict[Any, Any]:
    loaded = yaml.safe_load(WORKFLOW.read_text())
    assert isinstance(loaded, dict)
    return loaded


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_triggers(ci: dict[Any, Any]) -> None:
    on = ci[True]  # YAML 1.1 reads the key `on` as true
    assert set(on["push"]["branches"]) == {"main", "develop"}
    assert "pull_request" in on and not on["pull_request"], "all pull requests"


def test_jobs(ci: dict[Any, Any]) -> None:
    assert {"check", "test", "build", "python", "tsan", "asan"} <= ci["jobs"].keys()
    assert all(job["timeout-minutes"] == 15 for job in ci["jobs"].values())


@pytest.mark.parametrize(
    ("job", "wanted"),
    [
        (
            "check",
            [
                "ruff format --check",
                "ruff check",
                "cython-lint",
                "mypy",
                "tectra.schema --check",
                "clang-tidy",
            ],
        ),
        ("check", ["leg" + "acy|depre" + "cated"]),
        ("test", ["pytest"]),
        ("build", ["TECTRA_WERROR=1", "--wheel", "uv sync && uv run pytest"]),
        ("python", ["ruff check tectra/backtest", "pytest tests/unit/backtest"]),
        ("tsan", ["tests/native"]),
        ("asan", ["TECTRA_SANITIZE=address,undefined", "libasan.so"]),
    ],
)
def test_job_runs(ci: dict[Any, Any], job: str, wanted: list[str]) -> None:
    text = commands(ci["jobs"][job])
    assert all(word in text for word in wanted), f"{job}: {[w for w in wanted if w not in text]}"


def test_matrix_is_what_the_package_claims(ci: dict[Any, Any]) -> None:
    project = tomllib.loads((sources.ROOT / "pyproject.toml").read_text())["project"]
    claimed = {c.rsplit(" ", 1)[1] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert set(ci["jobs"]["test"]["strategy"]["matrix"]["python"]) == claimed


def test_caches(ci: dict[Any, Any]) -> None:
    for name in ("check", "test"):
        steps = ci["jobs"][name]["steps"]
        assert any(s.get("with", {}).get("cache") == "pip" for s in steps), name
        assert any(s.get("with", {}).get("path") == "build" for s in steps), name
    assert any(s.get("with", {}).get("enable-cache") for s in ci["jobs"]["build"]["steps"])


def test_hooks_parse() -> None:
    hooks = yaml.safe_load((sources.ROOT / ".pre-commit-config.yaml").read_text())
    ids = {hook["id"] for repo in hooks["repos"] for hook in repo["hooks"]}
    assert {"ruff", "ruff-format", "cython-lint", "schema"} <= ids
    yaml.safe_load((sources.ROOT / ".clang-tidy").read_text())


def test_tool_settings() -> None:
    tool = tomllib.loads((sources.ROOT / "pyproject.toml").read_text())["tool"]
    assert tool["ruff"]["line-length"] == tool["cython-lint"]["max-line-length"] == 100
    assert "I" in tool["ruff"]["lint"]["select"]
    assert tool["mypy"]["strict"] is True
    assert tool["pytest"]["ini_options"]["timeout"] == 5
