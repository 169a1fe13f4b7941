"""E-06: crossed, locked, negative and empty books by random operations beside a reference book.

What is wrong is flagged, and whoever asks whether the book is fit for trading hears no.
"""

import random

import pytest
from book_records import add, book_level, cancel, clear, delete, execute, replace
from engine_scene import Engine, Quiet
from l2_model import ModelLevels
from l3_model import ModelBook, ModelError

from tectra.book import BookState, L2Book, L3Book
from tectra.core.errors import InputError
from tectra.core.msg import BookStatus, Side, Template

BUY, SELL = Side.BUY, Side.SELL


def state_of(bids, asks) -> BookState:
    if not bids or not asks:
        bid = BookState(0) if bids else BookState.NO_BID
        return bid | (BookState(0) if asks else BookState.NO_ASK)
    if bids[0][0] < asks[0][0]:
        return BookState(0)
    return BookState.LOCKED if bids[0][0] == asks[0][0] else BookState.CROSSED


def any_step(rng: random.Random, live: list[int], fresh: int) -> tuple[str, tuple]:
    """Sides that meet now and then, in books that are mostly small; some of it wrong."""
    ref = rng.choice(live) if live and rng.random() < 0.98 else rng.randrange(1, 1 << 40)
    side, qty = rng.choice([BUY, SELL]), rng.randrange(-1, 30)
    px = rng.randrange(90, 101) if side == BUY else rng.randrange(100, 111)
    px += rng.randrange(-12, 13) if rng.random() < 0.1 else 0
    kind = rng.random()
    if kind < 0.004:
        return "clear", (rng.choice([0, 1]),)
    if kind < (0.6 if len(live) < 4 else 0.3):
        return "add", (fresh, side, px, qty)
    if kind < 0.7:
        return "execute", (ref, qty)
    if kind < 0.8:
        return "cancel", (ref, qty)
    return ("delete", (ref,)) if kind < 0.9 else ("replace", (ref, fresh, px, qty))


MAKE = {
    "add": add,
    "cancel": cancel,
    "clear": clear,
    "delete": delete,
    "execute": execute,
    "replace": replace,
}


class Asks(Quiet):
    """Notes whether it would trade."""

    answer: tuple | None = None

    def on_book_update(self, ctx, book):
        self.answer = (book.valid, book.tradeable)


def run_orders(operations: int, seed: int) -> dict[BookState, int]:
    rng = random.Random(seed)
    book, model, asks = L3Book(1), ModelBook(), Asks()
    book.add_instrument(1)
    engine = Engine(asks)
    refused = 0
    seen: dict[BookState, int] = {}
    for n in range(1, operations + 1):
        kind, args = any_step(rng, list(model.by_ref), n)
        raw = MAKE[kind](*args)
        book.apply(raw)
        asks.answer = None
        engine.pipeline.step_record(raw)
        bids, offers = book.depth_at(1, 60)
        state = state_of(bids, offers)
        seen[state] = seen.get(state, 0) + 1
        assert book.state(1) == state and book.top(1).tradeable == (not state)
        try:
            getattr(model, {"execute": "reduce", "cancel": "reduce"}.get(kind, kind))(*args)
        except ModelError:
            refused += 1
            assert asks.answer == (False, False)
        if kind == "clear":
            assert asks.answer == (False, False)
        elif asks.answer != (False, False):
            assert asks.answer == (True, not state), (n, kind, args)
        if asks.answer == (False, False):
            engine.market(Template.BOOK_STATUS, status=BookStatus.VALID)
            assert asks.answer == (True, not state)
        if n % 500 == 0 or n == operations:
            assert book.check() and book.live_orders == len(model.by_ref)
            assert bids == model.levels(1, BUY) and offers == model.levels(1, SELL)
            assert all(qty > 0 for _, qty in bids + offers)
            for side in (BUY, SELL):
                assert [tuple(r) for r in book.orders(1, side).tolist()] == model.queue(1, side)
    assert book.fault_report().total == refused == engine.pipeline.summary.book_errors > 0
    return seen


def run_levels(operations: int, seed: int) -> None:
    rng = random.Random(seed)
    book, model = L2Book(1), ModelLevels()
    for n in range(1, operations + 1):
        side, px, qty = rng.choice([BUY, SELL]), rng.randrange(90, 111), rng.randrange(-1, 5)
        if rng.random() < 0.001:
            assert book.apply(clear(1)) == 1
            model = ModelLevels()
        elif qty < 0:
            with pytest.raises(InputError):
                book.apply_update(side, px, qty)
        else:
            model.set(side, px, qty)
            assert book.apply(book_level(side, px, qty)) == 1
        if n % 10 == 0:
            bids, asks = model.levels(BUY), model.levels(SELL)
            assert book.depth_at(99) == (bids, asks)
            assert book.state() == state_of(bids, asks) and book.check()


def test_orders():
    seen = run_orders(6_000, 1)
    both = BookState.NO_BID | BookState.NO_ASK
    assert set(seen) == {BookState(n) for n in (0, 1, 2, 4, 8)} | {both}
    assert min(seen.values()) > 5


def test_levels():
    run_levels(10_000, 2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_a_million_operations(seed):
    run_orders(200_000, seed)
    run_levels(50_000, seed)
