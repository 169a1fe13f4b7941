"""Limits as people write them: presets, scopes, exponents, what is refused."""

from decimal import Decimal

import msgspec
import pytest

from tectra.core.errors import ConfigError
from tectra.core.msg import RiskRule
from tectra.core.types import Exchange
from tectra.refdata.instrument import Instrument
from tectra.risk import PRESETS, LimitScope, RiskChain, RiskLimits, apply_limits, unused_names

R = RiskRule
VENUE = next(iter(Exchange))
BTC = Instrument(3, "BTCUSDT", VENUE, px_exponent=-2, qty_exponent=-8)
STOCK = Instrument(4, "AAPL", VENUE, px_exponent=-4, qty_exponent=0)


def applied(limits: RiskLimits, **ids: int) -> RiskChain:
    chain = RiskChain([3, 4], 3)
    apply_limits(chain, limits, [BTC, STOCK], ids)
    return chain


def test_default_preset() -> None:
    chain = applied(RiskLimits())
    assert chain.effective_limits(1, 3) == {
        R.MAX_QTY: 1_000_000,  # 0.01 BTC
        R.MAX_NOTIONAL: 10**6 * 10**10,
        R.MAX_POSITION: 10_000_000,  # 0.1 BTC
        R.PRICE_BAND: 10_000,
        R.ORDER_RATE: 10,
    }
    assert chain.effective_limits(1, 4)[R.MAX_QTY] == 10_000
    assert chain.effective_limits(0, 3)[R.MAX_POSITION] == 10_000_000
    assert RiskLimits.preset("default") == RiskLimits() == PRESETS["default"]


def test_production_minimum() -> None:
    limits = RiskLimits.preset("production-min")
    chain = RiskChain([3], 2)
    apply_limits(chain, limits, [BTC])
    found = chain.effective_limits(1, 3)
    assert (found[R.MAX_QTY], found[R.MAX_POSITION]) == (100_000, 100_000)
    with pytest.raises(ConfigError, match=r"AAPL: order_qty_max: found 0\.001"):
        applied(limits)


def test_tightest_of_all_scopes() -> None:
    limits = RiskLimits(
        default=LimitScope(position_max=Decimal(100), price_band_ppm=500, orders_per_second=100),
        instruments={"AAPL": LimitScope(position_max=Decimal(60), price_band_ppm=900)},
        strategies={"a": LimitScope(position_max=Decimal(80), orders_per_second=7)},
    )
    chain = applied(limits, a=1, b=2)
    assert chain.effective_limits(1, 4)[R.MAX_POSITION] == 60
    assert chain.effective_limits(1, 3)[R.MAX_POSITION] == 80 * 10**8
    assert chain.effective_limits(2, 3)[R.MAX_POSITION] == 100 * 10**8
    assert chain.effective_limits(2, 4)[R.PRICE_BAND] == 500
    assert chain.effective_limits(1, 4)[R.ORDER_RATE] == 7
    assert chain.effective_limits(2, 4)[R.ORDER_RATE] == 100
    assert chain.effective_limits(2, 4)[R.MAX_QTY] is None


def test_the_records_rebuild_the_chain() -> None:
    chain, copy = RiskChain([3, 4], 3), RiskChain([3, 4], 3)
    for record in apply_limits(chain, RiskLimits(), [BTC, STOCK], {"a": 1}):
        copy.apply_control(record)
    for strategy in (0, 1, 2):
        for instrument in (3, 4):
            assert copy.effective_limits(strategy, instrument) == chain.effective_limits(
                strategy, instrument
            )


def test_a_mistake_leaves_the_chain_as_it_was() -> None:
    chain = applied(RiskLimits())
    before = chain.effective_limits(1, 4), chain.version
    bad = RiskLimits(default=LimitScope(position_max=Decimal("0.5")))
    with pytest.raises(ConfigError, match=r"at least one unit of the instrument \(1\)"):
        apply_limits(chain, bad, [BTC, STOCK])
    with pytest.raises(ConfigError, match=r"no definition of instruments \[4\]"):
        apply_limits(chain, RiskLimits(), [BTC])
    rate = RiskLimits(instruments={"AAPL": LimitScope(orders_per_second=1)})
    with pytest.raises(ConfigError, match="a rate belongs to"):
        apply_limits(chain, rate, [BTC, STOCK])
    assert (chain.effective_limits(1, 4), chain.version) == before


def test_fractions_of_a_unit_round_down_and_huge_limits_fit() -> None:
    limits = RiskLimits(
        default=LimitScope(position_max=Decimal("10.9"), order_notional_max=Decimal(10) ** 30)
    )
    found = applied(limits).effective_limits(1, 4)
    assert found[R.MAX_POSITION] == 10
    assert found[R.MAX_NOTIONAL] == 2**63 - 1


@pytest.mark.parametrize(
    "fields",
    [{"position_max": Decimal(-1)}, {"position_max": Decimal("NaN")}, {"price_band_ppm": -1}],
)
def test_values_are_zero_or_more(fields: dict[str, Decimal]) -> None:
    with pytest.raises(ConfigError, match="allowed: 0 or more"):
        LimitScope(**fields)  # type: ignore[arg-type]


def test_text_round_trip_and_unknown_keys() -> None:
    limits = RiskLimits.preset("default")
    assert msgspec.json.decode(msgspec.json.encode(limits), type=RiskLimits) == limits
    plain = {"default": {"position_max": 0.1}}
    read = msgspec.convert(plain, RiskLimits, strict=False)
    assert read.default.position_max == Decimal("0.1")
    with pytest.raises(msgspec.ValidationError, match="unknown field `position`"):
        msgspec.convert({"default": {"position": 1}}, RiskLimits)
    with pytest.raises(ConfigError, match="burst"):
        LimitScope(orders_burst=3)
    with pytest.raises(ConfigError, match="allowed: default, production-min"):
        RiskLimits.preset("x")


def test_names_without_a_part_in_the_run_are_listed() -> None:
    limits = RiskLimits(strategies={"mm": LimitScope()})
    assert unused_names(limits, [STOCK], {}) == ["BTCUSDT", "mm"]
    assert unused_names(limits, [BTC], {"mm": 1}) == []
