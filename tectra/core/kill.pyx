"""The kill word: one shared word that says whether orders may leave."""
# Owns a mapping with the word in it, shared or private. Any thread and process may set, clear and
# read at any time; is_set costs some 25 ns from Python and one load from Cython over `c`. Wraps
# ext/tectra/kill.h.

from enum import IntEnum

from cython cimport final
from libc.stdint cimport int64_t, uint64_t

from tectra.core.base cimport TT_OK
from tectra.core.clock cimport tt_now_ns
from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport (
    Mapping,
    attach_mapping,
    create_mapping,
    private_mapping,
    tt_load_acquire64,
)

from tectra.core.errors import InputError, StateError

__all__ = ["KillReason", "KillWord"]


class KillReason(IntEnum):
    """Why orders were stopped. Codes from 16 to 65535 are the user's own."""

    OPERATOR = TT_KILL_OPERATOR
    RISK = TT_KILL_RISK
    JOURNAL = TT_KILL_JOURNAL
    HEARTBEAT = TT_KILL_HEARTBEAT
    FAULT = TT_KILL_FAULT
    VENUE = TT_KILL_VENUE
    DRILL = TT_KILL_DRILL
    RECOVERY = TT_KILL_RECOVERY


cdef KillWord _word(Mapping mapping, bint made):
    cdef KillWord self = KillWord.__new__(KillWord)
    cdef tt_kill *word = <tt_kill *> mapping.base
    if made:
        tt_kill_init(word, tt_now_ns())
    self.bind(mapping, tt_kill_check(word, mapping.bytes), "kill word")
    self.c = word
    return self


@final
cdef class KillWord(SharedPage):
    """Set by anyone, read by the gate before every order. Setting never waits and is never refused;
    the first reason stays.

    Any thread, any process. Backtests use private().
    """

    _kind = "kill word"
    _made = ("a kill word", "KillWord")

    @staticmethod
    def create(name):
        """Make a kill word in shared memory. Its close() removes the name. DuplicateError when the
        name is taken.
        """
        return _word(create_mapping(name, sizeof(tt_kill)), True)

    @staticmethod
    def attach(name):
        """Use a kill word that another process made."""
        return _word(attach_mapping(name, True, "kill word"), False)

    @staticmethod
    def private():
        """A kill word of this process alone."""
        return _word(private_mapping(sizeof(tt_kill)), True)

    cdef void leave(self, bint mapped) noexcept:
        self.c = NULL

    def set(self, reason=KillReason.OPERATOR, *, int64_t now_ns=0):
        """Stop all orders. True when this call did it, False when it was set before. now_ns: 0
        takes the clock.
        """
        self.require()
        if not 0 < reason <= TT_KILL_REASON_MAX:
            # A kill is never refused: set it, then complain.
            tt_kill_set_at(self.c, TT_KILL_FAULT, now_ns or tt_now_ns())
            raise InputError(
                f"kill reason: found {reason!r}; allowed: 1 to {TT_KILL_REASON_MAX}; killed as "
                "FAULT"
            )
        return tt_kill_set_at(self.c, reason, now_ns or tt_now_ns()) == TT_OK

    def clear(self, epoch=None, *, int64_t now_ns=0):
        """Let orders out again. With an epoch, only that kill is cleared: StateError when a later
        one is in force.
        """
        cdef uint64_t which
        self.require()
        which = tt_kill_epoch(self.c) if epoch is None else epoch
        if tt_kill_clear_epoch(self.c, which, now_ns or tt_now_ns()) != TT_OK:
            raise StateError(
                f"kill word: found epoch {tt_kill_epoch(self.c)}, asked to clear {which}; look at "
                "the later kill first"
            )

    @property
    def is_set(self):
        if self.c is NULL:
            self.require()
        return tt_kill_is_set(self.c) != 0

    @property
    def epoch(self):
        """Kills so far; the number of the one in force when it is set."""
        self.require()
        return tt_kill_epoch(self.c)

    @property
    def reason(self):
        """Code of the kill in force (a KillReason where it is one), 0 when not set."""
        cdef int code
        self.require()
        code = <int> tt_kill_reason(self.c)
        return KillReason(code) if TT_KILL_OPERATOR <= code <= TT_KILL_RECOVERY else code

    @property
    def set_ns(self):
        """Time of the last kill, 0 for never."""
        self.require()
        return tt_load_acquire64(&self.c.set_ns)

    @property
    def set_pid(self):
        """Process of the last kill, 0 for none."""
        self.require()
        return tt_load_acquire64(&self.c.set_pid)

    @property
    def cleared_ns(self):
        """Time of the last clear, 0 for never."""
        self.require()
        return tt_load_acquire64(&self.c.cleared_ns)

    @property
    def attempts(self):
        """Calls of set so far, also those that found it set."""
        self.require()
        return tt_load_acquire64(&self.c.attempts)
