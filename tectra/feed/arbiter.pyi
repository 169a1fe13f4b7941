from enum import IntEnum
from typing import final

import msgspec

from tectra.feed.sequence import SequenceState

REPLY: int

class PacketKind(IntEnum):
    OLD = 0
    NEW = 1
    AHEAD = 2
    BEAT = 3
    SESSION = 4
    STRAY = 5

class ArbiterSettings(msgspec.Struct, frozen=True, kw_only=True):
    lines: int = 1
    window: int = 65_536
    message_bytes: int = 56
    hold_ns: int = ...
    settle_ns: int = 0
    dead_ns: int = ...

class LineCounts(msgspec.Struct, frozen=True, kw_only=True):
    packets: int
    messages: int
    heartbeats: int
    duplicates: int
    first: int
    ahead: int
    lost: int
    late: int
    stray: int
    latest: int
    last_ns: int
    ended: bool

@final
class Arbiter:
    settings: ArbiterSettings
    def __new__(
        cls, settings: ArbiterSettings | None = None, *, start: int = 1, now_ns: int = 0
    ) -> Arbiter: ...
    def offer(
        self, line: int, data: bytes | bytearray | memoryview, *, now_ns: int, ts_recv_ns: int = 0
    ) -> tuple[PacketKind, list[bytes], int]: ...
    def drain(self) -> list[bytes]: ...
    def missing(self, now_ns: int) -> tuple[int, int] | None: ...
    def gap(self, now_ns: int) -> tuple[int, int] | None: ...
    def lose(self, last: int) -> int: ...
    def hold(self, on: bool) -> None: ...
    def start_session(self, session: bytes, start: int = 1) -> None: ...
    @property
    def session(self) -> bytes: ...
    @property
    def expected(self) -> int: ...
    @property
    def highest(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def ended(self) -> bool: ...
    @property
    def state(self) -> SequenceState: ...
    def is_live(self, line: int, now_ns: int) -> bool: ...
    def line(self, line: int) -> LineCounts: ...
    def counts(self) -> dict[str, int]: ...
