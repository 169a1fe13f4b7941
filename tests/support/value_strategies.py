"""Hypothesis strategies: one for every value type, by class. Any field that no special case names
is drawn from its annotation.
"""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from tectra.core.event import (
    BookSnapshotPayload,
    BookUpdatePayload,
    ExecReportPayload,
    ExecReportState,
    KlineSummary,
)
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.market import BookUpdate
from tectra.core.types import OrderId, Timestamp
from tectra.core.value import Labels

__all__ = ["PX_EXPONENT", "QTY_EXPONENT", "SYMBOL", "value_of"]

SYMBOL = "BTCUSDT"
PX_EXPONENT, QTY_EXPONENT = -2, -5
I63 = (1 << 63) - 1

labels = st.dictionaries(
    st.text(max_size=5),
    st.text(max_size=5)
    | st.integers(-(1 << 63), 1 << 63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans(),
    max_size=3,
).map(Labels)
prices = st.integers(-(10**15), 10**15).map(lambda px: Price.from_raw(px, PX_EXPONENT))
quantities = st.integers(0, 10**15).map(lambda q: Quantity.from_raw(q, QTY_EXPONENT))
present = st.integers(1, 10**15).map(lambda q: Quantity.from_raw(q, QTY_EXPONENT))
levels = st.lists(st.builds(BookLevel, prices, quantities), max_size=4).map(tuple)
resting = st.lists(st.builds(BookLevel, prices, present), max_size=4).map(tuple)
stamps = st.integers(0, I63).map(Timestamp)
money = st.integers(-(10**12), 10**12).map(lambda m: Decimal(m).scaleb(PX_EXPONENT + QTY_EXPONENT))
floats = st.floats(allow_nan=False, allow_infinity=False)

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    Price: prices,
    Quantity: quantities,
    Timestamp: stamps,
    OrderId: st.builds(OrderId, st.integers(0, I63), st.text(max_size=4)),
    BookLevel: st.builds(BookLevel, prices, quantities),
    Labels: labels,
    Decimal: money,
    bool: st.booleans(),
    float: floats,
    int: st.integers(0, (1 << 64) - 1),
    str: st.text("abc XYZ_09", min_size=1, max_size=16),
}


def of_hint(hint: Any) -> st.SearchStrategy[Any]:
    """What an annotation allows."""
    origin = get_origin(hint)
    if origin is Annotated:
        limits = get_args(hint)[1]
        return st.integers(limits.low, limits.high)
    if origin is tuple:
        return st.lists(of_hint(get_args(hint)[0]), max_size=3).map(tuple)
    if origin in (Union, UnionType):
        return st.one_of([of_hint(a) for a in get_args(hint)])
    if hint is NoneType:
        return st.none()
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return SIMPLE[hint] if hint in SIMPLE else value_of(hint)


def _reports() -> st.SearchStrategy[ExecReportPayload]:
    state = ExecReportState
    head = {
        n: of_hint(get_type_hints(ExecReportPayload, include_extras=True)[n])
        for n in ("ts_event", "order_id", "side", "quantity")
    }
    px = st.none() | prices
    u64 = st.integers(0, (1 << 64) - 1)
    hints = get_type_hints(ExecReportPayload, include_extras=True)

    def one(s: ExecReportState, price: Any = px, **more: Any) -> st.SearchStrategy[Any]:
        return st.builds(ExecReportPayload, state=st.just(s), price=price, **head, **more)

    filled = {
        "venue_order_id": u64,
        "exec_id": u64,
        "trade_id": u64,
        "liquidity": of_hint(hints["liquidity"]),
        "fee": money,
    }
    gone = {"venue_order_id": u64, "reason": of_hint(hints["reason"])}
    return st.one_of(
        one(
            state.ACK,
            venue_order_id=u64,
            leaves_quantity=quantities,
            action=of_hint(hints["action"]),
        ),
        one(state.PARTIAL, leaves_quantity=present, **filled),
        one(state.FILLED, **filled),
        one(state.CANCELLED, **gone),
        one(state.EXPIRED, **gone),
        one(
            state.REJECTED,
            action=of_hint(hints["action"]),
            reason=of_hint(hints["reason"]),
            text=st.text("abc -", max_size=40),
        ),
    )


@st.composite
def _klines(draw: Any) -> KlineSummary:
    low, a, b, high = sorted(draw(st.lists(floats, min_size=4, max_size=4)))
    hints = get_type_hints(KlineSummary, include_extras=True)
    rest = {
        n: draw(of_hint(h)) for n, h in hints.items() if n not in ("open", "high", "low", "close")
    }
    return KlineSummary(open=a, high=high, low=low, close=b, **rest)


def _updates(kind: Any, side: Any, **fixed: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    rest = {n: of_hint(h) for n, h in hints.items() if n not in {"bids", "asks", *fixed}}
    return st.builds(kind, bids=side, asks=side, **{**rest, **fixed})


SPECIAL: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
    ExecReportPayload: _reports,
    KlineSummary: _klines,
    BookSnapshotPayload: lambda: _updates(BookSnapshotPayload, resting),
    BookUpdatePayload: lambda: _updates(BookUpdatePayload, levels).filter(
        lambda u: u.bids or u.asks
    ),
    BookUpdate: lambda: (
        _updates(BookUpdate, resting, is_snapshot=st.just(value=True))
        | _updates(BookUpdate, levels, is_snapshot=st.just(value=False)).filter(
            lambda u: u.bids or u.asks
        )
    ),
}


def value_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    if kind in SPECIAL:
        return SPECIAL[kind]()
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{f.name: of_hint(hints[f.name]) for f in fields(kind)})
