"""One segment file on the writing side: allocated and pre-faulted ahead, closed behind the writer.

Owns the descriptor and the mapping. One thread at a time: that which prepares it, the writer, that
which finishes it. Making one and finishing one take milliseconds, without the GIL.
"""
cimport cython
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from posix.fcntl cimport O_CREAT, O_RDWR, O_TRUNC, open as c_open, posix_fallocate
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport close as c_close, ftruncate

from tectra.core.msg cimport TT_SLOT_BYTES
from tectra.core.shm cimport tt_load_relaxed64
from tectra.journal.journal cimport (
    TT_JOURNAL_PAGE,
    tt_journal_file_bytes,
    tt_journal_head,
    tt_journal_slots_offset,
    tt_segment_closing_page,
    tt_segment_seal_page,
)

import os
from contextlib import suppress

from tectra.core.errors import OutOfMemoryError
from tectra.journal.merkle import chain_head, tree_root
from tectra.journal.scan import head_fields

cdef extern from "tectra/sha256.h" nogil:
    uint64_t tt_merkle_leaves(uint64_t slots)
    void tt_merkle_root(const uint8_t *slots, uint64_t n, uint8_t *level, uint8_t *root)

cdef extern from * nogil:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <sys/mman.h>
    #include <sys/vfs.h>
    #include <unistd.h>
    #ifndef MADV_POPULATE_WRITE
    #define MADV_POPULATE_WRITE 23
    #endif
    /* Returns an errno. */
    static int tt_file_system_type(const char *path, int64_t *kind)
    {
        struct statfs found;
        if (statfs(path, &found) != 0)
            return errno;
        *kind = (int64_t)found.f_type;
        return 0;
    }
    /* Write it all, whatever a single call takes. Returns an errno. */
    static int tt_write_all(int fd, const void *data, size_t bytes, size_t at)
    {
        for (size_t done = 0; done < bytes;) {
            const ssize_t n = pwrite(fd, (const char *)data + done, bytes - done, at + done);
            if (n < 0 && errno != EINTR)
                return errno;
            done += n < 0 ? 0 : (size_t)n;
        }
        return 0;
    }
    /* Fill a fresh file with zeros by large writes: the page cache then has large pages, and
     * faulting them in takes a fifth of what single pages take. Returns an errno. */
    static int tt_zero_file(int fd, size_t bytes)
    {
        static const unsigned char zeros[1 << 18];
        int rc = 0;
        for (size_t at = 0; at < bytes && rc == 0; at += sizeof(zeros)) {
            const size_t left = bytes - at;
            rc = tt_write_all(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros), at);
        }
        return rc;
    }
    /* Fault every page of a zeroed mapping in for writing, by hand where the kernel cannot. */
    static void tt_prefault(void *at, size_t bytes)
    {
        if (madvise(at, bytes, MADV_POPULATE_WRITE) == 0)
            return;
        for (size_t i = 0; i < bytes; i += 4096)
            ((volatile unsigned char *)at)[i] = 0;
    }
    """
    enum: O_CLOEXEC
    enum: O_NOFOLLOW
    int tt_file_system_type(const char *path, int64_t *kind)
    int tt_write_all(int fd, const void *data, size_t bytes, size_t at)
    int tt_zero_file(int fd, size_t bytes)
    void tt_prefault(void *at, size_t bytes)


cdef int _open(path, int flags) except -1:
    """A descriptor; OSError."""
    cdef bytes name = os.fsencode(path)
    cdef const char *c_path = name
    cdef int fd = -1
    cdef int rc = EINTR
    with nogil:
        while rc == EINTR:
            fd = c_open(c_path, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o644)
            rc = errno if fd < 0 else 0
    if rc != 0:
        raise OSError(rc, os.strerror(rc), str(path))
    return fd


def file_system_type(path):
    """f_type of the file system that a path lies on, as statfs(2) says it. OSError."""
    cdef bytes name = os.fsencode(path)
    cdef const char *c_path = name
    cdef int64_t kind = 0
    cdef int rc = EINTR
    with nogil:
        while rc == EINTR:
            rc = tt_file_system_type(c_path, &kind)
    if rc != 0:
        raise OSError(rc, os.strerror(rc), str(path))
    return kind


def allocate(path, uint32_t capacity):
    """Make a file with all its blocks, filled with zeros; returns its descriptor.

    OSError; then there is no such file.
    """
    cdef size_t size = tt_journal_file_bytes(capacity)
    cdef int fd = _open(path, O_CREAT | O_TRUNC)
    cdef int rc = EINTR
    with nogil:
        while rc == EINTR:
            rc = posix_fallocate(fd, 0, <int64_t> size)
        if rc == 0:
            rc = tt_zero_file(fd, size)
    if rc != 0:
        c_close(fd)
        with suppress(OSError):
            os.unlink(path)
        raise OSError(rc, os.strerror(rc), str(path))
    return fd


@cython.final
cdef class TreeRoom:
    """Room to sum a segment of so many slots, had before there is one: a full segment can then
    always be finished. OutOfMemoryError.
    """

    def __cinit__(self, uint32_t capacity):
        self.level = <uint8_t *> malloc(32 * tt_merkle_leaves(capacity))
        if self.level == NULL:
            raise OutOfMemoryError(f"no memory to sum segments of {capacity} slots")

    def __dealloc__(self):
        free(self.level)


@cython.final
cdef class MappedSegment:
    """A zeroed, mapped, pre-faulted file at `path`; `made`: it lies there already, from allocate().

    OSError when it cannot be had; a file that was made here is then gone.
    """

    def __cinit__(self, path, uint32_t capacity, *, made=False):
        self.fd = -1
        self.path = path
        self.capacity = capacity
        self.bytes = tt_journal_file_bytes(capacity)
        self.fd = _open(path, 0) if made else allocate(path, capacity)
        try:
            self.map()
        except OSError:
            self.discard()
            raise

    def __dealloc__(self):
        self.unmap()
        if self.fd >= 0:
            c_close(self.fd)

    cdef int map(self) except -1:
        cdef void *at
        cdef int rc = 0
        with nogil:
            at = mmap(NULL, self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0)
            if at == MAP_FAILED:
                rc = errno
            else:
                tt_prefault(at, self.bytes)
        if rc != 0:
            raise OSError(rc, os.strerror(rc), str(self.path))
        self.base = at
        return 0

    def finish(self, before, TreeRoom room):
        """Close the file: closing page, cut behind the last slot, unmapped. The descriptor stays.

        `before` is the head of the chain so far, `room` for the tree; both None for a journal
        without. Returns the fields of
        the page, the errno of what failed (0: nothing), and whether the page says closed.
        """
        cdef tt_journal_head page
        cdef uint8_t root[32]
        cdef const uint8_t *c_chain
        cdef int64_t end = tt_journal_slots_offset(self.capacity)
        cdef int rc = 0
        cdef bint closed = False
        end += <int64_t> self.c.used * TT_SLOT_BYTES
        self.page(&page, root, room)
        fields = head_fields((<const char *> &page)[:TT_JOURNAL_PAGE])
        if before is not None:
            tree = (<const char *> root)[:32] if self.c.used else tree_root([])
            chain = chain_head(before, fields["epoch"], self.segment_id, tree)
            c_chain = chain
            tt_segment_seal_page(&page, tree, c_chain)
            fields["merkle_root"], fields["chain"] = tree.hex(), chain.hex()
        with nogil:
            # One write of one page: a process that is killed here leaves the old page or the new.
            rc = tt_write_all(self.fd, &page, TT_JOURNAL_PAGE, 0)
            if rc == 0:
                closed = True
                rc = EINTR
                while rc == EINTR:
                    rc = errno if ftruncate(self.fd, end) != 0 else 0
            self.unmap()
        return fields, rc, closed

    cdef int page(self, void *page, uint8_t *root, TreeRoom room) except -1:
        """The closing page, and the root of the tree where it is wanted and there are slots."""
        with nogil:
            tt_segment_closing_page(&self.c, page)
            if room is not None and self.c.used:
                tt_merkle_root(self.c.slots, self.c.used, room.level, root)
        return 0

    cdef void unmap(self) noexcept nogil:
        cdef void *base = self.base
        self.base = NULL
        if base != NULL:
            munmap(base, self.bytes)

    def close(self):
        """Let go of mapping and descriptor; the file stays."""
        self.unmap()
        if self.fd >= 0:
            c_close(self.fd)
            self.fd = -1

    def discard(self):
        """Let go of it and remove the file."""
        self.close()
        with suppress(OSError):
            os.unlink(self.path)

    @property
    def last_ring_seq(self):
        """ring_seq of the last record, once the writer has left the file."""
        return tt_load_relaxed64(&self.c.last_ring_seq)

    @property
    def file_bytes(self):
        """Bytes on the disk until it is closed."""
        return self.bytes
