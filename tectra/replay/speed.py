"""How fast a replay goes: market time against a clock, at any factor, or as fast as it can."""

from collections.abc import Callable
from fractions import Fraction
from threading import Event

from tectra.core.clock import Clock, ClockDomain, LiveClock
from tectra.core.errors import InputError

__all__ = ["SPEEDS", "Pacer", "Speed", "parse_speed", "speed_text"]

# Market time for each unit of clock time; None: no pace at all.
Speed = Fraction | None

# The speeds people ask for by name; any other factor is as good.
SPEEDS = ("1x", "5x", "10x", "100x", "1000x", "max")
_MAX = ("max", "instant", "unlimited")
_FACTOR_LOW, _FACTOR_HIGH = Fraction(1, 1_000_000), Fraction(1_000_000_000)
# A wait is cut into pieces of this length, so that a pause or a stop is heard.
_SLICE_NS = 20_000_000


def parse_speed(value: str | float | Fraction | None) -> Speed:
    """A factor from `10`, `"10x"`, `"0.5"`, `"1/3x"`; None from None, `"max"` and `"instant"`."""
    if value is None:
        return None
    text = str(value).strip().lower()
    if text in _MAX:
        return None
    try:
        factor = Fraction(text.removesuffix("x").strip())
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if not _FACTOR_LOW <= factor <= _FACTOR_HIGH:
        raise InputError(
            f"speed: found {value!r}; allowed: a factor such as {', '.join(SPEEDS[:-1])} or 0.5x "
            "(a millionth to a milliard), or max"
        )
    return factor


def speed_text(speed: Speed) -> str:
    """A speed as people write it."""
    if speed is None:
        return "max"
    return f"{speed.numerator}x" if speed.denominator == 1 else f"{float(speed):g}x"


def _sleep(ns: int) -> None:
    Event().wait(ns / 1e9)


class Pacer:
    """Says when a market time is due on a clock, and waits for it.

    Market and clock meet at the first time asked for, and again whenever the speed changes or a
    pause ends (`meet`). `wait(ns)` lets time pass, `FakeClock.advance` in simulations. One thread;
    `set_speed` any.
    """

    def __init__(
        self,
        speed: str | float | Fraction | None = "1x",
        *,
        clock: Clock | None = None,
        wait: Callable[[int], object] | None = None,
    ) -> None:
        self.clock = LiveClock(ClockDomain.MONOTONIC) if clock is None else clock
        self._wait = _sleep if wait is None else wait
        self._speed = parse_speed(speed)
        self._met: tuple[int, int] | None = None

    @property
    def speed(self) -> Speed:
        """Market time for each unit of clock time; None as fast as it goes."""
        return self._speed

    def set_speed(self, speed: str | float | Fraction | None) -> None:
        """Another speed from now on."""
        self._speed = parse_speed(speed)
        self._met = None

    def meet(self) -> None:
        """Let the next market time asked for be now."""
        self._met = None

    def due_ns(self, market_ns: int) -> int:
        """Clock time at which a market time is due."""
        speed, met = self._speed, self._met
        if met is None:
            self._met = met = (market_ns, self.clock.now_ns())
        if speed is None:
            return self.clock.now_ns()
        return met[1] + -(-(market_ns - met[0]) * speed.denominator // speed.numerator)

    def market_ns(self) -> int | None:
        """The market's time now; None before the first was asked for, and without a pace."""
        speed, met = self._speed, self._met
        if speed is None or met is None:
            return None
        return met[0] + (self.clock.now_ns() - met[1]) * speed.numerator // speed.denominator

    def wait_for(self, market_ns: int) -> bool:
        """Let at most one slice of time pass; True when the market time is due."""
        left = self.due_ns(market_ns) - self.clock.now_ns()
        if left <= 0:
            return True
        self._wait(min(left, _SLICE_NS))
        return self.due_ns(market_ns) <= self.clock.now_ns()
