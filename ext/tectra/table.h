/* Open-addressing table u64 -> u32 over memory of the caller: linear probing, deletion by shifting
 * back.
 *
 * No tombstones, so a table that lives for months does not decay. Load stays at or below one half,
 * which bounds the expected probe at 1.5 and every loop by the capacity. Value 0 means "no entry".
 */
#ifndef TECTRA_TABLE_H
#define TECTRA_TABLE_H

#include "base.h"

typedef struct {
    uint64_t key;
    uint32_t value, pad;
} tt_table_entry;
_Static_assert(sizeof(tt_table_entry) == 16, "tt_table_entry: size");

typedef struct {
    tt_table_entry *entries;
    uint32_t cap, count; /* cap: a power of two */
} tt_table;

static inline size_t tt_table_bytes(uint32_t cap)
{
    return (size_t)cap * sizeof(tt_table_entry);
}

/* `zeroed` holds tt_table_bytes(cap) zero bytes. */
static inline void tt_table_init(tt_table *t, void *zeroed, uint32_t cap)
{
    TT_ASSERT(cap >= 2 && (cap & (cap - 1)) == 0);
    t->entries = (tt_table_entry *)zeroed;
    t->cap = cap;
    t->count = 0;
}

/* Order references come as dense runs or as random words: mix both ways before taking low bits. */
static inline uint32_t tt_table_home(const tt_table *t, uint64_t key)
{
    key ^= key >> 32;
    key *= 0x9E3779B97F4A7C15u;
    return (uint32_t)(key >> 32) & (t->cap - 1);
}

static inline int tt_table_is_full(const tt_table *t)
{
    return t->count >= t->cap / 2;
}

static inline tt_table_entry *tt_table_find(const tt_table *t, uint64_t key)
{
    uint32_t i = tt_table_home(t, key);
    for (uint32_t n = 0; n < t->cap; n++, i = (i + 1) & (t->cap - 1)) {
        tt_table_entry *e = &t->entries[i];
        if (e->value == 0)
            return NULL;
        if (e->key == key)
            return e;
    }
    return NULL;
}

static inline uint32_t tt_table_get(const tt_table *t, uint64_t key)
{
    if (t->count == 0)
        return 0;
    const tt_table_entry *e = tt_table_find(t, key);
    return e ? e->value : 0;
}

/* Insert or overwrite. TT_E_FULL: the owner must grow. */
static inline int tt_table_put(tt_table *t, uint64_t key, uint32_t value)
{
    TT_ASSERT(value != 0);
    uint32_t i = tt_table_home(t, key);
    for (uint32_t n = 0; n < t->cap; n++, i = (i + 1) & (t->cap - 1)) {
        tt_table_entry *e = &t->entries[i];
        if (e->value == 0) {
            if (tt_table_is_full(t))
                return TT_E_FULL;
            e->key = key;
            e->value = value;
            t->count++;
            return TT_OK;
        }
        if (e->key == key) {
            e->value = value;
            return TT_OK;
        }
    }
    return TT_E_FULL;
}

static inline int tt_table_erase(tt_table *t, uint64_t key)
{
    tt_table_entry *found = t->count ? tt_table_find(t, key) : NULL;
    if (!found)
        return TT_E_EMPTY;
    const uint32_t mask = t->cap - 1;
    uint32_t hole = (uint32_t)(found - t->entries), i = hole;
    for (uint32_t n = 0; n < t->cap; n++) {
        i = (i + 1) & mask;
        const tt_table_entry *e = &t->entries[i];
        if (e->value == 0)
            break;
        if (((i - tt_table_home(t, e->key)) & mask) >= ((i - hole) & mask)) {
            t->entries[hole] = *e;
            hole = i;
        }
    }
    t->entries[hole].key = 0;
    t->entries[hole].value = 0;
    t->count--;
    return TT_OK;
}

/* Move to larger zeroed memory; returns the old memory for the owner to free. */
static inline void *tt_table_regrow(tt_table *t, void *zeroed, uint32_t cap)
{
    const tt_table old = *t;
    tt_table_init(t, zeroed, cap);
    for (uint32_t i = 0; i < old.cap; i++)
        if (old.entries[i].value)
            (void)tt_table_put(t, old.entries[i].key, old.entries[i].value);
    TT_ASSERT(t->count == old.count);
    return old.entries;
}

#endif
