"""A feed as NumPy columns: for each template a dict of arrays, one a field; bounded, or whole."""

from collections.abc import Iterable, Iterator

from tectra.core.columns import Columns, RecordColumns
from tectra.core.errors import InputError
from tectra.core.msg import Template
from tectra.feed.protocol import Feed

__all__ = ["iter_columns", "read_columns"]

# Slots of one step: the records stay in the second cache between their decoder and their columns.
_SLOTS = 4096

Templates = Template | int | str | Iterable[Template | int | str] | None
Fields = str | Iterable[str] | None


def iter_columns(
    feed: Feed,
    templates: Templates = None,
    *,
    fields: Fields = None,
    numbered: bool = False,
    records: int = 1 << 14,
) -> Iterator[Columns]:
    """The rest of a feed as columns, about `records` records of the stream at a time (less than
    4,096 more), in bounded memory: {template: {field: array}}, each array yours to keep.

    `templates` (Template, number or name, one or several) and `fields` (names, one or several) say
    what is wanted; None is all, without the message header. Names, types and units are those of
    `tectra.core.msg.DTYPES`: px and qty integers at the instrument's exponents, times nanoseconds
    UTC. `numbered` adds the column "number", the place of a record in the stream, by which rows of
    several templates are put into one order. Templates that were asked for are always there.

    The feed belongs to the calling thread and is not closed. Raises InputError for a name that does
    not exist, and what the feed raises.
    """
    columns = RecordColumns(templates, fields=fields, numbered=numbered)
    if records < 1:
        raise InputError(f"records: found {records}; allowed: 1 or more")
    return _batches(feed, columns, records)


def _batches(feed: Feed, columns: RecordColumns, records: int) -> Iterator[Columns]:
    taken = 0
    while (batch := feed.next_batch(min(_SLOTS, max(2, records)))) is not None:
        columns.add(batch)
        if columns.records - taken >= records:
            taken = columns.records
            yield columns.take()
    if columns.records > taken:
        yield columns.take()


def read_columns(
    feed: Feed, templates: Templates = None, *, fields: Fields = None, numbered: bool = False
) -> Columns:
    """The rest of a feed as columns in memory, one array for each field: {template: {field:
    array}}. Arguments and failures as those of iter_columns(). All fields of ITCH take 51 bytes a
    message (the bundled day): name those that are wanted.
    """
    columns = RecordColumns(templates, fields=fields, numbered=numbered)
    while (batch := feed.next_batch(_SLOTS)) is not None:
        columns.add(batch)
    return columns.take()
