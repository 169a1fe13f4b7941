"""CSV of any shape against csv and Decimal: the same values, the same refusals."""

import csv
import io
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from feed_samples import rows_of
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError
from tectra.feed.exporter.text import decimals
from tectra.feed.formats import open_feed
from tectra.feed.importer.base import RowError
from tectra.feed.importer.number import integers, mantissas, places

I64 = (1 << 63) - 1
plain = st.decimals(
    min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=8
)
numbers = st.one_of(
    plain.map(lambda d: f"{d:f}"),
    plain.map(lambda d: f"{d:e}"),
    st.integers(-(10**20), 10**20).map(str),
    st.text(alphabet="0123456789.+-eE", max_size=26),
    st.sampled_from(
        ["NaN", "inf", "-Infinity", "", " 1", "1 ", "1_0", "0x1", "١", "1e400", "1e-400"]
    ),
)


def exact(text: str, exponent: int) -> int | None:
    """Mantissa by Decimal, None where it is none: the plain twin."""
    if not text.isascii() or text.strip() != text or "_" in text:
        return None
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    if not value.is_finite():
        return None
    sign, digits, places_of = value.as_tuple()
    number = int("".join(map(str, digits)))
    shift = int(places_of) - exponent
    if abs(shift) > 2000:
        return 0 if number == 0 else None
    if shift >= 0:
        number *= 10**shift
    else:
        number, rest = divmod(number, 10**-shift)
        if rest:
            return None
    return None if number > I64 else -number if sign else number


@given(st.lists(numbers, min_size=1, max_size=30), st.integers(-18, 0))
def test_mantissas_are_decimals(texts: list[str], exponent: int) -> None:
    want = [exact(t, exponent) for t in texts]
    column = pa.array(texts, pa.string())
    bad = [i for i, w in enumerate(want) if w is None]
    if not bad:
        assert mantissas(column, exponent, "x").tolist() == want
        return
    with pytest.raises(RowError) as refused:
        mantissas(column, exponent, "x")
    assert refused.value.rows.tolist() == bad
    assert repr(texts[bad[0]]) in refused.value.text(bad[0])


@given(st.lists(st.integers(-(10**19), 10**19).map(str), min_size=1, max_size=20))
def test_integers(texts: list[str]) -> None:
    bad = [i for i, t in enumerate(texts) if not 0 <= int(t) <= I64]
    if not bad:
        assert integers(pa.array(texts), "x").tolist() == [int(t) for t in texts]
        return
    with pytest.raises(RowError) as refused:
        integers(pa.array(texts), "x")
    assert set(refused.value.rows.tolist()) <= set(bad)


@given(st.lists(st.integers(-I64, I64), min_size=1, max_size=20), st.integers(-18, 0))
def test_texts_of_mantissas_read_back(values: list[int], exponent: int) -> None:
    texts = decimals(pa.array(values).to_numpy(), exponent)
    assert [Decimal(t) for t in texts.to_pylist()] == [Decimal(v).scaleb(exponent) for v in values]
    assert mantissas(texts, exponent, "x").tolist() == values
    assert set(places(texts).tolist()) == {-exponent}


trades = st.tuples(
    st.integers(0, 10**9),
    st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False),
    st.decimals(min_value=0, max_value=10**6, places=6, allow_nan=False),
    st.sampled_from(["buy", "sell", ""]),
)
junk = st.sampled_from(
    ["1,2", "a,b,c,d,e", "nan,1,1,buy", "1600000000,nan,1,buy", '"', "", "1,2,3,4"]
)


@given(
    st.lists(trades, min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 30), junk), max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_rows_among_junk(
    rows: list[tuple[int, Decimal, Decimal, str]],
    wrong: list[tuple[int, str]],
    end: str,
    last_line_ends: bool,
) -> None:
    """Lenient reading gives the good rows, in order, and counts the others; strict says which."""
    rows = sorted(rows, key=lambda r: r[0])
    lines = [f"{1_600_000_000_000_000_000 + t},{p},{q},{s}" for t, p, q, s in rows]
    for at, text in wrong:
        lines.insert(min(at, len(lines)), text)
    while lines and lines[-1] == "":
        lines.pop()
    text = "time,price,size,side" + end + end.join(lines) + (end if last_line_ends else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.csv"
        path.write_bytes(text.encode())
        feed = open_feed(path, options={"strict": False})
        found = rows_of(feed)
        one = feed.definitions[1]
        good = list(csv.reader(io.StringIO("\n".join(filter(_good, lines)))))
        assert [
            (
                r["ts_event_ns"],
                Decimal(r["px"]).scaleb(one.px_exponent),
                Decimal(r["qty"]).scaleb(one.qty_exponent),
            )
            for r in found
        ] == [(int(t), Decimal(p), Decimal(q)) for t, p, q, _ in good]
        skipped = sum(n for cause, n in feed.faults.items() if cause != "no_line_end")
        assert skipped == len(lines) - len(good)
        if not skipped:
            assert len(rows_of(open_feed(path))) == len(good)
            return
        with pytest.raises(FileFormatError, match=r"line \d+: ") as refused:
            rows_of(open_feed(path))
        bad = [i for i, line in enumerate(lines, 2) if not _good(line)]
        assert int(str(refused.value).split("line ")[1].split(":")[0]) in bad


def _good(line: str) -> bool:
    return line.startswith("16") and "nan" not in line


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_million_numbers() -> None:
    """A million random mantissas as text and back, and against Decimal, at every exponent."""
    rng = np.random.default_rng(11)
    for exponent in range(-18, 1):
        bits = rng.integers(1, 63, 60_000)
        values = rng.integers(-(1 << 62), 1 << 62, 60_000) >> (62 - bits)
        texts = decimals(values, exponent)
        assert np.array_equal(mantissas(texts, exponent, "x"), values)
        some = slice(0, 2_000)
        assert [Decimal(t) for t in texts[some].to_pylist()] == [
            Decimal(v).scaleb(exponent) for v in values[some].tolist()
        ]
