"""The journal writer: preallocated, mapped, pre-faulted segments; no system call in an append.

Owns the directory (by lock), the mapping of the open segment and the manifest. One owner thread.
tt_journal_append through `c`: a few ns, no GIL; append() from Python: under 70 ns. rotate() and
close() do file work (milliseconds). Wraps journal.h.
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.errno cimport EDQUOT, EFBIG, EINTR, ENOSPC, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.fcntl cimport O_CREAT, O_RDWR, O_TRUNC, open as c_open, posix_fallocate
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport close as c_close, ftruncate, pwrite

from tectra.core.msg cimport TT_RECORD_BYTES_MAX, TT_SCHEMA_ID, TT_SCHEMA_VERSION, TT_SLOT_BYTES
from tectra.core.rc cimport check
from tectra.journal.journal cimport (
    TT_JOURNAL_CAPACITY_MAX,
    TT_JOURNAL_PAGE,
    tt_journal_append,
    tt_journal_day_over,
    tt_journal_file_bytes,
    tt_journal_head,
    tt_journal_record_bytes,
    tt_journal_slots_offset,
    tt_segment,
    tt_segment_closing_page,
    tt_segment_create,
    tt_segment_detach,
)

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from tectra.core.errors import JournalError, JournalFullError
from tectra.journal.claim import Claim
from tectra.journal.manifest import Manifest, SegmentEntry, sync_file
from tectra.journal.scan import CLOCK_DOMAINS as _CLOCK_DOMAINS
from tectra.journal.scan import LAYOUT_VERSION as _LAYOUT_VERSION
from tectra.journal.scan import crc32c, head_fields
from tectra.journal.segment import segment_name

cdef extern from * nogil:
    """
    #include <sys/mman.h>
    #ifndef MADV_POPULATE_WRITE
    #define MADV_POPULATE_WRITE 23
    #endif
    #include <errno.h>
    #include <unistd.h>
    /* Fill a fresh file with zeros by large writes: the page cache then has large pages, and
     * faulting them in takes a fifth of what single pages take. Returns an errno. */
    static int tt_zero_file(int fd, size_t bytes)
    {
        static const unsigned char zeros[1 << 18];
        for (size_t at = 0; at < bytes;) {
            const size_t left = bytes - at;
            const ssize_t n = pwrite(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros), at);
            if (n < 0 && errno != EINTR)
                return errno;
            at += n < 0 ? 0 : (size_t)n;
        }
        return 0;
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
    int tt_zero_file(int fd, size_t bytes)
    void tt_prefault(void *at, size_t bytes)

SEGMENT_SLOTS = 2**18


cdef int _os_error(int code, str what) except -1:
    """Raise for a failed system call on a segment file."""
    reason = os.strerror(code)
    if code in (ENOSPC, EDQUOT, EFBIG):
        raise JournalFullError(
            f"no space for {what}: {reason}; free disk space or raise the quota, or use smaller "
            "segments. Everything written before is closed and valid"
        )
    raise JournalError(f"cannot make {what}: {reason}; check the disk and its permissions")


def _epoch_of(session):
    """Epoch of a run: equal sessions have equal epochs, so that equal runs write equal files."""
    try:
        text = msgspec.json.encode(session, order="sorted")
    except (TypeError, ValueError, OverflowError) as error:
        raise JournalError(
            f"session must be a dict of plain JSON values (text, numbers, lists, dicts): {error}"
        ) from error
    return crc32c(text) << 32 | crc32c(text, 0x9E3779B9)


@cython.final
cdef class JournalWriter:
    """Writes one journal into a new or empty directory; one run, one writer, one owner thread.

    `session` is what the manifest says about the run (plain JSON values). A segment holds
    `segment_slots` slots of 64 bytes; `daily` also rotates when the UTC day of ts_recv_ns ends
    (append, append_many and push ask; tt_journal_append alone does not). `epoch` tells runs apart
    in every checksum; by default it follows from the session. A journal that continues another
    begins behind `base_ring_seq`.

    Durability "page-cache": a record survives SIGKILL of the process once append returned; power
    loss may take what was not yet synced. flush() and close() sync everything; rotate() does not.

    Raises JournalError when the directory is taken or cannot be written, JournalFullError when the
    disk has no room for a segment; then nothing half-made is left.
    """

    def __cinit__(self, path, *, dict session, segment_slots=SEGMENT_SLOTS, daily=False,
                  str clock_domain="simulated", uint64_t run_seed=0, epoch=None,
                  uint64_t base_ring_seq=0):
        self._fd = self._next_fd = -1
        self.closed = True
        self._unsynced = []
        self.path = Path(path)
        if not 2 <= segment_slots <= TT_JOURNAL_CAPACITY_MAX:
            raise JournalError(
                f"segment_slots is {segment_slots}; allowed are 2 to {TT_JOURNAL_CAPACITY_MAX}"
            )
        if clock_domain not in _CLOCK_DOMAINS:
            raise JournalError(
                f"clock_domain is {clock_domain!r}; allowed are {', '.join(_CLOCK_DOMAINS)}"
            )
        self._capacity = segment_slots
        self._bytes = tt_journal_file_bytes(self._capacity)
        self._clock = _CLOCK_DOMAINS.index(clock_domain)
        self._run_seed = run_seed
        self._daily = daily
        self._epoch = _epoch_of(session) if epoch is None else epoch
        self._manifest = Manifest(
            layout_version=_LAYOUT_VERSION,
            schema_id=TT_SCHEMA_ID,
            schema_version=TT_SCHEMA_VERSION,
            epoch=f"{self._epoch:016x}",
            run_seed=run_seed,
            clock_domain=clock_domain,
            segment_slots=segment_slots,
            durability="page-cache",
            session=session,
            segments=[],
        )
        self._manifest.text()
        self.c = <tt_segment *> calloc(1, sizeof(tt_segment))
        if self.c == NULL:
            raise MemoryError("no memory for the journal writer")
        self.c.last_ring_seq = base_ring_seq
        self._claim = Claim(self.path)
        try:
            self._map(&self._next, &self._next_fd)
            self._activate()
        except BaseException as error:
            self._unmap()
            for name in (segment_name(1), segment_name(1) + ".tmp", "manifest.json"):
                (self.path / name).unlink(missing_ok=True)
            self._claim.release(forget=True)
            if isinstance(error, OSError):
                _os_error(error.errno or 0, f"a journal in {self.path}")
            raise
        self.closed = False

    def __dealloc__(self):
        # Without close() the files stay as after a crash: whole, and reported as not closed.
        self._unmap()
        free(self.c)

    # ---- appending ----

    cdef int push(self, const void *rec) except -1 nogil:
        cdef int rc
        if self._daily and tt_journal_day_over(self.c, (<const int64_t *> rec)[3]):
            with gil:
                self.rotate()
            tt_journal_day_over(self.c, (<const int64_t *> rec)[3])
        rc = tt_journal_append(self.c, rec)
        if rc < 0:
            with gil:
                if self.closed:
                    raise JournalError(f"{self.path} is closed; nothing more can be written")
                self.rotate()
            rc = check(tt_journal_append(self.c, rec))
        return rc

    def append(self, record):
        """Append one record (64 or 128 bytes, as its header says) and return its ring_seq.

        Raises JournalError for bytes that are no record, for a ring_seq not above the last one, or
        when closed; JournalFullError when the disk is full.
        """
        cdef Py_buffer view
        if PyBytes_CheckExact(record):
            return self._append(PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record))
        PyObject_GetBuffer(record, &view, PyBUF_SIMPLE)
        try:
            return self._append(<const char *> view.buf, view.len)
        finally:
            PyBuffer_Release(&view)

    cdef object _append(self, const char *data, Py_ssize_t size):
        cdef uint64_t words[16]
        if size != TT_SLOT_BYTES and size != TT_RECORD_BYTES_MAX:
            raise JournalError(f"a record has 64 or 128 bytes; found {size}")
        memcpy(words, data, size)  # the caller's bytes may be unaligned
        if tt_journal_record_bytes(words) != size:
            raise JournalError(
                f"no record of this schema has {size} bytes and the header {data[:8].hex()}"
            )
        if words[1] <= self.c.last_ring_seq:
            raise JournalError(
                f"ring_seq {words[1]} follows {self.c.last_ring_seq}; it must rise with each record"
            )
        self.push(words)
        return words[1]

    def append_many(self, slots):
        """Append a contiguous array of whole records and return how many there were.

        All records are checked before the first is written. Raises as append() does.
        """
        cdef Py_buffer view
        cdef uint64_t n, at = 0, records = 0, last = self.c.last_ring_seq
        cdef const uint8_t *base
        cdef uint32_t take
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            if view.len % TT_SLOT_BYTES or <uintptr_t> view.buf % 8:
                raise JournalError(
                    f"slots must be whole 64-byte slots, 8-byte aligned; found {view.len} bytes"
                )
            n = view.len // TT_SLOT_BYTES
            base = <const uint8_t *> view.buf
            while at < n:
                take = tt_journal_record_bytes(base + at * TT_SLOT_BYTES) // TT_SLOT_BYTES
                if take == 0 or take > n - at:
                    raise JournalError(f"slot {at} of {n} begins no whole record of this schema")
                if (<const uint64_t *> (base + at * TT_SLOT_BYTES))[1] <= last:
                    raise JournalError(f"slot {at}: ring_seq does not rise above {last}")
                last = (<const uint64_t *> (base + at * TT_SLOT_BYTES))[1]
                at += take
                records += 1
            at = 0
            with nogil:
                while at < n:
                    self.push(base + at * TT_SLOT_BYTES)
                    at += tt_journal_record_bytes(base + at * TT_SLOT_BYTES) // TT_SLOT_BYTES
        finally:
            PyBuffer_Release(&view)
        return records

    # ---- segments ----

    def prepare(self):
        """Allocate the next segment now, so that the next rotate() does not have to.

        Raises JournalFullError when there is no room; the open segment goes on.
        """
        if not self.closed and self._next == NULL:
            self._map(&self._next, &self._next_fd)

    def rotate(self):
        """Close the open segment and begin the next. `c` stays at its place.

        Raises JournalFullError when the disk has no room for the next one: the journal is then
        closed, and what was written before is valid. JournalError when it was closed.
        """
        if self.closed:
            raise JournalError(f"{self.path} is closed; nothing more can be written")
        try:
            if self._next == NULL:
                self._map(&self._next, &self._next_fd)
            self._finish()
            self._activate()
        except BaseException as error:
            # A manifest that cannot be written either lags behind the segments; readers allow it.
            with suppress(OSError):
                self._shut(None)
            if isinstance(error, OSError):
                _os_error(error.errno or 0, f"the next segment in {self.path}")
            raise

    def flush(self):
        """Return when everything appended so far is on the disk. Raises JournalError."""
        if self.closed:
            return
        try:
            self._sync()
        except OSError as error:
            _os_error(error.errno or 0, f"{self._unsynced[0]} durable")

    def _sync(self):
        """Sync the segments that were written since the last sync."""
        while self._unsynced:
            sync_file(self.path / self._unsynced[0])
            if len(self._unsynced) == 1 and not self.closed:
                break
            self._unsynced.pop(0)

    def close(self, result=None):
        """Close the open segment, write the manifest with `result`, give the lock back.

        Idempotent. After a full disk it still adds `result` to the manifest. Raises JournalError.
        """
        try:
            self._shut(result)
        except OSError as error:
            _os_error(error.errno or 0, f"the manifest of {self.path}")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    @property
    def segment_id(self):
        """Number of the open segment, from 1."""
        return self._segment_id

    @property
    def records(self):
        """Records appended since the journal was opened."""
        return self._records + self.c.records

    @property
    def last_ring_seq(self):
        """ring_seq of the last record; 0 when there is none."""
        return self.c.last_ring_seq

    @property
    def room(self):
        """Slots left in the open segment."""
        return self.c.capacity - self.c.used

    @property
    def epoch(self):
        """What tells this run's checksums from those of another."""
        return self._epoch

    cdef int _map(self, void **file, int *fd) except -1:
        """Make the temporary file of the next segment: allocated, mapped, pre-faulted, zero."""
        name = str(self.path / (segment_name(self._segment_id + 1) + ".tmp"))
        cdef bytes path = os.fsencode(name)
        cdef const char *c_path = path
        cdef int rc = 0
        cdef int got
        cdef void *at = MAP_FAILED
        with nogil:
            got = c_open(c_path, O_RDWR | O_CREAT | O_TRUNC, 0o644)
            if got < 0:
                rc = errno
            else:
                rc = EINTR
                while rc == EINTR:
                    rc = posix_fallocate(got, 0, <int64_t> self._bytes)
                if rc == 0:
                    rc = tt_zero_file(got, self._bytes)
                if rc == 0:
                    at = mmap(NULL, self._bytes, PROT_READ | PROT_WRITE, MAP_SHARED, got, 0)
                    if at == MAP_FAILED:
                        rc = errno
                    else:
                        tt_prefault(at, self._bytes)
        if rc != 0:
            if got >= 0:
                c_close(got)
                Path(name).unlink()
            return _os_error(rc, f"a segment of {self._bytes} bytes in {self.path}")
        file[0] = at
        fd[0] = got
        return 0

    cdef int _activate(self) except -1:
        """Make the prepared file the open segment: header, name, manifest."""
        cdef tt_journal_head want
        memset(&want, 0, sizeof(want))
        want.segment_id = self._segment_id + 1
        want.capacity = self._capacity
        want.epoch = self._epoch
        want.base_ring_seq = self.c.last_ring_seq
        want.run_seed = self._run_seed
        want.clock_domain = <uint8_t> self._clock
        check(tt_segment_create(self.c, self._next, &want))
        self._file = self._next
        self._fd = self._next_fd
        self._next = NULL
        self._next_fd = -1
        self._segment_id += 1
        name = segment_name(self._segment_id)
        (self.path / (name + ".tmp")).rename(self.path / name)
        entry = SegmentEntry(
            segment_id=self._segment_id,
            file=name,
            closed=False,
            base_ring_seq=want.base_ring_seq,
        )
        self._unsynced.append(name)
        self._save(sync=self._segment_id == 1, segments=[*self._manifest.segments, entry])
        return 0

    cdef object _finish(self):
        """Close the open segment's file: closing block, cut behind the last slot, synced."""
        cdef tt_journal_head page
        cdef int rc = 0
        cdef int64_t end = tt_journal_slots_offset(self._capacity)
        end += <int64_t> self.c.used * TT_SLOT_BYTES
        with nogil:
            tt_segment_closing_page(self.c, &page)
            # One write of one page: a process that is killed here leaves the old page or the new.
            if pwrite(self._fd, &page, TT_JOURNAL_PAGE, 0) != TT_JOURNAL_PAGE:
                rc = errno
            elif ftruncate(self._fd, end) != 0:
                rc = errno
        fields = head_fields((<const char *> &page)[:TT_JOURNAL_PAGE])
        empty = fields["records"] == 0
        entry = SegmentEntry(
            segment_id=self._segment_id,
            file=segment_name(self._segment_id),
            closed=True,
            base_ring_seq=fields["base_ring_seq"],
            slots=fields["used"],
            records=fields["records"],
            first_ring_seq=None if empty else fields["first_ring_seq"],
            last_ring_seq=None if empty else fields["last_ring_seq"],
            digest=fields["digest"],
        )
        self._records += self.c.records
        self.c.records = 0
        tt_segment_detach(self.c)
        munmap(self._file, self._bytes)
        c_close(self._fd)
        self._file = NULL
        self._fd = -1
        if rc != 0:
            return _os_error(rc, f"{entry.file} complete")
        self._manifest = msgspec.structs.replace(
            self._manifest, segments=[*list(self._manifest.segments)[: self._segment_id - 1], entry]
        )
        return None

    cdef int _shut(self, object result) except -1:
        """Close whatever is open and write the manifest. Idempotent."""
        was_closed = self.closed
        self.closed = True
        try:
            if self._file != NULL:
                self._finish()
                self._sync()
            if not was_closed or (result is not None and self._manifest.result is None):
                self._save(sync=True, closed=True, result=result)
        finally:
            self._unmap()
            if not was_closed:
                for left in self.path.glob("*.tmp"):
                    left.unlink(missing_ok=True)
                self._claim.release()
        return 0

    cdef int _unmap(self) noexcept:
        if self._file != NULL:
            munmap(self._file, self._bytes)
            c_close(self._fd)
            self._file = NULL
        if self._next != NULL:
            munmap(self._next, self._bytes)
            c_close(self._next_fd)
            self._next = NULL
        if self.c != NULL:
            tt_segment_detach(self.c)
        self._fd = self._next_fd = -1
        return 0

    def _save(self, *, sync, **changes):
        self._manifest = msgspec.structs.replace(self._manifest, **changes)
        self._manifest.save(self.path, sync=sync)
