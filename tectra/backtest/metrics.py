"""What a run came to: counts, money and risk per strategy, from its ledger and its samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tectra.backtest.ledger import Ledger
from tectra.core.msg import Liquidity, OrderEventKind, RiskRule, Template
from tectra.refdata.instrument import Instrument

__all__ = ["Equity", "Sample", "StrategyMetrics", "equity_of", "metrics_of", "verdict_counts"]

# Time, twice the mid by slot, and (strategy, slot, net_qty, realized, unrealized, fees) rows.
Sample = tuple[int, dict[int, int], list[tuple[int, int, int, int, int, int]]]


@dataclass(frozen=True)
class Equity:
    """P&L over time in money, after fees: `total[i, k]` is strategy k at `ts_ns[i]`; column 0 is
    all of them.
    """

    ts_ns: NDArray[np.int64]
    total: NDArray[np.float64]

    @property
    def drawdown(self) -> NDArray[np.float64]:
        """How far below its highest value so far each column is (0 or negative); the start counts
        as 0.
        """
        start = np.zeros((1, self.total.shape[1]))
        peak = np.maximum.accumulate(np.vstack([start, self.total]), axis=0)[1:]
        return self.total - peak


@dataclass(frozen=True)
class StrategyMetrics:
    """Figures of one strategy; money is exact, in the units of the price."""

    strategy: str
    orders: int
    rejected_by_risk: int
    rejected_by_venue: int
    cancelled: int
    fills: int
    maker_fills: int
    volume: Decimal
    turnover: Decimal
    realized: Decimal
    unrealized: Decimal
    fees: Decimal
    pnl: Decimal
    drawdown_max: float

    @property
    def maker_share(self) -> float:
        """Part of the fills that were passive, 0..1."""
        return self.maker_fills / self.fills if self.fills else 0.0


def equity_of(
    samples: Sequence[Sample], instruments: Sequence[Instrument], strategies: int
) -> Equity:
    """The curve out of the driver's samples."""
    scale = [10.0 ** (i.px_exponent + i.qty_exponent) for i in instruments]
    total = np.zeros((len(samples), strategies + 1))
    for row, (_, _, positions) in enumerate(samples):
        for strategy_id, slot, _, realized, unrealized, fees in positions:
            total[row, strategy_id] += (realized + unrealized - fees) * scale[slot]
    total[:, 0] = total[:, 1:].sum(axis=1)
    return Equity(np.array([s[0] for s in samples], dtype=np.int64), total)


def verdict_counts(ledger: Ledger) -> dict[str, int]:
    """Verdicts by the rule that refused; `ACCEPTED` for those that passed."""
    verdicts = ledger.table(Template.ORDER_VERDICT)
    out = {"ACCEPTED": int(np.count_nonzero(verdicts["accepted"] == 1))}
    refused = verdicts[verdicts["accepted"] == 0]
    for rule in RiskRule:
        if rule is not RiskRule.NONE:
            out[rule.name] = int(np.count_nonzero(refused["rule"] == rule))
    return out


def metrics_of(
    ledger: Ledger,
    last: Sample,
    instruments: Sequence[Instrument],
    strategies: Sequence[str],
    equity: Equity,
) -> list[StrategyMetrics]:
    """Figures of every strategy, in their order."""
    events = ledger.table(Template.ORDER_EVENT)
    events = events[events["valid"] == 1]
    fills = ledger.table(Template.ORDER_FILL)
    owner = dict(zip(events["order_id"].tolist(), events["strategy_id"].tolist(), strict=True))
    fill_owner = np.array([owner.get(o, 0) for o in fills["order_id"].tolist()], dtype=np.int64)
    by_id = {i.instrument_id: i for i in instruments}
    drawdown = equity.drawdown
    out = []
    for strategy_id, name in enumerate(strategies, start=1):
        own = events[events["strategy_id"] == strategy_id]
        refused = own[own["event"] == OrderEventKind.REJECT]
        by_risk = int(np.count_nonzero(refused["from_state"] == 1))
        mine = fills[fill_owner == strategy_id]
        volume = turnover = Decimal(0)
        for fill in mine:
            instrument = by_id[int(fill["instrument_id"])]
            volume += Decimal(int(fill["qty"])).scaleb(instrument.qty_exponent)
            turnover += instrument.money(int(fill["px"]) * int(fill["qty"]))
        realized = unrealized = fees = Decimal(0)
        for owner_id, slot, _, realized_raw, unrealized_raw, fees_raw in last[2]:
            if owner_id == strategy_id:
                realized += instruments[slot].money(realized_raw)
                unrealized += instruments[slot].money(unrealized_raw)
                fees += instruments[slot].money(fees_raw)
        out.append(
            StrategyMetrics(
                strategy=name,
                orders=int(np.count_nonzero(own["event"] == OrderEventKind.SUBMIT)),
                rejected_by_risk=by_risk,
                rejected_by_venue=len(refused) - by_risk,
                cancelled=int(np.count_nonzero(own["event"] == OrderEventKind.CANCEL_ACK)),
                fills=len(mine),
                maker_fills=int(np.count_nonzero(mine["liquidity"] == Liquidity.MAKER)),
                volume=volume,
                turnover=turnover,
                realized=realized,
                unrealized=unrealized,
                fees=fees,
                pnl=realized + unrealized - fees,
                drawdown_max=float(drawdown[:, strategy_id].min()) if len(drawdown) else 0.0,
            )
        )
    return out
