# Price and Quantity, and the exact arithmetic below them. Immutable objects: any thread.
from libc.stdint cimport int64_t, uint8_t

cdef extern from "tectra/fixed.h" nogil:
    enum:
        TT_SCALE_MAX
        TT_ROUND_DOWN
        TT_ROUND_UP
        TT_ROUND_FLOOR
        TT_ROUND_CEIL
        TT_ROUND_HALF_EVEN
        TT_ROUND_HALF_UP
    int tt_add64(int64_t a, int64_t b, int64_t *out)
    int tt_sub64(int64_t a, int64_t b, int64_t *out)
    int tt_mul64(int64_t a, int64_t b, int64_t *out)
    int tt_mul_div64(int64_t a, int64_t b, int64_t c, int64_t *out, int rounding)
    int tt_rescale(int64_t mantissa, int from_exp, int to_exp, int rounding, int64_t *out)
    int tt_notional(int64_t px, int64_t qty, int64_t *out)
    int tt_parse_decimal(const char *text, size_t length, int exponent, int64_t *out)

cdef extern from "tectra/scaled.h" nogil:
    enum:
        TT_SCALED_TEXT_MAX
    ctypedef struct tt_scaled:
        int64_t mantissa
        uint8_t scale
    int tt_scaled_cmp(tt_scaled a, tt_scaled b)
    int tt_scaled_add(tt_scaled a, tt_scaled b, tt_scaled *out)
    int tt_scaled_sub(tt_scaled a, tt_scaled b, tt_scaled *out)
    int tt_scaled_mul(tt_scaled a, tt_scaled b, tt_scaled *out)
    int tt_scaled_div(tt_scaled a, tt_scaled b, tt_scaled *out)
    int tt_scaled_div_at(tt_scaled a, tt_scaled b, unsigned scale, int rounding, tt_scaled *out)
    int tt_scaled_mod(tt_scaled a, tt_scaled b, tt_scaled *out)
    int tt_scaled_floordiv(tt_scaled a, tt_scaled b, int64_t *out)
    int tt_scaled_rescale(tt_scaled a, unsigned scale, int rounding, tt_scaled *out)
    int tt_scaled_round_to(tt_scaled a, tt_scaled step, int rounding, tt_scaled *out)
    tt_scaled tt_scaled_normal(tt_scaled a)
    int tt_scaled_parse(const char *text, size_t length, tt_scaled *out)
    size_t tt_scaled_text(tt_scaled a, char *out)

cdef class Fixed:
    cdef tt_scaled v

cdef class Price(Fixed):
    pass

cdef class Quantity(Fixed):
    pass

# From a record's mantissa and the instrument's exponent (-8..0 in practice): one allocation, no
# parsing.
cdef Price price_of(int64_t px, int exponent)
cdef Quantity quantity_of(int64_t qty, int exponent)
