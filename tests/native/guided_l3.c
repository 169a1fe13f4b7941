/* Any slots as records for the order-by-order books, in arenas that grow from almost nothing: the
 * books stay whole, and the plain loop, the staged loop and one record at a time end alike.
 *
 * The input: one slot of choices, then the records. */
#include <tectra/l3.h>

#include "guided.h"

enum { INSTRUMENTS = 4, SLOTS_MAX = 62, WAYS = 3 };

static tt_l3 books[WAYS];
static void *fixed[WAYS];
static void *mem[WAYS][TT_L3_ARENAS];

static void begin(int way, const uint8_t *choices)
{
    uint32_t cap[TT_L3_ARENAS] = {2, 2, 2, 16, 1, 2, 2};
    const size_t bytes = tt_l3_fixed_bytes(INSTRUMENTS);
    if (fixed[way] == NULL)
        fixed[way] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else /* zero again, at the cost of what was touched */
        madvise(fixed[way], bytes, MADV_DONTNEED);
    guided_need(fixed[way] != MAP_FAILED, "no memory");
    if (choices[0] & 1)
        cap[TT_L3_ORDERS] = cap[TT_L3_LEVELS] = 128;
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        mem[way][a] = calloc(1, tt_l3_arena_bytes(a, cap[a]));
    tt_l3_attach(&books[way], INSTRUMENTS, fixed[way], mem[way], cap);
}

static void grow(int way)
{
    tt_l3 *b = &books[way];
    const uint32_t a = b->short_of, cap = tt_l3_arena_cap(b, a) * 2;
    void *bigger = calloc(1, tt_l3_arena_bytes(a, cap));
    guided_need(bigger != NULL && cap < 1u << 20, "an arena without bound");
    free(tt_l3_regrow(b, a, bigger, cap));
    mem[way][a] = bigger;
}

static int count_seen(void *cx, const tt_l3 *b, const tt_head *rec, const tt_book_effect *fx)
{
    (void)b, (void)rec;
    *(uint64_t *)cx += fx->kind != TT_FX_NONE;
    return 0;
}

static uint64_t apply_all(int way, const void *slots, size_t n, tt_l3_faults *faults)
{
    tt_l3_batch in = {.slots = slots, .n = n, .until = n, .faults = faults};
    uint64_t applied = 0;
    int rc = TT_OK;
    do {
        size_t before = in.at;
        if (rc == TT_E_FULL)
            grow(way);
        if (way == 0) {
            rc = tt_l3_loop(&books[way], &in, count_seen, &applied);
        } else if (way == 1) {
            rc = tt_l3_loop_staged(&books[way], &in, count_seen, &applied);
        } else {
            in.until = in.at + 1;
            rc = tt_l3_run(&books[way], &in, &applied);
            in.until = n;
        }
        guided_need(rc == TT_OK || rc == TT_E_FULL, "a loop ends for another reason");
        guided_need(in.at > before || rc == TT_E_FULL, "no progress");
    } while (rc == TT_E_FULL || in.at < n);
    return applied;
}

static void compare(int way)
{
    const tt_l3 *a = &books[0], *b = &books[way];
    guided_need(a->slots == b->slots && a->order_pool.live == b->order_pool.live &&
                    a->next_prio == b->next_prio,
                "orders differ");
    for (uint32_t slot = 0; slot < a->slots; slot++)
        guided_need(memcmp(tt_l3_top(a, slot), tt_l3_top(b, slot), sizeof(tt_top)) == 0,
                    "tops differ");
}

static void run(const uint8_t *data, size_t n)
{
    static tt_l3_faults faults[WAYS];
    uint64_t applied[WAYS];
    if (n < 2 * TT_SLOT_BYTES)
        return;
    const size_t count = n / TT_SLOT_BYTES - 1;
    void *slots = malloc(count * TT_SLOT_BYTES);
    guided_need(slots != NULL, "no memory");
    memcpy(slots, data + TT_SLOT_BYTES, count * TT_SLOT_BYTES);
    for (int way = 0; way < WAYS; way++) {
        begin(way, data);
        memset(&faults[way], 0, sizeof faults[way]);
        applied[way] = apply_all(way, slots, count, &faults[way]);
        guided_need(tt_l3_check_all(&books[way]) == TT_OK, "the books are broken");
        guided_need(applied[way] == applied[0] &&
                        memcmp(&faults[way], &faults[0], sizeof faults[0]) == 0,
                    "the loops count otherwise");
        compare(way);
    }
    for (int way = 0; way < WAYS; way++)
        for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
            free(mem[way][a]);
    free(slots);
}

static size_t put(uint8_t *to, uint16_t id, uint64_t ref, int64_t px, int64_t qty)
{
    tt_book_replace r; /* the longest; the others begin alike */
    memset(&r, 0, sizeof r);
    tt_rec_init(&r, id);
    r.instrument_id = 1 + (uint32_t)(ref % 2) * 70000;
    r.order_ref = ref;
    r.px = px;
    r.qty = qty;
    if (id == TT_T_BOOK_ADD || id == TT_T_BOOK_ADD_ATTRIBUTED)
        r.side = (uint8_t)(1 + ref % 2);
    if (id == TT_T_BOOK_REPLACE)
        r.new_order_ref = ref + 100;
    memcpy(to, &r, tt_template_bytes[id]);
    return tt_template_bytes[id];
}

static void seeds(void)
{
    static const uint16_t kinds[] = {TT_T_BOOK_EXECUTE, TT_T_BOOK_EXECUTE_PRICED,
                                     TT_T_BOOK_CANCEL,  TT_T_BOOK_DELETE,
                                     TT_T_BOOK_REPLACE, TT_T_BOOK_CLEAR,
                                     TT_T_TRADE,        TT_T_BOOK_ADD};
    uint8_t bytes[TT_SLOT_BYTES * 40] = {0};
    size_t at = TT_SLOT_BYTES;
    for (uint64_t i = 0; i < 12; i++) {
        at += put(bytes + at, i % 3 ? TT_T_BOOK_ADD : TT_T_BOOK_ADD_ATTRIBUTED, i,
                  100 + (int64_t)(i % 4) * 100, 10);
        guided_seed(bytes, at);
    }
    for (uint64_t i = 0; i < 8; i++) {
        at += put(bytes + at, kinds[i], i, 100, 5);
        guided_seed(bytes, at);
        bytes[0] ^= 1;
    }
}

int main(int argc, char **argv)
{
    return guided_main(argc, argv,
                       &(guided_target){"l3", (SLOTS_MAX + 1) * TT_SLOT_BYTES, TT_SLOT_BYTES, run,
                                        seeds});
}
