"""`tectra replay diff`, `rca` and `whatif`: what they print, to the letter (tests/golden/replay),
as JSON and as files, and how they refuse.

Where a change of the text is meant, write it again with TECTRA_UPDATE_GOLDEN=1.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

GOLDEN = Path(__file__).parents[1] / "golden" / "replay"
CHANGE = ("--limit", "order_qty_max=50", "--at", "9000")


@pytest.fixture(scope="module")
def runs(finished, tmp_path_factory, fresh_env) -> Path:
    """A run as `a`, and as `b` the same with smaller orders from a record on."""
    base = tmp_path_factory.mktemp("runs")
    shutil.copytree(finished, base / "a")
    command = [sys.executable, "-P", "-m", "tectra", "replay", "whatif", "a", *CHANGE, "-o", "b"]
    done = subprocess.run(command, cwd=base, env=fresh_env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (base / "said.txt").write_text(done.stdout)
    return base


def compare(name: str, text: str) -> None:
    """Hold a text against its golden file; the build's version is left out."""
    text = re.sub(r"(?m)^built by .*$", "built by    tectra", text)
    text = re.sub(r"(?m)^setting tectra: .*\n", "", text)
    golden = GOLDEN / name
    if os.environ.get("TECTRA_UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_diff_to_the_letter(cli, runs):
    done = cli("replay", "diff", "a", "b", "--context", 3, cwd=runs)
    assert done.code == 1, done.err
    compare("diff.txt", done.out)


def test_diff_as_json(cli, runs):
    back = cli("replay", "diff", "a", "b", "--json", cwd=runs)
    assert back.code == 1 and back.json["divergence"]["component"] == "operator"
    assert back.json["consequence"]["component"] == "risk" and back.json["inputs_differ"] is True


def test_rca_to_the_letter(cli, runs):
    done = cli("replay", "rca", "b", "--seq", "9000:9100", cwd=runs)
    assert done.code == 0, done.err
    compare("rca.txt", done.out)


def test_a_record_has_one_time_whoever_shows_it(cli, runs):
    """Report, comparison and timeline of a run can be laid beside each other; the zone is said."""
    line = re.compile(r"(?m)^\s*(?:A\s+)?(\d+) (\d\d:\d\d:\d\d\.\d{9}) ")
    reported = cli("replay", "rca", "a", "--seq", "9000:9100", cwd=runs).out
    compared = cli("replay", "diff", "a", "b", cwd=runs).out
    shown = dict(
        re.findall(
            r"(\d+) (\d\d:\d\d:\d\d\.\d{9}) ",
            cli("replay", "timeline", "a", "--from", 8990, "--to", 9100, cwd=runs).out,
        )
    )
    for text in (reported, compared):
        found = dict(line.findall(text))
        both = found.keys() & shown.keys()
        assert len(both) > 3
        assert {seq: found[seq] for seq in both} == {seq: shown[seq] for seq in both}
        assert "UTC" in text


def test_rca_as_a_page_and_as_json(cli, runs, tmp_path):
    out = tmp_path / "x.html"
    window = ("--from", "16:10:39", "--to", "16:13:04")
    done = cli("replay", "rca", "b", *window, "-o", out, "--json", cwd=runs)
    assert done.code == 0 and done.json["replayed"] is True
    assert "Timeline" in out.read_text()


def test_whatif_to_the_letter(cli, runs):
    compare("whatif.txt", (runs / "said.txt").read_text())
    assert sorted(p.name for p in (runs / "b").iterdir()) == [
        "journal", "strategies", "whatif.html", "whatif.json"
    ]  # fmt: skip
    one = json.loads((runs / "b" / "whatif.json").read_text())["alternatives"][0]
    assert one["before_equal"] is True and one["verdicts"]["MAX_QTY"] > 0


@pytest.mark.slow
def test_whatif_as_json_and_unchanged(cli, runs):
    back = cli("replay", "whatif", "a", *CHANGE, "--json", cwd=runs)
    kept = json.loads((runs / "b" / "whatif.json").read_text())["alternatives"][0]
    assert back.json["alternatives"][0]["verdicts"] == kept["verdicts"]
    unchanged = cli("replay", "whatif", "a", cwd=runs)
    assert unchanged.code == 0 and "B is equal to A" in unchanged.out
    assert cli("replay", "diff", "a", "a", cwd=runs).code == 0
    assert cli("replay", "verify", "b", cwd=runs).code == 0


@pytest.mark.slow
def test_rca_refuses_in_one_line(cli, runs):
    def rca(*args: object) -> Any:
        return cli("replay", "rca", "b", *args, cwd=runs)

    rca("-o", "x.pdf").explained("x.pdf", ".html or .json")
    rca("--seq", "5").explained("--seq", "A:B")
    rca("--seq", "1:2", "--to", "3").explained("one or the other")
    rca("--from", "never").explained("--from: found 'never'")
    rca("--from", 10**9).explained("the journal has the records 1 to")
    rca("-o", "/dev/full/x.html").explained()


@pytest.mark.slow
def test_whatif_refuses_in_one_line(cli, runs):
    def what_if(*args: object) -> Any:
        return cli("replay", "whatif", *args, cwd=runs)

    what_if("a", "-o", "b").explained("b: is not empty")
    what_if("a", "--param", "nothing=1", "-o", "c").explained("'nothing'")
    what_if("a", "--param", "nothing", "-o", "c").explained("NAME=VALUE")
    what_if("a", "--limit", "x=1", "-o", "c").explained("order_qty_max")
    what_if("a", "--limit", "NONE.position_max=1").explained("'NONE'")
    what_if("a", "--strategy", "no.py", "-o", "c").explained("no such file")
    what_if("a", "--at", "25:00", "-o", "c").explained("--at: found '25:00'")
    what_if("nowhere").explained("no journal at")
    assert not (runs / "c").exists()
