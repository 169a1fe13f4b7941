/* Shared pages: the head that every one of them starts with, and its verification. The system calls
 * are in shm_map.h.
 *
 * The magic is stored last: a page without it is not finished. No pointers inside a page. The head
 * is constant once published, except the heartbeat of its owner.
 */
#ifndef TECTRA_SHM_H
#define TECTRA_SHM_H

#include "base.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "atomic.h"
#include "msg.h"

/* Bumped by any change to tt_shm_head or to a struct behind it: attach refuses another version. */
#define TT_LAYOUT_VERSION 1u

#define TT_SHM_MAGIC_SPSC 0x3153505354544554ull     /* TETTSPS1 */
#define TT_SHM_MAGIC_COUNTERS 0x31544e4354544554ull /* TETTCNT1 */
#define TT_SHM_MAGIC_KILL 0x314c494b54544554ull     /* TETTKIL1 */

/* What tt_shm_check found. */
enum {
    TT_SHM_GOOD = 0,
    TT_SHM_TRUNCATED = 1,    /* shorter than its own head, or than the head says */
    TT_SHM_NOT_READY = 2,    /* the owner has not finished it, or died while making it */
    TT_SHM_WRONG_KIND = 3,   /* magic of something else */
    TT_SHM_WRONG_LAYOUT = 4, /* written by another layout version */
    TT_SHM_WRONG_SCHEMA = 5, /* records of another schema, or of a newer version of ours */
    TT_SHM_WRONG_SIZE = 6,   /* capacity, flags and size do not belong together */
    TT_SHM_FOREIGN = 7,      /* belongs to another user */
    TT_SHM_DAMAGED = 8,      /* positions outside the page */
};

/*  byte  0       8        12       14       16       24       32       40       48          56   64
 *        +-------+--------+--------+--------+--------+--------+-----+--+--------+-----------+-----+
 *        | magic | layout | schema | schema | total  | capa-  |flags|  | created| heartbeat |  0  |
 *        |       | version| id     | version| bytes  | city   |   pid  | ns     | ns        |     |
 *        +-------+--------+--------+--------+--------+--------+--------+--------+-----------+-----+
 */
typedef struct {
    tt_atomic_u64 magic;
    uint32_t layout_version;
    uint16_t schema_id, schema_version;
    uint64_t total_bytes;
    uint64_t capacity; /* slots or entries */
    uint32_t flags;
    uint32_t owner_pid;
    int64_t created_ns;
    tt_atomic_u64 heartbeat_ns;
    uint64_t reserved;
} tt_shm_head;

_Static_assert(sizeof(tt_shm_head) == 64, "tt_shm_head is one line");
_Static_assert(offsetof(tt_shm_head, total_bytes) == 16 && offsetof(tt_shm_head, flags) == 32,
               "tt_shm_head layout");
_Static_assert(offsetof(tt_shm_head, heartbeat_ns) == 48, "tt_shm_head layout");

/* Everything but the magic. The memory is zeroed. */
static inline void tt_shm_head_init(tt_shm_head *head, uint64_t total_bytes, uint64_t capacity,
                                    uint32_t flags, int64_t now_ns)
{
    TT_ASSERT(total_bytes >= sizeof(*head) && capacity > 0);
    head->layout_version = TT_LAYOUT_VERSION;
    head->schema_id = TT_SCHEMA_ID;
    head->schema_version = TT_SCHEMA_VERSION;
    head->total_bytes = total_bytes;
    head->capacity = capacity;
    head->flags = flags;
    head->owner_pid = (uint32_t)getpid();
    head->created_ns = now_ns;
    tt_store_relaxed64(&head->heartbeat_ns, (uint64_t)now_ns);
}

/* The page is complete: whoever sees the magic sees everything before it. Pairs with the acquire
 * load in tt_shm_check. */
static inline void tt_shm_publish(tt_shm_head *head, uint64_t magic)
{
    tt_store_release64(&head->magic, magic);
}

/* One of TT_SHM_*: may `bytes` at `head` be used as a page of this kind? */
static inline int tt_shm_check(const tt_shm_head *head, uint64_t bytes, uint64_t magic)
{
    if (bytes < sizeof(*head))
        return TT_SHM_TRUNCATED;
    /* Pairs with the release store in tt_shm_publish. */
    const uint64_t found = tt_load_acquire64(&head->magic);
    if (found == 0)
        return TT_SHM_NOT_READY;
    if (found != magic)
        return TT_SHM_WRONG_KIND;
    if (head->layout_version != TT_LAYOUT_VERSION)
        return TT_SHM_WRONG_LAYOUT;
    if (head->schema_id != TT_SCHEMA_ID || head->schema_version > TT_SCHEMA_VERSION)
        return TT_SHM_WRONG_SCHEMA;
    if (head->total_bytes > bytes)
        return TT_SHM_TRUNCATED;
    return head->capacity == 0 ? TT_SHM_WRONG_SIZE : TT_SHM_GOOD;
}

/* 0 only when the process is known to be gone. A process id that was given away again counts as
 * alive. */
static inline int tt_pid_alive(uint32_t pid)
{
    return pid != 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
}

#endif
