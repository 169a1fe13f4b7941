"""Speeds: text to factor and back, due times exact to the nanosecond, whatever happens between."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.clock import FakeClock
from tectra.core.errors import InputError
from tectra.replay.speed import SPEEDS, Pacer, parse_speed, speed_text


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("1x", 1),
        ("5x", 5),
        (" 10X ", 10),
        ("100x", 100),
        ("1000", 1000),
        (7, 7),
        (0.5, Fraction(1, 2)),
        ("1/3x", Fraction(1, 3)),
        ("1e3x", 1000),
        ("max", None),
        ("instant", None),
        (None, None),
    ],
)
def test_speeds(text, factor):
    assert parse_speed(text) == factor


@pytest.mark.parametrize("text", ["", "x", "0", "-1x", "fast", "1/0", "nan", "inf", "1e20", "1e-9"])
def test_what_is_no_speed(text):
    with pytest.raises(InputError, match=r"speed: found .*; allowed: a factor such as 1x, 5x, 10x"):
        parse_speed(text)


def test_speeds_as_text():
    assert [speed_text(parse_speed(s)) for s in SPEEDS] == list(SPEEDS)
    assert speed_text(Fraction(1, 2)) == "0.5x"


@given(
    st.fractions(min_value=Fraction(1, 1000), max_value=5000, max_denominator=1000),
    st.lists(st.integers(0, 10**13), min_size=1, max_size=20),
    st.integers(0, 10**18),
)
def test_due_times_are_exact(factor, gaps, begin):
    clock = FakeClock(begin)
    pacer = Pacer(factor, clock=clock, wait=clock.advance)
    market = first = 10**18
    assert pacer.due_ns(first) == begin
    for gap in gaps:
        market += gap
        due = pacer.due_ns(market)
        assert 0 <= due - (begin + (market - first) / factor) < 1
        clock.advance_to(due)
        # At its due time the market is there, and less than a step of the clock further.
        assert 0 <= pacer.market_ns() - market <= factor


def test_waiting_takes_slices_and_ends_when_it_is_due():
    clock = FakeClock()
    waits: list[int] = []
    pacer = Pacer("2x", clock=clock, wait=lambda ns: (waits.append(ns), clock.advance(ns)))
    assert pacer.wait_for(1_000) and not waits
    calls = 1
    while not pacer.wait_for(1_000 + 100_000_000):
        calls += 1
    assert sum(waits) == 50_000_000 and len(waits) == calls == 3
    assert pacer.wait_for(500), "what is past is due"


def test_another_speed_meets_anew():
    clock = FakeClock()
    pacer = Pacer("1x", clock=clock, wait=clock.advance)
    pacer.due_ns(0)
    clock.advance(1_000)
    pacer.set_speed("10x")
    assert pacer.market_ns() is None
    assert pacer.due_ns(5_000) == 1_000 and pacer.due_ns(6_000) == 1_100
    pacer.meet()
    assert pacer.due_ns(9_000) == 1_000
    pacer.set_speed("max")
    assert pacer.wait_for(10**18) and pacer.market_ns() is None and clock.now_ns() == 1_000
