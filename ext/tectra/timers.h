/* Timers of one pipeline: a small table, ordered by (due, id), so that firing order never depends
 * on memory layout. */
#ifndef TECTRA_TIMERS_H
#define TECTRA_TIMERS_H

#include "base.h"
#include "msg.h"

#define TT_TIMERS_MAX 256

typedef struct {
    int64_t due_ns, interval_ns;
    uint64_t id;
    uint16_t strategy_id;
    uint8_t pad_[6];
} tt_timer_entry;

typedef struct {
    tt_timer_entry entries[TT_TIMERS_MAX];
    int64_t next_due_ns; /* INT64_MAX when there is none */
    uint64_t next_id;
    uint32_t n;
    uint8_t pad_[4];
} tt_timers;

static inline void tt_timers_init(tt_timers *t)
{
    t->n = 0;
    t->next_id = 1;
    t->next_due_ns = INT64_MAX;
}

static inline void tt_timers_refresh_(tt_timers *t)
{
    int64_t due = INT64_MAX;
    for (uint32_t i = 0; i < t->n; i++)
        due = t->entries[i].due_ns < due ? t->entries[i].due_ns : due;
    t->next_due_ns = due;
}

/* Returns the timer's id, 0 when the table is full or the interval negative. */
static inline uint64_t tt_timers_add(tt_timers *t, uint16_t strategy_id, int64_t due_ns,
                                     int64_t interval_ns)
{
    if (t->n == TT_TIMERS_MAX || interval_ns < 0)
        return 0;
    tt_timer_entry *e = &t->entries[t->n++];
    *e = (tt_timer_entry){.due_ns = due_ns,
                          .interval_ns = interval_ns,
                          .id = t->next_id++,
                          .strategy_id = strategy_id};
    if (due_ns < t->next_due_ns)
        t->next_due_ns = due_ns;
    return e->id;
}

/* TT_E_RANGE when there is no such timer. */
static inline int tt_timers_remove(tt_timers *t, uint64_t id)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->entries[i].id == id) {
            t->entries[i] = t->entries[--t->n];
            tt_timers_refresh_(t);
            return TT_OK;
        }
    }
    return TT_E_RANGE;
}

/* Remove a timer of one strategy; a timer of another is none of its business (TT_E_RANGE). */
static inline int tt_timers_cancel(tt_timers *t, uint16_t strategy_id, uint64_t id)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->entries[i].id == id && t->entries[i].strategy_id == strategy_id)
            return tt_timers_remove(t, id);
    return TT_E_RANGE;
}

/* Fill `out` with the record of the earliest timer due at or before now_ns; TT_E_EMPTY when none
 * is. Does not change the table: tt_timers_fired does, when the record is stepped, so that a replay
 * that gets the record from a journal does the same. */
static inline int tt_timers_due(const tt_timers *t, int64_t now_ns, tt_timer *out)
{
    const tt_timer_entry *best = NULL;
    if (TT_LIKELY(t->next_due_ns > now_ns))
        return TT_E_EMPTY;
    for (uint32_t i = 0; i < t->n; i++) {
        const tt_timer_entry *e = &t->entries[i];
        if (best == NULL || e->due_ns < best->due_ns ||
            (e->due_ns == best->due_ns && e->id < best->id))
            best = e;
    }
    TT_ASSERT(best != NULL);
    tt_rec_init(out, TT_T_TIMER);
    out->ts_event_ns = best->due_ns;
    out->ts_recv_ns = best->due_ns;
    out->strategy_id = best->strategy_id;
    out->timer_id = best->id;
    out->due_ns = best->due_ns;
    out->interval_ns = best->interval_ns;
    return TT_OK;
}

/* A timer record was stepped: re-arm it, or drop it when it does not repeat before time ends. */
static inline int tt_timers_fired(tt_timers *t, const tt_timer *rec)
{
    for (uint32_t i = 0; i < t->n; i++) {
        tt_timer_entry *e = &t->entries[i];
        if (e->id != rec->timer_id)
            continue;
        if (e->interval_ns == 0 || e->due_ns > INT64_MAX - e->interval_ns)
            return tt_timers_remove(t, e->id);
        e->due_ns += e->interval_ns;
        tt_timers_refresh_(t);
        return TT_OK;
    }
    return TT_E_RANGE;
}

#endif
