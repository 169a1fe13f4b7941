"""The page of a multi-producer multi-consumer ring through one handle: who takes part, counters,
what was given up.
"""
# Owns a handle of a ring and, with the handles beside it, its mapping. One thread uses a handle;
# counters are read by any thread or process. Cold, all of it. Wraps ext/tectra/mpmc_page.h and
# mpmc_owner.h.

from typing import NamedTuple

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free

from tectra.core.base cimport TT_OK
from tectra.core.shared_page cimport SharedPage
from tectra.core.shm cimport tt_load_acquire64, tt_pid_alive

from tectra.core.errors import CapacityError, StateError

__all__ = ["MpmcGap", "MpmcPage", "Participant"]


class MpmcGap(NamedTuple):
    """Record `number` (from 1) that nobody reads: `pid` held its slot for too long, or died."""

    number: int
    pid: int
    abandoned: bool  # claimed and not committed; else committed and not given back by its reader


class Participant(NamedTuple):
    """A handle that takes part in a ring."""

    pid: int
    alive: bool
    beat_ns: int
    epoch: int
    pushed: int
    popped: int


cdef class MpmcPage(SharedPage):
    """What every handle of a ring has; MpmcRing is made, not this.

    Owner thread: that of the handle, and for counters any. close() gives claims up and records in
    place back; the last handle unmaps.
    """

    _kind = "ring"
    _made = ("a ring", "MpmcRing")

    cdef void leave(self, bint mapped) noexcept:
        if self.c is not NULL and mapped:
            tt_mpmc_leave(self.c)
        free(self.c)
        self.c = NULL

    cdef int require(self) except -1:
        """Raise when it is closed, or a thread waits in it."""
        SharedPage.require(self)
        if self.waiting:
            raise StateError(
                f"ring {self.mapping.name!r}: another thread waits in this handle; give each "
                "thread its own: handle(), or attach() once more"
            )
        return 0

    cdef int enter(self) except -1:
        """Usable, and takes part."""
        self.require()
        if self.c.me == 0 and tt_mpmc_join(self.c) != TT_OK:
            raise CapacityError(
                f"ring {self.mapping.name!r}: {TT_MPMC_PARTICIPANTS} handles take part already, "
                "all of living processes; close some"
            )
        return 0

    def join(self):
        """Take part now, for wiring; otherwise the first push or pop does. CapacityError when 128
        handles do.
        """
        self.enter()

    # -- the dead and the late

    def unblock(self, int64_t now_ns):
        """Give up on whoever holds the ring up since unblock_ns or is dead: True when a push or pop
        can go on. For loops over the C calls, after an empty pop or a full push, with the monotonic
        clock. The calls of this class do it by themselves.
        """
        self.enter()
        cdef int reading = tt_mpmc_unblock_read(self.c, now_ns)
        return tt_mpmc_unblock_write(self.c, now_ns) + reading > 0

    def reap(self):
        """Free the entries and slots of processes that are gone; how many entries. Walks the whole
        ring for each: cold.
        """
        self.enter()
        return tt_mpmc_reap(self.c)

    def beat(self, int64_t now_ns):
        """Say that this handle lives. Called by the loop that owns it, with its clock."""
        self.enter()
        tt_mpmc_beat(self.c, now_ns)

    # -- counters, for any thread and process

    cdef tt_mpmc *seen(self) except NULL:
        SharedPage.require(self)
        return self.c

    cdef int _count(self, tt_mpmc_counts *out) except -1:
        out[0] = tt_mpmc_count(self.seen())
        return 0

    @property
    def is_fenced(self):
        """True: the ring survives who dies or stands still while it holds a slot."""
        return (self.seen().flags & TT_MPMC_FENCED) != 0

    @property
    def unblock_ns(self):
        """How long a slot may be held while another waits for it."""
        return self.seen().page.unblock_ns

    @property
    def depth(self):
        """Records in the ring now, those under way included."""
        return tt_mpmc_depth(self.seen())

    @property
    def high_water(self):
        """Records in the ring at most so far: noted every 16 positions (in a ring of 64 or less:
        always), and when full.
        """
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.high_water

    @property
    def pushed(self):
        """Records committed so far; in a plain ring, those under way included."""
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.pushed

    @property
    def popped(self):
        """Records read and given back so far; in a plain ring, those being read included."""
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.popped

    @property
    def full_count(self):
        """Pushes and claims refused because the ring was full."""
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.full_count

    @property
    def abandoned(self):
        """Claims given up because their holder died or was late."""
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.abandoned

    @property
    def lost(self):
        """Records that were committed, and given up while a reader held them that died or was
        late.
        """
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.lost

    @property
    def fenced(self):
        """Commits and releases that came after others had given up on them, and were refused."""
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum.fenced

    def gaps(self):
        """The newest 32 records given up, as MpmcGap, oldest first. Exact while nothing is given
        up meanwhile.
        """
        cdef tt_mpmc_page *page = self.seen().page
        cdef uint64_t count = tt_load_acquire64(&page.gaps)
        cdef uint64_t i, why
        out = []
        for i in range(count - min(count, <uint64_t> TT_MPMC_GAP_LOG), count):
            why = tt_load_acquire64(&page.gap_log[i % TT_MPMC_GAP_LOG].why)
            number = tt_load_acquire64(&page.gap_log[i % TT_MPMC_GAP_LOG].number)
            out.append(MpmcGap(number, why >> 32, <uint32_t> why == TT_MPMC_GAP_ABANDONED))
        return out

    def participants(self):
        """Who takes part now: a list of Participant."""
        cdef tt_mpmc_page *page = self.seen().page
        cdef tt_mpmc_participant *entry
        cdef uint64_t token
        cdef uint32_t pid
        out = []
        for i in range(TT_MPMC_PARTICIPANTS):
            entry = &page.participant[<uint32_t> i]
            token = tt_load_acquire64(&entry.token)
            pid = tt_mpmc_token_pid(token)
            if token != 0:
                out.append(Participant(
                    pid,
                    bool(tt_pid_alive(pid, <uint32_t> token)),
                    tt_load_acquire64(&entry.beat_ns),
                    tt_load_acquire64(&entry.joins),
                    tt_load_acquire64(&entry.pushed),
                    tt_load_acquire64(&entry.popped),
                ))
        return out

    def counters(self):
        """All counters by name: positions claimed = pushed + abandoned + aborted + skipped + those
        held now, and pushed = popped + lost + depth at rest.
        """
        cdef tt_mpmc_counts sum
        self._count(&sum)
        return sum
