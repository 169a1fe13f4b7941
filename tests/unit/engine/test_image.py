"""An engine put together from its image goes on as the one it was made of, byte for byte."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest
from engine_cuts import CutRun, everybody, journaled, templates_of
from engine_scene import Engine, Quiet

from tectra.core.errors import FileFormatError, StateError, StrategyCallbackError, TectraError
from tectra.core.kill import KillReason, KillWord
from tectra.core.msg import KillAction, RiskRule, Side, Template
from tectra.core.ring import SpscRing
from tectra.engine import image_info, load_state, save_state, state_digest
from tectra.engine.sections import unpack_sections
from tectra.strategy.compiled import CompiledStrategy

AAPL = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"


@pytest.fixture(scope="module")
def small(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> CutRun:
    return journaled(small_day, tmp_path_factory.mktemp("small") / "run", everybody())


@pytest.fixture(scope="module")
def aapl(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> CutRun:
    if not (test_data / AAPL).exists():
        pytest.skip(f"no {AAPL} in TECTRA_TEST_DATA")
    out = tmp_path_factory.mktemp("aapl") / "run"
    return journaled(test_data / AAPL, out, everybody(), allow_unvalidated=True)


def hold_at_cuts(run: CutRun, count: int) -> None:
    """At each cut: image, new pipeline, tail; outputs, digests and the image at the end are those
    of a whole replay.
    """
    whole = run.pipeline()
    run.play(whole, 0, run.edges[-1])
    end = save_state(whole)
    chooser = random.Random(11)
    cuts = sorted(chooser.choice(run.edges) for _ in range(count))
    walker, at = run.pipeline(), 0
    for cut in [0, *cuts, run.edges[-1]]:
        run.play(walker, at, cut)
        at = cut
        image = save_state(walker)
        again = run.pipeline()
        load_state(again, image)
        assert save_state(again) == image
        run.play(again, cut, run.edges[-1])
        assert again.summary == whole.summary, f"cut at slot {cut}"
        assert again.ring_seq == whole.ring_seq
        assert save_state(again) == end, f"cut at slot {cut}"


@pytest.mark.timeout(60)
def test_image_and_tail_are_the_whole_run(small: CutRun) -> None:
    """JW-03, B-06."""
    hold_at_cuts(small, 6)
    kinds = templates_of(small)
    assert {Template.ORDER_FILL, Template.TIMER, Template.STRATEGY_SIGNAL} <= kinds


@pytest.mark.timeout(60)
def test_image_and_tail_of_recorded_orders(aapl: CutRun) -> None:
    hold_at_cuts(aapl, 14)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_thousand_cuts_of_recorded_orders(aapl: CutRun) -> None:
    """B-06."""
    hold_at_cuts(aapl, 1000)


class Busy(Quiet):
    """Leaves something of everything behind: orders, timers, notes, random numbers."""

    def on_start(self, ctx):
        self.ctx = ctx
        self.n = 0
        ctx.set_timer(interval_ns=1_000)

    def on_book_update(self, ctx, book):
        self.n += 1
        if book.bid_px is not None:
            ctx.submit_order(book.instrument, Side.BUY, qty=10 + self.n, px=book.bid_px)
        ctx.signal("n", self.n + ctx.random.uniform())

    def on_params_update(self, params):
        self.ctx.signal("left", 1.0)


def scene(**options) -> Engine:
    return Engine(Busy(), Quiet(), symbols=("AAPL", "MSFT"), **options)


def twin_of(engine: Engine, **options) -> Engine:
    """A new engine with the image of another."""
    other = Engine(Busy(), Quiet(), symbols=("AAPL", "MSFT"), limits=None, start=False, **options)
    load_state(other.pipeline, save_state(engine.pipeline))
    other.now_ns = engine.now_ns
    return other


def go_on(engine: Engine) -> list[bytes]:
    """Whatever touches what was kept: books, limits, late reports, timers, the session's end."""
    engine.add(7, Side.BUY, 1_000_050, 10)
    engine.step(Template.TIMER, strategy_id=1, timer_id=1, due_ns=engine.now_ns + 10)
    engine.fill(1, 1_000_000, 5, exec_id=77)
    engine.fill(1, 1_000_000, 5, exec_id=78)
    engine.fill(2, 1_000_000, 1, exec_id=3)
    engine.market(Template.BOOK_STATUS, status=1)
    engine.add(8, Side.BUY, 1_000_060, 10)
    engine.end()
    return [bytes(row.tobytes()) for row in engine.said()]


def built() -> Engine:
    engine = scene(kill=KillWord.private())
    engine.quotes()
    engine.ack(1, venue_order_id=9)
    engine.fill(1, 1_000_000, 5, exec_id=77)
    engine.step(
        Template.CONTROL_LIMIT, strategy_id=1, instrument_id=1, rule=RiskRule.MAX_QTY, new_value=12
    )
    engine.step(Template.CONTROL_KILL, strategy_id=2, instrument_id=0, action=KillAction.KILL)
    engine.market(Template.GAP, instrument_id=2)
    engine.market(Template.TRADE, instrument_id=2, px=5, qty=6, side=Side.BUY, match_id=4)
    engine.market(Template.ORDER_FILL, order_id=999, side=Side.BUY, px=1, qty=1)
    engine.said()
    return engine


def test_every_part_comes_back() -> None:
    engine = built()
    other = twin_of(engine)
    assert save_state(other.pipeline) == save_state(engine.pipeline)
    assert other.pipeline.now_ns == engine.pipeline.now_ns
    assert repr(other.pipeline.orders.find(1)) == repr(engine.pipeline.orders.find(1))
    assert other.pipeline.orders.counts == engine.pipeline.orders.counts
    assert other.pipeline.portfolio.snapshot() == engine.pipeline.portfolio.snapshot()
    assert other.pipeline.risk.effective_limits(1, 1) == engine.pipeline.risk.effective_limits(1, 1)
    assert other.pipeline.book.digest() == engine.pipeline.book.digest()
    assert other.pipeline.strategies[0].ctx is not engine.pipeline.strategies[0].ctx
    other.pipeline.orders.verify()
    other.pipeline.portfolio.verify()
    said = go_on(engine)
    assert len(said) > 15
    assert go_on(other) == said
    assert save_state(other.pipeline) == save_state(engine.pipeline)


def test_what_a_parameter_update_left_in_the_context_leaves_later() -> None:
    class Tuned(Busy):
        size = __import__("tectra").param(3, ge=1)

    def make(**options) -> Engine:
        return Engine(Tuned(), **options)

    engine = make()
    engine.quotes()
    engine.step(Template.CONTROL_PARAM, strategy_id=1, name=b"size", value_type=b"i", value_i=5)
    other = make(limits=None, start=False)
    load_state(other.pipeline, save_state(engine.pipeline))
    other.now_ns = engine.now_ns
    assert other.pipeline.strategies[0].size == 5
    engine.said()
    for one in (engine, other):
        one.add(9, Side.SELL, 1_000_200, 1)
    assert (a := engine.said()) == other.said()
    assert [bytes(r["name"]) for r in a if r["template_id"] == Template.STRATEGY_SIGNAL] == [
        b"left",
        b"n",
    ]


class Sends(Quiet):
    def on_book_update(self, ctx, book):
        ctx.submit_order(book.instrument, Side.BUY, qty=1, px=100)


class Raises(Quiet):
    def on_start(self, ctx):
        self.n = 0

    def on_book_update(self, ctx, book):
        self.n += 1
        if self.n == 6:
            raise ValueError("no")


def test_refusals_that_wait_are_kept() -> None:
    """A step that raised leaves what the gate had refused; the next step takes it in."""

    def make(**options) -> Engine:
        ring = SpscRing.private(8, stamp=False)
        return Engine(Sends(), Raises(), ring=ring, **options)

    engine = make()
    for ref in range(1, 6):
        engine.add(ref, Side.BUY, 100 + ref, 1)
    with pytest.raises(StrategyCallbackError):
        engine.add(6, Side.BUY, 106, 1)
    image = save_state(engine.pipeline)
    assert len(unpack_sections(image)["pending"]) == 128
    assert engine.pipeline.summary.gate_refusals == 3
    other = make(limits=None, start=False)
    load_state(other.pipeline, image)
    other.now_ns = engine.now_ns
    assert other.pipeline.summary == engine.pipeline.summary
    assert other.pipeline.risk.totals == engine.pipeline.risk.totals
    engine.said()
    for one in (engine, other):
        one.market(Template.TRADE, px=5, qty=6, side=Side.BUY, match_id=4)
    said = engine.said(Template.ORDER_REJECT)
    assert len(said) == 1 and said[0]["order_id"] == 6
    assert save_state(other.pipeline) == save_state(engine.pipeline)


def test_a_kill_is_not_lost() -> None:
    engine = built()
    engine.pipeline.kill.set(KillReason.VENUE, now_ns=5)
    other = twin_of(engine, kill=KillWord.private())
    assert other.pipeline.kill.reason == KillReason.VENUE
    assert image_info(save_state(engine.pipeline)).kill_reason == KillReason.VENUE
    without = twin_of(engine)
    assert state_digest(save_state(without.pipeline)) == state_digest(save_state(engine.pipeline))
    assert save_state(without.pipeline) != save_state(engine.pipeline)


def test_an_image_is_loaded_into_a_new_pipeline_of_its_run() -> None:
    engine = built()
    image = save_state(engine.pipeline)
    with pytest.raises(StateError, match="stepped records already"):
        load_state(engine.pipeline, image)

    class Other(Quiet):
        pass

    for strategies, symbols in (
        ((Busy(),), ("AAPL", "MSFT")),
        ((Busy(), Other()), ("AAPL", "MSFT")),
        ((Busy(), Quiet()), ("AAPL",)),
        ((Busy(), Quiet()), ("AAPL", "MSFT", "IBM")),
    ):
        other = Engine(*strategies, symbols=symbols, limits=None, start=False)
        with pytest.raises(StateError, match="image:"):
            load_state(other.pipeline, image)


def test_an_image_of_another_build_is_refused() -> None:
    image = bytearray(save_state(built().pipeline))
    from tectra.core.crc32c import crc32c

    image[16:20] = b"\1\2\3\4"
    front = 64 + (len(unpack_sections(save_state(built().pipeline))) * 48)
    front = -(-front // 64) * 64
    image[20:24] = bytes(4)
    struct.pack_into("<I", image, 20, crc32c(bytes(image[:front])))
    with pytest.raises(StateError, match="otherwise"):
        load_state(scene(limits=None, start=False).pipeline, bytes(image))


def test_every_damaged_byte_is_found() -> None:
    """A flip in any byte of head, table and sections, and every cut."""
    image = save_state(scene().pipeline)
    parts = unpack_sections(image)
    padding = {len(image)}
    chooser = random.Random(3)
    inside = np.zeros(len(image), bool)
    base = np.frombuffer(image, np.uint8).__array_interface__["data"][0]
    for part in parts.values():
        if len(part):
            at = np.frombuffer(part, np.uint8).__array_interface__["data"][0] - base
            inside[at : at + len(part)] = True
    inside[: 64 + 48 * len(parts)] = True
    for at in chooser.sample([i for i in np.flatnonzero(inside).tolist() if i not in padding], 400):
        bad = bytearray(image)
        bad[at] ^= 1 << chooser.randrange(8)
        with pytest.raises((FileFormatError, StateError)):
            unpack_sections(bad)
    for size in [0, 1, 63, 64, 200, len(image) - 1]:
        with pytest.raises(FileFormatError):
            unpack_sections(image[:size])


def test_bytes_that_pass_the_checksums_but_lie_are_refused() -> None:
    """An image is data from outside: what contradicts itself raises, and never more than that."""
    from tectra.engine.sections import pack_sections, ring_seq_of

    engine = built()
    image = save_state(engine.pipeline)
    layout = struct.unpack_from("<I", image, 16)[0]
    chooser = random.Random(8)
    raised = 0
    for name in unpack_sections(image):
        for _ in range(12):
            parts = {n: bytes(p) for n, p in unpack_sections(image).items()}
            body = bytearray(parts[name])
            if not body:
                continue
            kind = chooser.randrange(3)
            if kind == 0:
                body[chooser.randrange(len(body))] ^= 1 << chooser.randrange(8)
            elif kind == 1:
                del body[chooser.randrange(len(body)) :]
            else:
                body += bytes(8)
            parts[name] = bytes(body)
            forged = pack_sections(parts, layout=layout, ring_seq=ring_seq_of(image))
            other = scene(limits=None, start=False)
            try:
                load_state(other.pipeline, forged)
            except TectraError:
                raised += 1
    assert raised > 100


def test_what_cannot_be_kept_is_named() -> None:
    class Holds(Quiet):
        def on_start(self, ctx):
            self.levels = {"a": [1, open]}

    with pytest.raises(StateError, match=r"strategy 1 \(Holds\)\['levels'\]\['a'\]\[1\]"):
        save_state(Engine(Holds()).pipeline)


class Silent(CompiledStrategy):
    """A compiled strategy without a state of its own, as far as anybody can see."""

    __slots__ = ()

    def wants(self):
        return ()


def test_a_compiled_strategy_says_what_it_keeps() -> None:
    with pytest.raises(StateError, match=r"strategy 1 \(Silent\): is compiled and has no save_st"):
        save_state(Engine(Silent()).pipeline)
