"""Price and Quantity: exact decimals of an int64 mantissa and a scale, value = mantissa *
10^-scale.
"""
# Owns the two value types and Rounding. Immutable: any thread. One allocation a result; no float
# except in float() and from_float(). Wraps ext/tectra/scaled.h and ext/tectra/fixed.h.

from decimal import Context, Decimal
from enum import IntEnum

from cython cimport final
from libc.stdint cimport int64_t, uint64_t

from tectra.core.base cimport TT_E_CORRUPT
from tectra.core.rc cimport check_with

from tectra.core.errors import InputError, NumericOverflowError

__all__ = ["Fixed", "Price", "Quantity", "Rounding", "SCALE_MAX"]

SCALE_MAX = TT_SCALE_MAX
cdef object _RATIO = Context(prec=28, rounding="ROUND_HALF_EVEN")
cdef object _EXACT = Context(prec=60)


class Rounding(IntEnum):
    """How a result that needs more places is cut; the names and meanings of the decimal module."""

    DOWN = TT_ROUND_DOWN
    UP = TT_ROUND_UP
    FLOOR = TT_ROUND_FLOOR
    CEIL = TT_ROUND_CEIL
    HALF_EVEN = TT_ROUND_HALF_EVEN
    HALF_UP = TT_ROUND_HALF_UP


cdef int _read_text(object text, tt_scaled *out) except -1:
    cdef bytes raw
    cdef const char *p
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        raise InputError(f"found {text!r}; allowed: a decimal number such as '150.25'") from None
    p = raw
    cdef int rc = tt_scaled_parse(p, len(raw), out)
    if rc == TT_E_CORRUPT:
        raise InputError(f"found {text!r}; allowed: a decimal number such as '150.25'")
    return check_with(rc, f"{text!r} as a mantissa with at most {TT_SCALE_MAX} decimal places")


cdef int _read_int(object value, object scale, tt_scaled *out) except -1:
    if not 0 <= scale <= TT_SCALE_MAX:
        raise InputError(f"scale: found {scale}; allowed: 0 to {TT_SCALE_MAX}")
    try:
        out.mantissa = value
    except OverflowError:
        raise NumericOverflowError(f"mantissa: found {value}; allowed: -2^63 to 2^63 - 1") from None
    out.scale = scale
    return 0


cdef int _read(object kind, object value, object scale, tt_scaled *out) except -1:
    if isinstance(value, str) and scale is None:
        return _read_text(value, out)
    if isinstance(value, int) and not isinstance(value, bool):
        return _read_int(value, 0 if scale is None else scale, out)
    if isinstance(value, Decimal) and scale is None:
        return _read_text(format(value, "f") if value.is_finite() else str(value), out)
    if type(value) is kind and scale is None:
        out[0] = (<Fixed>value).v
        return 0
    raise TypeError(
        f"{kind.__name__}: found {type(value).__name__} {value!r}; allowed: text, Decimal, "
        f"{kind.__name__}, or an int "
        f"mantissa with its scale; for a float use {kind.__name__}.from_float(value, scale)"
    )


cdef int _factor(object value, tt_scaled *out) except -1:
    # 1: a dimensionless factor was read; 0: not one
    if isinstance(value, int) and not isinstance(value, bool):
        _read_int(value, 0, out)
        return 1
    if isinstance(value, Decimal):
        _read_text(format(value, "f") if value.is_finite() else str(value), out)
        return 1
    return 0


cdef Fixed _make(object kind, tt_scaled v):
    cdef Fixed out = Price.__new__(Price) if kind is Price else Quantity.__new__(Quantity)
    out.v = v
    return out


cdef int _from_raw(int64_t mantissa, int exponent, tt_scaled *out) except -1:
    cdef int rc
    if exponent <= 0:
        if exponent < -TT_SCALE_MAX:
            raise InputError(
                f"exponent: found {exponent}; allowed: {-TT_SCALE_MAX} to {TT_SCALE_MAX}"
            )
        out.mantissa = mantissa
        out.scale = -exponent
        return 0
    rc = tt_rescale(mantissa, exponent, 0, TT_ROUND_DOWN, &out.mantissa)
    out.scale = 0
    return check_with(rc, f"{mantissa} at exponent {exponent}")


cdef Price price_of(int64_t px, int exponent):
    cdef Price out = Price.__new__(Price)
    _from_raw(px, exponent, &out.v)
    return out


cdef Quantity quantity_of(int64_t qty, int exponent):
    cdef Quantity out = Quantity.__new__(Quantity)
    _from_raw(qty, exponent, &out.v)
    return out


cdef class Fixed:
    """What Price and Quantity share. Not for direct use.

    Sums, differences, products and remainders are exact; they raise OverflowError exactly when no
    int64 mantissa with a scale of 0 to 18 holds the result. `x / number` is exact where 18 places
    allow it, else rounded half even at the largest scale that fits. `x / x` and `x * y` of two
    amounts are Decimals: the ratio to 28 digits, half even; the product exact. Ordering and sums
    are defined within one type only; equality with anything else is False.
    """

    def __cinit__(self, value=0, scale=None):
        if type(self) is Fixed:
            raise TypeError("Fixed is not for direct use; use Price or Quantity")
        _read(type(self), value, scale, &self.v)

    @property
    def mantissa(self) -> int:
        """Signed 64-bit integer."""
        return self.v.mantissa

    @property
    def scale(self) -> int:
        """Decimal places, 0 to 18."""
        return self.v.scale

    @classmethod
    def from_raw(cls, mantissa: int, exponent: int):
        """From a record's mantissa and the instrument's exponent: from_raw(1502500, -4) is
        150.2500.
        """
        cdef tt_scaled v
        _from_raw(mantissa, exponent, &v)
        return _make(cls, v)

    @classmethod
    def from_float(cls, value: float, scale: int, *, rounding: int = Rounding.HALF_EVEN):
        """Round a float's exact binary value to `scale` places. Not for the hot path: it goes
        through text.

        Floats hold no exact cents; data should arrive as text or integers.
        """
        number = Decimal(float(value))
        if not number.is_finite():
            raise InputError(f"found {value}; allowed: a finite number")
        if not 0 <= scale <= TT_SCALE_MAX:
            raise InputError(f"scale: found {scale}; allowed: 0 to {TT_SCALE_MAX}")
        how = f"ROUND_{'CEILING' if rounding == Rounding.CEIL else Rounding(rounding).name}"
        units = number.scaleb(scale, Context(prec=1200)).to_integral_value(how)
        return cls(int(units), scale)

    @classmethod
    def from_decimal(cls, value):
        """Exact; the scale is the number of places that `value` has."""
        if not isinstance(value, Decimal):
            raise TypeError(f"found {type(value).__name__}; allowed: Decimal")
        return cls(value)

    @classmethod
    def from_dict(cls, fields):
        """Inverse of to_dict()."""
        return cls(fields["mantissa"], fields["scale"])

    def to_dict(self) -> dict:
        """{"mantissa": int, "scale": int}."""
        return {"mantissa": self.v.mantissa, "scale": self.v.scale}

    def to_decimal(self):
        """Exact Decimal with the same number of places."""
        return Decimal(str(self))

    def raw(self, exponent: int, *, rounding=None) -> int:
        """Mantissa at an instrument's exponent. Raises InputError if places would be lost and no
        rounding is named.
        """
        cdef int64_t out = 0
        cdef int how = TT_ROUND_DOWN if rounding is None else rounding
        cdef tt_scaled back
        check_with(
            tt_rescale(self.v.mantissa, -<int>self.v.scale, exponent, how, &out),
            f"{self!r} at exponent {exponent}",
        )
        if rounding is None:
            _from_raw(out, exponent, &back)
            if tt_scaled_cmp(back, self.v) != 0:
                raise InputError(
                    f"found {self}; allowed: a multiple of 1e{exponent}; round it, or name a "
                    "rounding"
                )
        return out

    def rescale(self, scale: int, *, rounding: int = Rounding.HALF_EVEN):
        """The same value at `scale` places, rounded where places are lost."""
        cdef tt_scaled out
        if not 0 <= scale <= TT_SCALE_MAX:
            raise InputError(f"scale: found {scale}; allowed: 0 to {TT_SCALE_MAX}")
        check_with(tt_scaled_rescale(self.v, scale, rounding, &out), f"{self!r} at scale {scale}")
        return _make(type(self), out)

    def round_to(self, step, *, rounding: int = Rounding.HALF_EVEN):
        """Nearest multiple of `step` (a tick or lot of the same type, positive)."""
        cdef tt_scaled out
        if type(step) is not type(self):
            raise TypeError(f"step: found {type(step).__name__}; allowed: {type(self).__name__}")
        check_with(
            tt_scaled_round_to(self.v, (<Fixed>step).v, rounding, &out),
            f"{self!r} to multiples of {step}",
        )
        return _make(type(self), out)

    def divide(self, divisor, *, scale: int, rounding: int = Rounding.HALF_EVEN):
        """self / divisor (an int or a Decimal) at exactly `scale` places in the named rounding."""
        cdef tt_scaled by, out
        if not _factor(divisor, &by):
            raise TypeError(f"divisor: found {type(divisor).__name__}; allowed: int, Decimal")
        if not 0 <= scale <= TT_SCALE_MAX:
            raise InputError(f"scale: found {scale}; allowed: 0 to {TT_SCALE_MAX}")
        check_with(tt_scaled_div_at(self.v, by, scale, rounding, &out), f"{self!r} / {divisor}")
        return _make(type(self), out)

    def normalize(self):
        """The same value with the fewest places: 1.50 becomes 1.5."""
        return _make(type(self), tt_scaled_normal(self.v))

    def __add__(self, other):
        cdef tt_scaled out
        if type(other) is not type(self):
            return NotImplemented
        check_with(tt_scaled_add(self.v, (<Fixed>other).v, &out), "sum")
        return _make(type(self), out)

    def __sub__(self, other):
        cdef tt_scaled out
        if type(other) is not type(self):
            return NotImplemented
        check_with(tt_scaled_sub(self.v, (<Fixed>other).v, &out), "difference")
        return _make(type(self), out)

    def __mul__(self, other):
        cdef tt_scaled by, out
        if isinstance(other, Fixed):
            places = self.scale + other.scale
            return Decimal(self.mantissa * other.mantissa).scaleb(-places, _EXACT)
        if not _factor(other, &by):
            return NotImplemented
        check_with(tt_scaled_mul(self.v, by, &out), "product")
        return _make(type(self), out)

    def __rmul__(self, other):
        return self.__mul__(other)

    def __truediv__(self, other):
        cdef tt_scaled by, out
        if type(other) is type(self):
            if not other:
                check_with(tt_scaled_div(self.v, (<Fixed>other).v, &out), "ratio")
            return _RATIO.divide(self.to_decimal(), other.to_decimal())
        if not _factor(other, &by):
            return NotImplemented
        check_with(tt_scaled_div(self.v, by, &out), "quotient")
        return _make(type(self), out)

    def __floordiv__(self, other):
        cdef int64_t out = 0
        if type(other) is not type(self):
            return NotImplemented
        check_with(tt_scaled_floordiv(self.v, (<Fixed>other).v, &out), "quotient")
        return out

    def __mod__(self, other):
        cdef tt_scaled out
        if type(other) is not type(self):
            return NotImplemented
        check_with(tt_scaled_mod(self.v, (<Fixed>other).v, &out), "remainder")
        return _make(type(self), out)

    def __neg__(self):
        cdef tt_scaled zero, out
        zero.mantissa = 0
        zero.scale = 0
        check_with(tt_scaled_sub(zero, self.v, &out), "negation")
        return _make(type(self), out)

    def __pos__(self):
        return self

    def __abs__(self):
        return -self if self.v.mantissa < 0 else self

    def __round__(self, places=0):
        return self.rescale(places)

    def __bool__(self):
        return self.v.mantissa != 0

    def __int__(self):
        return int(self.to_decimal())

    def __float__(self):
        return float(str(self))

    def __richcmp__(self, other, int op):
        cdef int c
        if type(other) is not type(self):
            return NotImplemented
        c = tt_scaled_cmp((<Fixed>self).v, (<Fixed>other).v)
        if op == 0:
            return c < 0
        if op == 1:
            return c <= 0
        if op == 2:
            return c == 0
        if op == 3:
            return c != 0
        return c > 0 if op == 4 else c >= 0

    def __hash__(self):
        # Of the normal form, so that 1.50 and 1.5 meet; mixed in C, the same in every process.
        cdef tt_scaled n = tt_scaled_normal(self.v)
        cdef uint64_t h = <uint64_t>n.mantissa + <uint64_t>n.scale * <uint64_t>0x9E3779B97F4A7C15
        h = (h ^ (h >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        h = (h ^ (h >> 27)) * <uint64_t>0x94D049BB133111EB
        return <Py_hash_t>((h ^ (h >> 31)) >> 1)

    def __str__(self):
        cdef char text[TT_SCALED_TEXT_MAX]
        cdef size_t length = tt_scaled_text(self.v, text)
        return text[:length].decode("ascii")

    def __repr__(self):
        return f"{type(self).__name__}('{self}')"

    def __format__(self, spec):
        return format(self.to_decimal(), spec) if spec else str(self)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return type(self), (self.mantissa, self.scale)


@final
cdef class Price(Fixed):
    """Exact price. Price("150.25"), Price(15025, 2) and Price(Decimal("150.25")) are equal.

    Raises InputError for text that is no number, OverflowError where no int64 mantissa fits,
    TypeError for a float.
    """


@final
cdef class Quantity(Fixed):
    """Exact quantity; the same representation and rules as Price. Quantity(1) == 1 is False: types
    do not mix.
    """
