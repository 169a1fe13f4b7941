"""The first difference between a journal and its replay, named by record and field."""

from dataclasses import dataclass

import numpy as np

from tectra.core.msg import DIRECTION, DTYPES, Template
from tectra.replay.component import component_of

__all__ = ["Difference", "difference_of"]


@dataclass(frozen=True)
class Difference:
    """Where a replay left its journal: `fields` maps a field to (journal, replay)."""

    ring_seq: int
    component: str
    record: str
    fields: dict[str, tuple[object, object]]

    def __str__(self) -> str:
        if not self.fields:
            return f"record {self.ring_seq}: {self.record}"
        parts = ", ".join(f"{k}: journal {a!r}, replay {b!r}" for k, (a, b) in self.fields.items())
        return f"record {self.ring_seq}, {self.component}, {self.record}: {parts}"


def _read(record: bytes) -> np.void:
    template = Template(int.from_bytes(record[2:4], "little"))
    row: np.void = np.frombuffer(record, dtype=DTYPES[template])[0]
    return row


def _name(record: bytes) -> str:
    return Template(int.from_bytes(record[2:4], "little")).name.lower()


def _component(record: bytes) -> str:
    return component_of(Template(int.from_bytes(record[2:4], "little")))


def difference_of(journal: bytes, replayed: bytes) -> Difference:
    """Compare two records; either may be empty when one side has none at this place."""
    if not replayed:
        seq = int(_read(journal)["ring_seq"])
        return Difference(
            seq,
            _component(journal),
            f"the journal has {_name(journal)} here, the replay nothing",
            {},
        )
    if not journal:
        seq = int(_read(replayed)["ring_seq"])
        return Difference(
            seq,
            _component(replayed),
            f"the replay has {_name(replayed)} here, the journal nothing",
            {},
        )
    theirs, mine = _read(journal), _read(replayed)
    seq = int(theirs["ring_seq"])
    names = (_name(journal), _name(replayed))
    if names[0] != names[1]:
        template = Template(int.from_bytes(journal[2:4], "little"))
        kind = "output" if DIRECTION[template] == "output" else "input"
        text = f"the journal has {kind} {names[0]} here, the replay output {names[1]}"
        return Difference(seq, _component(replayed), text, {})
    fields = {
        name: (theirs[name].item(), mine[name].item())
        for name in theirs.dtype.names or ()
        if not np.array_equal(theirs[name], mine[name])
    }
    return Difference(seq, _component(journal), names[0], fields)
