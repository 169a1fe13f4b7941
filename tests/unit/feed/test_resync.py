"""Requests for a snapshot: one in flight, waits that grow, and a fresh start after a sound time."""

import pytest

from tectra.core.errors import InputError
from tectra.core.msg import BookReason
from tectra.core.rng import Random
from tectra.feed.resync import Resync, ResyncPolicy

SECOND = 1_000_000_000


def made(**settings):
    return Resync(ResyncPolicy(jitter=0.0, **settings), Random(1))


def test_one_request_is_in_flight():
    resync = made()
    assert not resync.due(0)
    resync.want(10, BookReason.GAP)
    resync.want(11, BookReason.CHECKSUM)
    assert resync.reason is BookReason.GAP
    assert resync.due(12)
    assert not any(resync.due(now) for now in range(13, SECOND, 10_000_000))
    assert resync.requests == 1


def test_waits_double_up_to_the_longest():
    resync = made(first_wait_ns=SECOND, wait_max_ns=5 * SECOND)
    resync.want(0, BookReason.GAP)
    left = []
    for tick in range(40):
        now = tick * SECOND
        if resync.due(now):
            left.append(tick)
            resync.fail(now)
    assert left == [0, 1, 3, 7, 12, 17, 22, 27, 32, 37]


def test_a_book_that_breaks_again_at_once_does_not_ask_at_once():
    resync = made(first_wait_ns=SECOND)
    asked = 0
    for now in range(0, 60 * SECOND, SECOND // 10):
        resync.want(now, BookReason.CHECKSUM)
        if resync.due(now):
            asked += 1
            resync.done(now)
    assert asked == 6  # at 0, 1, 3, 7, 15 and 31 seconds


def test_what_stayed_sound_long_enough_asks_at_once():
    resync = made(first_wait_ns=SECOND, settle_ns=30 * SECOND)
    resync.want(0, BookReason.GAP)
    assert resync.due(0)
    resync.done(0)
    resync.want(40 * SECOND, BookReason.GAP)
    assert resync.due(40 * SECOND)


def test_no_answer_is_a_failure_after_the_timeout():
    resync = made(timeout_ns=3 * SECOND)
    resync.want(0, BookReason.LINK)
    assert resync.due(0)
    assert not resync.due(2 * SECOND)
    assert resync.due(3 * SECOND)
    assert (resync.requests, resync.failures) == (2, 1)


def test_the_venue_says_how_long_to_wait():
    resync = made()
    resync.want(0, BookReason.GAP)
    assert resync.due(0)
    resync.fail(0, retry_after_ns=30 * SECOND)
    assert resync.next_ns == 30 * SECOND
    assert not resync.due(29 * SECOND)


def test_jitter_spreads_the_waits_of_many_books():
    policy = ResyncPolicy(first_wait_ns=SECOND, jitter=0.2)
    times = set()
    for seed in range(50):
        resync = Resync(policy, Random(seed))
        resync.want(0, BookReason.LINK)
        resync.due(0)
        resync.fail(0)
        times.add(resync.next_ns)
    assert len(times) == 50
    assert min(times) >= 0.8 * SECOND
    assert max(times) <= 1.2 * SECOND


@pytest.mark.parametrize(
    "wrong", [{"first_wait_ns": 0}, {"factor": 0.5}, {"jitter": 1.0}, {"timeout_ns": 0}]
)
def test_policies_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match="allowed"):
        ResyncPolicy(**wrong)
