/* Who takes part in a multi-producer multi-consumer ring (mpmc_page.h), and what becomes of the
 * slots of a participant that died, or holds one for too long.
 *
 * Processes are told apart by id and start time, so all of them must see the same process ids (one
 * pid namespace). One handle belongs to one thread.
 *
 *   tt_mpmc_join(r) / _leave(r)    take and give back an entry in the table
 *   tt_mpmc_unblock_read(r, now)   after TT_E_EMPTY: give up on a claim that holds the readers up
 *   tt_mpmc_unblock_write(r, now)  after TT_E_FULL: give up on a reader that holds the writers up
 *   tt_mpmc_reap(r)                free the entries and slots of participants that are dead. Cold
 *   tt_mpmc_beat(r, now)           say that this one lives, for observers
 */
#ifndef TECTRA_MPMC_OWNER_H
#define TECTRA_MPMC_OWNER_H

#include "mpmc_page.h"

/* An explorer of interleavings brings its own answer. */
#ifndef TT_MPMC_OWNER_ALIVE
#define TT_MPMC_OWNER_ALIVE(pid, start) tt_pid_alive((pid), (start))
#endif

#define TT_MPMC_DEAD (1ull << 63)
/* Every loop ends: each turn that fails is another one's success. */
#define TT_MPMC_TRIES 65536u
/* A quarantined slot is passed over this often before its owner is looked at again. */
#define TT_MPMC_LOOK_EVERY 64u
/* Slots that one unblocking goes through at most. */
#define TT_MPMC_SWEEP 4096u

static inline uint32_t tt_mpmc_token_pid(uint64_t token)
{
    return (uint32_t)((token & ~TT_MPMC_DEAD) >> 32);
}

static inline tt_mpmc_participant *tt_mpmc_entry_(const tt_mpmc *r, uint32_t owner)
{
    return &r->page->participant[(owner - 1) % TT_MPMC_PARTICIPANTS];
}

/* Whether the owner of a slot is dead: known, or found out now and made known. The word was read
 * before the token, and an entry is given away only when no word names it any more: so the answer
 * is about the owner of this word, or the word has changed and the caller's swap fails. */
TT_MPMC_COLD int tt_mpmc_is_dead_(const tt_mpmc *r, uint32_t owner, int look)
{
    tt_atomic_u64 *at = &tt_mpmc_entry_(r, owner)->token;
    uint64_t token = tt_load_acquire64(at); /* pairs with the swaps of join, leave and reap */
    if (token & TT_MPMC_DEAD)
        return 1;
    if (!look || token == 0 || TT_MPMC_OWNER_ALIVE(tt_mpmc_token_pid(token), (uint32_t)token))
        return 0;
    return tt_cas64(at, &token, token | TT_MPMC_DEAD) || (token & TT_MPMC_DEAD) != 0;
}

/* The word of a slot whose owner has let go of it, or is dead. */
static inline uint64_t tt_mpmc_disowned_(const tt_mpmc *r, uint64_t word)
{
    switch (tt_mpmc_state(word)) {
    case TT_MPMC_CLAIMED:
    case TT_MPMC_LOST:
        return tt_mpmc_reword_(word, 0, 0, TT_MPMC_SKIP);
    case TT_MPMC_READING:
        return tt_mpmc_reword_(word, r->mask + 1, 0, TT_MPMC_FREE);
    case TT_MPMC_HELD:
        return tt_mpmc_reword_(word, 0, 0, TT_MPMC_FREE);
    default:
        return word;
    }
}

/* The word of a slot whose owner held it for too long and may still touch it. */
static inline uint64_t tt_mpmc_quarantined_(const tt_mpmc *r, uint64_t word)
{
    const uint32_t owner = tt_mpmc_owner(word);
    return tt_mpmc_state(word) == TT_MPMC_READING
               ? tt_mpmc_reword_(word, r->mask + 1, owner, TT_MPMC_HELD)
               : tt_mpmc_reword_(word, 0, owner, TT_MPMC_LOST);
}

/* Count and log what giving up on `word` cost: its record number never reaches a consumer. */
TT_MPMC_COLD void tt_mpmc_tell_gap_(tt_mpmc *r, uint64_t word)
{
    tt_mpmc_page *page = r->page;
    const int reading = tt_mpmc_state(word) == TT_MPMC_READING;
    if (!reading && tt_mpmc_state(word) != TT_MPMC_CLAIMED)
        return;
    tt_bump64(reading ? &r->mine->lost : &r->mine->abandoned, 1);
    const uint64_t start = page->start << TT_MPMC_POS_SHIFT >> TT_MPMC_POS_SHIFT;
    const uint64_t number = ((word >> TT_MPMC_POS_SHIFT) - start) & (UINT64_MAX >> 11);
    const uint64_t token = tt_load_acquire64(&tt_mpmc_entry_(r, tt_mpmc_owner(word))->token);
    const uint64_t why = reading ? TT_MPMC_GAP_LOST : TT_MPMC_GAP_ABANDONED;
    tt_mpmc_gap *gap = &page->gap_log[tt_fetch_add64(&page->gaps, 1) % TT_MPMC_GAP_LOG];
    tt_store_relaxed64(&gap->number, number + 1);
    /* Pairs with the acquire load of observers. */
    tt_store_release64(&gap->why, (uint64_t)tt_mpmc_token_pid(token) << 32 | why);
}

/* Give up on the holder of a slot: 1 when this call did. */
TT_MPMC_COLD int tt_mpmc_give_up_(tt_mpmc *r, tt_mpmc_slot *slot, uint64_t word, int dead)
{
    const uint64_t next = dead ? tt_mpmc_disowned_(r, word) : tt_mpmc_quarantined_(r, word);
    uint64_t expected = word;
    /* Release: a later writer sees what a later reader saw. Pairs with the loads in claim, peek. */
    if (!tt_cas64(&slot->word, &expected, next))
        return 0;
    tt_mpmc_tell_gap_(r, word);
    return 1;
}

/* Give up on every holder of the state and positions `from` up to `to`, or (owner not 0) on that
 * one alone; how many. */
TT_MPMC_COLD int tt_mpmc_sweep_(tt_mpmc *r, uint64_t from, uint64_t to, uint32_t state,
                                uint32_t owner)
{
    int done = 0;
    const uint64_t n = to - from < TT_MPMC_SWEEP ? to - from : TT_MPMC_SWEEP;
    for (uint64_t pos = from; pos - from < n; pos++) {
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, pos);
        const uint64_t word = tt_load_acquire64(&slot->word);
        const uint32_t holder = tt_mpmc_owner(word);
        if (tt_mpmc_ahead_(word, pos) != 0 || tt_mpmc_state(word) != state ||
            (owner != 0 && owner != holder))
            continue;
        done += tt_mpmc_give_up_(r, slot, word, tt_mpmc_is_dead_(r, holder, 0));
    }
    return done;
}

/* The slot of `pos` stands in the way with this word: give up on its holder when it is dead, or
 * when the word has stood there for unblock_ns since it was first looked at. So have all that were
 * held by then, up to position `to`: a stopped holder of many costs one wait. 1: try again. */
TT_MPMC_COLD int tt_mpmc_judge_(tt_mpmc *r, tt_mpmc_watch *watch, uint64_t word, uint64_t pos,
                                uint64_t to, int64_t now_ns)
{
    if (watch->word != word) {
        *watch = (tt_mpmc_watch){.word = word, .to = to, .since_ns = now_ns};
        return 0;
    }
    const int64_t waited = now_ns - watch->since_ns, bound = (int64_t)r->page->unblock_ns;
    if (waited < bound / 8)
        return 0;
    const int late = waited >= bound;
    const uint32_t owner = tt_mpmc_owner(word);
    const int dead = tt_mpmc_is_dead_(r, owner, late || !watch->looked);
    watch->looked = 1;
    if (!dead && !late)
        return 0;
    /* A position that lagged when it was looked at: this one slot was held all the same. */
    const uint64_t end = (int64_t)(watch->to - pos) > 0 ? watch->to : pos + 1;
    return tt_mpmc_sweep_(r, pos, end, tt_mpmc_state(word), late ? 0 : owner) > 0;
}

/* After TT_E_EMPTY: is there a claim in the way that nobody will commit in time? Called again and
 * again with a clock that runs evenly; 1 when it gave one up, so that a pop goes on. */
TT_MPMC_COLD int tt_mpmc_unblock_read(tt_mpmc *r, int64_t now_ns)
{
    if (!(r->flags & TT_MPMC_FENCED) || r->me == 0)
        return 0;
    const uint64_t pos = tt_load_acquire64(&r->page->read_pos);
    const uint64_t word = tt_load_acquire64(&tt_mpmc_slot_(r, pos)->word); /* pairs with claims */
    if (tt_mpmc_ahead_(word, pos) != 0 || tt_mpmc_state(word) != TT_MPMC_CLAIMED)
        return 0;
    const uint64_t to = tt_load_acquire64(&r->page->write_pos);
    return tt_mpmc_judge_(r, &r->reading, word, pos, to, now_ns);
}

/* After TT_E_FULL: is there a reader in the way that does not give its record back in time? */
TT_MPMC_COLD int tt_mpmc_unblock_write(tt_mpmc *r, int64_t now_ns)
{
    if (!(r->flags & TT_MPMC_FENCED) || r->me == 0)
        return 0;
    const uint64_t pos = tt_load_acquire64(&r->page->write_pos) - r->mask - 1;
    const uint64_t word = tt_load_acquire64(&tt_mpmc_slot_(r, pos)->word); /* pairs with peeks */
    if (tt_mpmc_ahead_(word, pos) != 0 || tt_mpmc_state(word) != TT_MPMC_READING)
        return 0;
    const uint64_t to = tt_load_acquire64(&r->page->read_pos);
    return tt_mpmc_judge_(r, &r->writing, word, pos, to, now_ns);
}

/* Let go of a slot as its owner: the word that named this handle until now, or 0. */
TT_MPMC_COLD uint64_t tt_mpmc_give_back_(tt_mpmc *r, tt_mpmc_slot *slot)
{
    uint64_t word = tt_load_acquire64(&slot->word);
    for (uint32_t i = 0; i < TT_MPMC_TRIES && tt_mpmc_owner(word) == r->me; i++)
        /* Release: the late copy of this handle comes before the next writer's. */
        if (tt_cas64(&slot->word, &word, tt_mpmc_disowned_(r, word)))
            return word; /* unchanged by a swap that worked */
    return 0;
}

/* A commit or release came too late: the slot was in quarantine, and is given back. */
TT_MPMC_COLD int tt_mpmc_fenced_(tt_mpmc *r, tt_mpmc_slot *slot)
{
    (void)tt_mpmc_give_back_(r, slot);
    tt_bump64(&r->mine->fenced, 1);
    return TT_E_STATE;
}

/* Every slot that names the dead entry is freed; 0 when one could not be. */
TT_MPMC_COLD int tt_mpmc_clear_(tt_mpmc *r, uint32_t owner, uint64_t dead_token)
{
    for (uint64_t i = 0; i <= r->mask; i++) {
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, i);
        uint32_t tries = 0;
        for (; tries < TT_MPMC_TRIES; tries++) {
            const uint64_t word = tt_load_acquire64(&slot->word);
            if (tt_mpmc_owner(word) != owner)
                break;
            /* After the word: another reaper may be done, and the entry someone else's. */
            if (tt_load_acquire64(&tt_mpmc_entry_(r, owner)->token) != dead_token)
                return 0;
            (void)tt_mpmc_give_up_(r, slot, word, 1);
        }
        if (tries == TT_MPMC_TRIES)
            return 0;
    }
    return 1;
}

/* Free the entries of dead participants and the slots they held; how many. Goes through the whole
 * ring for each: cold. The caller takes part. */
TT_MPMC_COLD uint32_t tt_mpmc_reap(tt_mpmc *r)
{
    uint32_t freed = 0;
    for (uint32_t owner = 1; owner <= TT_MPMC_PARTICIPANTS; owner++) {
        tt_atomic_u64 *at = &tt_mpmc_entry_(r, owner)->token;
        if (tt_load_acquire64(at) == 0 || owner == r->me || !tt_mpmc_is_dead_(r, owner, 1))
            continue;
        uint64_t token = tt_load_acquire64(at);
        if ((token & TT_MPMC_DEAD) && tt_mpmc_clear_(r, owner, token) && tt_cas64(at, &token, 0))
            freed++;
    }
    return freed;
}

static inline int tt_mpmc_take_entry_(tt_mpmc *r)
{
    for (uint32_t owner = 1; owner <= TT_MPMC_PARTICIPANTS; owner++) {
        tt_mpmc_participant *entry = tt_mpmc_entry_(r, owner);
        uint64_t found = 0;
        /* Pairs with the same swap of whoever else joins, and with leave and reap. */
        if (tt_load_relaxed64(&entry->token) != 0 || !tt_cas64(&entry->token, &found, r->token))
            continue;
        r->me = owner;
        r->mine = entry;
        tt_bump64(&entry->joins, 1);
        return TT_OK;
    }
    return TT_E_FULL;
}

/* Take part: needed to push or pop. When the table is full of dead, their entries are freed by
 * whoever takes part (tt_mpmc_reap); a table without a live one frees itself. TT_OK or TT_E_FULL.
 */
TT_MPMC_COLD int tt_mpmc_join(tt_mpmc *r)
{
    if (r->me != 0)
        return TT_OK;
    const uint32_t pid = (uint32_t)getpid();
    r->token = (uint64_t)pid << 32 | tt_pid_start(pid);
    if (tt_mpmc_take_entry_(r) == TT_OK)
        return TT_OK;
    /* What reaping counts goes into a line of its own until there is an entry. */
    tt_mpmc_participant none;
    memset(&none, 0, sizeof none);
    r->mine = &none;
    (void)tt_mpmc_reap(r);
    r->mine = NULL;
    if (tt_mpmc_take_entry_(r) != TT_OK)
        return TT_E_FULL;
    tt_bump64(&r->mine->abandoned, tt_load_relaxed64(&none.abandoned));
    tt_bump64(&r->mine->lost, tt_load_relaxed64(&none.lost));
    return TT_OK;
}

/* Stop taking part. What is still held is given back: claims are aborted, records were read. */
TT_MPMC_COLD void tt_mpmc_leave(tt_mpmc *r)
{
    if (r->me == 0)
        return;
    for (uint64_t i = 0; r->open > 0 && (r->flags & TT_MPMC_FENCED) && i <= r->mask; i++) {
        tt_mpmc_slot *slot = tt_mpmc_slot_(r, i);
        const uint64_t word = tt_mpmc_give_back_(r, slot);
        if (word == 0)
            continue;
        const uint32_t state = tt_mpmc_state(word);
        tt_bump64(state == TT_MPMC_CLAIMED   ? &r->mine->aborted
                  : state == TT_MPMC_READING ? &r->mine->popped
                                             : &r->mine->fenced,
                  1);
    }
    uint64_t token = r->token;
    tt_cas64(&r->mine->token, &token, 0);
    r->me = r->open = 0;
    r->mine = NULL;
}

static inline void tt_mpmc_beat(tt_mpmc *r, int64_t now_ns)
{
    if (r->me != 0)
        tt_store_release64(&r->mine->beat_ns, (uint64_t)now_ns); /* pairs with observers */
}

#endif
