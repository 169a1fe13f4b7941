"""A strategy never sees a valid book while the plain model says otherwise: any schedule of records,
gaps, statuses and clears, for two instruments of two venues.
"""

import hypothesis.strategies as st
from engine_scene import EVERYTHING, Engine, Quiet
from hypothesis import given, settings
from l3_model import ModelBook, ModelError
from sim_scene import record

from tectra.core.msg import BookReason, BookStatus, SessionKind, Side, Template
from tectra.core.types import Exchange
from tectra.engine import Pipeline, build_pipeline
from tectra.refdata.instrument import Instrument

TABLE = [Instrument(1, "A", Exchange.KRAKEN), Instrument(2, "B", Exchange.COINBASE)]
VENUE = {i.instrument_id: int(i.exchange) for i in TABLE}
ids = st.sampled_from([1, 2])
wide_ids = st.sampled_from([0, 1, 2, 9])
venues = st.sampled_from([0, int(Exchange.KRAKEN), int(Exchange.COINBASE)])
refs, sides = st.integers(1, 9), st.sampled_from([Side.BUY, Side.SELL])
steps = st.one_of(
    st.tuples(st.just("add"), refs, sides, st.integers(1, 6), st.integers(1, 5), ids),
    st.tuples(st.just("reduce"), refs, st.integers(1, 6), ids),
    st.tuples(st.just("delete"), refs, ids),
    st.tuples(st.just("gap"), wide_ids, venues),
    st.tuples(st.just("clear"), wide_ids, venues),
    st.tuples(st.just("status"), wide_ids, venues, st.sampled_from([1, 1, 1, 2, 3, 4, 0, 99])),
)


class Model:
    """Books in dicts, and for each instrument whether it can be trusted."""

    def __init__(self) -> None:
        self.books = ModelBook()
        self.status = {1: 0, 2: 0}

    def named(self, instrument: int, venue: int) -> list[int]:
        if instrument:
            return [i for i in self.status if i == instrument]
        return [i for i in self.status if venue in (0, VENUE[i])]

    def step(self, step: tuple) -> None:
        kind, *args = step
        if kind == "gap":
            self.status |= dict.fromkeys(self.named(*args), 2)
        elif kind == "clear":
            self.books.clear(args[0])
            self.status |= dict.fromkeys(self.named(args[0], 0), 3)
        elif kind == "status":
            said = args[2] if args[2] in (1, 2, 3, 4) else 2
            self.status |= dict.fromkeys(self.named(*args[:2]), said)
        else:
            try:
                getattr(self.books, kind)(*args)
            except ModelError:
                if self.status[args[-1]] <= 1:
                    self.status[args[-1]] = 2

    def tradeable(self, instrument: int) -> bool:
        bids = self.books.levels(instrument, Side.BUY)
        asks = self.books.levels(instrument, Side.SELL)
        sound = bool(bids and asks) and bids[0][0] < asks[0][0]
        return self.status[instrument] <= 1 and sound


def inputs(flow: list[tuple]) -> list[bytes]:
    out = []
    for n, (kind, *args) in enumerate(flow, 1):
        head = {"instrument_id": args[-1], "ts_event_ns": n, "ts_recv_ns": n}
        if kind in ("gap", "clear", "status"):
            head |= {"instrument_id": args[0], "venue_id": args[1]}
        fields = {
            "add": lambda a: {"order_ref": a[0], "side": a[1], "px": a[2], "qty": a[3]},
            "reduce": lambda a: {"order_ref": a[0], "qty": a[1]},
            "delete": lambda a: {"order_ref": a[0]},
            "status": lambda a: {"status": a[2], "reason": BookReason.CHECKSUM},
        }.get(kind, lambda a: {})(args)
        template = {
            "add": Template.BOOK_ADD,
            "reduce": Template.BOOK_CANCEL,
            "delete": Template.BOOK_DELETE,
            "gap": Template.GAP,
            "clear": Template.BOOK_CLEAR,
            "status": Template.BOOK_STATUS,
        }[kind]
        out.append(record(template, **head, **fields).tobytes())
    return out


class Looks(Quiet):
    """Looks at both books in every callback."""

    def on_start(self, ctx):
        self.seen: list[list[tuple]] = []

    def on_book_update(self, ctx, book):
        books = [ctx.book(i) for i in TABLE]
        self.seen.append([(b.valid, b.tradeable, int(b.status)) for b in books])
        assert book.valid == (book.status in (BookStatus.NONE, BookStatus.VALID))
        ctx.signal("seen", float(book.valid), book.instrument)


def engine_of(strategy: Quiet) -> Pipeline:
    pipeline = build_pipeline(TABLE, strategies=1, capture_mask=EVERYTHING)
    pipeline.add_strategy(strategy)
    scene = Engine(start=False)
    scene.pipeline = pipeline
    scene.step(Template.SESSION, kind=SessionKind.START, mode=b"b")
    return pipeline


@settings(max_examples=100)
@given(st.lists(steps, max_size=60))
def test_no_strategy_trusts_what_the_model_does_not(flow):
    looks, model = Looks(), Model()
    pipeline = engine_of(looks)
    for step, raw in zip(flow, inputs(flow), strict=True):
        before = dict(model.status)
        looks.seen.clear()
        pipeline.step_record(raw)
        model.step(step)
        want = [(model.status[i] <= 1, model.tradeable(i), model.status[i]) for i in (1, 2)]
        assert all(seen == want for seen in looks.seen), step
        # whoever changed was told of it
        assert len(looks.seen) >= sum(before[i] != model.status[i] for i in (1, 2)), step
    again = engine_of(Looks())
    for raw in inputs(flow):
        again.step_record(raw)
    assert again.summary == pipeline.summary
    assert again.captured() == pipeline.captured()
