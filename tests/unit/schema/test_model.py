"""The reader refuses a schema that breaks a rule, and says which record and which rule."""

from pathlib import Path

import pytest

from tectra.paths import schema_file
from tectra.schema.model import PRIMITIVES, SchemaError, load

HEAD = """
    <field name="ring_seq" id="1" type="uint64"/>
    <field name="ts_event_ns" id="2" type="int64"/>
    <field name="ts_recv_ns" id="3" type="int64"/>
    <field name="instrument_id" id="4" type="uint32"/>"""


def message(
    fields: str = "", name: str = "a", number: int = 1, block: int = 56, **extra: str
) -> str:
    kind = extra.get("semantic", "input")
    head = extra.get("head", HEAD)
    return (
        f'<sbe:message name="{name}" id="{number}" blockLength="{block}" semanticType="{kind}">'
        f"{head}{fields}</sbe:message>"
    )


def schema(tmp_path: Path, *messages: str, types: str = "") -> Path:
    path = tmp_path / "schema.xml"
    path.write_text(
        '<sbe:messageSchema xmlns:sbe="http://fixprotocol.io/2016/sbe" package="t" id="9"'
        ' version="3">'
        f'<types><type name="pair" primitiveType="uint64" length="2"/>{types}</types>'
        f"{''.join(messages)}</sbe:messageSchema>"
    )
    return path


def test_offsets_follow_the_fields(tmp_path: Path) -> None:
    fields = '<field name="x" id="5" type="uint16"/><field name="y" id="6" type="uint16"/>'
    fields += '<field name="z" id="7" type="pair" sinceVersion="2"/>'
    got = load(schema(tmp_path, message(fields)))
    assert (got.id, got.version) == (9, 3)
    x, y, z = got.messages["a"].fields[4:]
    assert [(f.offset, f.size) for f in (x, y, z)] == [(36, 2), (38, 2), (40, 16)]
    assert (x.since_version, z.since_version) == (0, 2)
    assert (got.messages["a"].used, got.messages["a"].size) == (56, 64)


def test_sets_are_bits_and_enums_are_values(tmp_path: Path) -> None:
    types = '<enum name="E" encodingType="uint8"><validValue name="P">3</validValue></enum>'
    types += '<set name="S" encodingType="uint8"><choice name="Q">3</choice></set>'
    enums = load(schema(tmp_path, types=types)).enums
    assert enums["E"].values == (("P", 3),) and not enums["E"].is_set
    assert enums["S"].values == (("Q", 8),) and enums["S"].is_set


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (message('<field name="x" id="5" type="nothing"/>'), "a.x: unknown type 'nothing'"),
        (
            message('<field name="x" id="5" type="uint64"/>'),
            "a.x: offset 36 is not a multiple of 8",
        ),
        (message(block=48), "a: 56 bytes; a record has 64 or 128"),
        (message('<field name="x" id="6" type="uint8"/>'), "a: field ids must count up from 1"),
        (message('<field name="x" id="4" type="uint8"/>'), "a: field ids must count up from 1"),
        (message(semantic="sideways"), "semanticType 'sideways'; allowed: input, output, note"),
        (message(head=HEAD.replace("ts_recv_ns", "t")), "a: must start with ring_seq, ts_event_ns"),
        (message() + message(number=2), "a: name or id 2 stands twice"),
        (message() + message(name="b"), "b: name or id 1 stands twice"),
        (
            message('<field name="x" id="5" type="uint32"/>').replace(
                "</sbe",
                '<field name="y" id="6" type="pair"/><field name="z" id="7" type="pair"/></sbe',
            ),
            "a: fields need 72 bytes of 64",
        ),
    ],
    ids=lambda value: value[:40] if value.startswith("a") else "",
)
def test_rules(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load(schema(tmp_path, text))
    assert complaint in str(caught.value)


def test_the_shipped_schema_is_sound() -> None:
    got = load(schema_file())
    assert got.version >= 1
    ids = [m.id for m in got.messages.values()]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    for enum in got.enums.values():
        numbers = [number for _, number in enum.values]
        width = PRIMITIVES[enum.encoding][0] * 8
        assert len(set(numbers)) == len(numbers), enum.name
        assert all(0 <= number < 1 << width for number in numbers), enum.name
