/* Columns of 64-bit words taken out of records, as byte planes that compress: the word of each
 * record, less what the one before it says, byte 0 of all rows, then byte 1 and so on. Planes that
 * are the same in every row are kept once. Memory is the caller's; loops end with the rows. */
#ifndef TECTRA_COLUMN_H
#define TECTRA_COLUMN_H

#include <string.h>

#include "base.h"

enum {
    TT_COLUMN_RAW = 0,
    TT_COLUMN_DELTA = 1,  /* less the word of the row before, zigzag */
    TT_COLUMN_BESIDE = 2, /* less the word before it in the same row, zigzag */
    TT_COLUMN_FORMS = 3,
    TT_COLUMN_CHUNK = 1024, /* rows that stay in the first cache */
};

/* A column as it is stored: `varying` has a bit for each byte plane that follows, low byte first;
 * `base` has the bytes of the others. */
typedef struct {
    uint8_t form;
    uint8_t varying;
    uint8_t reserved[6];
    uint64_t base;
} tt_column;

/* Where the words are: word `word` of the 64-byte slot at[i]. */
typedef struct {
    uint8_t *slots;
    const uint32_t *at;
    uint64_t rows;
    uint32_t word;
} tt_column_place;

static inline uint64_t tt_column_zig(uint64_t d)
{
    return (d << 1) ^ (uint64_t)((int64_t)d >> 63);
}

static inline uint64_t tt_column_unzig(uint64_t z)
{
    return (z >> 1) ^ (0 - (z & 1));
}

static inline uint64_t *tt_column_at(const tt_column_place *p, uint64_t row)
{
    return (uint64_t *)(void *)(p->slots + (uint64_t)p->at[row] * 64) + p->word;
}

/* Bit i: byte i of the word is not 0. */
static inline uint8_t tt_column_bytes(uint64_t word)
{
    uint8_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (uint8_t)((((word >> (8 * i)) & 0xFF) != 0) << i);
    return bits;
}

/* Write the planes of a column to `out`, which has room for 8 * rows; `temp` for rows words.
 * Returns the bytes written. */
static inline uint64_t tt_column_encode(const tt_column_place *p, uint8_t form, uint64_t *temp,
                                        tt_column *column, uint8_t *out)
{
    uint64_t before = 0, differ = 0, used = 0;
    TT_ASSERT(form < TT_COLUMN_FORMS && (form != TT_COLUMN_BESIDE || p->word > 0));
    for (uint64_t i = 0; i < p->rows; i++) {
        const uint64_t *word = tt_column_at(p, i);
        uint64_t v = *word;
        if (form == TT_COLUMN_DELTA) {
            v = tt_column_zig(v - before);
            before = *word;
        } else if (form == TT_COLUMN_BESIDE) {
            v = tt_column_zig(v - word[-1]);
        }
        temp[i] = v;
        differ |= v ^ temp[0];
    }
    memset(column, 0, sizeof(*column));
    column->form = form;
    column->varying = tt_column_bytes(differ);
    column->base = p->rows > 0 ? temp[0] : 0;
    for (int b = 0; b < 8; b++) {
        if (!(column->varying >> b & 1))
            continue;
        for (uint64_t i = 0; i < p->rows; i++)
            out[used + i] = (uint8_t)(temp[i] >> (8 * b));
        used += p->rows;
    }
    return used;
}

/* Bytes of planes that a column with so many rows has. */
static inline uint64_t tt_column_size(const tt_column *column, uint64_t rows)
{
    return (uint64_t)__builtin_popcount(column->varying) * rows;
}

/* Write the words of a column back. The word before it in each row must be there already. Returns
 * TT_OK, or TT_E_CORRUPT for a form that does not exist. */
static inline int tt_column_decode(const tt_column_place *p, const tt_column *column,
                                   const uint8_t *planes)
{
    uint64_t temp[TT_COLUMN_CHUNK], fixed = column->base, before = 0;
    if (column->form >= TT_COLUMN_FORMS || (column->form == TT_COLUMN_BESIDE && p->word == 0))
        return TT_E_CORRUPT;
    for (int b = 0; b < 8; b++)
        if (column->varying >> b & 1)
            fixed &= ~(0xFFull << (8 * b));
    for (uint64_t start = 0; start < p->rows; start += TT_COLUMN_CHUNK) {
        const uint64_t left = p->rows - start;
        const uint64_t n = left < TT_COLUMN_CHUNK ? left : TT_COLUMN_CHUNK;
        const uint8_t *plane = planes + start;
        for (uint64_t i = 0; i < n; i++)
            temp[i] = fixed;
        for (int b = 0; b < 8; b++) {
            if (!(column->varying >> b & 1))
                continue;
            for (uint64_t i = 0; i < n; i++)
                temp[i] |= (uint64_t)plane[i] << (8 * b);
            plane += p->rows;
        }
        for (uint64_t i = 0; i < n; i++) {
            uint64_t *word = tt_column_at(p, start + i);
            uint64_t v = temp[i];
            if (column->form == TT_COLUMN_DELTA) {
                before += tt_column_unzig(v);
                v = before;
            } else if (column->form == TT_COLUMN_BESIDE) {
                v = word[-1] + tt_column_unzig(v);
            }
            *word = v;
        }
    }
    return TT_OK;
}

#endif
