"""Equality digests of record streams: of one stream, or of a run's inputs and outputs apart.

Owns nothing but its state; one thread at a time. About 3.5 ns a slot, the GIL released over long
buffers. Wraps digest.h, whose head says what the digest promises and what it does not.
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memset

from tectra.core.msg cimport TT_DIR_INPUT, TT_DIR_NOTE, TT_DIR_OUTPUT, TT_SLOT_BYTES

from typing import NamedTuple

from tectra.core.errors import JournalError


class RunDigest(NamedTuple):
    """What went in and what came out of a run: hexadecimal digests and record counts."""

    inputs: str
    outputs: str
    input_records: int
    output_records: int
    note_records: int


cdef str _hex(const tt_digest *d):
    cdef char text[TT_DIGEST_HEX_BYTES]
    tt_digest_hex(d, text)
    return text[:32].decode("ascii")


@cython.final
cdef class Digest:
    """Running 128-bit digest. Equal digests mean equal streams, whatever the cuts between updates.

    Not tamper evidence. ValueError when a buffer is not a whole number of 64-byte slots.
    """

    def __cinit__(self):
        tt_digest_init(&self.state)

    def update(self, slots):
        """Add the bytes of `slots`: any contiguous buffer of whole 64-byte slots."""
        cdef Py_buffer view
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            if view.len % TT_SLOT_BYTES:
                raise ValueError(f"a digest takes whole 64-byte slots; found {view.len} bytes")
            with nogil:
                tt_digest_slots(&self.state, view.buf, view.len // TT_SLOT_BYTES)
        finally:
            PyBuffer_Release(&view)

    @property
    def slots(self):
        """Slots added so far."""
        return self.state.count

    def value(self):
        """The two 64-bit halves, as records carry them (digest128)."""
        cdef uint64_t out[2]
        tt_digest_value(&self.state, out)
        return out[0], out[1]

    def hexdigest(self):
        """32 lower-case hexadecimal digits, first half first."""
        return _hex(&self.state)

    @property
    def state_hex(self):
        """The running state as 32 hexadecimal digits, as an EngineSummary shows its digests."""
        return f"{self.state.a:016x}{self.state.b:016x}"

    def copy(self):
        """An independent digest with the same state."""
        cdef Digest other = Digest.__new__(Digest)
        other.state = self.state
        return other

    def __repr__(self):
        return f"Digest({_hex(&self.state)}, {self.state.count} slots)"


def digest_inputs_outputs(source):
    """Digests of all inputs and of all outputs, by the direction of each record's template.

    `source` is a JournalReader, or an iterable of arrays of slots that each begin and end with a
    whole record. Raises JournalError when a record's length is wrong or it is cut.
    """
    cdef tt_digest state[4]
    cdef uint64_t records[4]
    cdef uint64_t n, done
    cdef Py_buffer view
    cdef int i
    for i in range(4):
        tt_digest_init(&state[i])
    memset(records, 0, sizeof(records))
    for slots in source.slots() if hasattr(source, "slots") else source:
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            n = view.len // TT_SLOT_BYTES
            with nogil:
                done = tt_digest_dirs(state, records, view.buf, n)
        finally:
            PyBuffer_Release(&view)
        if done != n:
            raise JournalError(
                f"slot {done} of {n} begins no whole record; verify the journal, give whole records"
            )
    return RunDigest(
        _hex(&state[TT_DIR_INPUT]),
        _hex(&state[TT_DIR_OUTPUT]),
        records[TT_DIR_INPUT],
        records[TT_DIR_OUTPUT],
        records[TT_DIR_NOTE],
    )
