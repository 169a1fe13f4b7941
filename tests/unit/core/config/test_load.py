"""Layers, forms, modes, profiles: what the loader gives, and what it says of each value."""

import json
from decimal import Decimal

import msgspec
import pytest

from tectra.core.config import PROFILES, Config, load_config
from tectra.core.config.document import parse_document
from tectra.core.config.key import keys_of
from tectra.core.config.load import flatten, load_document
from tectra.core.config.override import env_name, leaf_keys
from tectra.core.config.section import (
    BacktestConfig,
    ConsumerConfig,
    CpuConfig,
    DataSourceConfig,
    DirectoryConfig,
    DispatcherConfig,
    EngineConfig,
    ExchangeConfig,
    MarketDataConfig,
    OrchestratorConfig,
    ProviderConfig,
    RecorderConfig,
    RingConfig,
    RiskConfig,
    StrategyConfig,
)
from tectra.core.config.unit import SUFFIXES
from tectra.core.errors import ConfigError, MissingExtraError, ModeConflict
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing

yaml = pytest.importorskip("yaml")


def load(text, form="toml", **more):
    return load_document(parse_document(text, form, f"c.{form}"), **{"environ": {}, **more})


def refused(text, *words, error=ConfigError, **more):
    with pytest.raises(error) as caught:
        load(text, **more)
    assert type(caught.value) is error
    missing = [w for w in words if w not in str(caught.value)]
    assert not missing, str(caught.value)
    return caught.value.faults


PATH = ("recorder", "batch_size")


def test_each_layer_wins_over_the_one_below():
    """paper.toml does not set this key; live does set its own: see the next test for profiles."""
    text = "[recorder]\nbatch_size = 2\n"
    environ = {"TECTRA_RECORDER__BATCH_SIZE": "3"}
    settings = ["recorder.batch_size=4"]
    found = load_document(None, environ={})
    assert (found.config.recorder.batch_size, found.origin_of(PATH).layer) == (1000, "default")
    found = load(text)
    assert (found.config.recorder.batch_size, str(found.origin_of(PATH))) == (2, "c.toml:2")
    found = load(text, environ=environ)
    assert found.config.recorder.batch_size == 3
    assert str(found.origin_of(PATH)) == "TECTRA_RECORDER__BATCH_SIZE"
    found = load(text, environ=environ, settings=settings)
    assert (found.config.recorder.batch_size, str(found.origin_of(PATH))) == (4, "--set")
    found = load(text, settings=settings)
    assert found.config.recorder.batch_size == 4


def test_a_profile_lies_between_defaults_and_file():
    path = ("risk", "max_order_qty")
    found = load_document(None, profile="production", environ={})
    assert found.config.risk.max_order_qty == Decimal("0.001")
    assert str(found.origin_of(path)) == "profile production:16"
    found = load("risk.max_order_qty = 0.0005", profile="production")
    assert found.config.risk.max_order_qty == Decimal("0.0005")
    assert str(found.origin_of(path)) == "c.toml:1"
    assert found.config.risk.max_loss_day == 10, "the rest of the profile's section stays"
    assert load_document(None, environ={"TECTRA_PROFILE": "dev"}).profile == "dev"
    with pytest.raises(ConfigError, match=r"'produktion'; allowed: demo.*mean production"):
        load_document(None, profile="produktion", environ={})


def test_tables_merge_and_lists_replace():
    base = '[data_source.binance]\ntestnet = true\n[market_data]\nsymbols = ["A", "B"]\n'
    found = load(base, environ={"TECTRA_MARKET_DATA__SYMBOLS": "C"})
    assert found.config.market_data.symbols == ("C",)
    binance = found.config.data_source.binance
    assert (binance.testnet, binance.api_key_env) == (True, "BINANCE_API_KEY")
    instruments = load("risk.instruments.ETHUSDT.max_order_qty = 1").config.risk.instruments
    assert set(instruments) == {"BTCUSDT", "ETHUSDT"}
    own = load("risk.instruments.BTCUSDT.max_order_qty = 1").config.risk.instruments["BTCUSDT"]
    assert (own.max_order_qty, own.max_position_qty) == (1, Decimal("0.1"))


RUNNER = """[[runners]]
symbol = "BTCUSDT"
strategy = "a.py"
data_source = {type = "historical", path = "x.itch"}
"""


def test_entries_from_the_environment_and_the_command_line():
    environ = {
        "TECTRA_RUNNERS__0__SYMBOL": "ETHUSDT",
        "TECTRA_RUNNERS__0__DATA_SOURCE__SPEED": "max",
        "TECTRA_RUNNERS__0__PARAMETERS__FAST": "3",
        "TECTRA_RISK__INSTRUMENTS__BTCUSDT__MAX_ORDER_QTY": "0.5",
        "TECTRA_MODE": "paper",
        "TECTRA_LOG__FILE": "true.log",
    }
    settings = ["runners[0].execution.slippage=0.01", "exchanges.kraken.api_key_env=A_KEY",
                "exchanges.kraken.secret_key_env=B_KEY", "log.levels.risk=debug",
                "runners.0.parameters.Slow=1.5"]  # fmt: skip
    config = load(RUNNER, environ=environ, settings=settings).config
    runner = config.runners[0]
    assert (runner.symbol, runner.data_source.speed, runner.execution.slippage) == (
        "ETHUSDT", "max", 0.01)  # fmt: skip
    assert runner.parameters == {"fast": 3, "Slow": 1.5}
    assert config.risk.instruments["BTCUSDT"].max_order_qty == Decimal("0.5")
    assert config.exchanges["kraken"].secret_key_env == "B_KEY"
    assert config.log.levels == {"risk": "debug"}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TECTRA_RUNNERS__1__SYMBOL": "X"}, ["an index below 1", "add the entry in a file"]),
        ({"TECTRA_RISK__INSTRUMENTS__ETHUSDT__HALTED": "true"}, ["BTCUSDT"]),
        ({"TECTRA_RISK_MAX_ORDER_QTY": "1"}, ["did you mean TECTRA_RISK__MAX_ORDER_QTY?"]),
        ({"TECTRA_RISK__MAX_ORDER_QTY__X": "1"}, ["nothing below it"]),
        ({"TECTRA_RISK___MAX_ORDER_QTY": "1"}, ["TECTRA_RISK___MAX_ORDER_QTY"]),
        ({"TECTRA_RISK": "1"}, ["a table, in a file"]),
        ({"TECTRA_RECORDER": "1"}, ["TECTRA_RECORDER: recorder: found a text"]),
        ({"TECTRA_RISK__LIMITER": "1"}, ["a table, in a file"]),
        ({"TECTRA_RUNNERS__0__PARAMETERS": "1"}, ["a table, in a file"]),
        ({"TECTRA_MODEE": "live"}, ["did you mean TECTRA_MODE?"]),
        ({"TECTRA_MODE": ""}, ["mode: found an empty text"]),
        ({"TECTRA_RECORDER__ENABLED": "yes"}, ["found 'yes'; allowed: true or false"]),
        ({"TECTRA_ENGINE__MAX_SYMBOLS": "1e3"}, ["found '1e3'"]),
        ({"TECTRA_ENGINE__MAX_SYMBOLS": "0x10"}, ["found '0x10'"]),
        ({"TECTRA_RECORDER__FLUSH_INTERVAL_MS": "2s"}, ["the number alone, in ms: 2000"]),
        ({"TECTRA_RISK__MAX_ACCOUNT_RISK": "2 %"}, ["the number alone, in fraction: 0.02"]),
    ],
)
def test_variables_that_are_wrong(environ, words):
    faults = refused(RUNNER, *words, environ=environ)
    assert [f.source for f in faults] == list(environ)


def test_other_variables_are_nobodys_business():
    environ = {"TECTRA_TEST_DATA": "/x", "TECTRA_CONTROL_TOKEN": "x", "TECTRA_": "", "PATH": "/",
               "TECTRA_CONTROL_TOKEN_FILE": "/x", "TECTRA_WERROR": "1"}  # fmt: skip
    load("", environ=environ)


@pytest.mark.parametrize(
    "setting",
    ["risk", "=1", "risk.=1", "risk.max_ordr_qty=1", "risk=1", "runners[0].symbol=A",
     "runners[x]=1", "mode.x=1", "a b=1"],
)  # fmt: skip
def test_settings_that_are_wrong(setting):
    (fault,) = refused("", settings=[setting])
    assert fault.source == "--set"


def test_forms_say_the_same():
    text = """
mode = "paper"
[dispatcher.limiter]
events_per_second = 500
[[providers]]
name = "a"
type = "binance"
symbols = ["BTCUSDT"]
[orchestrator]
merge_window_ms = 5_000
[[dispatcher.consumers]]
name = "c"
weight = 3
[risk]
max_order_qty = 0.1
"""
    values = parse_document(text, "toml", "c").values
    as_json = json.dumps(values, default=float)
    as_yaml = yaml.safe_dump(json.loads(as_json))
    configs = [load(text).config, load(as_json, "json").config, load(as_yaml, "yaml").config]
    assert configs[0] == configs[1] == configs[2]
    assert configs[0].risk.max_order_qty == Decimal("0.1"), "exact, whatever the form"
    assert [type(r) for r in (*configs[2].providers, configs[2].orchestrator)] == [
        ProviderConfig, OrchestratorConfig]  # fmt: skip
    assert type(configs[2].dispatcher) is DispatcherConfig
    assert type(configs[2].dispatcher.consumers[0]) is ConsumerConfig


@pytest.mark.parametrize(
    ("text", "form", "line", "words"),
    [
        ("a: &x 1\nb: *x\n", "yaml", 1, "anchor"),
        ("a: 1\nb: !!python/object/apply:os.system ['id']\n", "yaml", 2, "the tag"),
        ("base: {a: 1}\nrisk:\n  <<: {a: 1}\n", "yaml", 3, "no plain text"),
        ("? [a]\n: 1\n", "yaml", 1, "no plain text"),
        ("a: [1\nb: 2\n", "yaml", 2, ""),
        ("a: b: c\n", "yaml", 1, "mapping values"),
        ("- a\n", "yaml", 1, "no table at the top"),
        ("[]", "json", 1, "no table at the top"),
        ('{\n"a": 1,\nb: 2}', "json", 3, "property name"),
        ("a = 1\nb = \n", "toml", 2, "Invalid value"),
        ("a = 1\n[a]\n", "toml", 2, ""),
        ("x = " + "9" * 5000, "toml", 1, "a number of 5000 digits"),
        ("x = " + "[" * 3000 + "]" * 3000, "toml", 1, ""),
        ('{"a":' * 300 + "1" + "}" * 300, "json", 1, "nested too deep"),
        ('{"a":' * 9000 + "1" + "}" * 9000, "json", 1, ""),
        ("a: " * 1 + "[" * 300 + "]" * 300, "yaml", 1, ""),
        ("\0", "yaml", 0, ""),
        ("\0", "toml", 1, ""),
    ],
)
def test_documents_that_cannot_be_read(text, form, line, words):
    (fault,) = parse_document(text, form, "c").faults
    assert fault.line == line, fault
    assert words in fault.found
    with pytest.raises(ConfigError):
        load(text, form)


def test_yaml_takes_words_for_what_they_are_not():
    for written in ("NO", "off", "1:30", "2024-01-01", "~", "0777"):
        text = f"engine:\n  instance: {written}\n"
        if written in ("1:30", "2024-01-01", "0777"):
            faults = refused(text, "engine.instance", form="yaml")
        else:
            faults = refused(text, "c.yaml:2: engine.instance", form="yaml")
        assert faults[0].line == 2


def test_yaml_without_libyaml_reads_the_same(monkeypatch):
    text = "risk:\n  max_order_qty: 0.1 # exact\nmarket_data: {symbols: [A, 'B']}\n"
    fast = load(text, "yaml")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    plain = load(text, "yaml")
    assert (plain.config, plain.origins) == (fast.config, fast.origins)
    for wrong in ("a: &x 1", "a: !!python/name:os.system x", "a: [1", "a: b: c", "\0", "- 1"):
        (fault,) = parse_document(wrong, "yaml", "c").faults
        assert fault.line <= 2


def test_yaml_without_pyyaml(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tectra\[yaml\]'"):
        load("a: 1", "yaml")


def test_files(tmp_path):
    for name, data, words in (
        ("no.toml", None, "no such file"), ("a.ini", b"", "ending"), ("b.toml", b"\xff", "UTF-8"),
        ("c.toml", b"#" * ((1 << 20) + 1), "more than"),
        ("d.toml", b"\xef\xbb\xbfmode = 1", "mode"),
    ):  # fmt: skip
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError, match=words):
            load_config(tmp_path / name, environ={})
    (tmp_path / "e.toml").mkdir()
    with pytest.raises(ConfigError, match="directory"):
        load_config(tmp_path / "e.toml", environ={})
    (tmp_path / "f.toml").write_bytes(b'mode = "paper"\r\n[risk]\r\nmax_order_qty = -1\r\n')
    with pytest.raises(ConfigError, match=r"f\.toml:3: risk\.max_order_qty"):
        load_config(tmp_path / "f.toml", environ={})


def test_all_faults_at_once():
    faults = refused(
        "mode = 1\n[risk]\nmax_order_qty = -1\nmax_loss_dy = 3\n[engine]\nseed = 1.5\n",
        "5 faults", environ={"TECTRA_RISK__ON_BREACH": "panic"},
    )  # fmt: skip
    assert sorted(f.line for f in faults) == [0, 1, 3, 4, 6]


def test_modes():
    historical = RUNNER + "[runners.execution]\ntype = 'live'\n"
    for mode in ("", "mode = 'live'\n"):
        refused(mode + historical, "'live' with historical data", error=ModeConflict)
    live = """mode = "MODE"
[exchanges.binance]
api_key_env = "A_KEY"
secret_key_env = "B_KEY"
[[runners]]
symbol = "BTCUSDT"
strategy = "a.py"
data_source = {type = "live", source = "binance"}
"""
    for mode, executor in (("paper", "simulated"), ("live", "live")):
        found = load(live.replace("MODE", mode), profile="live").config
        assert found.execution_of(found.runners[0]) == executor
    loud = live + '[runners.execution]\ntype = "live"\n'
    refused(loud.replace("MODE", "paper"), "'live' with mode 'paper'", error=ModeConflict)
    refused(live.replace("MODE", "backtest"), "with mode 'backtest'", error=ModeConflict)
    refused("mode = 'live'", "'simulated' with mode 'live'", error=ModeConflict)
    mixed = loud.replace('mode = "MODE"\n', "") + RUNNER
    found = load(mixed, profile="live", settings=["mode=live"]).config
    assert [found.execution_of(r) for r in found.runners] == ["live", "simulated"]
    refused(loud.replace('mode = "MODE"\n', ""), "risk.max_order_qty: found only the default")
    alone = loud.replace("binance.", "x.").replace("[exchanges.binance]", "[exchanges.kraken]")
    refused(alone.replace("MODE", "live"), "an account in [exchanges]", profile="live")


def test_rules_between_keys():
    for text, words in (
        ("[rings]\norders_slots = 1000", "rings.orders_slots: found 1000; allowed: a power of two"),
        ("[rings]\nlow_fraction = 0.9", "below high_fraction"),
        ("[cpu]\nmarket_data = 1\nstrategy = 1", "another core than market_data"),
        ("[control]\nbind = '0.0.0.0'", "127.0.0.1, or another address with token_env"),
        ("[control]\nport = 9090", "another port"),
        ("[market_data.reconnect]\nmax_ms = 50", "at least initial_ms"),
        ("[backtest]\nstart_date = 2024-02-01\nend_date = 2024-01-01", "2024-02-01 or later"),
        ("[backtest]\nend_date = 2024-02-30", "Invalid date"),
        ("[backtest]\nend_date = '2024-02-30'", "no such day"),
        ("[backtest]\nstrategies = ['a']", "a name in [[strategies]]: there are none"),
        ("[[strategies]]\nname='a'\nscript='x'\n[[strategies]]\nname='a'\nscript='x'", "once"),
    ):
        (fault,) = refused(text, words)
        assert fault.line > 0


def test_sections_made_in_python_are_checked():
    with pytest.raises(ConfigError, match="max_symbols: found 0; allowed: whole number, 1 to"):
        EngineConfig(max_symbols=0)
    with pytest.raises(ConfigError, match="power of two"):
        RingConfig(orders_slots=100)
    with pytest.raises(AttributeError):
        EngineConfig().seed = 1


FIELDS = {
    EngineConfig: "max_symbols log_level seed",
    DataSourceConfig: "type binance coinbase alpaca simulated",
    ExchangeConfig: "api_key_env secret_key_env testnet rest_url ws_url",
    MarketDataConfig: "symbols depth_levels reconnect",
    RiskConfig: "max_position_qty max_order_qty max_drawdown_fraction max_loss_window max_loss_day "
    "max_account_risk max_position_size on_breach limiter",
    RecorderConfig: "questdb_endpoint batch_size flush_interval_ms buffer_events",
    StrategyConfig: "parameters symbols risk mode name script",
    BacktestConfig: "start_date end_date symbols strategies capital slippage maker_fee_fraction "
    "taker_fee_fraction speed",
    DirectoryConfig: "snapshots journals logs data sessions reports",
    ProviderConfig: "name type",
    OrchestratorConfig: "merge_window_ms merge_events_max",
    ConsumerConfig: "name symbols",
    DispatcherConfig: "limiter consumers flush_interval_ms lateness_tolerance_ms",
}


@pytest.mark.parametrize("section", FIELDS, ids=lambda s: s.__name__)
def test_fields(section):
    assert set(FIELDS[section].split()) <= set(section.__struct_fields__)
    assert section.__struct_config__.frozen
    assert section.__struct_config__.forbid_unknown_fields


def test_every_number_has_a_unit_a_range_and_a_sentence():
    # Names that are fixed by custom, and names that count what they say.
    bare = set()
    for path, key in leaf_keys():
        assert key.sentence.endswith("."), path
        for number in filter(None, (key, key.item)):
            if number.kind in ("int", "float", "decimal"):
                assert number.unit and number.high is not None and number.low is not None, path
                last = path[-1].rpartition("_")[2]
                says = (
                    last in SUFFIXES or last in number.unit or number.unit.split("/")[0] in path[-1]
                )
                if not says:
                    bare.add(".".join(map(str, path)))
    assert bare <= BARE, bare - BARE


BARE = {
    "backtest.capital", "backtest.slippage", "backtest.speed", "cpu.busy_poll", "cpu.control",
    "cpu.dispatcher", "cpu.gateway", "cpu.journal", "cpu.market_data", "cpu.numa_node",
    "cpu.realtime_priority", "cpu.recorder", "cpu.reserved", "cpu.strategy",
    "data_source.file.speed", "dispatcher.consumers.*.weight", "engine.latency_sample_shift",
    "event_sourcing.snapshot_interval", "recorder.batch_size", "risk.max_account_risk",
    "risk.max_loss_day", "risk.max_loss_window", "risk.max_order_notional", "risk.max_order_qty",
    "risk.max_market_order_qty", "risk.max_position_qty", "risk.max_position_size",
    "risk.instruments.*.max_order_notional", "risk.instruments.*.max_order_qty",
    "risk.instruments.*.max_position_qty", "risk.strategies.*.max_order_notional",
    "risk.strategies.*.max_order_qty", "risk.strategies.*.max_position_qty",
    "risk.venues.*.max_order_notional", "risk.venues.*.max_order_qty",
    "risk.venues.*.max_position_qty", "strategies.*.risk.max_order_notional",
    "strategies.*.risk.max_order_qty", "strategies.*.risk.max_position_qty",
    "runners.*.data_source.speed", "runners.*.execution.slippage",
    "exchanges.*.limiter.requests_per_minute", "exchanges.*.limiter.orders_per_second",
    "dispatcher.limiter.events_per_second", "risk.limiter.orders_per_minute",
    "risk.limiter.orders_per_second", "orchestrator.merge_events_max",
}  # fmt: skip


def test_variables_have_one_name_each():
    names = [env_name(p) for p, _ in leaf_keys()]
    assert len(set(names)) == len(names)
    assert env_name(("risk", "max_account_risk")) == "TECTRA_RISK__MAX_ACCOUNT_RISK"


@pytest.mark.parametrize("name", PROFILES)
def test_profiles(name):
    config = load_document(None, profile=name, environ={}).config
    want = {"backtest": "backtest", "live": "live", "production": "live"}.get(name, "paper")
    assert config.effective_mode() == want


def test_the_production_profile():
    config = load_document(None, profile="production", environ={}).config
    assert config.cpu.threads() == {"market_data": 2, "strategy": 3}
    assert config.cpu.reserved == (2, 3)
    assert (config.control.bind, config.control.port) == ("0.0.0.0", 8080)
    risk = config.risk
    assert (risk.max_position_qty, risk.max_order_qty, risk.max_loss_day) == (
        Decimal("0.001"), Decimal("0.001"), 10)  # fmt: skip
    assert CpuConfig().threads() == {}


def test_ring_sizes_and_thresholds_are_what_rings_get():
    config = load(
        "[rings]\norders_slots = 128\nhigh_fraction = 0.5\nlow_fraction = 0.2"
    ).config.rings
    ring = SpscRing.private(config.orders_slots)
    assert ring.capacity == 128
    pushed = 0
    while ring.depth < config.high_fraction * ring.capacity:
        ring.push(encode(Template.TIMER))
        pushed += 1
    assert pushed == 64


def test_a_key_of_a_path_for_every_value():
    assert all(p[0] in keys_of(Config) for p in flatten(Config()))
    assert msgspec.structs.fields(Config)
