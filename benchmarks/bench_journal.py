"""The journal: an append from Python, durable records a second, what a run pays for its journal."""

import zlib
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

import gate as gates
import numpy as np
import pytest
from conftest import Gate
from numpy.typing import NDArray

from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.journal import JournalWriter
from tectra.ops.measure import Day, Prepared
from tectra.strategy.sample.idle import Idle

SEGMENT = 1 << 18


def numbered(slots: NDArray[np.uint8], last: int) -> NDArray[np.uint8]:
    """The records with the numbers behind `last`, in place."""
    slots.view("<u8").reshape(-1, 8)[:, 1] = np.arange(len(slots) // 64, dtype=np.uint64) + last + 1
    return slots


def records(n: int) -> NDArray[np.uint8]:
    one = np.frombuffer(encode(Template.BOOK_DELETE, instrument_id=1, order_ref=1), np.uint8)
    return np.tile(one, n)


def test_append_from_python(gate: Gate, tmp_path: Path) -> None:
    """One call a record: header and number looked at, copied, summed, counted."""
    slots = records(gates.size(20_000, 500))
    with JournalWriter(tmp_path / "j", session={}, segment_slots=SEGMENT) as writer:

        def bodies() -> list[bytes]:
            whole = numbered(slots, writer.last_ring_seq).tobytes()
            writer.prepare()
            return [whole[at : at + 64] for at in range(0, len(whole), 64)]

        def append(found: list[bytes]) -> None:
            put = writer.append
            for body in found:
                put(body)

        def summed(found: list[bytes]) -> None:
            crc = zlib.crc32
            for body in found:
                crc(body)

        subject = Prepared(bodies, append)
        gate(subject, Prepared(bodies, summed), "journal.append_from_python")
        best = float("inf")
        for _ in range(gates.size(9, 1)):
            subject.prepare()
            start = thread_time_ns()
            subject()
            best = min(best, (thread_time_ns() - start) / (len(slots) // 64))
        print(f"append from Python: {best:.1f} ns of the processor, with the loop around it")


@pytest.mark.parametrize("mode", ["group-commit", "page-cache"])
def test_durable_records_a_second(tmp_path: Path, mode: str) -> None:
    """All of a million records on the disk, and how long the longest rotation was."""
    slots = records(gates.size(1 << 18, 1024))
    longest, rounds = 0, gates.size(8, 1)
    with JournalWriter(
        tmp_path / "j", session={}, segment_slots=SEGMENT, durability=mode
    ) as writer:
        writer.prepare()
        start = perf_counter_ns()
        for _ in range(rounds):
            for part in np.split(
                numbered(slots, writer.last_ring_seq), 4 if len(slots) % 256 else 64
            ):
                writer.append_many(part)
            began = perf_counter_ns()
            writer.rotate()
            longest = max(longest, perf_counter_ns() - began)
        appended = perf_counter_ns() - start
        writer.commit()
        took = perf_counter_ns() - start
        stats: dict[str, Any] = writer.stats()
    n = rounds * (len(slots) // 64)
    print(
        f"\n{mode}: {n / took * 1e3:.2f} M durable records a second, appended at "
        f"{appended / n:.1f} ns each; {stats['syncs']} syncs of "
        f"{stats['sync_p50_ns'] / 1e6:.2f} ms, p99 {stats['sync_p99_ns'] / 1e6:.2f}; "
        f"longest rotate {longest / 1e3:.0f} us, "
        f"{stats['stalls']} stalls"
    )
    assert stats["durable_seq"] == n


def test_cost_of_a_journal(tmp_path: Path) -> None:
    """Nanoseconds of the processor, a record, that a backtest of an idle strategy takes longer with
    a journal: what its thread does, as others do the rest.
    """
    best: dict[str, float] = {}
    with ExitStack() as stack:
        day = Day.make(stack, gates.size(250_000, 2_000))
        for turn in range(gates.size(7, 1)):
            for name in ("without", "with"):
                options: dict[str, Any] = {}
                with ExitStack() as one:
                    if name == "with":
                        path = tmp_path / str(turn)
                        options["journal"] = writer = one.enter_context(
                            JournalWriter(path, session={})
                        )
                        writer.prepare()
                    driver = day.driver(Idle(), **options)
                    start = thread_time_ns()
                    driver.run(day.slots)
                    took = (thread_time_ns() - start) / day.events
                best[name] = min(took, best.get(name, took))
    cost = best["with"] - best["without"]
    print(f"\n{best['without']:.1f} ns a record, {cost:.1f} ns more with a journal")
    if not gates.TINY:
        assert cost < best["without"]
