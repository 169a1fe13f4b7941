from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias, final

from numpy.typing import NDArray
from typing_extensions import Buffer

_Bytes: TypeAlias = Buffer | NDArray[Any]

class _Slots(Protocol):
    def slots(self) -> Iterator[_Bytes]: ...

class RunDigest(NamedTuple):
    inputs: str
    outputs: str
    input_records: int
    output_records: int
    note_records: int

@final
class Digest:
    def __new__(cls) -> Digest: ...
    def update(self, slots: _Bytes) -> None: ...
    @property
    def slots(self) -> int: ...
    def value(self) -> tuple[int, int]: ...
    def hexdigest(self) -> str: ...
    @property
    def state_hex(self) -> str: ...
    def copy(self) -> Digest: ...

def digest_inputs_outputs(source: _Slots | Iterable[_Bytes]) -> RunDigest: ...
