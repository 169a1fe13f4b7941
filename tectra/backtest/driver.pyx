"""The backtest driver: moves simulated time over market records, order arrivals, reports and
timers.

Owns the loop and the samples of the equity curve; one thread. Per market record it adds a few
nanoseconds to the engine's step and the exchange's reaction. Ties at one instant are settled in
this order: reports, timers, market data, order arrivals, so that neither our report nor our order
ever profits from a record that carries the same time.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from tectra.core.base cimport TT_E_FULL, TT_OK
from tectra.core.msg cimport (
    tt_head,
    tt_order_send,
    tt_rec_bytes,
    tt_timer,
)
from tectra.core.rc cimport check
from tectra.core.ring cimport tt_spsc_peek, tt_spsc_release
from tectra.core.stop cimport stop_flag, tt_stop_is_set
from tectra.engine.capi cimport tt_pipeline_mark_px2, tt_pipeline_mid_px2
from tectra.engine.pipeline cimport Pipeline
from tectra.portfolio.position cimport tt_position, tt_position_unrealized
from tectra.sim.exchange cimport (
    SimExchange,
    tt_sim,
    tt_sim_next_arrival_ns,
    tt_sim_next_report_ns,
    tt_sim_on_market,
    tt_sim_take_report,
)

from tectra.core.errors import InputError, StoppedError

cdef enum:
    MIDS_MAX = 64


@cython.final
cdef class BacktestDriver:
    """Runs one pipeline against one simulated exchange that shares its book (feed latency is nil:
    data carries receive time).
    """

    def __init__(
        self, Pipeline pipeline not None, SimExchange exchange not None, *,
        int64_t sample_ns=1_000_000_000,
    ):
        if sample_ns < 1:
            raise InputError(f"sample_ns: found {sample_ns}; allowed: 1 or more")
        self.pipeline = pipeline
        self.exchange = exchange
        self.samples = []
        self.sample_ns = sample_ns
        self.next_sample_ns = 0
        self.refresh()

    def run(self, const uint8_t[::1] slots not None):
        """Step every record of a batch of whole slots."""
        cdef uint64_t n = <uint64_t> slots.shape[0] // 64
        if n == 0:
            return
        try:
            if self.pipeline.python_mask:
                self.run_slots(&slots[0], n)
            else:
                with nogil:
                    self.run_slots(&slots[0], n)
        except BaseException as error:
            self.pipeline.fail(error)

    def control(self, record):
        """Step one control record (session, kill, limit, parameter) and send what it caused."""
        self.pipeline.step_record(record)
        self.drain()
        self.refresh()

    def wait(self, int64_t until_ns):
        """Let everything happen that is due before a market record of `until_ns`: reports and
        timers up to that time, order arrivals before it.
        """
        try:
            if until_ns >= self.wake_ns:
                self.advance(until_ns)
        except BaseException as error:
            self.pipeline.fail(error)

    def note(self, int64_t now_ns):
        """Add a sample as of `now_ns`: for who steps the pipeline by other means, a replay."""
        self.sample(now_ns)

    def finish(self, int64_t grace_ns=1_000_000_000):
        """Let what is on its way arrive: at most `grace_ns` of simulated time after the last
        record.
        """
        cdef int64_t until = self.pipeline.c.now_ns + grace_ns
        cdef int64_t wake
        try:
            while True:
                wake = self.exchange_wake()
                if wake > until:
                    break
                self.advance(wake + 1)
        except BaseException as error:
            self.pipeline.fail(error)
        self.sample(self.pipeline.c.now_ns)

    cdef int64_t exchange_wake(self) noexcept nogil:
        cdef const tt_sim *sim = self.exchange.c
        return min(tt_sim_next_arrival_ns(sim), tt_sim_next_report_ns(sim))

    cdef int run_slots(self, const uint8_t *slots, uint64_t n) except -1 nogil:
        cdef uint64_t i = 0
        cdef const tt_head *rec
        while i < n:
            rec = <const tt_head *> (slots + i * 64)
            i += tt_rec_bytes(rec) >> 6
            if rec.ts_recv_ns >= self.wake_ns:
                self.advance(rec.ts_recv_ns)
            self.market(rec)
            if tt_stop_is_set(stop_flag()):
                return self.stop()
        return 0

    cdef int stop(self) except -1 nogil:
        with gil:
            raise StoppedError(f"stopped on request after record {self.pipeline.c.tap.ring_seq}")

    cdef int market(self, const tt_head *rec) except -1 nogil:
        cdef int rc
        self.records = self.records + 1
        self.pipeline.step(rec)
        rc = tt_sim_on_market(self.exchange.c, rec, &self.pipeline.c.effect)
        if rc == TT_E_FULL:
            self.exchange.react(rec, &self.pipeline.c.effect)
        elif rc != TT_OK:
            check(rc)
        if tt_spsc_peek(self.pipeline.out.c) != NULL:
            self.drain()
        return self.refresh()

    cdef int advance(self, int64_t now_ns) except -1 nogil:
        """Handle everything that is due before a market record of `now_ns`."""
        cdef int64_t arrival, report, timer
        cdef tt_timer due
        while True:
            if tt_stop_is_set(stop_flag()):
                return self.stop()
            arrival = tt_sim_next_arrival_ns(self.exchange.c)
            report = tt_sim_next_report_ns(self.exchange.c)
            timer = self.pipeline.c.timers.next_due_ns
            if self.next_sample_ns <= min(min(arrival, report), min(timer, now_ns)):
                with gil:
                    self.sample(min(self.next_sample_ns, now_ns) if self.next_sample_ns else now_ns)
            elif arrival < now_ns and arrival < report and arrival < timer:
                self.exchange.take_in()
            elif report <= now_ns and report <= timer:
                self.deliver()
            elif timer <= now_ns and self.pipeline.timer_due(now_ns, &due):
                self.pipeline.step(<const tt_head *> &due)
                self.drain()
            else:
                return self.refresh()

    cdef int refresh(self) noexcept nogil:
        """Earliest time at which advance() has something to do."""
        cdef int64_t wake = self.exchange_wake()
        self.wake_ns = min(min(wake, self.pipeline.c.timers.next_due_ns), self.next_sample_ns)
        return 0

    cdef int deliver(self) except -1 nogil:
        cdef uint64_t report[16]
        check(tt_sim_take_report(self.exchange.c, report))
        self.pipeline.step(<const tt_head *> report)
        return self.drain()

    cdef int drain(self) except -1 nogil:
        """Hand what the engine sent to the exchange."""
        cdef const tt_head *rec = tt_spsc_peek(self.pipeline.out.c)
        if rec != NULL:
            self.pipeline.commit_journal()
        while rec != NULL:
            self.exchange.put(<const tt_order_send *> rec, self.pipeline.c.now_ns)
            tt_spsc_release(self.pipeline.out.c)
            rec = tt_spsc_peek(self.pipeline.out.c)
        return 0

    cdef int sample(self, int64_t now_ns) except -1:
        """Note P&L per strategy (realized, unrealized, fees by instrument) and twice the mids by
        slot, and set the next sample.

        Of a whole market only the mids of what was traded are kept: the others would fill the
        memory.
        """
        cdef uint32_t slots = self.pipeline.c.slots
        cdef uint32_t slot
        cdef int i
        cdef int count = len(self.pipeline.strategies)
        cdef const tt_position *row
        cdef int64_t px2
        cdef int64_t unrealized = 0
        mids = {}
        rows = []
        for slot in range(slots):
            if slots <= MIDS_MAX or self.pipeline.c.positions[slot].fills:
                px2 = tt_pipeline_mid_px2(self.pipeline.c, slot)
                if px2:
                    mids[slot] = px2
        for i in range(1, count + 1):
            for slot in range(slots):
                row = &self.pipeline.c.positions[<uint64_t> i * slots + slot]
                if row.fills == 0:
                    continue
                px2 = tt_pipeline_mark_px2(self.pipeline.c, slot, row.last_px)
                check(tt_position_unrealized(row, px2, &unrealized))
                rows.append((i, slot, row.net_qty, row.realized, unrealized, row.fees))
        self.samples.append((now_ns, mids, rows))
        self.next_sample_ns = (now_ns // self.sample_ns + 1) * self.sample_ns
        return 0
