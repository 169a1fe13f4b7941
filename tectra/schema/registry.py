"""What records there are, by name."""

from typing import NamedTuple

from tectra.paths import schema_file
from tectra.schema.command import COMMAND_VERSION, COMMANDS
from tectra.schema.model import Message, load

__all__ = ["CONTRACTS", "PAYLOADS", "REGISTRY", "VERSION", "Contract", "describe"]

_SCHEMA = load(schema_file())
VERSION: int = _SCHEMA.version
REGISTRY: dict[str, Message] = _SCHEMA.messages

# The six payload families of an event stream and the records that carry them.
PAYLOADS: dict[str, tuple[str, ...]] = {
    "MarketData": tuple(m.name for m in REGISTRY.values() if m.id < 20),
    "OrderIntent": ("order_intent",),
    "OrderAck": ("order_ack", "order_cancel", "order_reject"),
    "Fill": ("order_fill",),
    "RiskDecision": ("order_verdict",),
    "StrategyDecision": ("strategy_decision", "strategy_signal"),
}


class Contract(NamedTuple):
    """A kind of data that crosses a boundary: its version and the records, or commands, of it."""

    version: int
    records: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def _records(*names: str) -> Contract:
    """Named records; a name ending in _ stands for all that begin with it."""
    found = [
        record
        for record in REGISTRY
        if any(record.startswith(n) if n.endswith("_") else record == n for n in names)
    ]
    return Contract(VERSION, records=tuple(found))


def _commands(area: str) -> Contract:
    return Contract(COMMAND_VERSION, commands=tuple(c for c in COMMANDS if c.startswith(area)))


# What is exchanged, by the words of the trade.
CONTRACTS: dict[str, Contract] = {
    "ticks": _records("trade", "quote", "ticker", "bar", "auction"),
    "books": _records("book_"),
    "orders": _records(
        "order_intent", "order_send", "order_event", "order_ack", "order_cancel", "order_reject"
    ),
    "verdicts": _records("order_verdict"),
    "control": _records("control_", "kill_response", "config_change"),
    "signals": _records("strategy_signal", "strategy_decision", "strategy_state"),
    "positions": _records("position_update"),
    "fills": _records("order_fill"),
    "pnl": _records("pnl_update"),
    "reference": _records("instrument", "status", "venue_message", "gap", "timer", "session"),
    "backtest configs": _records("run_config"),
    "backtest results": _records("run_result"),
    "strategy commands": _commands("strategy."),
    "position commands": _commands("positions."),
    "pnl commands": _commands("pnl."),
    "feed commands": _commands("feed."),
}


def describe(name: str) -> dict[str, tuple[str, int, int]]:
    """Fields of a record as name -> (type, offset in bytes, size in bytes); KeyError names what
    exists.
    """
    if name not in REGISTRY:
        raise KeyError(f"no record {name!r}; allowed: {', '.join(REGISTRY)}")
    return {f.name: (f.type, f.offset, f.size) for f in REGISTRY[name].fields}
