"""Books against recorded truth: LOBSTER's own book after every event, and the best prices of half
an hour of AAPL.
"""

from itertools import groupby
from pathlib import Path

import numpy as np
from book_records import (
    FIRST_SEED_REF,
    LOBSTER_ID,
    add,
    cancel,
    delete,
    execute,
    itch_records,
    lobster_rows,
    seed_records,
)

from tectra.book import L2Book, L3Book
from tectra.core.msg import Side

DERIVED = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
TRUTH = "lobster/AAPL_2012-06-21_orderbook_1_0930-1000.csv.gz"
OPEN_NS = 34_200 * 10**9

Side2 = tuple[list[tuple[int, int]], list[tuple[int, int]]]


def distinct(rows):
    return [key for key, _ in groupby(rows)]


def test_half_an_hour_of_best_prices(test_data):
    records = itch_records(test_data / DERIVED)
    book = L3Book(4)
    (instrument,) = {int.from_bytes(r[32:36], "little") for r in records}
    rows = book.record_changes(b"".join(records), instrument, 1)
    assert book.fault_report().total == 0
    assert book.check()
    rows = rows[rows["ts_event_ns"] >= OPEN_NS]
    found = np.column_stack([rows[n] for n in ("ask_px", "ask_qty", "bid_px", "bid_qty")]).tolist()
    truth = distinct([[int(c) for c in row] for row in lobster_rows(test_data / TRUTH)])
    assert len(truth) == 13_082
    assert distinct(found)[: len(truth)] == truth


def test_levels_published_from_the_same_flow_give_the_same_book(test_data):
    data = b"".join(itch_records(test_data / DERIVED))
    book = L3Book(4)
    updates = book.level_updates(data)
    (instrument,) = book.instrument_ids
    levels = L2Book(instrument)
    assert levels.apply(updates) == len(updates) > 40_000
    assert levels.depth_at(10_000) == book.depth_at(instrument, 10_000)
    assert levels.check()


class Session:
    """A LOBSTER file pair from its first row on: what rested before is one order for each level.

    A file of depth L tells nothing of what happens behind its L-th level. So a price is determined
    while it
    has been among the first L levels ever since the first row; `worst` is the last such price.
    """

    def __init__(self, messages: Path, book_file: Path, depth: int) -> None:
        self.depth = depth
        self.messages = lobster_rows(messages)
        self.rows = [[int(c) for c in row] for row in lobster_rows(book_file)]
        self.book = L3Book(4)
        self.seeded: dict[tuple[int, int], int] = {}
        for i, record in enumerate(seed_records(self.rows[0])):
            self.book.apply_record(record)
            _, side, px, _, _ = self.book.order(FIRST_SEED_REF + i)
            self.seeded[side, px] = FIRST_SEED_REF + i
        bids, asks = self.book.depth_at(LOBSTER_ID, 1000)
        self.worst = {Side.BUY: bids[-1][0], Side.SELL: asks[-1][0]}
        self.known: set[int] = set()

    def is_determined(self, side: int, px: int) -> bool:
        return px >= self.worst[Side.BUY] if side == Side.BUY else px <= self.worst[Side.SELL]

    def narrow(self) -> None:
        bids, asks = self.book.depth_at(LOBSTER_ID, self.depth)
        if len(bids) == self.depth:
            self.worst[Side.BUY] = max(self.worst[Side.BUY], bids[-1][0])
        if len(asks) == self.depth:
            self.worst[Side.SELL] = min(self.worst[Side.SELL], asks[-1][0])

    def step(self, row: list[str]) -> None:
        kind, ref, qty, px = row[1], int(row[2]), int(row[3]), int(row[4])
        side = Side.BUY if row[5] == "1" else Side.SELL
        if kind == "1":
            self.known.add(ref)
            self.book.apply_record(add(ref, side, px, qty, LOBSTER_ID))
            return
        if kind not in "234":
            return
        if ref not in self.known:  # rested before the file began
            if not self.is_determined(side, px):
                return
            ref = self.seeded[side, px]
            kind = "2" if kind == "3" else kind
        record = {"2": cancel, "3": lambda r, q, i: delete(r, i), "4": execute}[kind]
        self.book.apply_record(record(ref, qty, LOBSTER_ID))

    def shown(self, row: list[int]) -> Side2:
        """The levels of a book file row that the flow determines."""
        cells = list(zip(*[iter(row)] * 4, strict=True))
        asks = [(a, q) for a, q, _, _ in cells if q > 0 and self.is_determined(Side.SELL, a)]
        bids = [(b, q) for _, _, b, q in cells if q > 0 and self.is_determined(Side.BUY, b)]
        return bids, asks

    def have(self) -> Side2:
        bids, asks = self.book.depth_at(LOBSTER_ID, self.depth)
        return (
            [level for level in bids if self.is_determined(Side.BUY, level[0])],
            [level for level in asks if self.is_determined(Side.SELL, level[0])],
        )


def test_book_after_every_event(test_data):
    name = "lobster/MSFT_2012-06-21_{}_50_1000rows.csv"
    session = Session(test_data / name.format("message"), test_data / name.format("orderbook"), 50)
    shallowest = 50
    for message, row in zip(session.messages[1:], session.rows[1:], strict=True):
        session.step(message)
        session.narrow()
        shown = session.shown(row)
        assert session.have() == shown, message
        shallowest = min(shallowest, *map(len, shown))
    assert len(session.rows) == 1000
    assert shallowest >= 40
    assert session.book.check()
    assert session.book.fault_report().total == 0


def test_ten_levels_after_every_event(test_data):
    # the file's flow names only what changes its ten levels; the flow behind it is the derived file
    records = itch_records(test_data / DERIVED)
    rows = lobster_rows(test_data / "lobster/AAPL_2012-06-21_orderbook_10_first999.csv")
    truth = [[int(c) for c in row] for row in rows]
    book = L3Book(4)
    instrument = int.from_bytes(records[0][32:36], "little")
    found = book.record_changes(b"".join(records), instrument, 10)
    found = found[found["ts_event_ns"] >= OPEN_NS]
    stacked = np.stack([found[n] for n in ("ask_px", "ask_qty", "bid_px", "bid_qty")], axis=2)
    states = distinct(stacked.reshape(len(found), 40).tolist())
    assert len(truth) == 999
    assert states[: len(distinct(truth))] == distinct(truth)
