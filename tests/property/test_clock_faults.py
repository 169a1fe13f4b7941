"""What machines do to their clocks, in any order: the watch tells exactly that, and a venue's
offset stays within its bound.
"""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tectra.core.clock import ClockReadings
from tectra.core.clock_offset import OffsetEstimator, OffsetLimits
from tectra.core.clock_watch import ClockEventKind, ClockWatch, ClockWatchLimits

US, MS, S = 1_000, 1_000_000, 1_000_000_000
LIMITS = ClockWatchLimits()

sizes = st.one_of(
    st.sampled_from([S, -S, 3600 * S, -3600 * S]),
    st.integers(2 * MS, 100 * S),
    st.integers(-100 * S, -2 * MS),
)
faults = st.one_of(
    st.tuples(st.just("step"), sizes),
    st.tuples(st.just("suspend"), st.integers(2 * MS, 100 * S)),
    st.tuples(st.just("stall"), st.integers(LIMITS.stall_ns_min, 100 * S)),
    st.tuples(st.just("quiet"), st.integers(1, LIMITS.stall_ns_min - 1)),
)


@given(st.lists(st.lists(faults, max_size=3), max_size=30), st.integers(-150, 150))
def test_the_watch_tells_what_happened_and_nothing_else(rounds, ppm):
    wall, mono, boot, raw = 1_700_000_000 * S, 0, 0, 0
    now: list[ClockReadings] = []
    watch = ClockWatch(LIMITS, read=lambda: now[-1])
    now.append(ClockReadings(wall, mono, boot, raw))
    watch.do_work()
    told: list[tuple[ClockEventKind, int]] = []
    for happened in rounds:
        step = suspend = passed = 0
        for kind, size in happened:
            if kind == "step":
                step += size
            elif kind == "suspend":
                suspend += size
            else:
                passed = max(passed, size)
        slewed = passed + passed * ppm // 1_000_000
        wall += step + suspend + slewed
        mono += slewed
        boot += slewed + suspend
        raw += passed
        now.append(ClockReadings(wall, mono, boot, raw))
        found = watch.do_work()
        expected = []
        if suspend:
            expected.append((ClockEventKind.SUSPEND, suspend))
        if slewed >= LIMITS.stall_ns_min:
            expected.append((ClockEventKind.STALL, slewed))
        if abs(step) >= LIMITS.step_ns_min:
            expected.append((ClockEventKind.STEP, step))
        assert found == len(expected)
        told += expected
    assert [(e.kind, e.size_ns) for e in watch.events] == told[-256:]
    counts = watch.counts
    assert counts.steps == sum(k is ClockEventKind.STEP for k, _ in told)
    assert counts.slews == counts.backward == 0


@given(
    st.integers(0, 2**32 - 1),
    st.integers(-10 * S, 10 * S),
    st.integers(-90, 90),
    st.sampled_from([1, 1_000, 1_000_000]),
    st.tuples(*[st.integers(0, 20 * MS)] * 2),
)
def test_the_offset_is_within_its_bound(seed, offset, ppm, resolution, jitter):
    random = Random(seed)
    estimator = OffsetEstimator(OffsetLimits(resolution_ns=resolution))
    start = at = 1_700_000_000 * S

    def shown(local: int) -> int:
        exact = local + offset + (local - start) * ppm // 1_000_000
        return exact - exact % resolution

    def truth(local: int) -> float:
        return offset + (local - start) * ppm / 1e6

    for _ in range(30):
        arrived = at + 50 * US + random.randint(0, jitter[0])
        left = arrived + random.randint(0, MS)
        received = left + 50 * US + random.randint(0, jitter[1])
        assert estimator.add(at, shown(arrived), shown(left), received)
        for later in (received, received + 30 * S):
            found = estimator.estimate(later)
            assert abs(found.offset_ns - truth(later)) <= found.error_ns + 2
        at = received + random.randint(1, 10 * S)
    assert estimator.outliers == estimator.invalid == 0
