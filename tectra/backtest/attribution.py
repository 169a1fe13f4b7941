"""What each trade and each order of a run came to, from the records of the run alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from tectra.backtest.ledger import Ledger
from tectra.backtest.metrics import Equity
from tectra.core.fixed import Price, Quantity
from tectra.core.msg import OrderEventKind, OrderState, RejectReason, Side, Template
from tectra.refdata.instrument import Instrument

__all__ = [
    "OrderOutcome",
    "TradeAttribution",
    "attribute_trades",
    "order_outcomes",
    "run_figures",
    "sharpe_ratio",
    "win_rate",
]

_NO_PX = -(1 << 63)
_YEAR_NS = 365.25 * 86_400 * 1e9


@dataclass(frozen=True, slots=True)
class TradeAttribution:
    """One execution and what it added: `realized` before the fee, `pnl` after it. `closing` is
    whether it brought a position nearer to zero, or through it.
    """

    ring_seq: int
    ts_ns: int
    strategy: str
    symbol: str
    order_id: int
    side: Side
    price: Price
    quantity: Quantity
    fee: Decimal
    realized: Decimal
    closing: bool

    @property
    def pnl(self) -> Decimal:
        """Realized less fee."""
        return self.realized - self.fee


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """One order from its first record to its last: what was asked, what was filled, how it ended.
    `price` is None for a market order.
    """

    order_id: int
    strategy: str
    symbol: str
    side: Side
    price: Price | None
    quantity: Quantity
    filled: Quantity
    state: OrderState
    reason: RejectReason
    ts_submit_ns: int
    ts_last_ns: int


def attribute_trades(
    ledger: Ledger, instruments: Sequence[Instrument], strategies: Sequence[str]
) -> list[TradeAttribution]:
    """Every execution in order. The engine's own positions say what each one realized, so the sum
    over a strategy is its realized P&L to the last unit.
    """
    by_id = {i.instrument_id: i for i in instruments}
    after = {int(row["cause_seq"]): row for row in ledger.table(Template.POSITION_UPDATE)}
    before: dict[tuple[int, int], tuple[int, int]] = {}
    out = []
    for fill in ledger.table(Template.ORDER_FILL):
        row = after.get(int(fill["ring_seq"]))
        if row is None:
            continue  # booked twice by the venue: the position did not move
        instrument = by_id[int(fill["instrument_id"])]
        key = (int(row["strategy_id"]), instrument.instrument_id)
        net, realized = before.get(key, (0, 0))
        new_net, new_realized = int(row["net_qty"]), int(row["realized"])
        before[key] = (new_net, new_realized)
        out.append(
            TradeAttribution(
                ring_seq=int(fill["ring_seq"]),
                ts_ns=int(fill["ts_recv_ns"]),
                strategy=strategies[key[0] - 1] if key[0] else "",
                symbol=instrument.symbol,
                order_id=int(fill["order_id"]),
                side=Side(int(fill["side"])),
                price=instrument.price(int(fill["px"])),
                quantity=instrument.quantity(int(fill["qty"])),
                fee=instrument.money(int(fill["fee"])),
                realized=instrument.money(new_realized - realized),
                closing=net * (new_net - net) < 0,
            )
        )
    return out


def order_outcomes(
    ledger: Ledger, instruments: Sequence[Instrument], strategies: Sequence[str]
) -> list[OrderOutcome]:
    """Every order in the order of its submission."""
    by_id = {i.instrument_id: i for i in instruments}
    asked: dict[int, np.void] = {}
    last: dict[int, np.void] = {}
    for row in ledger.table(Template.ORDER_EVENT):
        order_id = int(row["order_id"])
        if row["event"] == OrderEventKind.SUBMIT:
            asked.setdefault(order_id, row)
        if row["valid"]:
            last[order_id] = row
    return [
        _outcome(first, last.get(order_id, first), by_id[int(first["instrument_id"])], strategies)
        for order_id, first in asked.items()
    ]


def _outcome(
    first: np.void, last: np.void, instrument: Instrument, strategies: Sequence[str]
) -> OrderOutcome:
    px = int(first["px"])
    strategy_id = int(first["strategy_id"])
    return OrderOutcome(
        order_id=int(first["order_id"]),
        strategy=strategies[strategy_id - 1] if strategy_id else "",
        symbol=instrument.symbol,
        side=Side(int(first["side"])),
        price=None if px == _NO_PX else instrument.price(px),
        quantity=instrument.quantity(int(first["qty"])),
        filled=instrument.quantity(int(last["cum_qty"])),
        state=OrderState(int(last["to_state"])),
        reason=RejectReason(int(last["reason"])),
        ts_submit_ns=int(first["ts_event_ns"]),
        ts_last_ns=int(last["ts_event_ns"]),
    )


def win_rate(trades: Sequence[TradeAttribution]) -> float:
    """Part of the closing trades that gained after their fee, 0..1; 0 where nothing was closed."""
    closing = [t for t in trades if t.closing]
    return sum(t.pnl > 0 for t in closing) / len(closing) if closing else 0.0


def sharpe_ratio(equity: Equity) -> float:
    """Mean over standard deviation of the P&L between samples, times the square root of the samples
    in a year; 0 where it does not vary. Of money, not of returns: a run has no capital.
    """
    steps = np.diff(equity.total[:, 0]) if len(equity.total) else np.zeros(0)
    spread = float(steps.std(ddof=1)) if len(steps) > 1 else 0.0
    if spread == 0.0:
        return 0.0
    interval_ns = float(np.median(np.diff(equity.ts_ns)))
    return float(steps.mean()) / spread * float(np.sqrt(_YEAR_NS / max(interval_ns, 1.0)))


def run_figures(equity: Equity, trades: Sequence[TradeAttribution]) -> Mapping[str, float]:
    """The figures of a run that come from its curve and its trades."""
    return {
        "sharpe": sharpe_ratio(equity),
        "win_rate": win_rate(trades),
        "drawdown_max": float(equity.drawdown[:, 0].min()) if len(equity.total) else 0.0,
    }
