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

from tectra.core.control import (
    ExchangeName,
    MergedSubscribe,
    SetTradingMode,
    StreamName,
    Subscribe,
    TradingMode,
    Unsubscribe,
)
from tectra.core.event import (
    BookSnapshotPayload,
    BookUpdatePayload,
    ExecReportPayload,
    ExecReportState,
    KlineSummary,
    TradePayload,
)
from tectra.core.fixed import Price, Quantity
from tectra.core.level import BookLevel
from tectra.core.market import BookUpdate
from tectra.core.msg import RiskRule
from tectra.core.order import OrderRequest
from tectra.core.signal import Signal, StrategyDecision, StrategyState
from tectra.core.types import OrderId, OrderType, Side, Timestamp
from tectra.core.value import U16, U32, U64, Labels
from tectra.feed.said import Said
from tectra.refdata.definition import Definition
from tectra.research.candidate import PairCandidate, ResearchSignal
from tectra.risk.ruleset import LimitsUpdate
from tectra.signals.feature import FeatureVector

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
json_labels = st.dictionaries(
    st.text(max_size=5), st.text(max_size=5) | st.integers(-I63, I63) | st.booleans(), max_size=3
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


def _klines() -> st.SearchStrategy[KlineSummary]:
    hints = get_type_hints(KlineSummary, include_extras=True)
    prices_of_it = ("open", "high", "low", "close")
    rest = st.fixed_dictionaries({n: of_hint(h) for n, h in hints.items() if n not in prices_of_it})

    def made(four: list[float], more: dict[str, Any]) -> KlineSummary:
        low, a, b, high = sorted(four)
        return KlineSummary(open=a, high=high, low=low, close=b, **more)

    return st.builds(made, st.lists(floats, min_size=4, max_size=4), rest)


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


def _definitions() -> st.SearchStrategy[Definition]:
    """Steps above zero; the rest by annotation."""
    hints = get_type_hints(Definition, include_extras=True)
    rest = {n: of_hint(h) for n, h in hints.items() if n not in ("tick_size", "lot_size")}
    tick = st.integers(1, 10**9).map(lambda px: Price.from_raw(px, PX_EXPONENT))
    return st.builds(Definition, tick_size=tick, lot_size=present, **rest)


SPECIAL[Definition] = _definitions
# One payload stands for all three, which have duties of their own.
SPECIAL[Said] = lambda: st.builds(
    Said, of_hint(str), value_of(TradePayload), st.integers(0, (1 << 64) - 1)
)

CONTROL = {"id": st.integers(0, I63), "exchange": st.sampled_from(list(ExchangeName))}
_names = st.lists(st.text("ABC/-", min_size=1, max_size=16), min_size=1, max_size=3).map(tuple)
_streams = st.lists(st.sampled_from(list(StreamName)), min_size=1, max_size=6).map(tuple)
CONTROL |= {"symbols": _names, "events": _streams}


def _requests() -> st.SearchStrategy[OrderRequest]:
    hints = get_type_hints(OrderRequest, include_extras=True)
    kind = OrderType
    drawn = ("exchange", "symbol", "tif", "reduce_only", "tag")
    same = {n: of_hint(hints[n]) for n in drawn}
    same |= {"client_order_id": st.integers(1, 99).map(lambda i: f"cm_test_{i}")}
    same |= {"side": st.sampled_from([Side.BUY, Side.SELL]), "quantity": present}
    stop = st.integers(1, 10**9).map(lambda px: Price.from_raw(px, PX_EXPONENT))
    priced = st.sampled_from([kind.LIMIT, kind.POST_ONLY])
    return st.one_of(
        st.builds(OrderRequest, order_type=priced, price=prices, **same),
        st.builds(OrderRequest, order_type=st.just(kind.MARKET), **same),
        st.builds(OrderRequest, order_type=st.just(kind.STOP), stop_price=stop, **same),
        st.builds(
            OrderRequest,
            order_type=st.just(kind.STOP_LIMIT),
            price=prices,
            stop_price=stop,
            **same,
        ),
    )


def _sure(kind: Any) -> st.SearchStrategy[Any]:
    """Values with a confidence of 0 to 1."""
    hints = get_type_hints(kind, include_extras=True)
    rest = {n: of_hint(h) for n, h in hints.items() if n != "confidence"}
    return st.builds(kind, confidence=st.floats(0, 1), **rest)


_states = st.builds(
    StrategyState.of,
    st.text("abc", min_size=1, max_size=5),
    st.dictionaries(
        st.text(max_size=3), st.integers(0, 9) | floats | st.lists(st.text(max_size=2))
    ),
    version=st.integers(0, 9),
    timestamp=stamps,
    ring_seq=st.integers(0, I63),
)
_features = st.integers(0, 3).flatmap(
    lambda n: st.builds(
        FeatureVector,
        timestamp=stamps,
        symbol=SIMPLE[str],
        features=st.lists(floats, min_size=n, max_size=n),
        labels=json_labels,
        names=st.just(()) | st.lists(st.text("ab"), min_size=n, max_size=n),
    )
)
_pairs = st.builds(
    PairCandidate,
    symbols=st.sampled_from([("AAPL", "MSFT"), ("BTCUSDT", "ETHUSDT")]),
    correlation=st.floats(-1, 1),
    cointegration=st.floats(0, 1),
    half_life=st.floats(0.1, 1e9),
    hedge_ratio=floats,
)
_limit = st.none() | st.integers(-I63, I63)
SPECIAL |= {
    FeatureVector: lambda: _features,
    ResearchSignal: lambda: _sure(ResearchSignal),
    PairCandidate: lambda: _pairs,
    LimitsUpdate: lambda: st.builds(
        LimitsUpdate,
        timestamp=stamps,
        rule=st.sampled_from(list(RiskRule)),
        new_value=_limit,
        old_value=_limit,
        strategy_id=of_hint(U16),
        instrument_id=of_hint(U32),
        operator_id=of_hint(U64),
    ),
    OrderRequest: _requests,
    Signal: lambda: _sure(Signal),
    StrategyDecision: lambda: _sure(StrategyDecision),
    StrategyState: lambda: _states,
    Subscribe: lambda: st.builds(Subscribe, **CONTROL),
    Unsubscribe: lambda: st.builds(Unsubscribe, **CONTROL),
    MergedSubscribe: lambda: st.builds(
        MergedSubscribe,
        id=CONTROL["id"],
        symbol=st.text("ABC", min_size=1, max_size=16),
        exchanges=st.lists(CONTROL["exchange"], min_size=2, max_size=7).map(tuple),
        events=_streams,
        window_ms=st.integers(1, 60_000),
    ),
    SetTradingMode: lambda: st.builds(
        SetTradingMode, id=CONTROL["id"], mode=st.sampled_from(list(TradingMode))
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
