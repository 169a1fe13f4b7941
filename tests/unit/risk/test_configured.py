"""Limits of a configuration, as the chain gets them."""

from decimal import Decimal

from tectra.core.config.section import RiskConfig, RiskScopeConfig
from tectra.risk.configured import NOT_ENFORCED, limits_of
from tectra.risk.limits import RiskLimits


def test_the_default_configuration_is_the_default_preset():
    found = limits_of(RiskConfig(), {})
    assert found == RiskLimits()


def test_production_numbers():
    config = RiskConfig(max_position_qty=Decimal("0.001"), max_order_qty=Decimal("0.001"))
    found = limits_of(config, {}).default
    assert (found.order_qty_max, found.position_max) == (Decimal("0.001"), Decimal("0.001"))
    assert (found.price_band_ppm, found.orders_per_second, found.orders_burst) == (10_000, 10, 20)


def test_the_tightest_of_a_strategys_scopes():
    one = RiskScopeConfig(max_order_qty=Decimal(5), price_band_fraction=Decimal("0.002"))
    other = RiskScopeConfig(max_order_qty=Decimal(3), max_position_qty=Decimal(9))
    found = limits_of(RiskConfig(), {"Cross": [one, other]}).strategies["Cross"]
    assert (found.order_qty_max, found.position_max, found.price_band_ppm) == (3, 9, 2_000)
    assert found.order_notional_max is None


def test_halted_lets_nothing_pass():
    config = RiskConfig(instruments={"BTCUSDT": RiskScopeConfig(halted=True)})
    assert limits_of(config, {}).instruments["BTCUSDT"].order_qty_max == 0


def test_what_is_not_enforced_is_named():
    for name in NOT_ENFORCED:
        assert name.partition(".")[0] in RiskConfig.__struct_fields__
