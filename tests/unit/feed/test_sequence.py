"""Continuity of a stream, against a set of the numbers seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.feed.sequence import Sequencer, SequenceState, Verdict


def test_the_first_message_decides_where_a_stream_starts():
    stream = Sequencer()
    assert stream.state is SequenceState.IDLE
    assert stream.offer(100) is Verdict.NEXT
    assert stream.expected == 101
    assert stream.state is SequenceState.SYNCED


def test_100_101_103_is_a_gap_at_103():
    stream = Sequencer(100)
    assert [stream.offer(n) for n in (100, 101, 103)] == [
        Verdict.NEXT,
        Verdict.NEXT,
        Verdict.AHEAD,
    ]
    assert stream.missing == (102, 103)
    assert stream.offer(102) is Verdict.NEXT
    assert stream.state is SequenceState.GAP  # 103 was not taken
    assert stream.offer(103) is Verdict.NEXT
    assert stream.state is SequenceState.SYNCED
    assert stream.counts()["gaps"] == 1


def test_a_heartbeat_tells_of_what_is_missing_at_the_tail():
    stream = Sequencer(5)
    assert not stream.announce(5)
    assert stream.announce(8)
    assert stream.missing == (5, 7)
    assert stream.lose(8) == 3
    assert stream.state is SequenceState.SYNCED
    assert stream.counts()["lost"] == 3


def test_reset_and_end():
    stream = Sequencer(5)
    stream.offer(9)
    stream.reset(1)
    assert (stream.expected, stream.state, stream.missing) == (1, SequenceState.SYNCED, None)
    stream.end()
    assert stream.state is SequenceState.ENDED


@pytest.mark.parametrize("span", [(5, 4), (0, 2**64 - 1)])
def test_a_span_that_is_none_is_refused(span):
    stream = Sequencer(4)
    with pytest.raises(InputError, match="first <= last"):
        stream.offer(*span)
    assert stream.expected == 4


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 6)), max_size=60))
def test_against_a_set_of_numbers(spans):
    """What is taken is exactly what continues the run of numbers from 1."""
    stream = Sequencer(1)
    taken: list[int] = []
    for first, more in spans:
        due = len(taken) + 1
        verdict = stream.offer(first, first + more)
        if first > due:
            assert verdict is Verdict.AHEAD
        elif first + more < due:
            assert verdict is Verdict.OLD
        else:
            assert verdict is (Verdict.NEXT if first == due else Verdict.OVERLAP)
            taken.extend(range(due, first + more + 1))
        assert stream.expected == len(taken) + 1
        assert (stream.missing is None) == (stream.state is not SequenceState.GAP)
    assert stream.counts()["taken"] == len(taken)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6)), max_size=40))
def test_recovered_counts_only_what_was_missing(spans):
    """A number is recovered when a higher one came, or was announced, before it."""
    stream = Sequencer(1)
    seen: set[int] = set()
    recovered = top = 0
    for first, more in spans:
        due = stream.expected
        numbers = range(max(first, due), first + more + 1)
        if stream.offer(first, first + more) in (Verdict.NEXT, Verdict.OVERLAP):
            recovered += sum(n <= top and n not in seen for n in numbers)
        seen.update(numbers)
        top = max(top, first + more)
    assert stream.counts()["recovered"] == recovered


def test_what_came_ahead_and_again_is_not_recovered():
    stream = Sequencer(5)
    stream.offer(8, 10)
    stream.offer(5, 7)
    assert stream.counts()["recovered"] == 3
    stream.offer(8, 10)  # held by the owner, taken now
    assert stream.counts()["recovered"] == 3
    assert stream.state is SequenceState.SYNCED


def test_more_holes_than_are_told_apart_count_too_few_and_never_too_many():
    stream = Sequencer(1)
    for n in range(2, 102, 2):
        stream.offer(n)
    for n in range(1, 102):
        stream.offer(n)
    assert stream.expected == 102
    assert 0 < stream.counts()["recovered"] <= 51
    assert stream.counts()["taken"] == 101


def test_a_reset_forgets_what_was_ahead():
    stream = Sequencer(1)
    stream.offer(5, 9)
    stream.reset(1)
    stream.announce(10)
    stream.offer(1, 9)
    assert stream.counts()["recovered"] == 9
