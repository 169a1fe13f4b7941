"""What every section is: frozen, with known keys only, checked when made."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from tectra.core.config.fault import Fault, Path, error_of
from tectra.core.config.key import Key, keys_of
from tectra.core.config.value import Refused, accept, accept_free, found_text

__all__ = ["Section", "conflict"]


def _faults(key: Key, value: Any, path: Path) -> Iterator[Fault]:
    if value is None and key.optional:
        return
    if key.kind in ("list", "table", "free") and isinstance(value, tuple | dict):
        if len(value) > key.longest:
            found = f"{len(value)} entries"
            yield Fault(path=path, found=found, allowed=f"up to {key.longest}")
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, entry in pairs:
            if key.item is not None:
                yield from _faults(key.item, entry, (*path, name))
            else:
                yield from _taken(key, entry, (*path, name), free=str(name))
        return
    if key.kind == "section" and isinstance(value, key.section):
        return  # it was checked when it was made
    if key.kind in ("list", "table", "free", "section"):
        yield Fault(path=path, found=found_text(value), allowed=key.allowed())
        return
    yield from _taken(key, value, path)


def _taken(key: Key, value: Any, path: Path, free: str = "") -> Iterator[Fault]:
    try:
        accept_free(free, value) if free else accept(key, value)
    except Refused as error:
        yield Fault(
            path=path, found=error.found, allowed=error.allowed, fix=error.fix, kind=error.kind
        )


def conflict(key: str, found: Any, allowed: str, fix: str = "", *, kind: str = "") -> Fault:
    """A fault between keys of one section, told at one of them."""
    return Fault(path=(key,), found=found_text(found), allowed=allowed, fix=fix, kind=kind)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration. Immutable, any thread.

    LIVE names the keys that may change while an engine runs. A section that is made in Python is
    checked like one that is read: ConfigError with every fault.
    """

    LIVE: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        found: list[Fault] = []
        for name, key in keys_of(type(self)).items():
            found += _faults(key, getattr(self, name), (name,))
        if not found:
            found += self.rules()
        if found:
            raise error_of(found)

    def rules(self) -> Iterator[Fault]:
        """What must hold between the keys; a section with such rules says them here."""
        yield from ()
