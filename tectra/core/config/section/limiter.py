"""Rates: what a strategy, a venue and a stream may send. Three limiters that know nothing of one
another.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from tectra.core.config.fault import Fault
from tectra.core.config.key import number
from tectra.core.config.section.base import Section, conflict

__all__ = ["OrderLimiterConfig", "StreamLimiterConfig", "VenueLimiterConfig"]


class OrderLimiterConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders of one strategy, changes included: stops a strategy that runs wild."""

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {"orders_per_second", "orders_per_minute", "orders_burst"}
    )

    orders_per_second: Annotated[int, number("orders/s", 1, 100_000, "Orders in a second.")] = 10
    orders_per_minute: Annotated[int, number("orders/min", 1, 6_000_000, "Orders in a minute.")] = (
        200
    )
    orders_burst: Annotated[
        int, number("orders", 1, 100_000, "Orders that may pass at once after a pause.")
    ] = 20

    def rules(self) -> Iterator[Fault]:
        """A minute holds at least what a second may."""
        if self.orders_per_minute < self.orders_per_second:
            yield conflict(
                "orders_per_minute",
                self.orders_per_minute,
                f"at least orders_per_second, {self.orders_per_second}",
            )


class VenueLimiterConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests that a venue allows, with room below them."""

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {"requests_per_minute", "orders_per_second", "warn_fraction", "slow_fraction"}
    )

    requests_per_minute: Annotated[
        int, number("requests/min", 1, 1_000_000, "Request weight in a minute, as the venue says.")
    ] = 1200
    orders_per_second: Annotated[
        int, number("orders/s", 1, 100_000, "Orders in a second, as the venue says.")
    ] = 10
    warn_fraction: Annotated[
        float, number("fraction", 0.01, 1.0, "Part of the limit at which a warning is logged.")
    ] = 0.7
    slow_fraction: Annotated[
        float, number("fraction", 0.01, 1.0, "Part of the limit at which requests are spaced.")
    ] = 0.8

    def rules(self) -> Iterator[Fault]:
        """The warning comes first."""
        if self.warn_fraction > self.slow_fraction:
            yield conflict(
                "warn_fraction", self.warn_fraction, f"up to slow_fraction, {self.slow_fraction}"
            )


class StreamLimiterConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events of one stream of the dispatcher."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"events_per_second", "events_burst"})

    events_per_second: Annotated[
        int, number("events/s", 1, 100_000_000, "Events of a stream in a second.")
    ] = 1000
    events_burst: Annotated[
        int, number("events", 1, 100_000_000, "Events that may pass at once after a pause.")
    ] = 100
