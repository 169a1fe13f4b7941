"""Read the trades that ring_publisher.py publishes, in place: each batch is a NumPy view of the
ring.

`python ring_consumer.py [NAME] [RECORDS]`, with what the publisher was given.
"""

import sys

from tectra.core import DTYPES, Counters, IdlePolicy, LiveClock, SpscRing, Template

PATIENCE_NS = 10_000_000_000


def consume(name: str, records: int) -> tuple[int, int, float]:
    """Read so many trades: (volume, turnover, records a second)."""
    clock = LiveClock()
    volume = turnover = done = 0
    with (
        Counters.attach(f"{name}.metrics", writable=True) as metrics,
        SpscRing.attach(name) as ring,
    ):
        consumed = metrics.claim("consumed")
        ring.idle_policy = IdlePolicy.BACKOFF
        start = clock.now_ns()
        for batch in ring.batches(timeout_ns=PATIENCE_NS):
            trades = batch.view(DTYPES[Template.TRADE])  # every record here takes one slot
            volume += int(trades["qty"].sum())
            turnover += int((trades["px"] * trades["qty"]).sum())
            done += len(trades)
            metrics.set(consumed, done)
            if done >= records:
                break
        rate = done * 1e9 / (clock.now_ns() - start)
    return volume, turnover, rate


if __name__ == "__main__":
    ring_name = sys.argv[1] if len(sys.argv) > 1 else "prices"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000_000
    total, value, per_s = consume(ring_name, count)
    print(f"volume {total:,}, turnover {value:,}, {per_s:,.0f} records a second")
