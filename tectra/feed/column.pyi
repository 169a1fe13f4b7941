from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

__all__ = ["BESIDE", "DELTA", "HEAD_BYTES", "RAW", "decode_column", "encode_column", "plane_bytes"]

_Bytes: TypeAlias = Buffer | NDArray[Any]

RAW: Final[int]
DELTA: Final[int]
BESIDE: Final[int]
HEAD_BYTES: Final[int]

def encode_column(
    slots: _Bytes, at: NDArray[np.uint32], word: int, form: int
) -> tuple[bytes, NDArray[np.uint8]]: ...
def plane_bytes(head: Buffer, rows: int) -> int: ...
def decode_column(
    slots: _Bytes, at: NDArray[np.uint32], word: int, head: Buffer, planes: _Bytes
) -> None: ...
