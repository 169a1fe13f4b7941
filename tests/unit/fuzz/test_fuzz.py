"""The fuzzers run, repeat themselves, and the canary dies."""

import runpy
from pathlib import Path

import pytest

MAIN = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fuzz" / "__main__.py"))["main"]


@pytest.mark.timeout(60)
def test_smoke(capsys: pytest.CaptureFixture[str]) -> None:
    assert MAIN(["smoke", "--seed", "3", "--count", "60"]) == 0
    said = capsys.readouterr()
    assert "itch: 60 inputs, seed 3: nothing found" in said.out
    assert "repeat: python -m tests.fuzz canary --seed 3 --count 60" in said.err


def test_canary_fails() -> None:
    assert MAIN(["canary"]) == 1


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2])
def test_many_guided_inputs(capsys: pytest.CaptureFixture[str], seed: int) -> None:
    assert MAIN(["guided", "--seed", str(seed), "--count", "20000"]) == 0, capsys.readouterr().err


@pytest.mark.soak
@pytest.mark.timeout(36_000)
def test_a_million_guided_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert MAIN(["guided", "--seed", "3", "--count", "1000000"]) == 0, capsys.readouterr().err


def test_a_name_that_is_no_fuzzer() -> None:
    with pytest.raises(SystemExit):
        MAIN(["nonsense"])
