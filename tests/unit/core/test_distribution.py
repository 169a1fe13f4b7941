"""The distribution of ticks to runners: each tick once to each runner that wants it."""

import threading
from collections import Counter

import pytest
from numbered import gap_of, number_of, record

from tectra.core.bus import Policy, Subscription
from tectra.core.distribution import Distribution
from tectra.core.errors import InputError, RingEmptyError

WAIT_NS = 30_000_000_000


def rest(subscription: Subscription) -> list[bytes]:
    out: list[bytes] = []
    while (raw := subscription.try_read()) is not None:
        out.append(raw)
    return out


@pytest.mark.timeout(60)
def test_every_runner_gets_every_tick_it_wants_once() -> None:
    runners, feeds, ticks = 6, 2, 1500
    plane = Distribution(capacity=64)
    wanted = {f"r{i}": {1 + i, 65 + i, 100} for i in range(runners)}
    got: dict[str, list[tuple[int, int]]] = {name: [] for name in wanted}
    ends = {name: plane.add_runner(name, ids) for name, ids in wanted.items()}
    instruments = [1, 2, 3, 65, 66, 67, 68, 100, 129, 200]

    def run(name: str) -> None:
        while True:
            raw = ends[name].read(WAIT_NS)
            instrument = int.from_bytes(raw[32:36], "little")
            if instrument == 0:
                return
            got[name].append((instrument, number_of(raw)))

    def feed(which: int) -> None:
        for i in range(ticks):
            instrument = instruments[i % len(instruments)]
            plane.publish(record(which * ticks + i, instrument=instrument), WAIT_NS)

    threads = [threading.Thread(target=run, args=[name]) for name in wanted]
    feeders = [threading.Thread(target=feed, args=[i]) for i in range(feeds)]
    for thread in threads + feeders:
        thread.start()
    for thread in feeders:
        thread.join()
    plane.publish(record(0), WAIT_NS)
    for thread in threads:
        thread.join()
    for name, ids in wanted.items():
        want = Counter(
            (instruments[i % 10], which * ticks + i)
            for which in range(feeds)
            for i in range(ticks)
            if instruments[i % 10] in ids
        )
        assert Counter(got[name]) == want
        for which in range(feeds):
            mine = [n for _, n in got[name] if n // ticks == which]
            assert mine == sorted(mine), "each feed's order is kept"
        s = ends[name].stats()
        assert s.dropped == s.pending == 0 and s.produced == feeds * ticks + 1


def test_runners_come_and_go_and_may_follow_the_shared_ring() -> None:
    plane = Distribution(shared=16)
    sure = plane.add_runner("sure", [1])
    loose = plane.add_runner("loose", [1, 65], policy=Policy.DROP_OLDEST)
    for i in range(40):
        assert plane.try_publish(record(i, instrument=[1, 2, 65, 129][i % 4]))
    assert [number_of(r) for r in rest(sure)] == list(range(0, 40, 4))
    got = rest(loose)
    assert gap_of(got[0]) == (1, 32) and [number_of(r) for r in got[1:]] == [32, 34, 36, 38]
    assert loose.stats() == (40, 4, 4, 32, 0)
    plane.remove_runner(sure)
    assert [r.name for r in plane.runners()] == ["loose"]
    with pytest.raises(RingEmptyError):
        loose.read(timeout_ns=1000)
    for bad in ([], [0], [2**32]):
        with pytest.raises(InputError, match="ids from 1"):
            plane.add_runner("bad", bad)
