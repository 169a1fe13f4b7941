"""Is a feed in time order? One that is not is refused, or sorted where it is not far off."""

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import FileFormatError, InputError
from tectra.feed.batch import Rows, gather, scan
from tectra.feed.protocol import Feed, Slots
from tectra.feed.relay import Relay
from tectra.feed.selection import TimeBy, key_of

__all__ = ["OrderedFeed"]


class OrderedFeed(Relay):
    """A feed in the order of its times; equal times keep their order. One owner thread.

    A record that is earlier than the one before it is counted in `out_of_order`, `back_ns_max` says
    by how much at most. With `sort_window_ns` records wait until the feed is that much further, and
    leave sorted. One that comes later still, or any without a window, raises FileFormatError with
    its number.
    """

    def __init__(
        self, feed: Feed, name: str = "feed", *, by: TimeBy = "recv", sort_window_ns: int = 0
    ) -> None:
        if sort_window_ns < 0:
            raise InputError(f"sort_window_ns: found {sort_window_ns}; allowed: 0 and more")
        super().__init__(feed)
        self.name, self.by, self._window = name, by, sort_window_ns
        self.records = 0
        self.out_of_order = 0
        self.back_ns_max = 0
        self._last: int | None = None
        self._left: int | None = None
        self._held: list[tuple[NDArray[np.int64], Slots, Rows]] = []
        self._held_slots = 0
        self._ended = False

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """The next records in order, or None. With a window a batch may be larger than asked."""
        while not self._ended:
            batch = self._feed.next_batch(max_slots)
            if batch is None:
                self._ended = True
                break
            if not len(batch):
                continue
            rows = scan(batch)
            key = np.ascontiguousarray(key_of(rows, self.by))
            self._count(key)
            if not self._window:
                return batch
            self._held.append((key, batch, rows))
            self._held_slots += len(batch) // 64
            out = self._release(max_slots)
            if out is not None and len(out):
                return out
        return self._drain() if self._held else None

    def _count(self, key: NDArray[np.int64]) -> None:
        """Records earlier than one before them; refuse those that no window mends."""
        before = key[0] if self._last is None else self._last
        peak = np.maximum.accumulate(np.concatenate(([before], key)))
        back = np.flatnonzero(key < peak[:-1])
        if len(back):
            self.out_of_order += len(back)
            self.back_ns_max = max(self.back_ns_max, int((peak[back] - key[back]).max()))
            late = back
            if self._window:
                late = back[:0] if self._left is None else back[key[back] < self._left]
            if len(late):
                self._refuse(int(late[0]), int(key[late[0]]), int(peak[late[0]]))
        self.records += len(key)
        self._last = int(peak[-1])

    def _refuse(self, at: int, key: int, peak: int) -> None:
        within = f" within {self._window} ns" if self._window else ""
        other = "event" if self.by == "recv" else "recv"
        raise FileFormatError(
            f"{self.name}: record {self.records + at:,}: ts_{self.by}_ns {key} goes back by "
            f"{peak - key} ns; allowed: times in order{within}; give a sort window above "
            f"{peak - key} ns, or order it by {other}"
        )

    def _joined(self) -> tuple[NDArray[np.int64], Slots, Rows]:
        key = np.concatenate([k for k, _, _ in self._held])
        slots = np.concatenate([s for _, s, _ in self._held])
        return key, slots, scan(slots)

    def _release(self, max_slots: int) -> Slots | None:
        """What is older than the window, once there is enough of it to be worth a sort."""
        last = self._last or 0
        until = last - self._window
        if self._held[0][0].min() > until or self._held_slots < 2 * max_slots:
            return None
        key, slots, rows = self._joined()
        order = np.argsort(key, kind="stable")
        cut = int(np.searchsorted(key[order], until, side="right"))
        if cut == 0:
            return None
        out = gather(slots, rows.slot[order[:cut]])
        rest = np.sort(order[cut:])
        self._held, self._held_slots = [], 0
        if len(rest):
            kept = gather(slots, rows.slot[rest])
            self._held = [(key[rest], kept, scan(kept))]
            self._held_slots = len(kept) // 64
        self._left = until
        return out

    def _drain(self) -> Slots:
        key, slots, rows = self._joined()
        self._held = []
        return gather(slots, rows.slot[np.argsort(key, kind="stable")])
