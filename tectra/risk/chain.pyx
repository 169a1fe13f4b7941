"""The risk chain from Python: check one order, set limits, kill, counters, audit."""
# Owns the memory of a tt_risk. The engine's thread calls it. A check costs about 20 ns in C.
# Wraps ext/tectra/limits.h.
from cython cimport final, freelist
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from tectra.core.base cimport TT_OK
from tectra.core.msg cimport (
    TT_T_CONTROL_KILL,
    TT_T_CONTROL_LIMIT,
    tt_control_kill,
    tt_control_limit,
    tt_order_intent,
    tt_order_verdict,
    tt_rec_init,
)
from tectra.core.rc cimport check_with
from tectra.risk.context cimport OrderIntent, RiskContext
from tectra.risk.table cimport (
    TT_LIMIT_RULE_OFF,
    TT_LIMIT_RULE_ON,
    TT_LIMIT_UNSET,
    TT_RISK_ANY,
    tt_limit_row,
    tt_rate,
    tt_risk_bind,
    tt_risk_bytes,
    tt_risk_counts,
    tt_risk_init,
    tt_risk_row,
    tt_risk_scope,
)

from tectra.core.errors import InputError, OutOfMemoryError, UnknownSymbolError
from tectra.core.msg import KillAction, RiskRule, Side

__all__ = [
    "LIMIT_UNSET",
    "RULE_OFF",
    "RULE_ON",
    "RiskChain",
    "RiskCheck",
    "RiskReject",
    "Verdict",
    "rate_limit",
]

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

LIMIT_UNSET = TT_LIMIT_UNSET
RULE_OFF = TT_LIMIT_RULE_OFF
RULE_ON = TT_LIMIT_RULE_ON
RATE_MAX = (1 << 31) - 1


def rate_limit(per_second, burst=0):
    """Value of an ORDER_RATE limit; burst 0 means as many as the rate. Raises InputError."""
    if not 0 <= per_second <= RATE_MAX or not 0 <= burst <= RATE_MAX:
        raise InputError(
            f"found {per_second} orders per second, burst {burst}; allowed: 0 to {RATE_MAX}"
        )
    return burst << 32 | per_second


@freelist(16)
cdef class Verdict:
    """What the chain said about one order; true when accepted. bytes(): the order_verdict."""

    def __init__(self):
        raise TypeError("a Verdict comes from RiskChain.check()")

    @property
    def accepted(self):
        """May the order leave?"""
        return bool(self.c.accepted)

    @property
    def rule(self):
        """The rule that refused, NONE when accepted."""
        return RiskRule(self.c.rule)

    @property
    def limit(self):
        """The limit of that rule."""
        return self.c.limit

    @property
    def found(self):
        """What was found against the limit, in its unit (limits.h says which)."""
        return self.c.found

    @property
    def position_qty(self):
        """Net position the chain saw: the row that refused, else the strategy's."""
        return self.c.position_qty

    @property
    def reference_px2(self):
        """Twice the mid price the chain saw; 0: none."""
        return self.c.reference_px2

    @property
    def order_id(self):
        """The order."""
        return self.c.order_id

    @property
    def instrument_id(self):
        """Instrument of the order."""
        return self.c.instrument_id

    @property
    def strategy_id(self):
        """Strategy of the order."""
        return self.c.strategy_id

    @property
    def px(self):
        """Price asked for."""
        return self.c.px

    @property
    def qty(self):
        """Quantity asked for."""
        return self.c.qty

    @property
    def side(self):
        """Side asked for."""
        return Side(self.c.side) if self.c.side <= 2 else self.c.side

    @property
    def ts_event_ns(self):
        """Time of the check."""
        return self.c.ts_event_ns

    def __bool__(self):
        return bool(self.c.accepted)

    def __bytes__(self):
        return (<const unsigned char *> &self.c)[: sizeof(tt_order_verdict)]

    def __repr__(self):
        return (
            f"{type(self).__name__}(order_id={self.c.order_id}, rule={self.rule.name}, "
            f"limit={self.c.limit}, found={self.c.found}, position_qty={self.c.position_qty})"
        )


@final
cdef class RiskReject(Verdict):
    """A verdict that refused."""


@final
cdef class RiskChain:
    """Seven rules in the order of RiskRule; the first rejection stops. Owner: the engine's thread.

    `strategies` counts the account (id 0, which sends no orders). `secret`: four words for the seal
    of a pass. `audit(verdict)` is called with every verdict. A new chain refuses everything.
    """

    def __cinit__(self, instrument_ids, strategies, *, secret=(1, 2, 3, 4), audit=None):
        cdef uint64_t words[4]
        self.instrument_ids = tuple([int(i) for i in instrument_ids])
        self.slot_of = {instrument: slot for slot, instrument in enumerate(self.instrument_ids)}
        if not self.slot_of or len(self.slot_of) != len(self.instrument_ids) or 0 in self.slot_of:
            raise InputError("instrument_ids: allowed: at least one, each once, none 0")
        if not 1 <= strategies <= 1 << 16:
            raise InputError(f"strategies: found {strategies}; allowed: 1 (account) to 65536")
        for i in range(4):
            words[i] = secret[i]
        cdef uint32_t slots = len(self.instrument_ids)
        cdef size_t size = (tt_risk_bytes(slots, strategies) + 63) // 64 * 64
        self.c = <tt_risk *> aligned_alloc(64, (sizeof(tt_risk) + 63) // 64 * 64)
        self.memory = aligned_alloc(64, size)
        if self.c == NULL or self.memory == NULL:
            raise OutOfMemoryError(f"no memory for a risk chain of {size} bytes")
        memset(self.memory, 0, size)
        check_with(tt_risk_init(self.c, self.memory, slots, strategies, words), "risk chain")
        for slot, instrument_id in enumerate(self.instrument_ids):
            check_with(tt_risk_bind(self.c, instrument_id, slot), f"instrument {instrument_id}")
        self.audit = audit

    def __dealloc__(self):
        free(self.memory)
        free(self.c)

    cdef uint32_t slot(self, object instrument_id) except? 0xFFFFFFFE:
        if instrument_id == 0:
            return <uint32_t> TT_RISK_ANY
        found = self.slot_of.get(instrument_id)
        if found is None:
            raise UnknownSymbolError(
                f"instrument_id {instrument_id}: not one of the {self.c.slots} of this chain"
            )
        return found

    def check(self, order not None, RiskContext context not None):
        """Check one order; returns a Verdict, a RiskReject when a rule refuses.

        `order`: an OrderIntent or the bytes of an order_intent record. A row of another instrument
        or strategy than the order's raises InputError.
        """
        cdef OrderIntent intent
        cdef bytes raw
        if type(order) is OrderIntent:
            intent = <OrderIntent> order
        else:
            raw = bytes(order)
            if len(raw) != sizeof(tt_order_intent):
                raise InputError(f"order: found {len(raw)} bytes; allowed: an order_intent of 128")
            intent = OrderIntent.__new__(
                OrderIntent, order_id=0, instrument_id=0, strategy_id=0, side=0, qty=0
            )
            memcpy(&intent.c, <const char *> raw, sizeof(tt_order_intent))
        cdef const tt_order_intent *it = &intent.c
        cdef tt_risk_context *cx = &context.c
        if (
            cx.position.instrument_id != it.instrument_id
            or cx.account.instrument_id != it.instrument_id
            or cx.position.strategy_id != it.strategy_id
            or cx.account.strategy_id != 0
        ):
            raise InputError(
                f"context: rows of ({context.position.instrument_id}, strategy "
                f"{context.position.strategy_id}); allowed: ({it.instrument_id}, strategy "
                f"{it.strategy_id}) and the account"
            )
        if context.bound_to != self.c:
            cx.account_row = self.slot_of.get(it.instrument_id, 0xFFFFFFFF)
            cx.row = cx.account_row + <uint32_t> it.strategy_id * self.c.slots
            context.bound_to = self.c
        cdef tt_pass unused
        cdef Verdict out = Verdict.__new__(Verdict)
        cdef Verdict refused
        if tt_risk_check(self.c, it, cx, &out.c, &unused) != TT_OK:
            refused = RiskReject.__new__(RiskReject)
            refused.c = out.c
            out = refused
        if self.audit is not None:
            self.audit(out)
        return out

    def set_limit(self, rule, value, *, strategy_id=0, instrument_id=0):
        """Set a limit in one scope (0: all) and return the control_limit record that says so.

        value None takes the limit of this scope away; RULE_OFF and RULE_ON switch a rule for every
        order. Raises InputError for a value or scope that the rule does not have.
        """
        cdef tt_control_limit rec
        cdef uint32_t slot = self.slot(instrument_id)
        tt_rec_init(&rec, TT_T_CONTROL_LIMIT)
        rec.instrument_id = instrument_id
        rec.strategy_id = strategy_id
        rec.rule = RiskRule(rule)
        rec.new_value = TT_LIMIT_UNSET if value is None else <int64_t> value
        if RiskRule.MAX_QTY <= rec.rule and rec.strategy_id < self.c.strategies:
            rec.old_value = tt_risk_scope(self.c, strategy_id, slot).value[rec.rule - 3]
        self.control(<const tt_head *> &rec)
        return (<const unsigned char *> &rec)[: sizeof(rec)]

    def get_limit(self, rule, *, strategy_id=0, instrument_id=0):
        """What was set in one scope; None where nothing was."""
        if not RiskRule.MAX_QTY <= rule <= RiskRule.ORDER_RATE or strategy_id >= self.c.strategies:
            raise InputError(f"found rule {rule!r}, strategy_id {strategy_id}; allowed: MAX_QTY on")
        cdef int64_t value = tt_risk_scope(
            self.c, strategy_id, self.slot(instrument_id)
        ).value[<int> rule - 3]
        return None if value == TT_LIMIT_UNSET else value

    def effective_limits(self, strategy_id, instrument_id):
        """Limits that hold for a strategy's orders in an instrument, by rule; None: no limit."""
        if not 0 <= strategy_id < self.c.strategies or not instrument_id:
            raise InputError(f"found strategy_id {strategy_id}, instrument_id {instrument_id}")
        cdef const tt_limit_row *row = &self.c.rows[
            tt_risk_row(self.c, strategy_id, self.slot(instrument_id))
        ]
        cdef const tt_rate *rate = &self.c.rates[<int> strategy_id]
        values = (row.qty_max, row.notional_max, row.position_max, row.band_ppm)
        out = {}
        for rule, value in zip(range(3, 7), values):
            out[RiskRule(rule)] = value if row.rules >> <int> rule & 1 else None
        out[RiskRule.ORDER_RATE] = rate.per_second if rate.limited else None
        return out

    def kill(self, *, strategy_id=0, instrument_id=0):
        """Latch a kill (0: all) and return its control_kill record. Cancels still pass."""
        return self._kill(KillAction.KILL, strategy_id, instrument_id)

    def clear(self, *, strategy_id=0, instrument_id=0):
        """Clear the latch of this scope, no other, and return its control_kill record."""
        return self._kill(KillAction.CLEAR, strategy_id, instrument_id)

    def _kill(self, action, strategy_id, instrument_id):
        cdef tt_control_kill rec
        self.slot(instrument_id)
        tt_rec_init(&rec, TT_T_CONTROL_KILL)
        rec.instrument_id = instrument_id
        rec.strategy_id = strategy_id
        rec.action = action
        self.control(<const tt_head *> &rec)
        return (<const unsigned char *> &rec)[: sizeof(rec)]

    cdef int control(self, const tt_head *rec) except -1:
        return check_with(tt_risk_apply_control(self.c, rec), "control record")

    def apply_control(self, record):
        """Apply a control_kill or control_limit record; raises for what it cannot apply."""
        cdef bytes raw = bytes(record)
        cdef tt_control_limit rec
        if len(raw) != sizeof(rec):
            raise InputError(f"record: found {len(raw)} bytes; allowed: a control record of 64")
        memcpy(&rec, <const char *> raw, sizeof(rec))
        self.control(<const tt_head *> &rec)

    def counts(self, rule):
        """Orders that a rule checked, passed, rejected, and skipped while it was off."""
        if not RiskRule.VALIDITY <= rule <= RiskRule.ORDER_RATE:
            raise InputError(f"rule: found {rule!r}; allowed: RiskRule.VALIDITY to ORDER_RATE")
        return dict(tt_risk_counts(self.c, rule))

    @property
    def killed(self):
        """Is everything killed?"""
        return bool(tt_risk_is_killed(self.c))

    @property
    def totals(self):
        """Orders checked, accepted, cancels, and what became of them at the gate."""
        return {
            "orders": self.c.orders,
            "accepted": self.c.accepted,
            "cancels": self.c.cancels,
            "gate_sent": self.c.gate_sent,
            "gate_killed": self.c.gate_killed,
            "gate_refused": self.c.gate_refused,
            "gate_full": self.c.gate_full,
        }

    @property
    def slots(self):
        """Instruments."""
        return self.c.slots

    @property
    def strategies(self):
        """Strategy ids, the account included."""
        return self.c.strategies

    @property
    def version(self):
        """Rises with every change of a limit or latch."""
        return self.c.version


RiskCheck = RiskChain
