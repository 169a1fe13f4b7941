"""The boundary: a record of another schema, version or shape, or with a number that means nothing,
does not pass.
"""

import struct
from contextlib import suppress
from enum import IntFlag
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError, LayoutVersionError, TruncatedInputError
from tectra.core.msg import DTYPES, ENUMS, SCHEMA_ID, SCHEMA_VERSION, Template
from tectra.core.record import encode
from tectra.core.validate import validate, validate_stream

HEADER = ("block_length", "template_id", "schema_id", "version")


def changed(data: bytes, field: str, value: int) -> bytes:
    at = 2 * HEADER.index(field)
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


def filled(template: Template) -> dict[str, Any]:
    """Every field with the highest value that it may have."""
    out: dict[str, Any] = {}
    for name, (dtype, *_) in DTYPES[template].fields.items():  # type: ignore[union-attr]
        if name in HEADER:
            continue
        kind = ENUMS.get(template, {}).get(name)
        if kind is not None:
            numbers = [int(member) for member in kind]
            out[name] = sum(numbers) if issubclass(kind, IntFlag) else max(numbers)
        elif dtype.subdtype is not None:
            out[name] = tuple(range(dtype.itemsize // 8))
        elif dtype.kind == "S":
            out[name] = b"x" * dtype.itemsize
        elif dtype.kind == "f":
            out[name] = -1.5
        else:
            top = 2 ** (8 * dtype.itemsize - (dtype.kind == "i")) - 1
            out[name] = top
    return out


@pytest.mark.parametrize("template", Template, ids=lambda t: t.name)
def test_every_record_comes_back_as_it_was(template: Template) -> None:
    fields = filled(template)
    data = encode(template, **fields)
    assert len(data) == DTYPES[template].itemsize in (64, 128)
    record = validate(data)
    assert {name: record[name] for name in fields} == fields
    assert record.from_dict(record.to_dict()) == record
    assert [r.to_bytes() for r in validate_stream(data + bytes(64) + data)] == [data, data]


@pytest.mark.parametrize("template", Template, ids=lambda t: t.name)
def test_zeroed_records_pass(template: Template) -> None:
    """0 is "not said"."""
    assert validate(encode(template)).template is template


@pytest.mark.parametrize(
    ("field", "value", "error", "says"),
    [
        ("version", SCHEMA_VERSION + 1, LayoutVersionError,
         f"schema version: found {SCHEMA_VERSION + 1}; allowed: 1 to {SCHEMA_VERSION}"),
        ("version", 0, LayoutVersionError, "schema version: found 0"),
        ("schema_id", 1, FileFormatError, f"schema id: found 1; allowed: {SCHEMA_ID}"),
        ("template_id", 65535, FileFormatError, "template: found 65535"),
        ("block_length", 57, FileFormatError, "block length"),
        ("block_length", 120, FileFormatError, "block length"),
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused(
    field: str, value: int, error: type[Exception], says: str
) -> None:
    data = encode(Template.BOOK_ADD, px=5)
    with pytest.raises(error, match=says):
        validate(changed(data, field, value))
    with pytest.raises(error) as caught:
        list(validate_stream(data + changed(data, field, value)))
    assert caught.value.__notes__ == ["the record begins at byte 64"]


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 63])
def test_a_cut_record_is_refused(cut: int) -> None:
    with pytest.raises(TruncatedInputError):
        validate(encode(Template.BOOK_ADD, px=5)[:cut])


NUMBERED = [(t, name) for t, fields in ENUMS.items() for name in fields]


@pytest.mark.parametrize(("template", "name"), NUMBERED, ids=lambda x: getattr(x, "name", x))
def test_a_number_without_a_name_is_refused(template: Template, name: str) -> None:
    kind = ENUMS[template][name]
    width = DTYPES[template].fields[name][0].itemsize  # type: ignore[index]
    numbers = {int(member) for member in kind}
    bits = sum(numbers)
    for value in range(256 if width == 1 else 512):
        known = not value & ~bits if issubclass(kind, IntFlag) else value in numbers | {0}
        data = encode(template, **{name: value})
        if known:
            assert validate(data).get_int(name) == value
        else:
            with pytest.raises(FileFormatError, match=rf"\.{name}: found {value}; allowed: "):
                validate(data)


@given(st.binary(min_size=0, max_size=256))
def test_no_bytes_do_anything_but_pass_or_be_refused(data: bytes) -> None:
    with suppress(FileFormatError):
        list(validate_stream(data))
