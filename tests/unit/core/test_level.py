"""BookLevel in bulk: text to levels exactly, levels to columns and back."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity
from tectra.core.level import (
    BookLevel,
    levels_from,
    levels_into,
    parse_levels,
    raw_levels,
    raw_number,
)
from tectra.core.msg import DTYPES, Template

pytestmark = pytest.mark.timeout(30)
LEVEL = BookLevel(Price("85978.12"), Quantity("0.5"))
decimals = st.decimals(-(10**12), 10**12, places=6)
amounts = st.decimals(0, 10**9, places=9)


def test_the_named_price() -> None:
    (level,) = parse_levels([["85978.12", "0.50000000"]])
    assert (level.price.mantissa, level.price.scale) == (8597812, 2)
    assert level == LEVEL and hash(level) == hash(LEVEL)


@given(st.lists(st.tuples(decimals, amounts), max_size=20))
def test_parse_agrees_with_decimal(rows: list[tuple[Decimal, Decimal]]) -> None:
    found = parse_levels([[format(px, "f"), format(qty, "f")] for px, qty in rows])
    assert [(v.price.to_decimal(), v.quantity.to_decimal()) for v in found] == rows


@pytest.mark.parametrize(
    "rows",
    [
        None,
        "12",
        [["1"]],
        [["1", "2", "3"]],
        [[1, "2"]],
        [[1.5, "2"]],
        ["12"],
        [["1", None]],
        [["", "1"]],
        [["1", "-1"]],
        [["nan", "1"]],
        [["1,5", "1"]],
        [["1\0", "1"]],
        [["１", "1"]],
        [["\ud800", "1"]],
        [["0x10", "1"]],
    ],
)
def test_what_is_no_level_is_refused(rows: object) -> None:
    with pytest.raises(ValueError):
        parse_levels(rows)


@pytest.mark.parametrize("text", ["9223372036854775808", "0.0000000000000000001", "1e19"])
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(OverflowError):
        parse_levels([[text, "1"]])


@given(
    st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 10**12)), max_size=9),
    st.integers(-9, 3),
    st.integers(-9, 3),
)
def test_columns_and_back(rows: list[tuple[int, int]], px_exponent: int, qty_exponent: int) -> None:
    """Into the fields of records, which lie apart, and back."""
    records = np.zeros(len(rows), DTYPES[Template.BOOK_LEVEL])
    exponents = (px_exponent, qty_exponent)
    levels = [
        BookLevel(Price.from_raw(px, px_exponent), Quantity.from_raw(qty, qty_exponent))
        for px, qty in rows
    ]
    assert levels_into(levels, exponents, records["px"], records["qty"]) == len(rows)
    assert list(zip(records["px"].tolist(), records["qty"].tolist(), strict=True)) == rows
    assert levels_from(records["px"], records["qty"], exponents) == tuple(levels)


def test_columns_refuse_a_loss() -> None:
    px, qty = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for levels, exponents, error in (
        ([LEVEL], (-1, -5), InputError),
        ([LEVEL], (-2, 0), InputError),
        ([LEVEL], (1, -5), InputError),
        ([LEVEL, LEVEL], (-2, -5), InputError),
        ([BookLevel(Price(1), Quantity(-1))], (-2, -5), InputError),
        ([LEVEL], (-18, -5), OverflowError),
        ([None], (-2, -5), TypeError),
    ):
        with pytest.raises(error):
            levels_into(levels, exponents, px, qty)
    with pytest.raises(InputError, match="columns"):
        levels_from(px, np.zeros(2, np.int64), (0, 0))


def test_a_level_is_made_of_its_own_types() -> None:
    for bad in ((Quantity(1), Quantity(1)), (Price(1), Price(1)), (1, 2), (Price(1), 2)):
        with pytest.raises(TypeError):
            BookLevel(*bad)
    assert list(LEVEL) == [LEVEL.price, LEVEL.quantity] and len(LEVEL) == 2


@given(st.lists(st.tuples(st.decimals(0, 10**9, places=4), amounts), max_size=20))
def test_raw_levels_agree_with_decimal(rows: list[tuple[Decimal, Decimal]]) -> None:
    rows = [(px + 1, qty) for px, qty in rows]
    found = raw_levels([[format(px, "f"), format(qty, "f")] for px, qty in rows], (-4, -9))
    assert found == tuple((int(px.scaleb(4)), int(qty.scaleb(9))) for px, qty in rows)


SIGNED = ["-0", "-1", "+1", "1e5", "1E+5", "1e400", "nan", "Infinity", "0x1"]
CUT = [".5", "1.", "1.2.3", "1_0", "1,5", "", " 1", "\u0661", "1\0"]
TOO_MUCH = ["0.001", "9223372036854775808", "9" * 40, "0." + "0" * 40]


@pytest.mark.parametrize("text", [*SIGNED, *CUT, *TOO_MUCH, None, True, 1, 1.5, [], {}])
def test_what_is_no_plain_number(text: object) -> None:
    with pytest.raises((InputError, OverflowError)):
        raw_number(text, -2)
    for row in ([text, "1"], ["1", text]):
        with pytest.raises((InputError, OverflowError)):
            raw_levels([row], (-2, -2))


@pytest.mark.parametrize("rows", [None, "12", {}, [["1"]], [["1", "2", "3"]], ["12"], [["0", "1"]]])
def test_what_are_no_raw_levels(rows: object) -> None:
    with pytest.raises(InputError, match="level"):
        raw_levels(rows, (0, 0))
