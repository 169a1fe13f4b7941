"""One line of a multicast feed with the faults of a network, by plan: loss, duplicates, reordering,
delay. The same seed and the same calls give the same faults.
"""

from collections.abc import Callable
from heapq import heappop, heappush

import msgspec

from tectra.core.errors import InputError
from tectra.core.rng import Random

__all__ = ["Line", "LineFaults"]


class LineFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a line does to packets, each on its own. Probabilities from 0 to 1; 1 is a dead line for
    `loss`.

    skew_ns: delay of every packet. jitter_ns: up to so much more, evenly. reorder: probability that
    a packet waits reorder_ns more, so that those behind it overtake.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_ns: int = 2_000_000
    skew_ns: int = 0
    jitter_ns: int = 0

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: 0 to 1")
        for name in ("reorder_ns", "skew_ns", "jitter_ns"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: 0 or more")


class Line:
    """Passes packets to `send`, with faults. `seed` and `number` choose them: lines of one seed
    fail independently of each other. Owned by one thread.
    """

    def __init__(
        self,
        send: Callable[[bytes], object],
        faults: LineFaults | None = None,
        *,
        seed: int = 1,
        number: int = 0,
    ) -> None:
        self.faults = faults if faults is not None else LineFaults()
        self.offered = self.sent = self.lost = self.duplicated = self.reordered = 0
        self._send = send
        self._rng = Random(seed).spawn(number)
        self._waiting: list[tuple[int, int, bytes]] = []
        self._order = 0

    @property
    def waiting(self) -> int:
        """Packets that are delayed."""
        return len(self._waiting)

    @property
    def next_ns(self) -> int | None:
        """When the next delayed packet leaves; None without any."""
        return self._waiting[0][0] if self._waiting else None

    def publish(self, packet: bytes, now_ns: int) -> None:
        """Take one packet; it leaves at once when it has no delay."""
        faults, rng = self.faults, self._rng
        self.offered += 1
        # All four are drawn every time, so that one fault's plan does not depend on another's.
        lost, doubled = rng.chance(faults.loss), rng.chance(faults.duplicate)
        late = rng.chance(faults.reorder)
        jitter = rng.integers(0, faults.jitter_ns + 1)
        again = rng.integers(0, faults.jitter_ns + faults.reorder_ns + 1)
        if lost:
            self.lost += 1
            return
        due = now_ns + faults.skew_ns + jitter
        self.reordered += late
        self._push(due + faults.reorder_ns * late, packet)
        if doubled:
            self.duplicated += 1
            self._push(due + again, packet)
        self.do_work(now_ns)

    def _push(self, due_ns: int, packet: bytes) -> None:
        self._order += 1
        heappush(self._waiting, (due_ns, self._order, packet))

    def do_work(self, now_ns: int) -> int:
        """Send what is due; returns how many packets that was."""
        before = self.sent
        while self._waiting and self._waiting[0][0] <= now_ns:
            self._send(heappop(self._waiting)[2])
            self.sent += 1
        return self.sent - before
