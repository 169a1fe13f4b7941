"""The stubs say what the compiled modules have; the public types are what mypy shows a user."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sources

import tectra

HERE = Path(__file__).resolve().parent
PACKAGE = Path(tectra.__file__).resolve().parent
COMPILED = sorted(
    ".".join(p.relative_to(sources.ROOT).with_suffix("").parts)
    for p in sources.files(".pyx", under=("tectra",))
)


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory):
    """Runs a mypy tool away from the checkout, on the tectra that is imported here."""
    where = tmp_path_factory.mktemp("types")
    env = dict(os.environ)
    if "site-packages" not in PACKAGE.parts:
        env["MYPYPATH"] = env["PYTHONPATH"] = str(PACKAGE.parent)
    config = where / "mypy.ini"
    ignored = "".join(
        f"[mypy-{m}.*]\nignore_missing_imports = True\n" for m in ("pyarrow", "picows")
    )
    config.write_text(f"[mypy]\nstrict = True\ncache_dir = {where}/cache\n{ignored}")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", *arguments]
        return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True)

    run.config = str(config)  # type: ignore[attr-defined]
    return run


@pytest.mark.timeout(240)
def test_stubs_are_the_modules(checker) -> None:
    """stubtest imports each compiled module and compares it, name by name, with its stub."""
    if not COMPILED:
        pytest.skip("no compiled module")
    options = ["--ignore-unused-allowlist", "--ignore-disjoint-bases", "--ignore-positional-only"]
    options += ["--allowlist", str(HERE / "allowlist.txt"), "--concise"]
    done = checker("mypy.stubtest", *COMPILED, "--mypy-config-file", checker.config, *options)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", sorted((HERE / "cases").glob("*.py")), ids=lambda p: p.stem)
def test_revealed_types(checker, path: Path) -> None:
    """`reveal_type(x)  # type` and `f()  # error: code` are what mypy says."""
    done = checker("mypy", "--config-file", checker.config, "--no-error-summary", str(path))
    said: dict[int, str] = {}
    for line in done.stdout.splitlines():
        match = re.match(r".*?:(\d+): (note|error): (.*)$", line)
        assert match, line
        revealed = re.match(r'Revealed type is "(.*)"', match[3])
        code = re.search(r"\[([\w-]+)\]$", match[3])
        said[int(match[1])] = revealed[1] if revealed else f"error: {code[1] if code else match[3]}"
    wanted = {
        number: line.rsplit("  # ", 1)[1].strip()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "reveal_type(" in line or "  # error:" in line
    }
    assert wanted and said == wanted
