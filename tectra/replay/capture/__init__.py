"""Sessions as streams of events: captured while they run or from their journal, stored whole or as
deltas, walked forwards and backwards. An export: the journal is the truth. The source's thread
captures, any one thread reads.
"""

from tectra.replay.capture.criteria import CRITERIA
from tectra.replay.capture.event import EVENT_KINDS, StateMachineEvent
from tectra.replay.capture.export import csv_lines, event_json, timeline
from tectra.replay.capture.log import EventLog, EventLogReader, GrowingFile, session_path
from tectra.replay.capture.replay_machine import ReplayStateMachine
from tectra.replay.capture.session import (
    CaptureOptions,
    EventCapture,
    capture_events,
    export_session,
    recompute_indicators,
    with_event_capture,
)
from tectra.replay.capture.state import EventSource, PipelineSource, StateSnapshot, Update
from tectra.replay.capture.storage import EventStorageMode
from tectra.replay.capture.stream import EventStream, SessionInfo

__all__ = [
    "CRITERIA",
    "CaptureOptions",
    "EVENT_KINDS",
    "EventCapture",
    "EventLog",
    "EventLogReader",
    "EventSource",
    "EventStorageMode",
    "EventStream",
    "GrowingFile",
    "PipelineSource",
    "ReplayStateMachine",
    "SessionInfo",
    "StateMachineEvent",
    "StateSnapshot",
    "Update",
    "capture_events",
    "csv_lines",
    "event_json",
    "export_session",
    "recompute_indicators",
    "session_path",
    "timeline",
    "with_event_capture",
]
