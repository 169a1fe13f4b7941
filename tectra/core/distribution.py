"""Market data to the runners of symbols, on the data bus."""

from collections.abc import Iterable

from tectra.core.bcast import EVERYONE
from tectra.core.bus import MemoryDataBus, Policy, Subscription
from tectra.core.errors import InputError

__all__ = ["Distribution"]

CAPACITY = 4096
TIMEOUT_NS = 1_000_000_000
_BITS = 64


def _instrument_of(record: bytes) -> int:
    return int.from_bytes(record[32:36], "little")


class Distribution:
    """Market data to the runners of symbols: each tick once to each runner that wants its
    instrument.

    Owner thread: any number publish, each runner reads in a thread of its own. `policy` and
    `capacity` (slots of 64 bytes, a power of two from 8) are those of a runner that gives none:
    BLOCK loses nothing and holds the feed back; the others tell what was lost. `shared`: slots of
    the ring that DROP_OLDEST runners follow.
    """

    def __init__(
        self, *, policy: Policy = Policy.BLOCK, capacity: int = CAPACITY, shared: int = CAPACITY
    ) -> None:
        self._bus = MemoryDataBus(capacity=shared)
        self._policy, self._capacity = policy, capacity

    @staticmethod
    def tag_of(instrument_id: int) -> int:
        """The tag bit of an instrument; instruments 64 apart share one, 0 has them all."""
        return EVERYONE if instrument_id == 0 else 1 << instrument_id % _BITS

    def add_runner(
        self,
        name: str,
        instruments: Iterable[int],
        *,
        policy: Policy | None = None,
        capacity: int | None = None,
    ) -> Subscription:
        """A runner that wants the ticks of these instruments, and those of instrument 0."""
        ids = frozenset(instruments)
        if not ids or not all(0 < i < 2**32 for i in ids):
            raise InputError(
                f"instruments of {name!r}: found {ids}; allowed: ids from 1, at least one"
            )
        mask = 0
        for instrument_id in ids:
            mask |= self.tag_of(instrument_id)
        return self._bus.subscribe(
            name,
            mask,
            policy=policy or self._policy,
            capacity=capacity or self._capacity,
            instruments=ids,
        )

    def remove_runner(self, runner: Subscription) -> None:
        """Stop feeding it."""
        self._bus.unsubscribe(runner)

    def runners(self) -> list[Subscription]:
        """Whoever is fed now."""
        return self._bus.subscriptions()

    def publish(self, record: bytes, timeout_ns: int = TIMEOUT_NS) -> None:
        """To every runner that wants it, waiting for those that must not lose; RingFullError."""
        self._bus.publish(record, self.tag_of(_instrument_of(record)), timeout_ns)

    def try_publish(self, record: bytes) -> bool:
        """The same without waiting: False when a runner that must not lose lost it."""
        return self._bus.try_publish(record, self.tag_of(_instrument_of(record)))
