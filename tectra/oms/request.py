"""Requests and verdicts as the engine's records: an OrderRequest becomes an order_intent and
back.
"""

from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import IntentAction, OrderFlag, Template
from tectra.core.order import OrderRequest, RiskVerdict
from tectra.core.record import Record, decode, encode
from tectra.core.types import OrderType, Side, TimeInForce, Timestamp
from tectra.oms.client_id import ClientOrderIds
from tectra.refdata.instrument import Instrument
from tectra.refdata.mantissa import NO_PX
from tectra.risk.chain import Verdict

__all__ = ["intent_of", "request_of", "verdict_of"]


def intent_of(
    request: OrderRequest,
    instrument: Instrument,
    ids: ClientOrderIds,
    *,
    strategy_id: int,
    timestamp: Timestamp,
    cause_seq: int = 0,
) -> bytes:
    """The order_intent record (128 bytes) that asks for a new order.

    InputError for an instrument other than the request's, a client order id that `ids` did not
    make, and prices or quantities off the tick or lot grid.
    """
    if request.symbol != instrument.symbol or request.exchange != instrument.exchange:
        raise InputError(
            f"request: found {request.symbol} on {request.exchange.label}; allowed: "
            f"{instrument.symbol} on {instrument.exchange.label}, as the instrument says"
        )
    order_id = ids.parse(request.client_order_id)
    if order_id is None:
        raise InputError(
            f"client_order_id: found {request.client_order_id!r}; allowed: one of this instance, "
            f"such as {ids.make(1)!r}"
        )
    return encode(
        Template.ORDER_INTENT,
        ts_event_ns=timestamp.ns,
        ts_recv_ns=timestamp.ns,
        instrument_id=instrument.instrument_id,
        side=request.side,
        flags=OrderFlag.REDUCE_ONLY if request.reduce_only else 0,
        strategy_id=strategy_id,
        order_id=order_id,
        px=NO_PX if request.price is None else instrument.px(request.price),
        qty=instrument.qty(request.quantity),
        cause_seq=cause_seq,
        stop_px=0 if request.stop_price is None else instrument.px(request.stop_price),
        tag=request.tag,
        action=IntentAction.SUBMIT,
        order_type=request.order_type,
        tif=request.tif,
    )


def request_of(record: Record, instrument: Instrument, ids: ClientOrderIds) -> OrderRequest:
    """Inverse of intent_of(). FileFormatError for another record than the intent of a new order in
    the instrument.
    """
    if (
        record.template is not Template.ORDER_INTENT
        or record.get_int("action") != IntentAction.SUBMIT
        or record.get_int("instrument_id") != instrument.instrument_id
    ):
        raise FileFormatError(
            f"found a {record.template_name}; allowed: the order_intent of a new order in "
            f"{instrument.symbol}"
        )
    px, stop_px = record.get_int("px"), record.get_int("stop_px")
    return OrderRequest(
        client_order_id=ids.make(record.get_int("order_id")),
        exchange=instrument.exchange,
        symbol=instrument.symbol,
        side=Side(record.get_int("side")),
        order_type=OrderType(record.get_int("order_type")),
        quantity=instrument.quantity(record.get_int("qty")),
        price=None if px == NO_PX else instrument.price(px),
        stop_price=instrument.price(stop_px) if stop_px else None,
        tif=TimeInForce(record.get_int("tif")),
        reduce_only=bool(record.get_int("flags") & OrderFlag.REDUCE_ONLY),
        tag=record.get_int("tag"),
    )


def verdict_of(verdict: Verdict) -> RiskVerdict:
    """The verdict of a RiskChain as a value."""
    return RiskVerdict.from_record(decode(bytes(verdict)))
