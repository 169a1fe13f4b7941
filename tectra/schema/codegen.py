"""Writes the files that are generated from schema.xml: C header, Cython declarations, Python enums
and dtypes.

`python -m tectra.schema` writes them, `--check` says which differ (exit 1) and writes nothing; it
also compares the schema with what SCHEMA_LOCK holds. `--lock` releases the schema as it is.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tectra.paths import schema_file
from tectra.schema.command import json_schema
from tectra.schema.export import flatbuffers_text, protobuf_text
from tectra.schema.lock import LockError, compare, lock_text, parse_lock
from tectra.schema.model import PRIMITIVES, Field, Message, Schema, load

__all__ = ["main", "render"]

_NOTE = "Generated from schema.xml by `python -m tectra.schema`; edit the schema, not this file."

_PYTHON_NAMES = ("DIRECTION", "DTYPES", "ENUMS", "HEAD", "SCHEMA_ID", "SCHEMA_VERSION", "Template")


def _upper(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def _c_field(field: Field) -> str:
    ctype = PRIMITIVES[field.primitive][1]
    suffix = f"[{field.length}]" if field.length > 1 else ""
    return f"{ctype} {field.name}{suffix};"


def _c_struct(message: Message) -> Iterator[str]:
    yield f"/* {message.description} ({message.direction}) */"
    yield "typedef struct {"
    yield "    uint16_t block_length, template_id, schema_id, version;"
    for field in message.fields:
        yield f"    {_c_field(field)}"
    if message.used < message.size:
        yield f"    uint8_t pad_[{message.size - message.used}];"
    yield f"}} tt_{message.name};"
    yield f'_Static_assert(sizeof(tt_{message.name}) == {message.size}, "{message.name}: size");'
    for field in message.fields:
        place = f"offsetof(tt_{message.name}, {field.name}) == {field.offset}"
        yield f'_Static_assert({place}, "{message.name}.{field.name}");'
    yield ""


def render_header(schema: Schema) -> str:
    """ext/tectra/msg.h"""
    out = [
        f"/* {_NOTE} */",
        "#ifndef TECTRA_MSG_H",
        "#define TECTRA_MSG_H",
        "",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "#include <string.h>",
        "",
        f"#define TT_SCHEMA_ID {schema.id}",
        f"#define TT_SCHEMA_VERSION {schema.version}",
        "#define TT_SLOT_BYTES 64",
        "#define TT_RECORD_BYTES_MAX 128",
        "",
    ]
    for enum in schema.enums.values():
        prefix = f"TT_{_upper(enum.name)}"
        out.append(
            f"/* {enum.name}: {enum.description} */" if enum.description else f"/* {enum.name} */"
        )
        out.append("enum {")
        out += [f"    {prefix}_{name} = {value}," for name, value in enum.values]
        out += ["};", ""]
    out.append("/* Template ids */")
    out.append("enum {")
    out += [f"    TT_T_{m.name.upper()} = {m.id}," for m in schema.messages.values()]
    out += [f"    TT_T_END = {max(m.id for m in schema.messages.values()) + 1},", "};", ""]
    out.append("enum { TT_DIR_NONE = 0, TT_DIR_INPUT = 1, TT_DIR_OUTPUT = 2, TT_DIR_NOTE = 3 };")
    out += [
        "",
        "/* The head that every record has; a pointer to any record may be read through it. */",
        "typedef struct {",
        "    uint16_t block_length, template_id, schema_id, version;",
        "    uint64_t ring_seq;",
        "    int64_t ts_event_ns, ts_recv_ns;",
        "    uint32_t instrument_id;",
        "} tt_head;",
        "",
    ]
    for message in schema.messages.values():
        out += _c_struct(message)
    out += _c_tables(schema)
    out += ["#endif", ""]
    return "\n".join(out)


def _c_tables(schema: Schema) -> Iterator[str]:
    yield "/* Bytes of a record by template id; 0: no such template. */"
    yield "static const uint8_t tt_template_bytes[TT_T_END] = {"
    for m in schema.messages.values():
        yield f"    [TT_T_{m.name.upper()}] = {m.size},"
    yield "};"
    yield "/* TT_DIR_* by template id. */"
    yield "static const uint8_t tt_template_dir[TT_T_END] = {"
    for m in schema.messages.values():
        yield f"    [TT_T_{m.name.upper()}] = TT_DIR_{m.direction.upper()},"
    yield "};"
    yield ""
    yield "/* Zero a record and write its header. `rec` has room for its template's bytes. */"
    yield "static inline void tt_rec_init(void *rec, uint16_t template_id)"
    yield "{"
    yield "    tt_head *head = (tt_head *)rec;"
    yield "    const uint16_t bytes = tt_template_bytes[template_id];"
    yield "    memset(rec, 0, bytes);"
    yield "    head->block_length = (uint16_t)(bytes - 8);"
    yield "    head->template_id = template_id;"
    yield "    head->schema_id = TT_SCHEMA_ID;"
    yield "    head->version = TT_SCHEMA_VERSION;"
    yield "}"
    yield ""
    yield "/* Bytes of the record at `rec`, from its own header. */"
    yield "static inline uint32_t tt_rec_bytes(const void *rec)"
    yield "{"
    yield "    return ((const tt_head *)rec)->block_length + 8u;"
    yield "}"
    yield ""


def render_pxd(schema: Schema) -> str:
    """tectra/core/msg.pxd"""
    out = [
        f"# {_NOTE}",
        "from libc.stdint cimport int8_t, int16_t, int32_t, int64_t",
        "from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t",
        "",
        'cdef extern from "tectra/msg.h" nogil:',
        "    enum: TT_SCHEMA_ID, TT_SCHEMA_VERSION, TT_SLOT_BYTES, TT_RECORD_BYTES_MAX, TT_T_END",
        "    enum: TT_DIR_NONE, TT_DIR_INPUT, TT_DIR_OUTPUT, TT_DIR_NOTE",
        "    const uint8_t tt_template_bytes[]",
        "    const uint8_t tt_template_dir[]",
        "    void tt_rec_init(void *rec, uint16_t template_id)",
        "    uint32_t tt_rec_bytes(const void *rec)",
        "",
    ]
    for enum in schema.enums.values():
        prefix = f"TT_{_upper(enum.name)}"
        out.append("    enum:")
        out += [f"        {prefix}_{name}" for name, _ in enum.values]
    out.append("    enum:")
    out += [f"        TT_T_{m.name.upper()}" for m in schema.messages.values()]
    head = [
        "uint16_t block_length",
        "uint16_t template_id",
        "uint16_t schema_id",
        "uint16_t version",
    ]
    out += ["", "    ctypedef struct tt_head:"]
    out += [f"        {line}" for line in head]
    out += [
        "        uint64_t ring_seq",
        "        int64_t ts_event_ns",
        "        int64_t ts_recv_ns",
        "        uint32_t instrument_id",
    ]
    for message in schema.messages.values():
        out += ["", f"    ctypedef struct tt_{message.name}:"]
        out += [f"        {line}" for line in head]
        out += [f"        {_c_field(f).rstrip(';')}" for f in message.fields]
    return "\n".join(out) + "\n"


def _dtype_entry(field: Field) -> tuple[str, str]:
    code = PRIMITIVES[field.primitive][2]
    if field.primitive == "char":
        return f'"S{field.length}"', str(field.offset)
    return (f'("{code}", {field.length})' if field.length > 1 else f'"{code}"'), str(field.offset)


def _python_enums(schema: Schema) -> Iterator[str]:
    yield "# Fields whose numbers have names."
    yield "ENUMS: dict[Template, dict[str, type[IntEnum] | type[IntFlag]]] = {"
    for message in schema.messages.values():
        named = [f'"{f.name}": {f.type}' for f in message.fields if f.type in schema.enums]
        if named:
            yield f"    Template.{message.name.upper()}: {{{', '.join(named)}}},"
    yield "}"


def render_python(schema: Schema) -> str:
    """tectra/core/msg.py"""
    names = sorted([*schema.enums, *_PYTHON_NAMES])
    out = [
        f'"""Enums and NumPy dtypes of the records. {_NOTE}"""',
        "",
        "from enum import IntEnum, IntFlag",
        "",
        "import numpy as np",
        "",
        "__all__ = [",
        *[f'    "{name}",' for name in names],
        "]",
        "",
        f"SCHEMA_ID = {schema.id}",
        f"SCHEMA_VERSION = {schema.version}",
        "",
    ]
    for enum in schema.enums.values():
        out += ["", f"class {enum.name}({'IntFlag' if enum.is_set else 'IntEnum'}):"]
        out.append(f'    """{enum.description or enum.name}."""')
        out.append("")
        out += [f"    {name} = {value}" for name, value in enum.values]
        out.append("")
    out += ["", "class Template(IntEnum):", '    """Template id of a record."""', ""]
    out += [f"    {m.name.upper()} = {m.id}" for m in schema.messages.values()]
    out += ["", "", "def _dtype(size: int, **fields: tuple[object, int]) -> np.dtype[np.void]:"]
    out.append('    names = ("block_length", "template_id", "schema_id", "version")')
    out.append('    head = {name: ("<u2", 2 * i) for i, name in enumerate(names)}')
    out.append("    every = {**head, **fields}")
    out.append("    return np.dtype(")
    out.append("        {")
    out.append('            "names": list(every),')
    out.append('            "formats": [f[0] for f in every.values()],')
    out.append('            "offsets": [f[1] for f in every.values()],')
    out.append('            "itemsize": size,')
    out.append("        }")
    out.append("    )")
    out += ["", "", "HEAD = _dtype(", "    64,"]
    head_fields = next(iter(schema.messages.values())).fields[:4]
    out += [f"    {f.name}=({_dtype_entry(f)[0]}, {_dtype_entry(f)[1]})," for f in head_fields]
    out += [")", "", "DTYPES: dict[Template, np.dtype[np.void]] = {"]
    for message in schema.messages.values():
        out.append(f"    Template.{message.name.upper()}: _dtype(")
        out.append(f"        {message.size},")
        out += [
            f"        {f.name}=({_dtype_entry(f)[0]}, {_dtype_entry(f)[1]}),"
            for f in message.fields
        ]
        out.append("    ),")
    out += ["}", "", "DIRECTION: dict[Template, str] = {"]
    out += [f'    Template.{m.name.upper()}: "{m.direction}",' for m in schema.messages.values()]
    out += ["}", "", *_python_enums(schema), ""]
    return "\n".join(out)


def render(schema: Schema, root: Path) -> dict[Path, str]:
    """Text of every generated file by its path below the project's root."""
    return {
        root / "ext/tectra/msg.h": render_header(schema),
        root / "tectra/core/msg.pxd": render_pxd(schema),
        root / "tectra/core/msg.py": render_python(schema),
        root / "ext/tectra/schema.proto": protobuf_text(schema),
        root / "ext/tectra/schema.fbs": flatbuffers_text(schema),
    }


def main(argv: list[str] | None = None) -> int:
    """Write the generated files, or compare them with `--check`."""
    parser = argparse.ArgumentParser(
        prog="python -m tectra.schema", description="Generate the record bindings from schema.xml."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a file differs"
    )
    parser.add_argument(
        "--root", type=Path, default=schema_file().parents[2], help="top of the checkout"
    )
    parser.add_argument("--lock", action="store_true", help="release the schema as it is now")
    parser.add_argument(
        "--json-schema", action="store_true", help="print the JSON Schema of the commands"
    )
    args = parser.parse_args(argv)
    if args.json_schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    schema = load(args.root / "ext/tectra/schema.xml")
    lock = args.root / "ext/tectra/SCHEMA_LOCK"
    if args.lock:
        return _lock(lock, schema)
    stale = []
    for path, text in render(schema, args.root).items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path.relative_to(args.root))
        if not args.check:
            path.write_text(text)
    for name in stale:
        print(f"{'differs from schema.xml' if args.check else 'wrote'}: {name}", file=sys.stderr)
    is_locked = _check_lock(lock, schema) if args.check else True
    return 1 if args.check and (stale or not is_locked) else 0


def _check_lock(path: Path, schema: Schema) -> bool:
    """Whether the schema keeps what is released; says what it breaks and what it adds."""
    if not path.exists():
        print(f"missing: {path.name}; restore it from version control", file=sys.stderr)
        return False
    text = path.read_text()
    try:
        changes = compare(parse_lock(text), schema)
    except LockError as error:
        print(error, file=sys.stderr)
        return False
    for change in changes:
        print(f"{'breaks' if change.is_fault else 'adds to'} {path.name}: {change.what}",
              file=sys.stderr)  # fmt: skip
    faults = any(change.is_fault for change in changes)
    if faults:
        print("a released record does not change: add a field or a record", file=sys.stderr)
    elif changes:
        print("release it with `python -m tectra.schema --lock`", file=sys.stderr)
    elif text != lock_text(schema):
        print(f"differs from schema.xml: {path.name}", file=sys.stderr)
        return False
    return not faults


def _lock(path: Path, schema: Schema) -> int:
    """Write the lock, unless that would take back what is released."""
    if path.exists():
        faults = [c.what for c in compare(parse_lock(path.read_text()), schema) if c.is_fault]
        for what in faults:
            print(f"breaks {path.name}: {what}", file=sys.stderr)
        if faults:
            return 1
    path.write_text(lock_text(schema))
    print(f"wrote: {path.name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
