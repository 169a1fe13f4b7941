from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypedDict, final

from numpy.typing import NDArray
from typing_extensions import Buffer, Unpack

from tectra.core.errlog import ErrorLog
from tectra.core.kill import KillWord
from tectra.journal.options import JournalOptions

_Bytes: TypeAlias = Buffer | NDArray[Any]

class _Options(TypedDict, total=False):
    segment_slots: int
    daily: bool
    clock_domain: str
    run_seed: int
    epoch: int | None
    base_ring_seq: int
    durability: str
    commit_us: int
    commit_records: int
    reserve_bytes: int | None
    seal: bool
    kill: KillWord | None
    errors: ErrorLog | None

@final
class JournalWriter:
    path: Path
    closed: bool
    options: JournalOptions
    sends_wait: bool
    def __new__(
        cls, path: str | Path, *, session: dict[str, object], **options: Unpack[_Options]
    ) -> JournalWriter: ...
    def append(self, record: _Bytes) -> int: ...
    def append_many(self, slots: _Bytes) -> int: ...
    def commit(self) -> None: ...
    def wait_durable(self, seq: int, timeout: float | None = None) -> bool: ...
    def flush(self) -> None: ...
    def prepare(self) -> None: ...
    def rotate(self) -> None: ...
    def close(self, result: dict[str, object] | None = None) -> None: ...
    def stats(self) -> dict[str, int | bool]: ...
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
    @property
    def durability(self) -> str: ...
    @property
    def durable_seq(self) -> int: ...
    @property
    def low_space(self) -> bool: ...
