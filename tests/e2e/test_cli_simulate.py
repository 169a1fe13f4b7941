"""`tectra simulate`: one line a seed; a failure names seed and command; Ctrl-C ends it clean."""

import re
import signal
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

CARELESS = """
import tectra as tt


class Careless(tt.Strategy):
    def on_start(self, ctx):
        self.updates = 0

    def on_book_update(self, ctx, book):
        self.updates += 1
        if book.ask_px and self.updates % 5 == 0:
            ctx.submit_order(book.instrument, tt.Side.BUY, qty=100, px=book.ask_px)

    def on_trade(self, ctx, trade):
        pass

    def on_fill(self, ctx, fill):
        pass

    def on_timer(self, ctx, timestamp):
        pass

    def on_params_update(self, params):
        pass
"""


def test_seeds_have_a_line_each(cli):
    done = cli("simulate", "--seed", 3, "--count", 2, "--steps", 300)
    assert done.code == 0
    first, second, total = done.out.splitlines()
    assert first.startswith("seed 3: 300 messages") and second.startswith("seed 4: 300 messages")
    assert total.startswith("2 seeds, ") and total.endswith("times real time")
    document = cli("simulate", "--seed", 3, "--steps", 300, "--json").json
    assert document["seeds"][0]["trace"][:12] in first
    assert document["real_time_factor"] > 0


def test_a_strategy_of_ones_own_and_its_fault(cli, tmp_path):
    (tmp_path / "mine.py").write_text(CARELESS)
    assert cli("simulate", "mine.py", "--steps", 300, "--calm").code == 0
    done = cli("simulate", "mine.py", "--count", 20, "--steps", 1_000, "--out", "left")
    done.explained("sent on a book that is", "--steps 1000 mine.py`")
    assert "lies in memory" not in done.err
    (left,) = (tmp_path / "left").iterdir()
    assert any(left.iterdir())
    assert f"seed {left.name.partition('-')[2]}, message" in done.err


def test_wrong_usage(cli, tmp_path):
    cli("simulate", "--steps", 5).explained("100", code=2)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("")
    cli("simulate", "--out", "used").explained("not empty")
    cli("simulate", "nothing.py").explained("nothing.py")


def test_ctrl_c_names_the_seed_and_how_to_repeat_it(fresh_env, tmp_path):
    command = [sys.executable, "-m", "tectra", "simulate", "--seed", "5", "--count", "5000"]
    with subprocess.Popen(
        [*command, "--steps", "2000", "--out", "left"], cwd=tmp_path, env=fresh_env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline().startswith("seed 5: ")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=50)
        finally:
            process.kill()
    assert process.returncode == 130 and "Traceback" not in err, err
    said = re.fullmatch(
        r"tectra: stopped on request in seed (\d+), at message \d+ of 2000; repeat it with "
        r"`tectra simulate --seed (\d+) --steps 2000`\n",
        err,
    )
    assert said, err
    assert said[1] == said[2] == str(6 + len(out.splitlines()))
    assert list((tmp_path / "left").iterdir()) == []
