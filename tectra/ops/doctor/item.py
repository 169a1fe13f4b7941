"""The words of an examination: a Machine as it was found, and an Item for each question."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tectra.core.cpu import PRODUCTION_CORES
from tectra.core.shm import Segment

__all__ = ["ClockSync", "Item", "Machine", "Question", "Status", "cores_text", "size_text"]


class Status(Enum):
    """OK, something to look at, or a question that this host does not answer."""

    OK = "OK"
    WARN = "WARN"
    UNREADABLE = "not readable here"


@dataclass(frozen=True)
class Item:
    """One answer. `found` is what is there, `todo` what to do about it ("" when nothing)."""

    name: str
    status: Status
    found: str
    todo: str
    why: str


@dataclass(frozen=True)
class ClockSync:
    """What the kernel knows of its own clock (adjtimex): an upper bound of its error."""

    synchronized: bool
    error_us_max: int


@dataclass(frozen=True)
class Machine:
    """Files under `root`, and what was measured or asked of the kernel. None: it did not say.

    Sizes in bytes, times in nanoseconds. `cores` are those this process may use,
    `trading_cores` those that production wants for itself.
    """

    root: Path
    cores: tuple[int, ...]
    journal: Path
    python: str
    has_gil: bool
    is_debug: bool
    trading_cores: tuple[int, ...] = tuple(sorted(PRODUCTION_CORES.values()))
    clock_resolution_ns: int | None = None
    clock_read_ns: int | None = None
    tsc_error_ns: int | None = None
    sync: ClockSync | None = None
    page_fault_ns: int | None = None
    shm_total: int | None = None
    shm_free: int | None = None
    segments: tuple[Segment, ...] | None = None
    journal_free: int | None = None

    def text(self, path: str) -> str | None:
        """A file under the root, stripped; None where it cannot be read."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """A file that holds one number; None where it does not."""
        text = self.text(path)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None

    def limit(self, name: str) -> int | None:
        """Soft limit of this process by its name in /proc/self/limits; -1 is unlimited."""
        for line in (self.text("proc/self/limits") or "").splitlines():
            if line.startswith(name):
                value = line[len(name) :].split()[0]
                return -1 if value == "unlimited" else int(value)
        return None

    def may(self, capability: int) -> bool:
        """Does this process hold a capability (its bit in linux/capability.h)?"""
        for line in (self.text("proc/self/status") or "").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> capability & 1)
        return False


@dataclass(frozen=True)
class Question:
    """A name and why it matters; makes the items that answer it."""

    name: str
    why: str

    def ok(self, found: str) -> Item:
        """Nothing to do."""
        return Item(self.name, Status.OK, found, "", self.why)

    def warn(self, found: str, todo: str) -> Item:
        """Something to do."""
        return Item(self.name, Status.WARN, found, todo, self.why)

    def unreadable(self, where: str) -> Item:
        """This host does not say: a container, another kernel, no permission."""
        return Item(self.name, Status.UNREADABLE, where, "ask on the host itself", self.why)


def cores_text(cores: Sequence[int]) -> str:
    """Cores as a list that the kernel would take."""
    return ",".join(map(str, cores)) or "none"


def size_text(size: int) -> str:
    """Bytes for people, in binary units."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
