"""The codec of records, for every message, and the proof that dtypes and C structs agree."""

import contextlib
import copy
import gc
import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import GetSetDescriptorType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tectra.core import layout
from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    InputError,
    LayoutVersionError,
    TruncatedInputError,
)
from tectra.core.msg import DIRECTION, DTYPES, HEAD, SCHEMA_ID, SCHEMA_VERSION, Template
from tectra.core.record import Record, decode, encode, encode_into, iter_records
from tectra.schema import REGISTRY

ROOT = Path(__file__).resolve().parents[3]
HEADER = ("block_length", "template_id", "schema_id", "version")
ALL = pytest.mark.parametrize("name", list(REGISTRY))
RANGES = {
    "int8": (-(1 << 7), (1 << 7) - 1),
    "int16": (-(1 << 15), (1 << 15) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint8": (0, (1 << 8) - 1),
    "uint16": (0, (1 << 16) - 1),
    "uint32": (0, (1 << 32) - 1),
    "uint64": (0, (1 << 64) - 1),
}


def values(field) -> st.SearchStrategy[object]:
    if field.primitive == "char":
        return st.binary(max_size=field.length).map(lambda b: b.rstrip(b"\0"))
    if field.primitive == "double":
        return st.floats(allow_nan=False)
    one = st.integers(*RANGES[field.primitive])
    return one if field.length == 1 else st.tuples(*[one] * field.length)


@ALL
@given(data=st.data())
def test_round_trip_and_fixed_length(name, data):
    message = REGISTRY[name]
    fields = {f.name: data.draw(values(f), label=f.name) for f in message.fields}
    raw = encode(name, **fields)
    assert len(raw) == message.size
    record = decode(raw)
    assert {n: getattr(record, n) for n in fields} == fields
    assert record.to_dict() == {"template": name, **fields}
    assert Record.from_dict(record.to_dict()) == record
    assert (record.template, record.template_name, record.nbytes) == (message.id, name, len(raw))
    # the independent reader: NumPy with the generated dtype
    row = np.frombuffer(raw, DTYPES[Template(message.id)])[0]
    for f in message.fields:
        found = row[f.name]
        assert (tuple(found) if f.length > 1 and f.primitive != "char" else found) == fields[f.name]
    assert record.to_numpy() == row


@ALL
def test_empty_record(name):
    record = decode(encode(name))
    head = (record.block_length, record.template_id, record.schema_id, record.version)
    assert head == (REGISTRY[name].block_length, REGISTRY[name].id, SCHEMA_ID, SCHEMA_VERSION)
    assert {v for n, v in record.to_dict().items() if n != "template"} <= {0, b"", (0, 0)}
    assert encode(Template(REGISTRY[name].id)) == encode(REGISTRY[name].id) == record.to_bytes()


@ALL
def test_dtype_is_the_schema(name):
    message = REGISTRY[name]
    dtype = DTYPES[Template(message.id)]
    assert dtype.itemsize == message.size == layout.template_bytes()[message.id]
    assert {f.name: (f.offset, f.size) for f in message.fields} == {
        n: (dtype.fields[n][1], dtype.fields[n][0].itemsize) for n in dtype.names if n not in HEADER
    }
    assert layout.template_directions()[message.id] == DIRECTION[Template(message.id)]


def test_no_field_hides_behind_a_method():
    """Fields are descriptors of the type; what is not a field is not one of theirs."""
    fields = {f.name for message in REGISTRY.values() for f in message.fields} | set(HEADER)
    assert {type(vars(Record)[name]) for name in fields} == {GetSetDescriptorType}
    own = {"template", "template_name", "nbytes"}
    assert not fields & own
    rest = set(vars(Record)) - fields - own
    assert not any(type(vars(Record)[name]) is GetSetDescriptorType for name in rest)


@ALL
def test_a_record_has_the_fields_of_its_template_only(name):
    record = decode(encode(name))
    own = set(record.keys())
    every = {f for dtype in DTYPES.values() for f in dtype.names}
    assert {n for n in every if hasattr(record, n)} == own == every & set(dir(record))
    for foreign in every - own:
        with pytest.raises(AttributeError, match=f"{name} has no field '{foreign}'; allowed: "):
            getattr(record, foreign)
        with pytest.raises(KeyError):
            record[foreign]
    with pytest.raises(AttributeError):
        record.seq = 1
    assert {"template", "to_dict"} <= set(dir(record))


def test_a_record_that_decode_did_not_make():
    record = Record.__new__(Record)
    for read in (lambda: record.px, lambda: record["px"], lambda: record.price):
        with pytest.raises(ClosedError):
            read()
    assert (record.template, record.keys(), record.to_bytes()) == (None, [], b"")


def test_no_template_is_missing():
    assert set(layout.template_bytes()) == {int(t) for t in Template}
    assert {t.name.lower() for t in Template} == set(REGISTRY)
    assert layout.head_layout() == {
        n: (HEAD.fields[n][1], HEAD.fields[n][0].itemsize) for n in HEAD.names
    }


@pytest.mark.native
def test_dtype_is_the_c_struct(tmp_path):
    """The compiler prints offset, size and signedness of every field of every struct."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: set CC, or install gcc")
    lines = ["#include <stdio.h>", "#include <tectra/msg.h>"]
    lines.append(
        '#define F(t, f) printf(#t " " #f " %zu %zu\\n", offsetof(t, f), sizeof(((t *)0)->f))'
    )
    lines.append("int main(void) {")
    for template, dtype in DTYPES.items():
        struct = f"tt_{template.name.lower()}"
        lines.append(f'printf("{struct} sizeof 0 %zu\\n", sizeof({struct}));')
        lines += [f"F({struct}, {n});" for n in dtype.names]
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    source.write_text("\n".join([*lines, "return 0; }"]))
    command = [compiler, "-std=c11", "-Wall", "-Werror", f"-I{ROOT / 'ext'}", str(source)]
    subprocess.run([*command, "-o", str(program)], check=True)
    out = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    found = {(s, f): (int(o), int(n)) for s, f, o, n in map(str.split, out.splitlines())}
    expected = {}
    for template, dtype in DTYPES.items():
        struct = f"tt_{template.name.lower()}"
        expected[struct, "sizeof"] = (0, dtype.itemsize)
        for n in dtype.names:
            expected[struct, n] = (dtype.fields[n][1], dtype.fields[n][0].itemsize)
    assert found == expected


@ALL
@settings(max_examples=20)
@given(noise=st.binary(min_size=128, max_size=128), offset=st.integers(0, 9))
def test_a_record_is_read_at_any_place(name, noise, offset):
    """A sanitized build ends the process where a read wants a boundary."""
    head = encode(name)
    raw = head[:8] + noise[8 : len(head)]
    record = decode(bytes(offset) + raw + bytes(3), offset)
    assert record.to_bytes() == raw
    assert repr(record) == repr(decode(raw))  # every field, and NaN is NaN


def test_decoding_copies_nothing():
    memory = bytearray(64 * 3)
    encode_into(memory, 64, "book_add", px=150, qty=7)
    record = decode(memoryview(memory), 64)
    row = record.to_numpy()
    assert (record.px, row["px"]) == (150, 150)
    encode_into(memory, 64, "book_add", px=-1)
    assert (record.px, row["px"], record.qty) == (-1, -1, 0)
    with pytest.raises(BufferError):
        memory.extend(b"x")
    assert decode(np.frombuffer(memory, np.uint8), 64) == record


def test_allocations_of_a_decode():
    raw = encode("order_fill", px=1)
    decode(raw)
    keep: list[Record] = [decode(raw)] * 1_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for i in range(1_000):
            keep[i] = decode(raw)
        per_record = (tracemalloc.get_traced_memory()[0] - before) / 1_000
    finally:
        tracemalloc.stop()
    assert per_record < 256  # one object, no copy of the 128 bytes and no dictionary


def test_stream_of_slots():
    parts = [encode("book_add", px=1), encode("quote", seq=2), bytes(64), encode("trade", px=3)]
    found = list(iter_records(b"".join(parts)))
    assert [r.template_name for r in found] == ["book_add", "quote", "trade"]
    assert [r.to_bytes() for r in found] == [parts[0], parts[1], parts[3]]
    with pytest.raises(TruncatedInputError):
        list(iter_records(b"".join(parts)[:100]))


@st.composite
def streams(draw) -> tuple[bytes, list[bytes]]:
    """Records of random bytes under right headers, and padding: the stream and its records."""
    parts = []
    for name in draw(st.lists(st.sampled_from([*REGISTRY, None]), max_size=8)):
        if name is None:
            parts.append(bytes(64))
            continue
        raw = encode(name)
        parts.append(raw[:8] + draw(st.binary(min_size=len(raw) - 8, max_size=len(raw) - 8)))
    return b"".join(parts), [p for p in parts if any(p[:8])]


@given(stream=streams(), cut=st.integers(0, 1024), skew=st.integers(0, 7))
def test_stream_is_what_numpy_reads(stream, cut, skew):
    """Any bytes behind right headers, wherever in memory, cut anywhere."""
    raw, wanted = stream
    given_bytes = memoryview(bytes(skew) + raw[: len(raw) - min(cut, len(raw))])[skew:]
    stop: type[Exception] = StopIteration
    found, records = [], iter_records(given_bytes)
    while True:
        try:
            found.append(next(records))
        except (StopIteration, TruncatedInputError) as error:
            stop = type(error)
            break
    assert next(records, None) is None
    assert [r.to_bytes() for r in found] == wanted[: len(found)]
    left = bytes(given_bytes)
    for record in found:  # the place behind the last good record, padding passed over
        left = left[left.index(record.to_bytes()) + record.nbytes :]
    assert (stop is StopIteration) == (not any(left[i : i + 8] != bytes(8)[: len(left[i : i + 8])]
                                               for i in range(0, len(left), 64)))  # fmt: skip
    for record in found:
        row = np.frombuffer(record.to_bytes(), DTYPES[record.template])[0]
        for name in row.dtype.names:
            value = getattr(record, name)
            plain = tuple(row[name].tolist()) if isinstance(value, tuple) else row[name].item()
            assert value == plain or (plain != plain and value != value)


def test_records_of_a_stream_outlive_it():
    """Kept records stay right when the batch is filled again, cut or freed."""
    memory = np.empty(64 * 100, np.uint8)
    kept = []
    for turn in range(5):
        for i in range(100):
            encode_into(memory, 64 * i, "book_add", px=turn, qty=i)
        kept += iter_records(memory)
    del memory
    assert [(r.px, r.qty) for r in kept] == [(turn, i) for turn in range(5) for i in range(100)]
    assert hash(kept[0]) == hash(kept[0].to_bytes())
    row = kept[7].to_numpy()
    del kept
    assert (row["px"], row["qty"], row.flags.writeable) == (0, 7, False)
    assert not any(gc.is_tracked(r) for r in iter_records(encode("trade")))


def test_a_stream_holds_its_buffer_until_it_ends():
    memory = bytearray(encode("trade") * 2)
    records = iter_records(memory)
    keep = next(records)
    with pytest.raises(BufferError):
        memory.clear()
    assert len(list(records)) == 1
    memory.clear()
    memory += encode("trade")[:20]
    with pytest.raises(TruncatedInputError):
        next(records := iter_records(memory))
    memory.clear()
    assert next(records, None) is None
    assert keep.template_name == "trade"
    with pytest.raises(TypeError):
        iter_records(5)


def test_iterating_keeps_no_memory():
    slots = encode("book_add", px=1 << 40) * 10_000
    sum(r.px for r in iter_records(slots))
    before = sys.getallocatedblocks()
    for _ in range(3):
        assert sum(r.px for r in iter_records(slots)) == 10_000 << 40
    assert sys.getallocatedblocks() - before < 100


def test_record_is_a_value_over_bytes():
    record = decode(encode("trade", px=5, qty=6))
    for again in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert again == record
        assert hash(again) == hash(record)
    assert record != decode(encode("trade", px=5))
    assert record != record.to_bytes()
    assert "px=5" in repr(record)
    assert record["px"] == record.get_int("px") == 5
    assert dict(record)["qty"] == 6
    assert decode(encode("instrument", symbol="AAPL")).get_text("symbol") == "AAPL"
    with pytest.raises(TypeError):
        hash(decode(bytearray(record.to_bytes())))
    with pytest.raises(TypeError):
        record.get_text("px")
    with pytest.raises(TypeError):
        Record()


def test_an_older_record_has_no_newer_fields():
    raw = bytearray(encode("quote", bid_px=5, ask_px=7))
    raw[6:8] = (SCHEMA_VERSION + 1).to_bytes(2, "little")
    with pytest.raises(LayoutVersionError, match=f"found {SCHEMA_VERSION + 1}; allowed: 1 to"):
        decode(raw)
    raw[6:8] = bytes(2)
    with pytest.raises(LayoutVersionError):
        decode(raw)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: encode("book_ad"), "'book_ad'; allowed: book_add, "),
        (lambda: encode(0), "found 0; allowed: 1 BOOK_ADD"),
        (lambda: encode("trade", price=1), "field 'price'; allowed: ring_seq"),
        (lambda: encode("trade", block_length=1), "block_length"),
        (lambda: encode("trade", px=1 << 63), r"trade.px: found \d+; allowed: -\d+ to \d+"),
        (lambda: encode("trade", side=-1), "found -1; allowed: 0 to 255"),
        (lambda: encode("trade", px=1.0), "found float 1.0; allowed: an integer"),
        (lambda: encode("instrument", symbol="X" * 17), "found 17 bytes; allowed: at most 16"),
        (lambda: encode("instrument", symbol="é"), "allowed: ASCII"),
        (lambda: encode("instrument", symbol=7), "allowed: ASCII"),
        (lambda: encode("instrument", px_exponent=-129), "allowed: -128 to 127"),
        (lambda: encode("session", config_digest=(1, 2, 3)), "found 3 integers; allowed: 2"),
        (lambda: encode("book_metrics", vwap="x"), "allowed: a number"),
        (lambda: encode_into(bytearray(64), 1, "trade"), "allowed: 0 to 0"),
        (lambda: decode(bytes(64), 65), "allowed: 0 to 64"),
    ],
)
def test_bad_input_is_named(run, words):
    with pytest.raises(InputError, match=words):
        run()


def test_a_failed_encode_into_leaves_zeros():
    memory = bytearray(b"x" * 64)
    with pytest.raises(InputError):
        encode_into(memory, 0, "trade", px=5, qty="x")
    assert memory == bytes(64)


def test_decode_refuses_what_is_no_record():
    raw = encode("trade")
    for cut in range(64):
        with pytest.raises(TruncatedInputError):
            decode(raw[:cut])
    for at, value in ((4, 1), (2, 29), (2, 255), (0, 120), (0, 0)):
        bad = bytearray(raw)
        bad[at] = value
        with pytest.raises(FileFormatError, match="found"):
            decode(bad)
    with pytest.raises(AttributeError, match=r"trade has no field 'price'.*px"):
        _ = decode(raw).price
    with pytest.raises(KeyError):
        decode(raw)["price"]


@given(st.binary(max_size=200), st.integers(-5, 205))
def test_decode_of_noise_is_safe(noise, offset):
    with contextlib.suppress(InputError, FileFormatError):
        decode(noise, offset)
