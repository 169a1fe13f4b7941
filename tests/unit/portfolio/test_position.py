"""Positions: the documented fills, flips, rounding, worst case, snapshots."""

from fractions import Fraction

import pytest

from tectra.core.errors import (
    FileFormatError,
    InputError,
    NumericOverflowError,
    UnknownSymbolError,
)
from tectra.core.msg import Side
from tectra.portfolio import Portfolio, Position, Totals

B, S = Side.BUY, Side.SELL

# side, px, qty, fee -> net, cost, realized, fees after it. Worked out by hand, prices in cents.
TEN_FILLS = [
    (B, 10_000, 10, 5, 10, 100_000, 0, 5),
    (B, 10_200, 10, 5, 20, 202_000, 0, 10),
    (S, 10_300, 5, 4, 15, 151_500, 1_000, 14),  # releases 50,500 of cost, receives 51,500
    (S, 10_100, 15, -2, 0, 0, 1_000, 12),  # at the average price: nothing won
    (S, 10_050, 8, 3, -8, -80_400, 1_000, 15),
    (S, 10_150, 2, 3, -10, -100_700, 1_000, 18),
    (B, 9_950, 3, 3, -7, -70_490, 1_360, 21),  # released -30,210, paid 29,850
    (B, 10_000, 10, 6, 3, 30_000, 1_850, 27),  # through zero: 7 closed, won 490; 3 at 10,000
    (B, 10_001, 1, 1, 4, 40_001, 1_850, 28),
    (S, 10_010, 2, 1, 2, 20_001, 1_870, 29),  # half of 40,001 is 20,000.5: releases 20,000
]


def test_ten_fills() -> None:
    position = Position(1, 1)
    for side, px, qty, fee, net, cost, realized, fees in TEN_FILLS:
        position.on_fill(side, px, qty, fee)
        assert (position.net_qty, position.cost) == (net, cost)
        assert (position.realized_pnl, position.fees) == (realized, fees)
        position.verify()
    assert position.avg_entry_px == Fraction(20_001, 2)
    assert position.unrealized_pnl(2 * 10_020) == 2 * 10_020 - 20_001
    assert position.total_pnl(2 * 10_020) == 1_870 + 39 - 29
    assert (position.fills, position.buy_qty, position.sell_qty) == (10, 34, 32)
    assert position.last_px == 10_010
    assert position.cash == -18_131


def test_marks_to_the_mid_without_losing_half_a_tick() -> None:
    position = Position()
    position.on_fill(B, 100, 2)
    assert position.unrealized_pnl(100 + 101) == 1
    position.on_fill(B, 100, 1)
    assert position.unrealized_pnl(201) == 2  # 301.5 - 300, half to even: 302
    assert position.unrealized_pnl(203) == 4  # 304.5: 304


def test_rounding_is_kept_in_the_cost() -> None:
    position = Position()
    position.on_fill(B, 10, 1)
    position.on_fill(B, 11, 2)
    for expected in (21, 10, 0):  # 32 / 3 = 10.67 -> 11; 21 / 2 = 10.5 -> 10
        position.on_fill(S, 10, 1)
        assert position.cost == {21: 21, 10: 11, 0: 0}[expected]
    assert position.realized_pnl == 30 - 32


@pytest.mark.parametrize(("first", "second"), [(B, S), (S, B)])
def test_through_zero(first: Side, second: Side) -> None:
    position = Position()
    position.on_fill(first, 100, 4)
    position.on_fill(second, 110, 10)
    sign = 1 if first == B else -1
    assert (position.net_qty, position.cost) == (-6 * sign, -660 * sign)
    assert position.realized_pnl == 40 * sign
    assert position.avg_entry_px == 110


def test_flat_position_has_no_average() -> None:
    assert Position().avg_entry_px is None
    assert Position().unrealized_pnl(12345) == 0


@pytest.mark.parametrize("qty", [0, -1])
def test_quantity_is_positive(qty: int) -> None:
    with pytest.raises(InputError, match="qty"):
        Position().on_fill(B, 1, qty)


def test_side_is_buy_or_sell() -> None:
    with pytest.raises(InputError, match=r"Side\.BUY"):
        Position().on_fill(Side.NONE, 1, 1)


def test_overflow_changes_nothing() -> None:
    position = Position()
    position.on_fill(B, 2**40, 2**22)
    before = repr(position)
    for px, qty, fee in ((2**40, 2**22, 0), (2**62, 4, 0), (1, 2**63 - 1, 0)):
        with pytest.raises(NumericOverflowError):
            position.on_fill(B, px, qty, fee)
    position.on_fill(B, 0, 1, 2**63 - 1)
    with pytest.raises(NumericOverflowError):
        position.on_fill(B, 0, 1, 1)
    assert position.cost == 2**62 and "cost=4611686018427387904" in before


def test_reservations_fail_to_the_safe_side() -> None:
    position = Position()
    position.on_open(B, 2**63 - 1)
    with pytest.raises(NumericOverflowError):
        position.on_open(B, 1)
    assert position.open_buy_qty == 2**63 - 1
    with pytest.raises(NumericOverflowError):
        position.worst_case_position(B, 1)
    with pytest.raises(InputError):
        position.on_open(S, -1)
    assert position.open_sell_qty == 0


def test_worst_case_counts_all_open_orders_of_one_side() -> None:
    position = Position()
    position.on_fill(B, 100, 3)
    position.on_open(B, 4)
    position.on_open(S, 20)
    assert position.worst_case_position(B) == 7
    assert position.worst_case_position(S) == -17
    assert position.worst_case_position() == -17
    assert position.worst_case_position(B, 5) == 12
    assert position.theoretical_qty == -13


def test_portfolio_rows_and_totals() -> None:
    portfolio = Portfolio([7, 8], 3)
    portfolio.on_fill(1, 7, B, 100, 5, 2)
    portfolio.on_fill(2, 7, S, 110, 5, 2)
    portfolio.on_fill(2, 8, B, 50, 1, -1)
    portfolio.on_open(1, 8, B, 9)
    assert portfolio.position(7).net_qty == 0
    assert portfolio.position(7).realized_pnl == 50
    assert portfolio.totals({7: 240, 8: 120}, 1) == Totals(1, 0, 100, 2)
    assert portfolio.totals({7: 240, 8: 120}, 2).total == -50 + 10 - 1
    assert portfolio.totals({8: 120}).realized == 50
    assert portfolio.worst_case_position(8, B, 1) == 9
    assert [p.instrument_id for p in portfolio.positions(2)] == [7, 8]
    with pytest.raises(InputError, match="instrument 7 is held"):
        portfolio.totals({8: 1}, 1)


def test_portfolio_refuses_strangers() -> None:
    portfolio = Portfolio([7], 2)
    with pytest.raises(UnknownSymbolError, match="instrument_id 9"):
        portfolio.position(9)
    for strategy in (0, 2, -1):
        with pytest.raises(InputError, match="strategy_id"):
            portfolio.on_fill(strategy, 7, B, 1, 1)
    with pytest.raises(InputError, match="strategy_id"):
        portfolio.on_open(0, 7, B, 1)
    for ids, strategies in (([], 2), ([7], 0), ([7, 7], 2)):
        with pytest.raises(InputError, match="portfolio"):
            Portfolio(ids, strategies)


def test_a_fill_is_booked_in_both_rows_or_in_none() -> None:
    portfolio = Portfolio([7], 3)
    portfolio.on_fill(1, 7, B, 2**40, 2**22)
    with pytest.raises(NumericOverflowError, match="account"):
        portfolio.on_fill(2, 7, B, 2**40, 2**22)
    assert portfolio.position(7, 2).fills == 0
    portfolio.verify()


def test_snapshot_comes_back_whole() -> None:
    ids = list(range(1, 2_001))
    portfolio = Portfolio(ids, 5)
    for i in ids:
        portfolio.on_fill(1 + i % 4, i, B, 100 + i, 3)
    data = portfolio.snapshot()
    other = Portfolio(ids, 5)
    other.restore(data)
    assert other.snapshot() == data
    for broken in (data[:-1], b"x" + data[1:], data[:-1] + b"\xff", b""):
        with pytest.raises(FileFormatError, match="snapshot"):
            other.restore(broken)
    with pytest.raises(UnknownSymbolError):
        Portfolio([1], 5).restore(data)
    assert other.snapshot() == data
