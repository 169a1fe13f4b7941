from typing import NamedTuple, final

class Segment(NamedTuple):
    name: str
    kind: str
    bytes: int
    owner_pid: int
    owner_alive: bool
    heartbeat_ns: int

@final
class Mapping:
    bytes: int
    name: str
    writable: bool
    @property
    def path(self) -> str | None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def is_owner(self) -> bool: ...
    def close(self) -> None: ...

def unlink(name: str) -> bool: ...
def reclaim(name: str) -> Segment: ...
def segments() -> list[Segment]: ...
