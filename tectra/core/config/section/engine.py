"""`[engine]`: what one engine is allowed to hold."""

from typing import Annotated, ClassVar, Literal

from tectra.core.config.key import NAME, flag, number, text
from tectra.core.config.section.base import Section

__all__ = ["EngineConfig", "Level"]

Level = Literal["debug", "info", "warning", "error"]


class EngineConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine: how many symbols, which seed, how much it says."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"log_level"})

    instance: Annotated[
        str, text("Name of this engine, part of every client order id.", NAME, longest=64)
    ] = "tectra"
    max_symbols: Annotated[
        int, number("symbols", 1, 65_535, "Most symbols that may be traded at once.")
    ] = 50
    log_level: Annotated[Level, flag("Least level that is logged, where [log] says no other.")] = (
        "info"
    )
    seed: Annotated[
        int, number("seed", 0, (1 << 62) - 1, "Seed of everything random in simulation.")
    ] = 0
    worker_threads: Annotated[
        int, number("threads", 1, 256, "Threads for work beside the hot path.")
    ] = 2
    latency_sample_shift: Annotated[
        int, number("bits", 0, 30, "One record in 2 to this power is timed.")
    ] = 4
