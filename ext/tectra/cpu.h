/* What a busy-polling thread asks of its core: a relax hint, where it runs, and to stay there.
 * Linux. */
#ifndef TECTRA_CPU_H
#define TECTRA_CPU_H

#include "base.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#ifndef CPU_SETSIZE
#error "cpu.h needs _GNU_SOURCE: include it before system headers, or use -D_GNU_SOURCE"
#endif

/* Hint of a spin loop: yields the pipeline to the sibling thread for some cycles. */
static inline void tt_cpu_relax(void)
{
#if TT_X86
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#else
    __asm__ __volatile__("" ::: "memory");
#endif
}

/* Core the calling thread runs on now, or TT_E_IO. */
static inline int tt_cpu_current(void)
{
    const int core = sched_getcpu();
    return core < 0 ? TT_E_IO : core;
}

/* Cores the calling thread may run on, or TT_E_IO. */
static inline int tt_cpu_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return TT_E_IO;
    }
    return CPU_COUNT(&set);
}

/* Pin the calling thread to one core: TT_OK, TT_E_RANGE (no such core, or not allowed here),
 * TT_E_IO. */
static inline int tt_cpu_pin(int core)
{
    if (core < 0 || core >= CPU_SETSIZE) {
        return TT_E_RANGE;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0) {
        return TT_OK;
    }
    return errno == EINVAL ? TT_E_RANGE : TT_E_IO;
}

#endif
