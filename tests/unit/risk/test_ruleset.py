"""Rule sets on a real chain: what changes, what does not, and that the records alone say it all."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from value_strategies import value_of

from tectra.core.errors import ConfigError, FileFormatError, InputError
from tectra.core.msg import RiskRule, Side
from tectra.core.record import decode, encode
from tectra.core.types import Exchange, Timestamp
from tectra.portfolio.position import Position
from tectra.refdata.instrument import Instrument
from tectra.risk import (
    LIMIT_UNSET,
    LimitScope,
    LimitsUpdate,
    OrderIntent,
    RiskChain,
    RiskContext,
    RiskProfile,
    RuleSet,
    RuleSetManager,
    apply_limits,
)

pytestmark = pytest.mark.timeout(30)
BTC = Instrument(3, "BTCUSDT", Exchange.BINANCE, px_exponent=-2, qty_exponent=-8)
STOCK = Instrument(4, "AAPL", Exchange.NASDAQ, px_exponent=-4, qty_exponent=0)
IDS = {"maker": 1, "taker": 2}
NOW = Timestamp(7)
FIRST = RuleSet(
    version=1,
    default=LimitScope(order_qty_max=Decimal(100), price_band_ppm=50_000, orders_per_second=50),
    instruments={"BTCUSDT": LimitScope(position_max=Decimal("0.5"))},
    profiles={
        "maker": RiskProfile(limits=LimitScope(order_qty_max=Decimal(20)), symbols=("AAPL",)),
        "taker": RiskProfile(limits=LimitScope(orders_per_second=5, orders_burst=9)),
    },
)


def made() -> tuple[RiskChain, RuleSetManager]:
    chain = RiskChain([3, 4], 3)
    return chain, RuleSetManager(chain, [BTC, STOCK], IDS)


def limits(chain: RiskChain) -> dict[tuple[int, int], dict[RiskRule, int | None]]:
    return {(s, i): chain.effective_limits(s, i) for s in range(3) for i in (3, 4)}


@given(value_of(LimitsUpdate))
def test_an_update_is_one_record(update: LimitsUpdate) -> None:
    raw = update.to_record()
    assert len(raw) == 64
    assert LimitsUpdate.from_record(decode(raw)) == update


def test_what_is_no_update() -> None:
    with pytest.raises(FileFormatError):
        LimitsUpdate.from_record(decode(encode("control_kill")))
    with pytest.raises(InputError, match="None where there is no limit"):
        LimitsUpdate(NOW, RiskRule.MAX_QTY, LIMIT_UNSET)


def test_apply_equals_setting_everything() -> None:
    chain, manager = made()
    plain = RiskChain([3, 4], 3)
    apply_limits(plain, FIRST.limits, [BTC, STOCK], IDS)
    plain.set_limit(RiskRule.MAX_QTY, 0, strategy_id=1, instrument_id=3)
    records = manager.apply(FIRST, timestamp=NOW, operator_id=5)
    assert limits(chain) == limits(plain)
    assert (manager.version, manager.current) == (1, FIRST)
    assert {decode(r).operator_id for r in records} == {5}
    assert manager.diff(FIRST, timestamp=NOW) == []


def test_only_what_differs_is_touched_and_tighter_comes_first() -> None:
    chain, manager = made()
    manager.apply(FIRST, timestamp=NOW)
    before = chain.version
    second = msgspec.structs.replace(
        FIRST,
        version=2,
        default=LimitScope(order_qty_max=Decimal(50), price_band_ppm=90_000, orders_per_second=50),
    )
    found = manager.diff(second, timestamp=NOW)
    assert [(u.rule, u.instrument_id, u.old_value, u.new_value) for u in found] == [
        (RiskRule.MAX_QTY, 3, 100 * 10**8, 50 * 10**8),
        (RiskRule.MAX_QTY, 4, 100, 50),
        (RiskRule.PRICE_BAND, 3, 50_000, 90_000),
        (RiskRule.PRICE_BAND, 4, 50_000, 90_000),
    ]
    assert chain.version == before  # diff changes nothing
    assert manager.apply(second, timestamp=NOW) == [u.to_record() for u in found]
    assert chain.effective_limits(2, 4)[RiskRule.MAX_QTY] == 50


def test_the_records_alone_bring_another_chain_there() -> None:
    chain, manager = made()
    third = RuleSet(version=9, profiles={"taker": RiskProfile(symbols=())})
    records = manager.apply(FIRST, timestamp=NOW) + manager.apply(third, timestamp=NOW)
    other = RiskChain([3, 4], 3)
    for record in records:
        other.apply_control(LimitsUpdate.from_record(decode(record)).to_record())
    assert limits(other) == limits(chain)
    assert limits(chain)[1, 3] == dict.fromkeys(limits(chain)[1, 3])  # no limit is left


def order(strategy_id: int, instrument: int, qty: int) -> OrderIntent:
    return OrderIntent(
        order_id=1,
        instrument_id=instrument,
        strategy_id=strategy_id,
        side=Side.BUY,
        qty=qty,
        px=100,
    )


def test_a_filter_refuses_the_other_symbols() -> None:
    chain, manager = made()
    manager.apply(FIRST, timestamp=NOW)

    def verdict(strategy_id: int, instrument: int) -> RiskRule:
        row, account = Position(instrument, strategy_id), Position(instrument, 0)
        context = RiskContext(row, account, mid_px2=200, now_ns=1)
        return chain.check(order(strategy_id, instrument, 1), context).rule

    assert verdict(1, 4) is RiskRule.NONE  # the maker in its symbol
    assert verdict(1, 3) is RiskRule.MAX_QTY  # and in another
    assert verdict(2, 3) is RiskRule.NONE


def test_versions_only_rise() -> None:
    chain, manager = made()
    manager.apply(msgspec.structs.replace(FIRST, version=4), timestamp=NOW)
    before = limits(chain)
    for version in (4, 3):
        with pytest.raises(InputError, match="above 4"):
            manager.apply(RuleSet(version=version), timestamp=NOW)
    with pytest.raises(ConfigError, match="version: found 0"):
        RuleSet(version=0)
    assert limits(chain) == before


@pytest.mark.parametrize(
    "bad",
    [
        RuleSet(version=5, instruments={"MSFT": LimitScope()}),
        RuleSet(version=5, profiles={"stranger": RiskProfile()}),
        RuleSet(version=5, profiles={"maker": RiskProfile(symbols=("MSFT",))}),
        RuleSet(version=5, default=LimitScope(order_qty_max=Decimal("0.5"))),  # no half share
        RuleSet(version=5, instruments={"AAPL": LimitScope(orders_per_second=1)}),
    ],
)
def test_a_bad_set_changes_nothing(bad: RuleSet) -> None:
    chain, manager = made()
    manager.apply(FIRST, timestamp=NOW)
    before = limits(chain)
    with pytest.raises(ConfigError):
        manager.apply(bad, timestamp=NOW)
    assert limits(chain) == before and manager.version == 1


def test_sets_are_read_from_text() -> None:
    text = msgspec.json.encode(FIRST)
    assert msgspec.json.decode(text, type=RuleSet) == FIRST
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"version":1,"stranger":2}', type=RuleSet)
