"""The contract as Protocol Buffers and FlatBuffers text, for tools that speak those."""

from tectra.schema.model import PRIMITIVES, Field, Schema

__all__ = ["flatbuffers_text", "protobuf_text"]

_NOTE = "// Generated from schema.xml by `python -m tectra.schema`; edit the schema, not this file."


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _snake(name: str) -> str:
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


def _proto_field(field: Field, schema: Schema) -> str:
    if field.type in schema.enums and not schema.enums[field.type].is_set:
        return f"{field.type} {field.name} = {field.id};"
    kind = "string" if field.primitive == "char" else PRIMITIVES[field.primitive][3]
    repeated = "repeated " if field.length > 1 and field.primitive != "char" else ""
    return f"{repeated}{kind} {field.name} = {field.id};"


def protobuf_text(schema: Schema) -> str:
    """The records as a proto3 file."""
    out = [_NOTE, 'syntax = "proto3";', "package tectra;", ""]
    for enum in schema.enums.values():
        if enum.is_set:
            continue
        prefix = _snake(enum.name)
        out.append(f"enum {enum.name} {{")
        if all(value for _, value in enum.values):
            out.append(f"  {prefix}_UNSPECIFIED = 0;")
        out += [f"  {prefix}_{name} = {value};" for name, value in enum.values]
        out += ["}", ""]
    for message in schema.messages.values():
        out.append(f"message {_camel(message.name)} {{")
        out += [f"  {_proto_field(f, schema)}" for f in message.fields]
        out += ["}", ""]
    return "\n".join(out)


def _fbs_field(field: Field, schema: Schema) -> str:
    if field.type in schema.enums and not schema.enums[field.type].is_set:
        return f"{field.name}: {field.type};"
    if field.primitive == "char":
        return f"{field.name}: string;"
    kind = PRIMITIVES[field.primitive][4]
    return f"{field.name}: [{kind}];" if field.length > 1 else f"{field.name}: {kind};"


def flatbuffers_text(schema: Schema) -> str:
    """The records as a FlatBuffers schema."""
    out = [_NOTE, "namespace tectra;", ""]
    for enum in schema.enums.values():
        if enum.is_set:
            continue
        values = list(enum.values)
        if all(value for _, value in values):
            values.insert(0, ("UNSPECIFIED", 0))
        out.append(f"enum {enum.name}: ubyte {{ {', '.join(f'{n} = {v}' for n, v in values)} }}")
    out.append("")
    for message in schema.messages.values():
        out.append(f"table {_camel(message.name)} {{")
        out += [f"  {_fbs_field(f, schema)}" for f in message.fields]
        out += ["}", ""]
    return "\n".join(out)
