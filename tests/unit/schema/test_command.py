"""Commands and answers: what is said comes back, what is wrong is named, the JSON Schema agrees."""

import json

import msgspec
import pytest

from tectra.schema.codegen import main
from tectra.schema.command import (
    COMMAND_VERSION,
    COMMANDS,
    Command,
    FeedCadence,
    FeedHealthQuery,
    FeedHealthReport,
    FeedRecover,
    FeedSelect,
    ParamsUpdate,
    PnlQuery,
    PnlReport,
    PnlRow,
    PositionRow,
    PositionsQuery,
    PositionsReport,
    StrategyDeploy,
    decode_command,
    json_schema,
)

ROW = PositionRow(
    strategy_id=1, instrument_id=2, symbol="BTCUSDT", qty="-0.5", average_price="64000.25"
)
PNL = PnlRow(
    strategy_id=1, instrument_id=2, currency="USDT", realized="-1.5", unrealized="0", fees="0.01"
)
EXAMPLES: list[Command] = [
    StrategyDeploy(command_id="a", strategy="my.py:Mine", symbols=("AAPL",), mode="paper",
                   params={"fast": 3, "slow": 2.5, "name": "x", "on": True}),
    ParamsUpdate(command_id="b", strategy_id=1, params={"fast": 4}, expected_seq=7),
    PositionsQuery(command_id="c"),
    PositionsReport(command_id="c", as_of_seq=5, as_of_ns=6, positions=(ROW,)),
    PnlQuery(command_id="d", strategy_id=65535),
    PnlReport(command_id="d", as_of_seq=5, as_of_ns=6, rows=(PNL, PNL)),
    FeedSelect(command_id="e", feed="itch", symbols=("AAPL",)),
    FeedSelect(command_id="e", feed="itch", symbols=None),
    FeedCadence(command_id="f", feed="itch", snapshot_ms=500),
    FeedRecover(command_id="g", feed="itch", symbols=("AAPL",), reconnect=True),
    FeedHealthQuery(command_id="h", feed="itch"),
    FeedHealthReport(command_id="h", feed="itch", health={"lag_ms": 0.5, "lines": [{"line": 0}]}),
]  # fmt: skip


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda c: type(c).__name__)
def test_round_trip(command: Command) -> None:
    said = msgspec.json.encode(command)
    assert decode_command(said) == command
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=Command) == command
    plain = json.loads(said)
    assert COMMANDS[plain["type"]] is type(command) and plain["version"] == COMMAND_VERSION


def test_every_command_has_an_example() -> None:
    assert {type(c) for c in EXAMPLES} == set(COMMANDS.values())


GOOD = json.loads(msgspec.json.encode(EXAMPLES[0]))


@pytest.mark.parametrize(
    "change",
    [{"version": COMMAND_VERSION + 1}, {"version": 0}, {"type": "strategy.undo"}, {"mode": "fast"},
     {"symbols": []}, {"symbols": ["a b"]}, {"strategy": ""}, {"strategy_id": 65536},
     {"command_id": ""}, {"extra": 1}, {"params": {"x": [1]}}, {"code_sha256": "zz"}],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_command(json.dumps(GOOD | change))


def test_amounts_are_exact() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"qty"):
        msgspec.convert({**msgspec.to_builtins(ROW), "qty": 0.5}, PositionRow)
    with pytest.raises(msgspec.ValidationError, match=r"qty"):
        msgspec.convert({**msgspec.to_builtins(ROW), "qty": "1e5"}, PositionRow)


def test_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json-schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json.loads(json.dumps(json_schema()))
    named = {x["$ref"].rsplit("/", 1)[1] for x in schema["anyOf"]}
    assert named == {kind.__name__ for kind in COMMANDS.values()}
    for name, kind in COMMANDS.items():
        definition = schema["$defs"][kind.__name__]
        assert definition["properties"]["type"]["enum"] == [name]
        assert definition["additionalProperties"] is False
        assert "command_id" in definition["required"]
