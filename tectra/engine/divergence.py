"""Where an engine left a journal that it stepped."""

from dataclasses import dataclass

from tectra.core.row import template_of

__all__ = ["Divergence"]


@dataclass(frozen=True)
class Divergence:
    """The journal's record and the engine's at one place, as bytes: empty where one has none.

    `ring_seq` is the number of the place; where the journal's record has another, one is missing.
    """

    ring_seq: int
    journal: bytes
    engine: bytes

    @property
    def is_gap(self) -> bool:
        """Does the journal lack the record of this place?"""
        return bool(self.journal) and self.ring_seq != int.from_bytes(self.journal[8:16], "little")

    def __str__(self) -> str:
        theirs = template_of(self.journal).name.lower() if self.journal else "nothing"
        mine = template_of(self.engine).name.lower() if self.engine else "nothing"
        if self.is_gap:
            said = f"record {self.ring_seq} is missing before it"
        elif not self.engine:
            said = "the engine says nothing here"
        elif theirs == mine:
            said = "the engine says it with other content"
        else:
            said = f"the engine says {mine} here"
        return f"record {self.ring_seq}: the journal has {theirs}, {said}"
