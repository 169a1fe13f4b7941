"""Limits while a run is going: one change as a record, profiles of strategies, and rule sets that
are compared, applied and counted up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import msgspec

from tectra.core.errors import ConfigError, FileFormatError, InputError
from tectra.core.msg import RiskRule, Template
from tectra.core.record import Record, encode
from tectra.core.types import Timestamp
from tectra.core.value import I64, U16, U32, U64, Value
from tectra.refdata.instrument import Instrument
from tectra.risk.chain import LIMIT_UNSET, RiskChain
from tectra.risk.limits import LimitScope, RiskLimits, apply_limits, unused_names

__all__ = ["LimitsUpdate", "RiskProfile", "RuleSet", "RuleSetManager"]

# The rules that have a number.
_RULES = tuple(r for r in RiskRule if r >= RiskRule.MAX_QTY)


@dataclass(frozen=True, slots=True)
class LimitsUpdate(Value):
    """One limit changes: a control_limit record. The value is a mantissa, as the rule counts; None
    takes the limit of this scope away. Strategy and instrument 0 mean all.
    """

    timestamp: Timestamp
    rule: RiskRule
    new_value: I64 | None
    old_value: I64 | None = None
    strategy_id: U16 = 0
    instrument_id: U32 = 0
    operator_id: U64 = 0

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        if LIMIT_UNSET in (self.new_value, self.old_value):
            raise InputError(f"value: found {LIMIT_UNSET}; allowed: None where there is no limit")

    def to_record(self) -> bytes:
        """The control_limit record, 64 bytes."""
        return encode(
            Template.CONTROL_LIMIT,
            ts_event_ns=self.timestamp.ns,
            ts_recv_ns=self.timestamp.ns,
            instrument_id=self.instrument_id,
            rule=self.rule,
            strategy_id=self.strategy_id,
            old_value=LIMIT_UNSET if self.old_value is None else self.old_value,
            new_value=LIMIT_UNSET if self.new_value is None else self.new_value,
            operator_id=self.operator_id,
        )

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Inverse of to_record(). FileFormatError for another record."""
        if record.template is not Template.CONTROL_LIMIT:
            raise FileFormatError(f"found a {record.template_name}; allowed: control_limit")
        new, old = record.get_int("new_value"), record.get_int("old_value")
        return cls(
            Timestamp(record.get_int("ts_event_ns")),
            RiskRule(record.get_int("rule")),
            None if new == LIMIT_UNSET else new,
            None if old == LIMIT_UNSET else old,
            record.get_int("strategy_id"),
            record.get_int("instrument_id"),
            record.get_int("operator_id"),
        )


class RiskProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one strategy may do: its limits, and the symbols it may trade (`symbols` None: all)."""

    limits: LimitScope = LimitScope()
    symbols: tuple[str, ...] | None = None


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All limits of a run at one version: the default, by symbol, and a profile for each strategy's
    name. The tightest that covers an order applies.
    """

    version: int
    default: LimitScope = LimitScope()
    instruments: dict[str, LimitScope] = {}
    profiles: dict[str, RiskProfile] = {}

    def __post_init__(self) -> None:
        if self.version < 1:
            raise ConfigError(f"version: found {self.version}; allowed: 1 or more")

    @property
    def limits(self) -> RiskLimits:
        """The limits without the profiles' filters."""
        return RiskLimits(
            default=self.default,
            instruments=self.instruments,
            strategies={name: p.limits for name, p in self.profiles.items()},
        )


class RuleSetManager:
    """Brings rule sets to a chain: diff() says what would change, apply() changes it and counts.

    Values that are the same in both sets are not touched. A change that makes limits tighter comes
    before one that makes them looser. Owner: the thread of the chain.
    """

    def __init__(
        self,
        chain: RiskChain,
        instruments: Sequence[Instrument],
        strategy_ids: Mapping[str, int],
    ) -> None:
        self._chain = chain
        self._instruments = tuple(instruments)
        self._ids = dict(strategy_ids)
        self._current: RuleSet | None = None

    @property
    def current(self) -> RuleSet | None:
        """The set applied last; None before the first."""
        return self._current

    @property
    def version(self) -> int:
        """Its version; 0 before the first."""
        return 0 if self._current is None else self._current.version

    def diff(
        self, rules: RuleSet, *, timestamp: Timestamp, operator_id: int = 0
    ) -> list[LimitsUpdate]:
        """What the chain would have to change to be at `rules`; changes nothing.

        ConfigError for names that have no part in the run, and values that an instrument cannot
        express.
        """
        wanted = self._wanted(rules)
        out = []
        for rule, strategy_id, instrument_id in self._scopes():
            scope = {"strategy_id": strategy_id, "instrument_id": instrument_id}
            old, new = (c.get_limit(rule, **scope) for c in (self._chain, wanted))
            if old != new:
                out.append(
                    LimitsUpdate(timestamp, rule, new, old, operator_id=operator_id, **scope)
                )
        return sorted(out, key=_looser)

    def apply(self, rules: RuleSet, *, timestamp: Timestamp, operator_id: int = 0) -> list[bytes]:
        """Bring the chain to `rules`; returns the control_limit records, for the journal.

        All values are worked out before the first is set. InputError for a version that is not
        above the present one, ConfigError as diff().
        """
        if rules.version <= self.version:
            raise InputError(
                f"version: found {rules.version}; allowed: above {self.version}, the present one"
            )
        records = [
            u.to_record() for u in self.diff(rules, timestamp=timestamp, operator_id=operator_id)
        ]
        for record in records:
            self._chain.apply_control(record)
        self._current = rules
        return records

    def _scopes(self) -> Iterator[tuple[RiskRule, int, int]]:
        for strategy_id in range(self._chain.strategies):
            for instrument_id in (0, *self._chain.instrument_ids):
                for rule in _RULES:
                    if rule is not RiskRule.ORDER_RATE or not instrument_id:
                        yield rule, strategy_id, instrument_id

    def _wanted(self, rules: RuleSet) -> RiskChain:
        """A chain of the same shape that holds the rules."""
        limits = rules.limits
        unused = unused_names(limits, self._instruments, self._ids)
        symbols = {i.symbol for i in self._instruments}
        for name, profile in rules.profiles.items():
            unused += [f"{name}: {s}" for s in profile.symbols or () if s not in symbols]
        if unused:
            raise ConfigError(
                f"rule set {rules.version}: found {', '.join(unused)}; allowed: "
                f"{', '.join(sorted(symbols | set(self._ids)))}"
            )
        chain = RiskChain(self._chain.instrument_ids, self._chain.strategies)
        apply_limits(chain, limits, self._instruments, self._ids)
        for name, profile in rules.profiles.items():
            for instrument in self._instruments:
                if profile.symbols is not None and instrument.symbol not in profile.symbols:
                    chain.set_limit(
                        RiskRule.MAX_QTY,
                        0,
                        strategy_id=self._ids[name],
                        instrument_id=instrument.instrument_id,
                    )
        return chain


def _looser(update: LimitsUpdate) -> bool:
    if update.new_value is None or update.old_value is None:
        return update.new_value is None
    return update.new_value > update.old_value
