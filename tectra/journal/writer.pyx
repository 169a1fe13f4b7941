"""The journal writer: preallocated, mapped, pre-faulted segments; no system call in an append.

Owns the directory (by lock) and the open segment. One owner thread; beside it, in modules of their
own, one thread that prepares and finishes segments and, for group-commit, one that syncs.
tt_journal_append through `c`: a few ns, no GIL; append() from Python: under 70 ns. rotate() takes
tens of microseconds while the other thread keeps up; close() waits for it. Wraps journal.h.
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from tectra.core.base cimport TT_E_FULL, TT_OK
from tectra.core.clock cimport tt_mono_ns
from tectra.core.msg cimport TT_RECORD_BYTES_MAX, TT_SCHEMA_ID, TT_SCHEMA_VERSION, TT_SLOT_BYTES
from tectra.core.rc cimport check
from tectra.core.shm cimport tt_load_relaxed64
from tectra.journal.commit cimport Commit
from tectra.journal.journal cimport (
    tt_journal_append,
    tt_journal_see_day,
    tt_journal_file_bytes,
    tt_journal_head,
    tt_journal_record_bytes,
    tt_load_relaxed32,
    tt_segment,
    tt_segment_create,
    tt_segment_detach,
    tt_segment_move,
)
from tectra.journal.mapped cimport MappedSegment

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from tectra.core.errors import JournalError
from tectra.journal.claim import Claim
from tectra.journal.finish import Finisher
from tectra.journal.manifest import Manifest
from tectra.journal.options import JournalOptions, epoch_of, journal_error
from tectra.journal.place import check_place
from tectra.journal.reserve import Reserve
from tectra.journal.scan import CLOCK_DOMAINS as _CLOCK_DOMAINS
from tectra.journal.scan import LAYOUT_VERSION as _LAYOUT_VERSION
from tectra.journal.segment import segment_name


@cython.final
cdef class JournalWriter:
    """Writes one journal into a new or empty directory; one run, one writer, one owner thread.

    `session` is what the manifest says about the run (plain JSON values); all else are fields of
    JournalOptions. A segment holds `segment_slots` slots of 64 bytes; `daily` also rotates when the
    UTC day of ts_recv_ns ends (append, append_many and push ask; tt_journal_append alone does not).
    `epoch` tells runs apart in every checksum; by default it follows from the session. A journal
    that continues another begins behind `base_ring_seq`.

    `durability` says what power loss may take (DURABILITY has a sentence for each mode); in every
    mode a record survives SIGKILL of the process once append returned. A sync that failed is never
    repeated: `durable_seq` stands still for ever, the writer goes on in a new segment, and the word
    `kill` is set. It is set, too, when the disk has no room for the next segment; what is journaled
    then (cancels, kills) goes into `reserve_bytes` that were allocated at the start.

    Raises JournalError when the directory is taken or cannot be written, JournalFullError when the
    disk has no room for a segment; then nothing half-made is left.
    """

    def __cinit__(self, path, *, dict session, **options):
        self.closed = True
        self._pid = os.getpid()
        self.path = Path(path)
        self.options = given = JournalOptions(**options)
        group = given.durability == "group-commit"
        self._capacity = given.segment_slots
        self._clock = _CLOCK_DOMAINS.index(given.clock_domain)
        self._run_seed = given.run_seed
        self.sends_wait = given.durability == "sync"
        self._epoch = epoch_of(session) if given.epoch is None else given.epoch
        self._manifest = Manifest(
            layout_version=_LAYOUT_VERSION,
            schema_id=TT_SCHEMA_ID,
            schema_version=TT_SCHEMA_VERSION,
            epoch=f"{self._epoch:016x}",
            run_seed=given.run_seed,
            clock_domain=given.clock_domain,
            segment_slots=given.segment_slots,
            durability=given.durability,
            session=session,
            segments=[],
            commit_us=given.commit_us if group else None,
            commit_records=given.commit_records if group else None,
        )
        self._manifest.text()
        check_place(self.path, given.durability)
        self._claim = Claim(self.path)
        self._make()
        self._began_ns = tt_mono_ns()
        self.closed = False

    def _make(self):
        """Everything that lies on the disk at the start, or nothing."""
        cdef MappedSegment first
        reserve = None
        try:
            self._commit = Commit(self.options, self.path)
            self.c = self._commit.seg
            first = MappedSegment(self.path / (segment_name(1) + ".tmp"), self._capacity)
            reserve = Reserve(self.path, self._capacity, first.file_bytes, self.options.reserve)
            reserve.fill()
            self._finisher = Finisher(
                self._claim, self._capacity, self._commit, reserve, seal=self.options.seal
            )
            self._activate(first)
            self._finisher.start(self._manifest)
            self._commit.start(self.options)
        except BaseException as error:
            self._drop()
            if self._finisher is not None:
                self._finisher.scrap()
            elif reserve is not None:
                reserve.discard()
            for name in (segment_name(1), segment_name(1) + ".tmp", "manifest.json"):
                (self.path / name).unlink(missing_ok=True)
            self._claim.release(forget=True)
            if isinstance(error, OSError):
                size = tt_journal_file_bytes(self._capacity)
                raise journal_error(
                    error, f"a segment of {size} bytes in {self.path}"
                ) from error
            raise

    def __del__(self):
        # Without close() the files stay as after a crash: whole, and reported as not closed.
        if not self.closed and self._finisher is not None:
            self._finisher.abandon()

    # ---- appending ----

    cdef int push(self, const void *rec) except -1 nogil:
        cdef int rc = TT_E_FULL
        tt_journal_see_day(self.c, (<const int64_t *> rec)[3])
        if tt_load_relaxed32(&self.c.roll) == 0:
            rc = tt_journal_append(self.c, rec)
        if rc < 0:
            with gil:
                if self.closed:
                    raise JournalError(f"{self.path} is closed; nothing more can be written")
                self.rotate()
            tt_journal_see_day(self.c, (<const int64_t *> rec)[3])
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
        if words[1] <= tt_load_relaxed64(&self.c.last_ring_seq):
            raise JournalError(
                f"ring_seq {words[1]} follows {self.last_ring_seq}; it must rise with each record"
            )
        self.push(words)
        return words[1]

    def append_many(self, slots):
        """Append a contiguous array of whole records and return how many there were.

        All records are checked before the first is written. Raises as append() does.
        """
        cdef Py_buffer view
        cdef uint64_t n, at = 0, records = 0, last = tt_load_relaxed64(&self.c.last_ring_seq)
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

    # ---- durability ----

    cdef int make_durable(self) except -1 nogil:
        if self._commit.turn() == TT_OK:
            return 0
        with gil:
            raise self._fault()

    def commit(self):
        """Return when everything appended so far is on the disk; in the mode "sync" the engine
        calls it before an order leaves. Raises JournalError when a sync failed, now or earlier.
        """
        if self.closed or self.options.durability == "page-cache":
            self.flush()
        else:
            with nogil:
                self.make_durable()

    @property
    def durable_seq(self):
        """ring_seq of the last record that is on the disk with all before it. Any thread."""
        return self._commit.durable

    def wait_durable(self, uint64_t seq, timeout=None):
        """Wait until record `seq` is on the disk: True, or False when `timeout` seconds went by.
        Any thread with group-commit, else the owner, who then syncs.

        Raises JournalError when a sync failed before, or nothing with that number was appended.
        """
        if seq > tt_load_relaxed64(&self.c.last_ring_seq):
            raise JournalError(
                f"ring_seq {seq} was not appended yet; the last one is {self.last_ring_seq}"
            )
        if self._commit.durable < seq and self.options.durability != "group-commit":
            self.commit()
        if self._commit.wait(seq, timeout):
            return True
        if self._commit.failed:
            raise self._fault()
        return False

    def _fault(self):
        """What to raise once a sync failed."""
        what = os.strerror(self._commit.failed)
        return JournalError(
            f"{segment_name(self._commit.failed_segment)} in {self.path} could not be made "
            f"durable: {what}; what is on the disk for certain ends with ring_seq "
            f"{self.durable_seq}. Check the disk and begin a new run in another directory"
        )

    def flush(self):
        """Return when everything appended so far is on the disk. Raises JournalError."""
        self._mine()
        if self.closed:
            return
        try:
            if self.options.durability != "page-cache":
                with nogil:
                    self.make_durable()
            self._finisher.drain()
        except OSError as error:
            raise journal_error(error, f"{self.path} durable") from error
        if self.options.durability == "page-cache" and not self._commit.failed:
            self._commit.sync(self._open.fd, self._segment_id, self.last_ring_seq)
        if self._commit.failed:
            raise self._fault()

    # ---- segments ----

    def prepare(self):
        """Wait until the next segment is ready, so that the next rotate() does not have to.

        Raises JournalFullError when there is no room; the open segment goes on.
        """
        self._mine()
        if self.closed:
            return
        try:
            self._finisher.prepare()
        except OSError as error:
            raise journal_error(
                error, f"the next segment in {self.path}", after="The open segment goes on"
            ) from error

    def rotate(self):
        """Begin the next segment; another thread closes the open one. `c` stays at its place.

        Raises JournalFullError when the disk has no room for the next one and the reserve is used
        up: the journal is then closed, and what was written before is valid. JournalError when it
        was closed.
        """
        self._mine()
        if self.closed:
            raise JournalError(f"{self.path} is closed; nothing more can be written")
        try:
            if self.sends_wait:
                self._commit.turn()
            self._activate(self._finisher.take())
        except BaseException as error:
            if isinstance(error, OSError):
                self._commit.halt()
            # A manifest that cannot be written either lags behind the segments; readers allow it.
            with suppress(OSError, JournalError):
                self._shut(None)
            if isinstance(error, OSError):
                raise journal_error(
                    error,
                    f"the next segment in {self.path}",
                    after="Everything written before is closed and valid",
                ) from error
            raise

    def close(self, result=None):
        """Close the open segment, write the manifest with `result`, give the lock back.

        Idempotent; in a forked child it does nothing. Raises JournalError when something could not
        be made durable: it is closed all the same.
        """
        if os.getpid() != self._pid:
            return
        try:
            self._shut(result)
        except OSError as error:
            raise journal_error(error, f"{self.path} complete") from error

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    # ---- what there is ----

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
        return tt_load_relaxed64(&self.c.last_ring_seq)

    @property
    def room(self):
        """Slots left in the open segment."""
        return self.c.capacity - self.c.used

    @property
    def epoch(self):
        """What tells this run's checksums from those of another."""
        return self._epoch

    @property
    def durability(self):
        """The mode and what it promises, in one sentence."""
        return self._manifest.promise()

    @property
    def low_space(self):
        """True while the disk has no room for segments and the reserve is being used. Any thread.
        """
        return self._finisher.low_space

    def stats(self):
        """What was written and how long it took, as plain values; any thread, not of one moment.

        records, bytes (of slots), segments, rotations, stalls (rotations that waited), syncs,
        sync_p50_ns, sync_p99_ns, durable_seq, low_space, duration_ns (since it was opened),
        records_per_s.
        """
        cdef int64_t end = tt_mono_ns() if self._ended_ns == 0 else self._ended_ns
        cdef int64_t took = max(end - self._began_ns, 1)
        syncs, p50, p99 = self._commit.counts()
        return {
            "records": self.records,
            "bytes": (self._slots + self.c.used) * TT_SLOT_BYTES,
            "segments": self._segment_id,
            "rotations": self._segment_id - 1,
            "stalls": self._finisher.stalls,
            "syncs": syncs,
            "sync_p50_ns": p50,
            "sync_p99_ns": p99,
            "durable_seq": self.durable_seq,
            "low_space": self.low_space,
            "duration_ns": took,
            "records_per_s": self.records * 1_000_000_000 // took,
        }

    # ---- inside ----

    def _mine(self):
        """Refuse in a forked child: threads and lock are the parent's."""
        if os.getpid() != self._pid:
            raise JournalError(
                f"{self.path} is written by process {self._pid}; make a journal of your own after "
                "a fork"
            )

    cdef int _activate(self, MappedSegment fresh) except -1:
        """Make a prepared file the open segment: header, name, then the writer moves over."""
        cdef tt_journal_head want
        cdef tt_segment hands
        cdef MappedSegment full = None
        memset(&want, 0, sizeof(want))
        memset(&hands, 0, sizeof(hands))
        want.segment_id = self._segment_id + 1
        want.capacity = self._capacity
        want.epoch = self._epoch
        want.base_ring_seq = tt_load_relaxed64(&self.c.last_ring_seq)
        want.run_seed = self._run_seed
        want.clock_domain = <uint8_t> self._clock
        check(tt_segment_create(&hands, fresh.base, &want))
        target = self.path / segment_name(want.segment_id)
        self._claim.require()
        os.rename(fresh.path, target)
        fresh.path = target
        fresh.segment_id = want.segment_id
        try:
            self._commit.begin(fresh.fd, want.segment_id)
        except BaseException:
            fresh.discard()
            raise
        if self._open is not None:
            full = self._open
            self._keep(full)
        tt_segment_move(self.c, &hands)
        self._open = fresh
        self._segment_id = want.segment_id
        self._finisher.opened(want.segment_id, want.base_ring_seq, full)
        return 0

    cdef int _keep(self, MappedSegment full) except -1:
        """Give a full segment what the writer had in hand of it."""
        memcpy(&full.c, self.c, sizeof(tt_segment))
        self._records += self.c.records
        self._slots += self.c.used
        return 0

    cdef int _shut(self, object result) except -1:
        """Close whatever is open and write the manifest. Idempotent."""
        cdef MappedSegment last = self._open
        was_closed = self.closed
        self.closed = True
        try:
            if not was_closed:
                self._commit.stop()
                self._commit.turn()
                self._keep(last)
                self._drop()
                self._finisher.leave(last)
                self._manifest = self._finisher.end()
                self._ended_ns = tt_mono_ns()
            if not was_closed or (result is not None and self._manifest.result is None):
                self._manifest = msgspec.structs.replace(
                    self._manifest, closed=True, result=result
                )
                self._finisher.save(self._manifest, sync=True)
        finally:
            self._drop()
            if not was_closed:
                self._claim.release()
        if not was_closed and self._commit.failed:
            raise self._fault()
        return 0

    cdef int _drop(self) except -1:
        """Take the open segment from the hands of whoever appends."""
        self._open = None
        if self.c != NULL:
            self.c.records = 0
            tt_segment_detach(self.c)
        return 0
