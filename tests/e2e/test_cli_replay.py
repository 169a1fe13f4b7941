"""`tectra replay` play, debug, control, state, find and timeline as a user runs them."""

import csv
import json
import signal
import subprocess
import sys

import pytest
from journal_edit import damaged

from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.engine.recover import continue_journal, recover

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_play_find_and_timeline_agree(cli, finished, tmp_path):
    played = cli("replay", "play", finished, "--record", "order_fill", "--json")
    assert played.code == 0 and played.err.startswith("end: record ")
    fills = lines_of(played.out)
    assert fills and {f["record"] for f in fills} == {"order_fill"}
    found = cli("replay", "find", finished, "fill", "--csv", "fills.csv")
    assert found.code == 0 and found.out == f"fills.csv: {len(fills)} records\n"
    rows = list(csv.DictReader((tmp_path / "fills.csv").read_text().splitlines()))
    assert [int(r["ring_seq"]) for r in rows] == [f["ring_seq"] for f in fills]
    assert json.loads(rows[0]["fields"])["order_id"] == fills[0]["order_id"]
    first, last = fills[0]["ring_seq"], fills[-1]["ring_seq"]
    shown = cli(
        "replay", "timeline", finished, "--from", first, "--to", last, "--record", "order_fill"
    )
    assert len(shown.out.splitlines()) == len(fills)
    assert shown.out.splitlines()[0].split()[0] == str(first)
    picture = cli("replay", "timeline", finished, "--rows", 7, "--json")
    assert len(picture.json) == 7
    assert sum(row.get("order_fill", 0) for row in picture.json) == len(fills)
    none = cli("replay", "find", finished, "state", "FAULTED")
    assert (none.code, none.out, none.err) == (1, "", "")


@pytest.mark.slow
def test_state(cli, finished, tmp_path):
    state = cli("replay", "state", finished, "--at", 5_000, "--json").json
    assert state["position"] == 5_000 and state["strategies"][0]["name"] == "Steady"
    done = cli("replay", "state", finished, "--at", 5_000, "--out", "s.json")
    assert done.code == 0 and json.loads((tmp_path / "s.json").read_text()) == state
    assert "record 5,000 of" in cli("replay", "state", finished, "--at", 5_000).out


def test_debug_by_script(cli, finished):
    done = cli("replay", "debug", finished, "--at", 40, "-c", "step 2", "-c", "where")
    assert done.code == 0 and done.out.startswith("tectra> step 2\n>       42 ")
    assert "record 42 of" in done.out
    piped = cli("replay", "debug", finished, input="break fill\ncontinue\nnonsense\nquit\nstep\n")
    assert piped.code == 1 and "break 1: fill\n>" in piped.out
    assert piped.out.endswith("tectra> quit\n") and "\n? command: found 'nonsense'" in piped.out


def test_control_by_json_lines(cli, finished):
    commands = [
        {"command": "set_filter", "filter": {"templates": ["order_send"]}},
        {"command": "seek", "ring_seq": 100},
        {"command": "status"},
        {"command": "play", "until": 9_000},
    ]
    done = cli("replay", "control", finished, input="\n".join(map(json.dumps, commands)) + "\nno\n")
    assert done.code == 0, done.err
    told = lines_of(done.out)
    answers = [t for t in told if "answer" in t]
    assert [a["answer"] for a in answers] == ["set_filter", "seek", "status", "play", None]
    assert answers[1]["position"] == 100 and answers[-1]["ok"] is False
    sent = [t["event"]["ring_seq"] for t in told if "event" in t]
    assert sent == sorted(sent) and sent[0] > 100 and sent[-1] <= 9_000
    assert {"ended": "until", "position": 9_000} in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["play", "RUN", "--speed", "soon"], "speed: found 'soon'"),
        (["play", "RUN", "--record", "nothing"], "template: found 'nothing'"),
        (["play", "RUN", "--from", "99999999"], "record: found 99999999"),
        (["state", "RUN", "--at", "noon"], "time: found 'noon'"),
        (["find", "RUN", "gold"], "condition: found 'gold'"),
        (["timeline", "RUN", "--symbol", "XYZ"], "symbol: found 'XYZ'"),
        (["debug", "NOWHERE", "-c", "where"], "no journal at"),
    ],
)
def test_one_clear_line(cli, finished, words, said):
    words = [str(finished) if w == "RUN" else w for w in words]
    done = cli("replay", *words)
    assert len(done.explained(said).splitlines()) == 1


@pytest.mark.slow
def test_a_damaged_run(cli, finished, tmp_path):
    damaged(finished, tmp_path / "run")
    done = cli("replay", "debug", "run", "-c", "where")
    assert len(done.explained("segment", "journal verify").splitlines()) == 1


@pytest.mark.slow
def test_ctrl_c_ends_a_paced_play(finished, fresh_env, tmp_path):
    command = [
        sys.executable, "-m", "tectra", "replay", "play", str(finished),
        "--speed", "1x", "--skip-idle", "1000000", "--from", "100",
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=tmp_path, env=fresh_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "replay stopped on request after record" in err and "Traceback" not in err


def test_a_journal_that_goes_on_from_another(cli, finished, tmp_path):
    """It begins with its snapshot; what was before is refused, and said where it is."""
    found = recover(finished / "journal")
    writer = continue_journal(found, tmp_path / "two" / "journal")
    begin, now = found.ring_seq, found.pipeline.now_ns
    for beat in range(1, 6):
        at = now + beat * 10**9
        found.pipeline.step_record(
            encode(Template.TIMER, ts_event_ns=at, ts_recv_ns=at, strategy_id=1, timer_id=beat)
        )
    writer.close()
    end = found.ring_seq
    two = tmp_path / "two"
    played = cli("replay", "play", two, "--record", "timer", "--json")
    assert played.code == 0 and played.err == f"end: record {end:,} of {end:,}; times are UTC\n"
    assert len(lines_of(played.out)) == 5
    none = cli("replay", "find", two, "fill")
    assert (none.code, none.out, none.err) == (1, "", "")
    refused = cli("replay", "state", two, "--at", 5)
    refused.explained(f"allowed: {begin} to {end}; what was before is in {finished / 'journal'}")
