"""Book checksums by name: what venues publish with their books, computed from one's own book.

A venue sums up the *text* of its best levels. A book holds mantissas, so the text is rebuilt from
them and from its form: the exponents of the mantissas and the places that the venue writes. That
is exact for venues that write a fixed number of places (Kraken) and for those that write no zero
too many (OKX). A venue that writes "3366.10" one time and "3366.1" another has no text that
mantissas could give back; of_text() sums up the text itself.

Kraken v1 and v2 differ in the places alone: v1 writes more than the instrument has, and its text is
what counts; v2 counts the instrument's own `price_precision` and `qty_precision`. Binance, Bybit
and Coinbase publish no checksum; local_hash() is one's own.

Sources: Kraken documentation, "Book checksum" v1 and v2; OKX documentation v5, "Checksum".
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from tectra.book.crc import crc_of_digits, crc_of_pairs
from tectra.book.l2 import L2Book
from tectra.core.errors import DuplicateError, InputError, UnknownSymbolError

__all__ = [
    "CRC_MAX",
    "BoundChecksum",
    "ChecksumAlgorithm",
    "KrakenChecksum",
    "OkxChecksum",
    "TextForm",
    "checksum_algorithm",
    "checksum_names",
    "local_hash",
    "register_checksum",
]

# Levels of one side, best first: (px, qty), or as the venue wrote them.
_Levels: TypeAlias = Sequence[tuple[int, int]]
_Texts: TypeAlias = Sequence[tuple[str, str]]
_ALL_LEVELS = 1 << 24
CRC_MAX = (1 << 32) - 1
_LEVELS_MAX = 1000


@dataclass(frozen=True, slots=True)
class TextForm:
    """How the numbers of one instrument are held and written: exponents of the mantissas, and the
    places of the venue's text. Places that are None are those of the exponent.
    """

    px_exponent: int
    qty_exponent: int
    px_places: int | None = None
    qty_places: int | None = None

    def __post_init__(self) -> None:
        for name in ("px_exponent", "qty_exponent"):
            if not -18 <= getattr(self, name) <= 18:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: -18 to 18")
        for name in ("px_places", "qty_places"):
            places = getattr(self, name)
            if places is not None and not 0 <= places <= 18:
                raise InputError(f"{name}: found {places}; allowed: 0 to 18, or None")

    @property
    def exponents(self) -> tuple[int, int]:
        """Of price and quantity."""
        return self.px_exponent, self.qty_exponent

    @property
    def shifts(self) -> tuple[int, int]:
        """Zeros that the venue's text has after the digits of the mantissas."""
        px = max(-self.px_exponent, 0) if self.px_places is None else self.px_places
        qty = max(-self.qty_exponent, 0) if self.qty_places is None else self.qty_places
        return px + self.px_exponent, qty + self.qty_exponent


class ChecksumAlgorithm(Protocol):
    """An algorithm of a venue. Pure functions: the thread that owns the book."""

    @property
    def name(self) -> str:
        """What it is registered under."""
        ...

    @property
    def levels(self) -> int:
        """How many levels of each side count."""
        ...

    def of(self, bids: _Levels, asks: _Levels, form: TextForm) -> int:
        """The checksum that the venue would publish with this book, levels best first; those beyond
        `levels` do not count. InputError where a mantissa has no text in this form.
        """
        ...

    def of_text(self, bids: _Texts, asks: _Texts) -> int:
        """The same of the venue's own text, levels best first. Slow and plain: the reference."""
        ...


def _without_point(text: str) -> str:
    return text.replace(".", "").lstrip("0") or "0"


@dataclass(frozen=True, slots=True)
class KrakenChecksum:
    """Kraken's: unsigned CRC-32 of the ten best asks, then bids, without points."""

    name: str
    levels: int = 10

    def of(self, bids: _Levels, asks: _Levels, form: TextForm) -> int:
        """Of levels, best first."""
        return crc_of_digits(bids[: self.levels], asks[: self.levels], form.shifts)

    def of_text(self, bids: _Texts, asks: _Texts) -> int:
        """Of the venue's text."""
        rows = [*asks[: self.levels], *bids[: self.levels]]
        text = "".join(_without_point(px) + _without_point(qty) for px, qty in rows)
        return zlib.crc32(text.encode())


@dataclass(frozen=True, slots=True)
class OkxChecksum:
    """OKX's, and Bitget's: signed CRC-32 of `bid:qty:ask:qty:...` over the 25 best of each side.

    OKX writes no zero at the end of a number; a recording that has some (rewritten by another
    program) has other sums than its mantissas.
    """

    name: str = "okx"
    levels: int = 25

    def of(self, bids: _Levels, asks: _Levels, form: TextForm) -> int:
        """Of levels, best first."""
        most = self.levels
        return _signed(crc_of_pairs(bids[:most], asks[:most], form.exponents))

    def of_text(self, bids: _Texts, asks: _Texts) -> int:
        """Of the venue's text."""
        parts: list[str] = []
        for i in range(self.levels):
            for side in (bids, asks):
                parts.extend(side[i] if i < len(side) else ())
        return _signed(zlib.crc32(":".join(parts).encode()))


@dataclass(frozen=True, slots=True)
class BoundChecksum:
    """An algorithm for the books of one instrument: what a feed's book rule asks for. Sums are
    unsigned 32 bits here whatever the venue's sign, as records carry them.
    """

    algorithm: ChecksumAlgorithm
    form: TextForm

    @property
    def levels(self) -> int:
        """How many levels of each side count."""
        return self.algorithm.levels

    def __call__(self, bids: _Levels, asks: _Levels) -> int:
        """The checksum of levels, best first."""
        return self.algorithm.of(bids, asks, self.form) & CRC_MAX

    def of_book(self, book: L2Book) -> int:
        """The checksum of a book."""
        return self(*book.depth_at(self.levels))


def _signed(crc: int) -> int:
    return crc - (1 << 32) if crc >> 31 else crc


_ALGORITHMS: dict[str, ChecksumAlgorithm] = {
    "kraken-v1": KrakenChecksum("kraken-v1"),
    "kraken-v2": KrakenChecksum("kraken-v2"),
    "okx": OkxChecksum(),
}


def register_checksum(algorithm: ChecksumAlgorithm) -> None:
    """Add an algorithm under its name, for a venue of one's own. DuplicateError for a name taken,
    InputError for one that counts too many levels.
    """
    if algorithm.name in _ALGORITHMS:
        raise DuplicateError(
            f"checksum: found {algorithm.name!r} again; allowed: another name than "
            f"{', '.join(checksum_names())}"
        )
    if not algorithm.name or not 1 <= algorithm.levels <= _LEVELS_MAX:
        raise InputError(
            f"checksum: found the name {algorithm.name!r} and {algorithm.levels} levels; allowed: "
            f"a name, and 1 to {_LEVELS_MAX} levels"
        )
    _ALGORITHMS[algorithm.name] = algorithm


def checksum_algorithm(name: str) -> ChecksumAlgorithm:
    """The algorithm of a name; UnknownSymbolError with the names there are."""
    found = _ALGORITHMS.get(name)
    if found is None:
        raise UnknownSymbolError(
            f"checksum: found {name!r}; allowed: {', '.join(checksum_names())}; add one with "
            "register_checksum()"
        )
    return found


def checksum_names() -> tuple[str, ...]:
    """Names of the algorithms, sorted."""
    return tuple(sorted(_ALGORITHMS))


def local_hash(book: L2Book, *, levels: int | None = None) -> bytes:
    """SHA-256 of one's own book: bids, then asks, best first, px and qty as int64.

    No venue publishes it. It says whether two books of ours are the same (live and replay, primary
    and standby, before and after a restart), at the same exponents. `levels` of each side, all of
    them by default.
    """
    bids, asks = book.depth_at(_ALL_LEVELS if levels is None else levels)
    digest = hashlib.sha256()
    for side in (bids, asks):
        digest.update(len(side).to_bytes(4, "little"))
        digest.update(np.array(side, "<i8").tobytes())
    return digest.digest()
