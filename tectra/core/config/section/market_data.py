"""`[market_data]`: what is subscribed, and how a lost connection comes back."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from tectra.core.config.fault import Fault
from tectra.core.config.key import SYMBOL, items, number, text
from tectra.core.config.section.base import Section, conflict

__all__ = ["MarketDataConfig", "ReconnectConfig"]


class ReconnectConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waits before connecting again: doubled each time, with jitter, without an end."""

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {
            "initial_ms",
            "max_ms",
            "jitter_fraction",
            "attempts_max",
            "alert_after_attempts",
            "stale_after_ms",
        }
    )

    initial_ms: Annotated[int, number("ms", 1, 60_000, "First wait.")] = 100
    max_ms: Annotated[int, number("ms", 1, 3_600_000, "Longest wait.")] = 30_000
    jitter_fraction: Annotated[
        float, number("fraction", 0.0, 1.0, "Random part added to each wait, at most.")
    ] = 0.5
    attempts_max: Annotated[
        int | None, number("attempts", 1, 1_000_000, "Attempts before giving up; none: never.")
    ] = None
    alert_after_attempts: Annotated[
        int, number("attempts", 1, 1_000_000, "Failures in a row that raise one alert.")
    ] = 5
    stale_after_ms: Annotated[
        int, number("ms", 100, 3_600_000, "Silence of a symbol after which its book is invalid.")
    ] = 3_000

    def rules(self) -> Iterator[Fault]:
        """The longest wait is no shorter than the first."""
        if self.max_ms < self.initial_ms:
            yield conflict("max_ms", self.max_ms, f"at least initial_ms, {self.initial_ms}")


class MarketDataConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Symbols, depth and connection of the market data."""

    symbols: Annotated[
        tuple[Annotated[str, text("Symbol.", SYMBOL, longest=24)], ...],
        items("Symbols to subscribe; none: those of the runners and strategies.", most=10_000),
    ] = ()
    depth_levels: Annotated[
        int, number("levels", 1, 5_000, "Levels of a book that are kept, each side.")
    ] = 20
    snapshot_levels: Annotated[
        int, number("levels", 1, 5_000, "Levels asked for in a snapshot.")
    ] = 1_000
    update_interval_ms: Annotated[
        int, number("ms", 0, 60_000, "Interval of the depth stream; 0: every change.")
    ] = 100
    snapshot_check_interval_ms: Annotated[
        int, number("ms", 1_000, 3_600_000, "Time between two snapshots that check a book.")
    ] = 180_000
    ping_interval_ms: Annotated[int, number("ms", 100, 600_000, "Time between two pings.")] = 20_000
    ping_timeout_ms: Annotated[
        int, number("ms", 100, 600_000, "Silence after which a connection is given up.")
    ] = 60_000
    reconnect: ReconnectConfig = ReconnectConfig()

    def rules(self) -> Iterator[Fault]:
        """A snapshot fills the book, and a ping may be answered."""
        if self.snapshot_levels < self.depth_levels:
            yield conflict(
                "snapshot_levels",
                self.snapshot_levels,
                f"at least depth_levels, {self.depth_levels}",
            )
        if self.ping_timeout_ms <= self.ping_interval_ms:
            yield conflict(
                "ping_timeout_ms",
                self.ping_timeout_ms,
                f"above ping_interval_ms, {self.ping_interval_ms}",
            )
