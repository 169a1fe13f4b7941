/* Sleeping on a word of shared memory and waking who sleeps there, also in another process; and the
 * fence that lets the waker look at a flag without a fence of its own. Linux.
 *
 * A sleeper raises a flag, calls tt_fence_others, looks once more for what it waits for, and
 * sleeps. The other side publishes, keeps the compiler from moving the load up (tt_fence_compiler),
 * and looks at the flag with a plain load. The fence of the sleeper runs in every process that
 * registered: either the sleeper sees what was published, or the other side sees the flag.
 */
#ifndef TECTRA_FUTEX_H
#define TECTRA_FUTEX_H

#include "base.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"

/* Sleep while *word is `value`, at most ns (more than 0). Returns early for a signal, a wake, or
 * no reason. */
static inline void tt_futex_wait(tt_atomic_u32 *word, uint32_t value, int64_t ns)
{
    TT_ASSERT(ns > 0);
    const struct timespec t = {.tv_sec = (time_t)(ns / 1000000000),
                               .tv_nsec = (long)(ns % 1000000000)};
    /* Not FUTEX_PRIVATE_FLAG: the other side may be another process. */
    (void)syscall(SYS_futex, (void *)word, FUTEX_WAIT, value, &t, NULL, 0);
}

/* Wake one sleeper. */
static inline void tt_futex_wake(tt_atomic_u32 *word)
{
    (void)syscall(SYS_futex, (void *)word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* A full fence on every core that runs a registered process. 1, or 0 where the kernel has none. */
static inline int tt_fence_others(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

/* Let the fences of others reach this process. 1, or 0 where the kernel has none. Once a process
 * costs up to some milliseconds, later calls a microsecond. */
static inline int tt_fence_register(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

/* Loads behind it stay behind the stores before it, as far as the compiler goes. */
static inline void tt_fence_compiler(void)
{
    __asm__ __volatile__("" ::: "memory");
}

/* Wake who sleeps on `word`, whose value 1 says that somebody does. Kept out of the fast path that
 * looks at the word. */
__attribute__((noinline, unused)) static void tt_unpark(tt_atomic_u32 *word)
{
    if (tt_exchange32(word, 0) != 0)
        tt_futex_wake(word);
}

#endif
