"""Records to Arrow tables and back."""

import numpy as np
import pyarrow as pa
import pytest

from tectra.core.arrow import record_table, table_records, table_template
from tectra.core.errors import InputError, LayoutVersionError
from tectra.core.msg import DTYPES, Template


def rows(template, count=7):
    """Records with every byte after the header set to something."""
    dtype = DTYPES[template]
    random = np.random.default_rng(int(template))
    out = np.zeros(count, dtype)
    out["block_length"], out["template_id"] = dtype.itemsize - 8, int(template)
    out["schema_id"], out["version"] = 7433, 2
    for name in dtype.names[4:]:
        field = dtype[name]
        if field.kind == "S":
            out[name] = b"ab\x01"[: field.itemsize]
        elif field.kind == "f":
            out[name] = random.normal(size=(count, *field.shape))
        else:
            base = field.base
            info = np.iinfo(base)
            out[name] = random.integers(info.min, info.max, (count, *field.shape), base)
    return out


@pytest.mark.parametrize("template", Template, ids=lambda t: t.name)
def test_there_and_back(template):
    records = rows(template)
    table = record_table(records, template)
    assert table_template(table) is template
    again = table_records(table)
    assert [bytes(a) for a in again] == [bytes(r) for r in records]
    assert len(table_records(record_table(records[:0], template))) == 0


def test_exponents_stand_in_the_fields():
    table = record_table(rows(Template.TRADE), Template.TRADE, exponents={"px": -4})
    assert table.schema.field("px").metadata == {b"exponent": b"-4"}
    assert table.schema.field("qty").metadata is None


def test_other_tables_are_refused():
    with pytest.raises(InputError, match="no record type"):
        table_records(pa.table({"px": [1]}))
    table = record_table(rows(Template.TRADE), Template.TRADE)
    with pytest.raises(InputError, match="column px is missing"):
        table_records(table.drop_columns(["px"]))
    at = table.column_names.index("px")
    floats = table.set_column(at, "px", pa.array([0.5] * 7))
    with pytest.raises(InputError, match="column px: found double"):
        table_records(floats.replace_schema_metadata(table.schema.metadata))
    newer = {**table.schema.metadata, b"tectra.schema": b"7433 99"}
    with pytest.raises(LayoutVersionError, match="version 99"):
        table_records(table.replace_schema_metadata(newer))
    with pytest.raises(InputError, match="found dtype"):
        record_table(np.zeros(3), Template.TRADE)
