"""The engine: one step for every record, the same in backtest, paper, live and replay.

Owns nothing beyond EngineState, whose steps (pipeline.h, flow.h) and strategies it calls in order.
One thread calls it. A record that wakes nobody costs tens of nanoseconds, a Python callback about
60 ns more.
"""
cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from tectra.book.l3 cimport tt_l3_slot, tt_l3_top
from tectra.core.base cimport TT_E_FULL, TT_E_RANGE, TT_OK
from tectra.core.clock cimport tt_tsc
from tectra.core.hist cimport tt_hist_record
from tectra.core.msg cimport (
    TT_CALLBACK_ON_BOOK_UPDATE,
    TT_CALLBACK_ON_FILL,
    TT_CALLBACK_ON_PARAMS_UPDATE,
    TT_CALLBACK_ON_START,
    TT_CALLBACK_ON_STOP,
    TT_CALLBACK_ON_TIMER,
    TT_CALLBACK_ON_TRADE,
    TT_DIR_INPUT,
    TT_SESSION_KIND_END,
    TT_SESSION_KIND_START,
    TT_T_BOOK_CLEAR,
    TT_T_BOOK_REPLACE,
    TT_T_CONTROL_PARAM,
    TT_T_END,
    TT_T_ORDER_FILL,
    TT_T_ORDER_REJECT,
    TT_T_SESSION,
    TT_T_STRATEGY_STATE,
    TT_T_TIMER,
    tt_control_kill,
    tt_control_param,
    tt_head,
    tt_order_fill,
    tt_order_reject,
    tt_rec_bytes,
    tt_rec_init,
    tt_session,
    tt_strategy_state,
    tt_template_dir,
    tt_timer,
)
from tectra.core.rc cimport check
from tectra.engine.capi cimport (
    TT_FLUSH_ROOM,
    TT_PENDING_PER_STRATEGY,
    TT_STEP_ROOM,
    tt_flow_control,
    tt_flow_flush,
    tt_flow_kill_seen,
    tt_flow_mark,
    tt_flow_refuse_control,
    tt_flow_report,
    tt_pipeline,
    tt_pipeline_market,
    tt_pipeline_reference,
    tt_pipeline_say,
    tt_pipeline_take,
    tt_tap_room,
    tt_tap_room_at,
    tt_timers_due,
    tt_trust_take_news,
)
from tectra.strategy.capi cimport (
    TT_TRADES_KEPT,
    tt_ctx,
    tt_market_tradeable,
    tt_market_valid,
    tt_trades,
)
from tectra.strategy.compiled cimport CompiledStrategy
from tectra.strategy.context cimport Context
from tectra.strategy.view cimport FillView, TradeView

from tectra.core.errors import InputError, StrategyCallbackError
from tectra.core.msg import Callback, StrategyPhase

cdef extern from *:
    """
    #define tt_lowest_bit(mask) __builtin_ctzll(mask)
    """
    int tt_lowest_bit(uint64_t mask) nogil


cdef str _said(error):
    """Type and text of what user code raised; its own __str__ may raise as well."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__} (its text cannot be had)"


@cython.final
cdef class Pipeline(EngineState):
    """Steps records through book, strategies, risk and orders. Build one with
    tectra.engine.build_pipeline.
    """

    cdef int step(self, const tt_head *rec) except -1 nogil:
        """One input record, and whatever the gate refused because of it."""
        cdef tt_pipeline *p = self.c
        cdef tt_control_kill killed
        cdef tt_order_reject refused
        if p.kill != NULL and tt_flow_kill_seen(p, &killed) == TT_OK:
            self.chained = True
            self.take(<const tt_head *> &killed)
        self.take(rec)
        cdef uint32_t done = 0
        while done < p.n_pending:
            self.chained = True
            refused = p.pending[done]
            done += 1
            if done == p.n_pending:
                p.n_pending = done = 0
            self.take(<const tt_head *> &refused)
        self.chained = False
        return 0

    cdef int take(self, const tt_head *rec) except -1 nogil:
        """One input, then whoever observes."""
        if not self.observed:
            return self.step_one(rec)
        if self.torn:
            with gil:
                return self.refuse_torn()
        self.before = self.c.tap.capture_used
        self.step_one(rec)
        with gil:
            self.tell()
        return 0

    cdef int step_one(self, const tt_head *rec) except -1 nogil:
        cdef tt_pipeline *p = self.c
        cdef uint16_t template_id = rec.template_id
        cdef int rc = TT_OK
        if tt_tap_room_at(&p.tap, rec.ts_recv_ns) < TT_STEP_ROOM:
            with gil:
                if self.chained:
                    self.make_room_inside(TT_STEP_ROOM)
                else:
                    self.make_room(TT_STEP_ROOM)
            tt_tap_room_at(&p.tap, rec.ts_recv_ns)  # its day is that of its first record
        self.timed = (p.tap.ring_seq & self.sample_mask) == 0
        if self.timed:
            self.t0 = tt_tsc()
            self.flush_ticks = 0
        rec = tt_pipeline_take(p, rec, &rc)
        if rc != TT_OK:
            check(rc)
        if template_id <= TT_T_BOOK_CLEAR:
            return self.step_market(rec)
        if template_id <= TT_T_ORDER_REJECT:
            return self.step_report(rec)
        return self.step_control(rec)

    cdef int step_market(self, const tt_head *rec) except -1 nogil:
        cdef tt_pipeline *p = self.c
        cdef int rc = TT_OK
        cdef int is_trade = 0
        cdef uint32_t slot
        cdef uint64_t started = 0
        if rec.template_id > TT_T_BOOK_REPLACE:
            slot = tt_pipeline_reference(p, rec)
            if p.n_news:
                return self.call_news()
            return self.call_trade(slot) if slot < p.slots else 0
        slot = tt_pipeline_market(p, rec, &is_trade, &rc)
        while rc == TT_E_FULL:
            with gil:
                self.grow_book()
            slot = tt_pipeline_market(p, rec, &is_trade, &rc)
        if self.timed:
            started = tt_tsc()
            tt_hist_record(self.hist_apply.c, started - self.t0)
        if slot >= p.slots:
            return self.call_news() if p.n_news else 0
        if is_trade:
            self.call_trade(slot)
        self.call_book(slot)
        return self.settle(started)

    cdef int settle(self, uint64_t started) except -1 nogil:
        """Close the latency sample of this step."""
        cdef uint64_t now
        if self.timed and started:
            now = tt_tsc()
            tt_hist_record(self.hist_strategy.c, now - started - self.flush_ticks)
            if self.flush_ticks:
                tt_hist_record(self.hist_order.c, self.flush_ticks)
                tt_hist_record(self.hist_tick_to_order.c, now - self.t0)
        return 0

    cdef int step_report(self, const tt_head *rec) except -1 nogil:
        cdef tt_pipeline *p = self.c
        cdef uint16_t strategy_id = 0
        cdef uint64_t bit
        cdef uint32_t slot
        cdef int rc = tt_flow_report(p, rec, &strategy_id)
        if rc != TT_OK:
            check(rc)
        if rec.template_id == TT_T_ORDER_FILL and strategy_id:
            bit = <uint64_t> 1 << (strategy_id - 1)
            if self.want[TT_CALLBACK_ON_FILL] & bit:
                slot = tt_l3_slot(p.book, rec.instrument_id)
                return self.call_one(strategy_id - 1, TT_CALLBACK_ON_FILL, slot)
        return 0

    cdef int step_control(self, const tt_head *rec) except -1 nogil:
        cdef tt_pipeline *p = self.c
        cdef int i, n
        cdef uint8_t callback
        if tt_flow_control(p, rec) != TT_OK:
            return 0
        if rec.template_id == TT_T_TIMER:
            i = (<const tt_timer *> rec).strategy_id - 1
            if 0 <= i < 64 and self.want[TT_CALLBACK_ON_TIMER] >> i & 1:
                return self.call_one(i, TT_CALLBACK_ON_TIMER, 0)
        elif rec.template_id == TT_T_SESSION:
            callback = TT_CALLBACK_ON_STOP
            if (<const tt_session *> rec).kind == TT_SESSION_KIND_START:
                callback = TT_CALLBACK_ON_START
            with gil:
                n = len(self.strategies)
            for i in range(n):
                self.call_one(i, callback, 0)
            if (<const tt_session *> rec).kind == TT_SESSION_KIND_END:
                return self.mark()
        elif rec.template_id == TT_T_CONTROL_PARAM:
            with gil:
                self.call_params((<const tt_control_param *> rec).strategy_id - 1)
        return 0

    cdef int mark(self) except -1 nogil:
        """Say the P&L of every position at the end of a session."""
        cdef tt_pipeline *p = self.c
        cdef uint32_t slot
        cdef uint16_t strategy_id
        cdef int rc
        for strategy_id in range(p.strategies):
            for slot in range(p.slots):
                if tt_tap_room(&p.tap) < TT_STEP_ROOM:
                    with gil:
                        self.make_room_inside(TT_STEP_ROOM)
                rc = tt_flow_mark(p, strategy_id, slot)
                if rc != TT_OK:
                    check(rc)
        return 0

    cdef int call_news(self) except -1 nogil:
        """Tell strategies of every book whose status changed; all of them have changed by now."""
        cdef tt_pipeline *p = self.c
        cdef uint32_t slot = 0
        cdef uint32_t left = p.n_news
        p.n_news = 0
        while left and slot < p.slots:
            if tt_trust_take_news(&p.state[slot]):
                left -= 1
                if p.pending_max - p.n_pending < p.strategies * TT_PENDING_PER_STRATEGY:
                    with gil:
                        self.grow_pending()
                self.call_book(slot)
            slot += 1
        return 0

    cdef int call_book(self, uint32_t slot) except -1 nogil:
        cdef uint64_t todo = self.subscribed[slot] & self.want[TT_CALLBACK_ON_BOOK_UPDATE]
        cdef tt_pipeline *p = self.c
        if todo == 0:
            return 0
        self.view.slot = slot
        self.view.top = tt_l3_top(p.book, slot)
        self.view.instrument_id = p.book.books[slot].instrument_id
        self.view.ts_event_ns = p.market.cause.ts_event_ns
        self.view.ts_recv_ns = p.market.cause.ts_recv_ns
        self.view.ring_seq = p.market.cause.ring_seq
        self.view.valid = tt_market_valid(&p.market, slot)
        self.view.tradeable = tt_market_tradeable(&p.market, slot)
        self.view.status = p.state[slot].status
        self.view.reason = p.state[slot].reason
        while todo:
            self.call_one(tt_lowest_bit(todo), TT_CALLBACK_ON_BOOK_UPDATE, slot)
            todo &= todo - 1
        return 0

    cdef int call_trade(self, uint32_t slot) except -1 nogil:
        cdef uint64_t todo = self.subscribed[slot] & self.want[TT_CALLBACK_ON_TRADE]
        while todo:
            self.call_one(tt_lowest_bit(todo), TT_CALLBACK_ON_TRADE, slot)
            todo &= todo - 1
        return 0

    cdef int call_one(self, int i, uint8_t callback, uint32_t slot) except -1 nogil:
        """One callback of one strategy, then its actions."""
        cdef tt_ctx *ctx = &self.ctxs[i]
        ctx.now_ns = self.c.now_ns
        ctx.cause_seq = self.c.market.cause.ring_seq
        self.running = i + 1
        self.callback = callback
        if self.python_mask >> i & 1:
            with gil:
                self.call_python(i, callback, slot)
        else:
            self.call_compiled(i, callback, slot)
        self.running = 0
        return self.flush(i) if ctx.n_intents or ctx.n_notes else 0

    cdef int call_compiled(self, int i, uint8_t callback, uint32_t slot) except -1 nogil:
        cdef tt_ctx *ctx = &self.ctxs[i]
        cdef const tt_head *cause = self.c.market.cause
        cdef tt_trades *kept
        cdef uint64_t last
        cdef PyObject *it = self.compiled[i]
        if callback == TT_CALLBACK_ON_BOOK_UPDATE:
            return (<CompiledStrategy> it).on_book_update(ctx, &self.view)
        if callback == TT_CALLBACK_ON_TRADE:
            kept = &self.c.trades[slot]
            last = (kept.n - 1) % <uint64_t> TT_TRADES_KEPT
            return (<CompiledStrategy> it).on_trade(ctx, &kept.ring[last])
        if callback == TT_CALLBACK_ON_FILL:
            return (<CompiledStrategy> it).on_fill(ctx, <const tt_order_fill *> cause)
        if callback == TT_CALLBACK_ON_TIMER:
            return (<CompiledStrategy> it).on_timer(ctx, (<const tt_timer *> cause).due_ns)
        if callback == TT_CALLBACK_ON_START:
            return (<CompiledStrategy> it).on_start(ctx)
        return (<CompiledStrategy> it).on_stop(ctx)

    cdef int call_python(self, int i, uint8_t callback, uint32_t slot) except -1:
        cdef tuple bound = <tuple> self.bound[i]
        cdef object ctx = self.contexts[i]
        cdef const tt_order_fill *fill
        cdef tt_trades *kept
        cdef uint64_t last
        if callback == TT_CALLBACK_ON_BOOK_UPDATE:
            bound[2](ctx, self.book_views[slot])
        elif callback == TT_CALLBACK_ON_TRADE:
            kept = &self.c.trades[slot]
            last = (kept.n - 1) % <uint64_t> TT_TRADES_KEPT
            bound[3](ctx, TradeView.make(&kept.ring[last], self.instruments[slot]))
        elif callback == TT_CALLBACK_ON_FILL:
            fill = <const tt_order_fill *> self.c.market.cause
            bound[4](ctx, FillView.make(fill, self.instruments[slot]))
        elif callback == TT_CALLBACK_ON_TIMER:
            bound[5](ctx, (<const tt_timer *> self.c.market.cause).due_ns)
        else:
            bound[callback](ctx)
        return 0

    cdef int call_params(self, int i) except -1:
        """Set one parameter from the record being stepped and tell the strategy; one that is not
        allowed changes nothing.
        """
        cdef const tt_control_param *rec = <const tt_control_param *> self.c.market.cause
        try:
            name, value = self.read_param(rec)
        except InputError:
            tt_flow_refuse_control(self.c, TT_E_RANGE)
            return 0
        strategy = self.strategies[i]
        self.running = i + 1
        self.callback = TT_CALLBACK_ON_PARAMS_UPDATE
        if isinstance(strategy, CompiledStrategy):
            (<CompiledStrategy> strategy).on_params_update({**strategy.params, name: value})
        else:
            setattr(strategy, name, value)
            (<Context> self.contexts[i]).params[name] = value
            if self.want[TT_CALLBACK_ON_PARAMS_UPDATE] >> i & 1:
                strategy.on_params_update({name: value})
        self.running = 0
        return 0

    cdef tuple read_param(self, const tt_control_param *rec):
        """(name, value) of a parameter record, checked against the strategy it names; InputError
        says what is allowed.
        """
        cdef int count = len(self.strategies)
        if not 1 <= rec.strategy_id <= count:
            raise InputError(
                f"control_param: found strategy {rec.strategy_id}; allowed: 1 to {count}"
            )
        owner = type(self.strategies[rec.strategy_id - 1])
        name = bytes(rec.name[:24]).rstrip(b"\0").decode(errors="replace")
        if name not in owner.PARAMS:
            allowed = ", ".join(owner.PARAMS)
            raise InputError(f"{owner.__name__}: unknown parameter {name!r}; allowed: {allowed}")
        if rec.value_type == c"i":
            value = rec.value_i
        elif rec.value_type == c"f":
            value = rec.value_f
        elif rec.value_type == c"b":
            value = rec.value_i != 0
        elif rec.value_type == c"s":
            value = bytes(rec.value_text[:40]).rstrip(b"\0").decode(errors="replace")
        else:
            kind = bytes([<uint8_t> rec.value_type])
            raise InputError(f"control_param: found value_type {kind!r}; allowed: i, f, b, s")
        return name, owner.PARAMS[name].check(name, value)

    cdef int flush(self, int i) except -1 nogil:
        cdef tt_pipeline *p = self.c
        cdef uint64_t started = 0
        if tt_tap_room(&p.tap) < TT_FLUSH_ROOM:
            with gil:
                self.make_room_inside(TT_FLUSH_ROOM)
        if self.timed:
            started = tt_tsc()
        cdef int rc = tt_flow_flush(p, &self.ctxs[i])
        if self.timed:
            self.flush_ticks = self.flush_ticks + tt_tsc() - started
        if rc != TT_OK:
            check(rc)
        return 0

    cdef bint timer_due(self, int64_t now_ns, tt_timer *out) noexcept nogil:
        return tt_timers_due(self.c.timers, now_ns, out) == TT_OK

    def due_timer(self, int64_t now_ns):
        """The earliest timer that is due at `now_ns` as the record to step, None when there is
        none. For drivers in Python; it is due until it is stepped.
        """
        cdef tt_timer due
        if not self.timer_due(now_ns, &due):
            return None
        return (<const uint8_t *> &due)[:sizeof(due)]

    def step_record(self, record):
        """Step one input record given as bytes (64 or 128); InputError for an output or an unknown
        template.
        """
        cdef const uint8_t[::1] view = record
        if view.shape[0] not in (64, 128):
            raise InputError(f"record: found {view.shape[0]} bytes; a record has 64 or 128")
        cdef const tt_head *head = <const tt_head *> &view[0]
        if head.template_id >= TT_T_END or tt_template_dir[head.template_id] != TT_DIR_INPUT:
            raise InputError(f"record: template {head.template_id} is not an input")
        if tt_rec_bytes(head) != view.shape[0]:
            raise InputError(
                f"record: header says {tt_rec_bytes(head)} bytes, found {view.shape[0]}"
            )
        if head.template_id == TT_T_CONTROL_PARAM:
            self.read_param(<const tt_control_param *> head)
        cdef uint64_t refused = self.c.refused_controls
        try:
            self.step(head)
        except BaseException as error:
            self.fail(error)
        if self.c.refused_controls != refused:
            raise InputError(
                f"record {self.c.market.cause.ring_seq}: it names no rule, strategy or instrument "
                "of this run"
            )

    def fail(self, error):
        """Raise what stepping raised: as StrategyCallbackError where it came out of a callback."""
        raised = self.fault(error)
        if raised is error:
            raise error
        raise raised from error

    def fault(self, error):
        """Journal that a callback raised; returns the StrategyCallbackError to raise, or `error` if
        no callback was running.
        """
        cdef tt_strategy_state rec
        cdef bytes text
        cdef int i = self.running - 1
        self.running = 0
        if i < 0 or isinstance(error, KeyboardInterrupt):
            return error
        self.ctxs[i].n_intents = 0
        self.ctxs[i].n_notes = 0
        said = _said(error)
        text = said.encode(errors="replace")[:63].decode(errors="ignore").encode()
        tt_rec_init(&rec, TT_T_STRATEGY_STATE)
        rec.strategy_id = i + 1
        rec.phase = <uint8_t> int(StrategyPhase.FAULTED)
        rec.callback = self.callback
        rec.cause_seq = self.c.market.cause.ring_seq
        memcpy(rec.text, <const char *> text, len(text))
        self.make_room_inside(TT_STEP_ROOM)
        check(tt_pipeline_say(self.c, &rec))
        if self.observed:
            self.tell()
        seq = self.c.market.cause.ring_seq
        where = f"{type(self.strategies[i]).__name__}.{Callback(self.callback).name.lower()}"
        raised = StrategyCallbackError(f"{where} raised at record {seq}: {said}")
        raised.ring_seq = seq
        return raised
