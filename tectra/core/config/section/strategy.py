"""`[[strategies]]`: what is traded by which rules."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from tectra.core.config.key import NAME, SYMBOL, flag, items, text
from tectra.core.config.section.base import Section
from tectra.core.config.section.risk import RiskScopeConfig

__all__ = ["StrategyConfig"]


class StrategyConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One strategy: its code, its symbols, its parameters, its limits, how its orders are
    executed.
    """

    LIVE: ClassVar[frozenset[str]] = frozenset({"parameters"})

    name: Annotated[str, text("Name of the strategy, once.", NAME, longest=64)]
    script: Annotated[str, text("FILE.py, FILE.py:Class, module:Class, or FILE.lua.")]
    symbols: Annotated[
        tuple[Annotated[str, text("Symbol.", SYMBOL, longest=24)], ...],
        items("Symbols that it hears of; none: all.", most=10_000),
    ] = ()
    parameters: Annotated[
        dict[str, Any], items("Parameters, as the strategy declares them.", most=256)
    ] = msgspec.field(default_factory=dict)
    risk: RiskScopeConfig = RiskScopeConfig()
    mode: Annotated[
        Literal["paper", "live"] | None, flag("How its orders are executed; none: as `mode` says.")
    ] = None
    enabled: Annotated[bool, flag("Load it.")] = True
