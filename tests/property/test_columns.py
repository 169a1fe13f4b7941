"""Columns of any records, however they are cut into batches, against records one by one."""

import numpy as np
import pytest
from column_model import same, slow_columns
from hypothesis import given, settings
from hypothesis import strategies as st

from tectra.core.columns import RecordColumns, record_columns
from tectra.core.errors import TectraError
from tectra.core.msg import DTYPES, Template
from tectra.core.record import encode

NAMES = sorted({n for dtype in DTYPES.values() for n in dtype.names or ()})


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """One record of random bytes under a right header; None of it is padding."""
    head = encode(draw(st.sampled_from(list(Template))))
    return head[:8] + draw(st.binary(min_size=len(head) - 8, max_size=len(head) - 8))


PARTS = st.lists(records() | st.just(bytes(64)), max_size=40)


@settings(max_examples=60)
@given(parts=PARTS, sizes=st.lists(st.integers(0, 9), max_size=9), skew=st.integers(0, 8))
def test_same_as_one_by_one(parts: list[bytes], sizes: list[int], skew: int) -> None:
    """In batches of any size, at any place in memory."""
    columns, left = RecordColumns(numbered=True), list(parts)
    for size in [*sizes, len(parts)]:
        batch, left = b"".join(left[:size]), left[size:]
        columns.add(memoryview(bytes(skew) + batch)[skew:])
    raw = b"".join(parts)
    same(columns.take(), slow_columns(raw, numbered=True))
    same(record_columns(raw), slow_columns(raw))


@settings(max_examples=60)
@given(
    parts=PARTS,
    templates=st.lists(st.sampled_from(list(Template)), min_size=1, max_size=5),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=6),
)
def test_chosen_are_those_of_all(
    parts: list[bytes], templates: list[Template], names: list[str]
) -> None:
    raw = b"".join(parts)
    whole = record_columns(raw, fields=NAMES)
    if not any(n in (DTYPES[t].names or ()) for t in templates for n in names):
        return
    names = [n for n in names if any(n in (DTYPES[t].names or ()) for t in templates)]
    found = record_columns(raw, templates, fields=names)
    for template in templates:
        own = [n for n in dict.fromkeys(names) if n in (DTYPES[template].names or ())]
        assert list(found.get(template, {})) == own
        for name in own:
            if template in whole:
                assert found[template][name].tobytes() == whole[template][name].tobytes()
            else:
                assert len(found[template][name]) == 0


@settings(max_examples=100)
@given(parts=PARTS, at=st.integers(0, 2000), value=st.integers(0, 255), cut=st.integers(0, 200))
def test_damage_is_refused_or_read_alike(parts: list[bytes], at: int, value: int, cut: int) -> None:
    """Both read the same, or both refuse; only a cut slot of zeros is padding to one of them."""
    raw = bytearray(b"".join(parts))
    if at < len(raw):
        raw[at] = value
    del raw[max(0, len(raw) - cut) :]
    try:
        wanted = slow_columns(bytes(raw))
    except TectraError as error:
        with pytest.raises(type(error)):
            record_columns(raw)
        return
    if len(raw) % 64:
        with pytest.raises(TectraError):
            record_columns(raw)
        return
    same(record_columns(np.frombuffer(raw, np.uint8)), wanted)
