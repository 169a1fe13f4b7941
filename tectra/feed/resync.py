"""When a book or stream asks for a snapshot or a retransmission: one request in flight, and longer
waits after each that did not help.
"""

from dataclasses import dataclass

from tectra.core.errors import InputError
from tectra.core.msg import BookReason
from tectra.core.rng import Random

__all__ = ["Resync", "ResyncPolicy"]


@dataclass(frozen=True, slots=True)
class ResyncPolicy:
    """Waits between requests, nanoseconds: `first_wait_ns` before a second one, `factor` times more
    each time, at most `wait_max_ns`, spread by +-`jitter` of it. A request without an answer after
    `timeout_ns` has failed. What stays sound for `settle_ns` starts again with the first wait.
    """

    first_wait_ns: int = 500_000_000
    wait_max_ns: int = 60_000_000_000
    factor: float = 2.0
    jitter: float = 0.2
    timeout_ns: int = 10_000_000_000
    settle_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        if not 0 < self.first_wait_ns <= self.wait_max_ns:
            raise InputError(
                f"resync: found waits of {self.first_wait_ns} to {self.wait_max_ns} ns; allowed: "
                "above 0, the first not above the longest"
            )
        if self.factor < 1.0 or not 0.0 <= self.jitter < 1.0:
            raise InputError(
                f"resync: found factor {self.factor}, jitter {self.jitter}; allowed: a factor of 1 "
                "or more, a jitter from 0 to below 1"
            )
        if self.timeout_ns <= 0 or self.settle_ns < 0:
            raise InputError(
                f"resync: found timeout {self.timeout_ns}, settle {self.settle_ns} ns; allowed: a "
                "timeout above 0, 0 or more to settle"
            )


class Resync:
    """The requests of one book or stream. Never more than one is in flight, and none leaves before
    its wait is over. Owner thread: the feed's. Times come in as arguments, on one clock.
    """

    def __init__(self, policy: ResyncPolicy, random: Random) -> None:
        self._policy = policy
        self._random = random
        self._wait_ns = 0
        self._not_before_ns: int | None = None
        self._sent_ns: int | None = None
        self._sound_since_ns: int | None = None
        self.reason = BookReason.NONE
        self.requests = 0
        self.failures = 0

    @property
    def is_wanted(self) -> bool:
        """Something is wrong, and no answer has mended it yet."""
        return self.reason is not BookReason.NONE

    @property
    def in_flight(self) -> bool:
        """A request is out, and neither answered nor given up."""
        return self._sent_ns is not None

    @property
    def next_ns(self) -> int | None:
        """When the next request may leave; None while none is wanted or one is in flight."""
        if not self.is_wanted or self.in_flight:
            return None
        return self._not_before_ns or 0

    def want(self, now_ns: int, reason: BookReason) -> None:
        """Ask for a request. While one is wanted already, the first reason stays."""
        if self.is_wanted:
            return
        self.reason = reason
        settled = (
            self._sound_since_ns is not None
            and now_ns - self._sound_since_ns >= self._policy.settle_ns
        )
        if settled or self.requests == 0:
            self._wait_ns = 0
            self._not_before_ns = None

    def due(self, now_ns: int) -> bool:
        """True when a request must leave now; it counts as in flight from here on."""
        if self.is_expired(now_ns):
            self.fail(now_ns)
        if not self.is_wanted or self.in_flight or now_ns < (self._not_before_ns or 0):
            return False
        self._sent_ns = now_ns
        self.requests += 1
        self._lengthen(now_ns)
        return True

    def _lengthen(self, now_ns: int) -> None:
        """The wait that the request after this one has."""
        longer = int(self._wait_ns * self._policy.factor) or self._policy.first_wait_ns
        self._wait_ns = min(longer, self._policy.wait_max_ns)
        spread = self._random.uniform(-self._policy.jitter, self._policy.jitter)
        self._not_before_ns = now_ns + int(self._wait_ns * (1.0 + spread))

    def is_expired(self, now_ns: int) -> bool:
        """Whether the request in flight has waited for longer than the policy's timeout."""
        return self._sent_ns is not None and now_ns - self._sent_ns >= self._policy.timeout_ns

    def extend(self, now_ns: int) -> None:
        """A part of the answer came, and the rest was asked for: the timeout begins again."""
        self._sent_ns = now_ns

    def fail(self, now_ns: int, *, retry_after_ns: int = 0) -> None:
        """The request had no answer, or a useless one; the venue may say how long to wait."""
        self._sent_ns = None
        self.failures += 1
        if retry_after_ns:
            self._not_before_ns = max(self._not_before_ns or 0, now_ns + retry_after_ns)

    def done(self, now_ns: int) -> None:
        """The answer made things sound again."""
        self._sent_ns = None
        self.reason = BookReason.NONE
        self._sound_since_ns = now_ns
