"""L3Book beside a plain model: any flow, valid or not, in one batch or record by record."""

import hypothesis.strategies as st
from book_records import add, cancel, clear, delete, execute, execute_priced, replace
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from l3_model import ModelBook, ModelError

from tectra.book import L2Book, L3Book
from tectra.core.msg import Side, Template

BUY, SELL = Side.BUY, Side.SELL

# few of each, so that they meet; some beyond what pages, arrays and 32 bits hold
refs = st.one_of(st.integers(1, 12), st.sampled_from([2**32 - 1, 2**32, 2**63 + 5, 2**64 - 1]))
prices = st.one_of(st.integers(-3, 12), st.sampled_from([2**63 - 1, -(2**63) + 1, 10_000]))
sizes = st.integers(-1, 9)
ids = st.sampled_from([1, 2, 70_000])
sides = st.sampled_from([BUY, SELL])
steps = st.one_of(
    st.tuples(st.just("add"), refs, sides, prices, sizes, ids),
    st.tuples(st.just("execute"), refs, sizes, ids),
    st.tuples(st.just("priced"), refs, sizes, ids),
    st.tuples(st.just("cancel"), refs, sizes, ids),
    st.tuples(st.just("delete"), refs, ids),
    st.tuples(st.just("replace"), refs, refs, prices, sizes, ids),
    st.tuples(st.just("clear"), st.sampled_from([0, 1, 2, 70_000])),
)


def record_of(step: tuple) -> bytes:
    kind, *args = step
    if kind == "priced":
        ref, qty, instrument = args
        return execute_priced(ref, qty, 5, instrument)
    make = {"add": add, "execute": execute, "cancel": cancel, "delete": delete, "replace": replace}
    make["clear"] = clear
    return make[kind](*args)


def model_step(model: ModelBook, step: tuple) -> str | None:
    """Apply to the model; the name of the expected fault."""
    kind, *args = step
    call = {
        "add": model.add,
        "delete": model.delete,
        "replace": model.replace,
        "clear": model.clear,
    }.get(kind, model.reduce)
    try:
        call(*args)
    except ModelError as error:
        return str(error)
    return None


def removes(model: ModelBook, step: tuple) -> bool:
    """A clear of an empty book is no fault, but it changes nothing either."""
    return step[0] != "clear" or any(step[1] in (0, o.instrument) for o in model.by_ref.values())


def same(book: L3Book, model: ModelBook) -> None:
    assert book.check()
    assert book.live_orders == len(model.by_ref)
    for instrument in book.instrument_ids:
        bids, asks = book.depth_at(instrument, 100)
        assert bids == model.levels(instrument, BUY)
        assert asks == model.levels(instrument, SELL)
        for side in (BUY, SELL):
            listed = book.orders(instrument, side)
            assert [tuple(row) for row in listed.tolist()] == model.queue(instrument, side)
            assert all(qty > 0 for qty in listed["qty"].tolist())
        top = book.top(instrument)
        assert (top.bid_px, top.bid_qty) == (bids[0] if bids else (None, 0))
        assert (top.ask_px, top.ask_qty) == (asks[0] if asks else (None, 0))
        crossed = bool(bids and asks and bids[0][0] >= asks[0][0])
        assert sum(q for _, q in bids) == sum(r[3] for r in model.queue(instrument, BUY))
        assert top.tradeable == bool(bids and asks and not crossed)
    for ref in model.by_ref:
        assert book.queue_ahead(ref) == model.ahead(ref)


@given(st.lists(steps, max_size=60))
def test_any_flow_equals_the_model(flow):
    book, model = L3Book(16), ModelBook()
    expected: dict[str, int] = {}
    idle = 0
    for step in flow:
        idle += not removes(model, step)
        fault = model_step(model, step)
        if fault:
            expected[fault] = expected.get(fault, 0) + 1
    applied = book.apply(b"".join(map(record_of, flow)))
    report = book.fault_report()
    assert report.by_name == expected
    assert report.total == sum(expected.values())
    assert applied == len(flow) - report.total - idle
    same(book, model)


@given(st.lists(steps, max_size=40))
def test_published_levels_build_the_same_book(flow):
    book, levels = L3Book(16), {i: L2Book(i) for i in (1, 2, 70_000)}
    records = book.level_updates(b"".join(map(record_of, flow)))
    assert (records[records["template_id"] == Template.BOOK_LEVEL]["qty"] >= 0).all()
    for instrument, level_book in levels.items():
        level_book.apply(records)
        assert level_book.check()
        if instrument in book.instrument_ids:
            assert level_book.depth_at(100) == book.depth_at(instrument, 100)
            assert L2Book.from_l3(book, instrument).depth_at(100) == level_book.depth_at(100)


def pairs(row, side: str) -> list[tuple[int, int]]:
    return list(zip(row[f"{side}_px"].tolist(), row[f"{side}_qty"].tolist(), strict=True))


@given(st.lists(steps, max_size=40), st.integers(1, 4))
def test_changes_are_the_distinct_states(flow, levels):
    book, stepped = L3Book(16), L3Book(16)
    rows = book.record_changes(b"".join(map(record_of, flow)), 1, levels)
    states: list[tuple] = [([], [])]
    for step in flow:
        stepped.apply(record_of(step))
        if 1 in stepped.instrument_ids:
            state = stepped.depth_at(1, levels)
            if state != states[-1]:
                states.append(state)
    found = [
        (
            [level for level in pairs(row, "bid") if level[1]],
            [level for level in pairs(row, "ask") if level[1]],
        )
        for row in rows
    ]
    assert found == states[1:]


class Flow(RuleBasedStateMachine):
    """Record by record: a refused one raises and leaves everything as it was."""

    def __init__(self):
        super().__init__()
        self.book, self.model = L3Book(16), ModelBook()

    @rule(step=steps)
    def step(self, step):
        changes = removes(self.model, step)
        fault = model_step(self.model, step)
        before = self.book.fault_report().total
        try:
            changed = self.book.apply_record(record_of(step))
        except ValueError:
            assert fault is not None
            assert self.book.fault_report().total == before + 1
        else:
            assert fault is None
            assert changed == changes

    @invariant()
    def agrees(self):
        same(self.book, self.model)


Flow.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestFlow = Flow.TestCase
