"""The figures of one run, from its journal: the original's are worked out by replaying it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tectra.backtest import OrderOutcome, make_driver
from tectra.backtest.assemble import quoted
from tectra.backtest.attribution import order_outcomes
from tectra.backtest.ledger import Ledger
from tectra.backtest.metrics import (
    Equity,
    Sample,
    StrategyMetrics,
    equity_of,
    metrics_of,
    verdict_counts,
)
from tectra.core.msg import DIRECTION, HEAD, Template
from tectra.core.stop import StopSignals
from tectra.engine.compare import Comparator
from tectra.engine.parts import OUTPUT_MASK
from tectra.journal.reader import JournalReader
from tectra.refdata.instrument import Instrument
from tectra.research.whatif.original import Original

__all__ = ["RunSide", "orders_side_by_side", "replayed_samples", "side_of"]

Progress = Callable[[int, int], None]
_INPUT = np.zeros(1 << 16, np.bool_)
_INPUT[[int(t) for t, d in DIRECTION.items() if d == "input"]] = True


@dataclass(frozen=True)
class RunSide:
    """One run of a comparison. `directory` is where its journal is, None when it was not kept;
    `raised` is what ended it early.
    """

    name: str
    strategies: Sequence[StrategyMetrics]
    verdicts: Mapping[str, int]
    equity: Equity
    ledger: Ledger
    instruments: Sequence[Instrument]
    directory: Path | None
    raised: str | None = None

    @cached_property
    def orders(self) -> list[OrderOutcome]:
        """Every order and how it ended, in the order of submission."""
        return order_outcomes(self.ledger, self.instruments, [m.strategy for m in self.strategies])

    @property
    def pnl(self) -> Decimal:
        """Profit of all strategies after fees."""
        return sum((m.pnl for m in self.strategies), Decimal(0))

    @property
    def figures(self) -> dict[str, Any]:
        """What is compared line by line."""
        out: dict[str, Any] = {
            name: sum(getattr(m, name) for m in self.strategies)
            for name in ("orders", "rejected_by_risk", "rejected_by_venue", "cancelled")
        }
        out |= {
            name: sum(getattr(m, name) for m in self.strategies)
            for name in ("fills", "maker_fills")
        }
        for name in ("volume", "turnover", "realized", "unrealized", "fees"):
            out[name] = sum((getattr(m, name) for m in self.strategies), Decimal(0))
        out["pnl"] = self.pnl
        drawdown = self.equity.drawdown[:, 0]
        out["drawdown_max"] = float(drawdown.min()) if len(drawdown) else 0.0
        return out

    @property
    def positions(self) -> list[dict[str, Any]]:
        """Net position after each fill."""
        symbols = {i.instrument_id: i for i in self.instruments}
        names = ["", *(m.strategy for m in self.strategies)]
        return [
            {
                "ts_ns": int(row["ts_recv_ns"]),
                "strategy": names[int(row["strategy_id"])],
                "symbol": symbols[int(row["instrument_id"])].symbol,
                "net": str(symbols[int(row["instrument_id"])].quantity(int(row["net_qty"]))),
            }
            for row in self.ledger.table(Template.POSITION_UPDATE)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "directory": None if self.directory is None else str(self.directory),
            "raised": self.raised,
            "figures": self.figures,
            "strategies": {m.strategy: asdict(m) for m in self.strategies},
            "verdicts": dict(self.verdicts),
            "equity": {
                "ts_ns": self.equity.ts_ns.tolist(),
                "total": self.equity.total[:, 0].tolist(),
            },
            "positions": self.positions,
        }


def _ledger_of(reader: JournalReader) -> Ledger:
    """All but market data of a journal."""
    parts = []
    for segment, slots in reader.segments():
        starts = segment.starts
        keep = slots.view("<u2")[:, 1][starts] >= Template.ORDER_ACK
        edges = np.append(starts, segment.valid)
        parts.append(slots[np.repeat(keep, np.diff(edges))].tobytes())
    return Ledger(b"".join(parts))


def side_of(
    name: str,
    journal: Path,
    samples: Sequence[Sample],
    *,
    strategies: Sequence[str],
    instruments: Sequence[Instrument],
    directory: Path | None,
    raised: str | None = None,
) -> RunSide:
    """The figures of a run whose P&L was sampled."""
    ledger = _ledger_of(JournalReader(journal))
    equity = equity_of(quoted(samples), instruments, len(strategies))
    return RunSide(
        name=name,
        strategies=metrics_of(ledger, samples[-1], instruments, strategies, equity),
        verdicts=verdict_counts(ledger),
        equity=equity,
        ledger=ledger,
        instruments=instruments,
        directory=directory,
        raised=raised,
    )


class _Sampler:
    """Replays a journal and notes its P&L at the times at which a backtest does."""

    def __init__(self, original: Original) -> None:
        self.pipeline = original.spec.make_pipeline(
            original.classes, capture_mask=OUTPUT_MASK, with_out_ring=False
        )
        self.comparator = Comparator(self.pipeline)
        setup = original.setup
        self.driver = make_driver(self.pipeline, setup.exchange, sample_ns=setup.sample_ns)
        self.sample_ns = setup.sample_ns
        self.next_ns: int | None = None

    def segment(self, slots: NDArray[np.uint8], starts: NDArray[np.uint32]) -> bool:
        """Replay one segment; False when the replay said something else than the journal."""
        heads = np.ascontiguousarray(slots[starts]).view(HEAD).reshape(-1)
        inputs = np.flatnonzero(_INPUT[heads["template_id"]])
        if not len(inputs):
            return self.comparator.run(slots.reshape(-1))
        times = np.maximum.accumulate(heads["ts_recv_ns"][inputs])
        done = first = 0
        if self.next_ns is None:
            early = np.flatnonzero(heads["template_id"][inputs] < Template.ORDER_ACK)
            if not len(early):
                return self.comparator.run(slots.reshape(-1))
            first = int(early[0])
            self.next_ns = int(times[first])
        while True:
            late = first + int(np.searchsorted(times[first:], self.next_ns))
            if late == len(inputs):
                break
            at = int(starts[inputs[late]])
            if at > done and not self.comparator.run(slots[done:at].reshape(-1)):
                return False
            done, first = at, late
            self.driver.note(self.next_ns)
            self.next_ns = (self.next_ns // self.sample_ns + 1) * self.sample_ns
        return self.comparator.run(slots[done:].reshape(-1))


def replayed_samples(
    original: Original, progress: Progress | None
) -> tuple[list[Sample], str | None, bool]:
    """P&L of the original over time, what one of its strategies raised, and whether the replay said
    what the journal says: only then the figures are the run's.
    """
    sampler = _Sampler(original)
    count = original.reader.segment_count
    same = True
    with StopSignals():
        for number, (segment, slots) in enumerate(original.reader.segments(), start=1):
            same = sampler.segment(slots, segment.starts)
            if not same:
                break
            if progress is not None:
                progress(number, count)
    pipeline, comparator = sampler.pipeline, sampler.comparator
    sampler.driver.note(pipeline.now_ns)
    raised = None if comparator.raised is None else str(comparator.raised)
    return sampler.driver.samples, raised, same


def _key(order: OrderOutcome) -> tuple[str, str, str, int]:
    return (order.strategy, order.symbol, order.side.name, order.ts_submit_ns)


def _row(order: OrderOutcome) -> dict[str, Any]:
    out = asdict(order)
    for name in ("side", "state", "reason"):
        out[name] = out[name].name
    for name in ("price", "quantity", "filled"):
        value = getattr(order, name)
        out[name] = None if value is None else str(value)
    return out


def orders_side_by_side(a: RunSide, b: RunSide) -> list[dict[str, Any]]:
    """Orders of both, matched by strategy, instrument, side and time of submission (several at one
    moment in their order): `same`, `differs`, `only A` or `only B`, in the order of submission.
    """
    names = [m.strategy for m in a.strategies], [m.strategy for m in b.strategies]
    renamed = dict(zip(names[1], names[0], strict=True))
    left: dict[tuple[Any, ...], OrderOutcome] = {}
    right: dict[tuple[Any, ...], OrderOutcome] = {}
    for side, orders in ((left, a.orders), (right, b.orders)):
        seen: dict[tuple[Any, ...], int] = {}
        for order in orders:
            key = _key(order)
            if side is right:
                key = (renamed[key[0]], *key[1:])
            seen[key] = seen.get(key, 0) + 1
            side[*key, seen[key]] = order
    out = []
    for full in sorted({**left, **right}, key=lambda k: (k[3], k[0], k[1], k[2], k[4])):
        one, two = left.get(full), right.get(full)
        rows = [None if o is None else _row(o) for o in (one, two)]
        status = "only A" if two is None else "only B"
        if one is not None and two is not None:
            status = "same" if _ended(rows[0]) == _ended(rows[1]) else "differs"
        out.append({"status": status, "ts_ns": full[3], "a": rows[0], "b": rows[1]})
    return out


def _ended(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """All of an order but its number and the name of its strategy."""
    return {n: v for n, v in (row or {}).items() if n not in ("order_id", "strategy")}
