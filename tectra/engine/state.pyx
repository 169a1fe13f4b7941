"""What the engine is made of: the C state, the parts it points at, the strategies and what they
hear.

Owns the memory of pipeline.h; one thread calls it. Nothing here runs per record.
"""
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from tectra.core.base cimport TT_OK
from tectra.core.errlog cimport ErrorLog
from tectra.core.hist cimport Histogram
from tectra.core.kill cimport KillWord
from tectra.core.memory cimport tt_region_free, tt_region_grow
from tectra.core.msg cimport (
    tt_head,
    tt_order_reject,
    tt_rec_bytes,
)
from tectra.engine.capi cimport (
    TT_FLUSH_ROOM,
    TT_PENDING_PER_STRATEGY,
    TT_STEP_ROOM,
    tt_pipeline,
    tt_pipeline_mid_px2,
    tt_tap_init,
)
from tectra.journal.journal cimport tt_journal_room
from tectra.strategy.capi cimport tt_ctx, tt_instrument_state, tt_timers, tt_timers_init, tt_trades
from tectra.strategy.compiled cimport CompiledStrategy
from tectra.strategy.context cimport Context
from tectra.strategy.view cimport BookView

from tectra.core.errors import InputError, OutOfMemoryError, StateError
from tectra.core.msg import Callback
from tectra.core.rng import Random
from tectra.engine.parts import OUTPUT_MASK, STAGES, EngineSummary, PipelineParts
from tectra.strategy.loader import wanted_callbacks

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

_CALLBACKS = {
    "on_book_update": Callback.ON_BOOK_UPDATE,
    "on_trade": Callback.ON_TRADE,
    "on_fill": Callback.ON_FILL,
    "on_timer": Callback.ON_TIMER,
    "on_params_update": Callback.ON_PARAMS_UPDATE,
}
STRATEGIES_MAX = 63

__all__ = ["STRATEGIES_MAX", "EngineState"]


cdef class EngineState:
    """Memory, parts and strategies of one pipeline."""

    def __cinit__(self, *args, **kwargs):
        self.c = <tt_pipeline *> aligned_alloc(64, (sizeof(tt_pipeline) + 63) // 64 * 64)
        if self.c == NULL:
            raise OutOfMemoryError("pipeline: no memory")
        memset(self.c, 0, sizeof(tt_pipeline))  # __dealloc__ reads it, whatever comes now
        self.ctxs = <tt_ctx *> calloc(64, sizeof(tt_ctx))
        if self.ctxs == NULL:
            raise OutOfMemoryError("pipeline: no memory")

    def __dealloc__(self):
        if self.c != NULL:
            free(self.c.state)
            free(self.c.trades)
            free(self.c.timers)
            free(self.c.pending)
        tt_region_free(&self.capture)
        free(self.subscribed)
        free(self.c)
        free(self.ctxs)

    def __init__(self, tuple instruments, parts):
        if not isinstance(parts, PipelineParts):
            raise TypeError(f"parts: found {type(parts).__name__}; needed: PipelineParts")
        self.instruments = instruments
        self.slots = {instrument: slot for slot, instrument in enumerate(instruments)}
        self.book = parts.book
        self.orders = parts.orders
        self.portfolio = parts.portfolio
        self.risk = parts.risk
        self.out = parts.out
        self.kill = parts.kill
        self.seed = parts.seed
        self.sample_mask = (1 << parts.sample_shift) - 1
        self.strategies = []
        self.contexts = []
        self.bound = []
        self.stages = [Histogram() for _ in STAGES]
        self.hist_apply, self.hist_strategy, self.hist_order, self.hist_tick_to_order = self.stages
        self.wire(len(instruments), parts.capture_mask)
        if parts.journal is not None:
            self.attach_journal(parts.journal)

    cdef int wire(self, uint32_t slots, uint64_t capture_mask) except -1:
        """Point the C state at the memory of the parts."""
        cdef tt_pipeline *p = self.c
        cdef KillWord word = self.kill
        tt_tap_init(&p.tap)
        p.tap.capture_mask = capture_mask
        p.book = self.book.c
        p.orders = self.orders.c
        p.risk = self.risk.c
        p.positions = self.portfolio.rows
        p.out = NULL if self.out is None else self.out.c
        p.kill = NULL if word is None else word.c
        p.slots = slots
        p.strategies = self.portfolio.strategies
        p.next_order_id = 1
        p.state = <tt_instrument_state *> calloc(max(slots, 1), sizeof(tt_instrument_state))
        p.trades = <tt_trades *> calloc(max(slots, 1), sizeof(tt_trades))
        p.timers = <tt_timers *> calloc(1, sizeof(tt_timers))
        self.subscribed = <uint64_t *> calloc(max(slots, 1), sizeof(uint64_t))
        p.pending_max = p.strategies * TT_PENDING_PER_STRATEGY
        p.pending = <tt_order_reject *> calloc(p.pending_max, sizeof(tt_order_reject))
        if p.state == NULL or p.trades == NULL or p.timers == NULL or p.pending == NULL:
            raise OutOfMemoryError(f"pipeline: no memory for {slots} instruments")
        if self.subscribed == NULL:
            raise OutOfMemoryError(f"pipeline: no memory for {slots} instruments")
        tt_timers_init(p.timers)
        p.market.l3 = p.book
        p.market.state = p.state
        p.market.trades = p.trades
        p.market.cause = <const tt_head *> &p.scratch[0]
        p.market.slots = slots
        self.view.l3 = p.book
        self.view.effect = &p.effect
        self.make_room(TT_STEP_ROOM)
        cdef uint32_t slot
        for slot, instrument in enumerate(self.instruments):
            if self.book.add_instrument(instrument.instrument_id) != slot:
                raise InputError("the book of a pipeline must be new")
            p.state[slot].trading_state = b"T"
            p.state[slot].venue_id = int(instrument.exchange)
        self.book_views = tuple(
            [BookView.make(&p.market, slot, it, self) for slot, it in enumerate(self.instruments)]
        )
        return 0

    def add_strategy(self, strategy, instruments=None):
        """Take a strategy on before the first step; returns its id (from 1). `instruments`: those
        it hears of, default all.
        """
        cdef int i = len(self.strategies)
        if i >= STRATEGIES_MAX or i + 1 >= <int> self.c.strategies:
            raise InputError(f"strategies: room for {min(STRATEGIES_MAX, self.c.strategies - 1)}")
        cdef tt_ctx *ctx = &self.ctxs[i]
        cdef uint64_t bit = <uint64_t> 1 << i
        ctx.strategy_id = i + 1
        ctx.next_order_id = &self.c.next_order_id
        ctx.market = &self.c.market
        ctx.orders = self.c.orders
        ctx.positions = &self.c.positions[<uint64_t> (i + 1) * self.c.slots]
        ctx.timers = self.c.timers
        for name in wanted_callbacks(strategy):
            self.want[<int> _CALLBACKS[name]] |= bit
        heard = self.instruments if instruments is None else tuple(instruments)
        for instrument in heard:
            self.subscribed[self.slot_of(instrument)] |= bit
        self.strategies.append(strategy)
        if isinstance(strategy, CompiledStrategy):
            self.compiled[i] = <PyObject *> strategy
            self.contexts.append(None)
            self.bound.append(None)
            return i + 1
        self.python_mask |= bit
        params = {name: getattr(strategy, name) for name in type(strategy).PARAMS}
        random = Random(self.seed + i + 1)
        self.contexts.append(
            Context.make(ctx, heard, self.instruments, self.book_views, params, random, self)
        )
        self.bound.append((
            None, strategy.on_start, strategy.on_book_update, strategy.on_trade, strategy.on_fill,
            strategy.on_timer, strategy.on_params_update, strategy.on_stop,
        ))
        return i + 1

    cdef int make_room(self, uint64_t slots) except -1:
        """Turn the journal's segment over, or enlarge the capture, so that `slots` fit."""
        cdef tt_pipeline *p = self.c
        cdef uint64_t room
        if p.tap.journal != NULL and tt_journal_room(p.tap.journal) < slots:
            self.journal.rotate()
            p.tap.journal = self.journal.c
        if p.tap.capture_mask and p.tap.capture_room - p.tap.capture_used < slots:
            room = max(2 * p.tap.capture_room, max(p.tap.capture_used + slots, <uint64_t> 4096))
            # Grows in large pages: a fault for each small one would cost more than its records.
            if tt_region_grow(&self.capture, room * 64) != TT_OK:
                raise OutOfMemoryError(
                    f"pipeline: no memory for {room * 64} bytes of captured records; capture "
                    "fewer templates, or take the records sooner"
                )
            p.tap.capture = <uint8_t *> self.capture.base
            p.tap.capture_room = self.capture.bytes // 64
        return 0

    cdef int make_room_inside(self, uint64_t slots) except -1:
        """make_room() in the middle of a step. Without it the step is not finished, and the records
        behind it would meet another state than a replay of the journal has.
        """
        try:
            return self.make_room(slots)
        except BaseException:
            self.tear()
            raise

    cdef int tear(self) except -1:
        """No step from here on: take() asks whoever observes."""
        self.torn = True
        self.observed = True
        return 0

    cdef int refuse_torn(self) except -1:
        raise StateError(
            f"record {self.c.market.cause.ring_seq} was not stepped to its end; build a new "
            "pipeline, and replay the journal or load an image into it"
        )

    cdef int commit_journal(self) except -1 nogil:
        if self.sends_wait:
            self.journal.make_durable()
        return 0

    cdef uint32_t slot_of(self, instrument) except? 0xFFFFFFFF:
        found = self.slots.get(instrument)
        if found is None:
            allowed = ", ".join([i.symbol for i in self.instruments[:20]])
            raise InputError(f"instrument: found {instrument!r}; allowed in this run: {allowed}")
        return found

    def attach_journal(self, journal not None):
        """Journal every record from now on: a new journal before the first record, or one that
        begins behind the last (base_ring_seq). A segment must hold one flush of actions.
        """
        cdef JournalWriter writer = journal
        if self.c.tap.ring_seq != writer.last_ring_seq or self.journal is not None:
            raise StateError(
                "journal: this pipeline stepped records or has a journal already; attach it to a "
                "new one, or give a journal that begins behind its last record"
            )
        if writer.c.capacity < TT_FLUSH_ROOM:
            raise InputError(
                f"journal: found segments of {writer.c.capacity} slots; allowed: {TT_FLUSH_ROOM} "
                "or more"
            )
        self.journal = writer
        self.sends_wait = writer.sends_wait
        self.c.tap.journal = writer.c
        self.make_room(TT_STEP_ROOM)

    def attach_exit(self, SpscRing out not None, KillWord kill not None):
        """Let requests out from now on, through this ring and past this kill word. StateError when
        there is a ring already: nothing that was stepped without one ever leaves.
        """
        if self.out is not None:
            raise StateError("out: this pipeline has an out ring already; make a new pipeline")
        self.out = out
        self.kill = kill
        self.c.out = out.c
        self.c.kill = kill.c

    def attach_errors(self, ErrorLog errors not None):
        """Note trouble in this page from now on, beside counting it. The caller closes the page, no
        sooner than the last step.
        """
        if not errors.mapping.writable:
            raise InputError("errors: found a page for reading; attach it with writable=True")
        errors.require()
        self.errors = errors
        self.c.errors = errors.c

    def capture_templates(self, uint64_t mask):
        """Keep the records of these templates in memory from now on (a bit for each); what was kept
        before stays. A recovered engine keeps none until it is told.
        """
        self.c.tap.capture_mask = mask
        self.make_room(TT_STEP_ROOM)

    def observe(self, observer):
        """Call `observer(input, captured)` after every input from now on: its record and those
        captured in its step, as bytes. None: nobody. What it raises comes out of the step.
        """
        cdef uint64_t outputs = OUTPUT_MASK
        if observer is not None and self.observer is not None:
            raise StateError("observer: this pipeline has one; take it off first: observe(None)")
        if observer is not None and self.c.tap.capture_mask & outputs != outputs:
            raise InputError(
                "observer: this pipeline does not capture every output; build it with "
                "capture_mask=OUTPUT_MASK or LEDGER_MASK"
            )
        self.observer = observer
        self.observed = observer is not None or self.torn
        self.before = self.c.tap.capture_used

    cdef int tell(self) except -1:
        """Hand the observer the input being stepped and what was captured in its step."""
        if self.observer is None:  # torn, and nobody observes
            return 0
        cdef const tt_head *cause = self.c.market.cause
        cdef const uint8_t *said = self.c.tap.capture
        cdef bytes given = (<const uint8_t *> cause)[: tt_rec_bytes(cause)]
        cdef bytes captured = b""
        if self.c.tap.capture_used > self.before:
            captured = said[self.before * 64 : self.c.tap.capture_used * 64]
        self.observer(given, captured)
        return 0

    cdef int grow_book(self) except -1:
        try:
            return self.book.grow()
        except BaseException:
            self.tear()
            raise

    cdef int grow_pending(self) except -1:
        """Room for what the gate may refuse of one more round of callbacks in the same step."""
        cdef uint32_t room = 2 * self.c.pending_max
        cdef void *pending = realloc(self.c.pending, room * sizeof(tt_order_reject))
        if pending == NULL:
            self.tear()
            raise OutOfMemoryError(f"pipeline: no memory for {room} refused orders")
        self.c.pending = <tt_order_reject *> pending
        self.c.pending_max = room
        return 0

    def mid_px2(self, instrument):
        """Twice the mid price of an instrument, None without one."""
        cdef int64_t px2 = tt_pipeline_mid_px2(self.c, self.slot_of(instrument))
        return px2 if px2 else None

    def captured(self):
        """Copy of the captured records as bytes of whole slots."""
        cdef uint64_t used = self.c.tap.capture_used * 64
        return bytes(self.c.tap.capture[:used]) if used else b""

    def drop_captured(self):
        """Forget the captured records."""
        self.c.tap.capture_used = 0

    @property
    def now_ns(self):
        """Engine time."""
        return self.c.now_ns

    @property
    def ring_seq(self):
        """Number of the last record."""
        return self.c.tap.ring_seq

    @property
    def summary(self):
        """Counts and digests so far."""
        cdef tt_pipeline *p = self.c
        return EngineSummary(
            inputs=p.tap.records[1],
            outputs=p.tap.records[2],
            input_digest=f"{p.tap.inputs.a:016x}{p.tap.inputs.b:016x}",
            output_digest=f"{p.tap.outputs.a:016x}{p.tap.outputs.b:016x}",
            book_errors=p.book_errors,
            unknown_orders=p.unknown_orders,
            invalid_transitions=p.invalid_transitions,
            overflows=p.overflows,
            gate_refusals=p.gate_refusals,
            refused_controls=p.refused_controls,
            first_error_seq=p.first_error_seq,
            first_error_rc=p.first_error_rc,
        )
