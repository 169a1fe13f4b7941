"""What can be chosen for a journal when it is made, and how a failed system call is told.

Pure values, any thread.
"""

import errno
import os
from collections.abc import Collection, Mapping

import msgspec

from tectra.core.errlog import ErrorLog
from tectra.core.errors import JournalError, JournalFullError
from tectra.core.kill import KillWord
from tectra.journal.manifest import DURABILITY
from tectra.journal.scan import CLOCK_DOMAINS, crc32c

__all__ = [
    "GONE",
    "RESERVE_BYTES",
    "SEGMENT_SLOTS",
    "JournalOptions",
    "JournalSettings",
    "epoch_of",
    "journal_error",
]

SEGMENT_SLOTS = 2**18
RESERVE_BYTES = 64 << 20
_CAPACITY_MAX = 2**30
GONE = (
    "the directory was deleted, moved, or another is in its place; begin a new run in another one"
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user chooses for a journal, whatever the run; JournalError for a value out of range.

    `commit_us`, `commit_records`: of group-commit, how long a record waits at most for its sync to
    begin, and how many may wait. `reserve_bytes` None: 64 MiB for a run in real time, 0 otherwise.
    """

    segment_slots: int = SEGMENT_SLOTS
    daily: bool = False
    durability: str = "page-cache"
    commit_us: int = 1000
    commit_records: int = 4096
    reserve_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no journal can be made with."""
        if not 2 <= self.segment_slots <= _CAPACITY_MAX:
            raise JournalError(
                f"segment_slots is {self.segment_slots}; allowed are 2 to {_CAPACITY_MAX}"
            )
        _check_choice("durability", self.durability, DURABILITY)
        for name, highest in (("commit_us", 10**9), ("commit_records", 2**32)):
            found = getattr(self, name)
            if not 1 <= found <= highest:
                raise JournalError(f"{name} is {found}; allowed are 1 to {highest}")
        if self.reserve_bytes is not None and self.reserve_bytes < 0:
            raise JournalError(f"reserve_bytes is {self.reserve_bytes}; allowed are 0 and more")


class JournalOptions(JournalSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keyword arguments of JournalWriter beside `session`: the settings, and what the run says.

    `kill` (a KillWord) and `errors` (an ErrorLog) are closed by their owner behind the writer.
    """

    clock_domain: str = "simulated"
    run_seed: int = 0
    epoch: int | None = None
    base_ring_seq: int = 0
    seal: bool = True
    kill: KillWord | None = None
    errors: ErrorLog | None = None

    def __post_init__(self) -> None:
        """Refuse what no journal can be made with."""
        super().__post_init__()
        _check_choice("clock_domain", self.clock_domain, CLOCK_DOMAINS)

    @property
    def reserve(self) -> int:
        """Bytes to keep in reserve."""
        if self.reserve_bytes is not None:
            return self.reserve_bytes
        return RESERVE_BYTES if self.clock_domain == "realtime" else 0


def _check_choice(name: str, found: str, allowed: Collection[str]) -> None:
    if found not in allowed:
        raise JournalError(f"{name} is {found!r}; allowed are {', '.join(allowed)}")


def journal_error(error: OSError, what: str, *, after: str = "") -> JournalError:
    """What to raise for a failed system call on a file of a journal; `after`: what a full disk
    leaves, as a sentence.
    """
    reason = os.strerror(error.errno or 0)
    if error.errno in _FULL:
        return JournalFullError(
            f"no space for {what}: {reason}; free disk space or raise the quota, or use smaller "
            f"segments{after and f'. {after}'}"
        )
    advice = GONE if error.errno == errno.ENOENT else "check the disk and its permissions"
    return JournalError(f"cannot make {what}: {reason}; {advice}")


def epoch_of(session: Mapping[str, object]) -> int:
    """Epoch of a run: equal sessions have equal epochs, so that equal runs write equal files.

    Raises JournalError when the session is not made of JSON values.
    """
    try:
        text = msgspec.json.encode(session, order="sorted")
    except (TypeError, ValueError, OverflowError) as error:
        raise JournalError(
            f"session must be a dict of plain JSON values (text, numbers, lists, dicts): {error}"
        ) from error
    return crc32c(text) << 32 | crc32c(text, 0x9E3779B9)
