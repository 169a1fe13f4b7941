"""What a pipeline is made of, and what it says about itself."""

from dataclasses import dataclass

from tectra.book.l3 import L3Book
from tectra.core.kill import KillWord
from tectra.core.msg import DIRECTION, Template
from tectra.core.ring import SpscRing
from tectra.journal.writer import JournalWriter
from tectra.oms.orders import OrderTable
from tectra.portfolio.position import Portfolio
from tectra.risk.chain import RiskChain

__all__ = ["LEDGER_MASK", "OUTPUT_MASK", "STAGES", "EngineSummary", "PipelineParts"]

# Stages of the latency histograms, in the order in which a record passes them.
STAGES = ("apply", "strategy", "order", "tick_to_order")
_FIRST_ORDER_TEMPLATE = Template.ORDER_ACK
# Everything but market data: what results are made from.
LEDGER_MASK = sum(1 << t for t in DIRECTION if t >= _FIRST_ORDER_TEMPLATE)
# What a replay compares.
OUTPUT_MASK = sum(1 << t for t, direction in DIRECTION.items() if direction == "output")


@dataclass(frozen=True)
class EngineSummary:
    """Counts and digests of a pipeline at one moment; digests are equality digests of all inputs
    and all outputs.
    """

    inputs: int
    outputs: int
    input_digest: str
    output_digest: str
    book_errors: int
    unknown_orders: int
    invalid_transitions: int
    overflows: int
    gate_refusals: int
    refused_controls: int
    first_error_seq: int
    first_error_rc: int


@dataclass(frozen=True)
class PipelineParts:
    """The objects one pipeline drives; none is shared with another pipeline."""

    book: L3Book
    orders: OrderTable
    portfolio: Portfolio
    risk: RiskChain
    out: SpscRing | None
    kill: KillWord | None = None
    journal: JournalWriter | None = None
    seed: int = 0
    capture_mask: int = LEDGER_MASK
    sample_shift: int = 4
