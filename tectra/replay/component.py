"""Which part of the engine, or of the world around it, a record is the word of."""

from tectra.core.msg import DIRECTION, Template

__all__ = ["COMPONENTS", "component_of"]

_ENGINE = {
    Template.BOOK_METRICS: "book",
    Template.ORDER_INTENT: "strategy",
    Template.STRATEGY_SIGNAL: "strategy",
    Template.STRATEGY_DECISION: "strategy",
    Template.STRATEGY_STATE: "strategy",
    Template.ORDER_VERDICT: "risk",
    Template.ORDER_EVENT: "order manager",
    Template.ORDER_SEND: "order manager",
    Template.POSITION_UPDATE: "portfolio",
    Template.PNL_UPDATE: "portfolio",
}
_INPUT = {
    Template.ORDER_ACK: "venue",
    Template.ORDER_FILL: "venue",
    Template.ORDER_CANCEL: "venue",
    Template.ORDER_REJECT: "venue",
    Template.CONTROL_KILL: "operator",
    Template.CONTROL_LIMIT: "operator",
    Template.CONTROL_PARAM: "operator",
    Template.CONFIG_CHANGE: "operator",
    Template.TIMER: "timer",
    Template.SESSION: "session",
}
# What the engine is told, and then what it is made of, in the order in which a record passes it.
COMPONENTS = (
    "market data",
    "venue",
    "operator",
    "timer",
    "session",
    "book",
    "strategy",
    "risk",
    "order manager",
    "portfolio",
    "engine",
    "notes",
)


def component_of(template: Template) -> str:
    """One of COMPONENTS; an input is the word of one of the first five."""
    direction = DIRECTION[template]
    if direction == "input":
        return _INPUT.get(template, "market data")
    return _ENGINE.get(template, "engine") if direction == "output" else "notes"
