"""run_backtest: what it refuses before it writes, and what it leaves when it cannot go on."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from engine_scene import Quiet
from trading import Momentum, write_strategy

import tectra as tt
from tectra.backtest.data import open_data
from tectra.core.errors import (
    ConfigError,
    FileFormatError,
    InputError,
    ParameterError,
    StoppedError,
    StrategyCallbackError,
    StrategyLoadError,
    TectraError,
    UnknownSymbolError,
)
from tectra.core.stop import request_stop
from tectra.journal.reader import JournalReader
from tectra.journal.verify import verify
from tectra.replay import verify_replay
from tectra.risk.limits import LimitScope, RiskLimits


def refused(error: type[Exception], match: str, out: Path, **kwargs) -> None:
    with pytest.raises(error, match=match):
        tt.run_backtest(**{"strategy": Momentum, "out": out, **kwargs})
    assert not out.exists()


def test_an_unknown_symbol(small_day, tmp_path):
    out = tmp_path / "o"
    refused(UnknownSymbolError, "AAPX.*AAPL", out, data=small_day, symbols=["AAPX"])
    refused(InputError, "allowed: a list such as", out, data=small_day, symbols="AAPL")
    refused(InputError, "allowed: a list such as", out, data=small_day, symbols=[])


def test_files_that_are_none(small_day, tmp_path):
    out = tmp_path / "o"
    refused(TectraError, "no such file", out, data=tmp_path / "nope")
    refused(TectraError, "is a directory", out, data=tmp_path)
    empty, junk = tmp_path / "01052026.a", tmp_path / "01052026.b"
    empty.write_bytes(b"")
    junk.write_bytes(b"\x1f\x8bnot a gzip stream at all" * 9)
    refused(TectraError, "is empty", out, data=empty)
    refused(TectraError, "01052026.b", out, data=junk)
    cut = tmp_path / "01052026.cut.gz"
    cut.write_bytes(small_day.read_bytes()[:20_000])
    with pytest.raises(FileFormatError, match="gzip stream ends"):
        tt.run_backtest(strategy=Momentum, data=cut, out=out)
    # The run had begun: its journal is closed and says that it did not end.
    assert verify(out / "journal").ok and JournalReader(out / "journal").result is None
    assert not (out / "metrics.json").exists()


def test_strategies_that_are_none(small_day, tmp_path):
    out = tmp_path / "o"
    refused(StrategyLoadError, "no such file", out, data=small_day, strategy="nope.py")
    refused(StrategyLoadError, "is no subclass", out, data=small_day, strategy=dict)
    refused(InputError, "give a class", out, data=small_day, strategy=Momentum())
    refused(InputError, "give strategy=", out, data=small_day, strategy=None)
    refused(ParameterError, "unknown parameter 'x'", out, data=small_day, params={"x": 1})
    refused(ParameterError, "found 0", out, data=small_day, params={"every": 0})
    runs = [tt.StrategyRun(Momentum, symbols=("NOPE",))]
    refused(
        InputError, "'NOPE' is not in this run", out, data=small_day, strategy=None, strategies=runs
    )


class Broken(Quiet):
    def __init__(self, **params) -> None:
        raise OSError("no licence server")


def test_a_constructor_that_raises_leaves_nothing(small_day, tmp_path):
    refused(StrategyLoadError, "no licence server", tmp_path / "o", data=small_day, strategy=Broken)


@pytest.mark.parametrize(
    "fields",
    [{"seed": -1}, {"seed": 2**63}, {"sample_ns": 0}, {"latency_sample_shift": 64}],
)
def test_a_configuration_that_is_not_allowed(fields: dict):
    with pytest.raises(InputError, match=r"found .*; allowed: "):
        tt.BacktestConfig(**fields)


def test_limits_that_cannot_be(small_day, tmp_path):
    wrong = RiskLimits(instruments={"AAPL": LimitScope(orders_per_second=5)})
    config = tt.BacktestConfig(limits=wrong)
    refused(ConfigError, "a rate belongs", tmp_path / "o", data=small_day, config=config)


def test_limits_of_names_that_are_not_in_the_run_are_said(small_day, caplog):
    limits = RiskLimits(
        instruments={"AAPL": LimitScope(), "APPL": LimitScope()},
        strategies={"Momentum": LimitScope(), "Momentun": LimitScope()},
    )
    tt.run_backtest(
        strategy=Momentum, data=small_day, symbols=["AAPL"], config=tt.BacktestConfig(limits=limits)
    )
    said = [r.getMessage() for r in caplog.records if r.name == "tectra.backtest"]
    assert [text.split("'")[1] for text in said] == ["APPL", "Momentun"]


def test_the_directory_is_new_or_empty(small_day, tmp_path):
    out = tmp_path / "o"
    out.mkdir()
    tt.run_backtest(strategy=Momentum, data=small_day, symbols=["AAPL"], out=out)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in out.rglob("*"))
    with pytest.raises(InputError, match="is not empty; give a new directory"):
        tt.run_backtest(strategy=Momentum, data=small_day, symbols=["AAPL"], out=out)
    assert sorted((p.name, p.stat().st_mtime_ns) for p in out.rglob("*")) == before
    with pytest.raises(InputError, match="is a file"):
        tt.run_backtest(strategy=Momentum, data=small_day, out=out / "metrics.json")


def test_a_callback_that_raises(small_day, tmp_path):
    text = (
        'self.updates += 1\n        if self.updates == 700:\n            raise ValueError("boom")'
    )
    file = write_strategy(tmp_path / "boom.py", instead="self.updates += 1", by=text)
    out = tmp_path / "o"
    with pytest.raises(StrategyCallbackError) as caught:
        tt.run_backtest(strategy=str(file), data=small_day, symbols=["AAPL"], out=out)
    error = caught.value
    assert str(error).endswith(f"raised at record {error.ring_seq}: ValueError: boom")
    assert isinstance(error.__cause__, ValueError) and error.__cause__.__traceback__ is not None
    (note,) = error.__notes__
    assert note == f"replay up to it: tectra replay verify {out} --until {error.ring_seq}"
    assert verify(out / "journal").ok and verify(out / "journal").closed
    replayed = verify_replay(out)
    assert replayed.ok and not replayed.ended and "ValueError: boom" in str(replayed.raised)
    assert verify_replay(out, until_seq=error.ring_seq).ok
    assert not (out / "report.html").exists()


def test_a_callback_that_raises_without_a_directory(small_day, tmp_path):
    file = write_strategy(tmp_path / "boom.py", instead="self.updates += 1", by="1 / 0")
    with pytest.raises(StrategyCallbackError) as caught:
        tt.run_backtest(strategy=str(file), data=small_day, symbols=["AAPL"])
    assert "give a directory" in caught.value.__notes__[0]


def test_a_stop_leaves_a_journal_that_is_closed_and_valid(small_day, tmp_path):
    out = tmp_path / "o"
    with pytest.raises(StoppedError, match="stopped on request after record"):
        tt.run_backtest(
            strategy=Momentum,
            data=small_day,
            out=out,
            progress=lambda done, total: request_stop(),
        )
    report = verify(out / "journal")
    assert report.ok and report.closed and report.records > 1_000
    assert verify_replay(out).ok and not verify_replay(out).ended
    assert not (out / "metrics.json").exists()
    # The flag of the last run does not stop the next.
    assert tt.run_backtest(strategy=Momentum, data=small_day).records > 20_000


FULL = """
import resource, sys
import tectra as tt
from tectra.core.errors import TectraError

limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    maker = "tectra.strategy.sample.maker:Maker"
    tt.run_backtest(strategy=maker, data=sys.argv[1], out=sys.argv[2])
except (TectraError, OSError) as error:
    print(type(error).__name__, error)
"""


@pytest.mark.e2e
@pytest.mark.timeout(30)
@pytest.mark.parametrize(("limit", "journal"), [(1 << 20, False), (18 << 20, True)])
def test_a_full_disk(small_day, tmp_path, fresh_env, limit: int, journal: bool):
    """No file may grow beyond the limit: the first segment does not fit, or everything does."""
    out = tmp_path / "o"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(small_day), str(out), str(limit)],
        env=fresh_env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if journal:
        assert done.stdout == "" and verify(out / "journal").ok
        return
    assert done.stdout.startswith("JournalFullError no space for a segment"), done.stdout
    assert not (out / "journal").exists() or not list((out / "journal").iterdir())


def test_the_soft_limit_of_this_process_is_not_touched():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_full_disk_while_results_are_written_leaves_no_half_file(
    small_day, tmp_path, monkeypatch
):
    from pyarrow import parquet

    def full(table, where, **kwargs):
        Path(where).write_bytes(b"PAR1 half")
        raise OSError(28, "No space left on device", str(where))

    monkeypatch.setattr(parquet, "write_table", full)
    out = tmp_path / "o"
    with pytest.raises(OSError, match="No space left"):
        tt.run_backtest(strategy=Momentum, data=small_day, out=out)
    left = {p.name for p in out.iterdir()}
    assert left == {"journal", "strategies", "report.html", "metrics.json"}
    assert verify_replay(out).ok


def test_without_a_directory_nothing_is_written(small_day, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = tt.run_backtest(strategy=Momentum, data=small_day)
    assert result.directory is None and not list(tmp_path.iterdir())


def test_without_a_journal_the_results_are_there(small_day, tmp_path):
    out = tmp_path / "o"
    tt.run_backtest(
        strategy=Momentum, data=small_day, out=out, config=tt.BacktestConfig(journal=False)
    )
    assert {p.name for p in out.iterdir()} == {
        "report.html",
        "metrics.json",
        "trades.parquet",
        "trades.csv",
    }


def test_data_of_ones_own(small_day):
    data = open_data(small_day, ["MSFT"])
    result = tt.run_backtest(strategy=Momentum, data=data)
    assert [i.symbol for i in result.instruments] == ["MSFT"]
