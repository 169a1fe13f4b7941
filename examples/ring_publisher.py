"""Publish trades to another process over a ring in shared memory, in bulk and without copying.

In one terminal `python ring_publisher.py`, in another `python ring_consumer.py`; both take a name
and a number of records. A third reads the metrics of both while they run:

    python -c "import tectra.core as c; print(c.Counters.attach('prices.metrics').snapshot())"

The ring is made here and removed at the end. It waits for its consumer, and for room when the
consumer is slow: nothing is dropped.
"""

import sys
from collections.abc import Callable

import numpy as np

from tectra.core import Counters, Idle, IdlePolicy, LiveClock, Pressure, SpscRing, Template

BATCH = 1024
PATIENCE_NS = 60_000_000_000


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Wait for something for a minute, without burning the core."""
    clock, idle = LiveClock(), Idle(IdlePolicy.BACKOFF)
    end = clock.now_ns() + PATIENCE_NS
    while not true():
        if clock.now_ns() > end:
            sys.exit(f"gave up after a minute: {what}")
        idle.step(0)


def publish(name: str, records: int) -> float:
    """Publish so many trades; the rate, records a second."""
    clock = LiveClock()
    with SpscRing.create(name, 1 << 14) as ring, Counters.create(f"{name}.metrics") as metrics:
        published, pressed = metrics.claim("published"), metrics.claim("batches_under_pressure")
        metrics.claim("consumed")  # the consumer's
        ring.idle_policy = IdlePolicy.BACKOFF
        wait_for(lambda: ring.consumer_pid != 0, "no consumer came")
        start, done = clock.now_ns(), 0
        while done < records:
            n = min(BATCH, records - done)
            with ring.claim_many(Template.TRADE, n, PATIENCE_NS) as trades:
                numbers = np.arange(done, done + len(trades))
                trades["px"] = 10_000 + numbers % 100
                trades["qty"] = 1 + numbers % 10
                trades["ts_event_ns"] = start + numbers
            done += len(trades)
            metrics.set(published, done)
            if ring.pressure is not Pressure.OK:
                metrics.add(pressed)
        wait_for(lambda: ring.depth == 0, "the consumer stopped reading")
        rate = records * 1e9 / (clock.now_ns() - start)
        wait_for(lambda: ring.consumer_pid == 0, "the consumer did not leave")
    return rate


if __name__ == "__main__":
    ring_name = sys.argv[1] if len(sys.argv) > 1 else "prices"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000
    print(f"published {count:,} trades, {publish(ring_name, count):,.0f} a second")
