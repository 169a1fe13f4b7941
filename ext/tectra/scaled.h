/* Values that carry their own scale: mantissa * 10^-scale, the arithmetic behind Price and
 * Quantity.
 *
 * Sums, differences, products and remainders are exact or TT_E_OVERFLOW. A quotient is exact where
 * 18 places allow it, else rounded. Overflow means that no int64 mantissa with a scale of 0 to 18
 * holds the result: a result that does not fit at its natural scale first gives up trailing zeros.
 * Outputs are written on TT_OK only. */
#ifndef TECTRA_SCALED_H
#define TECTRA_SCALED_H

#include "base.h"
#include "fixed.h"

typedef struct {
    int64_t mantissa;
    uint8_t scale; /* 0..TT_SCALE_MAX */
} tt_scaled;

/* v * 10^-scale as a tt_scaled; scale up to 36. Drops trailing zeros only as far as needed to fit.
 * */
static inline int tt_scaled_fit(tt_i128 v, unsigned scale, tt_scaled *out)
{
    TT_ASSERT(scale <= 2 * TT_SCALE_MAX);
    while ((scale > TT_SCALE_MAX || !tt_fits64(v)) && scale > 0 && v % 10 == 0) {
        v /= 10;
        scale -= 1;
    }
    if (scale > TT_SCALE_MAX || !tt_fits64(v)) {
        return TT_E_OVERFLOW;
    }
    out->mantissa = (int64_t)v;
    out->scale = (uint8_t)scale;
    return TT_OK;
}

/* Mantissas of a and b at the larger of the two scales. */
static inline unsigned tt_scaled_align(tt_scaled a, tt_scaled b, tt_i128 *am, tt_i128 *bm)
{
    TT_ASSERT(a.scale <= TT_SCALE_MAX);
    TT_ASSERT(b.scale <= TT_SCALE_MAX);
    const unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    *am = (tt_i128)a.mantissa * tt_pow10[scale - a.scale];
    *bm = (tt_i128)b.mantissa * tt_pow10[scale - b.scale];
    return scale;
}

/* -1, 0 or 1; exact across scales. */
static inline int tt_scaled_cmp(tt_scaled a, tt_scaled b)
{
    tt_i128 am, bm;
    (void)tt_scaled_align(a, b, &am, &bm);
    return am < bm ? -1 : am > bm;
}

static inline int tt_scaled_add(tt_scaled a, tt_scaled b, tt_scaled *out)
{
    tt_i128 am, bm;
    const unsigned scale = tt_scaled_align(a, b, &am, &bm);
    return tt_scaled_fit(am + bm, scale, out);
}

static inline int tt_scaled_sub(tt_scaled a, tt_scaled b, tt_scaled *out)
{
    tt_i128 am, bm;
    const unsigned scale = tt_scaled_align(a, b, &am, &bm);
    return tt_scaled_fit(am - bm, scale, out);
}

static inline int tt_scaled_mul(tt_scaled a, tt_scaled b, tt_scaled *out)
{
    return tt_scaled_fit((tt_i128)a.mantissa * b.mantissa, (unsigned)a.scale + b.scale, out);
}

/* a - floor(a / b) * b, with the sign of b, as Python's %: TT_OK, TT_E_DIVISION, TT_E_OVERFLOW. */
static inline int tt_scaled_mod(tt_scaled a, tt_scaled b, tt_scaled *out)
{
    tt_i128 am, bm;
    if (b.mantissa == 0) {
        return TT_E_DIVISION;
    }
    const unsigned scale = tt_scaled_align(a, b, &am, &bm);
    tt_i128 r = am % bm;
    if (r != 0 && (r < 0) != (bm < 0)) {
        r += bm;
    }
    return tt_scaled_fit(r, scale, out);
}

/* floor(a / b): TT_OK, TT_E_DIVISION, TT_E_OVERFLOW. */
static inline int tt_scaled_floordiv(tt_scaled a, tt_scaled b, int64_t *out)
{
    tt_i128 am, bm, q;
    (void)tt_scaled_align(a, b, &am, &bm);
    const int rc = tt_div128(am, bm, TT_ROUND_FLOOR, &q);
    return rc == TT_OK ? tt_narrow64(q, out) : rc;
}

/* Long division of magnitudes: quotient digits so far, and what is left to divide. */
typedef struct {
    tt_i128 q, r, d;
    int negative;
} tt_long_division;

static inline int tt_long_division_start(tt_long_division *x, tt_scaled a, tt_scaled b)
{
    if (b.mantissa == 0) {
        return TT_E_DIVISION;
    }
    tt_i128 n, d;
    (void)tt_scaled_align(a, b, &n, &d);
    x->negative = (n < 0) != (d < 0);
    n = n < 0 ? -n : n;
    x->d = d < 0 ? -d : d;
    x->q = n / x->d;
    x->r = n % x->d;
    return x->q > (tt_i128)INT64_MAX + x->negative ? TT_E_OVERFLOW : TT_OK;
}

/* One more decimal place; TT_E_OVERFLOW leaves x as it was. */
static inline int tt_long_division_step(tt_long_division *x)
{
    const tt_i128 r = x->r * 10;
    const tt_i128 q = x->q * 10 + r / x->d;
    if (q > (tt_i128)INT64_MAX + x->negative) {
        return TT_E_OVERFLOW;
    }
    x->q = q;
    x->r = r % x->d;
    return TT_OK;
}

/* The quotient rounded where it stands. */
static inline int tt_long_division_end(const tt_long_division *x, int rounding, int64_t *out)
{
    tt_i128 q = x->q;
    if (x->r != 0) {
        const int half = x->r < x->d - x->r ? -1 : x->r > x->d - x->r;
        q += tt_round_away(rounding, x->negative, (int)(q & 1) != 0, half);
    }
    return tt_narrow64(x->negative ? -q : q, out);
}

/* a / b at exactly `scale` places: TT_OK, TT_E_DIVISION, TT_E_OVERFLOW, TT_E_RANGE (rounding,
 * scale). */
static inline int tt_scaled_div_at(tt_scaled a, tt_scaled b, unsigned scale, int rounding, tt_scaled
*out) {
    tt_long_division x;
    if (scale > TT_SCALE_MAX || !tt_round_valid(rounding)) {
        return TT_E_RANGE;
    }
    int rc = tt_long_division_start(&x, a, b);
    for (unsigned place = 0; rc == TT_OK && place < scale; place++) {
        rc = tt_long_division_step(&x);
    }
    int64_t mantissa = 0;
    if (rc == TT_OK) {
        rc = tt_long_division_end(&x, rounding, &mantissa);
    }
    if (rc == TT_OK) {
        out->mantissa = mantissa;
        out->scale = (uint8_t)scale;
    }
    return rc;
}

/* a / b: exact at the smallest scale not below a's where that exists, else rounded half even at the
 * largest scale that int64 allows (18 at most): TT_OK, TT_E_DIVISION, TT_E_OVERFLOW. */
static inline int tt_scaled_div(tt_scaled a, tt_scaled b, tt_scaled *out)
{
    tt_long_division x;
    int64_t mantissa = 0;
    int rc = tt_long_division_start(&x, a, b);
    if (rc != TT_OK) {
        return rc;
    }
    tt_long_division last = x; /* one place less than x */
    unsigned scale = 0;
    while (scale < TT_SCALE_MAX && (x.r != 0 || scale < a.scale)) {
        const tt_long_division before = x;
        if (tt_long_division_step(&x) != TT_OK) {
            break;
        }
        last = before;
        scale += 1;
    }
    rc = tt_long_division_end(&x, TT_ROUND_HALF_EVEN, &mantissa);
    if (rc == TT_E_OVERFLOW && scale > 0) {
        /* The last place rounded up past int64: one place less always fits. */
        scale -= 1;
        rc = tt_long_division_end(&last, TT_ROUND_HALF_EVEN, &mantissa);
    }
    if (rc == TT_OK) {
        out->mantissa = mantissa;
        out->scale = (uint8_t)scale;
    }
    return rc;
}

/* The same value at another scale: TT_OK, TT_E_OVERFLOW, TT_E_RANGE (rounding, scale). */
static inline int tt_scaled_rescale(tt_scaled a, unsigned scale, int rounding, tt_scaled *out)
{
    if (scale > TT_SCALE_MAX) {
        return TT_E_RANGE;
    }
    int64_t mantissa;
    const int rc = tt_rescale(a.mantissa, -(int)a.scale, -(int)scale, rounding, &mantissa);
    if (rc == TT_OK) {
        out->mantissa = mantissa;
        out->scale = (uint8_t)scale;
    }
    return rc;
}

/* a rounded to a multiple of `step`, at its scale: TT_OK, TT_E_RANGE (step not positive, rounding),
 * TT_E_OVERFLOW. */
static inline int tt_scaled_round_to(tt_scaled a, tt_scaled step, int rounding, tt_scaled *out)
{
    tt_i128 am, sm, steps;
    if (step.mantissa <= 0) {
        return TT_E_RANGE;
    }
    (void)tt_scaled_align(a, step, &am, &sm);
    const int rc = tt_div128(am, sm, rounding, &steps);
    return rc == TT_OK ? tt_scaled_fit(steps * step.mantissa, step.scale, out) : rc;
}

/* Fewest places: 1.50 becomes 1.5. Equal values have equal normal forms, which is what a hash
 * needs. */
static inline tt_scaled tt_scaled_normal(tt_scaled a)
{
    while (a.scale > 0 && a.mantissa % 10 == 0) {
        a.mantissa /= 10;
        a.scale -= 1;
    }
    return a;
}

/* Read decimal text, keeping the places as written where they fit: TT_OK, TT_E_CORRUPT,
 * TT_E_OVERFLOW. */
static inline int tt_scaled_parse(const char *text, size_t length, tt_scaled *out)
{
    tt_decimal d;
    const int rc = tt_decimal_read(text, length, &d);
    if (rc != TT_OK) {
        return rc;
    }
    if (d.digits == 0) {
        out->mantissa = 0;
        out->scale = (uint8_t)(d.places > TT_SCALE_MAX ? TT_SCALE_MAX : d.places);
        return TT_OK;
    }
    const int least = d.exponent < 0 ? -d.exponent : 0;
    const int shift = d.exponent + least;
    if (least > TT_SCALE_MAX || shift > TT_SCALE_MAX || !tt_fits64(d.digits)) {
        return TT_E_OVERFLOW;
    }
    int64_t mantissa;
    if (tt_mul64((int64_t)d.digits, tt_pow10[shift], &mantissa) != TT_OK) {
        return TT_E_OVERFLOW;
    }
    int scale = least;
    while (scale < d.places && scale < TT_SCALE_MAX && tt_mul64(mantissa, 10, &mantissa) == TT_OK) {
        scale += 1;
    }
    out->mantissa = mantissa;
    out->scale = (uint8_t)scale;
    return TT_OK;
}

/* Longest text: sign, 19 digits, point, and the zero ahead of it. */
#define TT_SCALED_TEXT_MAX 24

/* Exact decimal text with all `scale` places, no terminator; returns its length. `out` has
 * TT_SCALED_TEXT_MAX bytes. */
static inline size_t tt_scaled_text(tt_scaled a, char *out)
{
    char digits[TT_SCALED_TEXT_MAX];
    uint64_t m = a.mantissa < 0 ? 0 - (uint64_t)a.mantissa : (uint64_t)a.mantissa;
    size_t n = 0;
    while (m != 0 || n <= a.scale) {
        digits[n++] = (char)('0' + m % 10);
        m /= 10;
    }
    size_t at = 0;
    if (a.mantissa < 0) {
        out[at++] = '-';
    }
    while (n > 0) {
        if (n == a.scale) {
            out[at++] = '.';
        }
        out[at++] = digits[--n];
    }
    return at;
}

#endif
