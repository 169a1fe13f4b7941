"""Steps a journal's inputs through a pipeline and holds every output against the journal's, byte
for byte: what replay verifies with and recovery brings a state to the journal's end with.

Owns a cursor into the pipeline's captured outputs; one thread; costs the engine's step and a
compare of the outputs. Wraps nothing.
"""
cimport cython
from libc.stdint cimport UINT64_MAX, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from tectra.core.msg cimport TT_DIR_INPUT, TT_DIR_OUTPUT, tt_head, tt_rec_bytes, tt_template_dir
from tectra.core.stop cimport stop_flag, tt_stop, tt_stop_is_set
from tectra.engine.capi cimport tt_tap
from tectra.engine.pipeline cimport Pipeline

from tectra.core.errors import StoppedError
from tectra.engine.divergence import Divergence


cdef bint same_record(const tt_head *a, const tt_head *b) noexcept nogil:
    cdef uint32_t size = tt_rec_bytes(b)
    return a != NULL and tt_rec_bytes(a) == size and memcmp(a, b, size) == 0


cdef bytes bytes_of(const tt_head *rec):
    return b"" if rec == NULL else (<const uint8_t *> rec)[: tt_rec_bytes(rec)]


@cython.final
cdef class Comparator:
    """Feeds whole slots of a journal in order to a pipeline that captures its outputs and sends
    nothing; `divergence` is the first one found, None so far.

    `last_seq` is the last record of the journal that was handled. Without `compare` the journal's
    outputs are passed over. `first_ns`: receive time of the first input.
    """

    def __init__(self, Pipeline pipeline not None, *, until_seq=None, bint compare=True):
        self.pipeline = pipeline
        self.compare = compare
        self.until_seq = UINT64_MAX if until_seq is None else until_seq
        self.last_seq = pipeline.ring_seq

    def run(self, const uint8_t[::1] slots not None):
        """Step a part of the journal; False when `until_seq` is reached or a divergence was found.

        A callback that raises is kept as `raised`; nothing but the outputs of that step may follow
        it in the journal. StoppedError: asked to stop.
        """
        cdef uint64_t n = <uint64_t> slots.shape[0] // 64
        cdef int more = 1
        self.at = 0
        while self.at < n and more:
            try:
                if self.pipeline.python_mask:
                    more = self.run_slots(&slots[0], n)
                else:
                    with nogil:
                        more = self.run_slots(&slots[0], n)
            except BaseException as error:
                self.keep(error)
        return more == 1

    cdef int keep(self, error) except -1:
        """Keep what a callback raised; anything else goes on."""
        raised = self.pipeline.fault(error)
        if raised is error:
            raise error
        raised.__cause__ = error
        self.raised = raised
        return 0

    def finish(self):
        """At the end of the journal: no output of the engine may be left over."""
        cdef tt_tap *tap = &self.pipeline.c.tap
        if self.divergence is not None or self.until_seq != UINT64_MAX or not self.compare:
            return self.divergence
        if self.read < tap.capture_used:
            self.differ(NULL, <const tt_head *> (tap.capture + self.read * 64))
        return self.divergence

    def rest(self):
        """Outputs behind the last record of the journal: said again, but never written before the
        run died.
        """
        cdef tt_tap *tap = &self.pipeline.c.tap
        if tap.capture_used == self.read:
            return b""
        return bytes(tap.capture[self.read * 64 : tap.capture_used * 64])

    def close(self):
        """Nothing is captured from here on: the pipeline goes on without a journal to compare."""
        self.pipeline.c.tap.capture_mask = 0
        self.pipeline.c.tap.capture_used = 0
        self.read = 0

    @property
    def records(self):
        """Records of the journal that were handled; without `compare`, all but its outputs."""
        return self.inputs + self.outputs + self.notes

    cdef int run_slots(self, const uint8_t *slots, uint64_t n) except -1 nogil:
        """1: go on, 0: stop here. `at` is behind the record that is handled, so that a step that
        raised is not taken again.
        """
        cdef tt_tap *tap = &self.pipeline.c.tap
        cdef const tt_head *rec
        cdef tt_stop *stop = stop_flag()
        while self.at < n:
            rec = <const tt_head *> (slots + self.at * 64)
            self.at = self.at + (tt_rec_bytes(rec) >> 6)
            if rec.ring_seq > self.until_seq:
                return 0
            if self.one(tap, rec) == 0:
                return 0
            if tt_stop_is_set(stop):
                with gil:
                    raise StoppedError(f"stopped on request after record {rec.ring_seq}")
        return 1

    cdef int one(self, tt_tap *tap, const tt_head *rec) except -1 nogil:
        cdef const tt_head *mine = NULL
        cdef uint8_t direction = tt_template_dir[rec.template_id]
        if self.read < tap.capture_used and self.compare:
            mine = <const tt_head *> (tap.capture + self.read * 64)
        if direction == TT_DIR_OUTPUT:
            if self.compare:
                if not same_record(mine, rec):
                    with gil:
                        self.differ(rec, mine)
                    return 0
                self.read = self.read + (tt_rec_bytes(rec) >> 6)
                self.outputs = self.outputs + 1
            self.last_seq = rec.ring_seq
            return 1
        if mine != NULL or (rec.ring_seq != tap.ring_seq + 1 and self.compare):
            with gil:
                self.differ(rec, mine)
            return 0
        self.read = 0
        tap.capture_used = 0
        self.last_seq = rec.ring_seq
        if direction != TT_DIR_INPUT:
            tap.ring_seq = tap.ring_seq + 1
            tap.records[direction] = tap.records[direction] + 1
            self.notes = self.notes + 1
            return 1
        if self.inputs == 0:
            self.first_ns = rec.ts_recv_ns
        self.inputs = self.inputs + 1
        self.last_input = rec.ring_seq
        self.pipeline.step(rec)
        return 1

    cdef int differ(self, const tt_head *journal, const tt_head *mine) except -1:
        cdef uint64_t seq = mine.ring_seq if journal == NULL else journal.ring_seq
        if mine == NULL and tt_template_dir[journal.template_id] != TT_DIR_OUTPUT:
            seq = self.pipeline.c.tap.ring_seq + 1
        self.divergence = Divergence(seq, bytes_of(journal), bytes_of(mine))
        return 0
