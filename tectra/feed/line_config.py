"""Settings of a live feed over lines."""

import re

import msgspec

from tectra.core.errors import InputError
from tectra.core.idle import IdlePolicy
from tectra.feed.arbiter import ArbiterSettings
from tectra.feed.health import StalePolicy
from tectra.feed.recovery import RecoveryPolicy

__all__ = ["LineConfig"]


class LineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an ItchLineFeed.

    name: in counters and health. symbols: None takes all. date: trade date YYYY-MM-DD, empty: New
    York's when the session is first heard. start: first number due. wait_ns: how long next_batch
    may wait for something; 0 returns at once. histograms: instruments with latencies of their own.
    end_wait_ns: how long recovery may go on behind the end of the session. seed: of the jitter.
    """

    name: str = "itch"
    symbols: tuple[str, ...] | None = None
    date: str = ""
    venue_id: int = 0
    start: int = 1
    arbiter: ArbiterSettings = ArbiterSettings()
    recovery: RecoveryPolicy = RecoveryPolicy()
    stale: StalePolicy = StalePolicy()
    idle: IdlePolicy = IdlePolicy.BACKOFF
    wait_ns: int = 0
    histograms: int = 1024
    end_wait_ns: int = 5_000_000_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_-]{1,15}", self.name):
            raise InputError(f"name: found {self.name!r}; allowed: 1 to 15 of a-z, 0-9, _ and -")
        if self.start < 1 or self.wait_ns < 0 or self.end_wait_ns < 0:
            raise InputError(
                f"feed {self.name}: found start {self.start}, waits {self.wait_ns} and "
                f"{self.end_wait_ns} ns; allowed: a start of 1 or more, waits of 0 or more"
            )
