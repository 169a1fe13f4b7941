from enum import IntEnum
from typing import final

class IdlePolicy(IntEnum):
    SPIN = 0
    YIELD = 1
    BACKOFF = 2
    PARK = 3

@final
class Idle:
    def __new__(
        cls,
        policy: IdlePolicy = ...,
        *,
        spins: int = 2000,
        yields: int = 100,
        sleep_min_ns: int = 10_000,
        sleep_max_ns: int = 1_000_000,
        park_max_ns: int = 20_000_000,
    ) -> Idle: ...
    def step(self, work: int) -> None: ...
    def reset(self) -> None: ...
    def wake(self) -> None: ...
    @property
    def policy(self) -> IdlePolicy: ...
    @policy.setter
    def policy(self, policy: IdlePolicy) -> None: ...
    @property
    def spins(self) -> int: ...
    @property
    def yields(self) -> int: ...
    @property
    def sleeps(self) -> int: ...
    @property
    def parks(self) -> int: ...
