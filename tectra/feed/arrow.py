"""Records of a feed as Arrow record batches and back. px and qty stay int64 mantissas: where all
instruments share their exponents the fields say them, and the instruments stand in the schema.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import numpy as np
import pyarrow as pa

from tectra.core.arrow import record_table, table_records, table_template
from tectra.core.errors import FileFormatError, InputError
from tectra.core.msg import DTYPES, Template
from tectra.feed.importer.base import BlockFeed, RecordFeed
from tectra.feed.importer.record import Records, as_slots, of_template
from tectra.feed.protocol import Slots
from tectra.refdata.instrument import Instrument

__all__ = [
    "INSTRUMENTS",
    "exponents_of",
    "from_arrow",
    "instrument_text",
    "instruments_in",
    "record_batch",
    "to_arrow",
]

# Key of the schema metadata under which the instruments stand, as JSON.
INSTRUMENTS = b"tectra.instruments"
_PX = ("px", "exec_px", "bid_px", "ask_px", "last_px", "high_px", "low_px", "far_px", "near_px")
_QTY = ("qty", "bid_qty", "ask_qty", "last_qty", "volume_qty", "paired_qty", "imbalance_qty")
_BATCH_SLOTS = 1 << 15


def instrument_text(definitions: Mapping[int, Instrument]) -> bytes:
    """Instruments as the JSON text of the schema metadata."""
    rows = [definitions[number].to_dict() for number in sorted(definitions)]
    return json.dumps(rows, separators=(",", ":")).encode()


def instruments_in(schema: pa.Schema, where: object = "table") -> dict[int, Instrument]:
    """Instruments of a schema that tectra wrote. FileFormatError for a text that is none."""
    text = (schema.metadata or {}).get(INSTRUMENTS)
    if text is None:
        return {}
    try:
        rows = [Instrument.from_dict(fields) for fields in json.loads(text)]
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FileFormatError(f"{where}: the instruments in its metadata: {error}") from error
    return {row.instrument_id: row for row in rows}


def exponents_of(definitions: Mapping[int, Instrument], template: Template) -> dict[str, int]:
    """Exponent by column, of those columns whose exponent is the same for every instrument."""
    names = DTYPES[template].names or ()
    found: dict[str, int] = {}
    for columns, exponents in (
        ((*_PX, "reference_px"), {d.px_exponent for d in definitions.values()}),
        (_QTY, {d.qty_exponent for d in definitions.values()}),
    ):
        if len(exponents) == 1:
            found |= dict.fromkeys((n for n in columns if n in names), exponents.copy().pop())
    return found


def record_batch(
    records: Records, template: Template, definitions: Mapping[int, Instrument]
) -> pa.RecordBatch:
    """Records of one type as one batch whose schema names the instruments."""
    table = record_table(records, template, exponents=exponents_of(definitions, template))
    meta = {**(table.schema.metadata or {}), INSTRUMENTS: instrument_text(definitions)}
    table = table.replace_schema_metadata(meta).combine_chunks()
    if table.num_rows:
        return table.to_batches()[0]
    return pa.RecordBatch.from_pylist([], schema=table.schema)


def to_arrow(feed: RecordFeed, template: Template | str) -> Iterator[pa.RecordBatch]:
    """Every record of one type, batch by batch, all with one schema; the rest is passed over.

    Instruments that the feed learns of later than its first batch are not in the schema; another
    exponent among them is refused with InputError.
    """
    kind = Template[template.upper()] if isinstance(template, str) else template
    definitions: dict[int, Instrument] | None = None
    while (batch := feed.next_batch(_BATCH_SLOTS)) is not None:
        if definitions is None:
            definitions = dict(feed.definitions)
        records, _ = of_template(batch, kind)
        if not len(records):
            continue
        known = dict(feed.definitions)
        if exponents_of(known, kind) != exponents_of(definitions, kind) and definitions:
            raise InputError(
                f"{feed.format}: an instrument with other exponents appeared behind the first "
                "batch; choose symbols, so that all are known at the start"
            )
        yield record_batch(records, kind, definitions)


class _Batches:
    """Arrow batches as a source with a position, counted in rows times the record's size."""

    def __init__(self) -> None:
        self.position = 0
        self.size = 0

    def close(self) -> None:
        """Nothing is held."""


def from_arrow(
    source: pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch],
    *,
    definitions: Mapping[int, Instrument] | None = None,
) -> BlockFeed:
    """A feed of the records that to_arrow() or record_table() gave. One type of record.

    `definitions` stand in for those of the schema. Raises InputError, LayoutVersionError for what
    tectra did not write.
    """
    if isinstance(source, pa.RecordBatch):
        source = [source]
    stream = iter(source.to_batches() if isinstance(source, pa.Table) else source)
    first = next(stream, None)
    known: dict[int, Instrument] = dict(definitions or {})
    if first is None:
        if isinstance(source, pa.Table):
            table_template(source)
        return BlockFeed("arrow", _Batches(), known, iter(()))
    table_template(pa.Table.from_batches([first]))
    if definitions is None:
        known = instruments_in(first.schema)
    return BlockFeed("arrow", _Batches(), known, _blocks(chain([first], stream)))


def _blocks(stream: Iterable[pa.RecordBatch]) -> Iterator[Slots]:
    for batch in stream:
        yield table_slots(pa.Table.from_batches([batch]))


def table_slots(table: pa.Table) -> Slots:
    """Records of a table as slots. InputError for a column with gaps."""
    for name in table.column_names:
        if table.column(name).null_count:
            row = table.column(name).is_null().to_pylist().index(True)
            raise InputError(f"table: column {name}, row {row:,}: found no value; allowed: all")
    if not table.num_rows:
        table_template(table)
        return np.empty(0, np.uint8)
    return as_slots(table_records(table))
