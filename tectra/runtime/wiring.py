"""From a configuration to what it asks for: rings, idle policies, threads, the journal, the log."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tectra.core.config.section import Config, RingConfig
from tectra.core.cpu import core_map
from tectra.core.errors import InputError
from tectra.core.idle import Idle, IdlePolicy
from tectra.core.log import LogConfig
from tectra.core.ring import SpscRing
from tectra.core.runner import Runner, Worker
from tectra.journal.options import JournalSettings

__all__ = ["RingName", "idle_of", "journal_of", "log_of", "ring_of", "runners_of", "tune_ring"]

RingName = Literal["market_data", "orders", "reports", "control", "recorder"]


def idle_of(rings: RingConfig) -> Idle:
    """An idle policy of its own for one waiting thread."""
    longest_ns = rings.park_interval_us * 1_000
    return Idle(
        IdlePolicy[rings.idle.upper()],
        sleep_min_ns=min(10_000, longest_ns),
        sleep_max_ns=longest_ns,
        park_max_ns=longest_ns,
    )


def tune_ring(ring: SpscRing, rings: RingConfig) -> None:
    """Give a ring the threshold and the idle policy of a configuration, also while it is used."""
    ring.high_mark = max(1, int(ring.capacity * rings.high_fraction))
    ring.idle_policy = IdlePolicy[rings.idle.upper()]


def ring_of(rings: RingConfig, which: RingName, name: str | None = None) -> SpscRing:
    """The ring of a purpose, with its configured size: in shared memory under `name`, or private.

    The caller closes it. Raises what SpscRing.create does for a name that is taken.
    """
    slots = getattr(rings, f"{which}_slots", None)
    if slots is None:
        allowed = ", ".join(RingName.__args__)  # type: ignore[attr-defined]
        raise InputError(f"ring: found {which!r}; allowed: {allowed}")
    ring = SpscRing.private(slots) if name is None else SpscRing.create(name, slots)
    tune_ring(ring, rings)
    return ring


def runners_of(
    config: Config,
    threads: Mapping[str, Sequence[Worker]],
    *,
    fallback: Literal["refuse", "share", "unpinned"] = "refuse",
) -> dict[str, Runner]:
    """A runner for each named thread: pinned as `[cpu]` says, idle as `[rings]` says.

    A thread that `[cpu]` does not name is left to the scheduler. A core that this process may not
    use is InputError, or by `fallback` replaced with a line in the log.
    """
    named = config.cpu.threads()
    cores = core_map({n: named[n] for n in threads if n in named}, fallback=fallback)
    return {
        name: Runner(
            name,
            workers,
            core=cores.get(name),
            fifo_priority=config.cpu.realtime_priority if name in cores else 0,
            idle=idle_of(config.rings),
        )
        for name, workers in threads.items()
    }


def journal_of(config: Config) -> JournalSettings:
    """What `[journal]` asks of the writer; a reserve it does not name follows from the run's clock:
    64 MiB in real time (paper, live), none in a backtest.
    """
    journal = config.journal
    return JournalSettings(
        segment_slots=journal.segment_slots,
        daily=journal.rotate_daily,
        durability=journal.durability,
        commit_us=journal.commit_us,
        commit_records=journal.commit_records,
        reserve_bytes=journal.reserve_bytes,
    )


def log_of(config: Config) -> LogConfig:
    """What `[log]` and engine.log_level ask of init_logging."""
    log = config.log
    return LogConfig(
        format=log.format,
        level=config.log.level or config.engine.log_level,
        levels={_component(name): level for name, level in log.levels.items()},
        file=None if log.file is None else Path(config.directories.path("logs")) / log.file,
        file_bytes_max=log.rotate_bytes,
        file_keep=log.keep_files,
    )


def _component(name: str) -> str:
    return name if name == "tectra" or name.startswith("tectra.") else f"tectra.{name}"
