"""Two journals side by side: how far they say the same, and what of the rest belongs together.

Up to the first record that differs they are compared slot by slot. From there on ring_seq means
nothing: market data are matched in order, an order's records by its submission (strategy,
instrument, side, time), other records by type, strategy, instrument and time; the n-th of one side
with the n-th of the other. Numbers that only count (ring_seq, cause_seq, and the ids of an order
whose number shifted) are no difference there.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import DIRECTION, DTYPES, IntentAction, OrderEventKind, Template
from tectra.core.row import row_of, template_of
from tectra.journal.reader import JournalReader
from tectra.journal.scan import walk
from tectra.replay.component import COMPONENTS, component_of

__all__ = ["SHIFTED", "Behind", "Cut", "Tally", "behind", "first_cut"]

Slots = NDArray[np.uint8]
_MIX = np.random.Generator(np.random.PCG64(7)).integers(1, 1 << 63, (2, 8), np.uint64) * 2 + 1
_MIX[0, 1] = 0  # ring_seq
_SMALL = 2_000
_COUNTS = ("cause_seq", "trigger_seq", "command_seq")
_IDS = ("order_id", "venue_order_id", "exec_id")
SHIFTED = ("ring_seq", *_COUNTS, *_IDS)


@dataclass(frozen=True)
class Cut:
    """Where two journals part: the records there (empty where one has ended), and how many they
    shared.
    """

    a: bytes
    b: bytes
    shared: int


@dataclass
class Tally:
    """What became of one component's records behind the first difference."""

    changed: int = 0
    only_a: int = 0
    only_b: int = 0

    @property
    def differ(self) -> int:
        """Records that are not the same on both sides."""
        return self.changed + self.only_a + self.only_b


def _record_at(slots: Slots, start: int) -> bytes:
    size = 8 + int.from_bytes(slots[start, :2].tobytes(), "little")
    return slots[start : start + size // 64].tobytes()


def first_cut(a: JournalReader, b: JournalReader) -> Cut | None:
    """The first record that is not the same in both; None when they are equal to the end."""
    left, right = a.slots(), b.slots()
    none = np.empty((0, 64), np.uint8)
    mine, theirs = next(left, none), next(right, none)
    shared = 0
    while len(mine) and len(theirs):
        n = min(len(mine), len(theirs))
        same = (mine[:n].view(np.uint64) == theirs[:n].view(np.uint64)).all(axis=1)
        if not same.all():
            starts, _ = walk(mine[:n].reshape(-1))
            k = int(np.searchsorted(starts, int(np.argmin(same)), side="right")) - 1
            at = int(starts[k])
            return Cut(_record_at(mine, at), _record_at(theirs, at), shared + k)
        shared += len(walk(mine[:n].reshape(-1))[0])
        mine = mine[n:] if n < len(mine) else next(left, none)
        theirs = theirs[n:] if n < len(theirs) else next(right, none)
    if not len(mine) and not len(theirs):
        return None
    ends = [_record_at(side, 0) if len(side) else b"" for side in (mine, theirs)]
    return Cut(ends[0], ends[1], shared)


def _ts(record: bytes) -> int:
    return int.from_bytes(record[24:32], "little", signed=True)


def _seq(record: bytes) -> int:
    return int.from_bytes(record[8:16], "little")


class _Rest:
    """One journal from its cut on: market data as hashes in order, the rest by key."""

    def __init__(self, reader: JournalReader, cut: bytes) -> None:
        self.market: list[NDArray[np.uint64]] = []
        self.order_ids: dict[tuple[object, ...], int] = {}
        self.said: dict[tuple[object, ...], bytes] = {}
        self.cut_key: tuple[object, ...] | None = None
        self._cut_seq = _seq(cut) if cut else 0
        self._labels: dict[int, tuple[object, ...]] = {}
        self._seen: Counter[tuple[object, ...]] = Counter()
        if not cut:
            return
        for slots in reader.slots(_seq(cut)):
            for template, record in self._split(slots):
                self._take(template, record)

    def next_market(self) -> int | None:
        """Hash of the first market record from the cut on."""
        return next((int(part[0]) for part in self.market if len(part)), None)

    def _split(self, slots: Slots) -> Iterator[tuple[Template, bytes]]:
        starts, _ = walk(slots.reshape(-1))
        ids = slots.view("<u2")[:, 1][starts]
        world = np.isin(ids, _MARKET)
        at = starts[world].astype(np.int64)
        words = slots.view(np.uint64)
        sums = (words[at] * _MIX[0]).sum(axis=1, dtype=np.uint64)
        wide = _WIDE[ids[world]]
        sums[wide] += (words[at[wide] + 1] * _MIX[1]).sum(axis=1, dtype=np.uint64)
        self.market.append(sums)
        for start in starts[~world].tolist():
            record = _record_at(slots, start)
            yield template_of(record), record

    def _take(self, template: Template, record: bytes) -> None:
        row = np.frombuffer(record, DTYPES[template])[0]
        names = row.dtype.names or ()
        if "order_id" in names:
            order_id = int(row["order_id"])
            if order_id not in self._labels and _submits(template, row):
                self._name(order_id, row)
            base = (template, *self._labels.get(order_id, (order_id,)))
        else:
            strategy = int(row["strategy_id"]) if "strategy_id" in names else 0
            base = (template, strategy, int(row["instrument_id"]), int(row["ts_recv_ns"]))
        self._seen[base] += 1
        key = (*base, self._seen[base])
        if int(row["ring_seq"]) == self._cut_seq:
            self.cut_key = key
        self.said[key] = record

    def _name(self, order_id: int, row: np.void) -> None:
        label: tuple[object, ...] = (
            int(row["strategy_id"]),
            int(row["instrument_id"]),
            int(row["side"]),
            int(row["ts_recv_ns"]),
        )
        self._seen[label] += 1
        label = (*label, self._seen[label])
        self._labels[order_id] = label
        self.order_ids[label] = order_id


def _submits(template: Template, row: np.void) -> bool:
    """Whether the record is one of the first two of an order."""
    if template is Template.ORDER_INTENT:
        return bool(row["action"] == IntentAction.SUBMIT)
    return template is Template.ORDER_EVENT and bool(row["event"] == OrderEventKind.SUBMIT)


_MARKET = [
    int(t) for t, d in DIRECTION.items() if d == "input" and component_of(t) == "market data"
]
_WIDE = np.zeros(1 << 16, np.bool_)
_WIDE[[int(t) for t, d in DTYPES.items() if d.itemsize == 128]] = True


def _body(record: bytes, *, ids: bool) -> bytes:
    """The record without the numbers that only count."""
    row = row_of(bytearray(record))
    names = row.dtype.names or ()
    row["ring_seq"] = 0
    for name in (*_COUNTS, *(() if ids else _IDS)):
        if name in names:
            row[name] = 0
    return row.tobytes()


def _market(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> Tally:
    n = min(len(a), len(b))
    equal = a[:n] == b[:n]
    head = n if equal.all() else int(np.argmin(equal))
    a, b = a[head:], b[head:]
    n = min(len(a), len(b))
    equal = a[::-1][:n] == b[::-1][:n]
    tail = n if equal.all() else int(np.argmin(equal))
    a, b = a[: len(a) - tail], b[: len(b) - tail]
    out = Tally()
    if max(len(a), len(b)) <= _SMALL:
        matcher = SequenceMatcher(None, a.tolist(), b.tolist(), autojunk=False)
        for kind, a0, a1, b0, b1 in matcher.get_opcodes():
            if kind != "equal":
                both = min(a1 - a0, b1 - b0)
                out.changed += both
                out.only_a += a1 - a0 - both
                out.only_b += b1 - b0 - both
        return out
    # Too long to put in order: what one side has and the other has not, whatever its place.
    values, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    surplus = np.bincount(place[: len(a)], minlength=len(values)) - np.bincount(
        place[len(a) :], minlength=len(values)
    )
    out.only_a = int(surplus[surplus > 0].sum())
    out.only_b = int(-surplus[surplus < 0].sum())
    return out


def _template(key: tuple[object, ...]) -> Template:
    template = key[0]
    assert isinstance(template, Template)
    return template


def _joined(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


@dataclass
class Behind:
    """What differs from a cut on: by component; the component of the cut itself, which is that of
    the record without a counterpart; and the first of the engine's own words that differs.
    """

    tallies: dict[str, Tally]
    component: str
    said: Cut | None = None


def behind(a: JournalReader, b: JournalReader, cut: Cut) -> Behind:
    """Compare two journals from their cut on."""
    left, right = _Rest(a, cut.a), _Rest(b, cut.b)
    out = Behind({name: Tally() for name in COMPONENTS}, _guilty(cut, left, right))
    out.tallies["market data"] = _market(_joined(left.market), _joined(right.market))
    first: list[tuple[int, Cut]] = []
    for key, record in left.said.items():
        tally = out.tallies[component_of(_template(key))]
        other = right.said.get(key)
        if other is None:
            tally.only_a += 1
        else:
            # Labels that both sides have keep their ids unless these shifted.
            label = key[1:-1]
            shifted = left.order_ids.get(label) != right.order_ids.get(label)
            if _body(record, ids=not shifted) == _body(other, ids=not shifted):
                continue
            tally.changed += 1
        if not first and DIRECTION[_template(key)] == "output":
            first.append((_ts(record), Cut(record, other or b"", 0)))
    news = [key for key in right.said if key not in left.said]
    for key in news:
        out.tallies[component_of(_template(key))].only_b += 1
    said = next((k for k in news if DIRECTION[_template(k)] == "output"), None)
    if said is not None:
        first.append((_ts(right.said[said]), Cut(b"", right.said[said], 0)))
    out.said = min(first, key=lambda f: f[0])[1] if first else None
    return out


def _guilty(cut: Cut, left: _Rest, right: _Rest) -> str:
    mine, theirs = (template_of(r) if r else None for r in (cut.a, cut.b))
    if mine is None or theirs is None:
        last = theirs if mine is None else mine
        assert last is not None
        return component_of(last)
    if mine is theirs:
        return component_of(mine)
    # Where one side's record stands somewhere on the other as well, the other's is the odd one.
    mine_known = left.cut_key is not None and left.cut_key in right.said
    theirs_known = right.cut_key is not None and right.cut_key in left.said
    if left.cut_key is None or right.cut_key is None:  # market data on one side, or on both
        if left.next_market() != right.next_market():
            return "market data"
        return component_of(theirs if left.cut_key is None else mine)
    if mine_known is not theirs_known:
        return component_of(theirs if mine_known else mine)
    # Both are new, or both come later: what the engine says is the odd one among inputs.
    return component_of(mine if DIRECTION[mine] == "output" else theirs)
