"""The first difference between a journal and its replay, named by record and field."""

from dataclasses import dataclass

import numpy as np

from tectra.core.msg import DIRECTION
from tectra.core.row import row_of, template_of
from tectra.engine.divergence import Divergence
from tectra.journal.reader import JournalReader
from tectra.replay.component import component_of

__all__ = ["Difference", "difference_of", "may_end_within_step"]


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


def _name(record: bytes) -> str:
    return template_of(record).name.lower()


def _component(record: bytes) -> str:
    return component_of(template_of(record))


def difference_of(found: Divergence | None) -> Difference | None:
    """What two records differ in; None for none."""
    if found is None:
        return None
    seq, journal, replayed = found.ring_seq, found.journal, found.engine
    if found.is_gap:
        text = f"the journal lacks this record: {_name(journal)} stands in its place"
        return Difference(seq, _component(journal), text, {})
    if not replayed:
        text = f"the journal has {_name(journal)} here, the replay nothing"
        return Difference(seq, _component(journal), text, {})
    if not journal:
        text = f"the replay has {_name(replayed)} here, the journal nothing"
        return Difference(seq, _component(replayed), text, {})
    theirs, mine = row_of(journal), row_of(replayed)
    names = (_name(journal), _name(replayed))
    if names[0] != names[1]:
        kind = "output" if DIRECTION[template_of(journal)] == "output" else "input"
        text = f"the journal has {kind} {names[0]} here, the replay output {names[1]}"
        return Difference(seq, _component(replayed), text, {})
    fields = {
        name: (theirs[name].item(), mine[name].item())
        for name in theirs.dtype.names or ()
        if not np.array_equal(theirs[name], mine[name])
    }
    return Difference(seq, _component(journal), names[0], fields)


def may_end_within_step(reader: JournalReader) -> bool:
    """Whether outputs of a journal's last input may be missing: its run did not close it, or it is
    a cut of another journal.
    """
    manifest, data = reader.manifest, reader.session.get("data")
    if manifest is None or not manifest.closed:
        return True
    if manifest.repair is not None and not manifest.repair.was_closed:
        return True
    return isinstance(data, dict) and "cut_from" in data
