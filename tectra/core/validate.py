"""Checks of records that come from elsewhere: another process, a file, a socket.

decode() checks what is needed to read: schema id, version, template, block length. Here every
numbered field must also hold a number that the schema names. Rings and journals of our own are
checked when they are attached and opened; this is for the edge, some 5 us a record.
"""

from collections.abc import Iterator
from enum import IntFlag
from typing import TypeAlias

import numpy as np

from tectra.core.errors import FileFormatError
from tectra.core.msg import ENUMS, Template
from tectra.core.record import Record, decode

__all__ = ["validate", "validate_stream"]

_Buffer: TypeAlias = (
    bytes | bytearray | memoryview | np.ndarray[tuple[int, ...], np.dtype[np.generic]]
)
_SLOT_BYTES = 64
_HEADER_BYTES = 8

# 0 is "not said" in every numbered field.
_VALUES: dict[Template, tuple[tuple[str, frozenset[int]], ...]] = {
    template: tuple(
        (name, frozenset(map(int, kind)) | {0})
        for name, kind in fields.items()
        if not issubclass(kind, IntFlag)
    )
    for template, fields in ENUMS.items()
}
_BITS: dict[Template, tuple[tuple[str, int], ...]] = {
    template: tuple(
        (name, sum(map(int, kind))) for name, kind in fields.items() if issubclass(kind, IntFlag)
    )
    for template, fields in ENUMS.items()
}


def _refuse(record: Record, name: str, found: int) -> FileFormatError:
    kind = ENUMS[record.template][name]
    allowed = ", ".join(f"{member.value} {member.name}" for member in kind)
    what = "bits of" if issubclass(kind, IntFlag) else "0 or one of"
    return FileFormatError(
        f"{record.template_name}.{name}: found {found}; allowed: {what} {allowed}; was it written "
        "by a newer tectra, or is it damaged?"
    )


def validate(buffer: _Buffer, offset: int = 0) -> Record:
    """The record at byte `offset`, checked in full and read in place.

    Raises TruncatedInputError, LayoutVersionError for another schema version, FileFormatError for
    another schema, an unknown template, a wrong block length, or a number without a name.
    """
    record = decode(buffer, offset)
    for name, values in _VALUES.get(record.template, ()):
        found = record[name]
        # None: a field newer than the record.
        if found is not None and found not in values:
            raise _refuse(record, name, record.get_int(name))
    for name, bits in _BITS.get(record.template, ()):
        if record[name] is not None and record.get_int(name) & ~bits:
            raise _refuse(record, name, record.get_int(name))
    return record


def validate_stream(slots: _Buffer) -> Iterator[Record]:
    """Each record of a stream of slots, in order, checked in full; zero slots are skipped. The
    error names the byte at which the wrong record begins.
    """
    view = memoryview(slots).cast("B")  # type: ignore[arg-type]
    at = 0
    while at < len(view):
        if not any(view[at : at + _HEADER_BYTES]):
            at += _SLOT_BYTES
            continue
        try:
            record = validate(view, at)
        except FileFormatError as error:
            error.add_note(f"the record begins at byte {at}")
            raise
        yield record
        at += record.nbytes
