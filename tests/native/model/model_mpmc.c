/* Every execution of the multi-producer multi-consumer ring (mpmc.h) within small bounds.
 *
 *   model_mpmc [SCENARIO]    one of the table below, or all that are quick, or `deep`: the others
 *
 * The first threads produce, the others consume; each try is made once more or twice when the ring
 * is full or empty. In a fenced ring, whoever finds nothing gives up on the holder in the way when
 * it sees the same one twice: however slow the holder is, it meets that at any point. Holders may
 * also be stopped for ever (alive) or die (the process is gone) before any operation.
 */
#include "explore.h"
#include "records.h"
#include "tectra/mpmc.h"

#include <stdio.h>

enum { COPY, ABORT_SECOND, IN_PLACE };

typedef struct {
    const char *name;
    uint32_t producers, consumers;
    uint64_t capacity, start;
    uint32_t flags, pushes, pops, tries;
    int how;
    int unblock;       /* threads give up on holders */
    uint32_t may_stop; /* bit per thread */
    int dies;
    int fresh, deep;
} scenario;

typedef struct {
    tt_mpmc ring;
    uint32_t tries, done;
    uint64_t sent, late, aborted; /* bit per number: delivered for sure, refused late, given up */
    uint64_t began;               /* bit per number: under way */
    uint64_t got[TM_THREADS];     /* by sender: bit per number */
    uint64_t last[TM_THREADS];    /* by sender */
    uint64_t stamp, given_back_late;
} local;

_Static_assert(sizeof(local) <= TM_LOCAL, "fits");

#define BOUND_NS 1000

static const scenario *now;

static local *of(uint32_t t)
{
    return tm_local(t);
}

static uint32_t threads(void)
{
    return now->producers + now->consumers;
}

static void init(void)
{
    const uint64_t bytes = tt_mpmc_bytes(now->capacity, now->flags);
    TM_CHECK(bytes <= TM_ARENA - 64);
    TM_CHECK(tt_mpmc_init(tm_arena(), now->capacity, now->flags, now->start, BOUND_NS, 1) == TT_OK);
    for (uint32_t t = 0; t < threads(); t++) {
        tm_act_as(t);
        TM_CHECK(tt_mpmc_open(&of(t)->ring, tm_arena(), bytes) == TT_SHM_GOOD);
        TM_CHECK(tt_mpmc_join(&of(t)->ring) == TT_OK);
    }
    tm_act_as(TM_THREADS);
}

static int is_wide(uint64_t number)
{
    return (now->flags & TT_MPMC_WIDE) != 0 && number % 2 == 0;
}

/* One record: TT_OK, TT_E_FULL, or TT_E_STATE when it came too late. */
static int push_one(local *me, uint32_t t, uint64_t number)
{
    _Alignas(64) uint64_t rec[16];
    const uint64_t bytes = md_make(rec, t, number, is_wide(number));
    if (now->how == COPY)
        return tt_mpmc_try_push(&me->ring, rec, t);
    tt_mpmc_item item;
    const int rc = tt_mpmc_try_claim(&me->ring, (uint32_t)bytes, &item);
    if (rc != TT_OK)
        return rc;
    if (now->how == ABORT_SECOND && number == 2) {
        const int gone = tt_mpmc_abort(&me->ring, &item);
        if (gone == TT_OK)
            me->aborted |= 1ull << number;
        return gone;
    }
    if (t == 1 && item.pos == now->start)
        tm_leave_out(); /* producers are alike: the other one had the first position */
    tt_copy_in(item.record, rec, bytes);
    return tt_mpmc_commit(&me->ring, &item, t);
}

/* The clock of a thread: its own tries, each longer than the bound. */
static int64_t clock_of(const local *me)
{
    return (int64_t)me->tries * BOUND_NS;
}

static int produce(uint32_t t, local *me)
{
    const uint64_t number = me->done + 1;
    me->tries++;
    me->began |= 1ull << number;
    const int rc = push_one(me, t, number);
    TM_CHECK(rc == TT_OK || rc == TT_E_FULL || (rc == TT_E_STATE && now->unblock));
    if (rc == TT_E_FULL) {
        me->began &= ~(1ull << number);
        if (now->unblock)
            (void)tt_mpmc_unblock_write(&me->ring, clock_of(me));
        return me->tries < now->pushes + now->tries;
    }
    if (rc == TT_E_STATE)
        me->late |= 1ull << number;
    else if (!(me->aborted >> number & 1u))
        me->sent |= 1ull << number;
    return ++me->done < now->pushes && me->tries < now->pushes + now->tries;
}

/* A record that is this consumer's. */
static void took(local *me, const void *rec, uint32_t bytes, uint32_t tag)
{
    uint64_t words[16];
    memcpy(words, rec, bytes);
    const uint64_t sender = md_sender(words), number = md_number(words);
    TM_CHECK(sender < now->producers && sender == tag);
    TM_CHECK(bytes == (is_wide(number) ? 128u : 64u));
    TM_CHECK(md_whole(words, is_wide(number)));
    TM_CHECK(number > me->last[sender]);
    me->last[sender] = number;
    me->got[sender] |= 1ull << number;
    if (now->flags & TT_MPMC_STAMP) {
        TM_CHECK(words[1] > me->stamp);
        me->stamp = words[1];
    }
}

/* 1 when there was one. */
static int take(local *me, uint32_t t)
{
    _Alignas(64) uint64_t out[16];
    uint32_t tag = 99;
    if (now->how != IN_PLACE) {
        const int rc = tt_mpmc_try_pop(&me->ring, out, &tag);
        TM_CHECK(rc > 0 || rc == TT_E_EMPTY);
        if (rc > 0)
            took(me, out, (uint32_t)rc, tag);
        return rc > 0;
    }
    tt_mpmc_item item;
    const int rc = tt_mpmc_try_peek(&me->ring, &item);
    TM_CHECK(rc == TT_OK || rc == TT_E_EMPTY);
    if (rc != TT_OK)
        return 0;
    if (t == now->producers + 1 && item.pos == now->start)
        tm_leave_out();
    memcpy(out, item.record, item.bytes);
    if (tt_mpmc_release(&me->ring, &item) == TT_OK) {
        took(me, out, item.bytes, item.tag);
    } else {
        TM_CHECK(now->unblock && md_whole(out, item.bytes == 128));
        me->given_back_late++;
    }
    return 1;
}

static int consume(local *me, uint32_t t)
{
    me->tries++;
    if (take(me, t))
        me->done++;
    else if (now->unblock)
        (void)tt_mpmc_unblock_read(&me->ring, clock_of(me));
    return me->done < now->pops && me->tries < now->pops + now->tries;
}

static int step(uint32_t t, void *mine)
{
    return t < now->producers ? produce(t, mine) : consume(mine, t);
}

/* A thread of its own that comes when all is over; it may give up on who is left. */
static void drain(local *late)
{
    tm_act_as(TM_THREADS);
    TM_CHECK(tt_mpmc_open(&late->ring, tm_arena(), tt_mpmc_bytes(now->capacity, now->flags)) ==
             TT_SHM_GOOD);
    TM_CHECK(tt_mpmc_join(&late->ring) == TT_OK);
    for (int empty = 0; empty < 3;) {
        late->tries++;
        empty = take(late, TM_THREADS) ? 0 : empty + 1;
        if (now->unblock)
            (void)tt_mpmc_unblock_read(&late->ring, clock_of(late));
    }
}

/* Each record is delivered once, to one; what was refused is not. */
static void check_delivery(const local *late)
{
    for (uint32_t p = 0; p < now->producers; p++) {
        const local *from = of(p);
        uint64_t all = late->got[p];
        for (uint32_t c = now->producers; c < threads(); c++) {
            TM_CHECK((all & of(c)->got[p]) == 0);
            all |= of(c)->got[p];
        }
        const int lost_some = tm_stopped(p) || now->unblock;
        TM_CHECK((all & ~(from->sent | (tm_stopped(p) ? from->began : 0))) == 0);
        TM_CHECK((all & (from->late | from->aborted)) == 0);
        TM_CHECK(lost_some || all == from->sent);
    }
}

static void check_counters(const local *late)
{
    const tt_mpmc *r = &late->ring;
    const tt_mpmc_counts n = tt_mpmc_count(r);
    const uint64_t positions = tt_load_relaxed64(&r->page->write_pos) - now->start;
    uint64_t sent = 0, refused = 0, got = 0, given_up = 0;
    for (uint32_t t = 0; t < threads(); t++) {
        sent += (uint64_t)__builtin_popcountll(of(t)->sent);
        refused += (uint64_t)__builtin_popcountll(of(t)->late) + of(t)->given_back_late;
        given_up += (uint64_t)__builtin_popcountll(of(t)->aborted);
        for (uint32_t p = 0; p < now->producers; p++)
            got += (uint64_t)__builtin_popcountll(of(t)->got[p]);
    }
    for (uint32_t p = 0; p < now->producers; p++)
        got += (uint64_t)__builtin_popcountll(late->got[p]);
    if (now->may_stop == 0) {
        TM_CHECK(n.pushed == sent && n.aborted == given_up);
        TM_CHECK(n.popped == got && sent == got + n.lost);
        TM_CHECK(positions == sent + n.aborted + n.abandoned + n.skipped);
        TM_CHECK(n.fenced >= refused);
    } else { /* whoever is stopped may not have counted its last one */
        TM_CHECK(n.pushed + 1 >= sent && sent <= got + n.lost + 1);
    }
    TM_CHECK(n.depth == 0);
}

/* No slot is stuck: the dead ones' come back; the stopped ones' are passed over. */
static void check_goes_on(local *late)
{
    uint64_t rec[16];
    uint32_t tag, room = 0;
    if (now->dies)
        (void)tt_mpmc_reap(&late->ring);
    for (uint64_t i = 0; i < now->capacity; i++) {
        md_make(rec, 0, 50 + i, 0);
        int rc = tt_mpmc_try_push(&late->ring, rec, 0);
        for (uint32_t tries = 0; rc == TT_E_FULL && now->unblock && tries < 3; tries++) {
            late->tries++;
            (void)tt_mpmc_unblock_write(&late->ring, clock_of(late));
            rc = tt_mpmc_try_push(&late->ring, rec, 0);
        }
        room += rc == TT_OK;
    }
    uint32_t stopped = 0;
    for (uint32_t t = 0; t < threads(); t++)
        stopped += (uint32_t)tm_stopped(t);
    TM_CHECK(room <= now->capacity && room + (now->dies ? 0 : stopped) >= now->capacity);
    for (uint32_t i = 0; i < room; i++) {
        TM_CHECK(tt_mpmc_try_pop(&late->ring, rec, &tag) == 64);
        TM_CHECK(md_whole(rec, 0));
    }
    TM_CHECK(tt_mpmc_check(&late->ring) == TT_OK);
}

static void check(void)
{
    local late;
    memset(&late, 0, sizeof late);
    drain(&late);
    TM_CHECK(tt_mpmc_check(&late.ring) == TT_OK);
    check_delivery(&late);
    check_counters(&late);
    check_goes_on(&late);
}

static void name_of(size_t offset, char *text, size_t room)
{
    static const char *const fields[] = {"token",  "beat_ns",    "joins",     "pushed",
                                         "popped", "full_count", "abandoned", "lost",
                                         "fenced", "aborted",    "skipped",   "high_water"};
    const size_t slot = 1u << tt_mpmc_shift(now->flags);
    const size_t people = offsetof(tt_mpmc_page, participant);
    if (offset == offsetof(tt_mpmc_page, write_pos))
        snprintf(text, room, "write_pos");
    else if (offset == offsetof(tt_mpmc_page, read_pos))
        snprintf(text, room, "read_pos");
    else if (offset == offsetof(tt_mpmc_page, gaps))
        snprintf(text, room, "gaps");
    else if (offset >= TT_MPMC_SLOTS_AT)
        snprintf(text, room, "slot[%zu]%s+%zu", (offset - TT_MPMC_SLOTS_AT) / slot,
                 (offset - TT_MPMC_SLOTS_AT) % slot == 0 ? ".word" : "",
                 (offset - TT_MPMC_SLOTS_AT) % slot);
    else if (offset >= people && (offset - people) % 128 / 8 < 11)
        snprintf(text, room, "participant[%zu].%s", (offset - people) / 128,
                 fields[(offset - people) % 128 / 8]);
}

#define NEAR_WRAP (UINT64_MAX - 1)
enum { PLAIN = TT_MPMC_STAMP, FENCED = TT_MPMC_STAMP | TT_MPMC_FENCED };

/* name, producers, consumers, capacity, start, flags, pushes, pops, tries, how, unblock, may stop,
 * dies, fresh, deep */
static const scenario LIST[] = {
    {"plain 2x2, 2 slots, 1 each", 2, 2, 2, 0, PLAIN, 1, 1, 1, COPY, 0, 0, 0, 0, 0},
    {"plain 2x2, 2 slots, 2 each", 2, 2, 2, NEAR_WRAP, PLAIN, 2, 2, 0, IN_PLACE, 0, 0, 0, 0, 0},
    {"plain 2x1, 2 slots, 3 each", 2, 1, 2, 0, PLAIN, 3, 4, 0, IN_PLACE, 0, 0, 0, 0, 0},
    {"plain 1x2, 2 slots, 3 each", 1, 2, 2, 0, PLAIN, 4, 3, 0, IN_PLACE, 0, 0, 0, 0, 0},
    {"plain abort", 2, 1, 2, 0, PLAIN, 2, 3, 1, ABORT_SECOND, 0, 0, 0, 0, 0},
    {"plain wide, 4 slots", 2, 1, 4, 0, PLAIN | TT_MPMC_WIDE, 2, 3, 1, IN_PLACE, 0, 0, 0, 0, 0},
    {"fenced 1x1", 1, 1, 2, NEAR_WRAP, FENCED, 4, 4, 1, COPY, 0, 0, 0, 0, 0},
    {"fenced 2x2, 2 slots, 1 each", 2, 2, 2, 0, FENCED, 1, 1, 1, IN_PLACE, 0, 0, 0, 0, 0},
    {"fenced 2x1, 2 slots", 2, 1, 2, 0, FENCED, 2, 2, 0, IN_PLACE, 0, 0, 0, 0, 0},
    {"fenced 1x2, 2 slots", 1, 2, 2, 0, FENCED, 2, 2, 0, IN_PLACE, 0, 0, 0, 0, 0},
    {"fenced abort", 1, 1, 2, 0, FENCED, 3, 3, 1, ABORT_SECOND, 0, 0, 0, 0, 0},
    {"slow holders 1x1", 1, 1, 2, 0, FENCED, 3, 3, 1, COPY, 1, 0, 0, 0, 0},
    {"slow holders 1x1, in place", 1, 1, 2, 0, FENCED, 3, 3, 2, IN_PLACE, 1, 0, 0, 0, 0},
    {"slow producers 2x1", 2, 1, 2, 0, FENCED, 1, 2, 1, IN_PLACE, 1, 0, 0, 0, 0},
    {"deep slow consumers 1x2", 1, 2, 2, 0, FENCED, 3, 1, 1, IN_PLACE, 1, 0, 0, 0, 1},
    {"deep consumer dies 1x2", 1, 2, 2, 0, FENCED, 2, 1, 2, COPY, 1, 2, 1, 0, 1},
    {"producer stopped for ever", 2, 1, 2, 0, FENCED, 1, 1, 2, COPY, 1, 1, 0, 0, 0},
    {"consumer stopped for ever", 1, 1, 2, 0, FENCED, 3, 2, 2, COPY, 1, 2, 0, 0, 0},
    {"producer dies", 2, 1, 2, 0, FENCED, 1, 1, 2, COPY, 1, 1, 1, 0, 0},
    {"consumer dies", 1, 1, 2, 0, FENCED, 3, 2, 2, COPY, 1, 2, 1, 0, 0},
    {"deep plain 2x2, 2 slots, 3 each", 2, 2, 2, 0, PLAIN, 3, 3, 0, IN_PLACE, 0, 0, 0, 0, 1},
    {"deep fenced 2x2, 2 slots, 2 each", 2, 2, 2, 0, FENCED, 2, 2, 0, IN_PLACE, 0, 0, 0, 0, 1},
    {"deep quarantine 2x1", 2, 1, 2, 0, FENCED, 2, 2, 2, COPY, 1, 0, 0, 0, 1},
    {"deep slow holders 2x2", 2, 2, 2, 0, FENCED, 1, 1, 2, IN_PLACE, 1, 0, 0, 0, 1},
};

/* Operations before a deep scenario, which may have no end, is cut; the output says so. */
#define DEEP_MOST 200000000ull

static void run(const scenario *s)
{
    now = s;
    const tm_program p = {.name = s->name,
                          .threads = s->producers + s->consumers,
                          .local_bytes = (sizeof(local) + 63) & ~(size_t)63,
                          .may_stop = s->may_stop,
                          .stop_is_death = s->dies,
                          .init = init,
                          .step = step,
                          .check = check,
                          .name_of = name_of};
    const tm_result r = tm_explore(
        &p, &(tm_options){
                .reduce = 1, .merge = 1, .fresh_cas = s->fresh, .most = s->deep ? DEEP_MOST : 0});
    tm_print(&p, &r);
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof LIST / sizeof *LIST; i++)
        if (strcmp(which, LIST[i].name) == 0 || (*which == 0 && !LIST[i].deep) ||
            (strcmp(which, "deep") == 0 && LIST[i].deep))
            run(&LIST[i]);
    return 0;
}
