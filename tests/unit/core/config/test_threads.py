"""Configuration among threads: nobody sees half of an edit, and every thread gets its core."""

import os
import threading

import pytest

from tectra.core.clock import FakeClock
from tectra.core.config.load import load_document
from tectra.core.config.section import CpuConfig
from tectra.core.config.watch import ConfigWatcher, WatchOptions
from tectra.core.cpu import allowed_cores, pin_to_core


@pytest.mark.timeout(30)
def test_readers_see_old_or_new_values_and_never_both(tmp_path):
    """Each edit sets two keys to the same number; a reader that finds them different saw half."""
    path = tmp_path / "c.toml"

    def write(n: int) -> None:
        path.write_text(f"[risk]\nmax_order_qty = {n}\nmax_position_qty = {n}\n")

    write(1)
    clock = FakeClock(1)
    watcher = ConfigWatcher(path, clock, options=WatchOptions(environ={}))
    mixed, seen, done = [], set(), threading.Event()

    def read() -> None:
        last = 0
        while not done.is_set():
            revision = watcher.revision
            risk = watcher.config.risk
            if risk.max_order_qty != risk.max_position_qty or revision < last:
                mixed.append(risk)
            last = revision
            seen.add(int(risk.max_order_qty))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for n in range(2, 42):
            write(n)
            taken = 0
            while not taken:
                clock.advance(250_000_000)
                taken = watcher.do_work()
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert watcher.revision == 40
    assert not mixed
    assert len(seen) > 1


def test_each_thread_gets_the_core_of_the_map():
    """The production profile says 2 and 3; here, two of the cores that this host gives us."""
    production = load_document(None, profile="production", environ={}).config
    assert production.cpu.threads() == {"market_data": 2, "strategy": 3}
    cores = sorted(allowed_cores())
    if len(cores) < 2:
        pytest.skip("this host gives one core")
    cpu = CpuConfig(market_data=cores[0], strategy=cores[1])
    found: dict[str, set[int]] = {}

    def work(name: str, core: int) -> None:
        pin_to_core(core)
        found[name] = set(os.sched_getaffinity(0))

    threads = [threading.Thread(target=work, args=item) for item in cpu.threads().items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: {core} for name, core in cpu.threads().items()}
