"""What a configuration asks for is what runs: cores, idle policies, ring sizes, the log."""

import json
import logging
import os
import time
from pathlib import Path

import msgspec
import pytest

from tectra.core.config.key import keys_of
from tectra.core.config.load import load_config
from tectra.core.config.section import Config, JournalConfig
from tectra.core.errors import ConfigError, InputError
from tectra.core.idle import IdlePolicy
from tectra.core.log import init_logging
from tectra.core.ring import Pressure
from tectra.core.stop import clear_stop
from tectra.engine.session import SessionSpec, open_journal
from tectra.journal import DURABILITY, JournalOptions, JournalSettings, JournalWriter, Manifest
from tectra.risk.limits import RiskLimits
from tectra.runtime import idle_of, journal_of, log_of, ring_of, runners_of, tune_ring


class Lazy:
    """A worker that has nothing to do and says how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def do_work(self) -> int:
        self.calls += 1
        return 0


def config(*settings: str, profile: str | None = None) -> Config:
    return load_config(None, profile=profile, settings=settings).config


@pytest.fixture(autouse=True)
def no_stop():
    clear_stop()
    yield
    clear_stop()


def test_each_thread_runs_on_the_core_of_the_configuration():
    cores = sorted(os.sched_getaffinity(0))
    wanted = {"market_data": cores[0], "strategy": cores[-1]}
    if len(cores) < 2:
        pytest.skip("one core: two pinned threads want two")
    asked = config(*(f"cpu.{name}={core}" for name, core in wanted.items()), "rings.idle=backoff")
    workers = {name: Lazy() for name in (*wanted, "housekeeping")}
    runners = runners_of(asked, {name: [worker] for name, worker in workers.items()})
    for runner in runners.values():
        runner.start()
    try:
        found = {n: os.sched_getaffinity(r.native_id) for n, r in runners.items() if r.native_id}
        assert found["market_data"] == {cores[0]} and found["strategy"] == {cores[-1]}
        assert found["housekeeping"] == set(cores)
        deadline = time.monotonic() + 4
        while not all(w.calls > 3 for w in workers.values()):
            assert time.monotonic() < deadline, "a runner does not run"
            time.sleep(0.001)
    finally:
        for runner in runners.values():
            runner.stop()
        for runner in runners.values():
            runner.join(4)


def test_production_has_cores_2_and_3_and_refuses_a_host_without_them():
    asked = config(profile="production")
    assert asked.cpu.threads() == {"market_data": 2, "strategy": 3}
    threads = {"market_data": [Lazy()], "strategy": [Lazy()]}
    if set(asked.cpu.threads().values()) <= os.sched_getaffinity(0):
        assert {n: r.core for n, r in runners_of(asked, threads).items()} == asked.cpu.threads()
    else:
        with pytest.raises(InputError, match="core 2 is not among those allowed here"):
            runners_of(asked, threads)
        left = runners_of(asked, threads, fallback="unpinned")
        assert {r.core for r in left.values()} <= {None, 2, 3}


@pytest.mark.parametrize("policy", ["spin", "yield", "backoff", "park"])
def test_the_idle_policy(policy):
    idle = idle_of(config(f"rings.idle={policy}", "rings.park_interval_us=7").rings)
    assert idle.policy is IdlePolicy[policy.upper()]
    for _ in range(3):
        idle.step(0)  # no policy sleeps for long


def test_sizes_and_thresholds_of_rings():
    asked = config(
        "rings.orders_slots=128",
        "rings.high_fraction=0.5",
        "rings.low_fraction=0.1",
        "rings.idle=park",
    ).rings
    with ring_of(asked, "orders") as ring:
        assert (ring.capacity, ring.high_mark) == (128, 64)
        assert ring.idle_policy is IdlePolicy.PARK
        assert ring.pressure is Pressure.OK
        tune_ring(
            ring,
            config("rings.high_fraction=0.25", "rings.low_fraction=0.1", "rings.idle=spin").rings,
        )
        assert (ring.high_mark, ring.idle_policy) == (32, IdlePolicy.SPIN)
    with pytest.raises(InputError, match="found 'other'; allowed: market_data, orders"):
        ring_of(asked, "other")  # type: ignore[arg-type]


def test_a_ring_in_shared_memory(shm_name):
    with ring_of(config().rings, "control", shm_name()) as ring:
        assert ring.name == shm_name() and ring.capacity == 1_024


def test_the_log_is_where_and_how_the_configuration_says(tmp_path: Path):
    asked = config(
        f"directories.root={tmp_path}", "log.file=run.log", "log.format=json",
        "engine.log_level=error", "log.levels.risk=debug", "log.keep_files=3",
    )  # fmt: skip
    found = log_of(asked)
    assert (found.level, found.levels, found.file_keep) == ("error", {"tectra.risk": "debug"}, 3)
    (tmp_path / "logs").mkdir()
    with init_logging(found):
        logging.getLogger("tectra.risk").debug("limit %d", 7)
        logging.getLogger("tectra.feed").warning("not said")
    lines = [json.loads(x) for x in (tmp_path / "logs/run.log").read_text().splitlines()]
    assert [(x["module"], x["message"]) for x in lines] == [("tectra.risk", "limit 7")]


def test_the_journal_of_a_configuration_is_the_one_that_is_written(tmp_path):
    asked = config(
        "journal.durability=group-commit", "journal.commit_us=700", "journal.commit_records=33",
        "journal.segment_slots=2048", "journal.rotate_daily=true", "journal.reserve_bytes=200000",
    )  # fmt: skip
    settings = journal_of(asked)
    assert settings == JournalSettings(
        durability="group-commit", commit_us=700, commit_records=33, segment_slots=2048,
        daily=True, reserve_bytes=200_000,
    )  # fmt: skip
    with JournalWriter(tmp_path / "j", session={}, **msgspec.structs.asdict(settings)) as writer:
        assert len(list((tmp_path / "j").glob("reserve-*.tmp"))) == 2  # of 128 KiB of slots each
        assert writer.options.daily
    manifest = Manifest.load(tmp_path / "j")
    assert (manifest.durability, manifest.segment_slots) == ("group-commit", 2048)
    assert (manifest.commit_us, manifest.commit_records) == (700, 33)


def test_the_modes_of_a_configuration_are_those_of_the_writer():
    choices = keys_of(JournalConfig)["durability"].choices
    assert list(choices) == list(DURABILITY)
    for mode in choices:
        assert journal_of(config(f"journal.durability={mode}")).durability == mode


@pytest.mark.parametrize(
    ("profile", "mode", "reserve"),
    [("paper", "paper", 64 << 20), ("live", "live", 64 << 20), ("backtest", "backtest", 0)],
)
def test_what_runs_in_real_time_keeps_a_reserve(tmp_path, profile, mode, reserve):
    """As any driver opens it: the session's mode says the clock, and the clock the reserve."""
    settings = journal_of(config("journal.segment_slots=262144", profile=profile))
    assert settings.reserve_bytes is None
    spec = SessionSpec(
        mode=mode, tectra="test", seed=1, strategies=[], instruments=[], limits=RiskLimits()
    )
    with open_journal(tmp_path / "j", spec, [], **msgspec.structs.asdict(settings)) as journal:
        assert journal.options.reserve == reserve
        kept = list((tmp_path / "j").glob("reserve-*.tmp"))
        assert sum(p.stat().st_size for p in kept) >= reserve
        assert bool(kept) == bool(reserve)
    named = journal_of(config("journal.reserve_bytes=5", profile=profile))
    assert JournalOptions(**msgspec.structs.asdict(named), clock_domain="realtime").reserve == 5


def test_live_does_not_run_without_a_reserve():
    with pytest.raises(ConfigError, match=r"journal.reserve_bytes: found 0; allowed: 1 and more"):
        config("journal.reserve_bytes=0", profile="live")
    assert journal_of(config("journal.reserve_bytes=0", profile="paper")).reserve_bytes == 0
