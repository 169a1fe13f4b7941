# Memory for nogil users: a region that grows in large pages. A zeroed tt_region is empty; one owner
# thread.
from libc.stdint cimport int64_t, uint64_t

cdef extern from "tectra/memory.h" nogil:
    enum:
        TT_HUGE_BYTES
        TT_PAGE_BYTES
    ctypedef struct tt_region:
        void *base
        uint64_t bytes
    int tt_region_grow(tt_region *r, uint64_t bytes)
    void tt_region_free(tt_region *r)
    int64_t tt_mem_huge(void *p, uint64_t bytes)
    int tt_mem_prefault(void *p, uint64_t bytes)
    int tt_mem_prefer_node(void *p, uint64_t bytes, int node)
    int tt_mem_node_of(const void *p)
