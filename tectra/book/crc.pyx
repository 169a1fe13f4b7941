"""CRC-32 over the text of a book's best levels, in the two forms that venues use."""
# Owns nothing; pure functions of levels, any thread. About 3 us for ten levels a side, most of it
# the reading of Python's integers. Wraps ext/tectra/book_sum.h.

from libc.stdint cimport int64_t, uint32_t

from tectra.core.base cimport TT_OK

from tectra.core.errors import InputError

__all__ = ["crc_of_digits", "crc_of_pairs"]

cdef extern from "tectra/book_sum.h" nogil:
    int tt_sum_add_digits(
        uint32_t *crc, const int64_t *px, const int64_t *qty, uint32_t levels, const int *shifts)
    int tt_sum_add_plain(
        uint32_t *crc, int64_t px, int64_t qty, const int *exponents, int is_first)


cdef object no_text(px, qty, scales):
    return InputError(
        f"checksum: found px {px}, qty {qty}; allowed: numbers that have a text at {scales}; the "
        "places of the venue's text are fewer than those of the mantissas, or a number is negative")


def crc_of_digits(bids not None, asks not None, shifts) -> int:
    """Asks, then bids: digits of price and quantity, without point and leading zeros.

    Levels are (px, qty), best first. `shifts` are how many zeros the text of a price and of a
    quantity has after the mantissa's digits, below 0 how many fewer. InputError where a digit other
    than 0 would be cut off.
    """
    cdef uint32_t crc = 0
    cdef int64_t px, qty
    cdef int[2] both
    both[0], both[1] = shifts
    for side in (asks, bids):
        for px, qty in side:
            if tt_sum_add_digits(&crc, &px, &qty, 1, both) != TT_OK:
                raise no_text(px, qty, f"shifts {shifts}")
    return crc


def crc_of_pairs(bids not None, asks not None, exponents) -> int:
    """Level by level the bid's and the ask's `price:quantity`, joined by colons, each number
    without a zero that it does not need.

    Levels are (px, qty), best first, at these exponents. InputError for a number without such a
    text.
    """
    cdef uint32_t crc = 0
    cdef Py_ssize_t i
    cdef int64_t px, qty
    cdef int first = 1
    cdef int[2] both
    both[0], both[1] = exponents
    for i in range(max(len(bids), len(asks))):
        for side in (bids, asks):
            if i < len(side):
                px, qty = side[i]
                if tt_sum_add_plain(&crc, px, qty, both, first) != TT_OK:
                    raise no_text(px, qty, f"exponents {exponents}")
                first = 0
    return crc
