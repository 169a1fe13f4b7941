"""Commands that people and programs send, and the answers: what does not fit a record of fixed
size. JSON or MessagePack of these structs; `python -m tectra.schema --json-schema` prints their
JSON Schema.

Each carries `version`. A field is only added, with a default; a reader refuses a version above its
own and a field that it does not know.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

__all__ = [
    "COMMANDS",
    "COMMAND_VERSION",
    "Command",
    "FeedCadence",
    "FeedHealthQuery",
    "FeedHealthReport",
    "FeedRecover",
    "FeedSelect",
    "ParamsUpdate",
    "PnlQuery",
    "PnlReport",
    "PnlRow",
    "PositionRow",
    "PositionsQuery",
    "PositionsReport",
    "StrategyDeploy",
    "decode_command",
    "json_schema",
]

COMMAND_VERSION = 1

_Version: TypeAlias = Annotated[int, Meta(ge=1, le=COMMAND_VERSION, description="of this schema")]
_Id: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=64, description="chosen by the asker")
]
_StrategyId: TypeAlias = Annotated[int, Meta(ge=0, le=65_535, description="0: all of them")]
_InstrumentId: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1, description="0: all of them")]
_Symbol: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9.:/_-]{0,31}$")]
_Feed: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,15}$", description="its name")]
# Exact amounts travel as text: no JSON reader makes a float of them.
_Decimal: TypeAlias = Annotated[str, Meta(pattern=r"^-?[0-9]{1,19}(\.[0-9]{1,18})?$")]
_Seq: TypeAlias = Annotated[int, Meta(ge=0, description="ring_seq of the last record that counts")]
_Ns: TypeAlias = Annotated[int, Meta(ge=0, description="nanoseconds since the epoch, UTC")]


class _Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """What every command and answer has."""

    command_id: _Id
    version: _Version = COMMAND_VERSION


class StrategyDeploy(_Command, frozen=True, kw_only=True, tag="strategy.deploy"):
    """Start a strategy, `FILE.py[:Class]` or a module, with parameters, in a mode."""

    strategy: Annotated[str, Meta(min_length=1, max_length=512)]
    symbols: Annotated[tuple[_Symbol, ...], Meta(min_length=1, max_length=1024)]
    mode: Literal["backtest", "paper", "live"]
    params: dict[str, bool | int | float | str] = {}
    strategy_id: _StrategyId = 0
    code_sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""


class ParamsUpdate(_Command, frozen=True, kw_only=True, tag="strategy.params"):
    """Change parameters of a running strategy, all or none; `expected_seq` refuses a change of what
    has been changed since.
    """

    strategy_id: Annotated[int, Meta(ge=1, le=65_535)]
    params: Annotated[dict[str, bool | int | float | str], Meta(min_length=1)]
    expected_seq: int | None = None


class PositionsQuery(_Command, frozen=True, kw_only=True, tag="positions.query"):
    """Ask for positions."""

    strategy_id: _StrategyId = 0
    instrument_id: _InstrumentId = 0


class PositionRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One position; amounts are exact decimals."""

    strategy_id: _StrategyId
    instrument_id: _InstrumentId
    symbol: _Symbol
    qty: _Decimal
    average_price: _Decimal
    open_buy_qty: _Decimal = "0"
    open_sell_qty: _Decimal = "0"


class PositionsReport(_Command, frozen=True, kw_only=True, tag="positions.report"):
    """Positions as of one record."""

    as_of_seq: _Seq
    as_of_ns: _Ns
    positions: tuple[PositionRow, ...] = ()


class PnlQuery(_Command, frozen=True, kw_only=True, tag="pnl.query"):
    """Ask for profit and loss."""

    strategy_id: _StrategyId = 0
    instrument_id: _InstrumentId = 0


class PnlRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Profit and loss of one strategy in one instrument, in its currency; fees negative when paid
    back.
    """

    strategy_id: _StrategyId
    instrument_id: _InstrumentId
    currency: Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,10}$")]
    realized: _Decimal
    unrealized: _Decimal
    fees: _Decimal


class PnlReport(_Command, frozen=True, kw_only=True, tag="pnl.report"):
    """Profit and loss as of one record."""

    as_of_seq: _Seq
    as_of_ns: _Ns
    rows: tuple[PnlRow, ...] = ()


class FeedSelect(_Command, frozen=True, kw_only=True, tag="feed.select"):
    """Let these symbols of a feed pass from now on; null: all."""

    feed: _Feed
    symbols: Annotated[tuple[_Symbol, ...], Meta(min_length=1, max_length=65_536)] | None


class FeedCadence(_Command, frozen=True, kw_only=True, tag="feed.cadence"):
    """Rebuild the books of a feed from a snapshot every so many milliseconds; 0: only in need."""

    feed: _Feed
    snapshot_ms: Annotated[int, Meta(ge=0, le=86_400_000)]


class FeedRecover(_Command, frozen=True, kw_only=True, tag="feed.recover"):
    """Rebuild the books of these symbols, of all without any, from a snapshot; `reconnect` opens
    the feed's connections anew before it.
    """

    feed: _Feed
    symbols: Annotated[tuple[_Symbol, ...], Meta(max_length=1024)] = ()
    reconnect: bool = False
    snapshot: bool = True


class FeedHealthQuery(_Command, frozen=True, kw_only=True, tag="feed.health"):
    """Ask how a feed is."""

    feed: _Feed
    symbols_max: Annotated[int, Meta(ge=0, le=65_536)] = 100


class FeedHealthReport(_Command, frozen=True, kw_only=True, tag="feed.health.report"):
    """How a feed is: input lag, sequence state, lines and symbols."""

    feed: _Feed
    health: dict[str, Any]


Command: TypeAlias = (
    StrategyDeploy
    | ParamsUpdate
    | PositionsQuery
    | PositionsReport
    | PnlQuery
    | PnlReport
    | FeedSelect
    | FeedCadence
    | FeedRecover
    | FeedHealthQuery
    | FeedHealthReport
)
COMMANDS: dict[str, type[Command]] = {
    "feed.cadence": FeedCadence,
    "feed.health": FeedHealthQuery,
    "feed.health.report": FeedHealthReport,
    "feed.recover": FeedRecover,
    "feed.select": FeedSelect,
    "strategy.deploy": StrategyDeploy,
    "strategy.params": ParamsUpdate,
    "positions.query": PositionsQuery,
    "positions.report": PositionsReport,
    "pnl.query": PnlQuery,
    "pnl.report": PnlReport,
}


def decode_command(data: bytes | str) -> Command:
    """Read a command or an answer from JSON; msgspec.ValidationError says which field, what was
    found and what is allowed.
    """
    return msgspec.json.decode(data, type=Command)  # type: ignore[no-any-return]


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of every command and answer."""
    (schema,), components = msgspec.json.schema_components([Command], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"tectra commands, version {COMMAND_VERSION}",
        **schema,
        "$defs": components,
    }
