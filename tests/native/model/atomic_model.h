/* Takes the place of the definitions in atomic.h: each operation is a call into the explorer, with
 * the function and line that made it, for the printed schedule. Process calls ask the model's
 * process table: each thread of the model is a process of its own.
 */
#ifndef TECTRA_MODEL_ATOMIC_MODEL_H
#define TECTRA_MODEL_ATOMIC_MODEL_H

typedef struct {
    uint32_t v;
} tt_atomic_u32;

typedef struct {
    uint64_t v;
} tt_atomic_u64;

enum { TM_LOAD, TM_STORE, TM_ADD, TM_SWAP, TM_CAS, TM_ACQUIRE, TM_RELEASE, TM_FULL };

typedef struct {
    const char *function;
    int line;
} tm_site;

uint64_t tm_operate(int kind, const void *at, uint32_t bytes, int ordered, uint64_t value,
                    tm_site site);
bool tm_cas(void *at, uint32_t bytes, void *expected, uint64_t value, tm_site site);
void *tm_memcpy(void *to, const void *from, size_t bytes);
void *tm_memset(void *to, int value, size_t bytes);
int tm_getpid(void);
int tm_kill(int pid, int signal, tm_site site);

#define TM_SITE ((tm_site){__func__, __LINE__})
#define TM_READ(a, bytes, ordered) tm_operate(TM_LOAD, (a), bytes, ordered, 0, TM_SITE)
#define TM_WRITE(kind, a, bytes, ordered, x) tm_operate(kind, (a), bytes, ordered, (x), TM_SITE)

#define tt_load_relaxed32(a) ((uint32_t)TM_READ(a, 4, 0))
#define tt_load_acquire32(a) ((uint32_t)TM_READ(a, 4, 1))
#define tt_store_relaxed32(a, x) ((void)TM_WRITE(TM_STORE, a, 4, 0, x))
#define tt_store_release32(a, x) ((void)TM_WRITE(TM_STORE, a, 4, 1, x))
#define tt_fetch_add32(a, x) ((uint32_t)TM_WRITE(TM_ADD, a, 4, 1, x))
#define tt_exchange32(a, x) ((uint32_t)TM_WRITE(TM_SWAP, a, 4, 1, x))
#define tt_cas32(a, expected, x) tm_cas((a), 4, (expected), (x), TM_SITE)

#define tt_load_relaxed64(a) TM_READ(a, 8, 0)
#define tt_load_acquire64(a) TM_READ(a, 8, 1)
#define tt_store_relaxed64(a, x) ((void)TM_WRITE(TM_STORE, a, 8, 0, x))
#define tt_store_release64(a, x) ((void)TM_WRITE(TM_STORE, a, 8, 1, x))
#define tt_fetch_add64(a, x) TM_WRITE(TM_ADD, a, 8, 1, x)
#define tt_exchange64(a, x) TM_WRITE(TM_SWAP, a, 8, 1, x)
#define tt_cas64(a, expected, x) tm_cas((a), 8, (expected), (x), TM_SITE)
#define tt_bump64(a, x) tt_store_relaxed64(a, tt_load_relaxed64(a) + (x))

#define tt_fence_acquire() ((void)tm_operate(TM_ACQUIRE, 0, 0, 0, 0, TM_SITE))
#define tt_fence_release() ((void)tm_operate(TM_RELEASE, 0, 0, 0, 0, TM_SITE))
#define tt_fence_full() ((void)tm_operate(TM_FULL, 0, 0, 0, 0, TM_SITE))

#define tt_copy_in(shared, from, bytes) ((void)tm_memcpy((shared), (from), (bytes)))
#define tt_copy_out(to, shared, bytes) ((void)tm_memcpy((to), (shared), (bytes)))

/* Behind <string.h>, <signal.h> and <unistd.h>, whose declarations they would spoil. */
#ifndef TM_EXPLORER
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#define memcpy(to, from, bytes) tm_memcpy((to), (from), (bytes))
#define memset(to, value, bytes) tm_memset((to), (value), (bytes))
#define getpid() tm_getpid()
#define kill(pid, sig) tm_kill((pid), (sig), TM_SITE)
/* No /proc: start times are not known. */
#define open(path, flags) (-1)
/* Sleeping and its fences are not in the model: they succeed and do nothing. */
#define syscall tm_syscall
static inline long tm_syscall(long number, ...)
{
    (void)number;
    return 0;
}
#endif

#endif
