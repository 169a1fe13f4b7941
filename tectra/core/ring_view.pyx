"""NumPy views of the slots of a ring: claims to fill, batches to read."""
# Owns nothing of the ring: a Lease keeps its mapping in memory as long as an array looks at it. The
# side's own thread only. A claim from Python costs some 2 us, a batch 1 us, however many records.
# Wraps ext/tectra/spsc.h and spsc_claim.h.

from functools import cache

import numpy as np

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_FillInfo
from cython cimport final
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from tectra.core.base cimport TT_E_EMPTY, TT_E_FULL, TT_OK
from tectra.core.msg cimport TT_SLOT_BYTES
from tectra.core.rc cimport check_with
from tectra.core.ring_page cimport (
    RingPage,
    tt_spsc_abort,
    tt_spsc_commit_same,
    tt_spsc_header,
    tt_spsc_peek_run,
    tt_spsc_release_run,
    tt_spsc_try_claim,
    tt_spsc_try_claim_n,
)

from tectra.core.errors import InputError, StateError
from tectra.core.msg import DTYPES, HEAD, Template

__all__ = ["Batches", "Claim", "Lease"]

_HEADER = 8  # bytes of the commit word: block_length, template_id, schema_id, version


@cache
def _body(template):
    """The dtype of a template without its header fields: bytes 8 to the end."""
    whole = DTYPES[template]
    fields = [(n, whole.fields[n]) for n in whole.names if whole.fields[n][1] >= _HEADER]
    return np.dtype({
        "names": [n for n, _ in fields],
        "formats": [f[0] for _, f in fields],
        "offsets": [f[1] - _HEADER for _, f in fields],
        "itemsize": whole.itemsize - _HEADER,
    })


@final
cdef class Lease:
    """Memory of a ring that an array looks at: keeps the mapping until the array is gone.

    Owner thread: the side's.
    """

    def __init__(self):
        raise TypeError("Lease is made by SpscRing.claim and SpscRing.batches")

    def __getbuffer__(self, Py_buffer *view, int flags):
        if flags & PyBUF_WRITABLE and not self.writable:
            raise BufferError("a batch of a ring is read-only")
        PyBuffer_FillInfo(view, self, self.base, self.size, not self.writable, flags)

    def __dealloc__(self):
        if self.mapping is not None:
            self.mapping.drop()


cdef object _lend(RingPage ring, void *base, uint64_t size, bint writable):
    cdef Lease self = Lease.__new__(Lease)
    self.mapping = ring.mapping
    self.mapping.hold()
    self.base = base
    self.size = <Py_ssize_t> size
    self.writable = writable
    return self


@final
cdef class Claim:
    """Slots that the producer fills in place: a context manager, see SpscRing.claim.

    Owner thread: the producer. The slots are claimed when the `with` block is entered.
    """

    def __cinit__(self, RingPage ring not None, template, uint64_t n, int64_t timeout_ns):
        ring.require()
        if ring.overwrite:
            raise StateError(
                f"ring {ring.mapping.name!r}: nothing is claimed in a ring that overwrites; push"
            )
        try:
            self.template_id = Template(template)
        except ValueError:
            raise InputError(f"template: found {template!r}; allowed: a Template") from None
        self.ring = ring
        self.wanted = n
        self.bytes = DTYPES[self.template_id].itemsize
        self.timeout_ns = timeout_ns

    cdef int _try(self, void **slot) noexcept:
        """Claim as many records as fit, but one at least."""
        cdef RingPage ring = self.ring
        cdef uint64_t got = 0
        cdef uint64_t slots = self.bytes // TT_SLOT_BYTES
        cdef int rc
        self.records = 1
        if self.wanted > 1:
            rc = tt_spsc_try_claim_n(ring.c, self.wanted * slots, slot, &got)
            if rc != TT_OK:
                return rc
            if got >= slots:
                self.records = got // slots
                return TT_OK
            tt_spsc_abort(ring.c)  # half a wide record is left before the end: one goes over it
        return tt_spsc_try_claim(ring.c, self.bytes, slot)

    cdef char *_open(self) except NULL:
        cdef RingPage ring = self.ring
        cdef void *slot = NULL
        cdef int rc = self._try(&slot)
        if rc == TT_E_FULL:
            if not ring.wait_space(self.bytes // TT_SLOT_BYTES, self.timeout_ns):
                ring.raise_full(self.timeout_ns)
            rc = self._try(&slot)
        if rc != TT_OK:
            ring.may_push()
            check_with(rc, "claim")
        return <char *> slot

    def __enter__(self):
        self.ring.require()
        cdef char *slot = self._open()
        cdef uint64_t i
        for i in range(self.records):
            memset(slot + i * self.bytes + 8, 0, self.bytes - 8)
        lease = _lend(self.ring, slot + 8, self.records * self.bytes - 8, True)
        rows = np.ndarray(
            self.records, _body(Template(self.template_id)), lease, strides=(self.bytes,)
        )
        return rows if self.wanted > 0 else rows[0]

    def __exit__(self, kind, error, trace):
        cdef uint64_t header = tt_spsc_header(self.template_id)
        cdef int64_t done
        self.ring.require()
        if kind is not None:
            tt_spsc_abort(self.ring.c)
            return
        done = tt_spsc_commit_same(self.ring.c, header, self.records)
        if done < 0:
            check_with(<int> done, "commit")


@final
cdef class Batches:
    """Iterator over the records of a ring in place, see SpscRing.batches.

    Owner thread: the consumer. A step gives the batch before it back to the producer.
    """

    def __cinit__(self, RingPage ring not None, uint64_t max_slots, int64_t timeout_ns):
        ring.require()
        if max_slots < 2:
            raise InputError(
                f"slots of a batch: found {max_slots}; allowed: 2 or more, a record may take two"
            )
        self.ring = ring
        self.max_slots = max_slots
        self.timeout_ns = timeout_ns

    def __dealloc__(self):
        if self.ring is not None and self.holding and self.ring.c is not NULL:
            tt_spsc_release_run(self.ring.c, &self.run)
            self.ring.lent = False

    cdef int _give_back(self) except -1:
        self.ring.require()
        if self.holding:
            self.holding = False
            self.ring.lent = False
            tt_spsc_release_run(self.ring.c, &self.run)
        return 0

    @property
    def end_of_batch(self):
        """True when nothing was behind the batch when it was looked at: the moment to flush."""
        return self.run.end_of_batch != 0

    @property
    def records(self):
        """Records in the batch: fewer than its rows where some take two slots."""
        return self.run.records

    def __iter__(self):
        return self

    def __next__(self):
        cdef RingPage ring = self.ring
        cdef int rc = TT_E_EMPTY
        self._give_back()
        while rc == TT_E_EMPTY:  # a lossy ring may be lapped between the two looks
            if not ring.wait_filled(self.timeout_ns):
                raise StopIteration
            rc = tt_spsc_peek_run(ring.c, self.max_slots, &self.run)
        check_with(rc, "batch")
        self.holding = True
        ring.lent = True
        lease = _lend(ring, <void *> self.run.first, self.run.slots * TT_SLOT_BYTES, False)
        rows = np.frombuffer(lease, HEAD)
        return rows.copy() if ring.overwrite else rows

    def close(self):
        """Give the last batch back now. Idempotent; iterating goes on behind it."""
        if self.ring.c is not NULL:
            self._give_back()
