"""Bars one record at a time equal bars of whole columns, byte for byte."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tectra.core.msg import DTYPES, Template
from tectra.core.types import Exchange
from tectra.feed.bar import PRINT, BarBuilder
from tectra.feed.bar_batch import bars_of_prints
from tectra.refdata.instrument import Instrument

TRADE = DTYPES[Template.TRADE]
SPECS = ("7ns", "10ns", "1t", "3t", "40v", "0.5v", "2000d", "3i", "8i")
INSTRUMENTS = (
    Instrument(1, "A", Exchange.SIMULATED, px_exponent=-2, qty_exponent=-1),
    Instrument(2, "B", Exchange.SIMULATED, px_exponent=0, qty_exponent=-1),
    Instrument(9, "C", Exchange.SIMULATED, px_exponent=-8, qty_exponent=-8),
)


@st.composite
def streams(draw: st.DrawFn) -> NDArray[Any]:
    """Prints of up to three instruments; times that stand, jump and sometimes run back."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from((1, 1, 2, 9)),
                st.integers(-12, 40),
                st.integers(90, 110),
                st.integers(1, 60),
            ),
            max_size=60,
        )
    )
    out = np.zeros(len(rows), PRINT)
    now = draw(st.integers(1, 1000))
    scale = draw(st.sampled_from((1, 10**7, 6 * 10**14)))
    for i, (number, step, px, qty) in enumerate(rows):
        now = max(1, now + (step if step > -6 or i % 3 == 0 else 0))
        big = scale if number == 9 else 1
        out[i] = (px * big, qty, now, now + 5, 0, i, number, int(Exchange.SIMULATED), 1, 0)
    return out


def records_of(prints: NDArray[Any]) -> NDArray[np.uint8]:
    """The same as trade records."""
    out = np.zeros(len(prints), TRADE)
    names = TRADE.names or ()
    out["block_length"], out["template_id"] = TRADE.itemsize - 8, int(Template.TRADE)
    out["schema_id"], out["version"] = 7433, 2
    for name in set(names) & set(PRINT.names or ()):
        out[name] = prints[name]
    return out.view(np.uint8)


@pytest.mark.parametrize("empty", ["none", "flat"])
@pytest.mark.parametrize("spec", SPECS)
@given(
    prints=streams(),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    align=st.sampled_from((0, 3, 1_000_003, -2)),
    end=st.sampled_from((None, 0, 1, 50)),
)
def test_stream_equals_columns(
    spec: str, empty: str, prints: Any, cuts: list[int], align: int, end: int | None
) -> None:
    flush_ns = None
    if end is not None:
        flush_ns = int(prints["ts_event_ns"].max(initial=0)) + end if end else 0
    builder = BarBuilder(spec, empty=empty, align_ns=align, instruments=INSTRUMENTS)
    records = records_of(prints)
    edges = [0, *sorted(min(c, len(prints)) for c in cuts), len(prints)]
    parts = [builder.update(records[a * 64 : b * 64]) for a, b in pairwise(edges)]
    if flush_ns is not None:
        parts.append(builder.flush(flush_ns))
    streamed = np.concatenate(parts)
    batch = bars_of_prints(
        prints, spec, empty=empty, align_ns=align, instruments=INSTRUMENTS, flush_ns=flush_ns
    )
    place = {i.instrument_id: k for k, i in enumerate(INSTRUMENTS)}
    assert len(streamed) == len(batch)
    # The builder was told its instruments, the columns find them as they come: among bars of one
    # moment the order of instruments may differ.
    assert sorted(map(bytes, streamed)) == sorted(map(bytes, batch))
    for number in place:
        mine = [b[b["instrument_id"] == number] for b in (streamed, batch)]
        assert mine[0].tobytes() == mine[1].tobytes()
