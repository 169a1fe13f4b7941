/* Records to columns: a block of records is sorted by template, then each field of each template is
 * copied in a loop of its own, while the block lies in the first cache.
 *
 * Memory is the caller's; loops end with the slots. Owner: the thread of the columns. */
#ifndef TECTRA_SCATTER_H
#define TECTRA_SCATTER_H

#include <string.h>

#include "base.h"
#include "msg.h"

enum {
    TT_SCATTER_BLOCK = 512,       /* slots: 32 kB */
    TT_SCATTER_COLUMNS_MAX = 64,  /* of one template; and one for the numbers of records */
};

typedef struct {
    uint8_t *to;       /* room for the table's `cap` values */
    uint32_t offset;   /* of the field in the record */
    uint32_t bytes;    /* of one value */
} tt_scatter_column;

/* The records of one template. */
typedef struct {
    tt_scatter_column columns[TT_SCATTER_COLUMNS_MAX];
    uint64_t *numbers; /* of the records in the stream, or NULL */
    uint64_t rows;
    uint64_t cap;
    uint32_t count; /* of columns */
    uint32_t wanted;
} tt_scatter_table;

/* Where a record of the block is. */
typedef struct {
    uint16_t offset;
    uint16_t number; /* among all of the block */
} tt_scatter_place;

typedef struct {
    tt_scatter_table tables[TT_T_END];
    uint64_t number;                          /* records met so far */
    uint32_t n[TT_T_END];                     /* of the block */
    tt_scatter_place at[TT_T_END][TT_SCATTER_BLOCK];
} tt_scatter;

/* The message header of a 64-byte record of this version, less its template. */
#define TT_SCATTER_HEAD                                                                            \
    ((uint64_t)(TT_SLOT_BYTES - 8) | (uint64_t)TT_SCHEMA_ID << 32 |                                \
     (uint64_t)TT_SCHEMA_VERSION << 48)

/* Slots of the record whose message header this is; 0 when it is none of ours or not of its full
 * length. A header of an older version of the schema will do. */
static inline uint32_t tt_scatter_width(uint64_t head)
{
    const uint32_t template_id = (uint32_t)(head >> 16) & 0xffff;
    const uint32_t bytes = (uint32_t)(head & 0xffff) + 8;
    const uint32_t version = (uint32_t)(head >> 48);
    const int known = (uint16_t)(head >> 32) == TT_SCHEMA_ID && version - 1 < TT_SCHEMA_VERSION
                      && template_id < TT_T_END && tt_template_bytes[template_id] == bytes;
    return known ? bytes / TT_SLOT_BYTES : 0;
}

/* Sort the records that begin in the first TT_SCATTER_BLOCK of n slots by template; zero slots are
 * passed over. *used: slots; *records: among them. TT_OK, or TT_E_CORRUPT for what begins at *used.
 */
static inline int tt_scatter_sort(tt_scatter *s, const uint8_t *slots, uint64_t n, uint32_t *used,
                                  uint32_t *records)
{
    const uint32_t last = n < TT_SCATTER_BLOCK ? (uint32_t)n : TT_SCATTER_BLOCK;
    uint32_t i = 0, k = 0;
    int rc = TT_OK;
    memset(s->n, 0, sizeof s->n);
    while (i < last) {
        const uint32_t begin = i;
        uint64_t head;
        memcpy(&head, slots + (uint64_t)i * TT_SLOT_BYTES, sizeof head);
        const uint32_t t = (uint32_t)(head >> 16) & 0xffff;
        /* A branch for the usual width and not a sum: the next slot is then guessed, and its load
         * does not wait for this one. */
        if (TT_LIKELY(head - ((uint64_t)t << 16) == TT_SCATTER_HEAD && t < TT_T_END
                      && tt_template_bytes[t] == TT_SLOT_BYTES)) {
            i++;
        } else {
            const uint32_t width = tt_scatter_width(head);
            if (width == 0 || width > n - i) {
                if (head == 0) {
                    i++;
                    continue;
                }
                rc = TT_E_CORRUPT;
                break;
            }
            i += width;
        }
        s->at[t][s->n[t]++] = (tt_scatter_place){(uint16_t)(begin * TT_SLOT_BYTES), (uint16_t)k};
        k++;
    }
    *used = i;
    *records = k;
    return rc;
}

#define TT_SCATTER_LOOP(TYPE)                                                                      \
    _Pragma("GCC unroll 4") for (uint32_t i = 0; i < n; i++)                                       \
    {                                                                                              \
        TYPE value;                                                                                \
        memcpy(&value, from + at[i].offset, sizeof value);                                         \
        ((TYPE *)(void *)to)[i] = value;                                                           \
    }

/* Copy one field of n records of a block behind the first `rows` values of its column. */
static inline void tt_scatter_field(const tt_scatter_column *c, const uint8_t *slots,
                                    const tt_scatter_place *restrict at, uint32_t n, uint64_t rows)
{
    const uint8_t *from = slots + c->offset;
    uint8_t *restrict to = c->to + rows * c->bytes;
    TT_ASSERT(n <= TT_SCATTER_BLOCK && c->offset + c->bytes <= TT_RECORD_BYTES_MAX);
    switch (c->bytes) {
    case 1:
        TT_SCATTER_LOOP(uint8_t)
        return;
    case 2:
        TT_SCATTER_LOOP(uint16_t)
        return;
    case 4:
        TT_SCATTER_LOOP(uint32_t)
        return;
    case 8:
        TT_SCATTER_LOOP(uint64_t)
        return;
    default:
        for (uint32_t i = 0; i < n; i++)
            memcpy(to + (uint64_t)i * c->bytes, from + at[i].offset, c->bytes);
    }
}

/* Whether a wanted table has no room for its records of the block. */
static inline int tt_scatter_full(const tt_scatter *s, uint32_t t)
{
    const tt_scatter_table *table = &s->tables[t];
    return table->wanted && s->n[t] > table->cap - table->rows;
}

/* Append n slots. *done: slots dealt with, whole blocks. Returns TT_OK; TT_E_FULL when a table has
 * no room for the next block (make it where tt_scatter_full says so, then call again with the
 * rest); TT_E_CORRUPT when what begins at slot *done is no record or cut: the rows of the call are
 * then the caller's to take back. */
static inline int tt_scatter_add(tt_scatter *s, const uint8_t *slots, uint64_t n, uint64_t *done)
{
    uint64_t i = 0;
    int rc = TT_OK;
    while (i < n && rc == TT_OK) {
        const uint8_t *block = slots + i * TT_SLOT_BYTES;
        uint32_t used = 0, records = 0;
        rc = tt_scatter_sort(s, block, n - i, &used, &records);
        if (rc != TT_OK) {
            i += used;
            break;
        }
        for (uint32_t t = 0; t < TT_T_END; t++)
            rc = tt_scatter_full(s, t) ? TT_E_FULL : rc;
        if (rc != TT_OK)
            break;
        for (uint32_t t = 0; t < TT_T_END; t++) {
            tt_scatter_table *table = &s->tables[t];
            const uint32_t m = s->n[t];
            if (m == 0 || !table->wanted)
                continue;
            for (uint32_t c = 0; c < table->count; c++)
                tt_scatter_field(&table->columns[c], block, s->at[t], m, table->rows);
            for (uint32_t k = 0; table->numbers != NULL && k < m; k++)
                table->numbers[table->rows + k] = s->number + s->at[t][k].number;
            table->rows += m;
        }
        s->number += records;
        i += used;
    }
    *done = i;
    return rc;
}

#endif
