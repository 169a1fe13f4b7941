"""Records as Arrow and back: int64 mantissas, exponents in the fields, instruments beside."""

import pyarrow as pa
import pytest
from feed_samples import (
    FILES,
    book_records,
    crypto,
    feed_of,
    instrument,
    order_records,
    slots_of,
    trade_records,
)

from tectra.core.errors import InputError
from tectra.core.msg import Template
from tectra.feed.formats import from_arrow, open_feed, to_arrow


def test_fields_say_their_exponents() -> None:
    (batch,) = to_arrow(feed_of(trade_records(), crypto()), "trade")
    assert batch.schema.field("px").type == pa.int64()
    assert batch.schema.field("px").metadata == {b"exponent": b"-6"}
    assert batch.schema.field("qty").metadata == {b"exponent": b"-8"}
    assert batch.column("px")[1].as_py() == 100_000_025
    assert b"BTCUSDT" in batch.schema.metadata[b"tectra.instruments"]


def test_instruments_of_different_exponents_say_none() -> None:
    feed = feed_of(trade_records(), crypto(), instrument(instrument_id=2))
    (batch,) = to_arrow(feed, Template.TRADE)
    assert batch.schema.field("px").metadata is None
    assert from_arrow([batch]).definitions[2].px_exponent == -4


@pytest.mark.parametrize("name", FILES)
def test_records_of_every_format_through_arrow(name: str, tmp_path) -> None:
    path, options = FILES[name](tmp_path)
    whole = slots_of(open_feed(path, options=options))
    feed = open_feed(path, options=options)
    definitions = dict(feed.definitions)
    feed.close()
    from tectra.core.record import iter_records

    for template in {r.template for r in iter_records(whole)}:
        batches = list(to_arrow(open_feed(path, options=options), template))
        back = from_arrow(batches)
        mine = b"".join(r.to_bytes() for r in iter_records(whole) if r.template is template)
        assert slots_of(back) == mine
        assert set(back.definitions) == set(definitions) or name.startswith("itch")
        table = pa.Table.from_batches(batches)
        assert slots_of(from_arrow(table)) == mine


def test_a_type_that_is_not_there() -> None:
    assert list(to_arrow(feed_of(book_records(), crypto()), "trade")) == []
    assert slots_of(from_arrow([])) == b""


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="no record type"):
        from_arrow(pa.table({"a": [1]}))
    (batch,) = to_arrow(feed_of(order_records()), "trade")
    hole = pa.table(
        {**{n: batch.column(n) for n in batch.schema.names}, "px": pa.array([None], pa.int64())}
    )
    hole = hole.replace_schema_metadata(batch.schema.metadata)
    with pytest.raises(InputError, match="column px, row 0: found no value"):
        slots_of(from_arrow(hole))
