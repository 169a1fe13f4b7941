/* The yardstick: an order-by-order book as one writes it in an afternoon. Two chained hash tables
 * (orders by reference, levels by symbol, side and price), FIFO queues, and a search tick by tick
 * for the next best price when the best level goes. No batches, no prefetch. */
#ifndef BOOK_PLAIN_H
#define BOOK_PLAIN_H

#include <sys/mman.h>
#include <tectra/itch.h>

/* Zeroed memory that may use huge pages, for both books alike. */
static void *fresh(size_t bytes)
{
    const size_t huge = (size_t)2 << 20, room = (bytes + 2 * huge - 1) / huge * huge;
    char *p = mmap(NULL, room + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    p += (huge - (uintptr_t)p % huge) % huge;
    madvise(p, room, MADV_HUGEPAGE);
    return p;
}

enum { PLAIN_TICK = 100, PLAIN_SEARCH = 4000 };

typedef struct plain_level {
    struct plain_level *chain;
    struct plain_order *head, *tail;
    int64_t qty;
    uint32_t px, key;
} plain_level;

typedef struct plain_order {
    struct plain_order *chain, *next, *prev;
    plain_level *level;
    uint64_t ref;
    int64_t qty;
} plain_order;

typedef struct {
    uint32_t best[2]; /* 0: none */
    uint32_t lowest, highest;
} plain_symbol;

typedef struct {
    plain_order **by_ref, *orders, *free_orders;
    plain_level **by_px, *levels, *free_levels;
    plain_symbol *symbols;
    size_t buckets, orders_used, levels_used, symbol_count, messages;
} plain_book;

static size_t plain_bucket(const plain_book *b, uint64_t key)
{
    return (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & (b->buckets - 1);
}

static plain_book *plain_make(size_t symbols, size_t messages)
{
    plain_book *b = calloc(1, sizeof *b);
    if (!b)
        abort();
    b->buckets = (size_t)1 << 21;
    b->messages = messages;
    b->symbol_count = symbols;
    b->by_ref = fresh(b->buckets * sizeof *b->by_ref);
    b->by_px = fresh(b->buckets * sizeof *b->by_px);
    b->orders = fresh((messages + 1) * sizeof *b->orders);
    b->levels = fresh((messages + 1) * sizeof *b->levels);
    b->symbols = fresh(symbols * sizeof *b->symbols);
    return b;
}

static void plain_clear(plain_book *b)
{
    memset(b->by_ref, 0, b->buckets * sizeof *b->by_ref);
    memset(b->by_px, 0, b->buckets * sizeof *b->by_px);
    memset(b->symbols, 0, b->symbol_count * sizeof *b->symbols);
    b->orders_used = b->levels_used = 0;
    b->free_orders = NULL;
    b->free_levels = NULL;
}

static plain_level **plain_find_level(plain_book *b, uint32_t key, uint32_t px)
{
    plain_level **at = &b->by_px[plain_bucket(b, (uint64_t)key << 32 | px)];
    while (*at && ((*at)->px != px || (*at)->key != key))
        at = &(*at)->chain;
    return at;
}

static plain_order **plain_find_order(plain_book *b, uint64_t ref)
{
    plain_order **at = &b->by_ref[plain_bucket(b, ref)];
    while (*at && (*at)->ref != ref)
        at = &(*at)->chain;
    return at;
}

static void plain_add(plain_book *b, uint32_t key, uint64_t ref, uint32_t px, int64_t qty)
{
    plain_level **at = plain_find_level(b, key, px), *level = *at;
    plain_symbol *s = &b->symbols[key >> 1];
    if (!level) {
        level = b->free_levels ? b->free_levels : &b->levels[b->levels_used++];
        if (b->free_levels)
            b->free_levels = level->chain;
        *level = (plain_level){.px = px, .key = key};
        *at = level;
        uint32_t *best = &s->best[key & 1];
        if (!*best || ((key & 1) ? px < *best : px > *best))
            *best = px;
        if (!s->lowest || px < s->lowest)
            s->lowest = px;
        if (px > s->highest)
            s->highest = px;
    }
    plain_order *o = b->free_orders ? b->free_orders : &b->orders[b->orders_used++];
    if (b->free_orders)
        b->free_orders = o->chain;
    plain_order **bucket = &b->by_ref[plain_bucket(b, ref)];
    *o = (plain_order){
        .chain = *bucket, .prev = level->tail, .level = level, .ref = ref, .qty = qty};
    *bucket = o;
    if (level->tail)
        level->tail->next = o;
    else
        level->head = o;
    level->tail = o;
    level->qty += qty;
}

static void plain_drop_level(plain_book *b, plain_level *level)
{
    plain_symbol *s = &b->symbols[level->key >> 1];
    uint32_t *best = &s->best[level->key & 1], px = level->px;
    plain_level **at = plain_find_level(b, level->key, px);
    *at = level->chain;
    if (*best == px) {
        const uint32_t step = (level->key & 1) ? PLAIN_TICK : (uint32_t)-PLAIN_TICK;
        *best = 0;
        for (px += step; px >= s->lowest && px <= s->highest; px += step)
            if (*plain_find_level(b, level->key, px)) {
                *best = px;
                break;
            }
    }
    level->chain = b->free_levels;
    b->free_levels = level;
}

/* Take qty (0: all) from an order; returns its level's key. */
static uint32_t plain_take(plain_book *b, uint64_t ref, int64_t qty)
{
    plain_order **at = plain_find_order(b, ref), *o = *at;
    plain_level *level = o->level;
    const uint32_t key = level->key;
    if (qty == 0)
        qty = o->qty;
    o->qty -= qty;
    level->qty -= qty;
    if (o->qty > 0)
        return key;
    *at = o->chain;
    *(o->prev ? &o->prev->next : &level->head) = o->next;
    *(o->next ? &o->next->prev : &level->tail) = o->prev;
    o->chain = b->free_orders;
    b->free_orders = o;
    if (!level->head)
        plain_drop_level(b, level);
    return key;
}

/* The same sum over the best prices as the subject's. */
static uint64_t plain_top(plain_book *b, uint32_t symbol)
{
    const plain_symbol *s = &b->symbols[symbol];
    const int64_t bid = s->best[0] ? s->best[0] : TT_NO_PX;
    const int64_t ask = s->best[1] ? s->best[1] : TT_NO_PX;
    const int64_t qty = s->best[0] ? (*plain_find_level(b, symbol << 1, s->best[0]))->qty : 0;
    return (uint64_t)(bid ^ ask) + (uint64_t)qty;
}

static uint64_t plain_run(plain_book *b, const uint8_t *p, size_t n)
{
    uint64_t sum = 0;
    for (size_t at = 0; n - at >= 2;) {
        const uint32_t len = tt_be16(p + at);
        const uint8_t *m = p + at + 2;
        const uint32_t symbol = tt_be16(m + 1);
        const uint64_t ref = tt_be64(m + 11);
        if (m[0] == 'A')
            plain_add(b, symbol << 1 | (m[19] == 'S'), ref, tt_be32(m + 32), tt_be32(m + 20));
        else if (m[0] == 'U')
            plain_add(b, plain_take(b, ref, 0), tt_be64(m + 19), tt_be32(m + 31), tt_be32(m + 27));
        else
            plain_take(b, ref, m[0] == 'D' ? 0 : tt_be32(m + 19));
        sum += plain_top(b, symbol);
        at += 2 + len;
    }
    return sum;
}

#endif
