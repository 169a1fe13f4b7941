"""What a record of a timeline means, in a sentence."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tectra.core.msg import Template
from tectra.refdata.instrument import Instrument
from tectra.replay.describe import Names, plain
from tectra.risk.chain import LIMIT_UNSET

__all__ = ["limit_text", "words"]

_INT64_MAX = (1 << 63) - 1
_KILLED = ("everything", "the strategy", "the instrument", "the strategy in the instrument")


def limit_text(rule: str, value: int, instrument: Instrument | None) -> str:
    """A limit, or what was found against it, in the units of its rule."""
    if value in (LIMIT_UNSET, _INT64_MAX):
        return "none"
    if rule == "PRICE_BAND":
        return f"{value} ppm"
    if rule == "ORDER_RATE":
        burst = value >> 32
        return f"{value & 0xFFFFFFFF} a second" + (f", burst {burst}" if burst else "")
    if instrument is not None and rule in ("MAX_QTY", "MAX_POSITION"):
        return str(instrument.quantity(value))
    if instrument is not None and rule == "MAX_NOTIONAL":
        return str(instrument.money(value))
    return str(value)


def _order(it: Mapping[str, Any]) -> str:
    price = "market" if it.get("px") is None else it["px"]
    return f"{it.get('side', '')} {it['qty']} @ {price}".strip()


def _intent(it: Mapping[str, Any], _: Instrument | None) -> str:
    kind = [str(it[n]) for n in ("order_type", "tif") if it.get(n)]
    return f"asks to {it['action']} order {it['order_id']}: {' '.join([_order(it), *kind])}"


def _verdict(it: Mapping[str, Any], instrument: Instrument | None) -> str:
    what = f"{it.get('action', '')} of order {it['order_id']}"
    if it["accepted"]:
        return f"accepts the {what}"
    rule, limit, found = str(it["rule"]), int(it["limit"]), int(it["found"])
    if rule == "KILL":
        stopped = " and ".join(s for bit, s in enumerate(_KILLED) if found >> bit & 1)
        return f"REFUSES the {what} by KILL: {stopped}"
    if rule == "ORDER_RATE":
        why = f"limit {limit} a second, the next in {found} ns"
    elif rule == "PRICE_BAND" and not it.get("reference_px2"):
        why = "no mid price to compare with"
    else:
        why = f"limit {limit_text(rule, limit, instrument)}, found "
        why += limit_text(rule, found, instrument)
    return f"REFUSES the {what} by {rule}: {why}; position {it['position_qty']}"


def _event(it: Mapping[str, Any], _: Instrument | None) -> str:
    text = f"order {it['order_id']}: {it['event']}, {it['from_state']} -> {it['to_state']}"
    if not it["valid"]:
        text = f"order {it['order_id']}: {it['event']} is NOT POSSIBLE in {it['from_state']}"
    reason = it.get("reason", "NONE")
    return text if reason == "NONE" else f"{text} ({reason})"


def _send(it: Mapping[str, Any], _: Instrument | None) -> str:
    return f"sends {it['action']} of order {it['order_id']}: {_order(it)}"


def _fill(it: Mapping[str, Any], _: Instrument | None) -> str:
    made = "" if it["liquidity"] == "NONE" else f" ({it['liquidity']})"
    left = f"left {it['leaves_qty']}, fee {it['fee']}"
    return f"fills order {it['order_id']}: {_order(it)}{made}, {left}"


def _limit(it: Mapping[str, Any], instrument: Instrument | None) -> str:
    rule = str(it["rule"])
    old, new = (limit_text(rule, int(it[n]), instrument) for n in ("old_value", "new_value"))
    return f"limit {rule}: {old} -> {new}, by operator {it['operator_id']}"


def _param(it: Mapping[str, Any], _: Instrument | None) -> str:
    field = {"f": "value_f", "s": "value_text"}.get(str(it["value_type"]), "value_i")
    value = bool(it[field]) if it["value_type"] == "b" else it[field]
    return f"parameter {it['name']} = {value}"


def _kill(it: Mapping[str, Any], _: Instrument | None) -> str:
    return f"{it['action']} by operator {it['operator_id']}: {it['reason'] or 'no reason given'}"


def _response(it: Mapping[str, Any], _: Instrument | None) -> str:
    undo = f"; undo: {it['rollback']}" if it["rollback"] else ""
    return (
        f"{it['step']} because of record {it['trigger_seq']}: {it['status']}, "
        f"{it['orders']} orders{undo}"
    )


_WORDS: dict[Template, Callable[[Mapping[str, Any], Instrument | None], str]] = {
    Template.STATUS: lambda it, _: f"{it['kind']} {it['state']} {it['code']}".rstrip(),
    Template.GAP: lambda it, _: f"records {it['first_seq']} to {it['last_seq']} are LOST",
    Template.BOOK_STATUS: lambda it, _: (
        f"the book is {it['status']} ({it['reason']}), expected {it['expected']}, "
        f"found {it['found']}"
    ),
    Template.BOOK_CLEAR: lambda it, _: f"the book is cleared ({it['reason']})",
    Template.ORDER_ACK: lambda it, _: (
        f"acknowledges {it['action']} of order {it['order_id']}: {_order(it)}"
    ),
    Template.ORDER_FILL: _fill,
    Template.ORDER_CANCEL: lambda it, _: (
        f"order {it['order_id']} is off the market, {'expired' if it['expired'] else 'cancelled'}"
        + ("" if it["reason"] == "NONE" else f" ({it['reason']})")
    ),
    Template.ORDER_REJECT: lambda it, _: (
        f"REJECTS {it['action']} of order {it['order_id']}: {it['reason']} {it['text']}".rstrip()
    ),
    Template.CONTROL_KILL: _kill,
    Template.CONTROL_LIMIT: _limit,
    Template.CONTROL_PARAM: _param,
    Template.CONFIG_CHANGE: lambda it, _: (
        f"configuration {it['revision']} by operator {it['operator_id']}, part "
        f"{it['part'] + 1} of {it['parts']}: {it['text']}"
    ),
    Template.TIMER: lambda it, _: f"timer {it['timer_id']}",
    Template.SESSION: lambda it, _: f"session {it['kind']}, seed {it['seed']}",
    Template.KILL_RESPONSE: _response,
    Template.CONTROL_ACK: lambda it, _: (
        f"answers record {it['command_seq']}: {it['status']} {it['text']}".rstrip()
    ),
    Template.ORDER_INTENT: _intent,
    Template.ORDER_VERDICT: _verdict,
    Template.ORDER_EVENT: _event,
    Template.ORDER_SEND: _send,
    Template.STRATEGY_SIGNAL: lambda it, _: f"signal {it['name']} = {it['value']:.6g}",
    Template.STRATEGY_DECISION: lambda it, _: (
        ("decides" if it["callback"] == "NONE" else f"decides in {it['callback']}")
        + f": {it['text']}"
        + ("" if it["side"] == "NONE" else f" ({it['side']}, confidence {it['confidence']:g})")
    ),
    Template.STRATEGY_STATE: lambda it, _: (
        f"is {it['phase']} in {it['callback']}: {it['text']}".rstrip(": ")
    ),
    Template.POSITION_UPDATE: lambda it, _: (
        f"position {it['net_qty']}, realized {it['realized']}, fees {it['fees']}"
    ),
    Template.PNL_UPDATE: lambda it, _: (
        f"P&L {it['total']}: realized {it['realized']}, unrealized {it['unrealized']}, "
        f"fees {it['fees']}"
    ),
}


def words(row: np.void, names: Names) -> str:
    """One record in a sentence, in units of its instrument; of a type without one, its fields."""
    template = Template(int(row["template_id"]))
    instrument_id = int(row["instrument_id"])
    say = _WORDS.get(template)
    if say is None:
        return " ".join(f"{k}={v}" for k, v in names.fields(row).items())
    known = {k: names.amount(k, v, instrument_id) for k, v in plain(row).items()}
    return say(known, names.instruments.get(instrument_id))
