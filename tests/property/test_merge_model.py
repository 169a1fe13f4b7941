"""Merging and cutting against a plain sort and a plain filter of everything."""

import numpy as np
from feed_records import START, ListFeed, drain, quote, trade
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.msg import Template
from tectra.feed.batch import scan
from tectra.feed.merge import MergedFeed
from tectra.feed.order import OrderedFeed
from tectra.feed.selection import Selection
from tectra.feed.window import WindowFeed

KINDS = st.sampled_from([Template.TRADE, Template.QUOTE])
STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.booleans()), max_size=40)


def records(steps: list[tuple[int, int, bool]]) -> list[bytes]:
    ts, out = START, []
    for number, (step, instrument, wide) in enumerate(steps):
        ts += step
        make = quote(ts, number, 9, i=instrument) if wide else trade(ts, number, i=instrument)
        out.append(make)
    return out


def key(record: bytes) -> int:
    return int.from_bytes(record[24:32], "little", signed=True)


@given(feeds=st.lists(STEPS, max_size=6), batch=st.integers(1, 9), room=st.integers(2, 40))
def test_merge_is_a_stable_sort_of_everything(
    feeds: list[list[tuple[int, int, bool]]], batch: int, room: int
) -> None:
    streams = [records(steps) for steps in feeds]
    names = {1: "A", 2: "B", 3: "C"}
    merged = MergedFeed([ListFeed(s, names, batch=batch) for s in streams], batch_slots=2 * batch)
    data = drain(merged, room)
    want = sorted((r for s in streams for r in s), key=key)
    rows = scan(data)
    back = np.frombuffer(data, np.uint8).copy()
    number = {symbol: i for i, symbol in names.items()}
    for slot, instrument in zip(rows.slot, rows.instrument_id, strict=True):
        original = number[merged.instruments[int(instrument)]]
        back[int(slot) * 64 + 32 : int(slot) * 64 + 36] = np.frombuffer(
            np.uint32(original).tobytes(), np.uint8
        )
    assert back.tobytes() == b"".join(want)


@given(
    steps=STEPS, start=st.integers(-2, 60), length=st.integers(1, 60),
    symbols=st.one_of(st.none(), st.sets(st.sampled_from("ABC"), min_size=1)),
    types=st.one_of(st.none(), st.sets(KINDS, min_size=1)),
    batch=st.integers(1, 9), ordered=st.booleans(),
)  # fmt: skip
def test_window_is_a_filter_of_everything(
    steps: list[tuple[int, int, bool]], start: int, length: int, symbols: set[str] | None,
    types: set[Template] | None, batch: int, ordered: bool,
) -> None:  # fmt: skip
    stream = records(steps)
    chosen = Selection(
        from_ns=START + start, to_ns=START + start + length,
        symbols=None if symbols is None else tuple(sorted(symbols)),
        types=None if types is None else frozenset(types),
    )  # fmt: skip
    names = {1: "A", 2: "B", 3: "C"}
    feed = WindowFeed(ListFeed(stream, names, batch=batch), chosen, ordered=ordered)
    want = [
        r for r in stream
        if START + start <= key(r) < START + start + length
        and (symbols is None or names[int.from_bytes(r[32:36], "little")] in symbols)
        and (types is None or int.from_bytes(r[2:4], "little") in types)
    ]  # fmt: skip
    assert drain(feed) == b"".join(want)


@given(jitter=st.lists(st.integers(0, 20), min_size=1, max_size=80), batch=st.integers(1, 9))
def test_a_sort_window_sorts_whatever_is_within_it(jitter: list[int], batch: int) -> None:
    stream = [trade(START + 3 * i - late, i) for i, late in enumerate(jitter)]
    feed = OrderedFeed(ListFeed(stream, batch=batch), sort_window_ns=20)
    assert drain(feed, 2 * batch) == b"".join(sorted(stream, key=key))
