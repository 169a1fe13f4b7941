"""Clock offset of a venue, against simulated clocks whose true offset is known."""

from random import Random

import pytest

from tectra.core.clock_offset import OffsetEstimator, OffsetLimits
from tectra.core.errors import InputError, StateError

US, MS, S = 1_000, 1_000_000, 1_000_000_000
START = 1_700_000_000 * S


class Venue:
    """A clock with a known offset and drift, behind a line with lopsided jitter."""

    def __init__(self, seed: int, *, offset_ns: int, drift_ppm: float = 0.0) -> None:
        self.random = Random(seed)
        self.offset_ns, self.drift_ppm = offset_ns, drift_ppm
        self.there_ns, self.back_ns = 300 * US, 300 * US
        self.there_jitter_ns, self.back_jitter_ns = 2 * MS, 200 * US
        self.resolution_ns = 1

    def truth(self, local_ns: int) -> int:
        return self.offset_ns + round((local_ns - START) * self.drift_ppm / 1e6)

    def show(self, local_ns: int) -> int:
        shown = local_ns + self.truth(local_ns)
        return shown - shown % self.resolution_ns

    def exchange(self, sent_ns: int) -> tuple[int, int, int, int]:
        draw = self.random.expovariate
        arrived = sent_ns + self.there_ns + int(draw(1) * self.there_jitter_ns)
        left = arrived + self.random.randrange(50 * US, 500 * US)
        received = left + self.back_ns + int(draw(1) * self.back_jitter_ns)
        return sent_ns, self.show(arrived), self.show(left), received


def feed(estimator: OffsetEstimator, venue: Venue, n: int, *, at: int = START) -> int:
    for _ in range(n):
        exchange = venue.exchange(at)
        estimator.add(*exchange)
        at += 1 * S
    return at


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("drift", [0.0, 30.0, -80.0])
@pytest.mark.parametrize("offset", [0, 250 * MS, -3600 * S])
def test_the_truth_lies_within_the_bound(seed, drift, offset):
    venue = Venue(seed, offset_ns=offset, drift_ppm=drift)
    estimator = OffsetEstimator()
    at = START
    for _ in range(100):
        at = feed(estimator, venue, 1, at=at)
        for ahead in (0, 5 * S, 60 * S):
            found = estimator.estimate(at + ahead)
            assert abs(found.offset_ns - venue.truth(at + ahead)) <= found.error_ns
    assert estimator.outliers == estimator.invalid == 0
    found = estimator.estimate(at)
    # The mean round trip is 3.1 ms, so one exchange alone is sure to 1.5 ms only.
    assert found.error_ns < 1.3 * MS
    assert found.age_ns <= 2 * S and found.samples == 100
    assert 600 * US <= found.delay_ns_min < 2 * MS


@pytest.mark.parametrize("drift", [0.0, 30.0, -80.0])
def test_drift_is_found(drift):
    venue = Venue(3, offset_ns=5 * MS, drift_ppm=drift)
    estimator = OffsetEstimator(OffsetLimits(samples_max=300))
    at = feed(estimator, venue, 300)
    found = estimator.estimate(at)
    assert found.drift_ppm == pytest.approx(drift, abs=5)


def test_a_lopsided_line_is_told_within_its_bound():
    """One way is ten times the other: nobody can know, and the bound says so."""
    venue = Venue(4, offset_ns=7 * MS)
    venue.there_ns, venue.back_ns = 10 * MS, MS
    venue.there_jitter_ns = venue.back_jitter_ns = 10 * US
    estimator = OffsetEstimator()
    at = feed(estimator, venue, 100)
    found = estimator.estimate(at)
    assert found.offset_ns - 7 * MS == pytest.approx(4.5 * MS, rel=0.1)
    assert 4.5 * MS < found.error_ns < 6 * MS


def test_each_leg_s_minimum_counts_by_itself():
    """Jitter that is never small on both legs at once is filtered all the same."""
    estimator = OffsetEstimator()
    for n in range(60):
        there, back = (100 * US, 20 * MS) if n % 2 else (20 * MS, 100 * US)
        sent = START + n * 10 * MS
        estimator.add_server_time(sent, sent + there + 42 * MS, sent + there + back)
    found = estimator.estimate(START + S)
    assert abs(found.offset_ns - 42 * MS) <= found.error_ns < 250 * US


def test_stamps_in_milliseconds_widen_the_bound():
    venue = Venue(5, offset_ns=123_456_789)
    venue.resolution_ns = MS
    fine = OffsetEstimator(OffsetLimits(resolution_ns=MS))
    coarse = OffsetEstimator()
    for n in range(100):
        sent, arrived, _, received = venue.exchange(START + n * 100_300_000)
        fine.add_server_time(sent, arrived, received)
        coarse.add_server_time(sent, arrived, received)
    at = START + 11 * S
    found = fine.estimate(at)
    assert abs(found.offset_ns - 123_456_789) <= found.error_ns
    assert fine.outliers == 0
    biased = coarse.estimate(at)
    assert biased.offset_ns < found.offset_ns, "without the resolution the cut is a bias"


def test_impossible_and_slow_exchanges_are_refused():
    estimator = OffsetEstimator(OffsetLimits(delay_ns_max=S))
    assert not estimator.add(START, START, START, START - 1)
    assert not estimator.add(START, START + 10, START + 5, START + 20)
    assert not estimator.add(START, START, START + 50, START + 20), "longer there than away"
    assert not estimator.add_server_time(START, START, START + 2 * S)
    assert (estimator.invalid, estimator.accepted) == (4, 0)
    assert estimator.add_server_time(START, START, START + MS)
    assert not estimator.add_server_time(START - S, START, START - S + MS), "older than the last"
    with pytest.raises(InputError, match=r"at_ns: found .* or later"):
        estimator.estimate(START)


def test_outliers_are_dropped_and_a_set_clock_starts_anew():
    venue = Venue(6, offset_ns=10 * MS)
    estimator = OffsetEstimator()
    at = feed(estimator, venue, 50)
    before = estimator.estimate(at).offset_ns
    sent, arrived, left, received = venue.exchange(at)
    assert not estimator.add(sent, arrived + 5 * S, left + 5 * S, received)
    assert estimator.estimate(received).offset_ns == pytest.approx(before, abs=100 * US)
    at = feed(estimator, venue, 10, at=at + S)
    assert (estimator.outliers, estimator.restarts) == (1, 0)
    venue.offset_ns += 5 * S
    at = feed(estimator, venue, 3, at=at)
    assert estimator.restarts == 0
    at = feed(estimator, venue, 1, at=at)
    assert estimator.restarts == 1
    found = estimator.estimate(at)
    assert abs(found.offset_ns - 5010 * MS) <= found.error_ns
    assert found.samples == 4


def test_wild_samples_that_disagree_never_start_anew():
    venue = Venue(7, offset_ns=0)
    estimator = OffsetEstimator()
    at = feed(estimator, venue, 20)
    for n in range(1, 40):
        sent, arrived, left, received = venue.exchange(at)
        wild = n * 100 * S
        assert not estimator.add(sent, arrived + wild, left + wild, received)
        at += 1 * S
    assert estimator.restarts == 0
    found = estimator.estimate(at)
    assert abs(found.offset_ns) <= found.error_ns


def test_old_samples_leave_the_window_and_age_is_told():
    venue = Venue(8, offset_ns=MS)
    estimator = OffsetEstimator(OffsetLimits(window_ns=10 * S))
    at = feed(estimator, venue, 50)
    found = estimator.estimate(at)
    assert found.samples == 11
    later = estimator.estimate(at + 600 * S)
    assert later.error_ns - found.error_ns == pytest.approx(600 * S * 100 / 1e6, rel=0.01)
    assert later.age_ns - found.age_ns == 600 * S


def test_without_samples_and_after_reset():
    estimator = OffsetEstimator()
    with pytest.raises(StateError, match="no samples"):
        estimator.estimate(START)
    feed(estimator, Venue(9, offset_ns=0), 5)
    assert estimator.estimate(START + 10 * S).samples == 5
    estimator.reset()
    with pytest.raises(StateError, match="no samples"):
        estimator.estimate(START + 20 * S)


@pytest.mark.parametrize("wrong", [{"samples_max": 0}, {"drift_ppm_max": 0.0}], ids=str)
def test_limits_are_checked(wrong):
    with pytest.raises(InputError, match="allowed"):
        OffsetLimits(**wrong)
