from collections.abc import Iterable
from typing import Any, Final, Self, TypeAlias, final

import numpy as np

from tectra.core.msg import Template

__all__ = ["NUMBER", "Columns", "RecordColumns", "record_columns"]

NUMBER: Final[str]

Columns: TypeAlias = dict[Template, dict[str, np.ndarray[Any, np.dtype[Any]]]]

_Slots: TypeAlias = bytes | bytearray | memoryview | np.ndarray[Any, np.dtype[Any]]
_Template: TypeAlias = Template | int | str

@final
class RecordColumns:
    def __new__(
        cls,
        templates: _Template | Iterable[_Template] | None = None,
        *,
        fields: str | Iterable[str] | None = None,
        numbered: bool = False,
    ) -> Self: ...
    @property
    def numbered(self) -> bool: ...
    @property
    def records(self) -> int: ...
    @property
    def rows(self) -> dict[Template, int]: ...
    def add(self, slots: _Slots) -> int: ...
    def take(self) -> Columns: ...

def record_columns(
    slots: _Slots,
    templates: _Template | Iterable[_Template] | None = None,
    *,
    fields: str | Iterable[str] | None = None,
    numbered: bool = False,
) -> Columns: ...
