"""Every header stands alone: it compiles by itself, twice included, without a warning, as C11."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import sources

HEADERS = sources.files(".h", under=("ext",), generated=True)
STRICT = [
    "-std=c11",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-function",
    "-fsyntax-only",
]


@pytest.mark.native
@pytest.mark.parametrize("debug", [False, True], ids=["release", "debug"])
@pytest.mark.parametrize("path", HEADERS, ids=lambda p: p.name)
def test_header_stands_alone(path: Path, debug: bool, tmp_path: Path) -> None:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: set CC, or install gcc")
    source = tmp_path / "alone.c"
    source.write_text(f"#include <tectra/{path.name}>\n" * 2)
    mode = ["-O1", "-DTECTRA_DEBUG"] if debug else ["-O2"]
    done = subprocess.run(
        [compiler, *STRICT, *mode, f"-I{sources.ROOT / 'ext'}", str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", HEADERS, ids=lambda p: p.name)
def test_guard_is_named_after_the_file(path: Path) -> None:
    guard = f"TECTRA_{path.stem.upper()}_H"
    text = sources.read(path)
    assert f"#ifndef {guard}\n#define {guard}\n" in text
