"""Programs for the preloaded library io_fault.c: what a failed sync does to a journal, and that an
order waits for its sync. Each prints one JSON document.

usage: journal_syncs.py failing DIRECTORY MODE LETTER AT | orders DIRECTORY MODE AT |
       halted DIRECTORY MODE
"""

import json
import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from journal_faults import arm, library
from journal_records import stream

from tectra.core.errlog import ErrorLog
from tectra.core.errors import JournalError
from tectra.core.kill import KillWord
from tectra.journal import JournalReader, JournalWriter, Manifest, verify
from tectra.ops.measure import Day
from tectra.strategy.sample.passthrough import Passthrough

RECORDS = stream(200, seed=8)


def failing(directory: Path, mode: str, letter: str, at: int) -> dict[str, Any]:
    """Write while the k-th sync of a kind fails once, and all others succeed."""
    kill, errors = KillWord.private(), ErrorLog.private(64)
    logging.disable()
    arm(directory, at=at, kind="EIO", only=letter)
    durable, refused = [0], 0
    failed_at = None
    try:
        writer = JournalWriter(
            directory, session={}, segment_slots=40, durability=mode, kill=kill, errors=errors,
            reserve_bytes=0,
        )  # fmt: skip
    except JournalError as error:
        return {"opened": False, "said": str(error), "left": directory.exists()}
    for number, body in enumerate(RECORDS):
        writer.append(body)
        if number % 8 == 0:
            try:
                writer.commit()
            except JournalError:
                refused += 1
            if failed_at is None and b"!" in library().io_fault_log():
                failed_at = writer.segment_id
            durable.append(writer.durable_seq)
    try:
        writer.close()
        closed = "whole"
    except JournalError as error:
        closed = str(error)
    report = verify(directory)
    return {
        "opened": True,
        "hit": b"!" in library().io_fault_log(),
        "durable": durable,
        "end": writer.durable_seq,
        "refused": refused,
        "failed_at": failed_at,
        "segments": writer.segment_id,
        "killed": kill.is_set and kill.reason.name,
        "noted": [e.place for e in errors.entries()],
        "closed": closed,
        "faults": [e.segment_id for e in Manifest.load(directory).segments if e.fault],
        "warnings": [str(w) for w in report.warnings],
        "ok": report.ok,
        "read": [bytes(v) for _, v in JournalReader(directory).records()] == RECORDS,
    }


def orders(directory: Path, mode: str, at: int) -> dict[str, Any]:
    """A strategy that sends an order for each tick; the k-th fdatasync fails (0: none)."""
    logging.disable()
    with ExitStack() as stack:
        day = Day.make(stack, 2_000)
        arm(directory)
        writer = JournalWriter(directory, session={}, durability=mode, reserve_bytes=0)
        writer.prepare()
        driver = day.driver(Passthrough(every=1), journal=writer)
        said = ""
        arm(directory, at=at, kind="EIO" if at else "count", only="d")
        try:
            driver.run(np.ascontiguousarray(day.slots))
        except JournalError as error:
            said = str(error)
        syncs = library().io_fault_log().decode().count("d")
        ring = driver.pipeline.out
        return {
            "said": said,
            "syncs": syncs,
            "pushed": ring.pushed,
            "taken": ring.popped,
            "durable": writer.durable_seq,
            "last": writer.last_ring_seq,
        }


def halted(directory: Path, mode: str) -> dict[str, Any]:
    """Half a day, then a sync fails once, then the other half, with an order for each tick."""
    logging.disable()
    kill = KillWord.private()
    out: dict[str, Any] = {}
    with ExitStack() as stack:
        day = Day.make(stack, 2_000)
        arm(directory)
        # Nothing is synced before commit() asks for it.
        late = {} if mode == "page-cache" else {"commit_us": 10**9, "commit_records": 1 << 20}
        writer = JournalWriter(directory, session={}, durability=mode, kill=kill, **late)
        driver = day.driver(Passthrough(every=1), journal=writer, kill=kill)
        half = len(day.slots) // 64 // 2 * 64
        driver.run(np.ascontiguousarray(day.slots[:half]))
        arm(directory, at=1, kind="EIO", only="d")
        try:
            writer.commit()
        except JournalError as error:
            out["said"] = str(error)
        sent = driver.pipeline.risk.totals["gate_sent"]
        try:
            driver.run(np.ascontiguousarray(day.slots[half:]))
        except JournalError as error:
            out["later"] = str(error)
        totals = driver.pipeline.risk.totals
        out |= {
            "sent": sent,
            "sent_later": totals["gate_sent"] - sent,
            "stopped": totals["gate_killed"] + totals["orders"] - totals["accepted"],
            "segments": writer.segment_id,
            "durable": writer.durable_seq,
            "last": driver.pipeline.ring_seq,
            "killed": kill.reason.name,
        }
    out["read"] = JournalReader(directory).last_ring_seq
    return out


if __name__ == "__main__":
    which, where, *rest = sys.argv[1:]
    if which == "failing":
        result = failing(Path(where), rest[0], rest[1], int(rest[2]))
    elif which == "halted":
        result = halted(Path(where), rest[0])
    else:
        result = orders(Path(where), rest[0], int(rest[1]))
    print(json.dumps(result))
