"""Captured records lie in memory that grows in large pages: few faults, the same bytes."""

import resource
from pathlib import Path

import numpy as np
import pytest
from engine_scene import EVERYTHING, Engine, Quiet

from tectra.backtest import SimConfig, make_driver
from tectra.core.msg import SessionKind, Template
from tectra.core.record import encode
from tectra.engine.build import build_pipeline
from tectra.feed.itch import ItchFeed
from tectra.refdata.instrument import Instrument
from tectra.strategy.sample.idle import Idle

LARGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def day_of(path: Path):
    with ItchFeed(path, venue_id=1) as feed:
        parts = []
        while (batch := feed.next_batch(65536)) is not None:
            parts.append(np.array(batch))
        symbols = sorted(feed.instruments.items())
    instruments = tuple(Instrument(i, s, 1, tick=100) for i, s in symbols)
    return instruments, np.concatenate(parts)


def run(instruments, slots, capture_mask: int, times: int):
    """Minor faults of `times` passes over a day, and the pipeline."""
    pipeline = build_pipeline(instruments, strategies=1, capture_mask=capture_mask)
    pipeline.add_strategy(Idle())
    driver = make_driver(pipeline, SimConfig())
    driver.control(encode(Template.SESSION, kind=SessionKind.START, mode=b"b"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        driver.run(slots)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, pipeline


@pytest.mark.timeout(30)
def test_capturing_everything_costs_few_page_faults(small_day):
    if not LARGE.exists() or "[never]" in LARGE.read_text():
        pytest.skip("transparent large pages are off on this machine")
    instruments, slots = day_of(small_day)
    without, bare = run(instruments, slots, 0, 12)
    faults, full = run(instruments, slots, EVERYTHING, 12)
    kept = len(full.captured())
    assert kept > 12 << 20
    assert faults - without < kept // 4096 // 4, f"{faults} faults for {kept} bytes"
    assert full.summary.output_digest == bare.summary.output_digest


def test_what_was_captured_survives_growth(small_day):
    """Records at the start are the same after the memory moved and grew."""
    instruments, slots = day_of(small_day)
    _, once = run(instruments, slots, EVERYTHING, 1)
    _, often = run(instruments, slots, EVERYTHING, 4)
    first = once.captured()
    assert len(often.captured()) > 3 * len(first)
    assert often.captured()[: len(first)] == first


def test_what_is_kept_can_be_chosen_later():
    """A recovered engine keeps nothing until it is told to."""
    engine = Engine(Quiet(), capture_mask=0)
    session = encode(Template.SESSION, kind=SessionKind.END, mode=b"p")
    engine.pipeline.step_record(session)
    assert engine.pipeline.captured() == b""
    engine.pipeline.capture_templates(1 << Template.SESSION)
    engine.pipeline.step_record(session)
    assert engine.pipeline.captured()[32:] == session[32:]
