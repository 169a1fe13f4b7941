"""`tectra config`, `tectra init`, `tectra run`, as a user runs them."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tectra.journal.manifest import Manifest
from tectra.ops.cli.run import _claim

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "config"
CANARY = "c4nary-Zq81-kWv7-Tt02-uYx5"
STEADY = "tectra.strategy.sample.steady:Steady"
RUN = """mode = "backtest"
[backtest]
data_path = "{day}"
capital = 5_000
[[strategies]]
name = "steady"
script = "{script}"
"""


@pytest.fixture
def plan(tmp_path, day):
    """A configuration that runs the short day."""
    path = tmp_path / "plan.toml"
    path.write_text(RUN.format(day=day, script=STEADY))
    return path


def test_check_of_a_good_file(cli):
    done = cli("config", "check", EXAMPLES / "full.toml")
    assert done.code == 0 and "in order; mode paper" in done.out


def test_check_names_every_fault_with_its_line(cli, tmp_path):
    (tmp_path / "bad.toml").write_text(
        '[engine]\nlog_level = "inof"\n\n[risk]\nmax_account_risk = 2\nflush = 1\n'
    )
    said = cli("config", "check", "bad.toml").explained(
        "3 faults",
        "bad.toml:2: engine.log_level: found 'inof'; allowed: one of debug,",
        "did you mean info?",
        "bad.toml:5: risk.max_account_risk: found 2; allowed: number, above 0, up to 1 (fraction)",
        "bad.toml:6: risk.flush: found an unknown key (1)",
    )
    assert len(said.splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("none.toml", None, ["none.toml: no such file"]),
        ("a.yaml", "risk:\n  max_order_qty: null\n", ["a.yaml:2: risk.max_order_qty: found null"]),
        ("a.json", '{"mode": "paper",\n"mode": "live"}', ["a.json:2: mode: found the key twice"]),
        ("a.ini", "", ["the ending '.ini'"]),
        ("a.toml", "mode = 'live'\nmode = 'paper'", ["a.toml:2: mode: found the key twice"]),
    ],
)
def test_check_of_files_that_are_wrong(cli, tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    cli("config", "check", name).explained(*words)


def test_check_with_layers(cli, fresh_env, monkeypatch):
    full = EXAMPLES / "full.toml"
    cli("config", "check", full, "--set", "risk.max_order_qty=-1").explained("--set: risk.max_ord")
    cli("config", "check", full, "--profile", "prod").explained("allowed: demo, dev, perf, paper")
    monkeypatch.setitem(fresh_env, "TECTRA_RISK__MAX_ORDR_QTY", "1")
    cli("config", "check", full).explained(
        "TECTRA_RISK__MAX_ORDR_QTY", "did you mean max_order_qty"
    )


def test_a_secret_in_a_file_is_nowhere_in_what_is_said(cli, tmp_path):
    (tmp_path / "s.toml").write_text(f'[data_source.binance]\napi_key = "{CANARY}"\n')
    for command in (("config", "check"), ("config", "show"), ("run",)):
        done = cli(*command, "s.toml")
        said = done.explained("s.toml:2: data_source.binance.api_key", "environment")
        assert CANARY not in said + done.out


def test_check_looks_for_credentials_and_shows_none(cli, fresh_env, monkeypatch, tmp_path):
    live = EXAMPLES / "live.toml"
    ask = ("config", "check", live, "--credentials")
    cli(*ask).explained("exchanges.binance.api_key_env: found BINANCE_API_KEY is not set")
    monkeypatch.setitem(fresh_env, "BINANCE_API_KEY", "k" + CANARY)
    monkeypatch.setitem(fresh_env, "BINANCE_SECRET_KEY", "s" + CANARY)
    secret = tmp_path / "token"
    secret.write_text("t" + CANARY)
    secret.chmod(0o644)
    monkeypatch.setitem(fresh_env, "TECTRA_CONTROL_TOKEN_FILE", str(secret))
    assert CANARY not in cli(*ask).explained("control.token_env", "mode 0644")
    secret.chmod(0o600)
    done = cli(*ask)
    assert done.code == 0, done.err
    assert CANARY not in done.out + done.err


def test_show_says_where_each_value_came_from(cli):
    done = cli("config", "show", EXAMPLES / "full.toml", "--set", "recorder.batch_size=7")
    lines = {a.strip(): b for a, _, b in (s.partition("  # ") for s in done.out.splitlines())}
    assert lines["engine.max_symbols = 50"].endswith("full.toml:5")
    assert lines["recorder.batch_size = 7"] == "--set"
    assert lines["control.port = 8080"] == "default"
    rows = (EXAMPLES / "full.toml").read_text().split("\n")
    at = lines["risk.instruments.BTCUSDT.max_order_qty = 0.01"].rpartition(":")[2]
    assert rows[int(at) - 1] == "max_order_qty = 0.01"
    given = cli("config", "show", "--profile", "production", "--given", "--json").json
    assert given["cpu.market_data"] == {
        "value": 2, "layer": "profile", "source": "profile production",
        "line": given["cpu.market_data"]["line"],
    }  # fmt: skip
    assert all(row["layer"] == "profile" for row in given.values())


def test_schema(cli):
    schema = cli("config", "schema").json
    assert schema["properties"]["risk"]["$ref"] == "#/$defs/RiskConfig"
    assert schema["$defs"]["RecorderConfig"]["properties"]["flush_interval_ms"]["minimum"] == 1


def test_init_makes_the_standard_directories_once(cli, tmp_path):
    done = cli("init", "desk")
    names = {"data", "journals", "snapshots", "logs", "sessions", "reports"}
    assert {p.name for p in (tmp_path / "desk").iterdir()} == {*names, "tectra.toml"}
    assert done.out.count("made") == 7
    assert cli("config", "check", "desk/tectra.toml").code == 0
    (tmp_path / "desk" / "tectra.toml").write_text("mode = 'paper'\n")
    (tmp_path / "desk" / "logs" / "x.log").write_text("kept")
    again = cli("init", "desk")
    assert (again.code, again.out.count("kept")) == (0, 7)
    assert (tmp_path / "desk" / "tectra.toml").read_text() == "mode = 'paper'\n"
    assert (tmp_path / "desk" / "logs" / "x.log").read_text() == "kept"


def test_init_where_a_file_stands_in_the_way(cli, tmp_path):
    (tmp_path / "logs").write_text("")
    cli("init").explained("logs: is a file where a directory belongs")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["logs"], "nothing was half made"


def test_run_of_a_backtest(cli, plan, tmp_path):
    done = cli("run", plan)
    assert done.code == 0, done.err
    assert (tmp_path / "reports" / "run-1" / "backtest" / "report.html").is_file()
    assert "not used in this version: backtest.capital" in done.err
    again = cli("run", plan, "--json")
    assert again.json["backtest"]
    assert (tmp_path / "reports" / "run-2" / "backtest" / "journal").is_dir()
    replayed = cli("replay", "verify", tmp_path / "reports" / "run-2" / "backtest")
    assert replayed.code == 0


def test_run_writes_the_journal_that_the_configuration_says(cli, plan, tmp_path):
    said = (
        "journal.durability=group-commit", "journal.commit_us=500", "journal.segment_slots=2048",
        "journal.compress=zstd", "journal.reserve_bytes=0",
    )  # fmt: skip
    done = cli("run", plan, *(part for key in said for part in ("--set", key)))
    assert done.code == 0, done.err
    journal = tmp_path / "reports" / "run-1" / "backtest" / "journal"
    manifest = Manifest.load(journal)
    assert (manifest.durability, manifest.commit_us, manifest.commit_records) == (
        "group-commit", 500, 4096,
    )  # fmt: skip
    assert f"; {manifest.promise()}" in done.out
    assert manifest.promise() in cli("journal", "verify", journal).out
    assert len(manifest.segments) > 2
    assert {s.compression for s in manifest.segments} == {"zstd"}
    assert "not used in this version: backtest.capital\n" in done.err
    assert cli("replay", "verify", journal.parent).code == 0


def test_run_says_which_keys_of_the_journal_do_nothing(cli, plan):
    done = cli("run", plan, "--set", "journal.commit_us=5", "--set", "journal.retention_days=3")
    assert done.code == 0
    assert "journal.commit_us: of group-commit, and journal.durability is page-cache" in done.err
    assert "retention_days: a run removes nothing; `tectra journal prune --config` does" in done.err
    assert "not used in this version: journal" not in done.err


def test_run_refuses_segments_that_hold_no_step(cli, plan, tmp_path):
    done = cli("run", plan, "--set", "journal.segment_slots=64")
    done.explained("journal.segment_slots: found 64; allowed: whole number, 1024 to 268435456")
    assert not (tmp_path / "reports").exists()


@pytest.mark.slow
def test_run_of_several_runners(cli, tmp_path, day):
    runner = """[[runners]]
symbol = "{symbol}"
strategy = "{script}"
parameters = {{ size = {size} }}
data_source = {{ type = "historical", path = "{day}" }}
execution = {{ type = "simulated", maker_fee_fraction = 0, taker_fee_fraction = 0.001 }}
"""
    text = "".join(
        runner.format(symbol=s, script=tmp_path / "own.py", size=n, day=day)
        for s, n in (("AAPL", 1), ("MSFT", 2))
    )
    (tmp_path / "own.py").write_text(
        "import tectra as tt\n\nclass Own(tt.Strategy):\n    size: int = tt.param(1, ge=1)\n"
        "    seen = 0\n"
        "    def on_book_update(self, ctx, book):\n        self.seen += 1\n"
        "        if self.seen == 50 and book.best_ask is not None:\n"
        "            ctx.submit_order(book.instrument, tt.Side.BUY, quantity=self.size,"
        " price=book.best_ask)\n"
        "    def on_trade(self, ctx, trade): ...\n    def on_fill(self, ctx, fill): ...\n"
        "    def on_timer(self, ctx, timestamp): ...\n    def on_params_update(self, params): ...\n"
    )
    (tmp_path / "two.toml").write_text(text)
    found = cli("run", "two.toml", "--json").json
    assert list(found) == ["0-AAPL", "1-MSFT"]
    tight = cli("run", "two.toml", "--json", "--set", "risk.max_order_qty=1").json
    refused = [sum(s["rejected_by_risk"] for s in tight[n]["strategies"].values()) for n in tight]
    assert refused == [0, 1], "the limit of the configuration is the limit of the run"


@pytest.mark.parametrize(
    ("example", "settings", "words"),
    [
        ("mixed.toml", [], ["runners[0].data_source: market data of binance is not in this ver"]),
        ("full.toml", [], ["mode: paper trading from binance is not in this version"]),
        ("live.toml", [], ["mode: live trading from binance is not in this version"]),
        ("backtest.toml", ["backtest.slippage=0.01"], ["slippage"]),
        ("backtest.toml", ["backtest.speed=10"], ["a paced file is not in this version"]),
        ("backtest.toml", ["strategies[0].script=a.lua"], ["a Lua strategy (a.lua)"]),
        ("backtest.toml", ["backtest.data_path=x.parquet"], ["the form of x.parquet"]),
        ("backtest.toml", ["backtest.start_date=2024-01-01"], ["a run over several days"]),
    ],
)
def test_run_says_in_one_line_what_it_cannot(cli, tmp_path, example, settings, words):
    options = [o for s in settings for o in ("--set", s)]
    said = cli("run", EXAMPLES / example, *options).explained(*words)
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing was written"


@pytest.mark.slow
def test_run_without_a_file_is_the_demo(cli, tmp_path):
    done = cli("run", "--json")
    assert done.code == 0, done.err
    assert done.json["replay"]
    assert (tmp_path / "tectra-demo").is_dir()
    cli("run", "--profile", "paper").explained("mode: paper trading from binance is not in this")


def test_help_lists_them_and_stays_light(cli):
    out = cli("--help").out
    assert all(f"  {name} " in out for name in ("config", "init", "run"))
    assert json.loads(cli("config", "show", "--json").out)


def test_run_says_where_a_cut_file_ends(cli, plan, tmp_path, raw_day):
    (tmp_path / "cut.itch").write_bytes(raw_day[: len(raw_day) // 2 + 1])
    done = cli("run", plan, "--set", f"backtest.data_path={tmp_path / 'cut.itch'}")
    assert done.code == 0, done.err
    assert re.search(r"cut\.itch: \d+ bytes after the last whole message, at offset", done.err)


def test_what_is_refused_leaves_no_directory(cli, plan, tmp_path):
    cli("run", plan, "--set", "backtest.data_path=none.itch").explained("none.itch")
    assert not list((tmp_path / "reports").glob("run-*"))


def test_two_runs_that_start_at_once_have_directories_of_their_own(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(_claim, [tmp_path / "reports"] * 40))
    assert len(set(names)) == 40 and all(name.is_dir() for name in names)
