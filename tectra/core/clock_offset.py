"""How far another machine's clock is from ours, from time stamps that went there and back.

Each exchange proves an interval: what the venue's clock shows when a message arrives there is later
than when we sent it, and what it shows when it answers is earlier than when we received. The
intervals of a window, widened by what two clocks may drift apart, are intersected. That is the
minimum-delay filter of NTP (RFC 5905, section 10) applied to each direction by itself, and the
bound that it reports holds however lopsided the delays are.
"""

from collections import deque
from typing import NamedTuple

import msgspec

from tectra.core.errors import InputError, StateError

__all__ = ["OffsetEstimate", "OffsetEstimator", "OffsetLimits"]

_S = 1_000_000_000


class OffsetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`drift_ppm_max`: how fast the two clocks may part; the error bound rests on it.
    `resolution_ns`: the venue's stamps are cut to multiples of it. `outliers_max`: so many
    contradictions in a row mean that a clock was set, and the window starts anew.
    """

    samples_max: int = 128
    window_ns: int = 300 * _S
    drift_ppm_max: float = 100.0
    resolution_ns: int = 1
    delay_ns_max: int = 10 * _S
    outliers_max: int = 4

    def __post_init__(self) -> None:
        for name in ("samples_max", "window_ns", "resolution_ns", "delay_ns_max", "outliers_max"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: 1 or more")
        if not 0 < self.drift_ppm_max < 1e6:
            raise InputError(
                f"drift_ppm_max: found {self.drift_ppm_max}; allowed: above 0, below 1000000"
            )


class OffsetEstimate(NamedTuple):
    """Venue clock less ours at the time asked for: within error_ns of offset_ns as long as the
    clocks drift no faster than allowed. `drift_ppm` is that offset's change, None until the window
    is long enough to tell; delay_ns_min the shortest round trip; age_ns since the last sample.
    """

    offset_ns: int
    error_ns: int
    drift_ppm: float | None
    delay_ns_min: int
    age_ns: int
    samples: int


class _Sample(NamedTuple):
    at_ns: int  # our clock, in the middle of the exchange
    low_ns: int
    high_ns: int
    delay_ns: int


class OffsetEstimator:
    """Estimates the offset of one venue's clock. Pure: it reads no clock. One owner thread.

    Give it local times of a clock that is not stepped (a monotonic one with a fixed epoch added),
    or call reset() when a ClockWatch reports a step. A sample costs O(1), an estimate O(samples).
    """

    def __init__(self, limits: OffsetLimits | None = None) -> None:
        self.limits = limits if limits is not None else OffsetLimits()
        self._samples: deque[_Sample] = deque(maxlen=self.limits.samples_max)
        self._doubtful: list[_Sample] = []
        self.accepted = 0
        self.invalid = 0
        self.outliers = 0
        self.restarts = 0

    def add_server_time(self, sent_ns: int, server_ns: int, received_ns: int) -> bool:
        """A request for the venue's time: when it left, what the answer says, when it came."""
        return self.add(sent_ns, server_ns, server_ns, received_ns)

    def add(self, sent_ns: int, arrived_ns: int, left_ns: int, received_ns: int) -> bool:
        """An exchange: sent and received by our clock, arrived and left by the venue's. False when
        it is impossible, too slow, or contradicts the others.
        """
        limits = self.limits
        low = left_ns - received_ns
        high = arrived_ns + limits.resolution_ns - 1 - sent_ns
        delay = (received_ns - sent_ns) - (left_ns - arrived_ns)
        if received_ns < sent_ns or left_ns < arrived_ns or not low <= high:
            self.invalid += 1
            return False
        if delay > limits.delay_ns_max:
            self.invalid += 1
            return False
        sample = _Sample((sent_ns + received_ns) // 2, low, high, max(delay, 0))
        if self._samples and sample.at_ns < self._samples[-1].at_ns:
            self.invalid += 1
            return False
        if not self._fits(sample):
            return self._doubt(sample)
        self._doubtful.clear()
        self._keep(sample)
        return True

    def reset(self) -> None:
        """Forget all samples: a clock was set."""
        self._samples.clear()
        self._doubtful.clear()
        self.restarts += 1

    def _keep(self, sample: _Sample) -> None:
        self._samples.append(sample)
        self.accepted += 1
        while sample.at_ns - self._samples[0].at_ns > self.limits.window_ns:
            self._samples.popleft()

    def _fits(self, sample: _Sample) -> bool:
        if not self._samples:
            return True
        low, high = self._interval(sample.at_ns)
        return sample.low_ns <= high and low <= sample.high_ns

    def _doubt(self, sample: _Sample) -> bool:
        """A contradiction: dropped, until enough of them in a row agree with one another."""
        self.outliers += 1
        self._doubtful.append(sample)
        if len(self._doubtful) < self.limits.outliers_max:
            return False
        doubtful = self._doubtful
        self._doubtful = []
        low, high = self._intersect(doubtful, sample.at_ns)
        if low > high:
            self._doubtful = doubtful[1:]
            return False
        self._samples.clear()
        self.restarts += 1
        for one in doubtful:
            self._keep(one)
        return True

    def _drift_ns(self, passed_ns: int) -> int:
        return int(abs(passed_ns) * self.limits.drift_ppm_max / 1e6) + 1

    def _intersect(self, samples: list[_Sample] | deque[_Sample], at_ns: int) -> tuple[int, int]:
        low = max(s.low_ns - self._drift_ns(at_ns - s.at_ns) for s in samples)
        high = min(s.high_ns + self._drift_ns(at_ns - s.at_ns) for s in samples)
        return low, high

    def _interval(self, at_ns: int) -> tuple[int, int]:
        return self._intersect(self._samples, at_ns)

    def drift_ppm(self) -> float | None:
        """Rate at which the offset changes, from the quickest exchange of each eighth of the
        window; None with fewer than three of them, or when the line is less sure than the limit.
        """
        if len(self._samples) < 3:
            return None
        first, last = self._samples[0].at_ns, self._samples[-1].at_ns
        best: dict[int, _Sample] = {}
        for sample in self._samples:
            part = 8 * (sample.at_ns - first) // max(last - first + 1, 1)
            if part not in best or sample.delay_ns < best[part].delay_ns:
                best[part] = sample
        points = [(s.at_ns - first, (s.low_ns + s.high_ns) / 2) for s in best.values()]
        if len(points) < 3:
            return None
        mean_t = sum(t for t, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        spread = sum((t - mean_t) ** 2 for t, _ in points)
        slope = sum((t - mean_t) * (y - mean_y) for t, y in points) / spread
        rest = sum((y - mean_y - slope * (t - mean_t)) ** 2 for t, y in points)
        sigma_ppm = (rest / (len(points) - 2) / spread) ** 0.5 * 1e6
        ppm = slope * 1e6
        limit = self.limits.drift_ppm_max
        if sigma_ppm > limit:
            return None
        return max(-limit, min(limit, ppm))

    def estimate(self, at_ns: int) -> OffsetEstimate:
        """The offset at a local time at or after the last sample; StateError without one."""
        if not self._samples:
            raise StateError("clock offset: no samples yet; add an exchange with the venue first")
        last = self._samples[-1].at_ns
        if at_ns < last:
            raise InputError(f"at_ns: found {at_ns}; allowed: {last} (the last sample) or later")
        low, high = self._interval(last)
        middle = (low + high) // 2
        drift = self.drift_ppm()
        ahead = at_ns - last
        offset = middle + round((drift or 0.0) * ahead / 1e6)
        widened = self._drift_ns(ahead)
        return OffsetEstimate(
            offset_ns=offset,
            error_ns=max(high + widened - offset, offset - low + widened),
            drift_ppm=drift,
            delay_ns_min=min(s.delay_ns for s in self._samples),
            age_ns=ahead,
            samples=len(self._samples),
        )
