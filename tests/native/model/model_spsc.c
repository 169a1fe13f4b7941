/* Every execution of the single-producer single-consumer ring (spsc.h) within small bounds.
 *
 *   model_spsc [SCENARIO]    one of the table below, or all that are quick, or `deep`: the others
 *
 * Thread 0 pushes, thread 1 consumes; in some scenarios thread 2 looks on, or takes a dead one's
 * side over. At the end of each execution what is left is drained and everything must add up.
 */
#include "explore.h"
#include "records.h"
#include "tectra/spsc.h"
#if __has_include("tectra/spsc_claim.h")
#include "tectra/spsc_claim.h"
#define HAS_CLAIM 1
#endif

#include <stdio.h>

enum { ONE, WIDE, BATCH, POP, PEEK, RUN, LOOK, RACE, CLAIM };

typedef struct {
    const char *name;
    uint64_t capacity, start;
    uint32_t flags;
    int push, pop; /* how */
    uint32_t pushes, pops, tries;
    int third; /* what thread 2 does: -1 nothing, LOOK, ONE: takes the dead producer's side, POP:
                  the consumer's, RACE: wants the producer's side too */
    uint32_t dies; /* bit per thread */
    int merge, deep;
} scenario;

typedef struct {
    tt_spsc ring;
    uint32_t tries, done;     /* pushes or pops tried and made */
    uint64_t next[3];         /* by sender: the number that comes next */
    uint64_t first;           /* number that a successor found */
    uint64_t stamp;           /* of the last record taken */
    uint64_t full;            /* refusals */
    uint32_t returned, began; /* records whose push is over, and those begun */
} local;

_Static_assert(sizeof(local) <= TM_LOCAL, "fits");

static const scenario *now;

static local *of(uint32_t t)
{
    return tm_local(t);
}

static int is_wide(uint64_t number)
{
    const uint64_t odd = now->flags & TT_SPSC_OVERWRITE ? 1 : 0; /* to lap in fewer pushes */
    return now->push == WIDE || now->push == CLAIM ? number % 2 == odd
                                                   : now->push == BATCH && number % 3 == 2;
}

static void init(void)
{
    const uint64_t bytes = tt_spsc_bytes(now->capacity, now->flags);
    TM_CHECK(bytes <= TM_ARENA - 64);
    TM_CHECK(tt_spsc_init(tm_arena(), now->capacity, now->flags, now->start, 1) == TT_OK);
    for (uint32_t t = 0; t < 3; t++) {
        tm_act_as(t);
        TM_CHECK(tt_spsc_open(&of(t)->ring, tm_arena(), bytes) == TT_SHM_GOOD);
        for (uint32_t s = 0; s < 3; s++)
            of(t)->next[s] = 1;
    }
    tm_act_as(TM_THREADS);
    if (now->third != RACE) /* sides taken before, so that only the steady state is explored */
        TM_CHECK(tt_spsc_claim_producer(&of(0)->ring) == TT_OK);
    TM_CHECK(tt_spsc_claim_consumer(&of(1)->ring) == TT_OK);
}

#ifdef HAS_CLAIM
/* In place; the second record is given up first and claimed again. */
static int claim(local *me, const uint64_t *rec, uint64_t bytes)
{
    void *slot;
    int rc = tt_spsc_try_claim(&me->ring, bytes, &slot);
    if (rc == TT_OK && md_number(rec) == 2) {
        tt_copy_in((uint8_t *)slot + 8, rec + 3, 24);
        TM_CHECK(tt_spsc_abort(&me->ring) == TT_OK);
        rc = tt_spsc_try_claim(&me->ring, bytes, &slot);
        TM_CHECK(rc == TT_OK);
    }
    if (rc != TT_OK)
        return rc;
    tt_copy_in((uint8_t *)slot + 8, rec + 1, bytes - 8);
    TM_CHECK(tt_spsc_commit(&me->ring, rec[0]) == (int64_t)bytes / 64);
    return TT_OK;
}
#else
static int claim(local *me, const uint64_t *rec, uint64_t bytes)
{
    (void)bytes;
    return tt_spsc_try_push(&me->ring, rec);
}
#endif

static int push(uint32_t t, local *me)
{
    _Alignas(64) uint64_t recs[48];
    const uint64_t number = me->next[t];
    uint32_t n = 1;
    int64_t slots = (int64_t)md_make(recs, t, number, is_wide(number)) / 64;
    if (now->push == BATCH)
        for (; n < 2; n++)
            slots += (int64_t)md_make(recs + slots * 8, t, number + n, is_wide(number + n)) / 64;
    me->tries++;
    me->began += n;
    int64_t rc;
    if (now->push == CLAIM)
        rc = claim(me, recs, (uint64_t)slots * 64);
    else
        rc = now->push == BATCH ? tt_spsc_try_push_n(&me->ring, recs, (uint64_t)slots)
                                : tt_spsc_try_push(&me->ring, recs);
    if (now->push != BATCH ? rc == TT_E_FULL : rc == 0) {
        me->full++;
    } else if (rc == TT_E_STATE) {
        TM_CHECK((t == 2 && now->third == ONE) || now->third == RACE);
    } else {
        TM_CHECK(rc == (now->push == BATCH ? slots : TT_OK) || (now->push == BATCH && rc > 0));
        if (now->push == BATCH && rc < slots)
            n = 1;
        me->next[t] += n;
        me->returned += n;
        me->done++;
        return me->done < now->pushes && me->tries < now->pushes + now->tries;
    }
    me->began -= n;
    return me->tries < now->pushes + now->tries;
}

/* A record in hand, in the order it left the ring. */
static void took(local *me, const void *rec)
{
    uint64_t words[16];
    const uint32_t bytes = tt_rec_bytes(rec);
    TM_CHECK(bytes == 64 || bytes == 128);
    memcpy(words, rec, bytes);
    if (now->flags & TT_SPSC_STAMP) {
        TM_CHECK(words[1] == me->stamp + 1 || now->flags & TT_SPSC_OVERWRITE || now->third == POP);
        me->stamp = words[1];
    }
    if (((const tt_head *)(const void *)words)->template_id == TT_T_GAP) {
        const tt_gap *gap = (const tt_gap *)(const void *)words;
        TM_CHECK(gap->first_seq == me->next[0] && gap->last_seq >= gap->first_seq);
        me->next[0] = gap->last_seq + 1;
        me->stamp = gap->last_seq;
        return;
    }
    const uint64_t sender = md_sender(words), number = md_number(words);
    TM_CHECK(sender == 0 || (sender == 2 && (now->third == ONE || now->third == RACE)));
    TM_CHECK(md_whole(words, is_wide(number)));
    if (me == of(2) && now->third == POP && me->first == 0)
        me->first = me->next[0] = number; /* where the dead consumer left off */
    TM_CHECK(number == me->next[sender]);
    TM_CHECK(me->next[2 - sender] == 1 || sender == 2);        /* the successor's come last */
    TM_CHECK(now->third != RACE || me->next[2 - sender] == 1); /* one of them only */
    me->next[sender]++;
    if (now->flags & TT_SPSC_OVERWRITE)
        TM_CHECK(words[1] == number);
}

static uint32_t consume(local *me)
{
    _Alignas(64) uint64_t out[48];
    if (now->pop == POP) {
        const int rc = tt_spsc_try_pop(&me->ring, out);
        if (rc > 0)
            took(me, out);
        TM_CHECK(rc > 0 || rc == TT_E_EMPTY || (rc == TT_E_STATE && now->third == POP));
        return rc > 0;
    }
    if (now->pop == PEEK) {
        const tt_head *rec = tt_spsc_peek(&me->ring);
        if (rec == NULL)
            return 0;
        took(me, rec);
        tt_spsc_release(&me->ring);
        return 1;
    }
    tt_spsc_run run;
    const int rc = tt_spsc_peek_run(&me->ring, 4, &run);
    TM_CHECK(rc == TT_OK || rc == TT_E_EMPTY);
    if (rc != TT_OK)
        return 0;
    const uint8_t *rec = (const uint8_t *)run.first;
    for (uint32_t i = 0; i < run.records; i++) {
        took(me, rec);
        rec += tt_rec_bytes(rec);
    }
    TM_CHECK(rec == (const uint8_t *)run.first + run.slots * 64);
    tt_spsc_release_run(&me->ring, &run);
    return run.records;
}

static int pop(local *me)
{
    me->tries++;
    me->done += consume(me);
    return me->done < now->pops && me->tries < now->pops + now->tries;
}

static int look(local *me)
{
    tt_spsc fresh;
    TM_CHECK(tt_spsc_depth(&me->ring) <= now->capacity);
    if (me->tries++ == 0)
        return 1;
    TM_CHECK(tt_spsc_open(&fresh, tm_arena(), tt_spsc_bytes(now->capacity, now->flags)) ==
             TT_SHM_GOOD);
    return 0;
}

static int step(uint32_t t, void *mine)
{
    if (t == 0 || (t == 2 && now->third != POP && now->third != LOOK))
        return push(t, mine);
    if (t == 1 || now->third == POP)
        return pop(mine);
    return look(mine);
}

/* The successor reads what the dead consumer did not give back: its record in hand once more. */
static void check_taken_over(uint64_t sent)
{
    local *in = of(2);
    const uint64_t before = of(1)->next[0];
    if (!in->ring.consuming)
        TM_CHECK(tt_spsc_claim_consumer(&in->ring) == TT_OK);
    while (consume(in) > 0)
        ;
    if (in->first == 0)
        TM_CHECK(before - 1 == sent);
    else
        TM_CHECK(in->next[0] - 1 == sent && in->first <= before && in->first + 1 >= before);
}

/* No slot is stuck: once around the ring. */
static void check_goes_on(local *out, tt_spsc *in)
{
    uint64_t rec[16];
    TM_CHECK(tt_spsc_depth(in) == 0);
    if (!(now->flags & TT_SPSC_OVERWRITE))
        TM_CHECK(tt_load_relaxed64(&in->page->full_count) == out->full);
    for (uint64_t i = 0; i < now->capacity + 2; i++) {
        const uint64_t number = out->next[0]++;
        md_make(rec, 0, number, 0);
        TM_CHECK(tt_spsc_try_push(&out->ring, rec) == TT_OK);
        TM_CHECK(tt_spsc_try_pop(in, rec) == 64);
        TM_CHECK(md_number(rec) == number);
    }
    TM_CHECK(tt_spsc_check(in) == TT_OK);
}

static void check(void)
{
    const uint64_t sent = of(0)->next[0] - 1;
    if (tm_stopped(1)) {
        check_taken_over(sent);
        return;
    }
    local *in = of(1);
    if (!tm_stopped(0))
        TM_CHECK(tt_spsc_check(&in->ring) == TT_OK);
    while (consume(in) > 0)
        ;
    if (tm_stopped(0)) /* all that it finished, at most what it began */
        TM_CHECK(in->next[0] - 1 >= of(0)->returned && in->next[0] - 1 <= of(0)->began);
    else
        TM_CHECK(in->next[0] - 1 == sent);
    if (now->third == RACE || now->third == ONE)
        TM_CHECK(in->next[2] == of(2)->next[2]);
    if (now->third == RACE)
        TM_CHECK(of(0)->done == 0 || of(2)->done == 0);
    else if (now->third == ONE)
        TM_CHECK(of(2)->done == 0 || tm_stopped(0));
    else
        check_goes_on(of(0), &in->ring);
}

static void name_of(size_t offset, char *text, size_t room)
{
    static const struct {
        size_t at;
        const char *name;
    } names[] = {{offsetof(tt_spsc_page, write_pos), "write_pos"},
                 {offsetof(tt_spsc_page, intent_pos), "intent_pos"},
                 {offsetof(tt_spsc_page, full_count), "full_count"},
                 {offsetof(tt_spsc_page, high_water), "high_water"},
                 {offsetof(tt_spsc_page, read_pos), "read_pos"},
                 {offsetof(tt_spsc_page, popped), "popped"},
                 {offsetof(tt_spsc_page, pushed), "pushed"},
                 {offsetof(tt_spsc_page, producer), "producer"},
                 {offsetof(tt_spsc_page, consumer), "consumer"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].at == offset)
            snprintf(text, room, "%s", names[i].name);
    const size_t slots_end = TT_SPSC_SLOTS_AT + (now->capacity + 1) * 64;
    if (offset >= slots_end)
        snprintf(text, room, "number[%zu]", (offset - slots_end) / 8);
    else if (offset >= TT_SPSC_SLOTS_AT)
        snprintf(text, room, "slot[%zu]+%zu", (offset - TT_SPSC_SLOTS_AT) / 64, offset % 64);
}

#define NEAR_WRAP (UINT64_MAX - 1)
enum { STAMP = TT_SPSC_STAMP, LOSSY = TT_SPSC_STAMP | TT_SPSC_OVERWRITE };

static const scenario LIST[] = {
    {"one, 2 slots", 2, 0, STAMP, ONE, PEEK, 3, 3, 2, -1, 0, 0, 0},
    {"one, 2 slots, wrap", 2, NEAR_WRAP, STAMP, ONE, POP, 5, 5, 2, -1, 0, 0, 0},
    {"one, 4 slots", 4, NEAR_WRAP, 0, ONE, PEEK, 6, 6, 2, -1, 0, 0, 0},
    {"runs, 4 slots", 4, 0, STAMP, ONE, RUN, 6, 6, 2, -1, 0, 0, 0},
    {"wide, 4 slots", 4, NEAR_WRAP, STAMP, WIDE, POP, 5, 5, 2, -1, 0, 0, 0},
    {"wide, 4 slots, in place", 4, 1, STAMP, WIDE, PEEK, 5, 5, 2, -1, 0, 0, 0},
    {"batch, 4 slots", 4, NEAR_WRAP, STAMP, BATCH, RUN, 4, 6, 2, -1, 0, 0, 0},
    {"batch, 8 slots", 8, 5, STAMP, BATCH, POP, 5, 8, 2, -1, 0, 0, 0},
    {"claimed in place, 4 slots", 4, NEAR_WRAP, STAMP, CLAIM, PEEK, 5, 5, 2, -1, 0, 0, 0},
    {"observer", 2, NEAR_WRAP, STAMP, ONE, POP, 3, 3, 1, LOOK, 0, 1, 0},
    {"lossy, 2 slots", 2, 0, LOSSY, ONE, POP, 4, 3, 0, -1, 0, 1, 0},
    {"lossy, 4 slots, wide", 4, 1, LOSSY, WIDE, POP, 3, 2, 0, -1, 0, 1, 0},
    {"producer dies", 4, 0, STAMP, ONE, POP, 2, 3, 1, ONE, 1, 1, 0},
    {"consumer dies", 4, 0, STAMP, ONE, PEEK, 2, 2, 1, POP, 2, 1, 0},
    {"two claim", 2, 0, STAMP, ONE, POP, 2, 2, 1, RACE, 0, 1, 0},
    {"deep one, 4 slots", 4, NEAR_WRAP, STAMP, ONE, PEEK, 12, 12, 3, -1, 0, 1, 1},
    {"deep wide, 4 slots", 4, NEAR_WRAP, STAMP, WIDE, RUN, 9, 9, 3, -1, 0, 1, 1},
    {"deep lossy, 4 slots, wide", 4, 1, LOSSY, WIDE, POP, 4, 2, 0, -1, 0, 1, 1},
};

static void run(const scenario *s)
{
    now = s;
    const tm_program p = {.name = s->name,
                          .threads = s->third >= 0 ? 3 : 2,
                          .local_bytes = sizeof(local),
                          .may_stop = s->dies,
                          .stop_is_death = 1,
                          .init = init,
                          .step = step,
                          .check = check,
                          .name_of = name_of};
    const tm_result r = tm_explore(&p, &(tm_options){.reduce = 1, .merge = s->merge});
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
