"""What an alternative changes, checked against the run, as sessions and records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from tectra.backtest.run import tectra_version
from tectra.core.errors import InputError, ParameterError
from tectra.core.msg import DTYPES, Template
from tectra.core.record import encode
from tectra.engine.session import SessionSpec, StrategySpec, TakeoverSpec
from tectra.research.whatif.original import Original
from tectra.risk.limits import RiskLimits
from tectra.strategy.loader import load_strategy, validate_strategy
from tectra.strategy.params import check_params
from tectra.strategy.takeover import SWITCH, takeover_class

__all__ = ["Alternative", "Plan", "make_plan"]


@dataclass(frozen=True)
class Alternative:
    """What is to be different. `params` are those of the strategy, or by the name of each; so is
    `strategy`, a class or `FILE.py[:Class]`, and `params` are then the new one's.

    Without `at_seq` and `at_ns` all of it holds from the start. Else it comes ahead of the first
    market record of that number, or received at that time, or later: until then the original's
    code and parameters run. A strategy that leaves has its open orders cancelled, unless
    `cancel_orders` is False: then the new one has them.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    strategy: Any = None
    limits: RiskLimits | None = None
    at_seq: int | None = None
    at_ns: int | None = None
    cancel_orders: bool = True
    label: str = ""

    def __post_init__(self) -> None:
        if self.at_seq is not None and self.at_ns is not None:
            raise InputError("at: found a number and a time; give one of the two")

    @property
    def from_start(self) -> bool:
        """Whether it holds for the whole run."""
        return self.at_seq is None and self.at_ns is None


@dataclass(frozen=True)
class Plan:
    """An alternative made ready: the session to run, its classes, and the control records, without
    their time, that change it. `said` is the change in words.
    """

    spec: SessionSpec
    classes: tuple[type[Any], ...]
    records: tuple[bytes, ...]
    said: tuple[str, ...]
    alternative: Alternative


def _by_strategy(names: Sequence[str], value: Any, what: str, *, nested: bool) -> dict[str, Any]:
    """What is given for each strategy by name, or for the only one."""
    if nested:
        unknown = [n for n in value if n not in names]
        if unknown:
            raise InputError(f"{what}: found strategy {unknown[0]!r}; allowed: {', '.join(names)}")
        return dict(value)
    if len(names) != 1:
        raise InputError(
            f"{what}: the run has {len(names)} strategies; name the one that is meant, one of "
            f"{', '.join(names)}"
        )
    return {names[0]: value}


def _is_nested(params: Mapping[str, Any]) -> bool:
    return bool(params) and all(isinstance(v, Mapping) for v in params.values())


def _class_of(strategy: Any) -> type[Any]:
    if isinstance(strategy, str):
        return load_strategy(strategy)
    if not isinstance(strategy, type):
        raise InputError(f"strategy: found {strategy!r}; give a class, or FILE.py[:Class] as text")
    validate_strategy(strategy)
    return strategy


def _param_record(strategy_id: int, name: str, value: float | bool | str) -> bytes:
    """The control_param record of one value; ParameterError where it has no room."""
    if len(name.encode()) > 24 or (isinstance(value, str) and len(value.encode()) > 40):
        raise ParameterError(
            f"parameter {name}: found {value!r}; allowed in the middle of a run: names of 24 "
            "bytes, texts of 40; change it from the start instead"
        )
    kind = b"i"
    fields: dict[str, Any] = {"value_i": value}
    if isinstance(value, bool):
        kind, fields = b"b", {"value_i": int(value)}
    elif isinstance(value, float):
        kind, fields = b"f", {"value_f": value}
    elif isinstance(value, str):
        kind, fields = b"s", {"value_text": value.encode()}
    return encode(
        Template.CONTROL_PARAM,
        strategy_id=strategy_id,
        value_type=kind,
        name=name.encode(),
        **fields,
    )


def _limit_records(old: SessionSpec, new: SessionSpec) -> list[bytes]:
    """The control_limit records that lead from one session's limits to the other's."""
    dtype = DTYPES[Template.CONTROL_LIMIT]
    before = np.frombuffer(b"".join(old.limit_records(0)), dtype)
    after = np.frombuffer(bytearray(b"".join(new.limit_records(0))), dtype)
    after["old_value"] = before["new_value"]
    return [row.tobytes() for row in after[after["new_value"] != before["new_value"]]]


class _Maker:
    """Works one alternative into a session."""

    def __init__(self, original: Original, alternative: Alternative) -> None:
        self.original = original
        self.alternative = alternative
        self.specs = list(original.spec.strategies)
        self.classes = list(original.classes)
        self.records: list[bytes] = []
        self.said: list[str] = []

    def make(self) -> Plan:
        names = self.original.strategy_names
        params, strategy = self.alternative.params, self.alternative.strategy
        wanted = _by_strategy(names, params, "params", nested=_is_nested(params)) if params else {}
        others = {}
        if strategy is not None:
            nested = isinstance(strategy, Mapping)
            others = _by_strategy(names, strategy, "strategy", nested=nested)
        for number, name in enumerate(names, start=1):
            if name in others:
                self._replace(number, _class_of(others[name]), wanted.get(name, {}))
            elif name in wanted:
                self._change(number, wanted[name])
        spec = msgspec.structs.replace(
            self.original.spec,
            mode="backtest",
            tectra=tectra_version(),
            strategies=self.specs,
            sim=self.original.setup.to_journal(),
            data={**self.original.spec.data, "what_if_of": str(self.original.directory)},
        )
        if self.alternative.limits is not None:
            spec = self._limit(spec, self.alternative.limits)
        return Plan(
            spec, tuple(self.classes), tuple(self.records), tuple(self.said), self.alternative
        )

    def _replace(self, number: int, chosen: type[Any], params: Mapping[str, Any]) -> None:
        old, was = self.specs[number - 1], self.classes[number - 1]
        checked = check_params(chosen.PARAMS, params, chosen.__name__)
        made = StrategySpec.of(chosen, checked, symbols=old.symbols)
        self.said.append(f"strategy {old.name}: {was.__name__} -> {chosen.__name__} {checked}")
        if self.alternative.from_start:
            taken = [s.name for i, s in enumerate(self.specs) if i != number - 1]
            name = made.name if made.name not in taken else f"{made.name} {number}"
            self.specs[number - 1] = msgspec.structs.replace(made, name=name)
            self.classes[number - 1] = chosen
            return
        if old.then is not None:
            raise InputError(f"strategy {old.name}: another has taken over from it already")
        cancel = self.alternative.cancel_orders
        self.classes[number - 1] = takeover_class(was, chosen, checked, cancel=cancel)
        then = TakeoverSpec(
            target=made.target, params=made.params, sha256=made.sha256, cancel=cancel
        )
        self.specs[number - 1] = msgspec.structs.replace(old, then=then)
        self.records.append(_param_record(number, SWITCH, True))

    def _change(self, number: int, params: Mapping[str, Any]) -> None:
        spec, owner = self.specs[number - 1], self.classes[number - 1]
        checked = check_params(owner.PARAMS, {**spec.params, **params}, spec.name)
        for name in params:
            was = spec.params.get(name, owner.PARAMS[name].default)
            self.said.append(f"parameter {spec.name}.{name}: {was} -> {checked[name]}")
        if self.alternative.from_start:
            self.specs[number - 1] = msgspec.structs.replace(spec, params=checked)
            return
        self.records += [_param_record(number, name, checked[name]) for name in params]

    def _limit(self, spec: SessionSpec, limits: RiskLimits) -> SessionSpec:
        new = msgspec.structs.replace(spec, limits=limits)
        old = self.original.spec.limits
        for scope, one, two in _scopes(old, limits):
            for name in one.__struct_fields__:
                was, now = getattr(one, name), getattr(two, name)
                if was != now:
                    self.said.append(f"limit {scope}.{name}: {was} -> {now}")
        if self.alternative.from_start:
            return new
        self.records += _limit_records(spec, new)
        return spec


def _scopes(old: RiskLimits, new: RiskLimits) -> list[tuple[str, Any, Any]]:
    empty = msgspec.structs.replace(old.default, **dict.fromkeys(old.default.__struct_fields__))
    out = [("default", old.default, new.default)]
    for one, two in ((old.instruments, new.instruments), (old.strategies, new.strategies)):
        out += [(n, one.get(n, empty), two.get(n, empty)) for n in {**one, **two}]
    return out


def make_plan(original: Original, alternative: Alternative) -> Plan:
    """Check an alternative against the run it is one of. InputError, ParameterError and
    StrategyLoadError say what is allowed; nothing is written.
    """
    if not alternative.from_start:
        last_seq, latest_ns = original.last_market
        seq, ns = alternative.at_seq, alternative.at_ns
        if (seq is not None and seq > last_seq) or (ns is not None and ns > latest_ns):
            found = f"record {seq}" if seq is not None else f"{ns} ns"
            raise InputError(
                f"at: found {found}; the run's last market record is {last_seq}, received at "
                f"{latest_ns} ns"
            )
    return _Maker(original, alternative).make()
