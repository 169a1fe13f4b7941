"""The debugger of a recorded session: where am I, what did the strategy see, why was this refused.

`execute` takes one line as a user types it and gives the lines of the answer; what it cannot do
raises a TectraError of one line (a list of what is allowed may follow).
"""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from tectra.core.errors import InputError
from tectra.core.types import Timestamp
from tectra.engine.session import SessionSpec
from tectra.replay.debug_condition import HELP, Condition, parse_condition, parse_place
from tectra.replay.debug_story import (
    book_lines,
    called,
    change_text,
    order_lines,
    saw_lines,
    state_changes,
    why_lines,
)
from tectra.replay.debug_text import Names, whole_number
from tectra.replay.player import ReplaySession
from tectra.replay.player_state import book_state
from tectra.replay.view import Event, EventFilter

__all__ = ["Debugger"]

_SHORT = {"s": "step", "b": "break", "w": "where"}
_AROUND = 8
_FOUND_MAX = 20
_CHANGES_MAX = 60
_LEVELS, _LEVELS_MAX = 5, 256

# (words, what it does)
_USAGE = (
    ("where", "the record, the time, and how the engine stands"),
    ("step [N]", "N records forward"),
    ("back [N]", "N records back"),
    ("seek RECORD|TIME", "to a record, or to HH:MM:SS.fraction or an ISO time, UTC"),
    ("next [STRATEGY]", "to the next callback of a strategy, and what it saw"),
    ("next said [STRATEGY]", "to the next thing a strategy said"),
    ("continue", "to the next record where a break holds, or the end"),
    ("break CONDITION", "stop there: see help break"),
    ("delete [NUMBER]", "forget a break, or all"),
    ("breaks", "the breaks that are set"),
    ("book SYMBOL [LEVELS]", "the book"),
    ("orders", "open orders"),
    ("order N", "an order from its cause to its end"),
    ("why N", "why an order was refused"),
    ("saw", "what the strategies saw in their callbacks of this record"),
    ("positions", "positions and P&L"),
    ("strategies", "parameters and attributes"),
    ("diff A B", "what changed between two records"),
    ("find CONDITION", "records of the whole journal where it holds"),
    ("timeline [N]", "N records before and after"),
    ("export FILE", "the state as JSON"),
    ("help [break]", "this, or what break and find understand"),
    ("quit", "leave"),
)


class Debugger:
    """Commands over one session; one thread. `done` is set by quit."""

    def __init__(self, session: ReplaySession) -> None:
        self.session = session
        self.names = Names(session.spec)
        self.breaks: dict[int, str] = {}
        self.done = False
        self._commands: dict[str, Callable[[list[str]], Iterator[str]]] = {
            "where": self._where,
            "step": self._step,
            "back": self._back,
            "seek": self._seek,
            "next": self._next,
            "continue": self._continue,
            "break": self._break,
            "delete": self._delete,
            "breaks": self._breaks,
            "book": self._book,
            "orders": self._orders,
            "order": self._order,
            "why": self._why,
            "saw": self._saw,
            "positions": self._positions,
            "strategies": self._strategies,
            "diff": self._diff,
            "find": self._find,
            "timeline": self._timeline,
            "export": self._export,
            "help": self._help,
            "quit": self._quit,
        }

    @property
    def words(self) -> list[str]:
        """The commands, for completion."""
        return list(self._commands)

    @property
    def spec(self) -> SessionSpec:
        """What the session was made of."""
        return self.session.spec

    def execute(self, line: str) -> list[str]:
        """Do one command; the lines of its answer. An unambiguous beginning of its name is enough.
        InputError for what is no command or not allowed.
        """
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise InputError(f"command: found {line!r}: {error}") from None
        if not words:
            return []
        return list(self._command(words[0])(words[1:]))

    def _command(self, word: str) -> Callable[[list[str]], Iterator[str]]:
        if word in self._commands:
            return self._commands[word]
        word = _SHORT.get(word, word)
        found = [name for name in self._commands if name.startswith(word)]
        if len(found) == 1:
            return self._commands[found[0]]
        allowed = ", ".join(found or self._commands)
        raise InputError(f"command: found {word!r}; allowed: {allowed}")

    # ---- where ----

    def _here(self) -> str:
        event = self.session.event()
        if event is None:
            return "before the first record"
        return self.names.line(event, mark=">")

    def _after_move(self) -> Iterator[str]:
        yield self._here()
        if self.session.position == self.session.last_seq:
            yield "end of the journal"
        elif self.session.at_end:
            yield f"the replay leaves the journal here: {self.session.difference}"
        if self.session.raised is not None:
            yield f"raised here: {self.session.raised}"

    def _where(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "where")
        session = self.session
        yield from self._after_move()
        time = str(Timestamp(max(0, session.now_ns))) if session.now_ns else "not begun"
        yield f"  record {session.position:,} of {session.last_seq:,}, engine time {time}"
        cause = session.view.input_of(session.position)
        if cause is not None and cause.ring_seq != session.position:
            yield f"  said because of {self.names.line(cause).strip()}"
        if not session.ended:
            yield "  the run did not come to its end: it raised, was stopped, or crashed"
        names = ", ".join(f"{s.name} {s.params}" for s in self.spec.strategies)
        yield f"  mode {self.spec.mode}, strategies {names}"
        state = session.state()
        orders = state["orders"]["open"]
        yield f"  {len(orders)} open orders, {len(state['timers'])} timers set"
        for symbol, book in state["books"].items():
            yield f"  {next(book_lines(self.names, symbol, book))}"

    def _step(self, words: list[str]) -> Iterator[str]:
        self.session.step(_number(words, "step"))
        yield from self._after_move()

    def _back(self, words: list[str]) -> Iterator[str]:
        self.session.step_back(_number(words, "back"))
        yield from self._after_move()

    def _seek(self, words: list[str]) -> Iterator[str]:
        _count(words, 1, 2, "seek")
        self.session.seek(parse_place("T".join(words), self.session))
        yield from self._after_move()

    def _next(self, words: list[str]) -> Iterator[str]:
        said = words[:1] == ["said"]
        words = words[said:]
        _count(words, 0, 1, "next")
        strategy_id = self.names.strategy_id(words[0]) if words else 0
        if said:
            wanted = EventFilter(actions_only=True, strategy_id=strategy_id)
            found = self._ahead(wanted, strategy_id)
            if found is not None:
                self.session.seek(found.ring_seq)
            else:
                self.session.seek(self.session.last_seq)
            yield from self._after_move()
            return
        while not self.session.at_end:
            cause = self.session.view.next(EventFilter(inputs_only=True), self.session.position)
            if cause is None:
                self.session.seek(self.session.last_seq)
                break
            self.session.seek(cause.ring_seq - 1)
            told = [c for c in called(self.session, cause) if strategy_id in (0, c[0])]
            if told:
                self.session.seek(cause.ring_seq)
                yield from self._after_move()
                for _, _, lines in told:
                    yield from (f"  {line}" for line in lines)
                return
        yield from self._after_move()

    def _ahead(self, wanted: EventFilter, strategy_id: int) -> Event | None:
        """The next thing a strategy said itself: verdicts and sends are said about it."""
        for event in self.session.view.find(wanted, self.session.position + 1):
            own = event.name in ("order_intent", "strategy_signal", "strategy_decision")
            if own and strategy_id in (0, event.decoded().get_int("strategy_id")):
                return event
        return None

    # ---- breaks ----

    def _continue(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "continue")
        session = self.session
        start = session.position + 1
        conditions = {n: parse_condition(t, session, self.names) for n, t in self.breaks.items()}
        hit: tuple[int, int] | None = None
        # Those that the journal answers first: they bound how far the engine need be asked.
        for number, condition in sorted(conditions.items(), key=lambda c: c[1].ask is not None):
            last = session.last_seq if hit is None else hit[0]
            found = next(condition.find(session, start, last), None)
            if found is not None and (hit is None or found.ring_seq < hit[0]):
                hit = (found.ring_seq, number)
        session.seek(session.last_seq if hit is None else hit[0])
        if hit is not None and session.position == hit[0]:
            yield f"break {hit[1]}: {self.breaks[hit[1]]}"
        yield from self._after_move()

    def _break(self, words: list[str]) -> Iterator[str]:
        text = " ".join(words)
        parse_condition(text, self.session, self.names)
        number = max(self.breaks, default=0) + 1
        self.breaks[number] = text
        yield f"break {number}: {text}"

    def _delete(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 1, "delete")
        if not words:
            yield f"{len(self.breaks)} breaks deleted"
            self.breaks.clear()
            return
        number = whole_number(words[0])
        if number is None or number not in self.breaks:
            allowed = ", ".join(map(str, self.breaks)) or "none is set"
            raise InputError(f"delete: found {words[0]!r}; allowed: {allowed}")
        yield f"break {number} deleted: {self.breaks.pop(number)}"

    def _breaks(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "breaks")
        yield from (f"break {n}: {text}" for n, text in self.breaks.items())
        if not self.breaks:
            yield "no break is set"

    # ---- looking ----

    def _book(self, words: list[str]) -> Iterator[str]:
        _count(words, 1, 2, "book")
        levels = whole_number(words[1]) if words[1:] else _LEVELS
        if levels is None or not 1 <= levels <= _LEVELS_MAX:
            raise InputError(f"book: found {words[1]!r} levels; allowed: 1 to {_LEVELS_MAX}")
        instrument = self.names.instrument(words[0])
        slot = self.session.pipeline.instruments.index(instrument)
        book = book_state(self.session.pipeline, slot, levels)
        yield from book_lines(self.names, instrument.symbol, book)

    def _orders(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "orders")
        orders = self.session.state()["orders"]["open"]
        if not orders:
            yield "no open orders"
        for order in orders:
            owner = self.names.instrument(order["symbol"]).instrument_id
            leaves, qty = (self.names.qty(owner, order[n]) for n in ("leaves_qty", "qty"))
            yield (
                f"order {order['order_id']}: {self.names.strategy(order['strategy_id'])} "
                f"{order['side']} {leaves} of {qty} {order['symbol']} @ "
                f"{self.names.px(owner, order['px'])} {order['order_type']} {order['tif']} "
                f"{order['state']}"
            )

    def _order(self, words: list[str]) -> Iterator[str]:
        yield from order_lines(self.session, self.names, _order_id(words, "order"))

    def _why(self, words: list[str]) -> Iterator[str]:
        yield from why_lines(self.session, self.names, _order_id(words, "why"))

    def _saw(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "saw")
        yield from saw_lines(self.session, self.names)

    def _positions(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "positions")
        rows = self.session.state()["positions"]
        if not rows:
            yield "no positions"
        for row in rows:
            owner = self.names.instrument(row["symbol"]).instrument_id
            texts = [
                f"{n} {self.names.value(owner, n, row[n])}"
                for n in ("net_qty", "realized", "unrealized", "fees", "open_buy_qty")
            ]
            texts.append(f"open_sell_qty {self.names.qty(owner, row['open_sell_qty'])}")
            yield f"{self.names.strategy(row['strategy_id'])} {row['symbol']}: {', '.join(texts)}"

    def _strategies(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "strategies")
        for strategy in self.session.state()["strategies"]:
            yield f"{strategy['name']} ({strategy['class']})"
            for kind in ("params", "attributes"):
                yield from (f"  {name} = {value!r}" for name, value in strategy[kind].items())

    def _diff(self, words: list[str]) -> Iterator[str]:
        _count(words, 2, 2, "diff")
        places = [parse_place(word, self.session) for word in words]
        position = self.session.position
        states = []
        try:
            for place in places:
                self.session.seek(place)
                states.append(self.session.state())
        finally:
            self.session.seek(position)
        changes = list(state_changes(states[0], states[1]))
        yield from (change_text(*change) for change in changes[:_CHANGES_MAX])
        if len(changes) > _CHANGES_MAX:
            yield f"and {len(changes) - _CHANGES_MAX} more; export both and compare the files"

    def _find(self, words: list[str]) -> Iterator[str]:
        condition: Condition = parse_condition(" ".join(words), self.session, self.names)
        position = self.session.position
        count = 0
        try:
            for event in condition.find(self.session, 1):
                count += 1
                if count <= _FOUND_MAX:
                    yield self.names.line(event, mark=">" if event.ring_seq == position else " ")
        finally:
            self.session.seek(position)
        more = f", the first {_FOUND_MAX} shown" if count > _FOUND_MAX else ""
        yield f"{count} found{more}"

    def _timeline(self, words: list[str]) -> Iterator[str]:
        around = _number(words, "timeline", _AROUND)
        view, position = self.session.view, self.session.position
        first, last = view.seq_of(position, -around), view.seq_of(position, around)
        for event in view.find(EventFilter(), first, last):
            yield self.names.line(event, mark=">" if event.ring_seq == position else " ")

    def _export(self, words: list[str]) -> Iterator[str]:
        _count(words, 1, 1, "export")
        self.session.export_state(Path(words[0]).expanduser())
        yield f"{words[0]}: the state at record {self.session.position}"

    def _help(self, words: list[str]) -> Iterator[str]:
        if words == ["break"] or words == ["find"]:
            yield from HELP.splitlines()
            return
        yield from (f"{usage:<22} {text}" for usage, text in _USAGE)

    def _quit(self, words: list[str]) -> Iterator[str]:
        _count(words, 0, 0, "quit")
        self.done = True
        yield from ()


def _count(words: list[str], low: int, high: int, name: str) -> None:
    if not low <= len(words) <= high:
        usage = next(u for u, _ in _USAGE if u.split()[0] == name)
        raise InputError(f"{name}: found {' '.join(words) or 'nothing'!r}; usage: {usage}")


def _number(words: list[str], name: str, default: int = 1) -> int:
    _count(words, 0, 1, name)
    if not words:
        return default
    number = whole_number(words[0])
    if not number:
        raise InputError(f"{name}: found {words[0]!r}; allowed: a number from 1 on")
    return number


def _order_id(words: list[str], name: str) -> int:
    _count(words, 1, 1, name)
    number = whole_number(words[0])
    if number is None:
        raise InputError(f"{name}: found {words[0]!r}; allowed: the number of an order")
    return number
