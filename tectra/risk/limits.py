"""Limits as people write them, and their way to the chain. The tightest scope applies."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import msgspec

from tectra.core.errors import ConfigError
from tectra.core.msg import RiskRule
from tectra.refdata.instrument import Instrument
from tectra.risk.chain import RiskChain, rate_limit

__all__ = ["PRESETS", "LimitScope", "RiskLimits", "apply_limits", "unused_names"]

_INT64_MAX = (1 << 63) - 1


class LimitScope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one scope. None: this scope has no say; 0: nothing passes.

    Quantities and money are decimals in the units of the instrument (shares, coins, quote
    currency), the band is millionths of the mid. A rate may stand in the default and in a
    strategy's scope only: it counts a strategy's orders, changes included, over all instruments.
    """

    order_qty_max: Decimal | None = None
    order_notional_max: Decimal | None = None
    position_max: Decimal | None = None
    price_band_ppm: int | None = None
    orders_per_second: int | None = None
    orders_burst: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not (Decimal(value).is_finite() and value >= 0):
                raise ConfigError(f"{name}: found {value}; allowed: 0 or more, or leave it out")
        if self.orders_burst is not None and self.orders_per_second is None:
            raise ConfigError("orders_burst: found without orders_per_second; give both")


_DEFAULT: Final = LimitScope(
    order_qty_max=Decimal(10_000),
    order_notional_max=Decimal(1_000_000),
    position_max=Decimal(100_000),
    price_band_ppm=10_000,
    orders_per_second=10,
    orders_burst=20,
)
_BTC: Final = LimitScope(order_qty_max=Decimal("0.01"), position_max=Decimal("0.1"))


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a run: the default, and by symbol, by strategy name. The tightest that covers an
    order applies; a scope cannot loosen another. The default and the instruments' limits also hold
    for the account: for all strategies together.
    """

    default: LimitScope = _DEFAULT
    instruments: dict[str, LimitScope] = msgspec.field(default_factory=lambda: {"BTCUSDT": _BTC})
    strategies: dict[str, LimitScope] = {}

    @classmethod
    def preset(cls, name: str) -> "RiskLimits":
        """One of PRESETS; ConfigError for another name."""
        if name not in PRESETS:
            raise ConfigError(f"preset: found {name!r}; allowed: {', '.join(sorted(PRESETS))}")
        return PRESETS[name]


_MIN: Final = LimitScope(
    order_qty_max=Decimal("0.001"),
    position_max=Decimal("0.001"),
    price_band_ppm=10_000,
    orders_per_second=10,
    orders_burst=10,
)
PRESETS: Final[Mapping[str, RiskLimits]] = {
    "default": RiskLimits(),
    "production-min": RiskLimits(default=_MIN, instruments={}),
}


def _scaled(value: Decimal | None, exponent: int, what: str) -> int | None:
    """Mantissa of a limit, rounded down; INT64_MAX where it is beyond any order."""
    if value is None:
        return None
    raw = int(value.scaleb(-exponent).to_integral_value(ROUND_FLOOR))
    if raw == 0 and value > 0:
        raise ConfigError(
            f"{what}: found {value}; allowed: 0, or at least one unit of the instrument "
            f"({Decimal(1).scaleb(exponent)}); every order would be refused"
        )
    return min(raw, _INT64_MAX)


def _tightest(values: Iterable[int | None]) -> int | None:
    return min((v for v in values if v is not None), default=None)


def _mantissas(scope: LimitScope, instrument: Instrument, where: str) -> dict[RiskRule, int | None]:
    qty, money = instrument.qty_exponent, instrument.px_exponent + instrument.qty_exponent
    at = f"{where} for {instrument.symbol}"
    return {
        RiskRule.MAX_QTY: _scaled(scope.order_qty_max, qty, f"{at}: order_qty_max"),
        RiskRule.MAX_NOTIONAL: _scaled(
            scope.order_notional_max, money, f"{at}: order_notional_max"
        ),
        RiskRule.MAX_POSITION: _scaled(scope.position_max, qty, f"{at}: position_max"),
        RiskRule.PRICE_BAND: scope.price_band_ppm,
    }


def _rate(scope: LimitScope) -> int | None:
    if scope.orders_per_second is None:
        return None
    return rate_limit(scope.orders_per_second, scope.orders_burst or 0)


def unused_names(
    limits: RiskLimits, instruments: Iterable[Instrument], strategy_ids: Mapping[str, int]
) -> list[str]:
    """Symbols and strategies that have limits and no part in the run: a spelling to check."""
    symbols = {i.symbol for i in instruments}
    return sorted(set(limits.instruments) - symbols) + sorted(
        set(limits.strategies) - set(strategy_ids)
    )


def apply_limits(
    chain: RiskChain,
    limits: RiskLimits,
    instruments: Sequence[Instrument],
    strategy_ids: Mapping[str, int] | None = None,
) -> list[bytes]:
    """Set every limit of a chain; returns the control_limit records that say so, for the journal.

    `instruments` gives the exponents and must name every instrument of the chain. All values are
    worked out before the first is set: a ConfigError leaves the chain as it was.
    """
    ids = {} if strategy_ids is None else strategy_ids
    missing = set(chain.instrument_ids) - {i.instrument_id for i in instruments}
    if missing:
        raise ConfigError(f"limits: no definition of instruments {sorted(missing)}; give them all")
    plan: list[tuple[RiskRule, int | None, int, int]] = []
    for instrument in instruments:
        if instrument.instrument_id not in chain.instrument_ids:
            continue
        own = limits.instruments.get(instrument.symbol, LimitScope())
        if own.orders_per_second is not None:
            raise ConfigError(
                f"limits.instruments.{instrument.symbol}.orders_per_second: a rate belongs to the "
                "default or to a strategy; move it there"
            )
        base = _mantissas(limits.default, instrument, "limits.default")
        mine = _mantissas(own, instrument, "limits.instruments")
        for rule, value in base.items():
            plan.append((rule, _tightest((value, mine[rule])), 0, instrument.instrument_id))
        for name, strategy_id in ids.items():
            scope = limits.strategies.get(name, LimitScope())
            for rule, value in _mantissas(scope, instrument, f"limits.strategies.{name}").items():
                plan.append((rule, value, strategy_id, instrument.instrument_id))
    for name, strategy_id in ids.items():
        rate = _rate(limits.strategies.get(name, LimitScope()))
        plan.append((RiskRule.ORDER_RATE, rate, strategy_id, 0))
    plan.append((RiskRule.ORDER_RATE, _rate(limits.default), 0, 0))
    # Exponents differ, so the raw default is opened last and every instrument has its own.
    plan += [(rule, None, 0, 0) for rule in (RiskRule.MAX_QTY, RiskRule.MAX_NOTIONAL)]
    plan += [(rule, None, 0, 0) for rule in (RiskRule.MAX_POSITION, RiskRule.PRICE_BAND)]
    return [
        chain.set_limit(rule, value, strategy_id=strategy_id, instrument_id=instrument_id)
        for rule, value, strategy_id, instrument_id in plan
    ]
