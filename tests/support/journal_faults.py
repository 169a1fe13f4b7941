"""A process whose k-th system call on a journal fails, or is its last. A program for the preloaded
library io_fault.c; prints one JSON line for each case that went wrong, and one at the end.

usage: journal_faults.py DIRECTORY MODE FIRST STEP KIND...   KIND: an errno's name, short, kill
"""

import ctypes
import errno
import fcntl
import json
import os
import shutil
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from journal_records import stream

from tectra.core.errors import JournalError, TectraError
from tectra.core.kill import KillWord
from tectra.journal import JournalReader, JournalWriter, verify

OPERATIONS = 200
FAIL, HALF, KILL_BEFORE, KILL_BEHIND = 1, 2, 3, 4
RECORDS = stream(OPERATIONS, seed=33)
COMMIT_EVERY = 8


def library() -> ctypes.CDLL:
    """The preloaded functions."""
    found = ctypes.CDLL(None)
    found.io_fault_arm.argtypes = [
        ctypes.c_char_p, ctypes.c_char, ctypes.c_long, ctypes.c_int, ctypes.c_int,
    ]  # fmt: skip
    found.io_fault_seen.restype = ctypes.c_long
    found.io_fault_log.restype = ctypes.c_char_p
    found.io_fault_note.argtypes = [ctypes.c_char]
    return found


def arm(directory: Path, *, at: int = 0, kind: str = "count", only: str = "") -> None:
    """Prepare the k-th call. `kill` dies before the call when k is odd, behind it when even."""
    action, error = FAIL, errno.EIO
    if kind == "count":
        at = 0
    elif kind == "short":
        action, error = HALF, errno.ENOSPC
    elif kind == "kill":
        action = KILL_BEFORE if at % 2 else KILL_BEHIND
    else:
        error = getattr(errno, kind)
    letter = only.encode() or b"\0"
    library().io_fault_arm(os.fsencode(directory), letter, at, action, error)


def operate(directory: Path, mode: str, tell: Any) -> None:
    """Append and commit; `tell(letter, number)` is what a caller was promised."""
    kill = KillWord.private()
    writer = JournalWriter(
        directory,
        session={"faults": mode},
        segment_slots=40,
        durability=mode,
        reserve_bytes=4096,
        kill=kill,
    )
    tell("o", 0)
    for number, body in enumerate(RECORDS, 1):
        tell("a", writer.append(body))
        if number % COMMIT_EVERY == 0:
            writer.commit()
            tell("d", writer.durable_seq)
    writer.close({"whole": True})
    tell("c", 0)


def child(directory: Path, mode: str, pipe: int) -> int:
    """What the process with the fault does; its exit code."""

    def tell(letter: str, number: int) -> None:
        os.write(pipe, f"{letter}{number}\n".encode())

    try:
        operate(directory, mode, tell)
    except TectraError as error:
        tell("e", 0)
        return 0 if len(str(error).splitlines()) == 1 else 3
    except BaseException:  # noqa: BLE001  nothing else may come out of a journal
        traceback.print_exc()
        return 4
    finally:
        tell("n", library().io_fault_seen())
    return 0


def told(pipe: int) -> dict[str, int]:
    """The last number behind each letter."""
    with os.fdopen(pipe) as said:
        return {line[0]: int(line[1:]) for line in said.read().split("\n") if line}


def wrong(directory: Path, said: dict[str, int], status: int, kind: str) -> str:
    """What is not as it should be afterwards; empty when all is."""
    if kind == "kill" and os.WIFSIGNALED(status):
        status = 0
    if status:
        return f"ended with status {status}"
    if not (directory / "manifest.json").exists():
        if "o" in said:
            return "no manifest behind an open journal"
        left = sorted(p.name for p in directory.iterdir()) if directory.exists() else []
        return f"left {left}" if left and kind != "kill" else ""
    got = [bytes(view) for _, view in JournalReader(directory).records()]
    if got != RECORDS[: len(got)]:
        return "a wrong record"
    if len(got) < max(said.get("a", 0), said.get("d", 0)):
        return f"{len(got)} records of {said}"
    report = verify(directory)
    if not report.ok:
        return "\n".join(report.lines())
    if "c" in said and (not report.closed or len(got) != OPERATIONS):
        return f"closed with {len(got)} records"
    with (directory / "journal.lock").open("a") as lock:  # nobody holds it any more
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        JournalWriter(directory, session={}).close()
    except JournalError as error:
        return "" if "earlier run" in str(error) else str(error)
    return "a second run was let in"


def case(directory: Path, mode: str, at: int, kind: str) -> tuple[str, str, int]:
    """Run one case: what was wrong, how it ended, and how many calls there were."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        arm(directory, at=at, kind=kind)
        os._exit(child(directory, mode, send))
    os.close(send)
    said = told(receive)
    _, status = os.waitpid(pid, 0)
    fault = wrong(directory, said, status, kind)
    shutil.rmtree(directory, ignore_errors=True)
    ended = "closed" if "c" in said else "refused" if "e" in said else "killed"
    return fault, ended, said.get("n", 0)


def main() -> None:
    """All k from FIRST in steps of STEP; with several kinds, each k gets the next one."""
    root, mode, first, step, *kinds = sys.argv[1:]
    directory = Path(root) / "j"
    _, _, calls = case(directory, mode, 0, "count")
    ends: Counter[str] = Counter()
    for at in range(int(first), calls + 5, int(step)):
        kind = kinds[at % len(kinds)]
        fault, ended, _ = case(directory, mode, at, kind)
        ends[ended] += 1
        if fault:
            print(json.dumps({"at": at, "kind": kind, "fault": fault}))
    print(json.dumps({"calls": calls, **ends}))


if __name__ == "__main__":
    main()
