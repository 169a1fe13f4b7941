"""What records there are, by name."""

from tectra.paths import schema_file
from tectra.schema.model import Message, load

__all__ = ["PAYLOADS", "REGISTRY", "VERSION", "describe"]

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


def describe(name: str) -> dict[str, tuple[str, int, int]]:
    """Fields of a record as name -> (type, offset in bytes, size in bytes); KeyError names what
    exists.
    """
    if name not in REGISTRY:
        raise KeyError(f"no record {name!r}; allowed: {', '.join(REGISTRY)}")
    return {f.name: (f.type, f.offset, f.size) for f in REGISTRY[name].fields}
