"""One stream out of one to four lines that carry the same MoldUDP64 packets."""
# Owns one tt_arbiter and its window. One owner thread: the one that reads the lines. A packet that
# continues the stream costs some tens of nanoseconds beside its decoding, and no copy; from Python
# every message becomes a bytes object, so feeds use the C face. Wraps ext/tectra/arbiter.h.

from enum import IntEnum

import msgspec

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from tectra.core.base cimport TT_E_TRUNCATED, TT_OK

from tectra.core.errors import FileFormatError, InputError, OutOfMemoryError
from tectra.feed.sequence import SequenceState

__all__ = ["REPLY", "Arbiter", "ArbiterSettings", "LineCounts", "PacketKind"]

REPLY = TT_ARB_REPLY


class PacketKind(IntEnum):
    """What a packet is to the stream."""

    OLD = TT_ARB_OLD
    """Nothing new."""
    NEW = TT_ARB_NEW
    """Continues the stream: its new messages came out."""
    AHEAD = TT_ARB_AHEAD
    """Held, as far as the window has room."""
    BEAT = TT_ARB_BEAT
    """A heartbeat, or the end of the session."""
    SESSION = TT_ARB_SESSION
    """Of another session: nothing was done with it."""
    STRAY = TT_ARB_STRAY
    """Of the session before, or an answer of another session."""


class ArbiterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`window`: messages ahead of a gap that are held, a power of two from 2; `message_bytes`: the
    longest of them. `hold_ns`: what lacks as long is a gap whatever the lines do; `settle_ns`: how
    far out of order the packets of one line may come; `dead_ns`: a line silent for longer is not
    waited for.
    """

    lines: int = 1
    window: int = 65_536
    message_bytes: int = 56
    hold_ns: int = 100_000_000
    settle_ns: int = 0
    dead_ns: int = 3_000_000_000


class LineCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `first`: messages it brought before the others; `lost`: numbers it skipped, which
    may come late; `late`: packets below what it had passed; `ahead`: messages held.
    """

    packets: int
    messages: int
    heartbeats: int
    duplicates: int
    first: int
    ahead: int
    lost: int
    late: int
    stray: int
    latest: int
    last_ns: int
    ended: bool


@final
cdef class Arbiter:
    """Union of the messages of several lines, each once and in order.

    `start` is the first number due, 0 takes the first packet's. What is missing is given up by the
    owner alone. Times are of one clock that never steps. InputError: settings outside what is
    allowed. Owned by the thread that reads the lines.
    """

    def __cinit__(self, settings=None, *, uint64_t start=1, int64_t now_ns=0):
        cdef tt_arb_settings c
        self.settings = ArbiterSettings() if settings is None else settings
        try:
            c.lines = self.settings.lines
            c.slots = self.settings.window
            c.slot_bytes = self.settings.message_bytes
            c.hold_ns = self.settings.hold_ns
            c.settle_ns = self.settings.settle_ns
            c.dead_ns = self.settings.dead_ns
        except OverflowError:
            c.lines = 0
        if c.lines and c.slots <= 1 << 24:
            self.window = <uint8_t *>malloc(tt_arbiter_bytes(&c) or 1)
            if self.window == NULL:
                raise OutOfMemoryError(f"arbiter: no memory for a window of {c.slots} messages")
            if tt_arbiter_init(&self.c, &c, self.window, start, now_ns) == TT_OK:
                return
        raise InputError(
            f"arbiter: found {self.settings}; allowed: 1 to {TT_ARB_LINES} lines, a window of a "
            "power of two from 2 to 2^24, messages of up to 65,535 bytes, waits of 0 or more, "
            "dead_ns above 0")

    def __dealloc__(self):
        free(self.window)

    def offer(self, uint32_t line, data, *, int64_t now_ns, int64_t ts_recv_ns=0) -> tuple:
        """(PacketKind, messages that came out because of it, first number of these).

        Drains the window behind it. FileFormatError: no MoldUDP64 packet; nothing changes then.
        """
        cdef Py_buffer view
        cdef tt_mold_packet p
        cdef tt_arb_span span
        cdef uint32_t at = 0, bytes_n = 0
        cdef int rc, kind
        cdef uint64_t first
        if line >= self.c.set.lines and line != TT_ARB_REPLY:
            raise InputError(f"line {line}; allowed: 0 to {self.c.set.lines - 1}, REPLY")
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            rc = tt_mold_parse(<const uint8_t *>view.buf, <size_t>view.len, &p)
            if rc != TT_OK:
                cut = rc == TT_E_TRUNCATED
                wrong = "ends inside a message" if cut else "goes on behind its last"
                raise FileFormatError(f"MoldUDP64 packet of {view.len} bytes {wrong}")
            first = self.c.seq.expected
            kind = tt_arbiter_offer(&self.c, line, &p, ts_recv_ns, now_ns, &span)
            out = []
            if kind == TT_ARB_NEW:
                first = span.first
                while at < span.bytes:
                    bytes_n = <uint32_t>span.blocks[at] << 8 | span.blocks[at + 1]
                    out.append(span.blocks[at + 2:at + 2 + bytes_n])
                    at += 2 + bytes_n
        finally:
            PyBuffer_Release(&view)
        out.extend(self.drain())
        return PacketKind(kind), out, first

    def drain(self) -> list:
        """The messages that the window has next."""
        cdef uint32_t n = 0
        cdef int64_t ts = 0
        cdef const uint8_t *msg
        out = []
        while not self.c.is_holding:
            msg = tt_arbiter_next(&self.c, &n, &ts)
            if msg == NULL:
                break
            out.append(msg[:n])
        return out

    cdef object c_gap(self, int64_t now_ns, int declared_only):
        cdef uint64_t first = 0, last = 0
        cdef int found = tt_arbiter_gap(&self.c, now_ns, &first, &last)
        if found == TT_ARB_WHOLE or (declared_only and found != TT_ARB_GAP):
            return None
        return first, last

    def missing(self, int64_t now_ns):
        """(first, last) of the numbers that lack at the head, whoever may bring them, or None."""
        return self.c_gap(now_ns, 0)

    def gap(self, int64_t now_ns):
        """(first, last) of a declared gap: every live line has passed it, or hold_ns went by."""
        return self.c_gap(now_ns, 1)

    def lose(self, uint64_t last) -> int:
        """Give up the missing numbers up to `last`; returns how many. InputError: others."""
        missing = self.c_gap(0, 0)
        if missing is None or not missing[0] <= last <= missing[1]:
            raise InputError(f"numbers up to {last} given up; missing are {missing}")
        return tt_arbiter_lose(&self.c, last)

    def hold(self, bint on) -> None:
        """Hold every message from now on, or let them out again (drain())."""
        tt_arbiter_hold(&self.c, on)

    def start_session(self, bytes session, uint64_t start=1) -> None:
        """Go on with another session; what lacks of the old one is forgotten."""
        if len(session) != TT_MOLD_SESSION_BYTES or start == 0:
            raise InputError(f"session {session!r} from {start}; allowed: 10 bytes, from 1")
        tt_arbiter_session(&self.c, <const uint8_t *>session, start)

    @property
    def session(self) -> bytes:
        """The session's ten bytes; empty before the first packet."""
        return self.c.session[:TT_MOLD_SESSION_BYTES] if self.c.has_session else b""

    @property
    def expected(self) -> int:
        """The number due."""
        return self.c.seq.expected

    @property
    def highest(self) -> int:
        """The highest number that anyone brought or announced."""
        return self.c.highest

    @property
    def held(self) -> int:
        """Messages in the window."""
        return self.c.held

    @property
    def ended(self) -> bool:
        """The session is over, and nothing of it lacks."""
        return self.c.end != 0 and self.c.seq.expected >= self.c.end

    @property
    def state(self):
        """SequenceState: ENDED, GAP while numbers lack or wait in the window, IDLE, SYNCED."""
        return SequenceState.ENDED if self.ended else SequenceState(self.c.seq.state)

    def is_live(self, uint32_t line, int64_t now_ns) -> bool:
        """Whether the line said anything within dead_ns."""
        return line < self.c.set.lines and tt_arbiter_is_live(&self.c, line, now_ns) != 0

    def line(self, uint32_t line):
        """LineCounts of a line, or of REPLY."""
        cdef tt_arb_line *l
        if line >= self.c.set.lines and line != TT_ARB_REPLY:
            raise InputError(f"line {line}; allowed: 0 to {self.c.set.lines - 1}, REPLY")
        l = &self.c.line[line]
        return LineCounts(
            packets=l.packets, messages=l.messages, heartbeats=l.heartbeats,
            duplicates=l.duplicates, first=l.first, ahead=l.ahead, lost=l.lost, late=l.late,
            stray=l.stray, latest=l.next - 1 if l.next else 0, last_ns=l.last_ns,
            ended=l.is_ended != 0)

    def counts(self) -> dict:
        """taken, lost, recovered count numbers; gaps stretches; duplicates packets; overflow the
        messages ahead that found no room; sessions the changes of session.
        """
        cdef tt_sequence *s = &self.c.seq
        return {
            "taken": s.taken, "gaps": s.gaps, "lost": s.lost, "recovered": s.recovered,
            "duplicates": s.duplicates, "overlaps": s.overlaps, "overflow": self.c.overflow,
            "sessions": self.c.sessions,
        }
