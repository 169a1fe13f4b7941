/* The kill word: one word that says whether orders may leave. Any thread or process sets it, the
 * gate reads it before every order.
 *
 * The word holds the reason (low 16 bits, 0 = not killed) and the epoch (the number of kills so
 * far) together, so one acquire load tells everything and a clear can name the kill it has seen: a
 * kill that came later stays. Setting never waits, never fails.
 */
#ifndef TECTRA_KILL_H
#define TECTRA_KILL_H

#include "shm.h"

#include <string.h>

/* Reasons below 16 are ours, the rest are the user's. */
enum {
    TT_KILL_NONE = 0,
    TT_KILL_OPERATOR = 1,
    TT_KILL_RISK = 2,
    TT_KILL_JOURNAL = 3,
    TT_KILL_HEARTBEAT = 4,
    TT_KILL_FAULT = 5,
    TT_KILL_VENUE = 6,
    TT_KILL_DRILL = 7,
    TT_KILL_RECOVERY = 8, /* an engine put together again, not yet reconciled with its venue */
    TT_KILL_REASON_MAX = 0xffff,
};

/*  byte  0             64      72       80         88          96         104      128
 *        +-------------+-------+--------+----------+-----------+----------+--------+
 *        | tt_shm_head | word  | set_ns | set_pid  | cleared_ns| attempts |   0    |
 *        +-------------+-------+--------+----------+-----------+----------+--------+
 *  word: epoch << 16 | reason
 */
typedef struct {
    tt_shm_head head;
    tt_atomic_u64 word;
    tt_atomic_u64 set_ns; /* of the kill in force or the last one; 0: never. For people: not one
                             unit with the word */
    tt_atomic_u64 set_pid;
    tt_atomic_u64 cleared_ns;
    tt_atomic_u64 attempts; /* calls of set, also those that found it set */
    uint64_t reserved[3];
} tt_kill;

_Static_assert(sizeof(tt_kill) == 128 && offsetof(tt_kill, word) == 64,
               "the kill word has a line of its own");

static inline uint32_t tt_kill_layout(void)
{
    const uint32_t words[] = {sizeof(tt_kill), offsetof(tt_kill, word),
                              offsetof(tt_kill, attempts)};
    return tt_layout_hash(words, sizeof words / sizeof *words);
}

/* In zeroed memory. */
static inline void tt_kill_init(tt_kill *k, int64_t now_ns)
{
    tt_shm_head_init(&k->head, sizeof(*k), 1, 0, tt_kill_layout(), now_ns);
    tt_shm_publish(&k->head, TT_SHM_MAGIC_KILL);
}

/* One of TT_SHM_*. */
static inline int tt_kill_check(const tt_kill *k, uint64_t bytes)
{
    const int reason = tt_shm_check(&k->head, bytes, TT_SHM_MAGIC_KILL, tt_kill_layout());
    if (reason == TT_SHM_GOOD && (k->head.total_bytes != sizeof(*k) || k->head.capacity != 1))
        return TT_SHM_WRONG_SIZE;
    return reason;
}

/* Pairs with the exchange in tt_kill_set: what happened before the kill is seen after it. */
static inline uint64_t tt_kill_word(const tt_kill *k)
{
    return tt_load_acquire64(&k->word);
}

static inline int tt_kill_is_set(const tt_kill *k)
{
    return (tt_kill_word(k) & TT_KILL_REASON_MAX) != 0;
}

static inline uint32_t tt_kill_reason(const tt_kill *k)
{
    return (uint32_t)(tt_kill_word(k) & TT_KILL_REASON_MAX);
}

static inline uint64_t tt_kill_epoch(const tt_kill *k)
{
    return tt_kill_word(k) >> 16;
}

/* Kill, saying when. The first reason stays until it is cleared. TT_OK, or TT_E_DUPLICATE when it
 * was set already: both mean "set". A reason outside 1..65535 becomes TT_KILL_FAULT: a kill is
 * never refused. */
static inline int tt_kill_set_at(tt_kill *k, uint32_t reason, int64_t now_ns)
{
    const uint64_t code = reason == 0 || reason > TT_KILL_REASON_MAX ? TT_KILL_FAULT : reason;
    tt_fetch_add64(&k->attempts, 1);
    uint64_t found = tt_load_acquire64(&k->word);
    /* Ends: each failed round is another thread's progress. */
    while ((found & TT_KILL_REASON_MAX) == 0) {
        /* Pairs with the acquire load in tt_kill_word. */
        if (tt_cas64(&k->word, &found, ((found >> 16) + 1) << 16 | code)) {
            tt_store_relaxed64(&k->set_ns, (uint64_t)now_ns);
            tt_store_relaxed64(&k->set_pid, (uint64_t)getpid());
            return TT_OK;
        }
    }
    return TT_E_DUPLICATE;
}

static inline int tt_kill_set(tt_kill *k, uint32_t reason)
{
    return tt_kill_set_at(k, reason, 0);
}

/* Clear the kill of this epoch. TT_OK (also when it is cleared already), or TT_E_STATE: a later
 * kill is in force. */
static inline int tt_kill_clear_epoch(tt_kill *k, uint64_t epoch, int64_t now_ns)
{
    uint64_t found = tt_load_acquire64(&k->word);
    if (found >> 16 != epoch)
        return TT_E_STATE;
    if ((found & TT_KILL_REASON_MAX) == 0)
        return TT_OK;
    /* Fails only when another clear, or a clear and a new kill, came between; pairs with the
     * acquire load in tt_kill_word. */
    if (!tt_cas64(&k->word, &found, epoch << 16))
        return found == epoch << 16 ? TT_OK : TT_E_STATE;
    tt_store_relaxed64(&k->cleared_ns, (uint64_t)now_ns);
    return TT_OK;
}

/* Clear whatever kill is in force now. */
static inline int tt_kill_clear(tt_kill *k)
{
    return tt_kill_clear_epoch(k, tt_kill_epoch(k), 0);
}

#endif
