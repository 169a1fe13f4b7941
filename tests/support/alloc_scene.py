"""What alloc_faults.py runs: an operation that allocates, and what may be seen of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Scene"]


def _nothing(_: Any) -> None:
    return None


@dataclass(frozen=True)
class Scene:
    """An operation that allocates, and what may be seen of the thing it works on.

    `make` gives the thing, unarmed; `act` runs armed and returns what can be compared; `look` is
    the state, again comparable: the same before and behind a failure. After a failure `act` is
    called once more on the same thing. `absorbs` are letters of calls whose failure may be borne.
    """

    name: str
    make: Callable[[], Any]
    act: Callable[[Any], Any]
    look: Callable[[Any], Any] = _nothing
    close: Callable[[Any], None] = _nothing
    absorbs: str = ""
    errors: tuple[type[BaseException], ...] = (MemoryError,)
