/* Index pools over memory of the caller: single items, and blocks of 2^k units.
 *
 * Everything is an index, so the owner may move the memory and go on. Index 0 is "none". Freed
 * items are reused last in, first out: the item that was freed last is the one still in the cache.
 */
#ifndef TECTRA_POOL_H
#define TECTRA_POOL_H

#include <string.h>

#include "base.h"

/* Items 1..cap-1; `free` heads a list that runs through one uint32_t of each free item. */
typedef struct {
    uint32_t cap, used, free, live;
} tt_pool;

static inline void tt_pool_init(tt_pool *p, uint32_t cap)
{
    TT_ASSERT(cap >= 1);
    p->cap = cap;
    p->used = 1;
    p->free = 0;
    p->live = 0;
}

static inline int tt_pool_is_full(const tt_pool *p)
{
    return p->free == 0 && p->used >= p->cap;
}

/* The index that the next take will give; 0 when full. */
static inline uint32_t tt_pool_peek(const tt_pool *p)
{
    if (p->free)
        return p->free;
    return p->used < p->cap ? p->used : 0;
}

/* Take what tt_pool_peek gave; `link` is the list word of that item. */
static inline void tt_pool_take(tt_pool *p, uint32_t index, const uint32_t *link)
{
    TT_ASSERT(index != 0 && index == tt_pool_peek(p));
    if (p->free)
        p->free = *link;
    else
        p->used++;
    p->live++;
}

static inline void tt_pool_give(tt_pool *p, uint32_t index, uint32_t *link)
{
    TT_ASSERT(index != 0 && index < p->used && p->live > 0);
    *link = p->free;
    p->free = index;
    p->live--;
}

/* Blocks of (TT_BLOCK_MIN << class) units inside an arena of `cap` units of 16 bytes. */
#define TT_BLOCK_MIN 8u
#define TT_BLOCK_CLASSES 24u

typedef struct {
    uint32_t cap, used;
    uint32_t free[TT_BLOCK_CLASSES];
} tt_blocks;

static inline void tt_blocks_init(tt_blocks *p, uint32_t cap)
{
    memset(p, 0, sizeof *p);
    p->cap = cap;
    p->used = TT_BLOCK_MIN; /* offset 0 is "none" */
}

static inline uint32_t tt_block_units(uint32_t cls)
{
    TT_ASSERT(cls < TT_BLOCK_CLASSES);
    return TT_BLOCK_MIN << cls;
}

/* Offset of a block, 0 when the arena is full. `arena` holds 16-byte units. */
static inline uint32_t tt_block_take(tt_blocks *p, void *arena, uint32_t cls)
{
    const uint32_t units = tt_block_units(cls);
    const uint32_t head = p->free[cls];
    if (head) {
        memcpy(&p->free[cls], (const char *)arena + (size_t)head * 16, sizeof(uint32_t));
        return head;
    }
    if (p->used > p->cap || p->cap - p->used < units)
        return 0;
    p->used += units;
    return p->used - units;
}

static inline void tt_block_give(tt_blocks *p, void *arena, uint32_t cls, uint32_t offset)
{
    TT_ASSERT(offset != 0 && offset < p->used);
    memcpy((char *)arena + (size_t)offset * 16, &p->free[cls], sizeof(uint32_t));
    p->free[cls] = offset;
}

#endif
