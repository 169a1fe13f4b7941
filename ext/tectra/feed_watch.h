/* What a live feed knows of each instrument: when it last said something, how long it usually stays
 * silent, and two histograms: event to receipt, and receipt to the record being ready.
 *
 * Owner: the feed's thread; memory is the caller's and of fixed size: histograms go to the first
 * `pairs_max` - 1 instruments that speak, the rest share number 0. Times of receipt and readiness
 * are of one wall clock; `now_ns` is of a clock that never steps. */
#ifndef TECTRA_FEED_WATCH_H
#define TECTRA_FEED_WATCH_H

#include "base.h"
#include "hist.h"
#include "msg.h"

/* One part in 16 of a value, up to 68 seconds: 4 KiB. */
#define TT_WATCH_HIST_BITS 4u
#define TT_WATCH_HIST_MAX_BITS 36u
/* The usual silence forgets one part in as many with each record. */
#define TT_WATCH_DECAY 64

typedef struct {
    int64_t seen_ns;     /* of the steady clock; 0: never */
    int64_t interval_ns; /* the longest silence of late */
    uint64_t records;
    int64_t lag_ns;  /* event to receipt of the last record; below 0: the venue's clock is ahead */
    uint32_t hist;   /* number of its histograms + 1; 0: none yet */
    uint8_t halt;    /* not 0: halted or paused, for instrument 0 closed: silence is no wonder */
    uint8_t is_stale;
    uint8_t pad_[2];
} tt_watch_entry;

_Static_assert(sizeof(tt_watch_entry) == 40, "rows of a NumPy array");

typedef struct {
    tt_watch_entry *entry; /* by instrument id */
    uint8_t *memory;       /* of pairs_max pairs of histograms, NULL: none are kept */
    uint64_t hist_bytes;
    uint32_t entries, pairs_max, pairs;
    uint32_t last_instrument; /* the highest that spoke */
    uint64_t ahead;           /* records whose event lies behind their receipt */
    tt_watch_entry channel;   /* all instruments together */
} tt_watch;

static inline uint64_t tt_watch_bytes(uint32_t pairs_max)
{
    return 2 * (uint64_t)pairs_max * tt_hist_bytes(TT_WATCH_HIST_BITS, TT_WATCH_HIST_MAX_BITS);
}

/* Histogram `which` (0: event to receipt, 1: receipt to ready) of pair number `pair`. */
static inline tt_hist *tt_watch_hist(const tt_watch *w, uint32_t pair, uint32_t which)
{
    TT_ASSERT(pair < w->pairs && which < 2);
    return (tt_hist *)(void *)(w->memory + (2 * (uint64_t)pair + which) * w->hist_bytes);
}

static inline void tt_watch_add_pair_(tt_watch *w)
{
    const uint32_t pair = w->pairs++;
    for (uint32_t which = 0; which < 2; which++)
        tt_hist_init(tt_watch_hist(w, pair, which), TT_WATCH_HIST_BITS, TT_WATCH_HIST_MAX_BITS);
}

/* `entry` has `entries` rows, `memory` tt_watch_bytes(pairs_max); pairs_max 0 keeps none. */
static inline void tt_watch_init(tt_watch *w, tt_watch_entry *entry, uint32_t entries, void *memory,
                                 uint32_t pairs_max)
{
    memset(w, 0, sizeof *w);
    memset(entry, 0, entries * sizeof *entry);
    w->entry = entry;
    w->entries = entries;
    w->memory = (uint8_t *)memory;
    w->pairs_max = memory == NULL ? 0 : pairs_max;
    w->hist_bytes = tt_hist_bytes(TT_WATCH_HIST_BITS, TT_WATCH_HIST_MAX_BITS);
    if (w->pairs_max != 0)
        tt_watch_add_pair_(w);
}

static inline void tt_watch_see(tt_watch_entry *e, int64_t lag_ns, int64_t now_ns)
{
    const int64_t silence = now_ns - e->seen_ns;
    /* What was told to be stale, or halted, is not what is usual. */
    if (e->records != 0 && !e->is_stale && !e->halt)
        e->interval_ns = silence > e->interval_ns
                             ? silence
                             : e->interval_ns - (e->interval_ns - silence) / TT_WATCH_DECAY;
    e->seen_ns = now_ns;
    e->lag_ns = lag_ns;
    e->records++;
}

static inline void tt_watch_measure_(tt_watch *w, tt_watch_entry *e, int64_t lag_ns,
                                     int64_t ready_ns)
{
    if (TT_UNLIKELY(e->hist == 0)) {
        e->hist = 1;
        if (w->pairs < w->pairs_max) {
            tt_watch_add_pair_(w);
            e->hist = w->pairs;
        }
    }
    const uint32_t pair = e->hist - 1;
    tt_hist_record(tt_watch_hist(w, pair, 0), lag_ns > 0 ? (uint64_t)lag_ns : 0);
    tt_hist_record(tt_watch_hist(w, pair, 1), ready_ns > 0 ? (uint64_t)ready_ns : 0);
}

/* Write the time of receipt into records that say nothing of how alive their instruments are. */
static inline void tt_watch_stamp(void *records, size_t slots, int64_t recv_ns)
{
    uint8_t *at = (uint8_t *)records;
    for (const uint8_t *const end = at + slots * TT_SLOT_BYTES; at < end; at += tt_rec_bytes(at))
        ((tt_head *)(void *)at)->ts_recv_ns = recv_ns;
}

/* Write the time of receipt into `slots` slots of whole records and note what they tell of their
 * instruments. `ready_ns` is when the caller had them decoded. */
static inline void tt_watch_records(tt_watch *w, void *records, size_t slots, int64_t recv_ns,
                                    int64_t ready_ns, int64_t now_ns)
{
    uint8_t *at = (uint8_t *)records;
    const uint8_t *const end = at + slots * TT_SLOT_BYTES;
    while (at < end) {
        tt_head *head = (tt_head *)(void *)at;
        const int64_t lag_ns = recv_ns - head->ts_event_ns;
        head->ts_recv_ns = recv_ns;
        w->ahead += lag_ns < 0;
        if (TT_LIKELY(head->instrument_id < w->entries)) {
            tt_watch_entry *e = &w->entry[head->instrument_id];
            tt_watch_see(e, lag_ns, now_ns);
            if (head->instrument_id > w->last_instrument)
                w->last_instrument = head->instrument_id;
            if (TT_UNLIKELY(head->template_id == TT_T_STATUS)) {
                const tt_status *s = (const tt_status *)(const void *)at;
                if (s->kind == TT_STATUS_KIND_TRADING_ACTION)
                    e->halt = s->state == 'H' || s->state == 'P';
                else if (s->kind == TT_STATUS_KIND_SYSTEM_EVENT)
                    e->halt = s->state == 'M' || s->state == 'E' || s->state == 'C';
            }
            if (w->pairs_max != 0)
                tt_watch_measure_(w, e, lag_ns, ready_ns - recv_ns);
        }
        tt_watch_see(&w->channel, lag_ns, now_ns);
        at += tt_rec_bytes(at);
    }
}

#endif
