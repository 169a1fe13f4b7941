"""Instrument ids of many sources as one numbering: the same venue and symbol, the same number."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.feed.batch import Rows, renumber
from tectra.feed.protocol import Feed, Slots
from tectra.feed.relay import definitions_of
from tectra.refdata.instrument import Instrument

__all__ = ["DenseIds", "Numbering", "SourceIds"]


class Numbering:
    """Numbers from 1 for (venue id, symbol), in the order they are met. One owner thread."""

    def __init__(self) -> None:
        self._number: dict[tuple[int, str], int] = {}
        self.symbols: dict[int, str] = {}
        self.venues: dict[int, int] = {}
        self.definitions: dict[int, Instrument] = {}

    def number(self, venue_id: int, symbol: str) -> int:
        """The number of an instrument, given to it the first time."""
        key = (venue_id, symbol)
        found = self._number.get(key)
        if found is None:
            found = self._number[key] = len(self._number) + 1
            self.symbols[found], self.venues[found] = symbol, venue_id
        return found

    def define(self, number: int, definition: Instrument, source: object) -> None:
        """Note what an instrument's mantissas mean, under its number. InputError when it is known
        at another scale: one column never has two.
        """
        known = self.definitions.get(number)
        scale = (definition.px_exponent, definition.qty_exponent)
        if known is not None and (known.px_exponent, known.qty_exponent) != scale:
            raise InputError(
                f"{source}: {definition.symbol}: found exponents {scale[0]} and {scale[1]}; "
                f"the other data has {known.px_exponent} and {known.qty_exponent}: read it with "
                "the same exponents (an option of most formats), or keep the two apart"
            )
        if known is None:
            self.definitions[number] = replace(definition, instrument_id=number)

    def __len__(self) -> int:
        return len(self._number)

    def __iter__(self) -> Iterator[tuple[int, int, str]]:
        """(number, venue id, symbol) of each."""
        return ((n, venue, symbol) for (venue, symbol), n in self._number.items())


class SourceIds:
    """The ids of one source in a Numbering. An id whose symbol the source does not tell keeps a
    number of its own, with the symbol '#source.id'.
    """

    def __init__(self, numbering: Numbering, source: int, name: object = "source") -> None:
        self._numbering, self._source, self._name = numbering, source, name
        self._known = np.zeros(1, np.uint32)
        self._numbers = np.zeros(1, np.uint32)
        self.identical = True

    def number_of(self, instrument_id: int) -> int:
        """The number of an id that was met; 0 for 0."""
        at = int(np.searchsorted(self._known, instrument_id))
        if at < len(self._known) and self._known[at] == instrument_id:
            return int(self._numbers[at])
        return 0

    def apply(self, slots: Slots, rows: Rows, feed: Feed) -> Slots:
        """The batch with the numbers in place of the ids: itself where they are the same, else a
        copy. `rows` then holds the numbers too.
        """
        ids = rows.instrument_id
        at = np.searchsorted(self._known, ids)
        at[at == len(self._known)] = 0
        strange = self._known[at] != ids
        if strange.any():
            self._learn(ids, rows.venue_id, np.flatnonzero(strange), feed)
            at = np.searchsorted(self._known, ids)
        if self.identical:
            return slots
        numbers = self._numbers[at]
        out = slots.copy()
        renumber(out, rows.slot, numbers)
        ids[:] = numbers
        return out

    def _learn(
        self,
        ids: NDArray[np.uint32],
        venues: NDArray[np.uint16],
        strange: NDArray[np.intp],
        feed: Feed,
    ) -> None:
        """New ids in the order of their first records."""
        instruments, definitions = feed.instruments, definitions_of(feed)
        fresh, first = np.unique(ids[strange], return_index=True)
        numbers = np.empty(len(fresh), np.uint32)
        for i in np.argsort(first, kind="stable"):
            number = int(fresh[i])
            symbol = instruments.get(number, f"#{self._source}.{number}")
            definition = definitions.get(number)
            venue = int(venues[strange[first[i]]])
            if definition is not None:
                venue = int(definition.exchange)
            numbers[i] = self._numbering.number(venue, symbol)
            if definition is not None:
                self._numbering.define(int(numbers[i]), definition, self._name)
        known = np.concatenate((self._known, fresh))
        order = np.argsort(known)
        self._known = known[order]
        self._numbers = np.concatenate((self._numbers, numbers))[order]
        self.identical = bool((self._known == self._numbers).all())


class DenseIds:
    """Ids as numbers from 0, in the order in which they are met. One owner thread."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self._known = np.empty(0, np.uint32)
        self._numbers = np.empty(0, np.uint32)

    def index(self, ids: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The number of each id; new ones get theirs."""
        at = np.searchsorted(self._known, ids)
        if len(self._known):
            at[at == len(self._known)] = 0
            strange = self._known[at] != ids
        else:
            strange = np.ones(len(ids), np.bool_)
        if strange.any():
            fresh, first = np.unique(ids[strange], return_index=True)
            order = np.argsort(first, kind="stable")
            numbers = np.empty(len(fresh), np.uint32)
            numbers[order] = np.arange(len(self.ids), len(self.ids) + len(fresh))
            self.ids += fresh[order].tolist()
            known = np.concatenate((self._known, fresh))
            sort = np.argsort(known)
            self._known = known[sort]
            self._numbers = np.concatenate((self._numbers, numbers))[sort]
            at = np.searchsorted(self._known, ids)
        return self._numbers[at]
