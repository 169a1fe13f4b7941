"""Commands to a live feed, as structs or on the control bus: select symbols, set the cadence of
snapshots, trigger recovery, ask for health.

On the bus a command is one or more control_param records with the name FEED:VERB:

    select   value_text "*", or symbols with commas; value_i parts are still to come, 0 applies
    cadence  value_i milliseconds
    recover  instrument_id, 0 for all; value_text "reconnect": sockets first; "link": sockets only
    health   the answer's text has book status, sequence state and lag
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from tectra.core.control_bus import Answer
from tectra.core.errors import InputError, TectraError
from tectra.core.msg import AckStatus, Template
from tectra.core.record import decode, encode
from tectra.schema.command import (
    Command,
    FeedCadence,
    FeedHealthQuery,
    FeedHealthReport,
    FeedRecover,
    FeedSelect,
)

__all__ = ["ControlledFeed", "FeedControl", "feed_records"]

_TEXT_BYTES = 40
_MS = 1_000_000
REFUSED = -4


class ControlledFeed(Protocol):
    """What a feed must be able to do to be controlled."""

    @property
    def instruments(self) -> Mapping[int, str]: ...
    def select(self, symbols: Iterable[str] | None) -> None: ...
    def refresh_every(self, interval_ns: int) -> None: ...
    def resync(self, instruments: Iterable[int] = ()) -> None: ...
    def reconnect(self) -> None: ...
    def health(self, *, symbols_max: int = 100) -> dict[str, Any]: ...


def _param(name: str, *, instrument_id: int = 0, text: str = "", value: int = 0) -> bytes:
    return encode(
        Template.CONTROL_PARAM,
        instrument_id=instrument_id,
        value_type=b"s" if text else b"i",
        name=name.encode(),
        value_text=text.encode(),
        value_i=value,
    )


def _lists(symbols: Iterable[str]) -> list[str]:
    """Symbols joined by commas, as few texts as fit."""
    out = [""]
    for symbol in symbols:
        if len(symbol) > _TEXT_BYTES:
            raise InputError(f"symbol {symbol!r}: allowed on the bus are {_TEXT_BYTES} letters")
        joined = f"{out[-1]},{symbol}" if out[-1] else symbol
        if len(joined) <= _TEXT_BYTES:
            out[-1] = joined
        else:
            out.append(symbol)
    return out


def feed_records(command: Command, *, ids: Mapping[str, int] | None = None) -> list[bytes]:
    """The records that say a command on the bus, in order. `ids`: instruments by symbol, which
    FeedRecover with symbols needs. InputError: no command of a feed, or an unknown symbol.
    """
    if isinstance(command, FeedSelect):
        name = f"{command.feed}:select"
        if command.symbols is None:
            return [_param(name, text="*")]
        parts = _lists(command.symbols)
        return [_param(name, text=t, value=len(parts) - 1 - i) for i, t in enumerate(parts)]
    if isinstance(command, FeedCadence):
        return [_param(f"{command.feed}:cadence", value=command.snapshot_ms)]
    if isinstance(command, FeedHealthQuery):
        return [_param(f"{command.feed}:health")]
    if isinstance(command, FeedRecover):
        known = {} if ids is None else ids
        unknown = sorted(set(command.symbols) - set(known))
        if unknown:
            raise InputError(f"symbols {', '.join(unknown)}: no instrument is known for them")
        first = "" if not command.reconnect else "reconnect" if command.snapshot else "link"
        wanted = [known[s] for s in command.symbols] or [0]
        return [
            _param(f"{command.feed}:recover", instrument_id=i, text=first if n == 0 else "")
            for n, i in enumerate(wanted)
        ]
    raise InputError(f"{type(command).__name__}: no command of a feed")


class FeedControl:
    """Applies commands to one feed. Owner thread: the feed's, between two batches."""

    def __init__(self, name: str, feed: ControlledFeed) -> None:
        self.name = name
        self._feed = feed
        self._symbols: list[str] = []
        self.applied = self.refused = 0

    def apply(self, command: Command) -> FeedHealthReport | None:
        """Do what a command says; the report, when it asks for one. InputError: a command of
        another feed, an unknown symbol; StateError: no source of snapshots.
        """
        if getattr(command, "feed", None) != self.name:
            raise InputError(f"{type(command).__name__}: not a command of the feed {self.name}")
        report = None
        if isinstance(command, FeedSelect):
            self._feed.select(command.symbols)
        elif isinstance(command, FeedCadence):
            self._feed.refresh_every(command.snapshot_ms * _MS)
        elif isinstance(command, FeedRecover):
            self._recover(command)
        elif isinstance(command, FeedHealthQuery):
            report = FeedHealthReport(
                command_id=command.command_id,
                feed=self.name,
                health=self._feed.health(symbols_max=command.symbols_max),
            )
        else:
            raise InputError(f"{type(command).__name__}: an answer, not a command")
        self.applied += 1
        return report

    def _recover(self, command: FeedRecover) -> None:
        ids = {symbol: i for i, symbol in self._feed.instruments.items()}
        unknown = sorted(set(command.symbols) - set(ids))
        if unknown:
            raise InputError(f"feed {self.name} has no symbol {', '.join(unknown)}")
        if command.reconnect:
            self._feed.reconnect()
        if command.snapshot:
            self._feed.resync([ids[s] for s in command.symbols])

    def on_record(self, record: bytes) -> Answer:
        """The handler for ControlSubscriber.poll: commands of others are passed over, those that
        cannot be are refused with the reason.
        """
        fields = decode(record)
        if fields.template != Template.CONTROL_PARAM:
            return Answer(AckStatus.ACCEPTED)
        name, _, verb = fields.get_text("name").partition(":")
        verbs: dict[str, Callable[[int, str, int], Answer]] = {
            "select": self._on_select,
            "cadence": self._on_cadence,
            "recover": self._on_recover,
            "health": self._on_health,
        }
        if name != self.name:
            return Answer(AckStatus.ACCEPTED)
        if verb not in verbs:
            self.refused += 1
            return Answer(AckStatus.REFUSED, REFUSED, f"no command {verb!r}")
        try:
            answer = verbs[verb](
                fields.get_int("instrument_id"),
                fields.get_text("value_text"),
                fields.get_int("value_i"),
            )
        except TectraError as error:
            self.refused += 1
            return Answer(AckStatus.REFUSED, REFUSED, str(error))
        self.applied += answer.status is AckStatus.DONE
        return answer

    def _on_select(self, _instrument_id: int, text: str, more: int) -> Answer:
        self._symbols += [] if text == "*" else text.split(",")
        if more:
            return Answer(AckStatus.ACCEPTED)
        symbols, self._symbols = self._symbols, []
        self._feed.select(None if text == "*" else symbols)
        return Answer()

    def _on_cadence(self, _instrument_id: int, _text: str, value: int) -> Answer:
        self._feed.refresh_every(value * _MS)
        return Answer()

    def _on_recover(self, instrument_id: int, text: str, _value: int) -> Answer:
        if text in ("reconnect", "link"):
            self._feed.reconnect()
        if text != "link":
            self._feed.resync([instrument_id] if instrument_id else [])
        return Answer()

    def _on_health(self, _instrument_id: int, _text: str, _value: int) -> Answer:
        found = self._feed.health(symbols_max=0)
        lag = found["lag_ms"]
        said = "no data" if lag is None else f"{lag:.3f} ms"
        return Answer(text=f"{found['book_status']} {found['seq_state']} {said}")
