"""Reads schema.xml into plain objects and checks the rules that tectra puts on top of SBE 1.0."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PRIMITIVES", "Enumeration", "Field", "Message", "Schema", "SchemaError", "load"]

# SBE primitive -> (bytes, C type, NumPy code, Protocol Buffers type, FlatBuffers type)
PRIMITIVES = {
    "char": (1, "char", "S1", "bytes", "ubyte"),
    "int8": (1, "int8_t", "i1", "sint32", "int8"),
    "uint8": (1, "uint8_t", "u1", "uint32", "uint8"),
    "int16": (2, "int16_t", "<i2", "sint32", "int16"),
    "uint16": (2, "uint16_t", "<u2", "uint32", "uint16"),
    "int32": (4, "int32_t", "<i4", "sint32", "int32"),
    "uint32": (4, "uint32_t", "<u4", "uint32", "uint32"),
    "int64": (8, "int64_t", "<i8", "sint64", "int64"),
    "uint64": (8, "uint64_t", "<u8", "uint64", "uint64"),
    "double": (8, "double", "<f8", "double", "float64"),
}
HEADER_BYTES = 8
HEAD_FIELDS = ("ring_seq", "ts_event_ns", "ts_recv_ns", "instrument_id")
DIRECTIONS = ("input", "output", "note")


class SchemaError(ValueError):
    """schema.xml breaks a rule; the message names the record and the rule."""


@dataclass(frozen=True)
class Enumeration:
    """An SBE enum, or an SBE set when `is_set`: then the values are bits."""

    name: str
    encoding: str
    values: tuple[tuple[str, int], ...]
    is_set: bool
    description: str


@dataclass(frozen=True)
class Field:
    """One field of a record; `offset` counts from the first byte of the record, header included."""

    name: str
    id: int
    type: str
    primitive: str
    length: int
    offset: int
    since_version: int
    description: str

    @property
    def size(self) -> int:
        return PRIMITIVES[self.primitive][0] * self.length


@dataclass(frozen=True)
class Message:
    """One record: fixed size, `block_length` + 8 bytes."""

    name: str
    id: int
    block_length: int
    direction: str
    description: str
    since_version: int
    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        return self.block_length + HEADER_BYTES

    @property
    def used(self) -> int:
        last = self.fields[-1]
        return last.offset + last.size


@dataclass(frozen=True)
class Schema:
    """The whole contract."""

    id: int
    version: int
    enums: dict[str, Enumeration]
    messages: dict[str, Message]


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _read_types(node: ET.Element) -> tuple[dict[str, tuple[str, int]], dict[str, Enumeration]]:
    types = {name: (name, 1) for name in PRIMITIVES}
    enums: dict[str, Enumeration] = {}
    for child in node:
        kind, name = _local(child.tag), child.get("name", "")
        if kind == "type":
            types[name] = (child.attrib["primitiveType"], int(child.get("length", "1")))
        elif kind in ("enum", "set"):
            bits = kind == "set"
            values = tuple(
                (v.attrib["name"], 1 << int(v.text or "") if bits else int(v.text or ""))
                for v in child
            )
            encoding = child.attrib["encodingType"]
            types[name] = (encoding, 1)
            enums[name] = Enumeration(name, encoding, values, bits, child.get("description", ""))
    return types, enums


def _read_message(node: ET.Element, types: dict[str, tuple[str, int]]) -> Message:
    name = node.attrib["name"]
    fields = []
    offset = HEADER_BYTES
    for child in node:
        kind = child.attrib["type"]
        if kind not in types:
            raise SchemaError(f"{name}.{child.get('name')}: unknown type {kind!r}")
        primitive, length = types[kind]
        width = PRIMITIVES[primitive][0]
        if offset % width:
            raise SchemaError(
                f"{name}.{child.get('name')}: offset {offset} is not a multiple of {width}; "
                "reorder or reserve"
            )
        field = Field(
            name=child.attrib["name"],
            id=int(child.attrib["id"]),
            type=kind,
            primitive=primitive,
            length=length,
            offset=offset,
            # What came with its record is as old as the record.
            since_version=int(child.get("sinceVersion", node.get("sinceVersion", "0"))),
            description=child.get("description", ""),
        )
        fields.append(field)
        offset += field.size
    message = Message(
        name=name,
        id=int(node.attrib["id"]),
        block_length=int(node.attrib["blockLength"]),
        direction=node.get("semanticType", ""),
        description=node.get("description", ""),
        since_version=int(node.get("sinceVersion", "0")),
        fields=tuple(fields),
    )
    _check_message(message)
    return message


def _check_message(message: Message) -> None:
    if message.size not in (64, 128):
        raise SchemaError(f"{message.name}: {message.size} bytes; a record has 64 or 128")
    if message.used > message.size:
        raise SchemaError(f"{message.name}: fields need {message.used} bytes of {message.size}")
    if tuple(f.name for f in message.fields[:4]) != HEAD_FIELDS:
        raise SchemaError(f"{message.name}: must start with {', '.join(HEAD_FIELDS)}")
    if [f.id for f in message.fields] != list(range(1, len(message.fields) + 1)):
        raise SchemaError(f"{message.name}: field ids must count up from 1")
    if message.direction not in DIRECTIONS:
        raise SchemaError(
            f"{message.name}: semanticType {message.direction!r}; allowed: {', '.join(DIRECTIONS)}"
        )


def load(path: Path) -> Schema:
    """Read and check a schema file; raises SchemaError."""
    root = ET.parse(path).getroot()
    types: dict[str, tuple[str, int]] = {}
    enums: dict[str, Enumeration] = {}
    messages: dict[str, Message] = {}
    ids: set[int] = set()
    for node in root:
        if _local(node.tag) == "types":
            types, enums = _read_types(node)
        elif _local(node.tag) == "message":
            message = _read_message(node, types)
            if message.id in ids or message.name in messages:
                raise SchemaError(f"{message.name}: name or id {message.id} stands twice")
            ids.add(message.id)
            messages[message.name] = message
    return Schema(int(root.attrib["id"]), int(root.attrib["version"]), enums, messages)
