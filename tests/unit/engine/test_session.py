"""What a session was made of: written into the journal's manifest, and made again from it."""

import sys
from pathlib import Path

import pytest
from engine_scene import OPEN_LIMITS, Quiet, instrument

from tectra.core.errors import (
    ConfigError,
    InputError,
    JournalError,
    ParameterError,
    StrategyLoadError,
)
from tectra.engine.session import SessionSpec, StrategySpec, keep_sources, open_journal
from tectra.journal import SegmentFile, verify
from tectra.risk.limits import LimitScope, RiskLimits
from tectra.strategy import load_strategy, param
from tectra.strategy.sample.cross import Cross
from tectra.strategy.sample.maker import Maker


class Typed(Quiet):
    i: int = param(-(2**63))
    f: float = param(1.0)
    s: str = param("10")
    b: bool = param(True)


def spec_of(*classes: type, **fields) -> SessionSpec:
    base = {
        "mode": "backtest",
        "tectra": "0",
        "seed": 5,
        "strategies": [StrategySpec.of(c, {}) for c in classes],
        "instruments": [instrument(1, "AAPL").to_dict(), instrument(2, "MSFT").to_dict()],
        "limits": OPEN_LIMITS,
    }
    return SessionSpec(**{**base, **fields})


def test_it_survives_the_manifest_with_every_type_of_parameter():
    import orjson

    values = {"i": 2**63 - 1, "f": 3.0, "s": "10", "b": False}
    spec = spec_of(strategies=[StrategySpec.of(Typed, values)])
    back = SessionSpec.from_journal(orjson.loads(orjson.dumps(spec.to_journal())))
    assert back == spec
    found = back.strategies[0].params
    assert found == values and [type(found[k]) for k in "ifsb"] == [int, float, str, bool]
    assert back.make_instruments()[1].symbol == "MSFT"


@pytest.mark.parametrize("broken", [{}, {"mode": "x"}, {"unknown": 1}])
def test_a_manifest_of_something_else_is_refused(broken: dict):
    with pytest.raises(JournalError, match="does not describe a session"):
        SessionSpec.from_journal(broken)


def test_what_make_pipeline_refuses():
    with pytest.raises(InputError, match="found 0 classes; needed: 1"):
        spec_of(Cross).make_pipeline([])
    strategies = [StrategySpec.of(Cross, {}, symbols=("NOPE",))]
    with pytest.raises(InputError, match="'NOPE' is not in this run; allowed: AAPL, MSFT"):
        spec_of(strategies=strategies).make_pipeline([Cross])
    with pytest.raises(ParameterError, match="found 0"):
        spec_of(strategies=[StrategySpec.of(Maker, {"size": 0})]).make_pipeline([Maker])


class Fails(Quiet):
    def __init__(self, **params) -> None:
        raise RuntimeError("no connection")


class Takes(Quiet):
    def __init__(self) -> None:
        super().__init__()


def test_a_constructor_that_raises_is_a_load_error():
    with pytest.raises(StrategyLoadError, match="RuntimeError: no connection"):
        spec_of(Fails).make_pipeline([Fails])
    strategies = [StrategySpec.of(Takes, {"size": 1})]
    with pytest.raises(StrategyLoadError, match=r"Takes cannot be made.*TypeError"):
        spec_of(strategies=strategies).make_pipeline([Takes])


def test_limits_become_records_of_that_time():
    rows = spec_of(Cross).limit_records(77)
    assert rows and all(len(r) == 64 for r in rows)
    pipeline = spec_of(Cross).make_pipeline([Cross])
    for row in rows:
        pipeline.step_record(row)
    assert pipeline.now_ns == 77
    wrong = RiskLimits(instruments={"AAPL": LimitScope(orders_per_second=5)})
    with pytest.raises(ConfigError, match="a rate belongs"):
        spec_of(Cross, limits=wrong).limit_records(0)


SOURCE = "from tectra.strategy.sample.cross import Cross as Base\n\nclass Mine(Base):\n    pass\n"


def test_sources_are_kept_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    (tmp_path / "run" / "journal").mkdir(parents=True)
    mine = load_strategy(str(file))
    spec = spec_of(mine, Maker)
    keep_sources([mine, Maker], tmp_path / "run" / "journal")
    kept = tmp_path / "run" / "strategies"
    assert [p.name for p in kept.iterdir()] == ["1.py"] and (kept / "1.py").read_text() == SOURCE
    file.unlink()
    again, compiled = spec.load_classes(tmp_path / "run" / "journal")
    assert again.__name__ == "Mine" and compiled is Maker
    (kept / "1.py").write_text(SOURCE + "# changed\n")
    with pytest.raises(JournalError, match="not the one that ran"):
        spec.load_classes(tmp_path / "run" / "journal")
    monkeypatch.delitem(sys.modules, mine.__module__)
    with pytest.raises(
        StrategyLoadError, match=r"its source .*strategies/1\.py is not there.*copy"
    ):
        spec.load_classes(tmp_path / "elsewhere" / "journal")
    (kept / "1.py").write_text("1 /")
    with pytest.raises(StrategyLoadError, match=r"1\.py does not import"):
        spec.load_classes(tmp_path / "run" / "journal")


def test_a_compiled_strategy_of_another_build_is_refused(tmp_path: Path):
    strategies = [
        StrategySpec(name="M", target="tectra.strategy.sample.maker:Maker", params={}, sha256="00")
    ]
    with pytest.raises(JournalError, match="strategy M: its code is not the one that ran"):
        spec_of(strategies=strategies).load_classes(tmp_path)


@pytest.mark.parametrize(
    ("mode", "domain"),
    [
        ("backtest", "simulated"),
        ("paper", "realtime"),
        ("live", "realtime"),
        ("replay", "journal"),
    ],
)
def test_every_mode_names_its_clock_in_every_header(tmp_path: Path, mode: str, domain: str):
    with open_journal(tmp_path / "journal", spec_of(mode=mode), []) as writer:
        writer.rotate()
    heads = [SegmentFile(p).head for p in sorted((tmp_path / "journal").glob("*.ttj"))]
    assert [head.clock_domain for head in heads] == [domain] * len(heads) and heads
    report = verify(tmp_path / "journal")
    assert report.ok and report.clock_domain == domain
    assert f"clock {domain}" in next(report.lines())


def test_a_mode_without_a_clock_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="mode: found 'dream'; allowed: backtest, paper"):
        open_journal(tmp_path / "journal", spec_of(mode="dream"), [])
    assert not (tmp_path / "journal").exists()


def test_a_session_of_before_the_exchange_was_written_down():
    old = spec_of(Maker).to_journal()
    assert old.pop("sim") == {}
    assert SessionSpec.from_journal(old) == spec_of(Maker)
    kept = spec_of(Maker, sim={"exchange": {"orders_max": 5}})
    assert SessionSpec.from_journal(kept.to_journal()) == kept
