"""Book checksums: the documented vectors, the compiled sums against the plain ones over the text,
and what has no text.
"""

import json
import zlib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.book import L2Book
from tectra.book.checksum import (
    BoundChecksum,
    KrakenChecksum,
    TextForm,
    checksum_algorithm,
    checksum_names,
    local_hash,
    register_checksum,
)
from tectra.core.errors import DuplicateError, InputError, UnknownSymbolError
from tectra.core.fixed import Price
from tectra.core.msg import Side

Rows = list[tuple[str, str]]

KRAKEN_V1_ASKS: Rows = [
    (f"0.0{px}", "0.00000500")
    for px in (5005, 5010, 5015, 5020, 5025, 5030, 5035, 5040, 5045, 5050)
]
KRAKEN_V1_BIDS: Rows = [
    (f"0.0{px}", "0.00000500")
    for px in (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)
]
OKX_VECTORS: list[tuple[Rows, Rows, int]] = [
    ([("3366.1", "7"), ("3366", "6")], [("3366.8", "9"), ("3368", "8")], -1881014294),
    ([("3366.1", "7")], [("3366.8", "9"), ("3368", "8"), ("3372", "8")], 831078360),
]


def raw(rows: Rows, form: TextForm) -> list[tuple[int, int]]:
    return [
        (Price(px).raw(form.px_exponent), Price(qty).raw(form.qty_exponent)) for px, qty in rows
    ]


def book_of(bids: Rows, asks: Rows, form: TextForm) -> L2Book:
    book = L2Book(1)
    for side, rows in ((Side.BUY, bids), (Side.SELL, asks)):
        for px, qty in raw(rows, form):
            book.apply_update(side, px, qty)
    return book


def test_kraken_v1_documented_vector() -> None:
    form = TextForm(-5, -8)
    algorithm = checksum_algorithm("kraken-v1")
    assert algorithm.of_text(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS) == 974947235
    book = book_of(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS, form)
    assert BoundChecksum(algorithm, form).of_book(book) == 974947235


def test_a_text_with_more_places_than_the_instrument() -> None:
    """v1 writes 0.043170 of an instrument with five places: the text counts, not the instrument."""
    bids, asks = [("0.043170", "1.50000000")], [("0.043180", "2.00000000")]
    form = TextForm(-5, -8, px_places=6)
    want = zlib.crc32(b"43180" + b"200000000" + b"43170" + b"150000000")
    assert (
        BoundChecksum(checksum_algorithm("kraken-v1"), form).of_book(book_of(bids, asks, form))
        == want
    )
    assert form.shifts == (1, 0)


@pytest.mark.parametrize("which", ["kraken_v1", "kraken_v2_doc"])
def test_vectors_of_the_external_data(test_data: Path, which: str) -> None:
    path = test_data / "vectors" / "signing_and_checksum_vectors.json"
    vector = json.loads(path.read_text())[which]
    places = {"kraken_v1": 5, "kraken_v2_doc": 1}[which]
    form = TextForm(-places, -8)
    algorithm = checksum_algorithm(which.removesuffix("_doc").replace("_", "-"))
    assert algorithm.of_text(vector["bids"], vector["asks"]) == vector["checksum"]
    book = book_of(vector["bids"], vector["asks"], form)
    assert BoundChecksum(algorithm, form).of_book(book) == vector["checksum"]
    finer = TextForm(-places - 3, -10, px_places=places, qty_places=8)
    again = book_of(vector["bids"], vector["asks"], finer)
    assert BoundChecksum(algorithm, finer).of_book(again) == vector["checksum"]


@pytest.mark.parametrize(("bids", "asks", "want"), OKX_VECTORS)
@pytest.mark.parametrize("form", [TextForm(-1, 0), TextForm(-6, -3)])
def test_okx_documented_vectors(bids: Rows, asks: Rows, want: int, form: TextForm) -> None:
    algorithm = checksum_algorithm("okx")
    assert algorithm.of_text(bids, asks) == want
    assert BoundChecksum(algorithm, form).of_book(book_of(bids, asks, form)) == want % (1 << 32)
    assert algorithm.of(raw(bids, form), raw(asks, form), form) == want


def plain(mantissa: int, exponent: int) -> str:
    """Without a zero too many, by the decimal module."""
    text = f"{Decimal(mantissa).scaleb(exponent):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


LEVELS = st.lists(
    st.tuples(st.integers(1, (1 << 62) - 1), st.integers(1, (1 << 62) - 1)), max_size=30
)


@given(LEVELS, LEVELS, st.integers(-18, 4), st.integers(-18, 4))
def test_mantissas_sum_up_as_their_text(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], px_e: int, qty_e: int
) -> None:
    form = TextForm(px_e, qty_e)
    okx = checksum_algorithm("okx")
    texts = [[(plain(p, px_e), plain(q, qty_e)) for p, q in side] for side in (bids, asks)]
    assert okx.of(bids, asks, form) == okx.of_text(*texts)
    kraken = checksum_algorithm("kraken-v2")
    fixed = [
        [
            (f"{Decimal(p).scaleb(px_e):.{max(-px_e, 0)}f}", f"{Decimal(q).scaleb(qty_e):f}")
            for p, q in side
        ]
        for side in (bids, asks)
    ]
    assert kraken.of(bids, asks, form) == kraken.of_text(*fixed)


def test_what_has_no_text() -> None:
    kraken = checksum_algorithm("kraken-v2")
    with pytest.raises(InputError, match=r"px 12345.*allowed.*places"):
        kraken.of([(12345, 1)], [], TextForm(-4, 0, px_places=2))
    assert kraken.of([(12300, 1)], [], TextForm(-4, 0, px_places=2)) == zlib.crc32(b"1231")
    for name in checksum_names():
        with pytest.raises(InputError, match="allowed"):
            checksum_algorithm(name).of([(5, -1)], [], TextForm(0, 0))
        assert checksum_algorithm(name).of([], [], TextForm(0, 0)) == 0
    with pytest.raises(InputError, match="px_exponent"):
        TextForm(-19, 0)
    with pytest.raises(InputError, match="qty_places"):
        TextForm(0, 0, qty_places=19)


def test_levels_beyond_the_depth_do_not_count() -> None:
    rows = [(100 - i, 1) for i in range(30)]
    form = TextForm(0, 0)
    for name in checksum_names():
        algorithm = checksum_algorithm(name)
        best = rows[: algorithm.levels]
        assert algorithm.of(rows, rows, form) == algorithm.of(best, best, form)
        assert algorithm.of(rows, rows, form) != algorithm.of(best[:-1], best, form)


def test_the_registry() -> None:
    assert {"kraken-v1", "kraken-v2", "okx"} <= set(checksum_names())
    with pytest.raises(UnknownSymbolError, match=r"'sha'; allowed: .*okx"):
        checksum_algorithm("sha")
    with pytest.raises(DuplicateError, match="'okx' again"):
        register_checksum(KrakenChecksum("okx"))
    with pytest.raises(InputError, match="0 levels"):
        register_checksum(KrakenChecksum("mine", levels=0))
    if "mine-25" not in checksum_names():
        register_checksum(KrakenChecksum("mine-25", levels=25))
    assert checksum_algorithm("mine-25").levels == 25


def test_local_hash_is_of_the_whole_book() -> None:
    form = TextForm(-5, -8)
    book = book_of(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS, form)
    same = book_of(KRAKEN_V1_BIDS[::-1], KRAKEN_V1_ASKS[::-1], form)
    assert local_hash(book) == local_hash(same) and len(local_hash(book)) == 32
    same.apply_update(Side.BUY, 1, 1)
    assert local_hash(book) != local_hash(same)
    assert local_hash(book, levels=5) == local_hash(same, levels=5)
    # A side cannot pass for the other.
    assert local_hash(book_of([("1", "1")], [], form)) != local_hash(
        book_of([], [("1", "1")], form)
    )
