"""The payload types of the engine by their names in the trade, and the record that each one is."""

from collections.abc import Mapping
from types import MappingProxyType

from tectra.core.msg import DTYPES, Template

__all__ = ["PAYLOADS", "payload_fields"]

PAYLOADS: Mapping[str, Template] = MappingProxyType(
    {
        "MarketData": Template.BAR,
        "OrderIntent": Template.ORDER_INTENT,
        "OrderAck": Template.ORDER_ACK,
        "Fill": Template.ORDER_FILL,
        "RiskDecision": Template.ORDER_VERDICT,
        "StrategyDecision": Template.STRATEGY_DECISION,
    }
)


def payload_fields(name: str) -> tuple[str, ...]:
    """Fields of a payload type in the order of the record, after the message header. KeyError for
    another name.
    """
    return tuple(DTYPES[PAYLOADS[name]].names or ())[4:]
