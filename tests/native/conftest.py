"""Compiles the C drivers of this directory under a sanitizer and runs them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "ext"
WARN = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter"]
FLAGS = ["-std=gnu11", "-O1", "-g", "-DTECTRA_DEBUG", "-fno-omit-frame-pointer", "-pthread"]
OPTIONS = {
    "thread": {"TSAN_OPTIONS": "halt_on_error=1:exitcode=66"},
    "address,undefined": {
        "ASAN_OPTIONS": "abort_on_error=0:exitcode=66:quarantine_size_mb=64",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    },
    "": {},
}
# Tells a guided fuzzer (guided.h) which edges and comparisons an input reached.
COVERAGE = "-fsanitize-coverage=trace-pc,trace-cmp"

Run = Callable[..., subprocess.CompletedProcess[str]]


def _shared_library(source: str, target: Path, *options: str) -> Path:
    """A library of one source of this directory. Skips without a compiler."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: set CC, or install gcc")
    command = [compiler, "-std=gnu11", "-O1", "-g", *WARN, "-shared", "-fPIC", *options]
    command += [str(HERE / source), "-o", str(target), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="session")
def library_of() -> Callable[..., Path]:
    """`library_of("alloc_planted.c", target, "-DPLANTED=1")` -> the library."""
    return _shared_library


def _preloading(env: dict[str, str], library: Path) -> dict[str, str]:
    path = f"{env['PYTHONPATH']}{os.pathsep}{HERE.parent / 'support'}"
    return env | {"PYTHONPATH": path, "LD_PRELOAD": str(library)}


@pytest.fixture(scope="session")
def preloaded(
    tmp_path_factory: pytest.TempPathFactory, fresh_env: dict[str, str]
) -> dict[str, str]:
    """Environment of a process with io_fault.c under its system calls; tests/support is in it."""
    target = tmp_path_factory.mktemp("preload") / "io_fault.so"
    return _preloading(fresh_env, _shared_library("io_fault.c", target))


@pytest.fixture(scope="session")
def starved(tmp_path_factory: pytest.TempPathFactory, fresh_env: dict[str, str]) -> dict[str, str]:
    """As `preloaded`, with alloc_fault.c under its allocations."""
    if "-fsanitize" in os.environ.get("CFLAGS", "") or "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("a sanitizer has the allocations already")
    target = tmp_path_factory.mktemp("preload") / "alloc_fault.so"
    return _preloading(fresh_env, _shared_library("alloc_fault.c", target))


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`sanitized("spsc_stress.c", "thread", args=[...], edit={old: new})` -> the finished process.

    `edit` plants a fault in a copy of the header named by `header`: a race or overrun that is not
    reported would mean that the test sees nothing. Skips where the compiler lacks the sanitizer.
    """
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    out = tmp_path_factory.mktemp("native")
    built: dict[tuple[str, ...], Path] = {}

    def build(source: str, sanitizer: str, header: str, edit: dict[str, str]) -> Path:
        key = (source, sanitizer, header, *edit, *edit.values())
        guided = source.startswith("guided_")
        if key in built:
            return built[key]
        assert compiler is not None
        include = INCLUDE
        if edit:
            include = Path(tempfile.mkdtemp(prefix="edited", dir=out)) / "ext"
            shutil.copytree(INCLUDE, include)
            path = include / "tectra" / header
            text = path.read_text()
            for old, new in edit.items():
                assert old in text, f"{header} has no {old!r} to weaken"
                text = text.replace(old, new)
            path.write_text(text)
        target = out / f"{Path(source).stem}{len(built)}"
        instrument = [f"-fsanitize={sanitizer}"] if sanitizer else []
        instrument += [COVERAGE] if guided else []
        command = [compiler, *FLAGS, *WARN, *instrument, f"-I{include}", str(HERE / source)]
        done = subprocess.run([*command, "-o", str(target), "-lm"], capture_output=True, text=True)
        if done.returncode and ("cannot find" in done.stderr or "unsupported" in done.stderr):
            pytest.skip(f"{compiler} has no {sanitizer} sanitizer: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        built[key] = target
        return target

    def run(
        source: str,
        sanitizer: str = "",
        *,
        args: tuple[str, ...] = (),
        header: str = "",
        edit: dict[str, str] | None = None,
        timeout_s: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        if compiler is None:
            pytest.skip("no C compiler: set CC, or install gcc")
        program = build(source, sanitizer, header, edit or {})
        env = dict(os.environ) | OPTIONS[sanitizer]
        return subprocess.run(
            [str(program), *args], capture_output=True, text=True, timeout=timeout_s, env=env
        )

    return run
