/* Exact integer arithmetic: checked int64, 128-bit intermediates, rounding by name, decimal text.
 * The only place where amounts are divided. Outputs are written on TT_OK only. Nothing here
 * allocates; every loop runs at most 38 times (tt_parse_decimal: the length of its text). */
#ifndef TECTRA_FIXED_H
#define TECTRA_FIXED_H

#include "base.h"

__extension__ typedef __int128 tt_i128;
__extension__ typedef unsigned __int128 tt_u128;

/* Largest scale (decimal places) of a fixed-point value: 10^18 is int64's last power of ten. */
#define TT_SCALE_MAX 18
#define TT_POW10_128_MAX 38

enum {
    TT_ROUND_DOWN = 0,      /* toward zero */
    TT_ROUND_UP = 1,        /* away from zero */
    TT_ROUND_FLOOR = 2,     /* toward minus infinity */
    TT_ROUND_CEIL = 3,      /* toward plus infinity */
    TT_ROUND_HALF_EVEN = 4, /* nearest, ties to the even digit */
    TT_ROUND_HALF_UP = 5,   /* nearest, ties away from zero */
};

static const int64_t tt_pow10[TT_SCALE_MAX + 1] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

static inline tt_i128 tt_pow10_128(unsigned k)
{
    TT_ASSERT(k <= TT_POW10_128_MAX);
    if (k <= TT_SCALE_MAX) {
        return tt_pow10[k];
    }
    if (k <= 2 * TT_SCALE_MAX) {
        return (tt_i128)tt_pow10[TT_SCALE_MAX] * tt_pow10[k - TT_SCALE_MAX];
    }
    const tt_i128 high = (tt_i128)tt_pow10[TT_SCALE_MAX] * tt_pow10[TT_SCALE_MAX];
    return high * tt_pow10[k - 2 * TT_SCALE_MAX];
}

static inline int tt_add64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r)) {
        return TT_E_OVERFLOW;
    }
    *out = r;
    return TT_OK;
}

static inline int tt_sub64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_sub_overflow(a, b, &r)) {
        return TT_E_OVERFLOW;
    }
    *out = r;
    return TT_OK;
}

static inline int tt_mul64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r)) {
        return TT_E_OVERFLOW;
    }
    *out = r;
    return TT_OK;
}

static inline int tt_fits64(tt_i128 v)
{
    return v >= INT64_MIN && v <= INT64_MAX;
}

static inline int tt_narrow64(tt_i128 v, int64_t *out)
{
    if (!tt_fits64(v)) {
        return TT_E_OVERFLOW;
    }
    *out = (int64_t)v;
    return TT_OK;
}

/* Whether a quotient cut toward zero must move one step away from zero. `odd`: the quotient is odd.
 * `half`: the remainder compared with half the divisor, -1, 0 or 1. `negative`: sign of the exact
 * quotient. The remainder is not zero. */
static inline int tt_round_away(int rounding, int negative, int odd, int half)
{
    switch (rounding) {
    case TT_ROUND_DOWN:
        return 0;
    case TT_ROUND_UP:
        return 1;
    case TT_ROUND_FLOOR:
        return negative;
    case TT_ROUND_CEIL:
        return !negative;
    case TT_ROUND_HALF_EVEN:
        return half > 0 || (half == 0 && odd);
    default:
        return half >= 0;
    }
}

static inline int tt_round_valid(int rounding)
{
    return rounding >= TT_ROUND_DOWN && rounding <= TT_ROUND_HALF_UP;
}

/* n / d in the given rounding: TT_OK, TT_E_DIVISION, TT_E_RANGE (no such rounding). |n| and |d|
 * stay below 2^127. */
static inline int tt_div128(tt_i128 n, tt_i128 d, int rounding, tt_i128 *out)
{
    if (d == 0) {
        return TT_E_DIVISION;
    }
    if (!tt_round_valid(rounding)) {
        return TT_E_RANGE;
    }
    const tt_i128 q = n / d;
    const tt_i128 r = n % d;
    if (r == 0) {
        *out = q;
        return TT_OK;
    }
    const tt_i128 rest = r < 0 ? -r : r;
    const tt_i128 whole = d < 0 ? -d : d;
    const int half = rest < whole - rest ? -1 : rest > whole - rest;
    const int negative = (n < 0) != (d < 0);
    const int away = tt_round_away(rounding, negative, (int)(q & 1) != 0, half);
    *out = away ? (negative ? q - 1 : q + 1) : q;
    return TT_OK;
}

/* a * b / c with a 128-bit product: TT_OK, TT_E_DIVISION, TT_E_OVERFLOW, TT_E_RANGE. */
static inline int tt_mul_div64(int64_t a, int64_t b, int64_t c, int64_t *out, int rounding)
{
    tt_i128 q;
    const int rc = tt_div128((tt_i128)a * b, c, rounding, &q);
    return rc == TT_OK ? tt_narrow64(q, out) : rc;
}

/* The same value at another exponent: mantissa * 10^from_exp expressed in units of 10^to_exp. */
static inline int tt_rescale(int64_t mantissa, int from_exp, int to_exp, int rounding, int64_t *out)
{
    const int shift = from_exp - to_exp;
    if (!tt_round_valid(rounding)) {
        return TT_E_RANGE;
    }
    if (mantissa == 0 || shift == 0) {
        *out = mantissa;
        return TT_OK;
    }
    if (shift > 0) {
        return shift > TT_SCALE_MAX ? TT_E_OVERFLOW : tt_mul64(mantissa, tt_pow10[shift], out);
    }
    /* Past 38 digits every int64 is less than half a unit, so the clamp changes no result. */
    const unsigned digits = shift < -TT_POW10_128_MAX ? TT_POW10_128_MAX : (unsigned)-shift;
    tt_i128 q;
    const int rc = tt_div128(mantissa, tt_pow10_128(digits), rounding, &q);
    return rc == TT_OK ? tt_narrow64(q, out) : rc;
}

/* px * qty as a money mantissa at px_exponent + qty_exponent: exact, or TT_E_OVERFLOW. */
static inline int tt_notional(int64_t px, int64_t qty, int64_t *out)
{
    return tt_mul64(px, qty, out);
}

static inline tt_i128 tt_notional128(int64_t px, int64_t qty)
{
    return (tt_i128)px * qty;
}

/* A decimal number read from text: digits * 10^exponent, digits free of trailing zeros past the
 * point. */
typedef struct {
    tt_i128 digits;
    int exponent;
    int places; /* decimal places as written, not below 0: 2 for "1.50" */
} tt_decimal;

#define TT_DECIMAL_TEXT_MAX 4096

/* Append one digit of the text to v; zeros wait in *zeros until a later digit needs them. */
static inline int tt_decimal_digit(tt_i128 *v, unsigned *zeros, unsigned digit)
{
    if (digit == 0) {
        *zeros += 1;
        return TT_OK;
    }
    if (*v == 0) {
        *zeros = 0;
    }
    if (*zeros > TT_SCALE_MAX || *v > (tt_i128)INT64_MAX) {
        return TT_E_OVERFLOW;
    }
    *v = *v * tt_pow10_128(*zeros + 1) + digit;
    *zeros = 0;
    return TT_OK;
}

/* Exponent part after 'e' or 'E': an optional sign and one to four digits, to the end of the text.
 * */
static inline int tt_decimal_exponent(const char *text, size_t length, size_t at, int *out)
{
    int sign = 1;
    int value = 0;
    if (at < length && (text[at] == '+' || text[at] == '-')) {
        sign = text[at] == '-' ? -1 : 1;
        at += 1;
    }
    if (at >= length || length - at > 4) {
        return TT_E_CORRUPT;
    }
    for (; at < length; at++) {
        if (text[at] < '0' || text[at] > '9') {
            return TT_E_CORRUPT;
        }
        value = value * 10 + (text[at] - '0');
    }
    *out = sign * value;
    return TT_OK;
}

/* Read [+-]digits[.digits][e[+-]digits]: TT_OK, TT_E_CORRUPT (not a number), TT_E_OVERFLOW (more
 * than 20 digits count). */
static inline int tt_decimal_read(const char *text, size_t length, tt_decimal *out)
{
    size_t i = 0;
    const int negative = length > 0 && text[0] == '-';
    if (length > TT_DECIMAL_TEXT_MAX) {
        return TT_E_CORRUPT;
    }
    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        i = 1;
    }
    tt_i128 v = 0;
    unsigned zeros = 0;
    int seen = 0, fraction = 0, power = 0, point = 0;
    for (; i < length && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.' && !point) {
            point = 1;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return TT_E_CORRUPT;
        }
        const int rc = tt_decimal_digit(&v, &zeros, (unsigned)(text[i] - '0'));
        if (rc != TT_OK) {
            return rc;
        }
        seen = 1;
        fraction += point;
    }
    if (!seen) {
        return TT_E_CORRUPT;
    }
    if (i < length) {
        const int rc = tt_decimal_exponent(text, length, i + 1, &power);
        if (rc != TT_OK) {
            return rc;
        }
    }
    out->digits = negative ? -v : v;
    out->exponent = v == 0 ? 0 : power - fraction + (int)zeros;
    out->places = fraction > power ? fraction - power : 0;
    return TT_OK;
}

/* Mantissa of a decimal text at `exponent` ("150.25" at -4 is 1502500), without rounding: TT_OK,
 * TT_E_CORRUPT (not a number), TT_E_RANGE (has non-zero digits below the exponent), TT_E_OVERFLOW.
 * */
static inline int tt_parse_decimal(const char *text, size_t length, int exponent, int64_t *out)
{
    tt_decimal d;
    const int rc = tt_decimal_read(text, length, &d);
    if (rc != TT_OK) {
        return rc;
    }
    if (d.digits == 0) {
        *out = 0;
        return TT_OK;
    }
    const int shift = d.exponent - exponent;
    if (shift < 0) {
        return TT_E_RANGE;
    }
    if (shift > TT_SCALE_MAX || !tt_fits64(d.digits)) {
        return TT_E_OVERFLOW;
    }
    return tt_mul64((int64_t)d.digits, tt_pow10[shift], out);
}

#endif
