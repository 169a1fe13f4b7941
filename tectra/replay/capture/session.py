"""Capturing a session: attached to a pipeline while it runs, or made from its journal. The same
events either way.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import msgspec

from tectra.core.errors import InputError, JournalError, ReplayMismatchError, StateError
from tectra.core.stop import StopSignals
from tectra.engine.compare import Comparator
from tectra.engine.pipeline import Pipeline
from tectra.journal.reader import JournalReader
from tectra.replay.beginning import engine_at_beginning
from tectra.replay.capture.event import StateMachineEvent
from tectra.replay.capture.log import EventLog, session_path
from tectra.replay.capture.plain import Plain
from tectra.replay.capture.state import EventSource, PipelineSource, Update
from tectra.replay.capture.storage import EventStorageMode
from tectra.replay.capture.stream import EventStream, Indicators, SessionInfo
from tectra.replay.difference import difference_of, may_end_within_step
from tectra.replay.verify import journal_of

__all__ = [
    "CaptureOptions",
    "EventCapture",
    "EventSink",
    "capture_events",
    "export_session",
    "recompute_indicators",
    "with_event_capture",
]

Progress = Callable[[int, int], None]


class CaptureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a session is captured: storage mode, whether indicators are stored (`cache`) or left out
    and recomputed when asked, and whether every input makes an event or only one that changed the
    state, an order or a strategy.
    """

    mode: EventStorageMode = EventStorageMode()
    indicators: Indicators = "cache"
    events: Literal["all", "changes"] = "changes"


class EventSink(Protocol):
    """What takes events: an EventStream or an EventLog."""

    def append_event(self, event: StateMachineEvent) -> None:
        """One more event."""


class EventCapture:
    """Turns the updates of a source into numbered events and hands them to a sink.

    Trouble in the sink (a full disk) or in reading a state never reaches the source: the capture
    ends there, `error` keeps what was raised, and close() raises it. Use in a `with` block, on the
    source's thread.
    """

    def __init__(
        self, source: EventSource, sink: EventSink, *, events: Literal["all", "changes"] = "changes"
    ) -> None:
        self.sink = sink
        self.sequence = 0
        self.error: Exception | None = None
        self._source: EventSource | None = source
        self._state = source.state()
        source.subscribe(self._take, every=events == "all", on_error=self._fail)

    def _take(self, update: Update) -> None:
        source = self._source
        if source is None:
            return
        before, after = self._state, source.state()
        self._state = after
        self.sequence += 1
        event = StateMachineEvent(
            sequence=self.sequence,
            timestamp=update.timestamp,
            market_data=update.market_data,
            state_before=before,
            transition=update.transition,
            action=update.action,
            state_after=after,
        )
        try:
            self.sink.append_event(event)
        except Exception as error:  # noqa: BLE001  kept for close(): a capture stops no trading
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._detach()

    def _detach(self) -> None:
        if self._source is not None:
            self._source.subscribe(None)
            self._source = None

    def get_event_stream(self) -> EventStream:
        """The stream, where the sink is one. StateError when events went to a file."""
        if not isinstance(self.sink, EventStream):
            raise StateError("the events of this capture went to a log; read its file")
        return self.sink

    def close(self) -> None:
        """Let go of the source; raises what ended the capture early. May be called twice."""
        self._detach()
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._detach()
        if kind is None:
            self.close()


def _info(pipeline: Pipeline, session_id: str, options: CaptureOptions, epoch: str) -> SessionInfo:
    return SessionInfo(
        session_id=session_id,
        mode=options.mode,
        indicators=options.indicators,
        events=options.events,
        instruments=[
            {
                "instrument_id": i.instrument_id,
                "symbol": i.symbol,
                "px_exponent": i.px_exponent,
                "qty_exponent": i.qty_exponent,
            }
            for i in pipeline.instruments
        ],
        strategies=[type(s).__name__ for s in pipeline.strategies],
        epoch=epoch,
    )


def with_event_capture(
    pipeline: Pipeline,
    session_id: str,
    *,
    options: CaptureOptions | None = None,
    make_sink: Callable[[SessionInfo], EventSink] = EventStream,
    epoch: str = "",
) -> EventCapture:
    """Capture a pipeline from here on, in any mode of running; nothing is captured without it.

    `make_sink` is given what the stream is of: EventStream keeps events in memory,
    `lambda info: EventLog(path, info)` writes them. `epoch` is that of the journal. StateError when
    somebody observes the pipeline already, InputError when it does not capture its outputs.
    """
    options = options or CaptureOptions()
    source = PipelineSource(pipeline, indicators=options.indicators == "cache")
    info = _info(pipeline, session_id, options, epoch)
    info = msgspec.structs.replace(info, initial=source.state())
    return EventCapture(source, make_sink(info), events=options.events)


class _Rerun:
    """A journal's inputs through a fresh pipeline, every output held against the journal's."""

    def __init__(self, journal: str | Path) -> None:
        self.path = journal_of(Path(journal))
        self.reader = JournalReader(self.path)
        self.epoch = "" if self.reader.manifest is None else self.reader.manifest.epoch
        self.pipeline = engine_at_beginning(self.reader)

    def run(self, *, until_seq: int | None = None, progress: Progress | None = None) -> None:
        """Step all of it. ReplayMismatchError at the first difference, StoppedError."""
        comparator = Comparator(self.pipeline, until_seq=until_seq)
        with StopSignals():
            for number, (_, slots) in enumerate(self.reader.segments(), start=1):
                if not comparator.run(slots.reshape(-1)):
                    break
                if progress is not None:
                    progress(number, self.reader.segment_count)
        if may_end_within_step(self.reader) and comparator.divergence is None:
            return
        difference = difference_of(comparator.finish())
        if difference is not None:
            raise ReplayMismatchError(
                f"{self.path}: the replay left the journal at {difference}; see "
                f"`tectra replay verify {self.path}`"
            )


def capture_events(
    journal: str | Path,
    *,
    session_id: str | None = None,
    options: CaptureOptions | None = None,
    make_sink: Callable[[SessionInfo], Any] = EventStream,
    progress: Progress | None = None,
) -> EventCapture:
    """Make the events of a recorded run (its directory, or its journal) by running it again.

    `session_id`: default the journal's epoch. The capture that is returned is closed;
    get_event_stream() has the events, or the sink that `make_sink` gave. JournalError,
    ReplayMismatchError when the replay differs from the journal: such events would be of another
    run.
    """
    rerun = _Rerun(journal)
    name = session_id or rerun.epoch
    if not name:
        raise JournalError(f"{rerun.path}: the journal has no epoch; give a session id")
    capture = with_event_capture(
        rerun.pipeline, name, options=options, make_sink=make_sink, epoch=rerun.epoch
    )
    with capture:
        rerun.run(progress=progress)
    return capture


def export_session(
    journal: str | Path,
    *,
    root: str | Path = "data/sessions",
    session_id: str | None = None,
    options: CaptureOptions | None = None,
    progress: Progress | None = None,
) -> EventLog:
    """Write the events of a recorded run to `{root}/{session_id}/events.msgpack.lz4`; the log that
    is returned is closed. The file is whole or not there. InputError when it is there already; see
    capture_events.
    """
    logs: list[EventLog] = []

    def make_log(info: SessionInfo) -> EventLog:
        path = session_path(info.session_id, root)
        if path.exists():
            raise InputError(
                f"{path}: is there already; remove it, or give another session id or root"
            )
        logs.append(EventLog(path, info))
        return logs[0]

    try:
        capture_events(
            journal, session_id=session_id, options=options, make_sink=make_log, progress=progress
        )
        logs[0].close()
    except BaseException:
        for log in logs:
            log.abort()
        raise
    return logs[0]


def recompute_indicators(journal: str | Path, ring_seq: int) -> dict[str, Plain]:
    """Indicators as they were after a record of a journal, from the inputs up to it."""
    rerun = _Rerun(journal)
    rerun.run(until_seq=ring_seq)
    found: dict[str, Plain] = PipelineSource(rerun.pipeline).state()["indicators"]
    return found
