"""What bars cost over the book that prices them, and the speed of the generated market."""

from collections.abc import Iterator
from contextlib import ExitStack

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.msg import DTYPES, Template
from tectra.feed.bar import BarBuilder
from tectra.feed.flow_gen import FlowGenerator, Regime
from tectra.feed.synthetic import generate_messages
from tectra.ops.measure import Day, Prepared
from tectra.ops.yardstick import copy_slots


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def test_day_to_bars(gate: Gate, stack: ExitStack) -> None:
    """Three time bars at once over a day of orders and trades, against its book alone."""
    day = Day.make(stack, gates.size(250_000, 2_000))
    subject = Prepared(
        lambda: BarBuilder(["1s", "5s", "1m"]), lambda builder: builder.update(day.slots)
    )
    gate(subject, day.book(), "bars.day_to_book")


@pytest.mark.parametrize("spec", ["1s", "100t", "100i"])
def test_trades_to_copy(gate: Gate, spec: str) -> None:
    """Prints alone, no book, against copying their records."""
    count = gates.size(200_000, 2_000)
    rows = np.zeros(count, DTYPES[Template.TRADE])
    rows["block_length"], rows["template_id"] = 56, int(Template.TRADE)
    rows["schema_id"], rows["version"], rows["instrument_id"] = 7433, 2, 1 + np.arange(count) % 50
    rows["ts_event_ns"] = 1 + np.arange(count) * 1_000_000
    rows["px"], rows["qty"] = 10_000 + np.arange(count) * 7919 % 101, 100
    slots, out = rows.view(np.uint8), np.zeros(count * 64, np.uint8)
    subject = Prepared(
        lambda: BarBuilder(spec, with_book=False), lambda builder: builder.update(slots)
    )
    gate(subject, lambda: copy_slots(slots, out), f"bars.trades_to_copy.{spec}")


@pytest.mark.timeout(60)
def test_generated_market(gate: Gate) -> None:
    """A million messages of a market with books, against as many that have none."""
    count = gates.size(400_000, 2_000)

    def subject() -> None:
        gen = FlowGenerator(
            [f"S{i}" for i in range(1000)], [5000] * 1000, [Regime()], seed=1, start_ns=0
        )
        made = 0
        while made < count:
            made += gen.run(1 << 46, 1000.0)[1]

    gate(subject, lambda: generate_messages(count), "bars.market_to_messages")
