"""What to stop at and what to look for, in words: `order rejected`, `position > 300 AAPL`,
`order_fill MSFT qty>=200`.

A condition looks at records, since the journal says what the engine said; only a crossed book asks
the engine itself.
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tectra.book.view import BookState
from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, BookStatus, OrderState, StrategyPhase, Template
from tectra.core.types import Timestamp
from tectra.replay.debug_text import Names, whole_number
from tectra.replay.player import ReplaySession
from tectra.replay.view import HIDDEN, STATE_CHANGES, Event, EventFilter

__all__ = ["HELP", "Condition", "parse_condition", "parse_place"]

HELP = """order rejected [STRATEGY]     the risk chain or a venue refused an order
order N changes               any transition of order N
position > n [SYMBOL]         a strategy's position gets there (also <, >=, <=, ==)
book crossed [SYMBOL]         a book gets bid > ask (book locked: bid == ask)
fill [SYMBOL]                 an execution
state change                  any record that says a state is another than before
state NAME                    an order, strategy or book enters that state (FILLED, FAULTED, STALE)
seq == n, time >= T           a record's number, a time
RECORD [SYMBOL] [FIELD OP V]  a kind of record with such fields (order_fill AAPL qty>=200)"""
_ALLOWED = (
    "allowed: order rejected, order N changes, position > n, book crossed, fill, state NAME, "
    "seq == n, time >= T, or a record's name and comparisons of its fields"
)
_OPS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_POSITION = re.compile(r"(>=|<=|==|=|>|<)\s*(-?[0-9]{1,19})(?:\s+(\S+))?")
_FIELD = re.compile(r"(\w+)\s*(>=|<=|==|!=|=|>|<)\s*(\S+)")
_MARKET = (*(t.name for t in Template if t <= Template.BOOK_REPLACE), "BOOK_CLEAR")
_RECORDS = {t.name.lower(): t for t in Template}
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d{1,9})?)?", re.ASCII)
_ZONED = re.compile(r".*(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII)

Holds = Callable[[Event], bool]


@dataclass
class Condition:
    """One condition; `holds` is asked for each record that passes `wanted`, in order."""

    text: str
    wanted: EventFilter
    holds: Holds | None = None
    # Asked with the session standing at the record, where the record alone does not tell.
    ask: Callable[[ReplaySession, Event], bool] | None = None
    # A place in the journal, known without looking.
    seq: int | None = None

    def find(
        self, session: ReplaySession, first_seq: int, last_seq: int | None = None
    ) -> Iterator[Event]:
        """Records from first_seq to last_seq at which it holds. Moves the session if it must ask
        it.
        """
        if self.seq is not None:
            found = session.view.at(self.seq)
            if found is not None and found.ring_seq >= first_seq:
                yield found
            return
        for event in session.view.find(self.wanted, first_seq, last_seq):
            if self.holds is not None and not self.holds(event):
                continue
            if self.ask is not None:
                session.seek(event.ring_seq)
                if session.position != event.ring_seq or not self.ask(session, event):
                    continue
            yield event


def parse_place(text: str, session: ReplaySession) -> int:
    """The record that `1234`, `09:30:01.5` or an ISO time names; times are UTC, of the session's
    first day where they name none.
    """
    seq = whole_number(text)
    if seq is not None:
        if not session.begin_seq <= seq <= session.last_seq:
            raise InputError(f"record: found {seq}; allowed: {session.span}")
        return seq
    return session.view.seq_at(parse_time(text, session))


def parse_time(text: str, session: ReplaySession) -> int:
    """Nanoseconds since the epoch of a clock time or an ISO time."""
    if _CLOCK.fullmatch(text):
        hours, _, rest = text.partition(":")
        rest = rest if rest.count(":") else f"{rest}:00"
        day = str(Timestamp(max(0, session.view.first_ns)))[:10]
        text = f"{day}T{int(hours):02}:{rest}Z"
    try:
        return Timestamp.from_iso(text if _ZONED.fullmatch(text) else f"{text}Z").ns
    except InputError:
        raise InputError(
            f"time: found {text!r}; allowed: HH:MM, HH:MM:SS.fraction or an ISO time, UTC, or a "
            "record's number"
        ) from None


def parse_condition(text: str, session: ReplaySession, names: Names) -> Condition:
    """A condition from its words; InputError says what is allowed."""
    words = text.split()
    if not words:
        raise InputError(f"condition: found nothing; {_ALLOWED}")
    found = _Reading(session, names).condition(words)
    if found is None:
        raise InputError(f"condition: found {text!r}; {_ALLOWED}")
    found.text = " ".join(words)
    return found


class _Reading:
    """Reads the words of a condition for a session."""

    def __init__(self, session: ReplaySession, names: Names) -> None:
        self.session = session
        self.names = names

    def condition(self, words: list[str]) -> Condition | None:
        """The condition, None where the words are none."""
        parsers = {
            "order": self._order,
            "position": self._position,
            "book": self._book,
            "fill": self._fill,
            "fills": self._fill,
            "state": self._state,
            "seq": self._seq,
            "time": self._time,
        }
        found = parsers[words[0]](words[1:]) if words[0] in parsers else None
        if found is None and words[0].lower() in _RECORDS:
            found = self._record(words)
        return found

    def _symbol(self, words: list[str]) -> str:
        """The symbol that the words name, if any; InputError for more words than that."""
        if len(words) > 1:
            raise InputError(
                f"condition: found {' '.join(words)!r} at its end; allowed: one symbol"
            )
        return self.names.instrument(words[0]).symbol if words else ""

    def _order(self, words: list[str]) -> Condition | None:
        order_id = whole_number(words[0]) if words else None
        if order_id is not None:
            if words[1:] not in ([], ["changes"]):
                return None
            wanted = EventFilter(templates=("order_event",), order_id=order_id)
            return Condition("", wanted)
        if not words or words[0] != "rejected" or len(words) > 2:
            return None
        strategy_id = self.names.strategy_id(words[1]) if words[1:] else 0
        wanted = EventFilter(templates=("order_verdict", "order_event"), strategy_id=strategy_id)

        def refused(event: Event) -> bool:
            fields = event.fields()
            if event.template is Template.ORDER_VERDICT:
                return bool(fields["accepted"] == 0)
            # What the risk chain refused was said by its verdict.
            return bool(fields["event"] == "REJECT" and fields["reason"] != "RISK")

        return Condition("", wanted, refused)

    def _position(self, words: list[str]) -> Condition | None:
        found = _POSITION.fullmatch(" ".join(words))
        if found is None:
            return None
        compare, limit = _OPS[found[1]], int(found[2])
        symbol = self._symbol([found[3]] if found[3] else [])
        was: dict[tuple[int, int], bool] = {}

        def reached(event: Event) -> bool:
            fields = event.fields()
            key = (fields["strategy_id"], fields["instrument_id"])
            before, was[key] = was.get(key, compare(0, limit)), compare(fields["net_qty"], limit)
            return was[key] and not before

        def known(event: Event) -> bool:
            if not was:
                for earlier in self.session.view.find(wanted, 1, event.ring_seq - 1):
                    reached(earlier)
                was.setdefault((0, 0), False)
            return reached(event)

        wanted = EventFilter(templates=("position_update",), symbol=symbol)
        return Condition("", wanted, known)

    def _book(self, words: list[str]) -> Condition | None:
        kinds = {"crossed": BookState.CROSSED, "locked": BookState.LOCKED}
        if not words or words[0] not in kinds:
            return None
        flag, symbol = kinds[words[0]], self._symbol(words[1:])
        book = self.session.pipeline.book
        was = {i: bool(book.top(i).state & flag) for i in self.names.instruments}

        def reached(at: ReplaySession, event: Event) -> bool:
            instrument_id = event.decoded().get_int("instrument_id")
            if instrument_id not in self.names.instruments:
                return False
            state = at.pipeline.book.top(instrument_id).state
            before, was[instrument_id] = was[instrument_id], bool(state & flag)
            return was[instrument_id] and not before

        return Condition("", EventFilter(templates=_MARKET, symbol=symbol), ask=reached)

    def _fill(self, words: list[str]) -> Condition | None:
        return Condition("", EventFilter(templates=("order_fill",), symbol=self._symbol(words)))

    def _state(self, words: list[str]) -> Condition | None:
        if len(words) != 1:
            return None
        name = words[0].upper()
        if name in ("CHANGE", "CHANGES"):
            every = tuple(sorted(t.name for t in STATE_CHANGES))
            return Condition("", EventFilter(templates=every))
        sources = {"to_state": OrderState, "phase": StrategyPhase, "status": BookStatus}
        fields = [n for n, states in sources.items() if name in states.__members__]
        if not fields:
            allowed = ", ".join(sorted({m for e in sources.values() for m in e.__members__}))
            raise InputError(f"state: found {words[0]!r}; allowed: change, {allowed}")
        wanted = EventFilter(templates=("order_event", "strategy_state", "book_status"))

        def entered(event: Event) -> bool:
            said = event.fields()
            return any(said.get(n) == name and said.get("from_state") != name for n in fields)

        return Condition("", wanted, entered)

    def _seq(self, words: list[str]) -> Condition | None:
        if len(words) != 2 or words[0] not in ("==", "=") or whole_number(words[1]) is None:
            return None
        return Condition("", EventFilter(), seq=parse_place(words[1], self.session))

    def _time(self, words: list[str]) -> Condition | None:
        if len(words) != 2 or words[0] not in (">=", ">"):
            return None
        late = parse_time(words[1], self.session)
        seq = self.session.view.seq_at(late - (words[0] == ">=")) + 1
        return Condition("", EventFilter(), seq=seq)

    def _record(self, words: list[str]) -> Condition:
        """A kind of record, a symbol, and comparisons of its fields."""
        template = words[0].lower()
        symbol, rest = "", " ".join(words[1:])
        if len(words) > 1 and not _FIELD.match(rest):
            symbol, rest = self.names.instrument(words[1]).symbol, " ".join(words[2:])
        tests = []
        for name, op, value in _FIELD.findall(rest):
            known = [n for n in DTYPES[_RECORDS[template]].names or () if n not in HIDDEN]
            if name not in known:
                raise InputError(f"{template}: found field {name!r}; allowed: {', '.join(known)}")
            tests.append((name, _OPS[op], value))
        if _FIELD.sub("", rest).strip():
            raise InputError(
                f"condition: found {_FIELD.sub('', rest).strip()!r}; allowed behind a record's "
                "name: a symbol, and FIELD OP VALUE such as qty>=200 or side=BUY"
            )

        def holds(event: Event) -> bool:
            fields = event.fields()
            return all(_compare(fields, name, op, value) for name, op, value in tests)

        return Condition("", EventFilter(templates=(template,), symbol=symbol), holds)


def _compare(fields: dict[str, Any], name: str, op: Callable[[Any, Any], bool], value: str) -> bool:
    """Does a field of a record stand so to a value?"""
    found = fields[name]
    if isinstance(found, int | float):
        try:
            return bool(op(found, type(found)(value)))
        except ValueError:
            raise InputError(f"{name}: found {value!r}; allowed: a number (mantissa)") from None
    if op not in (operator.eq, operator.ne):
        raise InputError(f"{name}: is {found!r}, no number; allowed: = and !=")
    return bool(op(str(found), value))
