"""`[risk]`: limits. All of them hold at once; the tightest decides."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec

from tectra.core.config.key import decimal, flag, items, number
from tectra.core.config.section.base import Section
from tectra.core.config.section.limiter import OrderLimiterConfig

__all__ = ["RiskConfig", "RiskScopeConfig"]

_QTY = "units of the instrument"
_MONEY = "quote currency"
_MOST = "1000000000000"


class RiskScopeConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one instrument, strategy or venue. A key left out has no say; 0 lets nothing
    pass.
    """

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {"max_position_qty", "max_order_qty", "max_order_notional", "price_band_fraction", "halted"}
    )

    max_position_qty: Annotated[
        Decimal | None, decimal(_QTY, "0", _MOST, "Largest position, long or short.")
    ] = None
    max_order_qty: Annotated[Decimal | None, decimal(_QTY, "0", _MOST, "Largest order.")] = None
    max_order_notional: Annotated[
        Decimal | None, decimal(_MONEY, "0", _MOST, "Largest order in money.")
    ] = None
    price_band_fraction: Annotated[
        Decimal | None,
        decimal("fraction", "0.000001", "1", "Furthest price from the mid."),
    ] = None
    halted: Annotated[bool, flag("Nothing but cancels passes in this scope.")] = False


class RiskConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the account and defaults of every scope."""

    max_account_risk: Annotated[
        float, number("fraction", 0, 1, "Part of the account that one trade may lose.", above=0)
    ] = 0.02
    max_position_size: Annotated[
        float, number("fraction", 0, 1, "Part of the account that one position may be.", above=0)
    ] = 0.1
    max_position_qty: Annotated[
        Decimal, decimal(_QTY, "0", _MOST, "Largest position, long or short.")
    ] = Decimal(100_000)
    max_order_qty: Annotated[Decimal, decimal(_QTY, "0", _MOST, "Largest order.")] = Decimal(10_000)
    max_market_order_qty: Annotated[
        Decimal | None, decimal(_QTY, "0", _MOST, "Largest market order; none: as any order.")
    ] = None
    max_order_notional: Annotated[
        Decimal, decimal(_MONEY, "0", _MOST, "Largest order in money.")
    ] = Decimal(1_000_000)
    price_band_fraction: Annotated[
        Decimal, decimal("fraction", "0.000001", "1", "Furthest limit price from the mid.")
    ] = Decimal("0.01")
    post_only_band_fraction: Annotated[
        Decimal, decimal("fraction", "0.000001", "1", "Furthest post-only price from the mid.")
    ] = Decimal("0.005")
    max_loss_window: Annotated[
        Decimal, decimal(_MONEY, "0", _MOST, "Loss within loss_window_s that is a breach.")
    ] = Decimal(100)
    loss_window_s: Annotated[int, number("s", 1, 86_400, "Length of the rolling loss window.")] = (
        3_600
    )
    max_loss_day: Annotated[
        Decimal, decimal(_MONEY, "0", _MOST, "Loss within a day that is a breach.")
    ] = Decimal(500)
    max_drawdown_fraction: Annotated[
        float, number("fraction", 0, 1, "Fall from the highest equity that is a breach.", above=0)
    ] = 0.1
    on_breach: Annotated[
        Literal["breaker", "reject"],
        flag("A breach of a loss limit trips the breaker, or only rejects orders."),
    ] = "breaker"
    limiter: OrderLimiterConfig = OrderLimiterConfig()
    instruments: Annotated[dict[str, RiskScopeConfig], items("Limits by symbol.", most=10_000)] = (
        msgspec.field(
            default_factory=lambda: {
                "BTCUSDT": RiskScopeConfig(
                    max_order_qty=Decimal("0.01"), max_position_qty=Decimal("0.1")
                )
            }
        )
    )
    strategies: Annotated[dict[str, RiskScopeConfig], items("Limits by strategy.", most=1_000)] = (
        msgspec.field(default_factory=dict)
    )
    venues: Annotated[dict[str, RiskScopeConfig], items("Limits by venue.", most=100)] = (
        msgspec.field(default_factory=dict)
    )

    LIVE: ClassVar[frozenset[str]] = frozenset(
        {
            "max_account_risk",
            "max_position_size",
            "max_position_qty",
            "max_order_qty",
            "max_market_order_qty",
            "max_order_notional",
            "price_band_fraction",
            "post_only_band_fraction",
            "max_loss_window",
            "loss_window_s",
            "max_loss_day",
            "max_drawdown_fraction",
            "on_breach",
        }
    )
