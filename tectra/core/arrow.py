"""Records of one type as an Arrow table and back: one column a field, integers as they are.

px and qty columns are int64 mantissas; where the caller knows their exponents, the fields say them
(metadata "exponent"), so that no column's scale is a guess. Any thread.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tectra.core.errors import InputError, LayoutVersionError
from tectra.core.msg import DTYPES, SCHEMA_ID, SCHEMA_VERSION, Template

__all__ = ["record_table", "table_records", "table_template"]

_HEAD_FIELDS = 4


def _column(array: np.ndarray, name: str) -> pa.Array:
    values = np.ascontiguousarray(array[name])
    if values.dtype.kind == "S":
        return pa.array(values.tolist(), pa.binary())
    if values.ndim > 1:
        flat = pa.array(values.reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.array(values)


def record_table(
    records: np.ndarray, template: Template, *, exponents: Mapping[str, int] | None = None
) -> pa.Table:
    """A structured array of DTYPES[template] as a table; `exponents` by column name.

    The four fields of the message header are the same in every row and stand in the metadata.
    InputError for another dtype.
    """
    dtype = DTYPES[template]
    if records.dtype != dtype:
        raise InputError(
            f"records: found dtype {records.dtype.names}; allowed: that of {template.name}"
        )
    known = exponents or {}
    fields, columns = [], []
    for name in (dtype.names or ())[_HEAD_FIELDS:]:
        column = _column(records, name)
        meta = {"exponent": str(known[name])} if name in known else None
        fields.append(pa.field(name, column.type, nullable=False, metadata=meta))
        columns.append(column)
    about = {
        "tectra.template": template.name.lower(),
        "tectra.schema": f"{SCHEMA_ID} {SCHEMA_VERSION}",
    }
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=about))


def table_template(table: pa.Table) -> Template:
    """The record type of a table that record_table made. InputError for any other table;
    LayoutVersionError for one of a newer schema.
    """
    about = table.schema.metadata or {}
    name = about.get(b"tectra.template", b"").decode()
    if name.upper() not in Template.__members__:
        raise InputError(
            f"table: found no record type in its metadata ({name or 'nothing'}); allowed: a table "
            "that tectra wrote"
        )
    schema_id, version = (int(n) for n in about[b"tectra.schema"].split())
    if schema_id != SCHEMA_ID or version > SCHEMA_VERSION:
        raise LayoutVersionError(
            f"table: found schema {schema_id} version {version}; allowed: {SCHEMA_ID} up to "
            f"version {SCHEMA_VERSION}; read it with the tectra that wrote it"
        )
    return Template[name.upper()]


def table_records(table: pa.Table) -> np.ndarray:
    """The records of a table that record_table made, header and all; columns may stand in any
    order. InputError for a column that is missing or not of its type.
    """
    template = table_template(table)
    dtype = DTYPES[template]
    out = np.zeros(table.num_rows, dtype)
    out["block_length"] = dtype.itemsize - 8
    out["template_id"] = int(template)
    out["schema_id"], out["version"] = SCHEMA_ID, SCHEMA_VERSION
    for name in (dtype.names or ())[_HEAD_FIELDS:]:
        if name not in table.column_names:
            raise InputError(f"table of {template.name}: column {name} is missing")
        column = table.column(name).combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            out[name] = column.flatten().to_numpy().reshape(out[name].shape)
        elif pa.types.is_binary(column.type):
            out[name] = np.array(column.to_pylist(), dtype[name])
        elif dtype[name].kind != np.dtype(column.type.to_pandas_dtype()).kind:
            raise InputError(
                f"table of {template.name}: column {name}: found {column.type}; allowed: "
                f"{dtype[name]}"
            )
        else:
            out[name] = column.to_numpy(zero_copy_only=False)
    return out
