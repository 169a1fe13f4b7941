/* Book checksums as venues publish them: CRC-32 (IEEE 802.3, zlib's) over the decimal text of the
 * best levels, rebuilt from mantissas. "123456789" gives 0xcbf43926.
 *
 * Two text forms. Digits: the number at a fixed count of places, without point and leading zeros
 * (Kraken). Plain: the number with no zero that it does not need (OKX). Cost: some 30 ns a level.
 * No state; any thread. */
#ifndef TECTRA_BOOK_SUM_H
#define TECTRA_BOOK_SUM_H

#include "base.h"

#include <stddef.h>

#define TT_SUM_SHIFT_MAX 36
/* 19 digits, and what a shift or the places ahead of them add. */
#define TT_SUM_TEXT_MAX (20 + TT_SUM_SHIFT_MAX + 2)

/* Remainder of each half byte; polynomial 0x04c11db7, reflected 0xedb88320. */
static const uint32_t tt_crc32_half_[16] = {
    0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
    0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
    0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
};

/* The sum of `crc`'s text and then of this text; 0 for no text. */
static inline uint32_t tt_crc32(uint32_t crc, const char *text, size_t length)
{
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)text[i];
        crc = (crc >> 4) ^ tt_crc32_half_[crc & 15];
        crc = (crc >> 4) ^ tt_crc32_half_[crc & 15];
    }
    return ~crc;
}

/* Digits of a mantissa, most significant first, at least one; returns how many. */
static inline size_t tt_sum_digits_(uint64_t mantissa, char *out)
{
    char back[20];
    size_t n = 0;
    do {
        back[n++] = (char)('0' + mantissa % 10);
        mantissa /= 10;
    } while (mantissa != 0);
    for (size_t i = 0; i < n; i++) {
        out[i] = back[n - 1 - i];
    }
    return n;
}

/* Text of mantissa * 10^shift, a whole number; 0 where it is none, or is negative. */
static inline size_t tt_sum_digits(int64_t mantissa, int shift, char *out)
{
    if (mantissa < 0 || shift < -TT_SUM_SHIFT_MAX || shift > TT_SUM_SHIFT_MAX) {
        return 0;
    }
    while (shift < 0) {
        if (mantissa % 10 != 0) {
            return 0;
        }
        mantissa /= 10;
        shift += 1;
    }
    size_t n = tt_sum_digits_((uint64_t)mantissa, out);
    while (shift > 0 && mantissa != 0) {
        out[n++] = '0';
        shift -= 1;
    }
    return n;
}

/* Text of mantissa * 10^exponent without zeros at the end of its places; 0 where it is negative or
 * too long. */
static inline size_t tt_sum_plain(int64_t mantissa, int exponent, char *out)
{
    if (exponent >= 0) {
        return tt_sum_digits(mantissa, exponent, out);
    }
    if (mantissa < 0 || exponent < -TT_SUM_SHIFT_MAX) {
        return 0;
    }
    while (exponent < 0 && mantissa % 10 == 0) {
        mantissa /= 10;
        exponent += 1;
    }
    if (exponent == 0) {
        return tt_sum_digits_((uint64_t)mantissa, out);
    }
    char digits[20];
    const size_t places = (size_t)-exponent;
    const size_t n = tt_sum_digits_((uint64_t)mantissa, digits);
    const size_t whole = n > places ? n - places : 0;
    size_t at = 0;
    for (size_t i = 0; i < whole; i++) {
        out[at++] = digits[i];
    }
    if (whole == 0) {
        out[at++] = '0';
    }
    out[at++] = '.';
    for (size_t i = n; i < places; i++) {
        out[at++] = '0';
    }
    for (size_t i = whole; i < n; i++) {
        out[at++] = digits[i];
    }
    return at;
}

/* Add levels in the digits form: price, quantity, price, quantity. TT_OK, or TT_E_RANGE at a number
 * that is none at these places. */
static inline int tt_sum_add_digits(uint32_t *crc, const int64_t *px, const int64_t *qty,
                                    uint32_t levels, const int shifts[2])
{
    char text[2 * TT_SUM_TEXT_MAX];
    for (uint32_t i = 0; i < levels; i++) {
        const size_t a = tt_sum_digits(px[i], shifts[0], text);
        const size_t b = tt_sum_digits(qty[i], shifts[1], text + a);
        if (a == 0 || b == 0) {
            return TT_E_RANGE;
        }
        *crc = tt_crc32(*crc, text, a + b);
    }
    return TT_OK;
}

/* Add one level in the plain form, "price:quantity", after a colon unless it is the first.
 * TT_OK, TT_E_RANGE. */
static inline int tt_sum_add_plain(uint32_t *crc, int64_t px, int64_t qty, const int exponents[2],
                                   int is_first)
{
    char text[2 * TT_SUM_TEXT_MAX + 2];
    size_t n = 0;
    if (!is_first) {
        text[n++] = ':';
    }
    const size_t a = tt_sum_plain(px, exponents[0], text + n);
    text[n + a] = ':';
    const size_t b = tt_sum_plain(qty, exponents[1], text + n + a + 1);
    if (a == 0 || b == 0) {
        return TT_E_RANGE;
    }
    *crc = tt_crc32(*crc, text, n + a + 1 + b);
    return TT_OK;
}

#endif
