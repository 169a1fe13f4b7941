"""What `tectra` says of strategies that no replay can repeat: at the run, and at its replay."""

import re

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

ASKS = """
import time
import tectra as tt

class Asks(tt.Strategy):
    def on_start(self, ctx):
        self.seen = 0
        self.known = {"a", "b", "c", "d", "e", "f"}

    def on_book_update(self, ctx, book):
        self.seen += 1
        if self.seen % 100 == 0 and book.tradeable:
            ctx.submit_order(book.instrument, tt.Side.BUY, qty=1 + int(SIZE))

    def on_trade(self, ctx, trade): ...
    def on_fill(self, ctx, fill): ...
    def on_timer(self, ctx, timestamp): ...
    def on_params_update(self, params): ...
"""


def test_the_clock(cli, day, tmp_path):
    (tmp_path / "asks.py").write_text(ASKS.replace("SIZE", "time.time_ns() % 97"))
    done = cli("backtest", "asks.py", day, "--symbol", "AAPL", "--out", "run")
    assert done.code == 0
    lines = [line for line in done.err.splitlines() if "not repeatable" in line]
    assert len(lines) == 1 and "asks.py:13: Asks.on_book_update calls time.time_ns" in lines[0]
    assert "ctx.now_ns" in lines[0]
    replayed = cli("replay", "verify", "run")
    assert replayed.code == 1 and "Traceback" not in replayed.err
    assert re.search(r"NOT REPEATABLE: .*1\.py:13: Asks\.on_book_update called time\.time_ns at "
                     r"record \d+", replayed.out)  # fmt: skip
    said = cli("replay", "verify", "run", "--json").json
    assert said["guarded"] and said["caught"][0]["source"] == "clock" and said["seeds"] == []
    bare = cli("replay", "verify", "run", "--no-guard")
    assert bare.code == 1 and "DIFFERENT at record" in bare.out and "order_intent" in bare.out


def test_the_order_of_a_set(cli, day, tmp_path):
    (tmp_path / "asks.py").write_text(ASKS.replace("SIZE", "ord(next(iter(self.known)))"))
    done = cli("backtest", "asks.py", day, "--symbol", "AAPL", "--out", "run")
    assert done.code == 0 and "set order" not in done.out and "gives a set to iter()" in done.err
    said = cli("replay", "verify", "run", "--hash-seeds", "4", "--no-guard", "--json")
    assert said.code == 1 and len(said.json["seeds"]) == 4
    different = [s for s in said.json["seeds"] if not s["ok"]]
    assert different and "strategy, order_intent: qty" in different[0]["difference"]


def test_a_strategy_that_is_repeatable(cli, finished):
    done = cli("replay", "verify", finished, "--hash-seeds", "1", "--guard")
    assert done.code == 0 and not done.err
    assert re.search(r"^PYTHONHASHSEED=\d+: equal$", done.out, re.MULTILINE)


def test_what_raised_is_reproduced_with_the_way_back(cli, day, tmp_path):
    (tmp_path / "asks.py").write_text(ASKS.replace("SIZE", "1 / (self.seen - 500)"))
    failed = cli("backtest", "asks.py", day, "--symbol", "AAPL", "--out", "a run")
    seq = re.search(r"--until (\d+)", failed.err)[1]
    done = cli("replay", "verify", "a run")
    assert done.code == 0 and "ZeroDivisionError" in done.out
    assert "ctx.submit_order(book.instrument, tt.Side.BUY, qty=1 + int(1 / (self" in done.out
    assert f"come back to it: tectra replay verify 'a run/journal' --until {seq}" in done.out
    again = cli("replay", "verify", "a run", "--until", seq)
    assert again.code == 0 and f"stopped after record {seq}" in again.out
    assert "ZeroDivisionError" in again.out
