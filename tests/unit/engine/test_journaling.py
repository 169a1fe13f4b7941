"""The engine and its journal: what is written, and that room is always there."""

from pathlib import Path

import pytest
from engine_scene import Engine, Quiet, split

from tectra.core.errors import InputError, JournalError, StateError
from tectra.core.msg import Side, Template
from tectra.engine.parts import OUTPUT_MASK
from tectra.journal.reader import JournalReader
from tectra.journal.segment import SegmentFile
from tectra.journal.verify import verify
from tectra.journal.writer import JournalWriter

SMALLEST = 802
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


class Burst(Quiet):
    """The most that one callback can say."""

    def on_book_update(self, ctx, book):
        for _ in range(64):
            ctx.submit_order(book.instrument, Side.BUY, qty=1, px=1_000_000)
        for i in range(16):
            ctx.signal("x", float(i))


def read(path: Path) -> bytes:
    return b"".join(s.tobytes() for s in JournalReader(path).slots())


@pytest.mark.parametrize("slots", [SMALLEST, SMALLEST + 1, 1_000, 5_000])
def test_segments_turn_over_and_lose_nothing(tmp_path: Path, slots: int):
    with JournalWriter(tmp_path / "j", session={}, segment_slots=slots) as journal:
        engine = Engine(Burst(), Burst(), journal=journal, start=False, limits=None)
        captured = engine.pipeline.captured()
        for i in range(1, 12):
            engine.add(i, Side.BUY, 1_000_000, 1)
        engine.end()
        captured = engine.pipeline.captured()
    assert verify(tmp_path / "j").ok
    assert read(tmp_path / "j") == captured
    seqs = [int(r["ring_seq"]) for r in split(captured)]
    assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) > 2_000
    if slots < 5_000:
        assert len(list((tmp_path / "j").glob("segment-*"))) > 1


def test_a_daily_journal_has_a_segment_for_each_day(tmp_path: Path):
    """Of inputs, and of what they make the engine say."""
    hours = (1, 23, 24, 25, 47, 49, 71, 120)  # two days, a part, a day without any, and one more
    for daily, days in ((True, [{0}, {1}, {2}, {5}]), (False, [{0, 1, 2, 5}])):
        path = tmp_path / str(daily)
        with JournalWriter(path, session={}, segment_slots=5_000, daily=daily) as journal:
            engine = Engine(Burst(), journal=journal, start=False, limits=None)
            for hour in hours:
                engine.add(hour, Side.BUY, 1_000_000, 1, ts_recv_ns=hour * HOUR_NS)
        assert verify(path).ok
        parts = [split(SegmentFile(p).slots.tobytes()) for p in sorted(path.glob("segment-*"))]
        assert [{int(r["ts_recv_ns"]) // DAY_NS for r in part} for part in parts] == days
        assert sum(map(len, parts)) > 8 * 64


def test_a_segment_that_cannot_hold_one_flush_is_refused(tmp_path: Path):
    with (
        JournalWriter(tmp_path / "j", session={}, segment_slots=SMALLEST - 1) as journal,
        pytest.raises(InputError, match="segments of 801 slots; allowed: 802 or more"),
    ):
        Engine(Quiet(), journal=journal)


@pytest.mark.timeout(30)  # hundreds of segments
def test_marks_of_a_wide_market_fit_whatever_the_segment(tmp_path: Path):
    """More positions at the end of a session than a segment has slots."""
    symbols = [f"S{i}" for i in range(420)]

    class One(Quiet):
        def on_book_update(self, ctx, book):
            ctx.submit_order(book.instrument, Side.BUY, qty=1, px=1_000_000)

    with JournalWriter(tmp_path / "j", session={}, segment_slots=SMALLEST) as journal:
        engine = Engine(One(), symbols=symbols, journal=journal, with_out_ring=False)
        for i in range(1, 421):
            engine.add(i, Side.BUY, 1_000_000, 1, instrument_id=i)
            engine.ack(i, instrument_id=i)
            engine.fill(i, 1_000_000, 1, instrument_id=i)
        engine.end()
        assert len(engine.said(Template.PNL_UPDATE)) == 840
    assert verify(tmp_path / "j").ok


def test_a_journal_is_attached_once_and_before_the_first_record(tmp_path: Path):
    with (
        JournalWriter(tmp_path / "a", session={}) as first,
        JournalWriter(tmp_path / "b", session={}) as second,
    ):
        engine = Engine(Quiet(), limits=None, start=False)
        engine.pipeline.attach_journal(first)
        with pytest.raises(StateError, match="has a journal already"):
            engine.pipeline.attach_journal(second)
        late = Engine(Quiet())
        with pytest.raises(StateError, match="stepped records"):
            late.pipeline.attach_journal(second)
        with pytest.raises(TypeError):
            late.pipeline.attach_journal(None)


def test_a_closed_journal_is_an_error_and_not_a_silence(tmp_path: Path):
    journal = JournalWriter(tmp_path / "j", session={}, segment_slots=SMALLEST)
    engine = Engine(Quiet(), journal=journal)
    journal.close()

    def fill_the_segment() -> None:
        for i in range(1, 2_000):
            engine.add(i, Side.BUY, 1, 1)

    with pytest.raises(JournalError, match="closed"):
        fill_the_segment()


@pytest.mark.parametrize("mask", [0, OUTPUT_MASK, 1 << Template.ORDER_VERDICT])
def test_the_capture_holds_the_templates_asked_for(mask: int):
    engine = Engine(Burst(), capture_mask=mask)
    engine.quotes()
    found = {int(r["template_id"]) for r in engine.said()}
    assert all(mask >> t & 1 for t in found) and bool(found) == bool(mask)


def test_the_capture_grows_without_end():
    engine = Engine(Burst())
    for i in range(1, 40):
        engine.add(i, Side.BUY, 1_000_000, 1)
    assert len(engine.said(Template.ORDER_INTENT)) == 39 * 64
    assert engine.pipeline.captured() == b""


def test_the_stages_are_timed_one_step_in_many():
    every, never = Engine(Burst(), sample_shift=0), Engine(Burst(), sample_shift=20)
    for engine in (every, never):
        engine.quotes()
    assert [h.count for h in every.pipeline.stages] == [2, 2, 2, 2]
    assert [h.count for h in never.pipeline.stages] == [0, 0, 0, 0]
