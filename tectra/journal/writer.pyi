from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, final

from numpy.typing import NDArray
from typing_extensions import Buffer

_Bytes: TypeAlias = Buffer | NDArray[Any]

SEGMENT_SLOTS: Final[int]

@final
class JournalWriter:
    path: Path
    closed: bool
    def __new__(
        cls,
        path: str | Path,
        *,
        session: dict[str, object],
        segment_slots: int = ...,
        daily: bool = False,
        clock_domain: str = "simulated",
        run_seed: int = 0,
        epoch: int | None = None,
        base_ring_seq: int = 0,
    ) -> JournalWriter: ...
    def append(self, record: _Bytes) -> int: ...
    def append_many(self, slots: _Bytes) -> int: ...
    def prepare(self) -> None: ...
    def rotate(self) -> None: ...
    def flush(self) -> None: ...
    def close(self, result: dict[str, object] | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    @property
    def segment_id(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def last_ring_seq(self) -> int: ...
    @property
    def room(self) -> int: ...
    @property
    def epoch(self) -> int: ...
