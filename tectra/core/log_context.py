"""What a log line knows about where it was said: the span, and the ids that tie lines together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import NamedTuple, ParamSpec, TypeVar

from tectra.core.errors import InputError

__all__ = ["Place", "carry", "place", "span"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_ID_CHARS_MAX = 64


class Place(NamedTuple):
    """Span path ("run/load"; empty outside) and correlation ids of the running code."""

    span: str = ""
    trace_id: int | str | None = None
    decision_id: int | str | None = None


_PLACE: ContextVar[Place] = ContextVar("tectra_log_place", default=Place())  # noqa: B039  a tuple


def place() -> Place:
    """Where the running code is."""
    return _PLACE.get()


def _checked(name: str, value: int | str | None) -> int | str | None:
    if isinstance(value, str) and not 0 < len(value) <= _ID_CHARS_MAX:
        raise InputError(f"{name}: found {len(value)} characters; allowed: 1 to {_ID_CHARS_MAX}")
    return value


@contextmanager
def span(
    name: str, *, trace_id: int | str | None = None, decision_id: int | str | None = None
) -> Iterator[Place]:
    """Lines said inside carry the span and the ids; an id that is not given is that of the span
    around.

    Ids are the caller's, such as the ring_seq of the record that is worked on, so that a replay
    says the same. Costs about 2 us: around commands and decisions, not around records.
    """
    if not name:
        raise InputError("span: found an empty name; allowed: a word for what is done inside")
    outer = _PLACE.get()
    trace_id = _checked("trace_id", trace_id)
    decision_id = _checked("decision_id", decision_id)
    inner = Place(
        f"{outer.span}/{name}" if outer.span else name,
        outer.trace_id if trace_id is None else trace_id,
        outer.decision_id if decision_id is None else decision_id,
    )
    token = _PLACE.set(inner)
    try:
        yield inner
    finally:
        _PLACE.reset(token)


def carry(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function with the present span and ids, to be called on another thread: threads begin
    without any. One call at a time.
    """
    context = copy_context()

    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        return context.run(function, *args, **kwargs)

    return carried
