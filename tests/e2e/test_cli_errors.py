"""Input that a command cannot use: one clear line, exit code 1, no traceback, nothing written."""

import gzip
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(60)]

STEADY = "tectra.strategy.sample.steady:Steady"
GOOD = """
import tectra as tt

class Good(tt.Strategy):
    size: int = tt.param(1, ge=1, le=10)
    def on_book_update(self, ctx, book): ...
    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...
"""


def _files(tmp_path: Path, raw: bytes) -> dict[str, Path]:
    """Files that are no market data, by what is wrong with them."""
    made = {name: tmp_path / f"{name}.itch" for name in ("empty", "text", "zeros")}
    made["empty"].write_bytes(b"")
    made["text"].write_bytes(b"symbol,price\nAAPL,100\n" * 100)
    made["zeros"].write_bytes(bytes(10_000))
    made["gzip"] = tmp_path / "cut.itch.gz"
    made["gzip"].write_bytes(gzip.compress(raw)[: len(raw) // 10])
    made["false gzip"] = tmp_path / "plain.itch.gz"
    made["false gzip"].write_bytes(b"not gzip at all")
    made["directory"] = tmp_path / "folder"
    made["directory"].mkdir()
    made["missing"] = tmp_path / "nosuch.itch"
    return made


COMMANDS = {
    "backtest": lambda file: ("backtest", STEADY, file, "--out", "run"),
    "book": lambda file: ("book", file, "--symbol", "AAPL"),
}
WRONG = ("empty", "text", "zeros", "false gzip", "directory", "missing")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", WRONG)
def test_files_that_are_no_market_data(cli, tmp_path, raw_day, command, what):
    file = _files(tmp_path, raw_day)[what]
    before = sorted(tmp_path.iterdir())
    said = cli(*COMMANDS[command](file)).explained(file.name)
    assert len(said.splitlines()) == 1 and said.startswith("tectra: ")
    assert sorted(tmp_path.iterdir()) == before, "nothing is written for a file that is none"


@pytest.mark.parametrize("what", [*WRONG, "gzip"])
def test_statistics_of_such_files(cli, tmp_path, raw_day, what):
    file = _files(tmp_path, raw_day)[what]
    cli("itch", "stats", file, "--strict").explained(file.name)


def test_a_gzip_that_breaks_off_ends_the_run(cli, tmp_path, raw_day):
    """What came before is journaled and replays."""
    file = _files(tmp_path, raw_day)["gzip"]
    whole = ("ends after", "before its end mark", file.name)
    cli("backtest", STEADY, file, "--out", "run").explained(*whole)
    assert cli("journal", "verify", "run").out.rstrip().endswith("ok")
    assert "did not come to its end" in cli("replay", "verify", "run").out


def _cut(raw: bytes) -> bytes:
    return raw[:300_001]


def _unknown(raw: bytes) -> bytes:
    """A message of type z behind the first one."""
    first = 2 + int.from_bytes(raw[:2], "big")
    return raw[:first] + b"\0\x14z" + bytes(19) + raw[first:]


def _malformed(raw: bytes) -> bytes:
    """An add order of 20 bytes behind the first message."""
    first = 2 + int.from_bytes(raw[:2], "big")
    return raw[:first] + b"\0\x14A" + bytes(19) + raw[first:]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_cut, r"\d+ bytes after the last whole message, at offset [\d,]+"),
        (_unknown, "1 messages of a type that ITCH 5.0 does not have"),
        (_malformed, "1 messages whose length contradicts their type"),
    ],
)
def test_every_reader_tells_what_is_wrong_with_a_file(cli, tmp_path, raw_day, change, text):
    file = tmp_path / "01052026.NASDAQ_ITCH50"
    file.write_bytes(change(raw_day))
    said = set()
    for command in (
        ("itch", "stats", file),
        ("book", file, "--symbol", "AAPL"),
        ("book", file, "--symbol", "AAPL", "--every-change"),
        ("backtest", STEADY, file, "--symbol", "AAPL", "--json"),
    ):
        done = cli(*command)
        assert done.code == 0, done.err
        said.add(done.err)
    assert len(said) == 1 and re.fullmatch(f"warning: {file}: {text}\n", said.pop())


def test_names_are_printed_as_they_are(cli, day, tmp_path):
    """Brackets are no markup, long names are not wrapped, and a command to copy is quoted."""
    name = "[red]day [b] " + "long" * 30 + ".gz"
    done = cli("itch", "generate", name, "--messages", 2000)
    assert f"{name}: " in done.out and done.out.endswith(f"tectra itch stats '{name}'\n")
    (tmp_path / "[b]day.gz").write_bytes(day.read_bytes())
    assert cli("itch", "stats", "[b]day.gz").out.startswith("[b]day.gz: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("import tectra", "import nosuchmodule"), ["mine.py", "nosuchmodule"]),
        (GOOD.replace("class Good", "clas Good"), ["mine.py", "invalid syntax"]),
        (GOOD + "\n1 / 0\n", ["mine.py", "ZeroDivisionError"]),
        (GOOD.replace("def on_fill", "def on_full"), ["lacks on_fill"]),
        (GOOD.replace("self, ctx, fill", "self, fill"), ["on_fill", "3 positional"]),
        (GOOD.replace("def on_timer", "async def on_timer"), ["on_timer", "synchronous"]),
        (GOOD.replace("tt.Strategy", "object"), ["no subclass"]),
        (GOOD + GOOD.replace("Good", "Other"), ["several", "mine.py:Other"]),
        ("", ["no subclass"]),
    ],
)
def test_strategy_files_that_are_refused(cli, tmp_path, day, text, words):
    (tmp_path / "mine.py").write_text(text)
    done = cli("backtest", "mine.py", day, "--out", "run")
    assert done.code == 1 and not (tmp_path / "run").exists()
    assert done.err.startswith("tectra: ") and all(w in done.err for w in words), done.err
    assert "tectra/ops" not in done.err and "importlib" not in done.err


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("nosuch.py", "no such file"),
        ("nosuch.module", "nosuch"),
        ("tectra.strategy.sample.steady:Other", "found: Steady"),
        (".", "directory"),
    ],
)
def test_strategies_that_are_not_there(cli, day, spec, word):
    cli("backtest", spec, day).explained(word)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("sise=3", ["sise", "size"]),
        ("size=0", ["size", "found 0", ">= 1 and <= 10"]),
        ("size=11", ["found 11"]),
        ("size=two", ["'two'", "int"]),
        ("size=1.5", ["'1.5'", "int"]),
        ("size", ["'size'", "name=value"]),
    ],
)
def test_parameters_that_are_refused(cli, tmp_path, day, pair, words):
    (tmp_path / "mine.py").write_text(GOOD)
    cli("backtest", "mine.py", day, "--param", pair, "--out", "run").explained(*words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--symbol", "APPL"], ["APPL;", "AAPL"]),
        (["--maker-fee", "cheap"], ["--maker-fee", "'cheap'"]),
        (["--taker-fee", "nan"], ["taker"]),
        (["--taker-fee", "7"], ["taker"]),
        (["--date", "31.12.2026"], ["YYYY-MM-DD"]),
        (["--seed", "-1"], ["seed"]),
    ],
    ids=lambda v: " ".join(v) if v[0].startswith("--") else "",
)
def test_options_that_are_refused(cli, tmp_path, day, options, words):
    cli("backtest", STEADY, day, "--out", "run", *options).explained(*words)
    assert not (tmp_path / "run").exists()


def test_latency_is_never_negative(cli, day):
    cli("backtest", STEADY, day, "--entry-latency-us", "-1").explained("-1", code=2)


def test_a_place_that_cannot_be_written(cli, day, tmp_path):
    (tmp_path / "file").write_text("")
    cli("backtest", STEADY, day, "--out", "file/run").explained("file")
    cli("book", day, "--symbol", "AAPL", "--csv", "nosuch/x.csv").explained("nosuch")
