from collections.abc import Mapping as _MappingOf
from enum import IntEnum
from typing import NamedTuple, final

from tectra.core.shared_page import SharedPage

class Place(IntEnum):
    BOOK = 1
    FEED = 2
    ORDERS = 3
    POSITION = 4
    RISK = 5
    GATE = 6
    JOURNAL = 7
    RING = 8
    STRATEGY = 9
    CLOCK = 10
    CONTROL = 11

USER_PLACE_MIN: int

class ErrorEntry(NamedTuple):
    place: int
    code: int
    total: int
    first_seq: int
    last_seq: int
    first_ns: int
    last_ns: int
    def text(self, places: _MappingOf[int, str] | None = None) -> str: ...

@final
class ErrorLog(SharedPage):
    capacity: int
    @staticmethod
    def create(name: str, capacity: int = 256) -> ErrorLog: ...
    @staticmethod
    def attach(name: str, *, writable: bool = False) -> ErrorLog: ...
    @staticmethod
    def private(capacity: int = 256) -> ErrorLog: ...
    def note(self, place: int, code: int, ring_seq: int, ts_ns: int) -> bool: ...
    def entries(self) -> list[ErrorEntry]: ...
    @property
    def lost(self) -> int: ...
