/* Hash tables of the explorer: known states, different executions, outcomes. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t key; /* 0: free */
    double executions;
} entry;

static entry *entries;
static uint64_t room, used;

#define ROOM_FIRST (1ull << 16)
#define ROOM_MOST (1ull << 26) /* 1 GiB: beyond, states are not remembered, only visited again */

static uint64_t *outcomes;
static size_t outcome_count, outcome_room;

void tm_table_reset(void)
{
    free(entries);
    room = ROOM_FIRST;
    used = 0;
    entries = calloc(room, sizeof(entry));
    outcome_count = 0;
    if (entries == NULL)
        abort();
}

static entry *slot_of(uint64_t key)
{
    uint64_t at = key * 0xd6e8feb86659fd93ull >> 20;
    while (entries[at & (room - 1)].key != 0 && entries[at & (room - 1)].key != key)
        at++;
    return &entries[at & (room - 1)];
}

double *tm_table_find(uint64_t key)
{
    entry *e = slot_of(key != 0 ? key : 1);
    return e->key != 0 ? &e->executions : NULL;
}

static void grow(void)
{
    entry *old = entries;
    const uint64_t n = room;
    room *= 4;
    entries = calloc(room, sizeof(entry));
    if (entries == NULL)
        abort();
    for (uint64_t i = 0; i < n; i++)
        if (old[i].key != 0)
            *slot_of(old[i].key) = old[i];
    free(old);
}

void tm_table_put(uint64_t key, double executions)
{
    if (used > room / 2) {
        if (room >= ROOM_MOST)
            return;
        grow();
    }
    entry *e = slot_of(key != 0 ? key : 1);
    used += e->key == 0;
    *e = (entry){key != 0 ? key : 1, executions};
}

int tm_set_add(uint64_t key)
{
    if (tm_table_find(key) != NULL)
        return 0;
    tm_table_put(key, 0);
    return 1;
}

void tm_outcome(uint64_t value)
{
    size_t at = 0;
    while (at < outcome_count && outcomes[at] < value)
        at++;
    if (at < outcome_count && outcomes[at] == value)
        return;
    if (outcome_count == outcome_room) {
        outcome_room = outcome_room * 2 + 64;
        outcomes = realloc(outcomes, outcome_room * sizeof *outcomes);
        if (outcomes == NULL)
            abort();
    }
    memmove(outcomes + at + 1, outcomes + at, (outcome_count - at) * sizeof *outcomes);
    outcomes[at] = value;
    outcome_count++;
}

size_t tm_outcomes(const uint64_t **values)
{
    *values = outcomes;
    return outcome_count;
}
