/* Random order flow through tt_l3 beside a plain list of orders; memory grows from almost nothing.
 *
 * usage: l3_fuzz SEED STEPS    exit 0: every queue, sum, code and top agreed with the list */
#include <tectra/l3.h>

enum { ORDERS_MAX = 400, INSTRUMENTS = 5, PRICES = 40 };

typedef struct {
    uint64_t ref, prio;
    int64_t px, qty;
    uint32_t id;
    uint8_t side;
} model_order;

static model_order model[ORDERS_MAX];
static uint32_t model_n;
static uint64_t state, next_ref = 1, model_prio = 1;
static void *mem[TT_L3_ARENAS];
static void *fixed;

#define CHECK(c)                                            \
    do {                                                    \
        if (!(c)) {                                         \
            fprintf(stderr, "line %d: %s\n", __LINE__, #c); \
            exit(1);                                        \
        }                                                   \
    } while (0)

static uint64_t rnd(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Dense, sparse, far above 2^32, or anything: each run has a style, and mixes a little. */
static uint64_t new_ref(uint32_t style)
{
    next_ref += 1 + rnd() % 3;
    switch (rnd() % 16 ? style : rnd() % 4) {
    case 0:
        return next_ref;
    case 1:
        return next_ref * 5000;
    case 2:
        return next_ref + 0x7000000000000000u;
    default:
        return rnd();
    }
}

static int apply(tt_l3 *b, const void *rec, tt_book_effect *fx)
{
    int rc = tt_l3_apply(b, rec, fx);
    for (int n = 0; rc == TT_E_FULL && n < 20; n++) {
        const uint32_t a = b->short_of, cap = tt_l3_arena_cap(b, a) * 2;
        void *bigger = calloc(1, tt_l3_arena_bytes(a, cap));
        CHECK(bigger != NULL);
        free(tt_l3_regrow(b, a, bigger, cap));
        mem[a] = bigger;
        rc = tt_l3_apply(b, rec, fx);
    }
    return rc;
}

static int find(uint64_t ref)
{
    for (uint32_t i = 0; i < model_n; i++)
        if (model[i].ref == ref)
            return (int)i;
    return -1;
}

static void drop(uint32_t i)
{
    memmove(&model[i], &model[i + 1], (--model_n - i) * sizeof *model);
}

/* Around a middle that wanders and now and then leaps, in ticks that change their size; some far
 * from it, some between two ticks, some anything. */
static int64_t random_px(void)
{
    static const int64_t ticks[6] = {100, 1, 25, 7, 1000000, 100};
    static int64_t middle = 300, tick = 100;
    if (rnd() % 400 == 0)
        tick = ticks[rnd() % 6];
    if (rnd() % 4 == 0)
        middle += (int64_t)(rnd() % 9) - 4;
    if (rnd() % 300 == 0)
        middle += (int64_t)(rnd() % 1000) - 500;
    const uint64_t kind = rnd() % 64;
    if (kind == 0)
        return (int64_t)(rnd() | 1);
    if (kind == 1)
        return middle * tick + 3;
    const int64_t reach = kind < 6 ? 4000 : PRICES;
    return (middle + (int64_t)(rnd() % (uint64_t)reach) - reach / 2) * tick;
}

static void step_add(tt_l3 *b, uint32_t style)
{
    tt_book_add r;
    tt_book_effect fx;
    tt_rec_init(&r, TT_T_BOOK_ADD);
    r.instrument_id = (uint32_t)(rnd() % INSTRUMENTS) * 40000;
    r.side = (uint8_t)(1 + rnd() % 2);
    r.order_ref = model_n && rnd() % 32 == 0 ? model[rnd() % model_n].ref : new_ref(style);
    r.px = random_px();
    r.qty = 1 + (int64_t)(rnd() % 100);
    if (rnd() % 64 == 0)
        r.qty = -(int64_t)(rnd() % 2);
    const int known = find(r.order_ref) >= 0;
    const int rc = apply(b, &r, &fx);
    if (r.qty <= 0 || known) {
        CHECK(rc == (r.qty <= 0 ? TT_E_RANGE : TT_E_DUPLICATE));
        return;
    }
    CHECK(rc == TT_OK && fx.kind == TT_FX_ADD && fx.prio == model_prio && fx.qty == r.qty);
    model[model_n++] =
        (model_order){r.order_ref, model_prio++, r.px, r.qty, r.instrument_id, r.side};
}

static void step_reduce(tt_l3 *b, uint16_t template_id)
{
    tt_book_execute_priced r;
    tt_book_effect fx;
    const uint32_t i = (uint32_t)(rnd() % model_n);
    model_order *o = &model[i];
    tt_rec_init(&r, template_id);
    r.instrument_id = o->id;
    r.order_ref = rnd() % 32 ? o->ref : rnd();
    r.qty = rnd() % 3 ? 1 + (int64_t)(rnd() % 110) : o->qty;
    if (template_id == TT_T_BOOK_EXECUTE_PRICED)
        r.exec_px = 77;
    const int rc = apply(b, &r, &fx);
    if (find(r.order_ref) < 0) {
        CHECK(rc == TT_E_UNKNOWN_ORDER);
    } else if (template_id == TT_T_BOOK_DELETE) {
        CHECK(rc == TT_OK && fx.kind == TT_FX_REMOVE && fx.qty == o->qty && fx.prio == o->prio &&
              fx.gone);
        drop(i);
    } else if (r.qty > o->qty) {
        CHECK(rc == TT_E_UNDERFLOW);
    } else {
        CHECK(rc == TT_OK && fx.qty == r.qty && fx.px == o->px && fx.gone == (r.qty == o->qty));
        CHECK(fx.kind == (template_id == TT_T_BOOK_CANCEL ? TT_FX_REDUCE : TT_FX_EXECUTE));
        CHECK(fx.exec_px == (template_id == TT_T_BOOK_CANCEL           ? TT_NO_PX
                             : template_id == TT_T_BOOK_EXECUTE_PRICED ? 77
                                                                       : o->px));
        o->qty -= r.qty;
        if (o->qty == 0)
            drop(i);
    }
}

static void step_replace(tt_l3 *b, uint32_t style)
{
    tt_book_replace r;
    tt_book_effect fx;
    const uint32_t i = (uint32_t)(rnd() % model_n);
    model_order o = model[i];
    tt_rec_init(&r, TT_T_BOOK_REPLACE);
    r.instrument_id = o.id;
    r.order_ref = o.ref;
    r.new_order_ref = rnd() % 8 ? new_ref(style) : model[rnd() % model_n].ref;
    r.px = rnd() % 3 ? random_px() : o.px;
    r.qty = 1 + (int64_t)(rnd() % 100);
    const int taken = r.new_order_ref != o.ref && find(r.new_order_ref) >= 0;
    const int rc = apply(b, &r, &fx);
    CHECK(rc == (taken ? TT_E_DUPLICATE : TT_OK));
    if (taken)
        return;
    CHECK(fx.kind == TT_FX_REPLACE && fx.qty == o.qty && fx.px == o.px && fx.prio == o.prio);
    CHECK(fx.new_px == r.px && fx.new_qty == r.qty && fx.new_prio == model_prio);
    drop(i);
    model[model_n++] = (model_order){r.new_order_ref, model_prio++, r.px, r.qty, o.id, o.side};
}

/* One instrument, or by number 0 all of them: its orders leave, the others' stay. */
static void step_clear(tt_l3 *b)
{
    tt_book_clear r;
    tt_book_effect fx;
    uint32_t kept = 0;
    tt_rec_init(&r, TT_T_BOOK_CLEAR);
    r.instrument_id = (uint32_t)(rnd() % INSTRUMENTS) * 40000;
    CHECK(apply(b, &r, &fx) == TT_OK);
    for (uint32_t i = 0; i < model_n; i++)
        if (r.instrument_id != 0 && model[i].id != r.instrument_id)
            model[kept++] = model[i];
    CHECK(fx.kind == (kept == model_n ? TT_FX_NONE : TT_FX_CLEAR) && fx.qty == model_n - kept);
    model_n = kept;
}

/* The whole set against the list: order fields, what stands ahead, level sums, tops, integrity. */
static void compare(const tt_l3 *b)
{
    CHECK(tt_l3_check_all(b) == TT_OK && b->order_pool.live == model_n);
    for (uint32_t i = 0; i < model_n; i++) {
        const model_order *o = &model[i];
        int64_t px, qty, ahead = 0, level = 0, best = o->px;
        uint8_t side;
        uint32_t slot;
        uint64_t prio;
        CHECK(tt_l3_order(b, o->ref, &px, &qty, &side, &slot, &prio) == TT_OK);
        CHECK(px == o->px && qty == o->qty && side == o->side && prio == o->prio);
        CHECK(slot == tt_l3_slot(b, o->id));
        for (uint32_t k = 0; k < model_n; k++) {
            const model_order *p = &model[k];
            if (p->id != o->id || p->side != o->side)
                continue;
            level += p->px == o->px ? p->qty : 0;
            ahead += p->px == o->px && p->prio < o->prio ? p->qty : 0;
            best = (o->side == TT_SIDE_BUY) == (p->px > best) ? p->px : best;
        }
        CHECK(tt_l3_ahead(b, o->ref) == ahead);
        CHECK(tt_l3_ahead_of(b, slot, side, px, prio) == ahead);
        CHECK(tt_l3_level_qty(b, slot, side, px) == level);
        const tt_top *top = tt_l3_top(b, slot);
        CHECK((o->side == TT_SIDE_BUY ? top->bid_px : top->ask_px) == best);
    }
}

int main(int argc, char **argv)
{
    const uint32_t cap[TT_L3_ARENAS] = {2, 2, 2, 16, 1, 2, 2};
    const uint64_t steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    static const uint16_t kinds[4] = {TT_T_BOOK_EXECUTE, TT_T_BOOK_CANCEL, TT_T_BOOK_DELETE,
                                      TT_T_BOOK_EXECUTE_PRICED};
    tt_l3 book;
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint32_t style = (uint32_t)(state % 4);
    fixed = calloc(1, tt_l3_fixed_bytes(INSTRUMENTS));
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        mem[a] = calloc(1, tt_l3_arena_bytes(a, cap[a]));
    tt_l3_attach(&book, INSTRUMENTS, fixed, mem, cap);
    for (uint64_t n = 0; n < steps; n++) {
        const uint64_t r = rnd() % 100;
        if (rnd() % 256 == 0)
            step_clear(&book);
        else if (model_n == 0 || (r < 45 && model_n < ORDERS_MAX))
            step_add(&book, style);
        else if (r < 85 || model_n == ORDERS_MAX)
            step_reduce(&book, kinds[rnd() % 4]);
        else
            step_replace(&book, style);
        if (n % 97 == 0)
            compare(&book);
    }
    compare(&book);
    for (uint32_t a = 0; a < TT_L3_ARENAS; a++)
        free(mem[a]);
    free(fixed);
    return 0;
}
