"""The exports say the same records; the C header compiles and agrees with NumPy."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tectra.core import msg
from tectra.paths import get_include, schema_file
from tectra.schema import REGISTRY
from tectra.schema.codegen import render
from tectra.schema.export import flatbuffers_text, protobuf_text
from tectra.schema.model import load


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def blocks(text: str, kind: str) -> dict[str, list[str]]:
    """name -> statements of each top-level block of a kind."""
    found = re.findall(rf"^{kind} (\w+)[^{{]*\{{(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    return {name: re.findall(r"[^;\n]+;", body) for name, body in found}


def test_protobuf_has_every_field_under_its_id() -> None:
    text = protobuf_text(load(schema_file()))
    assert text.startswith("// Generated from") and 'syntax = "proto3";' in text
    messages = blocks(text, "message")
    assert list(messages) == [camel(name) for name in REGISTRY]
    for name, message in REGISTRY.items():
        numbered = [tuple(re.findall(r"(\w+) = (\d+);", line)[0]) for line in messages[camel(name)]]
        assert numbered == [(f.name, str(f.id)) for f in message.fields]
    for name, values in blocks(text, "enum").items():
        assert values[0].rstrip(";").endswith("= 0"), f"proto3 wants a zero first in {name}"


def test_protobuf_names_are_unique() -> None:
    """Enum values share one scope in Protocol Buffers."""
    names = [
        line.split("=")[0].strip()
        for values in blocks(protobuf_text(load(schema_file())), "enum").values()
        for line in values
    ]
    assert len(names) == len(set(names))


def test_flatbuffers_has_every_field_in_order() -> None:
    text = flatbuffers_text(load(schema_file()))
    tables = blocks(text, "table")
    assert list(tables) == [camel(name) for name in REGISTRY]
    for name, message in REGISTRY.items():
        assert [line.split(":")[0].strip() for line in tables[camel(name)]] == [
            f.name for f in message.fields
        ]


@pytest.mark.skipif(shutil.which("protoc") is None, reason="protoc is not installed")
@pytest.mark.timeout(30)
def test_protoc_accepts_the_export(tmp_path: Path) -> None:
    (tmp_path / "tectra.proto").write_text(protobuf_text(load(schema_file())))
    done = subprocess.run(
        ["protoc", "-I.", "--python_out=.", "tectra.proto"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_every_generated_file_ends_in_one_newline() -> None:
    for path, text in render(load(schema_file()), Path()).items():
        assert text.endswith("\n") and not text.endswith("\n\n"), path


@pytest.mark.native
@pytest.mark.timeout(30)
def test_c_and_numpy_agree(tmp_path: Path) -> None:
    """A C program fills records; NumPy reads the fields back."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    source = ["#include <stdio.h>", "#include <tectra/msg.h>", "int main(void) {"]
    for name in REGISTRY:
        source += [
            f"  {{ tt_{name} r; tt_rec_init(&r, TT_T_{name.upper()}); r.ring_seq = 7;",
            "    r.ts_event_ns = -8; r.instrument_id = 9;",
            "    fwrite(&r, tt_rec_bytes(&r), 1, stdout); }",
        ]
    source += ["  return 0;", "}"]
    (tmp_path / "x.c").write_text("\n".join(source))
    strict = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{get_include()}"]
    subprocess.run([compiler, *strict, "x.c", "-o", "x"], cwd=tmp_path, check=True)
    raw = subprocess.run([str(tmp_path / "x")], capture_output=True, check=True).stdout
    import numpy as np

    offset = 0
    for name, message in REGISTRY.items():
        template = msg.Template[name.upper()]
        record = np.frombuffer(raw, msg.DTYPES[template], count=1, offset=offset)[0]
        assert record["template_id"] == template
        assert record["block_length"] == message.block_length
        assert record["schema_id"] == msg.SCHEMA_ID and record["version"] == msg.SCHEMA_VERSION
        assert (record["ring_seq"], record["ts_event_ns"], record["instrument_id"]) == (7, -8, 9)
        offset += message.size
    assert offset == len(raw)
