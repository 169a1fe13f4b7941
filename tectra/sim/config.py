"""Configuration of the simulated exchange: frozen, checked when made."""

from decimal import Decimal
from typing import Literal

import msgspec

from tectra.core.errors import InputError

__all__ = ["FeeConfig", "FilterConfig", "LatencyConfig", "QueueModel", "SimConfig"]

# Exact price-time queue from order-by-order data. Estimates for level data join this list with
# level books.
QueueModel = Literal["l3_fifo"]

_RATE_SCALE = 10_000_000
_LATENCY_NS_MAX = 3_600_000_000_000_000


def _within(name: str, found: int, low: int, high: int) -> None:
    if not low <= found <= high:
        raise InputError(f"{name}: found {found}, allowed {low} to {high}")


class LatencyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time of an order to the exchange and of a report back, in nanoseconds.

    jitter_ns adds a uniform draw from [0, jitter_ns] to each way, from `seed`; messages never
    overtake one another.
    """

    entry_ns: int = 100_000
    response_ns: int = 100_000
    jitter_ns: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("entry_ns", "response_ns", "jitter_ns"):
            _within(name, getattr(self, name), 0, _LATENCY_NS_MAX)
        _within("seed", self.seed, 0, 2**64 - 1)


class FeeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fees as fractions of the money traded (0.0004 is 0.04 %, negative a rebate), in steps of
    1e-7.

    per_unit is added for each unit of quantity, in price mantissas (0.003 USD a share at exponent
    -4: 30).
    """

    maker_rate: Decimal = Decimal("-0.0001")
    taker_rate: Decimal = Decimal("0.0004")
    per_unit: int = 0

    def __post_init__(self) -> None:
        for name in ("maker_rate", "taker_rate"):
            rate = getattr(self, name)
            if not rate.is_finite() or rate * _RATE_SCALE % 1 != 0 or abs(rate) > 1:
                raise InputError(f"{name}: found {rate}, allowed -1 to 1 in steps of 0.0000001")
        _within("per_unit", self.per_unit, -(2**62), 2**62)

    @property
    def maker_rate_e7(self) -> int:
        """The maker rate as an integer count of 1e-7."""
        return int(self.maker_rate * _RATE_SCALE)

    @property
    def taker_rate_e7(self) -> int:
        """The taker rate as an integer count of 1e-7."""
        return int(self.taker_rate * _RATE_SCALE)


class FilterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Price and size filters of instruments that no instrument record defined, as mantissas;
    qty_max 0 is no limit.
    """

    tick: int = 1
    lot: int = 1
    qty_min: int = 1
    qty_max: int = 0

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "qty_min"):
            _within(name, getattr(self, name), 1, 2**62)
        _within("qty_max", self.qty_max, 0, 2**62)
        if 0 < self.qty_max < self.qty_min:
            raise InputError(
                f"qty_max: found {self.qty_max}, allowed 0 or at least qty_min {self.qty_min}"
            )


class SimConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated exchange.

    orders_max bounds what it holds at once: resting orders, and requests and reports on their way.
    It starts small and grows.
    """

    latency: LatencyConfig = LatencyConfig()
    fees: FeeConfig = FeeConfig()
    filters: FilterConfig = FilterConfig()
    queue_model: QueueModel = "l3_fifo"
    orders_max: int = 1 << 20

    def __post_init__(self) -> None:
        if self.queue_model != "l3_fifo":
            raise InputError(f"queue_model: found {self.queue_model!r}, allowed 'l3_fifo'")
        _within("orders_max", self.orders_max, 1, 1 << 26)
