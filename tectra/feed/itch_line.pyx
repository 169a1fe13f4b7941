"""Live NASDAQ TotalView-ITCH 5.0 over MoldUDP64: lines in, records in order out, nothing lost in
silence.
"""
# Owns the stream, its recovery, its sockets and their health. One owner thread calls every method.
# A poll that brings packets costs a system call for up to 64 of them and their decoding; Python
# runs only while something is missing, and every StalePolicy.check_ns. Uses ItchStream.

from cpython.exc cimport PyErr_CheckSignals
from cython cimport final
from libc.stdint cimport int64_t, uint32_t, uint64_t

from tectra.core.base cimport TT_E_CLOSED
from tectra.core.clock cimport Clock
from tectra.core.idle cimport Idle, tt_idle_reset, tt_idle_step
from tectra.feed.arbiter cimport TT_ARB_AHEAD, TT_ARB_BEAT, TT_ARB_NEW, TT_ARB_REPLY, TT_ARB_SESSION
from tectra.feed.itch_stream cimport ItchStream
from tectra.feed.sequence cimport TT_SEQ_STATE_SYNCED
from tectra.net.udp cimport UdpReceiver, tt_datagram

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import ClosedError, InputError, UnknownSymbolError
from tectra.core.msg import BookReason, BookStatus
from tectra.core.rng import Random
from tectra.feed.arbiter import PacketKind
from tectra.feed.health import FeedHealth
from tectra.feed.line_config import LineConfig
from tectra.feed.line_report import LineReport
from tectra.feed.recovery import LineRecovery, Phase

import msgspec

__all__ = ["ItchLineFeed"]


@final
cdef class ItchLineFeed:
    """Messages of one ITCH session from 1 to 4 lines as records, each once and in order.

    `lines`: UdpOptions of each; none: packets are given with on_packet(). What no line brings is
    asked for again (`retransmitter`), else the books are rebuilt (`snapshots`), else they stay
    INVALID; every number is delivered, or inside a gap record. `counters` get feed.NAME.*. `clock`
    never steps and measures waits; `wall` stamps what the kernel does not. Owned by one thread.
    """

    def __cinit__(
        self, lines=(), *, config=None, retransmitter=None, snapshots=None, counters=None,
        Clock clock=None, Clock wall=None,
    ):
        cdef int64_t now
        self.config = LineConfig() if config is None else config
        settings = self.config.arbiter
        if lines:
            settings = msgspec.structs.replace(settings, lines=len(lines))
        self.clock = LiveClock(ClockDomain.MONOTONIC) if clock is None else clock
        now = self.clock.c_now()
        self.stream = ItchStream(
            settings, symbols=self.config.symbols, date=self.config.date or None,
            venue_id=self.config.venue_id, start=self.config.start, wall=wall,
            histograms=self.config.histograms, now_ns=now)
        self.recovery = LineRecovery(
            self.stream, self.config.recovery, retransmitter=retransmitter, snapshots=snapshots,
            dice=Random(self.config.seed))
        self.state = FeedHealth(self.config.stale, self.stream.watch, now)
        self.idle = Idle(self.config.idle)
        self.check_at = now
        self.past = {}
        self.receivers = []
        self.counters = counters
        self.report = LineReport(self)
        try:
            for options in lines:
                self.receivers.append(UdpReceiver(options))
        except BaseException:
            self.close()
            raise

    def on_packet(self, uint32_t line, data, int64_t ts_recv_ns):
        """Take a packet of a line, or of REPLY, that came at `ts_recv_ns` (UTC): PacketKind, None
        for a datagram that is no MoldUDP64 packet (counted).
        """
        cdef int64_t now = self.clock.c_now()
        cdef uint64_t refused
        cdef int kind
        if self.closed:
            raise ClosedError(f"feed {self.config.name}: closed")
        if line >= self.stream.arbiter.c.set.lines and line != TT_ARB_REPLY:
            raise InputError(
                f"line {line}; allowed: 0 to {self.stream.arbiter.c.set.lines - 1}, REPLY")
        if line == TT_ARB_REPLY:
            self.recovery.on_answer()
        refused = self.stream.arbiter.c.overflow
        kind = self.stream.offer(line, data, ts_recv_ns, now)
        if kind == TT_ARB_SESSION:
            self._start_session(bytes(data[:10]), ts_recv_ns, now)
            kind = self.stream.offer(line, data, ts_recv_ns, now)
        self.settle(kind, now)
        if self.stream.arbiter.c.overflow != refused:  # the window may have moved
            self.settle(self.stream.offer(line, data, ts_recv_ns, now), now)
        return None if kind < 0 else PacketKind(kind)

    def _start_session(self, session, ts_recv_ns, now) -> None:
        """Another session begins: what lacks of the old one is lost."""
        self.stream.hold(False)
        while (missing := self.stream.missing(now)) is not None:
            self.stream.give_up(missing[1])
        self.stream.start_session(session, ts_recv_ns)
        self.recovery.start_session()
        self.ended_at = 0

    cdef int settle(self, int kind, int64_t now_ns) except -1:
        """What a packet means beyond its records."""
        if kind == TT_ARB_NEW or kind == TT_ARB_AHEAD or kind == TT_ARB_BEAT:
            self.state.hear(now_ns)
        if self.stream.arbiter.c.seq.state != TT_SEQ_STATE_SYNCED or self.trouble:
            self.tend(now_ns)
        return 0

    cdef int tend(self, int64_t now_ns) except -1:
        recovery = self.recovery
        recovery.tend(now_ns)
        self.trouble = (
            recovery.phase is not Phase.LIVE or recovery.status is not BookStatus.VALID
            or recovery.is_wanted or self.stream.missing(now_ns) is not None)
        return 0

    cdef int poll_line(self, uint32_t line, int64_t now_ns) except -1:
        cdef UdpReceiver receiver = self.receivers[line]
        cdef const tt_datagram *d
        cdef int64_t recv_ns
        cdef uint64_t refused
        cdef int kind = 0, heard = 0, n
        cdef uint32_t k
        with nogil:
            n = receiver.c_poll()
        if n < 0:
            if n == TT_E_CLOSED:
                raise ClosedError(f"feed {self.config.name}: line {line} is closed; reconnect()")
            return 0  # counted by the receiver, and seen as a line that is dead
        for k in range(<uint32_t>n):
            d = receiver.c_datagram(k)
            recv_ns = d.ts_kernel_ns or d.ts_recv_ns
            if self.stream.date is None:
                self.stream.set_date(recv_ns)
            refused = self.stream.arbiter.c.overflow
            with nogil:
                kind = self.stream.take(line, d.data, d.bytes, recv_ns, now_ns)
            if kind == TT_ARB_SESSION:
                self._start_session(d.data[:10], recv_ns, now_ns)
                kind = self.stream.take(line, d.data, d.bytes, recv_ns, now_ns)
            heard |= kind == TT_ARB_NEW or kind == TT_ARB_AHEAD or kind == TT_ARB_BEAT
            if (
                self.stream.arbiter.c.seq.state != TT_SEQ_STATE_SYNCED or self.trouble
                or kind < 0
            ):
                self.stream.grown(kind)
                self.tend(now_ns)
            if self.stream.arbiter.c.overflow != refused:  # the window may have moved
                self.stream.grown(self.stream.take(line, d.data, d.bytes, recv_ns, now_ns))
                self.tend(now_ns)
        if heard:
            self.state.hear(now_ns)
        return n

    def poll(self) -> int:
        """Take what the lines have brought and do what is due, without waiting: slots of records
        that wait now.
        """
        cdef int64_t now = self.clock.c_now()
        cdef uint32_t line
        if self.closed:
            raise ClosedError(f"feed {self.config.name}: closed")
        for line in range(<uint32_t>len(self.receivers)):
            self.poll_line(line, now)
        if self.recovery.is_pending:
            for data, ts_recv_ns in self.recovery.retransmitter.poll():
                self.on_packet(TT_ARB_REPLY, data, ts_recv_ns)
        if self.trouble or self.recovery.refresh_ns:
            self.tend(now)
        if now >= self.check_at:
            self.check_at = now + <int64_t>self.config.stale.check_ns
            self._check(now)
        return self.stream.waiting

    def _check(self, now) -> None:
        """Staleness told as records, counters published."""
        sound = self.recovery.status is BookStatus.VALID
        for instrument, stale in self.state.check(now, ended=self.stream.arbiter.ended):
            if sound:
                self.stream.put_status(
                    instrument, BookStatus.STALE if stale else BookStatus.VALID,
                    BookReason.STALE if stale else BookReason.RECOVERED)
        if self.counters is not None:
            self.report.publish(self.counters, now)

    @property
    def ended(self) -> bool:
        """The session is over: all of it was handed on, or given up."""
        cdef int64_t now
        if not self.stream.arbiter.ended:
            return False
        now = self.clock.c_now()
        if not self.ended_at:
            self.ended_at = now
        return self.recovery.phase is Phase.LIVE and not self.recovery.is_wanted or (
            now - self.ended_at >= <int64_t>self.config.end_wait_ns)

    def next_batch(self, Py_ssize_t max_slots=4096):
        """Up to `max_slots` (at least 2) slots of whole records: an empty array when nothing came
        within the configuration's wait_ns, None at the end of the session.
        """
        cdef int64_t start = self.clock.c_now(), wait = self.config.wait_ns
        tt_idle_reset(&self.idle.c)
        while True:
            if self.stream.waiting < max_slots:
                self.poll()
            elif self.closed:
                raise ClosedError(f"feed {self.config.name}: closed")
            if self.stream.waiting:
                break
            if self.ended:
                if self.counters is not None:
                    self.report.publish(self.counters, self.clock.c_now())
                return None
            if wait == 0 or self.clock.c_now() - start >= wait:
                break
            PyErr_CheckSignals()
            with nogil:
                tt_idle_step(&self.idle.c, 0)
        return self.stream.records(max_slots)

    @property
    def instruments(self) -> dict:
        """Symbol by instrument id (the stock locate) of what passes, as far as it is known."""
        return self.stream.locates.symbols(passing_only=True)

    def select(self, symbols) -> None:
        """Let these symbols pass from now on, None all. Books of those that come in are INVALID
        until a snapshot brings them; books of those that leave are cleared. UnknownSymbolError: the
        session has listed its symbols, and not this one; nothing changes then.
        """
        known = set(self.stream.locates.symbols().values())
        asked = None if symbols is None else tuple(symbols)
        missing = [] if asked is None or not known else sorted(set(asked) - known)
        if missing:
            raise UnknownSymbolError(
                f"feed {self.config.name} has no symbol {', '.join(missing)}; it lists "
                f"{len(known):,}")
        came, left = self.stream.select(asked)
        for instrument in left:
            self.stream.put_status(instrument, BookStatus.INVALID, BookReason.REQUEST)
            self.stream.put_clear(instrument, BookReason.REQUEST)
        if came and self.recovery.snapshots is not None:
            self.resync(came)
        else:
            for instrument in came:
                self.stream.put_status(instrument, BookStatus.INVALID, BookReason.REQUEST)

    def resync(self, instruments=()) -> None:
        """Rebuild the books of these instruments, of all without any, from a snapshot. StateError:
        there is no source of snapshots; InputError: no such instrument.
        """
        known = self.stream.locates.symbols()
        wrong = sorted(set(instruments) - set(known))
        if wrong:
            raise InputError(f"instruments {wrong}: found in no message; allowed: {len(known)} ids")
        self.recovery.resync(self.clock.c_now(), frozenset(instruments), BookReason.REQUEST)
        self.trouble = True

    def refresh_every(self, int64_t interval_ns) -> None:
        """Rebuild all books from a snapshot as often, 0 never."""
        if interval_ns < 0:
            raise InputError(f"refresh: found {interval_ns} ns; allowed: 0 or more")
        self.recovery.refresh_ns = interval_ns

    def reconnect(self, line=None) -> None:
        """Open the sockets of one line, or of all, anew. What was missed meanwhile is a gap like
        any other. SystemCallError: an address cannot be had; that line stays closed.
        """
        count = len(self.receivers)
        if line is not None and not 0 <= line < count:
            raise InputError(f"line {line}; allowed: 0 to {count - 1}")
        for i in range(count) if line is None else (line,):
            old = self.receivers[i]
            for name in ("datagrams", "cut", "dropped", "errors"):
                self.past[name] = self.past.get(name, 0) + getattr(old, name)
            old.close()
            self.receivers[i] = UdpReceiver(old.options)
            self.reconnects += 1

    def socket_counts(self) -> dict:
        """datagrams, cut, dropped and errors of all sockets, closed ones included."""
        return {
            name: self.past.get(name, 0) + sum(getattr(r, name) for r in self.receivers)
            for name in ("datagrams", "cut", "dropped", "errors")
        }

    def counts(self) -> dict:
        """Every counter of the feed, by name."""
        return self.report.counts()

    def health(self, *, symbols_max: int = 100) -> dict:
        """What a person or a monitor asks first, JSON-able: lag_ms, seq_state, lines, symbols."""
        return self.report.health(self.clock.c_now(), symbols_max)

    @property
    def monitor(self):
        """The FeedHealth of this feed."""
        return self.state

    def close(self) -> None:
        """Give up sockets and recovery. May be called twice."""
        if not self.closed:
            self.closed = True
            for receiver in self.receivers:
                receiver.close()
            if self.recovery.retransmitter is not None:
                self.recovery.retransmitter.close()
            if self.recovery.snapshots is not None:
                self.recovery.snapshots.cancel()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
