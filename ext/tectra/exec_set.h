/* Execution ids seen: an execution that comes twice is booked once.
 *
 * The key is (order_id, exec_id), since some venues number executions by symbol. The last
 * `capacity` executions are kept, first in first out. A repeated id with another price or quantity
 * is a conflict: not booked, and for a person to judge. Memory is the caller's. Owner: the thread
 * of the order table. A look-up costs one probe, mostly.
 */
#ifndef TECTRA_EXEC_SET_H
#define TECTRA_EXEC_SET_H

#include "base.h"

typedef struct {
    uint64_t order_id, exec_id;
    int64_t px, qty;
} tt_exec;

typedef struct {
    tt_exec *ring;   /* [capacity], oldest overwritten */
    uint32_t *index; /* [mask + 1], ring position + 1; 0 is free */
    uint64_t n;      /* ever added */
    uint32_t capacity, mask;
} tt_exec_set;

enum { TT_EXEC_NEW = 0, TT_EXEC_DUPLICATE = 1, TT_EXEC_CONFLICT = 2 };

/* Index cells for `capacity` entries: a power of two, at most half of them used. */
static inline uint32_t tt_index_cells(uint32_t capacity)
{
    uint32_t cells = 4;
    TT_ASSERT(capacity <= 1u << 29);
    while (cells < capacity * 2u)
        cells <<= 1;
    return cells;
}

static inline size_t tt_exec_set_bytes(uint32_t capacity)
{
    return sizeof(tt_exec) * capacity + sizeof(uint32_t) * tt_index_cells(capacity);
}

/* `memory`: tt_exec_set_bytes zeroed bytes. Capacity 0 turns the check off. */
static inline void tt_exec_set_init(tt_exec_set *s, void *memory, uint32_t capacity)
{
    s->ring = (tt_exec *)memory;
    s->index = (uint32_t *)(void *)(s->ring + capacity);
    s->n = 0;
    s->capacity = capacity;
    s->mask = tt_index_cells(capacity) - 1;
}

static inline uint32_t tt_exec_home_(const tt_exec_set *s, uint64_t order_id, uint64_t exec_id)
{
    const uint64_t h = (order_id * 0x9E3779B97F4A7C15u) ^ (exec_id * 0xC2B2AE3D27D4EB4Fu);
    return (uint32_t)((h ^ h >> 32) * 0x9E3779B97F4A7C15u >> 32) & s->mask;
}

/* Take the oldest out: cells behind it move up, so that a probe never needs tombstones. */
static inline void tt_exec_drop_(tt_exec_set *s, uint32_t at)
{
    const tt_exec *old = &s->ring[at];
    uint32_t hole = tt_exec_home_(s, old->order_id, old->exec_id);
    for (uint32_t i = 0; i <= s->mask && s->index[hole] != at + 1; i++)
        hole = (hole + 1) & s->mask;
    TT_ASSERT(s->index[hole] == at + 1);
    uint32_t next = hole;
    for (uint32_t i = 0; i < s->mask; i++) {
        next = (next + 1) & s->mask;
        if (s->index[next] == 0)
            break;
        const tt_exec *e = &s->ring[s->index[next] - 1];
        const uint32_t home = tt_exec_home_(s, e->order_id, e->exec_id);
        if (((next - home) & s->mask) >= ((next - hole) & s->mask)) {
            s->index[hole] = s->index[next];
            hole = next;
        }
    }
    s->index[hole] = 0;
}

/* Look an execution up, and remember it when it is new. TT_EXEC_NEW, _DUPLICATE or _CONFLICT.
 * exec_id 0 is "no id": always new. */
static inline int tt_exec_set_add(tt_exec_set *s, uint64_t order_id, uint64_t exec_id, int64_t px,
                                  int64_t qty)
{
    if (s->capacity == 0 || exec_id == 0)
        return TT_EXEC_NEW;
    uint32_t cell = tt_exec_home_(s, order_id, exec_id);
    for (uint32_t i = 0; i <= s->mask && s->index[cell] != 0; i++) {
        const tt_exec *e = &s->ring[s->index[cell] - 1];
        if (e->exec_id == exec_id && e->order_id == order_id)
            return e->px == px && e->qty == qty ? TT_EXEC_DUPLICATE : TT_EXEC_CONFLICT;
        cell = (cell + 1) & s->mask;
    }
    const uint32_t at = (uint32_t)(s->n % s->capacity);
    if (s->n >= s->capacity) {
        tt_exec_drop_(s, at);
        cell = tt_exec_home_(s, order_id, exec_id);
        for (uint32_t i = 0; i <= s->mask && s->index[cell] != 0; i++)
            cell = (cell + 1) & s->mask;
    }
    TT_ASSERT(s->index[cell] == 0);
    s->ring[at] = (tt_exec){order_id, exec_id, px, qty};
    s->index[cell] = at + 1;
    s->n++;
    return TT_EXEC_NEW;
}

#endif
