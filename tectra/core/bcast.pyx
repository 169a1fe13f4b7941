"""Broadcast ring of records: one writer, many readers, between threads or between processes."""
# Owns the handle of a ring and of its writer, and the mapping; readers are in bcast_reader.pyx. One
# thread writes; properties are read by any thread or process. Publishing 64 bytes costs 50 ns from
# Python, some 5 ns from Cython over `c`. Nothing here waits. Wraps ext/tectra/bcast*.h.

import weakref
from typing import NamedTuple

from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_FromStringAndSize
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

from tectra.core.base cimport TT_E_LENGTH, TT_E_RANGE, TT_E_STATE, TT_OK
from tectra.core.clock cimport tt_now_ns
from tectra.core.msg cimport TT_SLOT_BYTES, tt_rec_bytes
from tectra.core.rc cimport check_with
from tectra.core.shared_page cimport SharedPage, handle_memory
from tectra.core.shm cimport (
    Mapping,
    attach_mapping,
    create_mapping,
    private_mapping,
    tt_load_acquire64,
    tt_store_release64,
)

from tectra.core.errors import InputError, StateError

__all__ = ["EVERYONE", "BroadcastRing", "ReaderInfo"]

EVERYONE = TT_BCAST_EVERYONE


class ReaderInfo(NamedTuple):
    """A listed reader as any process sees it: `next` is the number it reads next, `lag` the records
    it is behind, `lag_high` the most it was when looked at; joined + read + skipped + lost = next.
    """

    place: int
    name: str
    pid: int
    alive: bool
    mask: int
    joined: int
    next: int
    lag: int
    lag_high: int
    read: int
    skipped: int
    lost: int
    gaps: int
    beat_ns: int


cdef uint64_t _size(object capacity) except 0:
    cdef uint64_t size = 0
    if isinstance(capacity, int) and 0 < capacity <= TT_BCAST_CAPACITY_MAX:
        size = tt_bcast_bytes(capacity)
    if size == 0:
        raise InputError(
            f"capacity of a broadcast ring: found {capacity!r}; allowed: a power of two from "
            f"{TT_BCAST_CAPACITY_MIN} to 2**32"
        )
    return size


cdef uint64_t bits_of(object value, str what) except 0:
    if not isinstance(value, int) or not 0 < value < 2**64:
        raise InputError(
            f"{what} of a broadcast ring: found {value!r}; allowed: 1 to 2**64 - 1 (0 meets nobody)"
        )
    return value


cdef inline uint64_t _tag(object tag) except 0:
    return TT_BCAST_EVERYONE if tag is EVERYONE else bits_of(tag, "tag")


cdef BroadcastRing _ring(Mapping mapping, uint64_t capacity, uint32_t flags, bint made,
                         uint64_t start):
    """A ring over the mapping; when it is new, lay it out first."""
    cdef BroadcastRing self = BroadcastRing.__new__(BroadcastRing)
    if made:
        check_with(tt_bcast_init(mapping.base, capacity, flags, start, tt_now_ns()), "broadcast")
    self.c = <tt_bcast *> handle_memory(sizeof(tt_bcast))
    self.bind(mapping, tt_bcast_open(self.c, mapping.base, mapping.bytes), "broadcast")
    self.capacity = self.head.capacity
    self.stamp = (self.c.flags & TT_BCAST_STAMP) != 0
    self._readers = weakref.WeakSet()
    return self


@final
cdef class BroadcastRing(SharedPage):
    """Ring of 64- and 128-byte records that one writer fills and any number of readers follow.

    Owner thread: one writer (publish..., claim, commit, abort), in one process; the first of them
    claims the side, and a second live writer gets StateError. Readers join with
    BroadcastReader.join. The writer never waits: whom it laps gets a `gap` record (Template.GAP).
    Capacity is in slots of 64 bytes. With
    stamp=True the ring writes its record number, from 1, into ring_seq; otherwise records pass
    unchanged.
    """

    _kind = "broadcast ring"
    _made = ("a ring", "BroadcastRing")

    @staticmethod
    def create(name, capacity, *, bint stamp=True):
        """Make a ring in shared memory; close() removes the name. DuplicateError: taken."""
        cdef uint64_t size = _size(capacity)
        cdef uint32_t flags = TT_BCAST_STAMP if stamp else 0
        return _ring(create_mapping(name, size), capacity, flags, True, 0)

    @staticmethod
    def attach(name):
        """Use a ring that another process, or another part of this one, made. FileFormatError,
        LayoutVersionError and TruncatedInputError say what is wrong with it.
        """
        return _ring(attach_mapping(name, True, "broadcast"), 0, 0, False, 0)

    @staticmethod
    def private(capacity, *, bint stamp=True, uint64_t start=0):
        """A ring of this process alone. `start`: first position, to test the wrap of 2**64."""
        cdef uint32_t flags = TT_BCAST_STAMP if stamp else 0
        return _ring(private_mapping(_size(capacity)), capacity, flags, True, start)

    cdef void leave(self, bint mapped) noexcept:
        if self.c is not NULL and mapped:
            tt_bcast_leave(self.c)
        free(self.c)
        self.c = NULL

    def close(self):
        """Leave, close the readers that joined through this handle, unmap; the maker also removes
        the name. Idempotent; no thread may be inside. StateError while a view of a claim is alive.
        """
        if self.c is NULL:
            return
        if self._views > 0:
            raise StateError(
                f"broadcast ring {self.name!r}: {self._views} views of a claim are alive; release "
                "them before close()"
            )
        for reader in list(self._readers):
            reader.close()
        SharedPage.close(self)

    cdef tt_bcast_page *_page(self) except NULL:
        self.require()
        return self.c.page

    # -- writer

    def claim_writer(self):
        """Become the writer now, for wiring. StateError when another live handle is."""
        self.require()
        if tt_bcast_claim_writer(self.c) != TT_OK:
            raise StateError(
                f"broadcast ring {self.name!r}: process {self.writer_pid} writes into it; a ring "
                "has one writer"
            )

    def release_writer(self):
        """Stop being the writer, so that another handle may; an open claim is dropped."""
        self.require()
        tt_bcast_leave(self.c)

    cdef int _refused(self, int64_t rc, Py_ssize_t size) except -1:
        if rc == TT_E_LENGTH:
            raise InputError(
                f"records of {size} bytes: a header does not fit; allowed: whole records of 64 or "
                "128 bytes that begin with a header of block length 56 or 120 (tt_rec_init, "
                "tectra.core.encode)"
            )
        if rc == TT_E_RANGE:
            raise InputError("tags of a batch: found 0; allowed: at least one bit (0 meets nobody)")
        self.claim_writer()
        return check_with(<int> rc, "publish")

    def publish(self, record not None, tag=EVERYONE):
        """Publish one record (bytes or a buffer) under a tag, a bit mask that is not 0. Never
        waits. InputError: no record, or tag 0. StateError: another live writer.
        """
        cdef Py_buffer view
        cdef int rc
        cdef uint64_t bits = _tag(tag)
        if self.c is NULL:
            self.require()
        PyObject_GetBuffer(record, &view, PyBUF_SIMPLE)
        try:
            if view.len < TT_SLOT_BYTES or tt_rec_bytes(view.buf) != <uint32_t> view.len:
                rc = TT_E_LENGTH
            else:
                rc = tt_bcast_publish(self.c, view.buf, bits)
        finally:
            PyBuffer_Release(&view)
        if rc != TT_OK:
            self._refused(rc, view.len)

    def publish_many(self, slots not None, tag=EVERYONE):
        """Publish whole records out of contiguous 64-byte slots (array or buffer), all under one
        tag, or each under its own when `tag` is a contiguous uint64 array. Returns the records.
        Readers see a chunk of up to a quarter of the ring at once. On InputError nothing was
        published.
        """
        cdef Py_buffer view, tags
        cdef int64_t done
        self.require()
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            if isinstance(tag, int):
                done = self._publish_n(&view, NULL, 0, _tag(tag))
            else:
                PyObject_GetBuffer(tag, &tags, PyBUF_SIMPLE)
                try:
                    done = self._publish_n(&view, <const uint64_t *> tags.buf, tags.len, 0)
                finally:
                    PyBuffer_Release(&tags)
        finally:
            PyBuffer_Release(&view)
        if done < 0:
            self._refused(done, view.len)
        return done

    cdef int64_t _publish_n(
        self, Py_buffer *view, const uint64_t *tags, Py_ssize_t tag_bytes, uint64_t tag
    ) except? -1000:
        cdef uint64_t n = <uint64_t> (view.len // TT_SLOT_BYTES)
        cdef int64_t records = tt_bcast_count_records_(<const uint8_t *> view.buf, n, NULL, 1)
        if view.len % TT_SLOT_BYTES != 0 or records < 0:
            return TT_E_LENGTH
        if tags is not NULL and tag_bytes != records * 8:
            raise InputError(
                f"tags of a batch: found {tag_bytes} bytes for {records} records; allowed: one "
                "uint64 for each record"
            )
        return tt_bcast_publish_n(self.c, view.buf, n, tags, tag)

    def claim(self, uint32_t slots=1):
        """Memory for 1 to 32 slots of records as a writable memoryview, to be published by
        commit() or given up by abort(); release the view before close(). It belongs to the handle:
        readers may still be copying a slot of the ring, so the commit copies. StateError: another
        claim is open.
        """
        self.require()
        if slots == 0 or slots > TT_BCAST_CLAIM_SLOTS:
            raise InputError(
                f"slots of a claim: found {slots}; allowed: 1 to {TT_BCAST_CLAIM_SLOTS}"
            )
        self.claim_writer()
        if tt_bcast_claim(self.c, slots) is NULL:
            raise StateError(
                f"broadcast ring {self.name!r}: a claim is open; commit or abort it first"
            )
        return memoryview(self)

    def commit(self, tag=EVERYONE):
        """Publish the open claim under a tag; the records in it. On InputError it stays open."""
        cdef int64_t done
        cdef Py_ssize_t size
        self.require()
        size = self.c.claimed * TT_SLOT_BYTES
        done = tt_bcast_commit(self.c, NULL, _tag(tag))
        if done < 0:
            self._need_claim(done)
            self._refused(done, size)
        return done

    def abort(self):
        """Give the open claim up: nobody sees it."""
        self.require()
        self._need_claim(tt_bcast_abort(self.c))

    cdef int _need_claim(self, int64_t rc) except -1:
        if rc == TT_E_STATE and self.c.claimed == 0:
            raise StateError(f"broadcast ring {self.name!r}: no claim is open; call claim() first")
        return 0

    def __getbuffer__(self, Py_buffer *view, int flags):
        self.require()
        if self.c.claimed == 0:
            raise BufferError("broadcast ring: only an open claim is memory; call claim()")
        PyBuffer_FillInfo(
            view, self, self.c.claim, <Py_ssize_t> self.c.claimed * TT_SLOT_BYTES, 0, flags
        )
        self._views = self._views + 1

    def __releasebuffer__(self, Py_buffer *view):
        self._views = self._views - 1

    # -- readers

    def readers(self):
        """The listed readers, dead ones too: a list of ReaderInfo."""
        cdef tt_bcast_page *page = self._page()
        cdef tt_bcast_place *place
        cdef uint64_t owner
        cdef int i
        out = []
        for i in range(TT_BCAST_PLACES):
            place = &page.place[i]
            owner = tt_load_acquire64(&place.owner)
            if owner != 0 and tt_load_acquire64(&place.joined) != 0:
                out.append(_info(page, place, i, owner))
        return out

    def reclaim_readers(self):
        """Free the places of readers whose process is dead; how many there were."""
        self.require()
        return tt_bcast_reclaim_places(self.c)

    # -- counters, for any thread and process

    @property
    def published(self):
        """Records published so far: also the number of the newest record."""
        return tt_load_acquire64(&self._page().published)

    @property
    def writer_pid(self):
        """Process that holds the writer's side, 0 for none."""
        return tt_load_acquire64(&self._page().writer) >> 32

    def beat(self, uint64_t now_ns):
        """Say that the writer lives. Called by the loop that owns it, with its clock."""
        if self.c is not NULL and self.c.writing:
            tt_store_release64(&self.c.page.writer_beat_ns, now_ns)

    def counters(self):
        """All counters by name; lag and losses are of the listed readers, the worst and the sum."""
        cdef tt_bcast_page *page = self._page()
        readers = self.readers()
        return {
            "published": tt_load_acquire64(&page.published),
            "aborted": tt_load_acquire64(&page.aborted),
            "takeovers": tt_load_acquire64(&page.takeovers),
            "writer_beat_ns": tt_load_acquire64(&page.writer_beat_ns),
            "readers": len(readers),
            "lag": max((r.lag for r in readers), default=0),
            "lag_high": max((r.lag_high for r in readers), default=0),
            "lost": sum(r.lost for r in readers),
        }

    def check(self):
        """Verify a ring at rest. FileFormatError when records, numbers or positions are off."""
        self.require()
        check_with(tt_bcast_check(self.c), f"broadcast ring {self.name!r}")


cdef object _info(
    const tt_bcast_page *page, const tt_bcast_place *place, int index, uint64_t owner
):
    cdef uint64_t words[5]
    cdef int i
    for i in range(5):
        words[i] = tt_load_acquire64(&place.name[i])
    raw = PyBytes_FromStringAndSize(<char *> words, TT_BCAST_NAME_BYTES)
    return ReaderInfo(
        index,
        raw.split(b"\0", 1)[0].decode(errors="replace"),
        owner >> 32,
        tt_bcast_owner_alive(owner) != 0,
        tt_load_acquire64(&place.mask),
        tt_load_acquire64(&place.joined),
        tt_load_acquire64(&place.next),
        tt_bcast_lag(page, place),
        tt_load_acquire64(&place.lag_high),
        tt_load_acquire64(&place.read),
        tt_load_acquire64(&place.skipped),
        tt_load_acquire64(&place.lost),
        tt_load_acquire64(&place.gaps),
        tt_load_acquire64(&place.beat_ns),
    )
