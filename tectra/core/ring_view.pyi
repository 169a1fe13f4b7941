from types import TracebackType
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import Template
from tectra.core.ring_page import RingPage

@final
class Lease: ...

@final
class Claim:
    def __new__(
        cls, ring: RingPage, template: Template | int, n: int, timeout_ns: int
    ) -> Claim: ...
    def __enter__(self) -> Any: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

@final
class Batches:
    def __new__(cls, ring: RingPage, max_slots: int, timeout_ns: int) -> Batches: ...
    @property
    def end_of_batch(self) -> bool: ...
    @property
    def records(self) -> int: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> NDArray[np.void]: ...
    def close(self) -> None: ...
