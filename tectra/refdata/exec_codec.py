"""Execution reports as records: `order_ack`, `order_fill`, `order_cancel` and `order_reject`."""

from typing import Any

from tectra.core.errors import FileFormatError
from tectra.core.event import ExecReportPayload, ExecReportState
from tectra.core.msg import IntentAction, Liquidity, RejectReason, Side, Template
from tectra.core.record import Record, encode
from tectra.core.types import Timestamp
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import About, Buffer, head, money_of, price_of, px_of, qty_of, read_one

__all__ = ["REPORTS", "read_report", "write_report"]

REPORTS = (
    Template.ORDER_ACK,
    Template.ORDER_FILL,
    Template.ORDER_CANCEL,
    Template.ORDER_REJECT,
)


def _ack(value: ExecReportPayload, about: About) -> tuple[Template, dict[str, Any]]:
    return Template.ORDER_ACK, {
        "action": value.action,
        "venue_order_id": value.venue_order_id,
        "leaves_qty": qty_of(value.leaves_quantity, about.instrument),
    }


def _fill(value: ExecReportPayload, about: About) -> tuple[Template, dict[str, Any]]:
    return Template.ORDER_FILL, {
        "liquidity": value.liquidity,
        "venue_order_id": value.venue_order_id,
        "exec_id": value.exec_id,
        "match_id": value.trade_id,
        "leaves_qty": qty_of(value.leaves_quantity, about.instrument),
        "fee": money_of(value.fee, about.instrument),
    }


def _cancel(value: ExecReportPayload, _: About) -> tuple[Template, dict[str, Any]]:
    return Template.ORDER_CANCEL, {
        "reason": value.reason,
        "venue_order_id": value.venue_order_id,
        "expired": int(value.state is ExecReportState.EXPIRED),
    }


def _reject(value: ExecReportPayload, _: About) -> tuple[Template, dict[str, Any]]:
    return Template.ORDER_REJECT, {
        "action": value.action,
        "reason": value.reason,
        "text": value.text,
    }


_WRITERS = {
    ExecReportState.ACK: _ack,
    ExecReportState.PARTIAL: _fill,
    ExecReportState.FILLED: _fill,
    ExecReportState.CANCELLED: _cancel,
    ExecReportState.EXPIRED: _cancel,
    ExecReportState.REJECTED: _reject,
}


def write_report(value: ExecReportPayload, about: About) -> bytes:
    """The record of a report. InputError where places would be lost."""
    template, own = _WRITERS[value.state](value, about)
    return encode(
        template,
        **head(about, value.ts_event),
        side=value.side,
        order_id=value.order_id,
        px=px_of(value.price, about.instrument),
        qty=qty_of(value.quantity, about.instrument),
        **own,
    )


def _state(record: Record) -> ExecReportState:
    if record.template is Template.ORDER_ACK:
        return ExecReportState.ACK
    if record.template is Template.ORDER_REJECT:
        return ExecReportState.REJECTED
    if record.template is Template.ORDER_CANCEL:
        gone = record.get_int("expired")
        return ExecReportState.EXPIRED if gone else ExecReportState.CANCELLED
    leaves = record.get_int("leaves_qty")
    if leaves < 0:
        raise FileFormatError(f"order_fill: found {leaves} left; allowed: 0 or more")
    return ExecReportState.PARTIAL if leaves else ExecReportState.FILLED


def read_report(buffer: Buffer, instrument: Instrument) -> ExecReportPayload:
    """Inverse of write_report(). What only the simulated exchange says (queue, reason of a fill)
    and a venue's own number of a refusal stay in the record.
    """
    record = read_one(buffer, instrument, *REPORTS)
    own: dict[str, Any] = {}
    for name in ("venue_order_id", "exec_id"):
        if name in record.keys():  # noqa: SIM118  a record is no mapping
            own[name] = record.get_int(name)
    if record.template in (Template.ORDER_ACK, Template.ORDER_FILL):
        own["leaves_quantity"] = instrument.quantity(record.get_int("leaves_qty"))
    if record.template in (Template.ORDER_ACK, Template.ORDER_REJECT):
        own["action"] = IntentAction(record.get_int("action"))
    if record.template in (Template.ORDER_CANCEL, Template.ORDER_REJECT):
        own["reason"] = RejectReason(record.get_int("reason"))
    if record.template is Template.ORDER_REJECT:
        own["text"] = record.get_text("text")
    if record.template is Template.ORDER_FILL:
        own["liquidity"] = Liquidity(record.get_int("liquidity"))
        own["trade_id"] = record.get_int("match_id")
        own["fee"] = instrument.money(record.get_int("fee"))
    return ExecReportPayload(
        ts_event=Timestamp(record.get_int("ts_event_ns")),
        state=_state(record),
        order_id=record.get_int("order_id"),
        side=Side(record.get_int("side")),
        price=price_of(record.get_int("px"), instrument),
        quantity=instrument.quantity(record.get_int("qty")),
        **own,
    )
