/* A table that grows, and what can be wrong with that: the instrument of alloc_fault.c must find
 * every one of these. Built with PLANTED as 0 (sound) to 4. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLANTED
#define PLANTED 0
#endif

typedef struct {
    uint64_t *cells;
    uint64_t *seen;
    uint64_t n, cap;
} table;

static table it;

/* 0, or -1 when there is no memory: then nothing changes. */
int planted_put(uint64_t value)
{
    if (it.n == it.cap) {
        const uint64_t cap = it.cap ? 2 * it.cap : 4;
        uint64_t *cells = calloc(cap, sizeof(*cells));
        if (cells == NULL && PLANTED != 1) /* 1: nobody looks */
            return -1;
        if (it.n)
            memcpy(cells, it.cells, it.n * sizeof(*cells));
        if (PLANTED == 2) /* 2: the old one is gone before the second is there */
            it.n = 0;
        uint64_t *seen = calloc(cap, sizeof(*seen));
        if (seen == NULL) {
            if (PLANTED == 4) /* 4: told as done */
                return 0;
            if (PLANTED != 3) /* 3: the first is lost */
                free(cells);
            return -1;
        }
        free(it.cells);
        free(it.seen);
        it.cells = cells;
        it.seen = seen;
        it.cap = cap;
    }
    it.cells[it.n++] = value;
    return 0;
}

uint64_t planted_digest(void)
{
    uint64_t sum = it.n;
    for (uint64_t i = 0; i < it.n; i++)
        sum = sum * 31 + it.cells[i];
    return sum;
}

void planted_drop(void)
{
    free(it.cells);
    free(it.seen);
    memset(&it, 0, sizeof(it));
}
