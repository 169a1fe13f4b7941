"""Pictures of orders, positions and P&L."""

import dataclasses

import pytest

from tectra.strategy import OrderSnapshot, PnlSnapshot, PositionSnapshot


def test_the_worst_case_counts_all_that_is_open():
    seen = PositionSnapshot(
        1, net_qty=-5, cost=0, realized=0, fees=0, open_buy_qty=20, open_sell_qty=7
    )
    assert (seen.worst_long_qty, seen.worst_short_qty) == (15, -12)


@pytest.mark.parametrize("kind", [OrderSnapshot, PnlSnapshot, PositionSnapshot])
def test_they_are_read_only(kind):
    made = kind(*range(len(dataclasses.fields(kind))))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(kind)[0].name, 1)
