"""BookLevel, and the ways of many at once: from a venue's text, to and from columns of mantissas.
"""
# Owns the type of one level. Immutable values, pure functions: any thread. parse_levels 0.2 us a
# level, no text kept; columns 0.1 us a level. Wraps ext/tectra/scaled.h and ext/tectra/fixed.h.

from cpython.unicode cimport PyUnicode_Check
from cython cimport final, no_gc
from libc.stdint cimport int64_t

from tectra.core.base cimport TT_E_CORRUPT, TT_E_RANGE, TT_OK
from tectra.core.fixed cimport (
    TT_ROUND_DOWN,
    TT_SCALE_MAX,
    Price,
    Quantity,
    price_of,
    quantity_of,
    tt_parse_decimal,
    tt_rescale,
    tt_scaled,
    tt_scaled_cmp,
    tt_scaled_parse,
)
from tectra.core.rc cimport check_with

from tectra.core.errors import InputError

__all__ = [
    "BookLevel", "levels_from", "levels_into", "parse_levels", "raw_levels", "raw_number",
    "raw_pairs",
]

cdef enum:
    PLAIN_TEXT_MAX = 32

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL


@final
@no_gc  # holds values only: no cycle is possible
cdef class BookLevel:
    """One price of a book and the whole quantity at it; `price, quantity = level` takes it apart.

    Equal to another level of equal price and quantity; without order.
    """

    def __cinit__(self, price not None, quantity not None):
        if type(price) is not Price or type(quantity) is not Quantity:
            raise TypeError(
                f"found {type(price).__name__}, {type(quantity).__name__}; allowed: Price, Quantity"
            )
        self.price = price
        self.quantity = quantity

    def to_dict(self) -> dict:
        """{"price": {...}, "quantity": {...}}, each with mantissa and scale."""
        return {"price": self.price.to_dict(), "quantity": self.quantity.to_dict()}

    @classmethod
    def from_dict(cls, fields):
        """Inverse of to_dict()."""
        return cls(Price.from_dict(fields["price"]), Quantity.from_dict(fields["quantity"]))

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (self.price, self.quantity)[index]

    def __eq__(self, other):
        if type(other) is not BookLevel:
            return NotImplemented
        cdef BookLevel it = <BookLevel>other
        return (
            tt_scaled_cmp(self.price.v, it.price.v) == 0
            and tt_scaled_cmp(self.quantity.v, it.quantity.v) == 0
        )

    def __hash__(self):
        return hash((self.price, self.quantity))

    def __repr__(self):
        return f"BookLevel({self.price!r}, {self.quantity!r})"

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return BookLevel, (self.price, self.quantity)


cdef int _read(object text, tt_scaled *out) except -1:
    cdef Py_ssize_t size = 0
    cdef const char *p
    cdef int rc
    if not PyUnicode_Check(text):
        raise InputError(
            f"level: found {type(text).__name__} {text!r}; allowed: a decimal number as text"
        )
    # The text's own bytes: ASCII text is not copied.
    p = PyUnicode_AsUTF8AndSize(text, &size)
    rc = tt_scaled_parse(p, size, out)
    if rc == TT_E_CORRUPT:
        raise InputError(f"level: found {text!r}; allowed: a decimal number such as '150.25'")
    return check_with(rc, f"{text!r} as a mantissa with at most {TT_SCALE_MAX} decimal places")


cdef bint _is_plain(const char *p, Py_ssize_t size) noexcept nogil:
    """digits[.digits], no longer than any venue writes: no sign, exponent, space or word."""
    cdef Py_ssize_t i
    cdef int points = 0
    if size < 1 or size > PLAIN_TEXT_MAX or p[0] == b"." or p[size - 1] == b".":
        return False
    for i in range(size):
        if p[i] == b".":
            points += 1
        elif p[i] < b"0" or p[i] > b"9":
            return False
    return points <= 1


cdef bint _is_plain_text(object text) except -1:
    cdef Py_ssize_t size = 0
    cdef const char *p = PyUnicode_AsUTF8AndSize(text, &size)
    return _is_plain(p, size)


def parse_levels(rows, *, bint plain=False) -> tuple:
    """Levels from pairs of text, [["85978.12", "0.5"], ...], exactly; no text is kept.

    InputError for what is no pair of decimal texts and for a negative quantity; OverflowError for
    a number that no int64 mantissa holds. `plain` takes digits and a point only, as raw_levels().
    """
    cdef list out = []
    cdef Price price
    cdef Quantity quantity
    cdef BookLevel level
    if not isinstance(rows, (list, tuple)):
        raise InputError(f"levels: found {type(rows).__name__}; allowed: a list of pairs")
    for row in rows:
        if not isinstance(row, (list, tuple)) or len(row) != 2:
            raise InputError(f"level: found {row!r}; allowed: a pair of price and quantity")
        price = Price.__new__(Price)
        quantity = Quantity.__new__(Quantity)
        _read(row[0], &price.v)
        _read(row[1], &quantity.v)
        if plain and not (_is_plain_text(row[0]) and _is_plain_text(row[1])):
            raise InputError(
                f"level: found {row[0]!r:.40}, {row[1]!r:.40}; allowed: digits with or without a "
                f"point, such as '150.25', at most {PLAIN_TEXT_MAX} characters"
            )
        if quantity.v.mantissa < 0:
            raise InputError(f"level: found the quantity {row[1]!r}; allowed: 0 or more")
        level = BookLevel.__new__(BookLevel, price, quantity)
        out.append(level)
    return tuple(out)


cdef int _read_raw(object text, int exponent, int64_t *out) except -1:
    cdef Py_ssize_t size = 0
    cdef const char *p
    cdef int rc
    if not PyUnicode_Check(text):
        raise InputError(
            f"found {type(text).__name__} {text!r:.60}; allowed: a decimal number as text"
        )
    p = PyUnicode_AsUTF8AndSize(text, &size)
    if not _is_plain(p, size):
        raise InputError(
            f"found {text!r:.60}; allowed: digits with or without a point, such as '150.25', at "
            f"most {PLAIN_TEXT_MAX} characters"
        )
    rc = tt_parse_decimal(p, size, exponent, out)
    if rc == TT_E_RANGE:
        raise InputError(f"found {text!r}; allowed: a multiple of 1e{exponent}")
    return check_with(rc, f"{text!r} as a mantissa at exponent {exponent}")


def raw_number(text, int exponent) -> int:
    """Mantissa at the exponent of a venue's plain decimal text, exactly: "150.25" at -4 is 1502500.

    InputError for what is no text, has a sign, an exponent or more than 32 characters, and where
    places would be lost; OverflowError where an int64 is too small.
    """
    cdef int64_t out = 0
    _read_raw(text, exponent, &out)
    return out


def raw_levels(rows, exponents) -> tuple:
    """((px, qty), ...) of pairs of plain decimal text, mantissas at the (price, quantity)
    exponents.

    As raw_number; InputError also for what is no list of pairs, and for a price of 0.
    """
    cdef int px_exponent = exponents[0], qty_exponent = exponents[1]
    cdef int64_t px = 0, qty = 0
    cdef list out = []
    if not isinstance(rows, (list, tuple)):
        raise InputError(f"levels: found {type(rows).__name__}; allowed: a list of pairs")
    for row in rows:
        if not isinstance(row, (list, tuple)) or len(row) != 2:
            raise InputError(f"level: found {row!r:.60}; allowed: a pair of price and quantity")
        _read_raw(row[0], px_exponent, &px)
        _read_raw(row[1], qty_exponent, &qty)
        if px == 0:
            raise InputError(f"level: found the price {row[0]!r}; allowed: above 0")
        out.append((px, qty))
    return tuple(out)


cdef int _raw(tt_scaled v, int exponent, int64_t *out) except -1:
    cdef tt_scaled back
    back.mantissa = 0
    back.scale = 0
    check_with(
        tt_rescale(v.mantissa, -<int>v.scale, exponent, TT_ROUND_DOWN, out),
        f"mantissa {v.mantissa} at scale {v.scale}, as a mantissa at exponent {exponent}",
    )
    if exponent > 0:
        check_with(tt_rescale(out[0], exponent, 0, TT_ROUND_DOWN, &back.mantissa), "rounding")
    else:
        back.mantissa = out[0]
        back.scale = -exponent
    if tt_scaled_cmp(back, v) != 0:
        raise InputError(
            f"level: found mantissa {v.mantissa} at scale {v.scale}; allowed: a multiple of "
            f"1e{exponent}"
        )
    return TT_OK


def levels_into(levels not None, exponents, int64_t[:] px not None, int64_t[:] qty not None) -> int:
    """Write mantissas at the (price, quantity) exponents into two columns; returns how many.

    InputError where places would be lost and for a negative quantity; OverflowError where an int64
    is too small. The columns may be fields of an array of records.
    """
    cdef int px_exponent = exponents[0], qty_exponent = exponents[1]
    cdef Py_ssize_t i = 0
    cdef BookLevel level
    if len(levels) > min(px.shape[0], qty.shape[0]):
        raise InputError(f"levels: found {len(levels)}; allowed: {min(px.shape[0], qty.shape[0])}")
    for item in levels:
        if type(item) is not BookLevel:
            raise TypeError(f"level: found {type(item).__name__}; allowed: BookLevel")
        level = <BookLevel>item
        if level.quantity.v.mantissa < 0:
            raise InputError(f"level: found {level!r}; allowed: a quantity of 0 or more")
        _raw(level.price.v, px_exponent, &px[i])
        _raw(level.quantity.v, qty_exponent, &qty[i])
        i += 1
    return i


def raw_pairs(levels not None, exponents) -> tuple:
    """((px, qty), ...) of levels, mantissas at the (price, quantity) exponents.

    InputError where places would be lost; OverflowError where an int64 is too small.
    """
    cdef int px_exponent = exponents[0], qty_exponent = exponents[1]
    cdef int64_t px = 0, qty = 0
    cdef BookLevel level
    cdef list out = []
    for item in levels:
        if type(item) is not BookLevel:
            raise TypeError(f"level: found {type(item).__name__}; allowed: BookLevel")
        level = <BookLevel>item
        _raw(level.price.v, px_exponent, &px)
        _raw(level.quantity.v, qty_exponent, &qty)
        out.append((px, qty))
    return tuple(out)


def levels_from(const int64_t[:] px not None, const int64_t[:] qty not None, exponents) -> tuple:
    """Levels of two columns of mantissas at the (price, quantity) exponents."""
    cdef int px_exponent = exponents[0], qty_exponent = exponents[1]
    cdef Py_ssize_t i
    cdef list out = []
    if px.shape[0] != qty.shape[0]:
        raise InputError(f"columns: found {px.shape[0]} and {qty.shape[0]} rows; allowed: equal")
    for i in range(px.shape[0]):
        out.append(BookLevel.__new__(
            BookLevel, price_of(px[i], px_exponent), quantity_of(qty[i], qty_exponent)
        ))
    return tuple(out)
