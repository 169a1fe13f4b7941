"""Price and Quantity against the decimal and fractions modules, up to the limits of int64."""

import copy
import pickle
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.fixed import Price, Quantity, Rounding

WIDE = Context(prec=200)
LOW, HIGH = -(1 << 63), (1 << 63) - 1
DECIMAL_ROUNDING = {
    Rounding.DOWN: "ROUND_DOWN",
    Rounding.UP: "ROUND_UP",
    Rounding.FLOOR: "ROUND_FLOOR",
    Rounding.CEIL: "ROUND_CEILING",
    Rounding.HALF_EVEN: "ROUND_HALF_EVEN",
    Rounding.HALF_UP: "ROUND_HALF_UP",
}

edges = st.sampled_from([LOW, LOW + 1, HIGH, HIGH - 1, 0, 1, -1, 5, 10, 10**18, -(10**18)])
mantissas = st.one_of(st.integers(LOW, HIGH), st.integers(-10_000, 10_000), edges)
scales = st.integers(0, 18)
kinds = st.sampled_from([Price, Quantity])
pairs = st.tuples(mantissas, scales)
roundings = st.sampled_from(list(Rounding))


def value(pair: tuple[int, int]) -> Fraction:
    return Fraction(pair[0], 10 ** pair[1])


def fits(exact: Fraction) -> bool:
    """Some int64 mantissa with a scale of 0 to 18 holds it."""
    return any((exact * 10**s).denominator == 1 and LOW <= exact * 10**s <= HIGH for s in range(19))


def half_even(exact: Fraction) -> int:
    return round(exact)  # Fraction rounds half to even


def same(found: Price | Quantity, exact: Fraction) -> bool:
    return Fraction(found.mantissa, 10**found.scale) == exact


@given(kinds, pairs, pairs, st.sampled_from("+-%"))
def test_sums_and_remainders_are_exact_or_overflow(kind, a, b, operator):
    assume(operator != "%" or b[0] != 0)
    exact = {
        "+": lambda: value(a) + value(b),
        "-": lambda: value(a) - value(b),
        "%": lambda: value(a) % value(b),
    }[operator]()
    x, y = kind(*a), kind(*b)
    run = {"+": lambda: x + y, "-": lambda: x - y, "%": lambda: x % y}[operator]
    if fits(exact):
        assert same(run(), exact)
        assert type(run()) is kind
    else:
        with pytest.raises(OverflowError):
            run()


@given(kinds, pairs, st.integers(LOW, HIGH) | st.integers(-1000, 1000))
def test_product_with_an_integer_is_exact_or_overflows(kind, a, n):
    exact = value(a) * n
    if fits(exact):
        assert same(kind(*a) * n, exact)
        assert same(n * kind(*a), exact)
    else:
        with pytest.raises(OverflowError):
            kind(*a) * n


@given(kinds, pairs, pairs)
def test_product_with_a_decimal_is_exact_or_overflows(kind, a, b):
    factor = Decimal(b[0]).scaleb(-b[1], WIDE)
    exact = value(a) * value(b)
    if fits(exact):
        assert same(kind(*a) * factor, exact)
    else:
        with pytest.raises(OverflowError):
            kind(*a) * factor


@given(pairs, pairs)
def test_product_of_two_amounts_is_an_exact_decimal(a, b):
    money = Price(*a) * Quantity(*b)
    assert isinstance(money, Decimal)
    assert Fraction(money) == value(a) * value(b)
    assert money == Quantity(*b) * Price(*a)


@given(kinds, pairs, pairs)
def test_ratio_has_28_digits_half_even(kind, a, b):
    assume(b[0] != 0)
    context = Context(prec=28, rounding=ROUND_HALF_EVEN)
    x, y = kind(*a), kind(*b)
    assert x / y == context.divide(x.to_decimal(), y.to_decimal())


@given(kinds, pairs, pairs)
def test_quotient_is_exact_or_rounded_half_even_at_the_largest_scale(kind, a, b):
    assume(b[0] != 0)
    exact = value(a) / value(b)
    divisor = b[0] if b[1] == 0 else Decimal(b[0]).scaleb(-b[1], WIDE)
    if fits(exact):
        assert same(kind(*a) / divisor, exact)
        return
    for scale in range(18, -1, -1):
        mantissa = half_even(exact * 10**scale)
        if LOW <= mantissa <= HIGH:
            found = kind(*a) / divisor
            assert (found.mantissa, found.scale) == (mantissa, scale)
            return
    with pytest.raises(OverflowError):
        kind(*a) / divisor


@given(kinds, pairs, pairs, scales, roundings)
def test_divide_at_a_scale_in_every_rounding(kind, a, b, scale, rounding):
    assume(b[0] != 0)
    exact = WIDE.divide(Decimal(a[0]), Decimal(b[0])).scaleb(b[1] - a[1] + scale, WIDE)
    # 200 digits hold the quotient of 19-digit integers well enough for every tie and side
    expected = int(exact.to_integral_value(DECIMAL_ROUNDING[rounding], WIDE))
    divisor = Decimal(b[0]).scaleb(-b[1], WIDE)
    if LOW <= expected <= HIGH:
        found = kind(*a).divide(divisor, scale=scale, rounding=rounding)
        assert (found.mantissa, found.scale) == (expected, scale)
    else:
        with pytest.raises(OverflowError):
            kind(*a).divide(divisor, scale=scale, rounding=rounding)


@given(kinds, pairs, scales, roundings)
def test_rescale_agrees_with_quantize(kind, a, scale, rounding):
    exact = Decimal(a[0]).scaleb(-a[1], WIDE)
    expected = exact.quantize(Decimal(1).scaleb(-scale), DECIMAL_ROUNDING[rounding], WIDE)
    mantissa = int(expected.scaleb(scale, WIDE))
    if LOW <= mantissa <= HIGH:
        found = kind(*a).rescale(scale, rounding=rounding)
        assert (found.mantissa, found.scale) == (mantissa, scale)
    else:
        with pytest.raises(OverflowError):
            kind(*a).rescale(scale, rounding=rounding)


@given(kinds, pairs, pairs, roundings)
def test_round_to_a_step(kind, a, step, rounding):
    assume(step[0] > 0)
    steps = WIDE.divide(Decimal(a[0]), Decimal(step[0])).scaleb(step[1] - a[1], WIDE)
    count = int(steps.to_integral_value(DECIMAL_ROUNDING[rounding], WIDE))
    exact = count * value(step)
    if fits(exact):
        assert same(kind(*a).round_to(kind(*step), rounding=rounding), exact)
    else:
        with pytest.raises(OverflowError):
            kind(*a).round_to(kind(*step), rounding=rounding)


@given(kinds, st.integers(-1000, 1000), st.integers(0, 16), roundings)
def test_ties_in_every_rounding(kind, n, scale, rounding):
    x = kind(10 * n + 5, scale + 1)
    exact = Decimal(10 * n + 5).scaleb(-1)
    mantissa = int(exact.to_integral_value(DECIMAL_ROUNDING[rounding]))
    expected = kind(mantissa, scale)
    assert x.rescale(scale, rounding=rounding) == expected
    assert x.round_to(kind(1, scale), rounding=rounding) == expected
    assert x.divide(1, scale=scale, rounding=rounding) == expected
    assert x.divide(-1, scale=scale, rounding=rounding) == kind(
        int((-exact).to_integral_value(DECIMAL_ROUNDING[rounding])), scale
    )


@given(kinds, pairs, pairs)
def test_order_equality_and_hash(kind, a, b):
    x, y = kind(*a), kind(*b)
    assert (x < y, x <= y, x == y, x != y, x > y, x >= y) == (
        value(a) < value(b),
        value(a) <= value(b),
        value(a) == value(b),
        value(a) != value(b),
        value(a) > value(b),
        value(a) >= value(b),
    )
    if x == y:
        assert hash(x) == hash(y)


@given(kinds, st.integers(-(HIGH // 1000), HIGH // 1000), st.integers(0, 15), st.integers(0, 3))
def test_equal_across_scales_means_equal_hash(kind, mantissa, scale, more):
    x, y = kind(mantissa, scale), kind(mantissa * 10**more, scale + more)
    assert x == y
    assert hash(x) == hash(y)
    assert {x: 1}[y] == 1


@given(kinds, pairs)
def test_every_form_round_trips(kind, a):
    x = kind(*a)
    again = [
        kind(str(x)),
        kind(x.to_decimal()),
        kind.from_decimal(x.to_decimal()),
        kind.from_dict(x.to_dict()),
        pickle.loads(pickle.dumps(x)),
        copy.copy(x),
        copy.deepcopy(x),
        kind.from_raw(x.mantissa, -x.scale),
        eval(repr(x), {kind.__name__: kind}),
    ]
    assert all((y.mantissa, y.scale) == a for y in again)
    assert Fraction(Decimal(str(x))) == value(a)
    assert float(x) == float(value(a))
    assert int(x) == int(value(a))
    assert bool(x) == (a[0] != 0)


@given(kinds, pairs)
def test_signs(kind, a):
    x = kind(*a)
    if fits(-value(a)):
        assert same(-x, -value(a))
        assert same(abs(x), abs(value(a)))
    else:
        with pytest.raises(OverflowError):
            _ = -x
    assert +x is x


@given(kinds, pairs, st.integers(-18, 18))
def test_raw_is_exact_or_refused(kind, a, exponent):
    x = kind(*a)
    mantissa = value(a) / Fraction(10) ** exponent
    if mantissa.denominator != 1:
        with pytest.raises(InputError):
            x.raw(exponent)
    elif LOW <= mantissa <= HIGH:
        assert x.raw(exponent) == mantissa
        assert kind.from_raw(x.raw(exponent), exponent) == x
    else:
        with pytest.raises(OverflowError):
            x.raw(exponent)


@given(kinds, pairs, pairs)
def test_floor_division(kind, a, b):
    assume(b[0] != 0)
    exact = value(a) // value(b)
    if LOW <= exact <= HIGH:
        assert kind(*a) // kind(*b) == exact
    else:
        with pytest.raises(OverflowError):
            kind(*a) // kind(*b)


@given(
    st.from_regex(
        r"[+-]?([0-9]{1,25}(\.[0-9]{0,22})?|\.[0-9]{1,22})([eE][+-]?[0-9]{1,2})?", fullmatch=True
    )
)
def test_text_means_what_decimal_reads(text):
    exact = Fraction(Decimal(text))
    if fits(exact):
        assert same(Price(text), exact)
    else:
        with pytest.raises(OverflowError):
            Price(text)


@given(st.text(max_size=12))
def test_other_text_is_refused(text):
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = None
    plain = text.isascii() and "_" not in text and text == text.strip()
    assume(number is None or not (number.is_finite() and plain))
    with pytest.raises(InputError):
        Price(text)


@given(st.floats(allow_nan=False, allow_infinity=False, width=64), scales, roundings)
def test_from_float_rounds_the_exact_binary_value(x, scale, rounding):
    exact = Decimal(x).scaleb(scale, Context(prec=1200))
    mantissa = int(exact.to_integral_value(DECIMAL_ROUNDING[rounding]))
    if LOW <= mantissa <= HIGH:
        assert Price.from_float(x, scale, rounding=rounding) == Price(mantissa, scale)
    else:
        with pytest.raises(OverflowError):
            Price.from_float(x, scale, rounding=rounding)
