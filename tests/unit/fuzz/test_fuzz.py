"""The fuzzers run, repeat themselves, and the canary dies."""

import runpy
from pathlib import Path

import pytest

MAIN = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fuzz" / "__main__.py"))["main"]


def test_smoke(capsys: pytest.CaptureFixture[str]) -> None:
    assert MAIN(["smoke", "--seed", "3", "--count", "60"]) == 0
    said = capsys.readouterr()
    assert "itch: 60 inputs, seed 3: nothing found" in said.out
    assert "repeat: python -m tests.fuzz canary --seed 3 --count 60" in said.err


def test_canary_fails() -> None:
    assert MAIN(["canary"]) == 1


def test_a_name_that_is_no_fuzzer() -> None:
    with pytest.raises(SystemExit):
        MAIN(["nonsense"])
