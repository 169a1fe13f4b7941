"""Price and Quantity: the named cases. The laws are in tests/property/test_fixed.py."""

import math
from decimal import Decimal

import pytest

from tectra.core.errors import DivisionByZeroError, InputError, NumericOverflowError, TectraError
from tectra.core.fixed import Fixed, Price, Quantity, Rounding

HIGH, LOW = (1 << 63) - 1, -(1 << 63)
KINDS = pytest.mark.parametrize("kind", [Price, Quantity])


@KINDS
def test_ways_to_make_one(kind):
    made = [
        kind("150.25"),
        kind(15025, 2),
        kind(mantissa_scale := Decimal("150.25")),
        kind(kind("150.25")),
        kind.from_decimal(mantissa_scale),
        kind.from_raw(1502500, -4),
        kind.from_float(150.25, 2),
        kind("1.5025e2"),
    ]
    assert set(made) == {kind("150.2500")}
    assert str(kind("150.250")) == "150.250"
    assert kind() == kind(0)
    assert kind.from_raw(3, 2) == kind(300)


@KINDS
def test_operators(kind):
    a, b = kind("10.50"), kind("0.25")
    assert (str(a + b), str(a - b), str(a * 3), str(2 * b), str(a / 4)) == (
        "10.75",
        "10.25",
        "31.50",
        "0.50",
        "2.625",
    )
    assert a / b == Decimal(42)
    assert a // b == 42
    assert a % kind(4) == kind("2.5")
    assert b < a
    assert a >= kind("10.5")
    assert -a == kind("-10.5")
    assert abs(-a) == a
    assert sum([a, b], kind()) == kind("10.75")


def test_money_is_an_exact_decimal():
    money = Price("43251.37") * Quantity("0.00012345")
    assert money == Decimal("5.3393816265")
    assert isinstance(money, Decimal)


@KINDS
def test_division_is_rounded_half_even_at_the_largest_scale(kind):
    assert str(kind(1) / 3) == "0.333333333333333333"
    assert str(kind(2) / 3) == "0.666666666666666667"
    assert str(kind("10.00") / 4) == "2.50"
    assert str(kind(HIGH) / 2) == "4611686018427387904"
    assert str(kind("0.000000000000000001") / 2) == "0.000000000000000000"
    assert str(kind("0.000000000000000003") / 2) == "0.000000000000000002"


@pytest.mark.parametrize(
    ("rounding", "up", "down"),
    [
        (Rounding.DOWN, "1.2", "-1.2"),
        (Rounding.UP, "1.3", "-1.3"),
        (Rounding.FLOOR, "1.2", "-1.3"),
        (Rounding.CEIL, "1.3", "-1.2"),
        (Rounding.HALF_EVEN, "1.2", "-1.2"),
        (Rounding.HALF_UP, "1.3", "-1.3"),
    ],
)
def test_rounding_of_a_tie(rounding, up, down):
    assert str(Price("1.25").rescale(1, rounding=rounding)) == up
    assert str(Price("-1.25").rescale(1, rounding=rounding)) == down
    assert str(Price("1.25").round_to(Price("0.1"), rounding=rounding)) == up
    assert str(Price("2.5").divide(2, scale=1, rounding=rounding)) == up


def test_default_rounding_is_half_even():
    assert [str(Price(t).rescale(0)) for t in ("0.5", "1.5", "2.5", "-0.5")] == ["0", "2", "2", "0"]
    assert round(Price("2.675"), 2) == Price("2.68")
    assert round(Price("2.665"), 2) == Price("2.66")


@KINDS
@pytest.mark.parametrize(
    "run",
    [
        lambda k: k(HIGH) + k(1),
        lambda k: k(LOW) - k(1),
        lambda k: k(HIGH) + k("0.1"),
        lambda k: k(HIGH) * 2,
        lambda k: k(LOW) * -1,
        lambda k: -k(LOW),
        lambda k: abs(k(LOW)),
        lambda k: k(LOW) / -1,
        lambda k: k(HIGH) / Decimal("0.1"),
        lambda k: k("0.0000000001") * Decimal("0.0000000001"),
        lambda k: k(HIGH).rescale(1),
        lambda k: k(HIGH).raw(-1),
        lambda k: k(HIGH + 1),
        lambda k: k(LOW - 1),
        lambda k: k(str(HIGH + 1)),
        lambda k: k("1e19"),
        lambda k: k.from_raw(HIGH, 1),
        lambda k: k.from_float(1e30, 0),
    ],
)
def test_overflow_at_the_limits_of_int64(kind, run):
    with pytest.raises(OverflowError) as caught:
        run(kind)
    assert isinstance(caught.value, NumericOverflowError)
    assert isinstance(caught.value, TectraError)


@KINDS
def test_the_limits_themselves_are_fine(kind):
    assert kind(HIGH) + kind(0) == kind(str(HIGH))
    assert kind(HIGH - 1) + kind(1) == kind(HIGH)
    assert kind(LOW + 1) - kind(1) == kind(LOW)
    assert str(kind(LOW, 18)) == "-9.223372036854775808"
    assert kind(HIGH, 18) > kind(LOW, 18)
    assert kind(5 * 10**17) + kind("0.5") == kind("500000000000000000.5")
    assert kind(HIGH - 7, 1) * 10 == kind(HIGH - 7)


@KINDS
def test_zero_division(kind):
    for run in (lambda: kind(1) / 0, lambda: kind(1) % kind(0), lambda: kind(1) // kind(0)):
        with pytest.raises(DivisionByZeroError):
            run()
    with pytest.raises(ZeroDivisionError):
        kind(1) / kind(0)


def test_types_do_not_mix():
    assert Price(1) != Quantity(1)
    assert Price(1) != 1
    assert Price(1) != Decimal(1)
    for run in (
        lambda: Price(1) < Quantity(1),
        lambda: Price(1) >= 1,
        lambda: Price(1) + Quantity(1),
        lambda: Price(1) + 1,
        lambda: 1 + Price(1),
        lambda: Price(1) - 0.5,
        lambda: Price(1) * 0.5,
        lambda: Price(1) / Quantity(1),
        lambda: Price(1) / 0.5,
        lambda: 1 / Price(1),
        lambda: Price(1.5),
        lambda: Price(True),
        lambda: Price("1.5", 1),
        lambda: Price(Quantity(1)),
        lambda: Price(1).round_to(Quantity(1)),
        lambda: Price(1).divide(0.5, scale=1),
        lambda: Price.from_decimal("1"),
        Fixed,
    ):
        with pytest.raises(TypeError):
            run()


@pytest.mark.parametrize(
    "run",
    [
        lambda: Price("one"),
        lambda: Price(""),
        lambda: Price("1,5"),
        lambda: Price("\u0661"),
        lambda: Price(Decimal("NaN")),
        lambda: Price(Decimal("Infinity")),
        lambda: Price(1, 19),
        lambda: Price(1, -1),
        lambda: Price.from_float(math.nan, 2),
        lambda: Price.from_float(math.inf, 2),
        lambda: Price.from_float(1.5, 19),
        lambda: Price("1.005").raw(-2),
        lambda: Price("1.5").rescale(19),
        lambda: Price("1.5").rescale(1, rounding=9),
        lambda: Price("1.5").round_to(Price(0)),
        lambda: Price.from_raw(1, -19),
    ],
)
def test_bad_input_is_named(run):
    with pytest.raises(InputError, match=r"found|allowed"):
        run()


def test_a_float_says_where_to_go():
    with pytest.raises(TypeError, match="from_float"):
        Price(1.5)


@KINDS
def test_text_forms(kind):
    assert str(kind("-0.05")) == "-0.05"
    assert repr(kind("1.50")) == f"{kind.__name__}('1.50')"
    assert f"{kind('1234.5'):,.2f}" == "1,234.50"
    assert f"{kind('1.50')}" == "1.50"
    assert float(kind("0.1")) == 0.1
    assert int(kind("-1.9")) == -1
    assert str(kind("1.500").normalize()) == "1.5"


@KINDS
def test_values_do_not_change(kind):
    x = kind("1.5")
    for name in ("mantissa", "scale", "other"):
        with pytest.raises(AttributeError):
            setattr(x, name, 1)
    x.__init__("7")
    assert x == kind("1.5")
