"""Which records of a journal are on the disk, and the thread that puts them there.

Owns the segment in the writer's hands, the numbers of journal_sync.h and, for group-commit, a
thread that never takes the GIL. begin() and turn() are the owner's; everything else any thread's.
Appending costs nothing more: the thread reads a number that the append stores anyway.
"""
cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from posix.unistd cimport close as c_close

from tectra.core.base cimport TT_E_EMPTY, TT_E_FULL, TT_E_IO, TT_OK
from tectra.core.clock cimport tt_mono_ns, tt_now_ns
from tectra.core.errlog cimport TT_PLACE_JOURNAL, ErrorLog, tt_errlog_note_shared
from tectra.core.hist cimport Histogram, tt_hist_quantile
from tectra.core.kill cimport KillWord
from tectra.core.shm cimport tt_load_acquire64
from tectra.journal.journal cimport tt_segment, tt_store_relaxed64

import os

from tectra.core.errors import JournalError, OutOfMemoryError

cdef enum:
    # Between two looks for a signal while a thread waits.
    SLICE_NS = 50_000_000


# Its destructor ends the thread, which uses histogram and kill word: they have to be there still.
@cython.final
@cython.no_gc_clear
cdef class Commit:
    """The durable end of one journal.

    It holds the directory open, for the names of new files. StateError when the kill word is closed
    already.
    """

    def __cinit__(self, options, directory):
        cdef KillWord word = options.kill
        self._dir_fd = -1
        self._pid = os.getpid()
        if word is not None:
            word.require()
        self._hist = Histogram()
        self._kill = options.kill
        self._errors = options.errors
        self.mode = options.durability
        self.seg = <tt_segment *> calloc(1, sizeof(tt_segment))
        if self.seg == NULL:
            raise OutOfMemoryError("no memory for the journal writer")
        self.s = <tt_sync *> calloc(1, sizeof(tt_sync))
        if self.s == NULL:
            raise OutOfMemoryError("no memory for the journal writer")
        tt_store_relaxed64(&self.seg.last_ring_seq, options.base_ring_seq)
        self.seg.daily = options.daily
        if tt_sync_init(self.s, self.seg, NULL if word is None else word.c, self._hist.c) != TT_OK:
            free(self.s)
            self.s = NULL
            raise OutOfMemoryError("no lock for the journal writer")
        self._dir_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.s.dir_fd = self._dir_fd

    def __dealloc__(self):
        # In a forked child the thread is not there, and its lock may be held by nobody.
        if self.s != NULL and self._pid == os.getpid():
            self.stop()
            tt_sync_free(self.s)
            free(self.s)
        if self._dir_fd >= 0:
            c_close(self._dir_fd)
        free(self.seg)

    def start(self, options):
        """Begin to commit by a thread, where the mode wants that."""
        if self.mode != "group-commit":
            return
        if tt_sync_start(self.s, 1000 * <int64_t> options.commit_us, options.commit_records) != 0:
            raise JournalError(
                "no thread to commit by: the process may have no more; raise the limit (ulimit -u) "
                "or use another durability"
            )
        self._running = True

    def stop(self):
        """End the thread. Idempotent."""
        if self._running:
            self._running = False
            with nogil:
                tt_sync_stop(self.s)

    cdef int begin(self, int fd, uint32_t segment_id) except -1:
        cdef int rc
        if self.mode == "page-cache":
            tt_sync_named(self.s)
            return 0
        with nogil:
            rc = tt_sync_begin(self.s, fd, segment_id)
        if rc != TT_OK:
            raise JournalError(
                "no file descriptor left for the next segment; close files or raise the limit "
                "(ulimit -n). Everything written before is valid"
            )
        return 0

    cdef int turn(self) noexcept nogil:
        return tt_sync_turn(self.s)

    @property
    def durable(self):
        """ring_seq of the last record that is on the disk with all before it."""
        return tt_sync_durable(self.s)

    @property
    def failed(self):
        """errno of the sync that failed, 0: none did."""
        return tt_sync_failed(self.s)

    @property
    def failed_segment(self):
        """Number of the segment whose sync failed."""
        return self.s.failed_segment

    def wait(self, uint64_t seq, timeout):
        """Wait for a record to be durable: True, or False when `timeout` seconds went by."""
        cdef int64_t until = tt_mono_ns()
        cdef int64_t end = 2 ** 62
        cdef int64_t at
        cdef int rc = TT_E_EMPTY
        if timeout is not None:
            end = until + max(0, int(min(timeout, 1e9) * 1e9))
        while rc == TT_E_EMPTY and until <= end:
            at = min(end, until + SLICE_NS)
            with nogil:
                rc = tt_sync_wait(self.s, seq, at)
            if rc == TT_E_EMPTY and at == end:
                break
            PyErr_CheckSignals()
            until = tt_mono_ns()
        return rc == TT_OK

    def settled(self, uint32_t segment_id):
        """Wait until the thread is done with a full segment."""
        with nogil:
            tt_sync_settled(self.s, segment_id)

    def sync(self, int fd, uint32_t segment_id, uint64_t seq):
        """Sync a file and its name by the calling thread; with it every record up to `seq` is
        durable. Returns an errno.
        """
        cdef int error
        with nogil:
            error = tt_sync_one(self.s, fd, segment_id, seq)
        return error

    def fail(self, int error, uint32_t segment_id):
        """A segment cannot be made whole on the disk: as after a failed sync."""
        with nogil:
            tt_sync_fail(self.s, error, segment_id)

    def note(self, int error, uint64_t ring_seq):
        """Say in the error log that a segment failed (`error` 0: that space runs out)."""
        cdef ErrorLog errors = self._errors
        if errors is not None and errors.c != NULL:
            tt_errlog_note_shared(
                errors.c, TT_PLACE_JOURNAL, TT_E_IO if error else TT_E_FULL, ring_seq, tt_now_ns()
            )

    def halt(self):
        """Set the kill word: there is hardly room for what more orders would write. False when
        there is none.
        """
        return tt_sync_halt(self.s) != 0

    def post(self):
        """Wake the thread in await_post."""
        tt_sync_post(self.s)

    def await_post(self, uint64_t seen):
        """Wait for work behind post number `seen`; returns its number. A failed sync is work too.
        """
        with nogil:
            seen = tt_sync_await(self.s, seen)
        return seen

    def counts(self):
        """(syncs, median and 99th percentile of their ns)."""
        cdef uint64_t n = tt_load_acquire64(&self._hist.c.count)
        if n == 0:
            return 0, 0, 0
        return n, tt_hist_quantile(self._hist.c, 0.5), tt_hist_quantile(self._hist.c, 0.99)
