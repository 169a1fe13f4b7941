"""What the configuration says of itself: JSON Schema, commented file, manual, samples."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from tectra.core.config.describe import commented_file, key_tables, toml_value
from tectra.core.config.document import parse_document, read_document
from tectra.core.config.key import keys_of
from tectra.core.config.load import PROFILES, load_config, load_document, profile_path
from tectra.core.config.override import leaf_keys
from tectra.core.config.schema import json_schema
from tectra.core.config.section import Config, RiskConfig

ROOT = Path(__file__).resolve().parents[4]
EXAMPLES = sorted((ROOT / "examples" / "config").iterdir())
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def wrong(schema: dict, value, top: dict, at: str = "") -> list[str]:
    """The part of JSON Schema that is used, checked by hand."""
    if "$ref" in schema:
        return wrong(top["$defs"][schema["$ref"].rpartition("/")[2]], value, top, at)
    if "anyOf" in schema:
        tries = [wrong(s, value, top, at) for s in schema["anyOf"]]
        return [] if [] in tries else [f"{at}: none of the choices"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r}"]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = any(
        number if k == "number" else isinstance(value, KINDS[k]) and (number or k != "integer")
        for k in kinds
    )
    if not fits:
        return [f"{at}: {value!r} is no {kinds}"]
    out = []
    if number:
        low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
        ok = (low is None or value >= low) and (above is None or value > above)
        out += [] if ok and value <= schema.get("maximum", value) else [f"{at}: {value}"]
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        out.append(f"{at}: {value!r}")
    if isinstance(value, list):
        out += [w for i, v in enumerate(value) for w in wrong(schema["items"], v, top, f"{at}.{i}")]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        out += [f"{at}.{n}: missing" for n in schema.get("required", ()) if n not in value]
        for name, inner in value.items():
            rest = schema.get("additionalProperties", {})
            if name not in known and rest is False:
                out.append(f"{at}.{name}: unknown")
            elif name in known or rest:
                out += wrong(known.get(name, rest), inner, top, f"{at}.{name}")
    return out


def plain(path: Path):
    """A document as an editor sees it."""
    return json.loads(json.dumps(read_document(path).values, default=float))


DOCUMENTS = [*EXAMPLES, *map(profile_path, PROFILES)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_what_loads_fits_the_schema(path):
    schema = json_schema()
    assert wrong(schema, plain(path), schema) == []
    if importlib.util.find_spec("jsonschema"):
        import jsonschema

        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(plain(path), schema)


@pytest.mark.parametrize(
    "text",
    ["risk.max_account_risk = 2", "risk.max_account_risk = 0", "mode = 'now'", "x = 1",
     "engine.max_symbols = 1.5", "engine.max_symbols = true", "engine = 1", "log.file = 1",
     "[[runners]]\nsymbol = 'A'", "backtest.start_date = 'today'", "backtest.speed = 'fast'",
     "[exchanges.nasdaq]\napi_key_env = 'A'\nsecret_key_env = 'B'", "[exchanges.kraken]"],
)  # fmt: skip
def test_what_does_not_load_does_not_fit_the_schema(text):
    schema = json_schema()
    assert wrong(schema, tomllib.loads(text), schema) or "nasdaq" in text
    document = parse_document(text, "toml", "c")
    with pytest.raises(Exception, match="found"):
        load_document(document, environ={})


def test_the_schema_has_every_key():
    text = json.dumps(json_schema())
    assert json.loads(text)["additionalProperties"] is False
    for path, key in leaf_keys():
        assert f'"{path[-1]}": ' in text and key.sentence.replace('"', '\\"') in text


def test_the_commented_file_is_the_default():
    text = commented_file()
    assert load_document(parse_document(text, "toml", "c"), environ={}).config == Config()
    # With the # of each default taken away it still says the defaults.
    lines = [
        line.removeprefix("# ") if re.match(r"# \w+ = (?!\.\.\.)", line) else line
        for line in text.split("\n")
    ]
    head = "\n".join(lines).split("# [exchanges.NAME]")[0]
    assert head.count(" = ") > 25
    assert load_document(parse_document(head, "toml", "c"), environ={}).config == Config()
    for path, key in leaf_keys():
        assert f"# {path[-1]} = " in text, path
        assert key.allowed()[1:20] in re.sub(r"\n# ", " ", text), path


@pytest.mark.timeout(30)
def test_the_manual_is_up_to_date(fresh_env):
    manual = ROOT / "docs" / "configuration.md"
    command = [sys.executable, "-m", "tectra.core.config", "--check", str(manual)]
    done = subprocess.run(command, env=fresh_env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert key_tables() in manual.read_text()


@pytest.mark.timeout(30)  # two processes
def test_a_manual_that_is_behind_is_seen(tmp_path, fresh_env):
    manual = tmp_path / "m.md"
    text = (ROOT / "docs" / "configuration.md").read_text()
    command = [sys.executable, "-m", "tectra.core.config"]
    for old, new, code in (("| `seed` |", "| `sed` |", 1), ("<!-- end of keys -->", "", 1)):
        manual.write_text(text.replace(old, new))
        check = [*command, "--check", str(manual)]
        done = subprocess.run(check, env=fresh_env, capture_output=True)
        assert done.returncode == code
    manual.write_text(text.replace("| `seed` |", "| `sed` |"))
    assert subprocess.run([*command, str(manual)], env=fresh_env).returncode == 0
    assert manual.read_text() == text


def test_values_as_toml_has_them():
    for value in (True, 5, 0.5, Decimal("1E-7"), 'a "b" \\', ("x", "y"), {"a b": 1}, ()):
        found = tomllib.loads(f"x = {toml_value(value)}", parse_float=Decimal)["x"]
        assert found == (list(value) if isinstance(value, tuple) else value)


def risk_keys(values: dict) -> set[str]:
    return set(values["risk"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_load_and_have_every_risk_key(path):
    load_config(path, environ={})
    values = read_document(path).values
    assert risk_keys(values) == set(keys_of(RiskConfig))
    assert set(values["risk"]["limiter"]) == {"orders_per_second", "orders_per_minute",
                                              "orders_burst"}  # fmt: skip
    scope = values["risk"]["instruments"]["BTCUSDT"]
    assert len(scope) == 5
    if path.suffix == ".toml":
        lines = path.read_text().split("[risk]")[1].split("[risk.limiter]")[0].split("\n")
        assert sum("#" in line for line in lines) >= 10, "the limits are explained"


def test_the_full_sample_value_by_value():
    c = load_config(ROOT / "examples/config/full.toml", environ={}).config
    assert (c.engine.max_symbols, c.engine.log_level) == (50, "info")
    assert (c.risk.max_account_risk, c.risk.max_position_size) == (0.02, 0.1)
    source = c.data_source
    assert source.type == "binance"
    assert (source.alpaca.api_key_env, source.alpaca.secret_key_env) == (
        "APCA_API_KEY_ID", "APCA_API_SECRET_KEY")  # fmt: skip
    e = c.event_sourcing
    assert (e.enabled, e.storage_mode, e.snapshot_interval, e.include_indicators) == (
        True, "full", 100, False)  # fmt: skip
    assert [(s.name, s.symbols) for s in c.strategies] == [
        ("range_breakout", ("BTCUSDT", "ETHUSDT")), ("ema_cross", ("AAPL", "MSFT"))]  # fmt: skip
    assert c.strategies[0].script == "strategies/range_breakout.py"
    assert c.strategies[1].parameters == {"fast": 12, "slow": 26}
    assert c.strategies[1].risk.max_order_qty == 100


def test_the_mixed_sample_value_by_value():
    c = load_config(ROOT / "examples/config/mixed.toml", environ={}).config
    live, past = c.runners
    assert (live.symbol, live.strategy) == ("BTCUSDT", "strategies/range.lua")
    assert (live.data_source.type, live.data_source.source) == ("live", "binance")
    assert (past.symbol, past.data_source.type) == ("ETHUSDT", "historical")
    assert past.data_source.path == "data/ETHUSDT-2024.parquet"
    assert (past.data_source.simulate_realtime, past.data_source.speed) == (True, 10.0)
    assert (past.execution.type, past.execution.slippage) == ("simulated", 0.001)
    assert [c.execution_of(r) for r in c.runners] == ["live", "simulated"]


def test_yaml_and_toml_of_the_same_content_are_equal():
    pytest.importorskip("yaml")
    toml = load_config(ROOT / "examples/config/fanout.toml", environ={}).config
    assert load_config(ROOT / "examples/config/fanout.yaml", environ={}).config == toml
    assert [p.name for p in toml.providers] == ["binance-spot", "kraken-spot"]
