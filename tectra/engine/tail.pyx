"""The tail of a journal on top of a state: inputs are stepped, outputs held against the journal's.

Owns a cursor into the pipeline's captured outputs; one thread; costs the engine's step and one
compare an output. Wraps nothing.
"""
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from tectra.core.msg cimport TT_DIR_INPUT, TT_DIR_OUTPUT, tt_head, tt_rec_bytes, tt_template_dir
from tectra.core.stop cimport stop_flag, tt_stop_is_set
from tectra.engine.pipeline cimport Pipeline

from tectra.core.errors import ReplayMismatchError, StoppedError
from tectra.core.msg import Template


cdef bint _same(const tt_head *a, const tt_head *b) noexcept nogil:
    cdef uint32_t size = tt_rec_bytes(b)
    return a != NULL and tt_rec_bytes(a) == size and memcmp(a, b, size) == 0


cdef str _name(const tt_head *rec):
    return "nothing" if rec == NULL else Template(rec.template_id).name.lower()


@cython.final
cdef class TailStepper:
    """Takes whole slots in order. The pipeline captures its outputs and sends nothing.

    `raised`: what a callback raised, as it had raised when the journal was written.
    """

    def __init__(self, Pipeline pipeline not None):
        self.pipeline = pipeline
        self.last_seq = pipeline.ring_seq

    def run(self, const uint8_t[::1] slots not None):
        """Step a part of the journal. ReplayMismatchError names the first record that differs,
        StoppedError: asked to stop.
        """
        cdef uint64_t n = <uint64_t> slots.shape[0] // 64
        self.at = 0
        while self.at < n:
            try:
                if self.pipeline.python_mask:
                    self.run_slots(&slots[0], n)
                else:
                    with nogil:
                        self.run_slots(&slots[0], n)
            except BaseException as error:
                raised = self.pipeline.fault(error)
                if raised is error:
                    raise
                self.raised = raised

    def rest(self):
        """Outputs behind the last record of the journal: said again, but never written before the
        run died.
        """
        cdef uint64_t used = self.pipeline.c.tap.capture_used
        if used == self.read:
            return b""
        return bytes(self.pipeline.c.tap.capture[self.read * 64 : used * 64])

    def close(self):
        """Nothing is captured from here on: the pipeline goes on without a journal to compare."""
        self.pipeline.c.tap.capture_mask = 0
        self.pipeline.c.tap.capture_used = 0
        self.read = 0

    cdef int run_slots(self, const unsigned char *slots, uint64_t n) except -1 nogil:
        cdef const tt_head *rec
        while self.at < n:
            rec = <const tt_head *> (slots + self.at * 64)
            # Behind the record before it is stepped: one that raised is not taken again.
            self.at = self.at + (tt_rec_bytes(rec) >> 6)
            self.one(rec)
            if tt_stop_is_set(stop_flag()):
                with gil:
                    raise StoppedError(f"stopped on request after record {rec.ring_seq}")
        return 0

    cdef int one(self, const tt_head *rec) except -1 nogil:
        cdef const tt_head *mine = NULL
        cdef uint8_t direction = tt_template_dir[rec.template_id]
        self.records = self.records + 1
        self.last_seq = rec.ring_seq
        if self.read < self.pipeline.c.tap.capture_used:
            mine = <const tt_head *> (self.pipeline.c.tap.capture + self.read * 64)
        if direction == TT_DIR_OUTPUT:
            if not _same(mine, rec):
                with gil:
                    self.differ(rec, mine)
            self.read = self.read + (tt_rec_bytes(rec) >> 6)
            return 0
        if mine != NULL or rec.ring_seq != self.pipeline.c.tap.ring_seq + 1:
            with gil:
                self.differ(rec, mine)
        self.read = 0
        self.pipeline.c.tap.capture_used = 0
        if direction != TT_DIR_INPUT:
            self.pipeline.c.tap.ring_seq = rec.ring_seq
            self.pipeline.c.tap.records[direction] = self.pipeline.c.tap.records[direction] + 1
            return 0
        self.inputs = self.inputs + 1
        self.last_input = rec.ring_seq
        self.pipeline.step(rec)
        return 0

    cdef int differ(self, const tt_head *journal, const tt_head *mine) except -1:
        if mine == NULL and tt_template_dir[journal.template_id] == TT_DIR_OUTPUT:
            said = "the engine says nothing here"
        elif mine != NULL and mine.template_id == journal.template_id:
            said = "the engine says it with other content"
        elif mine != NULL:
            said = f"the engine says {_name(mine)} here"
        else:
            said = f"record {self.pipeline.c.tap.ring_seq + 1} is missing before it"
        raise ReplayMismatchError(
            f"record {journal.ring_seq}: the journal has {_name(journal)}, {said}; the state or "
            "the code is not what wrote the journal: recover without snapshots, or with that build"
        )
