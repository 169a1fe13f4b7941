"""Replay: equal when nothing was touched, else the first difference by record and field."""

import json
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from journal_edit import changed, damaged, nth, records_of, rewritten
from replay_scene import record_session

from tectra.core.errors import (
    JournalCorruptError,
    JournalError,
    ReplayMismatchError,
    StoppedError,
)
from tectra.core.msg import Template
from tectra.core.stop import clear_stop, request_stop
from tectra.engine.compare import Comparator
from tectra.engine.parts import OUTPUT_MASK
from tectra.engine.session import SessionSpec
from tectra.journal.cut import cut_journal
from tectra.journal.query import Query
from tectra.journal.reader import JournalReader
from tectra.journal.repair import repair
from tectra.journal.writer import JournalWriter
from tectra.replay import ReplaySession, verify_replay
from tectra.replay.capture import capture_events
from tectra.strategy.sample.maker import Maker

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(scope="module")
def run(small_day, tmp_path_factory) -> Path:
    return record_session(tmp_path_factory.mktemp("replay"), small_day)


def test_what_was_not_touched_is_equal(run):
    report = verify_replay(run)
    assert report.ok and report.ended and report.difference is None and report.raised is None
    assert report.journal_digest == report.summary.output_digest
    assert report.journal_input_digest == report.summary.input_digest
    assert report.inputs_changed is False
    assert report.inputs == report.summary.inputs > 20_000
    assert report.outputs == report.summary.outputs > 1_000
    text = "\n".join(report.lines())
    assert "equal: the replay said the same, byte for byte" in text and "DIFFERENT" not in text
    assert verify_replay(run / "journal").ok


def test_progress_and_speed(run):
    seen: list[tuple[int, int]] = []
    report = verify_replay(run, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] >= 1
    assert report.real_time_factor > 100


def test_a_rewritten_journal_that_says_the_same_is_equal(run, tmp_path):
    assert verify_replay(rewritten(run, tmp_path / "o", lambda rows: rows)).ok


@pytest.mark.parametrize(
    ("template", "field", "component"),
    [
        (Template.ORDER_INTENT, "px", "strategy"),
        (Template.ORDER_VERDICT, "found", "risk"),
        (Template.ORDER_EVENT, "leaves_qty", "order manager"),
        (Template.ORDER_SEND, "qty", "order manager"),
        (Template.POSITION_UPDATE, "realized", "portfolio"),
    ],
)
def test_a_changed_output_is_named(run, tmp_path, template, field, component):
    change = changed(template, field)
    report = verify_replay(rewritten(run, tmp_path / "o", change))
    assert not report.ok
    found = report.difference
    assert (found.ring_seq, found.component, found.record) == (
        change.seq,
        component,
        template.name.lower(),
    )
    (journal, replayed) = found.fields[field]
    assert list(found.fields) == [field] and journal - replayed == 1
    assert f"DIFFERENT at record {change.seq}, {component}" in "\n".join(report.lines())


def test_a_changed_input_shows_in_the_first_output_that_depends_on_it(run, tmp_path):
    change = changed(Template.ORDER_FILL, "qty", -1)
    report = verify_replay(rewritten(run, tmp_path / "o", change))
    assert not report.ok and report.difference.ring_seq > change.seq
    assert report.difference.fields
    same = verify_replay(rewritten(run, tmp_path / "b", changed(Template.BOOK_ADD, "ts_event_ns")))
    assert same.difference is None, "a field that nothing depends on changes no output"
    assert same.inputs_changed and not same.ok
    text = "\n".join(same.lines())
    assert "CHANGED inputs" in text and "no output depends on what was changed" in text


def test_a_missing_output(run, tmp_path):
    def drop(rows: list[Any]) -> list[Any]:
        at = nth(rows, Template.ORDER_VERDICT)
        drop.seq = int(rows[at]["ring_seq"])
        return [*rows[:at], *rows[at + 1 :]]

    found = verify_replay(rewritten(run, tmp_path / "o", drop)).difference
    # The next record in the journal stands where the replay has the verdict.
    assert found.ring_seq == drop.seq + 1
    assert (
        found.record == "the journal has output order_event here, the replay output order_verdict"
    )


def test_a_missing_input(run, tmp_path):
    def drop(rows: list[Any]) -> list[Any]:
        at = nth(rows, Template.BOOK_ADD, 3_000)
        drop.seq = int(rows[at]["ring_seq"])
        return [*rows[:at], *rows[at + 1 :]]

    report = verify_replay(rewritten(run, tmp_path / "o", drop))
    assert not report.ok and report.difference.ring_seq == drop.seq
    assert "the journal lacks this record: " in str(report.difference)


def test_a_journal_that_ends_within_a_step(run, tmp_path):
    """Of a run that was killed there, as it lies and repaired, and of a cut: what the journal lacks
    is told; in a journal that its run closed it is a difference. Players and sessions agree.
    """
    reader = JournalReader(run / "journal")
    rows = records_of(run)
    end = nth(rows, Template.ORDER_INTENT, 3)  # what it led to is left out
    shutil.copytree(run / "strategies", tmp_path / "strategies")
    cut_journal(reader, tmp_path / "cut", Query(stop_seq=end + 2))
    options = {"session": dict(reader.session), "run_seed": reader.manifest.run_seed}
    killed = JournalWriter(tmp_path / "killed", clock_domain="simulated", **options)
    with JournalWriter(tmp_path / "closed", clock_domain="simulated", **options) as closed:
        for row in rows[: end + 1]:
            killed.append(row.tobytes())
            closed.append(row.tobytes())
        closed.close({"records": end + 1})
    shutil.copytree(tmp_path / "killed", tmp_path / "dead", ignore=shutil.ignore_patterns("*.lock"))
    killed.close()
    repair(tmp_path / "dead", tmp_path / "repaired")
    for name in ("cut", "dead", "repaired"):
        report = verify_replay(tmp_path / name)
        assert report.ok and report.unsaid > 0, name
        assert f"within a step: {report.unsaid} outputs" in "\n".join(report.lines())
        assert ReplaySession(tmp_path / name).run() == "end"
        assert len(capture_events(tmp_path / name).get_event_stream()) > 0
    report = verify_replay(tmp_path / "closed")
    assert not report.ok and report.unsaid == 0
    assert str(report.difference).endswith("here, the journal nothing")
    assert ReplaySession(tmp_path / "closed").run() == "difference"
    with pytest.raises(ReplayMismatchError, match="the journal nothing"):
        capture_events(tmp_path / "closed")
    assert verify_replay(run).unsaid == 0


def test_an_output_too_many_and_one_too_few_at_the_end(run, tmp_path):
    def cut(rows: list[Any]) -> list[Any]:
        assert rows[-1]["template_id"] == Template.PNL_UPDATE
        return rows[:-1]

    report = verify_replay(rewritten(run, tmp_path / "o", cut))
    assert "the replay has pnl_update here, the journal nothing" in str(report.difference)

    def more(rows: list[Any]) -> list[Any]:
        extra = rows[-1].copy()
        extra["ring_seq"] += 1
        return [*rows, extra]

    report = verify_replay(rewritten(run, tmp_path / "b", more))
    assert "the journal has pnl_update here, the replay nothing" in str(report.difference)


def test_until(run):
    end = verify_replay(run).summary
    for seq in (0, 1, 50, 5_000):
        report = verify_replay(run, until_seq=seq)
        assert (report.ok and report.inputs + report.outputs <= seq) or seq == 0
        assert f"stopped after record {seq}" in "\n".join(report.lines())
    beyond = verify_replay(run, until_seq=10**9)
    assert beyond.ok and beyond.summary == end


def test_a_fault_that_only_the_replay_has_is_a_difference(run, tmp_path, monkeypatch):
    """A callback that raises in the replay and did not in the run."""

    class Flaky(Maker):
        pass

    report = verify_replay(run)
    assert report.ok
    import tectra.engine.session as session

    def classes(self: Any, directory: Path) -> list[type]:
        kept = directory.parent / "strategies" / "1.py"
        text = kept.read_text().replace(
            "self.updates += 1", "self.updates += 1\n        if self.updates == 900: 1 / 0"
        )
        other = tmp_path / "flaky.py"
        other.write_text(text)
        from tectra.strategy import load_strategy

        return [load_strategy(str(other)), Maker]

    monkeypatch.setattr(session.SessionSpec, "load_classes", classes)
    report = verify_replay(run)
    assert not report.ok and "ZeroDivisionError" in str(report.raised)
    assert "the replay output strategy_state" in str(report.difference) or report.difference.fields
    text = "\n".join(report.lines())
    assert "raised by the replay alone: " in text and "reproduced" not in text


def test_a_changed_source_is_refused(run, tmp_path):
    out = tmp_path / "o"
    shutil.copytree(run, out)
    kept = out / "strategies" / "1.py"
    kept.write_text(kept.read_text() + "\n")
    with pytest.raises(JournalError, match="its code is not the one that ran"):
        verify_replay(out)


def test_a_damaged_journal_is_refused(run, tmp_path):
    with pytest.raises(JournalCorruptError, match="segment"):
        verify_replay(damaged(run, tmp_path / "o"))


def test_a_manifest_that_is_damaged_or_gone(run, tmp_path):
    out = tmp_path / "o"
    shutil.copytree(run, out)
    manifest = out / "journal" / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"seed"', '"sead"', 1))
    with pytest.raises(JournalError):
        verify_replay(out)
    manifest.unlink()
    with pytest.raises(JournalError):
        verify_replay(out)


@pytest.mark.parametrize("name", ["nothing", "file", "empty"])
def test_what_is_no_journal(tmp_path, name):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(JournalError, match="no journal at"):
        verify_replay(tmp_path / name)


def test_a_result_with_another_digest_is_not_believed(run, tmp_path):
    out = tmp_path / "o"
    shutil.copytree(run / "strategies", out / "strategies")
    reader = JournalReader(run / "journal")
    with JournalWriter(out / "journal", session=dict(reader.session)) as journal:
        for slots in reader.slots():
            journal.append_many(slots.copy())
        journal.close(result={**reader.result, "output_digest": "0" * 32})
    report = verify_replay(out)
    assert report.difference is None and not report.ok
    assert "another output digest" in "\n".join(report.lines())


def test_a_stop_is_heard(run):
    reader = JournalReader(run / "journal")
    spec = SessionSpec.from_journal(reader.session)
    classes = spec.load_classes(run / "journal")
    pipeline = spec.make_pipeline(classes, capture_mask=OUTPUT_MASK, with_out_ring=False)
    comparator = Comparator(pipeline)
    request_stop()
    try:
        with pytest.raises(StoppedError, match="stopped on request after record 1"):
            comparator.run(next(reader.slots()).reshape(-1))
    finally:
        clear_stop()
    assert comparator.inputs == 1


def test_json_form(run, tmp_path):
    report = verify_replay(run)
    back = json.loads(orjson.dumps(report.as_dict(), default=str))
    assert back["ok"] is True and back["difference"] is None
    assert back["summary"]["output_digest"] == back["journal_digest"]
    change = changed(Template.ORDER_INTENT, "px")
    report = verify_replay(rewritten(run, tmp_path / "o", change))
    back = json.loads(orjson.dumps(report.as_dict(), default=str))
    assert back["ok"] is False and f"record {change.seq}, strategy" in back["difference"]
