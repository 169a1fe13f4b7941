/* Every execution of the broadcast ring (bcast.h) within small bounds: one writer that laps its
 * readers. A record is copied in four words instead of eight (TT_BCAST_WORD_STEP).
 *
 *   model_bcast [SCENARIO]    one of the table below, or all that are quick, or `deep`: the others
 */
#include "explore.h"
#include "records.h"
#include "tectra/bcast.h"
#include "tectra/bcast_join.h"

#include <stdio.h>

typedef struct {
    const char *name;
    uint32_t readers;
    uint64_t capacity, start;
    uint32_t writes, reads;
    int wide, deep;
} scenario;

typedef struct {
    tt_bcast_reader ring;
    uint32_t tries;
    uint64_t next; /* number that comes next */
} local;

_Static_assert(sizeof(local) <= TM_LOCAL, "fits");

static const scenario *now;
/* Constant once the writer's side is taken. */
static tt_bcast writer;

static local *of(uint32_t t)
{
    return tm_local(t);
}

static int is_wide(uint64_t number)
{
    return now->wide && number % 2 == 1;
}

static void init(void)
{
    const uint64_t bytes = tt_bcast_bytes(now->capacity);
    TM_CHECK(bytes <= TM_ARENA - 64);
    TM_CHECK(tt_bcast_init(tm_arena(), now->capacity, 0, now->start, 1) == TT_OK);
    TM_CHECK(tt_bcast_open(&writer, tm_arena(), bytes) == TT_SHM_GOOD);
    TM_CHECK(tt_bcast_claim_writer(&writer) == TT_OK);
    for (uint32_t t = 1; t <= now->readers; t++) {
        TM_CHECK(tt_bcast_join(&of(t)->ring, &writer, "reader", TT_BCAST_EVERYONE,
                               TT_BCAST_OLDEST) == TT_OK);
        of(t)->next = 1;
    }
}

static int publish(local *me)
{
    uint64_t rec[16];
    const uint64_t number = ++me->tries;
    md_make(rec, 0, number, is_wide(number));
    TM_CHECK(tt_bcast_publish(&writer, rec, 1) == TT_OK);
    return number < now->writes;
}

/* 1 when there was something: the record that comes next, or a gap up to it. */
static int take(local *me)
{
    _Alignas(64) uint64_t out[16], want[16];
    memset(out, 0, sizeof out);
    const int rc = tt_bcast_try_read(&me->ring, out);
    TM_CHECK(rc == 64 || rc == 128 || rc == TT_E_EMPTY);
    if (rc == TT_E_EMPTY)
        return 0;
    if (((const tt_head *)(const void *)out)->template_id == TT_T_GAP) {
        const tt_gap *gap = (const tt_gap *)(const void *)out;
        TM_CHECK(gap->first_seq == me->next && gap->last_seq >= gap->first_seq);
        TM_CHECK(gap->last_seq < now->writes);
        me->next = gap->last_seq + 1;
        return 1;
    }
    md_make(want, 0, me->next, is_wide(me->next));
    TM_CHECK(rc == (is_wide(me->next) ? 128 : 64));
    for (int i = 0; i < rc / 8; i += TT_BCAST_WORD_STEP)
        TM_CHECK(out[i] == want[i]);
    me->next++;
    return 1;
}

static int step(uint32_t t, void *mine)
{
    local *me = mine;
    if (t == 0)
        return publish(me);
    (void)take(me);
    return ++me->tries < now->reads;
}

static void check(void)
{
    TM_CHECK(tt_bcast_check(&writer) == TT_OK);
    for (uint32_t t = 1; t <= now->readers; t++) {
        const tt_bcast_reader *r = &of(t)->ring;
        while (take(of(t)))
            ;
        TM_CHECK(of(t)->next == now->writes + 1);
        TM_CHECK(r->read + r->lost == now->writes && r->skipped == 0);
    }
}

static void name_of(size_t offset, char *text, size_t room)
{
    const size_t slots = TT_BCAST_CONTROL_AT + now->capacity * sizeof(tt_bcast_control);
    if (offset == offsetof(tt_bcast_page, write_pos))
        snprintf(text, room, "write_pos");
    else if (offset == offsetof(tt_bcast_page, intent_pos))
        snprintf(text, room, "intent_pos");
    else if (offset == offsetof(tt_bcast_page, published))
        snprintf(text, room, "published");
    else if (offset >= slots)
        snprintf(text, room, "slot[%zu]+%zu", (offset - slots) / 64, (offset - slots) % 64);
    else if (offset >= TT_BCAST_CONTROL_AT)
        snprintf(text, room, "control[%zu].%s", (offset - TT_BCAST_CONTROL_AT) / 16,
                 (offset - TT_BCAST_CONTROL_AT) % 16 == 0 ? "stamp" : "tag");
}

static const scenario LIST[] = {
    {"1 reader, 2 slots", 1, 2, UINT64_MAX - 1, 5, 3, 0, 0},
    {"1 reader, 4 slots, wide", 1, 4, 1, 4, 1, 1, 0},
    {"2 readers, 2 slots", 2, 2, 0, 3, 2, 0, 0},
    {"deep 1 reader, 2 slots", 1, 2, 0, 7, 5, 0, 1},
    {"deep 2 readers, 2 slots", 2, 2, 0, 4, 3, 0, 1},
};

static void run(const scenario *s)
{
    now = s;
    const tm_program p = {.name = s->name,
                          .threads = 1 + s->readers,
                          .local_bytes = (sizeof(local) + 63) & ~(size_t)63,
                          .init = init,
                          .step = step,
                          .check = check,
                          .name_of = name_of};
    const tm_result r = tm_explore(&p, &(tm_options){.reduce = 1, .merge = 1});
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
