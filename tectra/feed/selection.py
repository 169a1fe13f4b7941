"""Which records are meant: a stretch of time, symbols, types. Plain values, any thread."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from tectra.core.errors import InputError
from tectra.core.msg import Template
from tectra.feed.batch import Rows

__all__ = ["Selection", "TimeBy", "key_of", "time_ns"]

TimeBy = Literal["recv", "event"]

_NS = 1_000_000_000
_DAY = 86_400 * _NS
_COUNT = re.compile(r"-?[0-9]{1,18}|[0-8][0-9]{18}")


def key_of(rows: Rows, by: TimeBy) -> NDArray[np.int64]:
    """The times that order a batch: of receipt, or of the event."""
    return rows.ts_recv_ns if by == "recv" else rows.ts_event_ns


def time_ns(text: str, *, end: bool = False) -> int:
    """Nanoseconds since the epoch of '2012-06-21', '2012-06-21T09:30:00.5' (UTC unless it says an
    offset) or a plain number of nanoseconds. `end`: a bare date means the end of that day.
    InputError.
    """
    if _COUNT.fullmatch(text) and len(text) != 8:
        return int(text)
    body, _, rest = text.replace(",", ".").partition(".")  # ISO 8601 has both
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    try:
        stamp = datetime.fromisoformat(body + rest[len(digits) :])
        part = int(Decimal(f"0.{digits or 0}") * _NS)
    except (ValueError, InvalidOperation):
        raise InputError(
            f"time: found {text!r}; allowed: 2012-06-21, 2012-06-21T09:30:00.5, the same with an "
            "offset such as -04:00, or nanoseconds since the epoch"
        ) from None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    since = stamp - datetime(1970, 1, 1, tzinfo=UTC)
    whole = len(body) <= 10
    return (since.days * 86_400 + since.seconds) * _NS + part + (_DAY if end and whole else 0)


@dataclass(frozen=True, slots=True)
class Selection:
    """Records of [from_ns, to_ns) by `by`, of `symbols`, of `types`; None means all of them.

    Records of the whole market (instrument 0) pass whatever the symbols. Times are nanoseconds
    since the epoch, UTC.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    symbols: tuple[str, ...] | None = None
    types: frozenset[Template] | None = None
    by: TimeBy = "recv"

    def __post_init__(self) -> None:
        if self.by not in ("recv", "event"):
            raise InputError(f"by: found {self.by!r}; allowed: recv, event")
        if self.symbols is not None and not self.symbols:
            raise InputError("symbols: found none; allowed: at least one, or None for all")
        if self.types is not None and not self.types:
            raise InputError("types: found none; allowed: at least one, or None for all")
        if self.from_ns is not None and self.to_ns is not None and self.from_ns >= self.to_ns:
            raise InputError(
                f"window: found [{self.from_ns}, {self.to_ns}); allowed: an end behind the start"
            )

    @classmethod
    def of(
        cls,
        *,
        start: str | date | None = None,
        end: str | date | None = None,
        symbols: Iterable[str] | None = None,
        types: Iterable[Template | str] | None = None,
        by: TimeBy = "recv",
    ) -> Self:
        """From what people write: dates or times as text, names of symbols and record types. A date
        as the end includes that day.
        """
        if isinstance(symbols, str):
            raise InputError(f"symbols: found {symbols!r}; allowed: a list such as ['AAPL']")
        return cls(
            from_ns=None if start is None else time_ns(str(start)),
            to_ns=None if end is None else time_ns(str(end), end=True),
            symbols=None if symbols is None else tuple(dict.fromkeys(symbols)),
            types=None if types is None else frozenset(_template(t) for t in types),
            by=by,
        )

    @property
    def everything(self) -> bool:
        """Nothing is left out."""
        limits = (self.from_ns, self.to_ns, self.symbols, self.types)
        return all(limit is None for limit in limits)

    def mask(self, rows: Rows, ids: NDArray[np.uint32] | None) -> NDArray[np.bool_]:
        """Which rows of a batch are meant; `ids`: sorted instrument ids of the symbols."""
        keep = np.ones(len(rows.slot), np.bool_)
        key = key_of(rows, self.by)
        if self.from_ns is not None:
            keep &= key >= self.from_ns
        if self.to_ns is not None:
            keep &= key < self.to_ns
        if self.types is not None:
            wanted = np.zeros(256, np.bool_)
            wanted[[int(t) for t in self.types]] = True
            keep &= wanted[rows.template_id]
        if ids is not None:
            keep &= np.isin(rows.instrument_id, ids) | (rows.instrument_id == 0)
        return keep

    def to_dict(self) -> dict[str, object]:
        """As plain values, for manifests."""
        return {
            "from_ns": self.from_ns,
            "to_ns": self.to_ns,
            "symbols": None if self.symbols is None else sorted(self.symbols),
            "types": None if self.types is None else sorted(t.name.lower() for t in self.types),
            "by": self.by,
        }


def _template(name: Template | str) -> Template:
    if isinstance(name, Template):
        return name
    found = name.strip().upper().replace("-", "_")
    if found not in Template.__members__:
        listed = ", ".join(t.name.lower() for t in Template)
        raise InputError(f"type: found {name!r}; allowed: {listed}")
    return Template[found]
