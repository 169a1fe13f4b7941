/* What a trading thread asks of its memory: large pages, a NUMA node, no page fault later. Linux.
 *
 * Everything here is a wish: the kernel may refuse (no permission, no such page size, no such
 * node), and errno says why. Page sizes are those of x86-64 and of aarch64 with 4 kB pages. Cold
 * paths; the caller owns the memory, and no other thread may use a region while it grows. */
#ifndef TECTRA_MEMORY_H
#define TECTRA_MEMORY_H

#include "base.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MREMAP_MAYMOVE
#error "memory.h needs _GNU_SOURCE: include it before system headers, or use -D_GNU_SOURCE"
#endif

#define TT_PAGE_BYTES UINT64_C(4096)
#define TT_HUGE_BYTES UINT64_C(2097152)
#define TT_NODES_MAX 1024

/* From linux/mempolicy.h and asm-generic/mman-common.h, which the C library does not bring. */
#define TT_MPOL_PREFERRED 1
#define TT_MPOL_F_NODE 1
#define TT_MPOL_F_ADDR 2
#define TT_MPOL_MF_MOVE 2
#define TT_MADV_POPULATE_WRITE 23

static inline uint64_t tt_mem_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Ask for large pages in the part of a block that holds whole ones: bytes of that part, 0 when
 * there is none, TT_E_IO (errno). */
static inline int64_t tt_mem_huge(void *p, uint64_t bytes)
{
    const uint64_t from = tt_mem_up((uintptr_t)p, TT_HUGE_BYTES);
    const uint64_t to = ((uintptr_t)p + bytes) / TT_HUGE_BYTES * TT_HUGE_BYTES;
    if (to <= from) {
        return 0;
    }
    return madvise((void *)from, to - from, MADV_HUGEPAGE) == 0 ? (int64_t)(to - from) : TT_E_IO;
}

/* Take all page faults of a block now: TT_OK, TT_E_IO (errno; EINVAL before Linux 5.14). */
static inline int tt_mem_prefault(void *p, uint64_t bytes)
{
    const uint64_t from = (uintptr_t)p / TT_PAGE_BYTES * TT_PAGE_BYTES;
    const uint64_t to = tt_mem_up((uintptr_t)p + bytes, TT_PAGE_BYTES);
    return madvise((void *)from, to - from, TT_MADV_POPULATE_WRITE) == 0 ? TT_OK : TT_E_IO;
}

/* Prefer a NUMA node for the pages of a block, and move those that are there and ours alone: TT_OK,
 * TT_E_RANGE (node), TT_E_IO (errno). */
static inline int tt_mem_prefer_node(void *p, uint64_t bytes, int node)
{
    unsigned long mask[TT_NODES_MAX / (8 * sizeof(unsigned long))] = {0};
    if (node < 0 || node >= TT_NODES_MAX) {
        return TT_E_RANGE;
    }
    mask[(size_t)node / (8 * sizeof(long))] = 1UL << ((size_t)node % (8 * sizeof(long)));
    const uint64_t from = (uintptr_t)p / TT_PAGE_BYTES * TT_PAGE_BYTES;
    const uint64_t to = tt_mem_up((uintptr_t)p + bytes, TT_PAGE_BYTES);
    /* The kernel reads one bit less than it is told. */
    const long rc = syscall(SYS_mbind, from, to - from, TT_MPOL_PREFERRED, mask, TT_NODES_MAX + 1,
                            TT_MPOL_MF_MOVE);
    return rc == 0 ? TT_OK : TT_E_IO;
}

/* NUMA node that holds the page at p (which is faulted in), or TT_E_IO (errno). */
static inline int tt_mem_node_of(const void *p)
{
    int node = -1;
    const long rc = syscall(SYS_get_mempolicy, &node, NULL, 0, p, TT_MPOL_F_NODE | TT_MPOL_F_ADDR);
    return rc == 0 ? node : TT_E_IO;
}

/* Memory of this process that grows without copying: from 2 MB on it lies on a boundary of large
 * pages, asks for them, and moves by its page table. A zeroed one is empty. */
typedef struct {
    void *base;
    uint64_t bytes;
} tt_region;

/* Address space of so many bytes on a boundary of large pages, or NULL (errno). */
static inline void *tt_region_place(uint64_t bytes, int protection)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (protection == PROT_NONE ? MAP_NORESERVE : 0);
    char *p = (char *)mmap(NULL, bytes + TT_HUGE_BYTES, protection, flags, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    char *aligned = (char *)(uintptr_t)tt_mem_up((uintptr_t)p, TT_HUGE_BYTES);
    if (aligned > p) {
        munmap(p, (size_t)(aligned - p));
    }
    munmap(aligned + bytes, (size_t)(p + TT_HUGE_BYTES - aligned));
    return aligned;
}

/* Make room for `bytes`, keeping what is there; what is new is zero. TT_OK, TT_E_MEMORY (nothing
 * changes). */
static inline int tt_region_grow(tt_region *r, uint64_t bytes)
{
    if (bytes <= r->bytes) {
        return TT_OK;
    }
    if (bytes > UINT64_MAX / 4) {
        return TT_E_MEMORY;
    }
    const int large = bytes >= TT_HUGE_BYTES;
    const uint64_t room = tt_mem_up(bytes, large ? TT_HUGE_BYTES : TT_PAGE_BYTES);
    void *p = MAP_FAILED;
    if (large && r->bytes >= TT_HUGE_BYTES) {
        p = mremap(r->base, r->bytes, room, 0);
        if (p == MAP_FAILED) {
            void *place = tt_region_place(room, PROT_NONE);
            if (place == NULL) {
                return TT_E_MEMORY;
            }
            p = mremap(r->base, r->bytes, room, MREMAP_MAYMOVE | MREMAP_FIXED, place);
            if (p == MAP_FAILED) {
                munmap(place, room);
            }
        }
    } else if (large) {
        p = tt_region_place(room, PROT_READ | PROT_WRITE);
        p = p == NULL ? MAP_FAILED : p;
    } else {
        p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (p == MAP_FAILED) {
        return TT_E_MEMORY;
    }
    if (large) {
        (void)tt_mem_huge(p, room); /* small pages serve too, only dearer */
    }
    if (r->base != NULL && r->bytes < TT_HUGE_BYTES) {
        memcpy(p, r->base, r->bytes);
        munmap(r->base, r->bytes);
    }
    *r = (tt_region){p, room};
    return TT_OK;
}

/* Give it back. An empty one is left alone. */
static inline void tt_region_free(tt_region *r)
{
    if (r->base != NULL) {
        munmap(r->base, r->bytes);
    }
    *r = (tt_region){NULL, 0};
}

#endif
