"""`[cpu]`: which thread runs on which core."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from tectra.core.config.fault import Fault
from tectra.core.config.key import flag, items, number
from tectra.core.config.section.base import Section, conflict

__all__ = ["CpuConfig"]

_THREADS = ("market_data", "strategy", "gateway", "journal", "dispatcher", "recorder", "control")


class CpuConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cores of the threads; one that is left out goes where the system puts it."""

    market_data: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the market data thread.")
    ] = None
    strategy: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the engine and strategy thread.")
    ] = None
    gateway: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the order gateway thread.")
    ] = None
    journal: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the journal thread.")
    ] = None
    dispatcher: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the dispatcher thread.")
    ] = None
    recorder: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the recorder thread.")
    ] = None
    control: Annotated[
        int | None, number("CPU number", 0, 4_095, "Core of the control server.")
    ] = None
    reserved: Annotated[
        tuple[Annotated[int, number("CPU number", 0, 4_095, "Core.")], ...],
        items("Cores that are kept for the threads above and for nothing else.", most=4_096),
    ] = ()
    numa_node: Annotated[
        int | None, number("node number", 0, 255, "Node on which shared memory should lie.")
    ] = None
    huge_pages: Annotated[bool, flag("Ask for huge pages where the host permits.")] = False
    lock_memory: Annotated[bool, flag("Keep memory from being swapped where permitted.")] = False
    realtime_priority: Annotated[
        int, number("SCHED_FIFO priority", 0, 99, "Priority of pinned threads; 0: the usual one.")
    ] = 0
    busy_poll_us: Annotated[int, number("us", 0, 1_000_000, "SO_BUSY_POLL of sockets; 0: off.")] = 0

    def threads(self) -> Mapping[str, int]:
        """Thread -> core, of the threads that have one."""
        return {n: c for n in _THREADS if (c := getattr(self, n)) is not None}

    def rules(self) -> Iterator[Fault]:
        """The two hot threads share no core."""
        if self.market_data is not None and self.market_data == self.strategy:
            yield conflict(
                "strategy", self.strategy, "another core than market_data", "give each its own"
            )
