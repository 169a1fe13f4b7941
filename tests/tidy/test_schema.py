"""The generated bindings are those of the schema, and the check notices when they are not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sources

from tectra.schema.codegen import main

COPIED = (
    "ext/tectra/schema.xml",
    "ext/tectra/msg.h",
    "ext/tectra/schema.proto",
    "ext/tectra/schema.fbs",
    "ext/tectra/SCHEMA_LOCK",
)
COPIED += ("tectra/core/msg.pxd", "tectra/core/msg.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(sources.ROOT / name, target)
    return tmp_path


def test_bindings_are_clean() -> None:
    assert main(["--check", "--root", str(sources.ROOT)]) == 0


def test_an_edit_of_the_schema_is_noticed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--root", str(copy)]) == 0
    schema = copy / "ext/tectra/schema.xml"
    schema.write_text(
        schema.read_text().replace('<choice name="REDUCE_ONLY">', '<choice name="REDUCING">')
    )
    before = (copy / "ext/tectra/msg.h").read_text()
    assert main(["--check", "--root", str(copy)]) == 1
    assert "ext/tectra/msg.h" in capsys.readouterr().err
    assert (copy / "ext/tectra/msg.h").read_text() == before, "a check writes nothing"
    assert main(["--root", str(copy)]) == 0
    assert main(["--check", "--root", str(copy)]) == 0


@pytest.mark.parametrize("name", COPIED[1:])
def test_an_edit_of_a_binding_is_noticed(copy: Path, name: str) -> None:
    file = copy / name
    file.write_text(file.read_text() + "\n")
    assert main(["--check", "--root", str(copy)]) == 1
    file.unlink()
    assert main(["--check", "--root", str(copy)]) == 1


def test_a_released_field_cannot_change(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when everything else is generated anew."""
    schema = copy / "ext/tectra/schema.xml"
    text = schema.read_text()
    assert text.count('name="match_id" id="') > 3
    schema.write_text(re.sub(r'(name="match_id" id="\d+" type=)"uint64"', r'\1"int64"', text))
    assert main(["--root", str(copy)]) == 0
    assert main(["--check", "--root", str(copy)]) == 1
    assert "breaks SCHEMA_LOCK: book_execute.match_id: was @" in capsys.readouterr().err
    assert main(["--lock", "--root", str(copy)]) == 1, "a lock does not take back what is released"


def test_it_runs_as_a_module(fresh_env: dict[str, str]) -> None:
    for module in ("tectra.schema", "tectra.schema.codegen"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", module, "--check", "--root", str(sources.ROOT)],
            env=fresh_env, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")


def test_bindings_say_that_they_are_generated() -> None:
    assert all(sources.is_generated(sources.ROOT / name) for name in COPIED[1:])
