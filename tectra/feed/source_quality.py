"""What an adapter knows of the data that passes it: lost, repeated, late."""

from dataclasses import dataclass

from tectra.core.hist import Histogram
from tectra.feed.sequence import Sequencer, Verdict

__all__ = ["FeedQuality", "QualityReport"]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Counts so far. Latencies are receive time less venue time, in nanoseconds."""

    messages: int
    gap_total: int
    replay_total: int
    invalid_total: int
    early_total: int
    latency_ns_p50: int
    latency_ns_p99: int
    latency_ns_max: int


class FeedQuality:
    """Counters of one stream of an adapter. Owner thread: the adapter's.

    gap_total counts missing numbers, or missing intervals where the stream has no numbers but a
    fixed pace (`interval_ns`); replay_total messages that were there before; invalid_total those a
    validator refused; early_total those stamped later than they were received.
    """

    def __init__(self, *, interval_ns: int = 0) -> None:
        self.interval_ns = interval_ns
        self.latency = Histogram()
        self.messages = 0
        self.gap_total = 0
        self.replay_total = 0
        self.invalid_total = 0
        self.early_total = 0
        self._numbers = Sequencer()
        self._last_ns: dict[str, int] = {}

    def on_sequence(self, first: int, last: int | None = None) -> Verdict:
        """Hear a message's number (or first..last). What is missing before it counts as lost at
        once; it is not waited for.
        """
        verdict = self._numbers.offer(first, last)
        if verdict is Verdict.AHEAD:
            self.gap_total += self._numbers.lose(first)
            self._numbers.offer(first, last)
        self.replay_total += verdict is Verdict.OLD
        return verdict

    def on_time(self, key: str, ts_event_ns: int, ts_recv_ns: int | None = None) -> bool:
        """Hear a message of `key` (a symbol); False when its time is not after the one before."""
        self.messages += 1
        if ts_recv_ns is not None:
            self.early_total += ts_recv_ns < ts_event_ns
            self.latency.record(max(0, ts_recv_ns - ts_event_ns))
        last = self._last_ns.get(key)
        if last is not None and ts_event_ns <= last:
            self.replay_total += 1
            return False
        if last is not None and self.interval_ns:
            self.gap_total += max(0, (ts_event_ns - last) // self.interval_ns - 1)
        self._last_ns[key] = ts_event_ns
        return True

    def on_invalid(self) -> None:
        """A validator refused a message."""
        self.invalid_total += 1

    def report(self) -> QualityReport:
        """As they stand."""
        p50, p99 = self.latency.quantiles([0.5, 0.99]) if self.latency.count else (0, 0)
        return QualityReport(
            self.messages,
            self.gap_total,
            self.replay_total,
            self.invalid_total,
            self.early_total,
            p50,
            p99,
            self.latency.max if self.latency.count else 0,
        )
