"""SCHEMA_LOCK: what has been released cannot change. Adding to it can.

The lock lists every record with its id, size and fields, and every value of an enumeration. A
schema that lacks or changes one of them is refused; one that adds fields, records or values with
`sinceVersion` passes, and asks for a new lock.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from tectra.schema.model import Field, Message, Schema

__all__ = ["Change", "LockError", "compare", "lock_text", "parse_lock"]

_NOTE = "# Generated from schema.xml by `python -m tectra.schema --lock`; it is what is released."


class LockError(ValueError):
    """SCHEMA_LOCK cannot be read; the message says where."""


@dataclass(frozen=True)
class Change:
    """One difference between a lock and a schema; `is_fault`: it breaks what is released."""

    what: str
    is_fault: bool


@dataclass(frozen=True)
class _Record:
    name: str
    attributes: dict[str, str]
    fields: dict[str, tuple[str, str]]  # by id: name, layout


@dataclass(frozen=True)
class _Lock:
    id: int
    version: int
    records: dict[str, _Record]  # by id
    values: dict[str, dict[str, str]]  # by enumeration: number -> name


def _layout(field: Field) -> str:
    return f"@{field.offset} {field.primitive}x{field.length} since={field.since_version}"


def _digest(message: Message) -> str:
    """Of ids, offsets and types: names may change."""
    text = "\n".join(f"{f.id} {_layout(f)}" for f in message.fields)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lines(schema: Schema) -> Iterator[str]:
    yield _NOTE
    yield f"schema {schema.id} version {schema.version}"
    for enum in schema.enums.values():
        yield f"enum {enum.name} {enum.encoding}"
        yield from (f"  {number} {name}" for name, number in enum.values)
    for message in schema.messages.values():
        yield (
            f"record {message.name} id={message.id} size={message.size} "
            f"since={message.since_version} direction={message.direction} "
            f"layout={_digest(message)}"
        )
        yield from (f"  {field.id} {field.name} {_layout(field)}" for field in message.fields)
    yield ""


def lock_text(schema: Schema) -> str:
    """The lock of a schema."""
    return "\n".join(_lines(schema))


def parse_lock(text: str) -> _Lock:
    """Read a lock; raises LockError."""
    lock: _Lock | None = None
    record: _Record | None = None
    values: dict[str, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        try:
            if not words or words[0] == "#" or line.startswith("#"):
                continue
            if words[0] == "schema":
                lock = _Lock(int(words[1]), int(words[3]), {}, {})
            elif lock is None:
                raise LockError(f"SCHEMA_LOCK line {number}: found {line!r}; a schema comes first")
            elif words[0] == "enum":
                values, record = {}, None
                lock.values[words[1]] = values
            elif words[0] == "record":
                record = _Record(words[1], dict(w.split("=") for w in words[2:]), {})
                values = None
                lock.records[record.attributes["id"]] = record
            elif values is not None:
                values[words[0]] = words[1]
            elif record is not None:
                record.fields[words[0]] = (words[1], " ".join(words[2:]))
        except (IndexError, ValueError, KeyError) as error:
            if isinstance(error, LockError):
                raise
            raise LockError(f"SCHEMA_LOCK line {number}: found {line!r}") from None
    if lock is None:
        raise LockError("SCHEMA_LOCK: found no schema in it; restore the file")
    return lock


def compare(locked: _Lock, schema: Schema) -> list[Change]:
    """Every difference, in the order of the lock, then what is new."""
    if locked.id != schema.id:
        return [Change(f"schema id {locked.id} became {schema.id}: another contract", True)]
    if schema.version < locked.version:
        return [Change(f"schema version went back from {locked.version} to {schema.version}", True)]
    out: list[Change] = []
    for name, values in locked.values.items():
        out += _compare_values(name, values, schema)
    by_id = {str(m.id): m for m in schema.messages.values()}
    for number, record in locked.records.items():
        if number not in by_id:
            out.append(Change(f"record {record.name} (id {number}) is gone", True))
        else:
            out += _compare_record(record, by_id[number], locked.version)
    for number, message in by_id.items():
        if number not in locked.records:
            out.append(_added(f"record {message.name}", message.since_version, locked.version))
    return out


def _added(what: str, since: int, version: int) -> Change:
    if since <= version:
        return Change(
            f"{what} is new, with sinceVersion {since}; it must be above {version}, the locked "
            "version",
            True,
        )
    return Change(f"{what} is new since version {since}", False)


def _compare_values(name: str, values: dict[str, str], schema: Schema) -> Iterator[Change]:
    if name not in schema.enums:
        yield Change(f"enumeration {name} is gone", True)
        return
    found = {str(number): label for label, number in schema.enums[name].values}
    for number, label in values.items():
        if number not in found:
            yield Change(f"{name}.{label} ({number}) is gone", True)
        elif found[number] in values.values() and found[number] != label:
            yield Change(f"{name}.{found[number]} moved to {number}", True)
        elif found[number] != label:
            yield Change(f"{name}.{label} is now called {found[number]}", False)
    for number in found.keys() - values.keys():
        yield Change(f"{name}.{found[number]} is new", False)


def _compare_record(record: _Record, message: Message, version: int) -> Iterator[Change]:
    now = {"size": message.size, "since": message.since_version, "direction": message.direction}
    for key, value in now.items():
        if record.attributes[key] != str(value):
            was = record.attributes[key]
            yield Change(f"{record.name}: {key} was {was}, is {value}", True)
    if record.name != message.name:
        yield Change(f"record {record.name} is now called {message.name}", False)
    found = {str(f.id): f for f in message.fields}
    for number, (name, layout) in record.fields.items():
        if number not in found:
            yield Change(f"{record.name}.{name} (field {number}) is gone", True)
        elif _layout(found[number]) != layout:
            is_now = _layout(found[number])
            yield Change(f"{record.name}.{name}: was {layout}, is {is_now}", True)
        elif found[number].name != name:
            yield Change(f"{record.name}.{name} is now called {found[number].name}", False)
    for number, field in found.items():
        if number not in record.fields:
            yield _added(f"{message.name}.{field.name}", field.since_version, version)
