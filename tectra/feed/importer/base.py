"""What every importer gives: a feed of records with the instruments they are about, how far it has
read, and what it passed over.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tectra.core.closing import Closing
from tectra.core.errors import ClosedError, FileFormatError, InputError, UnknownSymbolError
from tectra.core.msg import HEAD
from tectra.core.types import Exchange
from tectra.feed.importer.record import starts_of
from tectra.feed.protocol import Feed, Slots
from tectra.refdata.instrument import Instrument

__all__ = ["BlockFeed", "FaultRow", "Faults", "Options", "Progressing", "RecordFeed", "RowError"]

_LISTED_MAX = 100


@runtime_checkable
class RecordFeed(Feed, Protocol):
    """A feed that also says what its numbers mean and how far it is. One thread owns it."""

    @property
    def format(self) -> str:
        """Name of the format, as in FORMATS."""
        ...

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by id: exponents, tick and lot of every px and qty."""
        ...

    @property
    def position(self) -> int:
        """Bytes of the input that are done with; at most `size`."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the input on disk; 0 where it has none."""
        ...

    @property
    def faults(self) -> Mapping[str, int]:
        """How often which fault was passed over; empty for a clean input so far."""
        ...


class Progressing(Protocol):
    """Something with a position in bytes."""

    @property
    def position(self) -> int: ...

    @property
    def size(self) -> int: ...

    def close(self) -> None: ...


class RowError(Exception):
    """Rows of a block that cannot be taken, and why. Never leaves the importers."""

    def __init__(self, rows: NDArray[np.int64], cause: str, text: Callable[[int], str]) -> None:
        super().__init__(cause)
        self.rows = rows
        self.cause = cause
        self.text = text


class FaultRow(NamedTuple):
    """A row that was passed over: line or offset, cause, and what it said."""

    where: int
    cause: str
    text: str


class Faults:
    """What an importer met that is not right. Strict: the first one is raised as FileFormatError.
    Else it is counted, and the first hundred are kept with their place.
    """

    def __init__(self, path: object, *, strict: bool, unit: str = "line") -> None:
        self.path = path
        self.strict = strict
        self.unit = unit
        self.counts: dict[str, int] = {}
        self.rows: list[FaultRow] = []

    def add(self, where: int, cause: str, text: str) -> None:
        """A row that is damaged: it is left out, or the import ends here."""
        if self.strict:
            raise FileFormatError(
                f"{self.path}, {self.unit} {where:,}: {text}; mend it, or read with strict=False, "
                "which leaves such rows out and counts them"
            )
        self.note(where, cause, text)

    def note(self, where: int, cause: str, text: str, count: int = 1) -> None:
        """Something that the format allows and a user wants to know."""
        self.counts[cause] = self.counts.get(cause, 0) + count
        if len(self.rows) < _LISTED_MAX:
            self.rows.append(FaultRow(where, cause, text))


class Options:
    """Options of one format, from a mapping whose values may be texts of a command line.

    Raises InputError for a name that the format does not know, or a value that is none of its kind.
    """

    def __init__(self, owner: str, known: Mapping[str, str], given: Mapping[str, object]) -> None:
        self._owner = owner
        self._given = dict(given)
        for name in given:
            if name in known:
                continue
            close = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise InputError(
                f"{owner}: found option {name!r}; {hint}allowed: "
                f"{', '.join(sorted(known)) or 'none, this format takes no options'}"
            )

    def __contains__(self, name: str) -> bool:
        return self._given.get(name) is not None

    def raw(self, name: str) -> object:
        """The value as it was given, or None."""
        return self._given.get(name)

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        found = self._given.get(name)
        return default if found is None else str(found)

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """One of some texts."""
        found = self.text(name, default)
        names = tuple(allowed)
        if found not in names:
            raise self._wrong(name, found, f"one of {', '.join(names)}")
        return found

    def flag(self, name: str, *, default: bool) -> bool:
        """True or False, or the text of one."""
        found = self._given.get(name)
        if found is None:
            return default
        if isinstance(found, bool):
            return found
        text = str(found).lower()
        if text not in ("1", "true", "yes", "0", "false", "no"):
            raise self._wrong(name, found, "true or false")
        return text in ("1", "true", "yes")

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """An integer of a range."""
        found = self._given.get(name)
        if found is None:
            return default
        try:
            number = int(found) if isinstance(found, int) else int(str(found))
        except ValueError:
            raise self._wrong(name, found, f"{low} to {high}") from None
        if not low <= number <= high or isinstance(found, bool):
            raise self._wrong(name, found, f"{low} to {high}")
        return number

    def exponent(self, name: str) -> int | None:
        """A decimal exponent of -18 to 0, or None when it is to be found in the file."""
        if self._given.get(name) is None:
            return None
        return self.integer(name, 0, low=-18, high=0)

    def exchange(self, default: Exchange) -> Exchange:
        """Option `exchange`: an Exchange, its name or its number."""
        found = self._given.get("exchange")
        if found is None:
            return default
        if isinstance(found, int):
            return Exchange(found)
        return Exchange.parse(str(found))

    def _wrong(self, name: str, found: object, allowed: str) -> InputError:
        return InputError(f"{self._owner}: option {name}: found {found!r}; allowed: {allowed}")


class BlockFeed(Closing):
    """A RecordFeed over blocks of records that an importer makes. Owned by one thread.

    `faults` counts what was passed over, `fault_rows` holds the first hundred with their place.
    """

    def __init__(
        self,
        name: str,
        source: Progressing,
        definitions: Mapping[int, Instrument],
        blocks: Iterator[Slots],
        faults: Faults | None = None,
    ) -> None:
        self._name = name
        self._source = source
        self._definitions = definitions
        self._blocks = blocks
        self._faults = faults
        self._block: Slots = np.empty(0, np.uint8)
        self._starts: NDArray[np.int64] = np.empty(0, np.int64)
        self._at = 0
        self._keep: NDArray[np.uint32] | None = None
        self._closed = False
        self.midnight_ns = 0
        """Start of the venue's day where the file is of one; 0 where that is not known."""

    @property
    def format(self) -> str:
        """Name of the format."""
        return self._name

    @property
    def instruments(self) -> dict[int, str]:
        """Symbol by instrument id."""
        return {number: d.symbol for number, d in self.definitions.items()}

    @property
    def definitions(self) -> Mapping[int, Instrument]:
        """Instrument by id, of those that were asked for."""
        if self._keep is None:
            return self._definitions
        return {n: d for n, d in self._definitions.items() if n in self._keep}

    @property
    def date_known(self) -> bool:
        """Is `midnight_ns` that of a day?"""
        return self.midnight_ns != 0

    @property
    def position(self) -> int:
        """Bytes of the input that were read."""
        return self._source.position

    @property
    def size(self) -> int:
        """Bytes of the input on disk."""
        return self._source.size

    @property
    def faults(self) -> Mapping[str, int]:
        """Count by cause of what was passed over."""
        return {} if self._faults is None else self._faults.counts

    @property
    def fault_rows(self) -> list[FaultRow]:
        """The first hundred of them, with their place."""
        return [] if self._faults is None else self._faults.rows

    def keep(self, symbols: Iterable[str]) -> None:
        """Let only records of these symbols and of the whole market pass. UnknownSymbolError."""
        known: dict[str, list[int]] = {}
        for number, one in self._definitions.items():
            known.setdefault(one.symbol, []).append(number)
        wanted = list(dict.fromkeys(symbols))
        if not wanted:
            raise InputError("symbols is an empty list: give at least one, or None for all")
        for symbol in wanted:
            if symbol not in known:
                close = difflib.get_close_matches(symbol.upper(), list(known), n=3)
                hint = f"close to it: {', '.join(close)}; " if close else ""
                some = ", ".join(sorted(known)[:12])
                raise UnknownSymbolError(
                    f"symbol: found {symbol!r}, which is not among the {len(known):,} of this "
                    f"data; {hint}it has {some}{' and more' if len(known) > 12 else ''}"
                )
        self._keep = np.array([n for s in wanted for n in known[s]], np.uint32)

    def next_batch(self, max_slots: int = 4096) -> Slots | None:
        """Up to `max_slots` (at least 2) slots of whole records, or None at the end."""
        if self._closed:
            raise ClosedError(f"the {self._name} feed is closed")
        if max_slots < 2:
            raise InputError(f"room for {max_slots} slots; a record takes up to 2")
        while self._at >= len(self._starts):
            try:
                block = next(self._blocks, None)
            except BaseException:
                self._source.close()
                raise
            if block is None:
                self._source.close()
                return None
            self._take(block)
        total = len(self._block) // 64
        first = int(self._starts[self._at])
        if total - first <= max_slots:
            stop = len(self._starts)
            end = total
        else:
            stop = int(np.searchsorted(self._starts, first + max_slots, side="right")) - 1
            end = int(self._starts[stop])
        out = self._block[first * 64 : end * 64]
        self._at = stop
        return out

    def _take(self, block: Slots) -> None:
        starts = starts_of(block)
        if self._keep is not None and len(starts):
            rows = block.reshape(-1, 64)
            owner = rows[starts].view(HEAD).reshape(-1)["instrument_id"]
            passing = np.isin(owner, self._keep) | (owner == 0)
            if not bool(passing.all()):
                widths = np.diff(np.append(starts, len(rows)))
                block = rows[np.repeat(passing, widths)].reshape(-1)
                starts = starts_of(block)
        self._block, self._starts, self._at = block, starts, 0

    def close(self) -> None:
        """Give up the file. May be called twice."""
        self._closed = True
        closing = getattr(self._blocks, "close", None)
        if closing is not None:
            closing()
        self._source.close()
