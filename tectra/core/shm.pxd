# Shared pages for the modules that lay something into them. Any thread; a Mapping lives as long as
# whatever points into it.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "tectra/shm.h" nogil:
    ctypedef struct tt_atomic_u64:
        pass
    uint64_t tt_load_relaxed64(const tt_atomic_u64 *p)
    uint64_t tt_load_acquire64(const tt_atomic_u64 *p)
    void tt_store_release64(tt_atomic_u64 *p, uint64_t v)
    enum:
        TT_LAYOUT_VERSION
        TT_SHM_GOOD
        TT_SHM_TRUNCATED
        TT_SHM_NOT_READY
        TT_SHM_WRONG_KIND
        TT_SHM_WRONG_LAYOUT
        TT_SHM_WRONG_SCHEMA
        TT_SHM_WRONG_SIZE
        TT_SHM_FOREIGN
        TT_SHM_DAMAGED
    const uint64_t TT_SHM_MAGIC_SPSC
    const uint64_t TT_SHM_MAGIC_COUNTERS
    const uint64_t TT_SHM_MAGIC_KILL
    const uint64_t TT_SHM_MAGIC_MPMC
    const uint64_t TT_SHM_MAGIC_BCAST
    const uint64_t TT_SHM_MAGIC_ERRLOG
    ctypedef struct tt_shm_head:
        tt_atomic_u64 magic
        uint16_t layout_version
        uint16_t schema_id
        uint16_t schema_version
        uint64_t total_bytes
        uint64_t capacity
        uint32_t flags
        uint32_t owner_pid
        int64_t created_ns
        tt_atomic_u64 heartbeat_ns
        uint32_t layout_hash
        uint32_t owner_start
    int tt_pid_alive(uint32_t pid, uint32_t start)
    int tt_shm_owner_alive(const tt_shm_head *head)

cdef extern from "tectra/shm_map.h" nogil:
    int tt_shm_create(const char *path, uint64_t bytes, void **base)
    int tt_shm_attach(const char *path, int writable, void **base, uint64_t *bytes, int *reason)
    int tt_shm_anonymous(uint64_t bytes, void **base)

cdef class Mapping:
    cdef void *base
    cdef readonly uint64_t bytes
    cdef readonly str name
    cdef readonly bint writable
    cdef bytes _path
    cdef int users  # handles open on it (SharedPage)
    cdef int _owner_pid
    cdef int _holds
    cdef bint _closed
    cdef int require(self) except -1
    cdef void hold(self) noexcept
    cdef void drop(self) noexcept
    cdef int refuse(self, int reason, str kind) except -1

cdef Mapping create_mapping(object name, uint64_t size)
cdef Mapping attach_mapping(object name, bint writable, str kind)
cdef Mapping private_mapping(uint64_t size)
