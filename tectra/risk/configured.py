"""From `[risk]` of a configuration to the limits of a run."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tectra.core.config.section.risk import RiskConfig, RiskScopeConfig
from tectra.risk.limits import LimitScope, RiskLimits

__all__ = ["NOT_ENFORCED", "limits_of"]

# Keys of [risk] that no rule of the chain reads yet; who sets one has to be told.
NOT_ENFORCED = (
    "max_account_risk",
    "max_position_size",
    "max_market_order_qty",
    "post_only_band_fraction",
    "max_loss_window",
    "loss_window_s",
    "max_loss_day",
    "max_drawdown_fraction",
    "on_breach",
    "venues",
    "limiter.orders_per_minute",
)


def _ppm(fraction: Decimal | None) -> int | None:
    return None if fraction is None else int(fraction * 1_000_000)


def _scope(config: RiskScopeConfig) -> LimitScope:
    if config.halted:
        return LimitScope(order_qty_max=Decimal(0))
    return LimitScope(
        order_qty_max=config.max_order_qty,
        order_notional_max=config.max_order_notional,
        position_max=config.max_position_qty,
        price_band_ppm=_ppm(config.price_band_fraction),
    )


def _tightest(scopes: list[LimitScope]) -> LimitScope:
    """The tightest of several scopes of one strategy."""

    def least(name: str) -> Iterator[Decimal | int]:
        return (v for s in scopes if (v := getattr(s, name)) is not None)

    names = ("order_qty_max", "order_notional_max", "position_max", "price_band_ppm")
    return LimitScope(**{n: min(least(n), default=None) for n in names})  # type: ignore[arg-type]


def limits_of(
    config: RiskConfig, strategies: Mapping[str, Sequence[RiskScopeConfig]]
) -> RiskLimits:
    """The limits that the chain enforces; `strategies` has each strategy's scopes by the name under
    which it runs.
    """
    return RiskLimits(
        default=LimitScope(
            order_qty_max=config.max_order_qty,
            order_notional_max=config.max_order_notional,
            position_max=config.max_position_qty,
            price_band_ppm=_ppm(config.price_band_fraction),
            orders_per_second=config.limiter.orders_per_second,
            orders_burst=config.limiter.orders_burst,
        ),
        instruments={n: _scope(s) for n, s in config.instruments.items()},
        strategies={n: _tightest([_scope(s) for s in own]) for n, own in strategies.items()},
    )
