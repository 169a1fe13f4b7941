from pathlib import Path
from typing import NamedTuple, final

from tectra.core.clock import Clock, ClockDomain

class TscSupport(NamedTuple):
    usable: bool
    reason: str
    clocksource: str

class TscCheck(NamedTuple):
    error_ns: int
    bracket_ns: int

def tsc_support(root: Path = ...) -> TscSupport: ...

@final
class TscClock(Clock):
    def __new__(
        cls,
        domain: ClockDomain = ...,
        *,
        span_ns: int = 10_000_000,
        every_ns: int = ...,
        root: Path = ...,
    ) -> TscClock: ...
    @property
    def ticks_per_ns(self) -> float: ...
    @property
    def error_ns(self) -> int: ...
    @property
    def anchors(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def given_up(self) -> bool: ...
    def check(self, readings: int = 1000) -> TscCheck: ...

def live_clock(domain: ClockDomain = ..., *, source: str = "system") -> Clock: ...
