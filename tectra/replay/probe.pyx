"""What a pipeline knows and has no public question for: timers, trust in books, latches, and what a
strategy hears and sees in a callback.

Owns nothing; called by the pipeline's thread between steps (a hook: in a callback). Microseconds a
question. Wraps timers.h, strategy.h and limits.h.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from tectra.core.msg cimport (
    TT_CALLBACK_ON_BOOK_UPDATE,
    TT_CALLBACK_ON_FILL,
    TT_CALLBACK_ON_PARAMS_UPDATE,
    TT_CALLBACK_ON_TIMER,
    TT_CALLBACK_ON_TRADE,
)
from tectra.engine.pipeline cimport Pipeline
from tectra.risk.table cimport tt_risk
from tectra.strategy.capi cimport tt_instrument_state, tt_timers
from tectra.strategy.context cimport Context

from tectra.core.msg import BookReason, BookStatus, Callback

cdef extern from "tectra/timers.h" nogil:
    ctypedef struct tt_timer_entry:
        int64_t due_ns
        int64_t interval_ns
        uint64_t id
        uint16_t strategy_id

    ctypedef struct tt_timer_table "tt_timers":
        tt_timer_entry *entries

cdef dict _REASONS = {int(reason): reason.name for reason in BookReason}
cdef dict _STATUSES = {int(status): status.name for status in BookStatus}
cdef tuple _ASKED = (
    TT_CALLBACK_ON_BOOK_UPDATE,
    TT_CALLBACK_ON_TRADE,
    TT_CALLBACK_ON_FILL,
    TT_CALLBACK_ON_TIMER,
    TT_CALLBACK_ON_PARAMS_UPDATE,
)


def timers(Pipeline pipeline not None):
    """Timers that are set, the next to fire first."""
    cdef tt_timers *table = pipeline.c.timers
    cdef tt_timer_entry *entry
    cdef uint32_t i
    out = []
    for i in range(table.n):
        entry = &(<tt_timer_table *> table).entries[i]
        out.append(
            {
                "timer_id": entry.id,
                "strategy_id": entry.strategy_id,
                "due_ns": entry.due_ns,
                "interval_ns": entry.interval_ns,
            }
        )
    return sorted(out, key=lambda timer: (timer["due_ns"], timer["timer_id"]))


def trust(Pipeline pipeline not None, uint32_t slot):
    """What is said of the book in a slot, and whether the instrument trades."""
    if slot >= pipeline.c.slots:
        raise IndexError(f"slot: found {slot}; allowed: below {pipeline.c.slots}")
    cdef tt_instrument_state *state = &pipeline.c.state[slot]
    return {
        "status": _STATUSES.get(state.status, str(state.status)),
        "reason": _REASONS.get(state.reason, str(state.reason)),
        "trading_state": chr(state.trading_state),
        "errors": state.errors,
        "mark_px2": state.mark_px2,
    }


def latches(Pipeline pipeline not None):
    """Kills that are latched, as (strategy_id, instrument_id) with 0 for all."""
    cdef tt_risk *risk = pipeline.c.risk
    cdef uint32_t strategy_id, slot
    out = [(0, 0)] if risk.kill_all else []
    for strategy_id in range(risk.strategies):
        if strategy_id and risk.rates[strategy_id].killed:
            out.append((strategy_id, 0))
        for slot in range(risk.slots):
            if risk.rows[strategy_id * risk.slots + slot].killed:
                out.append((strategy_id, risk.rows[strategy_id * risk.slots + slot].instrument_id))
    return out


def next_order_id(Pipeline pipeline not None):
    """Id the next order gets."""
    return pipeline.c.next_order_id


def is_python(Pipeline pipeline not None, int strategy_id):
    """Is it a strategy whose callbacks are Python's?"""
    return bool(pipeline.python_mask >> (strategy_id - 1) & 1)


def context(Pipeline pipeline not None, int strategy_id):
    """The context of a strategy, compiled or not, to ask questions of."""
    if not 1 <= strategy_id <= len(pipeline.strategies):
        raise IndexError(
            f"strategy_id: found {strategy_id}; allowed: 1 to {len(pipeline.strategies)}"
        )
    found = pipeline.contexts[strategy_id - 1]
    if found is not None:
        return found
    return Context.make(
        &pipeline.ctxs[strategy_id - 1], pipeline.instruments, pipeline.instruments,
        pipeline.book_views, dict(pipeline.strategies[strategy_id - 1].params), None, pipeline,
    )


def hears(Pipeline pipeline not None, int strategy_id):
    """Instruments whose books and trades a strategy hears of, and the callbacks it wants."""
    cdef uint64_t bit = <uint64_t> 1 << (strategy_id - 1)
    cdef uint32_t slot
    heard = [it for slot, it in enumerate(pipeline.instruments) if pipeline.subscribed[slot] & bit]
    wanted = {Callback(c) for c in _ASKED if pipeline.want[<int> c] & bit}
    return tuple(heard), wanted | {Callback.ON_START, Callback.ON_STOP}


cdef object _spied(object hook, int strategy_id, object callback, object target):
    # on_params_update has no context and one argument, on_start and on_stop no argument.
    def with_context(ctx, *arguments):
        hook(strategy_id, callback, arguments)
        return target(ctx, *arguments)

    def without_context(params):
        hook(strategy_id, callback, (params,))
        return target(params)

    return without_context if callback == Callback.ON_PARAMS_UPDATE else with_context


def spy(Pipeline pipeline not None, hook):
    """Call `hook(strategy_id, callback, arguments)` before each callback of a Python strategy, the
    context left out; returns what `unspy` takes. Parameter updates are not heard of.
    """
    before = list(pipeline.bound)
    for i, bound in enumerate(before):
        if bound is not None:
            pipeline.bound[i] = (None,) + tuple(
                [
                    _spied(hook, i + 1, Callback(number), bound[number])
                    for number in range(1, len(bound))
                ]
            )
    return before


def unspy(Pipeline pipeline not None, list before not None):
    """Undo a `spy`."""
    pipeline.bound = before
