"""Puts a pipeline together from configuration."""

from collections.abc import Sequence

from tectra.book.l3 import L3Book
from tectra.core.kill import KillWord
from tectra.core.ring import SpscRing
from tectra.engine.parts import LEDGER_MASK, PipelineParts
from tectra.engine.pipeline import Pipeline
from tectra.journal.writer import JournalWriter
from tectra.oms.orders import OrderTable
from tectra.portfolio.position import Portfolio
from tectra.refdata.instrument import Instrument
from tectra.risk.chain import RiskChain

__all__ = ["build_pipeline"]

_OUT_SLOTS = 4096


def build_pipeline(
    instruments: Sequence[Instrument],
    *,
    strategies: int = 1,
    seed: int = 0,
    journal: JournalWriter | None = None,
    kill: KillWord | None = None,
    capture_mask: int = LEDGER_MASK,
    sample_shift: int = 4,
    with_out_ring: bool = True,
) -> Pipeline:
    """A pipeline for `strategies` strategies (add them next). Its limits arrive as control_limit
    records.

    `capture_mask` has a bit for each template whose records are kept in memory; one step in
    2**sample_shift is timed. A replay needs no out ring: its orders go nowhere.
    """
    ids = [i.instrument_id for i in instruments]
    parts = PipelineParts(
        book=L3Book(max(len(ids), 1)),
        orders=OrderTable(strategies=strategies + 1),
        portfolio=Portfolio(ids, strategies + 1),
        risk=RiskChain(ids, strategies + 1),
        out=SpscRing.private(_OUT_SLOTS, stamp=False) if with_out_ring else None,
        kill=kill,
        journal=journal,
        seed=seed,
        capture_mask=capture_mask,
        sample_shift=sample_shift,
    )
    return Pipeline(tuple(instruments), parts)
