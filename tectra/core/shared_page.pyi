from types import TracebackType
from typing import Self

from tectra.core.shm import Mapping

class SharedPage:
    mapping: Mapping
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    @property
    def owner_pid(self) -> int: ...
