import socket as _socket
from types import TracebackType
from typing import NamedTuple, Self, final

class UringSupport(NamedTuple):
    usable: bool
    reason: str

def uring_support() -> UringSupport: ...

@final
class UringReceiver:
    received: int
    truncated: int
    errors: int
    submits: int
    def __new__(
        cls, socket: _socket.socket, *, slots: int = 64, slot_bytes: int = 2048
    ) -> Self: ...
    def poll(self, limit: int = 64) -> list[bytes]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
