"""Records as columns, against records read one by one; memory, names and refusals."""

import gc
import resource

import numpy as np
import pytest
from column_model import same, slow_columns

from tectra.core.columns import NUMBER, RecordColumns, record_columns
from tectra.core.errors import (
    FileFormatError,
    InputError,
    LayoutVersionError,
    TruncatedInputError,
)
from tectra.core.msg import DTYPES, SCHEMA_VERSION, Template
from tectra.core.record import encode
from tectra.schema import REGISTRY

ADD = encode("book_add", px=-5, qty=7, side=2, order_ref=1 << 63, instrument_id=9)
TRADE = encode("trade", px=1 << 62, qty=-1)
SYMBOL = encode("instrument", symbol="AAPL", px_exponent=-4)


def test_every_template_with_every_field():
    raw = b"".join(encode(name, ring_seq=i + 1) for i, name in enumerate(REGISTRY)) * 3
    found = record_columns(raw)
    assert set(found) == set(Template)
    for template, columns in found.items():
        dtype = DTYPES[template]
        assert list(columns) == [n for n in dtype.names if n not in dtype.names[:4]]
        for name, column in columns.items():
            assert (column.dtype, column.shape) == (dtype[name].base, (3, *dtype[name].shape))
            assert column.flags.c_contiguous
            assert column.flags.writeable
    same(found, slow_columns(raw))


def test_named_templates_and_fields():
    raw = ADD + TRADE + SYMBOL + ADD
    found = record_columns(raw, ["trade", Template.BOOK_ADD, 1], fields=["px", "order_ref"])
    assert {t.name: list(c) for t, c in found.items()} == {
        "BOOK_ADD": ["px", "order_ref"],
        "TRADE": ["px"],
    }
    assert found[Template.BOOK_ADD]["order_ref"].tolist() == [1 << 63] * 2
    assert record_columns(raw, "instrument", fields="symbol")[Template.INSTRUMENT][
        "symbol"
    ].tolist() == [b"AAPL"]
    heads = record_columns(raw, fields=["template_id"])
    assert heads[Template.TRADE]["template_id"].tolist() == [int(Template.TRADE)]
    assert Template.QUOTE not in heads
    empty = record_columns(raw, "quote")
    assert {n: len(c) for n, c in empty[Template.QUOTE].items()}["bid_px"] == 0
    assert empty[Template.QUOTE]["bid_px"].dtype == np.int64
    assert record_columns(b"") == {}


def test_numbers_put_templates_back_into_one_order():
    columns = RecordColumns(["book_add", "trade"], fields="px", numbered=True)
    assert columns.numbered
    assert columns.add(ADD + SYMBOL + bytes(64) + TRADE) == 3
    first = columns.take()
    assert columns.add(TRADE + ADD) == 2
    second = columns.take()
    assert [first[Template.BOOK_ADD][NUMBER].tolist(), first[Template.TRADE][NUMBER].tolist()] == [
        [0],
        [2],
    ]
    assert [
        second[Template.BOOK_ADD][NUMBER].tolist(),
        second[Template.TRADE][NUMBER].tolist(),
    ] == [[4], [3]]
    assert columns.records == 5


def test_columns_grow_and_start_anew():
    """Past every step of growth; what was taken stays as it was when its memory is used again."""
    rng = np.random.default_rng(5)
    dtype = DTYPES[Template.TRADE]
    columns = RecordColumns("trade", fields=["px", "side", "qty"])
    taken, wanted = [], []
    for rows in (1, 1023, 1024, 1025, 70_000, 3, 300_000, 2000):
        given = np.frombuffer(TRADE * rows, dtype).copy()
        given["px"], given["side"] = (
            rng.integers(-(1 << 60), 1 << 60, rows),
            rng.integers(0, 3, rows),
        )
        for part in np.array_split(given, 3):
            columns.add(part)
        assert columns.rows == {Template.TRADE: rows}
        taken.append(columns.take()[Template.TRADE])
        wanted.append(given)
        if rows == 1025:  # memory that comes back is used again
            del taken[0], wanted[0]
    assert columns.rows == {Template.TRADE: 0}
    for found, given in zip(taken, wanted, strict=True):
        for name in ("px", "side", "qty"):
            assert np.array_equal(found[name], given[name])


def test_arrays_outlive_their_maker_and_are_apart():
    columns = RecordColumns("book_add")
    columns.add(ADD * 5000)
    kept = columns.take()[Template.BOOK_ADD]
    part = kept["px"][10:20]
    del columns, kept["qty"]
    gc.collect()
    kept["side"][:] = 9
    assert (part == -5).all()
    assert (kept["order_ref"] == 1 << 63).all()
    px = kept.pop("px")
    px[:] = 3
    assert (part == 3).all()  # a view, as of any array


def test_without_memory_nothing_is_lost():
    """Each allocation of the interpreter fails once, until add() and take() succeed."""
    capi = pytest.importorskip("_testcapi", reason="the interpreter has no hooks for its tests")
    raw = (ADD + TRADE) * 3
    wanted = slow_columns(raw * 2, numbered=True)
    failed = 0
    for act in (lambda c: c.add(raw), lambda c: c.take()):
        for k in range(1000):
            columns = RecordColumns(numbered=True)
            columns.add(raw)
            before, found = columns.rows, None
            capi.set_nomemory(k, k + 1)
            try:
                found = act(columns)
            except MemoryError:
                failed += 1
            finally:
                capi.remove_mem_hooks()
            if found is not None:
                break
            assert columns.rows == before
            columns.add(raw)
            same(columns.take(), wanted)
        assert found is not None
    assert failed > 20


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_memory_is_bounded_over_a_stream():
    """A thousand batches, each dropped: the memory of a few."""
    columns = RecordColumns(["book_add", "trade"])
    raw = (ADD + TRADE) * 4000
    for _ in range(20):
        columns.add(raw)
        columns.take()
    before = peak_bytes()
    for _ in range(1000):
        columns.add(raw)
        columns.take()
    assert peak_bytes() - before < 8 << 20


def test_dropped_arrays_serve_again():
    """A stream of batches takes no page fault for its columns, but for the first of them."""
    columns = RecordColumns("book_add")
    raw = ADD * 8000
    for _ in range(5):
        columns.add(raw)
        columns.take()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):  # 120 pages each
        columns.add(raw)
        columns.take()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 1000


@pytest.mark.parametrize(
    ("tail", "error"),
    [
        (TRADE[:40], TruncatedInputError),
        (SYMBOL[:64], TruncatedInputError),
        (SYMBOL[:100], TruncatedInputError),
        (b"\1" * 64, FileFormatError),
        (bytes(20), FileFormatError),
        (TRADE[:2] + b"\xff\0" + TRADE[4:], FileFormatError),
        (b"\x10" + TRADE[1:], FileFormatError),
        (TRADE[:6] + (SCHEMA_VERSION + 1).to_bytes(2, "little") + TRADE[8:], LayoutVersionError),
        (TRADE[:6] + bytes(2) + TRADE[8:], LayoutVersionError),
    ],
)
@pytest.mark.parametrize("good", [0, 1, 5000])
def test_what_is_no_record_is_refused_whole(tail, error, good):
    columns = RecordColumns(numbered=True)
    columns.add(ADD + TRADE)
    with pytest.raises(error, match="found"):
        columns.add(ADD * good + TRADE * good + tail)
    assert (columns.records, columns.rows) == (2, {Template.BOOK_ADD: 1, Template.TRADE: 1})
    columns.add(TRADE)
    found = columns.take()
    same(found, slow_columns(ADD + TRADE + TRADE, numbered=True))


def test_records_of_an_older_schema():
    """A full record of version 1 counts; a shorter one has no values for some columns."""
    older = bytearray(TRADE)
    older[6:8] = (1).to_bytes(2, "little")
    assert record_columns(older)[Template.TRADE]["px"].tolist() == [1 << 62]
    short = bytearray(SYMBOL[:64])
    short[0:2], short[6:8] = (56).to_bytes(2, "little"), (1).to_bytes(2, "little")
    with pytest.raises(FileFormatError, match="slot 1: found a instrument record of 64 bytes"):
        record_columns(ADD + short)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: RecordColumns("tade"), "'tade'; allowed: book_add, "),
        (lambda: RecordColumns([1, 0]), "found 0; allowed: 1 BOOK_ADD"),
        (lambda: RecordColumns([]), "templates is an empty list"),
        (lambda: RecordColumns(fields=()), "fields is an empty list"),
        (lambda: RecordColumns(fields="price"), "'price'; allowed: block_length, "),
        (lambda: RecordColumns("trade", fields=["bid_px"]), "'bid_px'; allowed: block_length, "),
    ],
)
def test_wrong_names(run, words):
    with pytest.raises(InputError, match=words):
        run()


def test_wrong_types():
    with pytest.raises(TypeError):
        RecordColumns().add(5)
    with pytest.raises(ValueError, match="contiguous"):
        record_columns(np.zeros(256, np.uint8)[::2])
