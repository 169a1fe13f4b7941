"""Symbols to partitions: disjoint, complete, stable, and even."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.msg import HEAD
from tectra.feed.itch import ItchFeed
from tectra.feed.partition import partition_of, split_symbols
from tectra.journal.scan import walk

SYMBOLS = st.lists(st.text("ABCDEFG", min_size=1, max_size=4), max_size=40)


@given(SYMBOLS, st.integers(1, 9), st.booleans())
def test_each_symbol_has_one_partition(symbols, partitions, weighted):
    weights = {s: len(s) for s in symbols} if weighted else None
    parts = split_symbols(symbols, partitions, weights=weights)
    assert len(parts) == partitions
    assert sorted(s for part in parts for s in part) == sorted(set(symbols))
    assert parts == split_symbols(reversed(symbols), partitions, weights=weights)


def test_the_assignment_is_the_same_everywhere():
    found = [partition_of(s, 4) for s in ("AAPL", "MSFT", "BTC-USD", "BRK.A", "Z")]
    assert found == [partition_of(s, 4) for s in ("AAPL", "MSFT", "BTC-USD", "BRK.A", "Z")]
    assert found == PINNED


def test_one_more_partition_moves_only_its_own_symbols():
    symbols = [f"S{i}" for i in range(4000)]
    moved = [s for s in symbols if partition_of(s, 4) != partition_of(s, 5)]
    assert all(partition_of(s, 5) == 4 for s in moved)
    assert 0.17 < len(moved) / len(symbols) < 0.23


def test_hashed_symbols_are_spread_evenly():
    sizes = [len(p) for p in split_symbols((f"S{i}" for i in range(8000)), 8)]
    assert min(sizes) > 900
    assert max(sizes) < 1100


def test_weights_balance_the_messages_of_a_real_day(test_data: Path):
    weights: Counter[str] = Counter()
    with ItchFeed(test_data / "itch" / "ritch_ex20101224.TEST_ITCH_50.gz") as feed:
        ids: Counter[int] = Counter()
        while (batch := feed.next_batch()) is not None:
            starts, _ = walk(batch)
            heads = batch.reshape(-1, 64)[starts].view(HEAD)
            values, counts = np.unique(heads["instrument_id"], return_counts=True)
            ids.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        weights.update({feed.instruments[i]: n for i, n in ids.items() if i in feed.instruments})
    assert len(weights) >= 2
    for partitions in (2, 3, 4):
        parts = split_symbols(weights, partitions, weights=weights)
        loads = [sum(weights[s] for s in part) for part in parts]
        fair = max(sum(weights.values()) / partitions, *weights.values())
        assert max(loads) <= 4 / 3 * fair
        assert sorted(s for part in parts for s in part) == sorted(weights)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="partitions"):
        partition_of("AAPL", 0)
    with pytest.raises(InputError, match="partitions"):
        split_symbols(["AAPL"], -1)
    with pytest.raises(InputError, match="AAPL"):
        split_symbols(["AAPL"], 2, weights={"AAPL": -1})


PINNED = [0, 3, 2, 2, 2]
