"""Positions against a model in exact fractions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from position_model import PositionModel

from tectra.core.errors import NumericOverflowError
from tectra.core.msg import Side
from tectra.portfolio import Portfolio, Position

SMALL = st.integers(1, 1_000)
FILL = st.tuples(st.booleans(), st.integers(-50, 5_000), SMALL, st.integers(-20, 20))
WIDE = st.tuples(
    st.booleans(), st.integers(-(2**40), 2**40), st.integers(1, 2**21), st.integers(-(2**40), 2**40)
)


def same(position: Position, model: PositionModel, mark_px2: int) -> None:
    position.verify()
    assert position.net_qty == model.net
    assert position.cost == model.cost
    assert position.cash == model.cash
    assert position.fees == model.fees
    assert position.realized_pnl == model.realized == model.cash + model.cost
    unrealized = position.unrealized_pnl(mark_px2)
    assert unrealized == model.unrealized(mark_px2)
    if model.net * mark_px2 % 2 == 0:
        assert position.realized_pnl + unrealized == model.cash + model.net * mark_px2 // 2
    assert position.total_pnl(mark_px2) == position.realized_pnl + unrealized - model.fees


@pytest.mark.parametrize("kind", [FILL, WIDE], ids=["small", "wide"])
def test_position_follows_the_model(kind: st.SearchStrategy[tuple[bool, int, int, int]]) -> None:
    @given(fills=st.lists(kind, max_size=30), mark_px2=st.integers(0, 10_000))
    def run(fills: list[tuple[bool, int, int, int]], mark_px2: int) -> None:
        position, model = Position(3, 1), PositionModel()
        for buy, px, qty, fee in fills:
            position.on_fill(Side.BUY if buy else Side.SELL, px, qty, fee)
            model.fill(qty if buy else -qty, px, fee)
            same(position, model, mark_px2)
        assert position.fills == len(fills)
        assert position.buy_qty - position.sell_qty == model.net

    run()


@given(
    fills=st.lists(
        st.tuples(
            st.booleans(),
            st.integers(-(2**63) + 1, 2**63 - 1),
            st.integers(1, 2**63 - 1),
            st.integers(-(2**63), 2**63 - 1),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_does_not_fit_changes_nothing(fills: list[tuple[bool, int, int, int]]) -> None:
    position = Position(3, 1)
    for buy, px, qty, fee in fills:
        before = repr(position), position.fees, position.cash, position.fills
        try:
            position.on_fill(Side.BUY if buy else Side.SELL, px, qty, fee)
        except NumericOverflowError:
            assert (repr(position), position.fees, position.cash, position.fills) == before
        position.verify()


@given(
    moves=st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(-50, 100)), max_size=30)
)
def test_worst_case_is_net_and_all_open_orders_of_one_side(moves: list[tuple[str, int]]) -> None:
    position, model = Position(3, 1), PositionModel()
    position.on_fill(Side.BUY, 10, 7)
    model.fill(7, 10, 0)
    for side, delta in moves:
        held = model.open_buy if side == "buy" else model.open_sell
        delta = max(delta, -held)
        position.on_open(Side.BUY if side == "buy" else Side.SELL, delta)
        model.open_buy += delta if side == "buy" else 0
        model.open_sell += delta if side == "sell" else 0
        long_qty, short_qty = 7 + model.open_buy, 7 - model.open_sell
        assert position.worst_case_position(Side.BUY) == long_qty
        assert position.worst_case_position(Side.SELL) == short_qty
        assert position.worst_case_position() == max(long_qty, short_qty, key=abs)
        assert position.theoretical_qty == 7 + model.open_buy - model.open_sell


@given(fills=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([11, 12]), FILL), max_size=30))
def test_account_is_the_sum_of_the_strategies(
    fills: list[tuple[int, int, tuple[bool, int, int, int]]],
) -> None:
    portfolio = Portfolio([11, 12], 4)
    models = {(s, i): PositionModel() for s in range(4) for i in (11, 12)}
    for strategy, instrument, (buy, px, qty, fee) in fills:
        portfolio.on_fill(strategy, instrument, Side.BUY if buy else Side.SELL, px, qty, fee)
        for key in ((strategy, instrument), (0, instrument)):
            models[key].fill(qty if buy else -qty, px, fee)
    portfolio.verify()
    for (strategy, instrument), model in models.items():
        same(portfolio.position(instrument, strategy), model, 4_001)
    for instrument in (11, 12):
        rows = [portfolio.position(instrument, s) for s in range(4)]
        assert rows[0].net_qty == sum(r.net_qty for r in rows[1:])
        assert rows[0].cash == sum(r.cash for r in rows[1:])
        assert rows[0].fees == sum(r.fees for r in rows[1:])
    copy = Portfolio([12, 11], 4)
    copy.restore(portfolio.snapshot())
    for strategy, instrument in models:
        assert repr(copy.position(instrument, strategy)) == repr(
            portfolio.position(instrument, strategy)
        )
