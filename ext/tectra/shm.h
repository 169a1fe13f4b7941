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
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "atomic.h"
#include "msg.h"

/* Bumped by any change to tt_shm_head or to a struct behind it: attach refuses another version. */
#define TT_LAYOUT_VERSION 2u

#define TT_SHM_MAGIC_SPSC 0x3153505354544554ull     /* TETTSPS1 */
#define TT_SHM_MAGIC_COUNTERS 0x31544e4354544554ull /* TETTCNT1 */
#define TT_SHM_MAGIC_KILL 0x314c494b54544554ull     /* TETTKIL1 */
#define TT_SHM_MAGIC_MPMC 0x314d504d54544554ull     /* TETTMPM1 */
#define TT_SHM_MAGIC_BCAST 0x3153434254544554ull    /* TETTBCS1 */
#define TT_SHM_MAGIC_ERRLOG 0x3152524554544554ull   /* TETTERR1 */

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

/*  byte  0       8        10       12       14    16      24       32      36      40
 *        +-------+--------+--------+--------+-----+-------+--------+-------+-------+
 *        | magic | layout | schema | schema |  0  | total | capa-  | flags | owner |
 *        |       | version| id     | version|     | bytes | city   |       | pid   |
 *        +-------+--------+--------+--------+-----+-------+--------+-------+-------+
 *        40           48             56            60                              64
 *        +------------+--------------+-------------+-------------------------------+
 *        | created ns | heartbeat ns | layout hash | owner start, low 32 bits      |
 *        +------------+--------------+-------------+-------------------------------+
 */
typedef struct {
    tt_atomic_u64 magic;
    uint16_t layout_version, schema_id, schema_version, reserved;
    uint64_t total_bytes;
    uint64_t capacity; /* slots or entries */
    uint32_t flags;
    uint32_t owner_pid;
    int64_t created_ns;
    tt_atomic_u64 heartbeat_ns;
    uint32_t layout_hash; /* tt_layout_hash of the page's own offsets */
    uint32_t owner_start; /* tt_pid_start of the owner: tells it from a later process of its id */
} tt_shm_head;

_Static_assert(sizeof(tt_shm_head) == 64, "tt_shm_head is one line");
_Static_assert(offsetof(tt_shm_head, total_bytes) == 16 && offsetof(tt_shm_head, flags) == 32,
               "tt_shm_head layout");
_Static_assert(offsetof(tt_shm_head, heartbeat_ns) == 48 &&
                   offsetof(tt_shm_head, layout_hash) == 56,
               "tt_shm_head layout");

/* FNV-1a over the offsets and sizes a kind of page gives: two builds that lay a page out
 * differently do not attach to one another, whatever their version says. */
static inline uint32_t tt_layout_hash(const uint32_t *words, size_t n)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < n; i++)
        for (int byte = 0; byte < 4; byte++)
            hash = (hash ^ ((words[i] >> (8 * byte)) & 0xffu)) * 16777619u;
    return hash;
}

/* When a process started, in clock ticks since the machine did (low 32 bits, never 0); 0 when it is
 * not there or does not tell. Cold: reads /proc. */
static inline uint32_t tt_pid_start(uint32_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    /* The name in parentheses may hold anything: fields are counted behind the last ')'. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return 0;
    const uint32_t ticks = (uint32_t)strtoull(at + 1, NULL, 10);
    return ticks != 0 ? ticks : 1;
}

/* Everything but the magic. The memory is zeroed. */
static inline void tt_shm_head_init(tt_shm_head *head, uint64_t total_bytes, uint64_t capacity,
                                    uint32_t flags, uint32_t layout_hash, int64_t now_ns)
{
    TT_ASSERT(total_bytes >= sizeof(*head) && capacity > 0);
    head->layout_version = TT_LAYOUT_VERSION;
    head->schema_id = TT_SCHEMA_ID;
    head->schema_version = TT_SCHEMA_VERSION;
    head->total_bytes = total_bytes;
    head->capacity = capacity;
    head->flags = flags;
    head->owner_pid = (uint32_t)getpid();
    head->owner_start = tt_pid_start(head->owner_pid);
    head->layout_hash = layout_hash;
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
static inline int tt_shm_check(const tt_shm_head *head, uint64_t bytes, uint64_t magic,
                               uint32_t layout_hash)
{
    if (bytes < sizeof(*head))
        return TT_SHM_TRUNCATED;
    /* Pairs with the release store in tt_shm_publish. */
    const uint64_t found = tt_load_acquire64(&head->magic);
    if (found == 0)
        return TT_SHM_NOT_READY;
    if (found != magic)
        return TT_SHM_WRONG_KIND;
    if (head->layout_version != TT_LAYOUT_VERSION || head->layout_hash != layout_hash)
        return TT_SHM_WRONG_LAYOUT;
    if (head->schema_id != TT_SCHEMA_ID || head->schema_version > TT_SCHEMA_VERSION)
        return TT_SHM_WRONG_SCHEMA;
    if (head->total_bytes > bytes)
        return TT_SHM_TRUNCATED;
    return head->capacity == 0 ? TT_SHM_WRONG_SIZE : TT_SHM_GOOD;
}

/* 0 only when the process is known to be gone: no such id, or one that started at another time
 * (`start` from tt_pid_start; 0: not known, any process of that id counts). */
static inline int tt_pid_alive(uint32_t pid, uint32_t start)
{
    if (pid == 0 || (kill((pid_t)pid, 0) != 0 && errno == ESRCH))
        return 0;
    const uint32_t now = start != 0 ? tt_pid_start(pid) : 0;
    return now == 0 || now == start;
}

static inline int tt_shm_owner_alive(const tt_shm_head *head)
{
    return tt_pid_alive(head->owner_pid, head->owner_start);
}

#endif
