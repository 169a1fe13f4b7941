"""The build says its flags: release is optimized, the debug build has every check, sanitizers and
-Werror arrive.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sources

PROGRAM = """
import json, runpy
names = runpy.run_path("setup.py", run_name="tidy")
print(json.dumps({k.lower(): names[k] for k in ("FLAGS", "LINK", "DIRECTIVES")}))
"""


def build(**env: str) -> dict[str, Any]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TECTRA_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=sources.ROOT,
        env=clean | env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_release() -> None:
    found = build()
    assert "-O3" in found["flags"] and "-std=c11" in found["flags"]
    assert {"-Wall", "-Wextra"} <= set(found["flags"])
    assert not any("TECTRA_DEBUG" in f or "sanitize" in f or "-march" in f for f in found["flags"])
    assert found["directives"]["boundscheck"] is False


def test_debug_has_every_check_on() -> None:
    found = build(TECTRA_DEBUG="1")
    assert {"-g1", "-DTECTRA_DEBUG"} <= set(found["flags"]) and "-O3" not in found["flags"]
    checks = ("boundscheck", "nonecheck", "initializedcheck")
    assert all(found["directives"][name] is True for name in checks)


def test_sanitizers_are_compiled_and_linked() -> None:
    found = build(TECTRA_SANITIZE="address,undefined")
    assert "-fsanitize=address,undefined" in found["flags"]
    assert "-fsanitize=address,undefined" in found["link"]
    assert "-DTECTRA_DEBUG" in found["flags"]


def test_warnings_as_errors() -> None:
    assert "-Werror" in build(TECTRA_WERROR="1")["flags"]
    assert "-Werror" not in build()["flags"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("debug", "word"), [("0", "release"), ("1", "checked")])
def test_flags_are_shown(tmp_path: Path, debug: str, word: str) -> None:
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy2(sources.ROOT / name, tmp_path)
    (tmp_path / "README.md").write_text("")
    (tmp_path / "ext").symlink_to(sources.ROOT / "ext")
    (tmp_path / "tectra").mkdir()
    env = dict(os.environ, TECTRA_DEBUG=debug, TECTRA_SANITIZE="")
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"tectra build: {word}, flags" in done.stdout
    assert ("-O3" in done.stdout) == (debug == "0")
