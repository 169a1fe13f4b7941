"""Golden runs: kept, compared, and what is said when something differs."""

import json
import shutil
from pathlib import Path

import pytest
from journal_edit import edited, nth, rewritten
from trading import write_strategy

import tectra as tt
from tectra.core.errors import FileFormatError, InputError, ReplayMismatchError
from tectra.core.msg import Template
from tectra.journal.reader import JournalReader
from tectra.ops.cli.main import main
from tectra.replay import GoldenFile, check_golden, update_golden, verify_replay

MAKER = "tectra.strategy.sample.maker:Maker"


@pytest.fixture(scope="module")
def day(make_day) -> Path:
    return make_day(3_000)


@pytest.fixture(scope="module")
def runs(day, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("golden")
    file = write_strategy(base / "mine.py")
    tt.run_backtest(strategy=str(file), data=day, out=base / "mine")
    tt.run_backtest(strategy=str(file), params={"size": 200}, data=day, out=base / "larger")
    tt.run_backtest(strategy=MAKER, data=day, out=base / "maker")
    return base


def test_what_is_kept_is_found_again(runs, tmp_path):
    file = tmp_path / "golden.json"
    named = {"mine": runs / "mine", "maker": runs / "maker"}
    assert update_golden(file, named) == ["mine", "maker"]
    assert update_golden(file, named) == []
    kept = GoldenFile.load(file)
    assert list(kept.runs) == ["maker", "mine"]
    summary = verify_replay(runs / "mine").summary
    mine = kept.runs["mine"]
    assert (mine.inputs, mine.outputs) == (summary.inputs, summary.outputs)
    assert (mine.input_digest, mine.output_digest) == (summary.input_digest, summary.output_digest)
    assert mine.state_digest and mine.state_note is None
    assert kept.runs["maker"].state_digest not in (None, mine.state_digest)
    results = check_golden(file, named)
    assert all(r.ok for r in results) and list(results[0].lines()) == ["mine: equal"]


def test_another_run_differs_and_the_journal_that_is_kept_says_where(runs, tmp_path):
    file = tmp_path / "golden.json"
    update_golden(file, {"mine": runs / "mine"})
    (found,) = check_golden(file, {"mine": runs / "larger"})
    assert not found.ok and not found.problems and found.where is None
    assert {"output digest", "state digest", "inputs"} <= set(found.differs)
    update_golden(file, {"mine": runs / "mine"}, keep_journals=True)
    assert GoldenFile.load(file).runs["mine"].journal.endswith("mine")
    (found,) = check_golden(file, {"mine": runs / "larger"})
    first = JournalReader(runs / "mine" / "journal").column_view(Template.ORDER_INTENT)[0]
    assert found.where.startswith(f"record {first['ring_seq']}, strategy, order_intent")
    assert "mine: DIFFERENT" in next(found.lines())


def test_a_journal_that_the_engine_answers_otherwise_is_named_by_the_replay(runs, tmp_path):
    file = tmp_path / "golden.json"
    update_golden(file, {"mine": runs / "mine"})

    def change(rows):
        at = nth(rows, Template.ORDER_VERDICT)
        change.seq = int(rows[at]["ring_seq"])
        return [*rows[:at], edited(rows[at], found=7), *rows[at + 1 :]]

    out = rewritten(runs / "mine", tmp_path / "changed", change)
    (found,) = check_golden(file, {"mine": out})
    assert found.where.startswith(f"record {change.seq}, risk, order_verdict")
    with pytest.raises(ReplayMismatchError, match=f"DIFFERENT at record {change.seq}"):
        update_golden(file, {"other": out})
    assert list(GoldenFile.load(file).runs) == ["mine"], "nothing is written"


def test_a_run_without_an_end_has_no_final_state(runs, tmp_path):
    out = rewritten(runs / "mine", tmp_path / "cut", lambda rows: rows[:500], close=False)
    with pytest.raises(ReplayMismatchError, match="did not come to its end"):
        update_golden(tmp_path / "golden.json", {"mine": out})
    assert not (tmp_path / "golden.json").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "no file of golden runs"),
        ("{}[", "no file of golden runs"),
        ('{"runs": 3}', "no file of golden runs"),
        ('{"format": "other", "version": 1, "runs": {}}', "allowed: 'tectra-golden' version 1"),
        ('{"version": 2, "runs": {}}', "version 2; allowed"),
    ],
)
def test_what_is_no_file_of_golden_runs(runs, tmp_path, body, words):
    file = tmp_path / "golden.json"
    file.write_text(body)
    for call in (check_golden, update_golden):
        with pytest.raises(FileFormatError, match=words):
            call(file, {"mine": runs / "mine"})
    assert file.read_text() == body


def test_no_file_no_name_no_place(runs, tmp_path):
    with pytest.raises(InputError, match="golden update"):
        check_golden(tmp_path / "none.json", {"mine": runs / "mine"})
    update_golden(tmp_path / "golden.json", {"mine": runs / "mine"})
    with pytest.raises(InputError, match="no golden run 'other'; it has: mine"):
        check_golden(tmp_path / "golden.json", {"other": runs / "mine"})
    for place in (tmp_path, tmp_path / "no" / "golden.json"):
        with pytest.raises(InputError):
            update_golden(place, {"mine": runs / "mine"})


UNKEPT = (
    "self.updates += 1",
    "self.updates += 1\n        self.later = (n for n in range(self.updates))",
)


def test_a_strategy_whose_state_cannot_be_kept(day, tmp_path):
    file = write_strategy(tmp_path / "mine.py", instead=UNKEPT[0], by=UNKEPT[1])
    tt.run_backtest(strategy=str(file), data=day, out=tmp_path / "run")
    golden = tmp_path / "golden.json"
    update_golden(golden, {"run": tmp_path / "run"})
    kept = GoldenFile.load(golden).runs["run"]
    assert kept.state_digest is None and "later" in kept.state_note
    assert check_golden(golden, {"run": tmp_path / "run"})[0].ok


class TestCommand:
    def test_update_and_check(self, runs, tmp_path, capsys):
        file = str(tmp_path / "golden.json")
        assert main(["replay", "golden", "update", file, str(runs / "mine"), "--keep"]) == 0
        assert capsys.readouterr().out == "mine: written\n"
        assert main(["replay", "golden", "update", file, f"two={runs / 'maker'}"]) == 0
        capsys.readouterr()
        assert main(["replay", "golden", "check", file, str(runs / "mine")]) == 0
        assert capsys.readouterr().out == "mine: equal\ntwo: not checked\n"
        assert main(["replay", "golden", "check", file, f"mine={runs / 'larger'}"]) == 1
        said = capsys.readouterr().out
        assert "mine: DIFFERENT" in said and "first difference at record" in said

    def test_json(self, runs, tmp_path, capsys):
        file = str(tmp_path / "golden.json")
        main(["replay", "golden", "update", file, str(runs / "mine")])
        capsys.readouterr()
        assert main(["replay", "golden", "check", file, str(runs / "mine"), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["ok"] and said["runs"][0]["name"] == "mine" and said["not_checked"] == []

    def test_wrong_use(self, runs, tmp_path, capsys):
        file = str(tmp_path / "golden.json")
        assert main(["replay", "golden", "check", file, str(runs / "mine")]) == 1
        assert "golden update" in capsys.readouterr().err
        twice = [str(runs / "mine"), f"mine={runs / 'maker'}"]
        assert main(["replay", "golden", "update", file, *twice]) == 1
        assert "found twice" in capsys.readouterr().err
        assert main(["replay", "golden", "check", file]) == 2
        copied = shutil.copytree(runs / "mine", tmp_path / "with=sign")
        assert main(["replay", "golden", "update", file, str(copied)]) == 0
        assert "with=sign: written" in capsys.readouterr().out
