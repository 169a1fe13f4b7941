"""Replay: a journal's inputs through the engine again, outputs compared. Floor 10, one thread."""

from tectra.replay.diff import JournalDiff, diff_journals
from tectra.replay.difference import Difference
from tectra.replay.golden import GoldenFile, GoldenRun, check_golden, update_golden
from tectra.replay.guard import Caught, Guard
from tectra.replay.player import ReplaySession
from tectra.replay.rca import IncidentReport, incident_report
from tectra.replay.seeds import SeedReplay, replay_under_seeds
from tectra.replay.speed import Pacer
from tectra.replay.verify import ReplayReport, verify_replay
from tectra.replay.view import Event, EventFilter

__all__ = [
    "Caught",
    "Difference",
    "Event",
    "EventFilter",
    "GoldenFile",
    "GoldenRun",
    "Guard",
    "IncidentReport",
    "JournalDiff",
    "Pacer",
    "ReplayReport",
    "ReplaySession",
    "SeedReplay",
    "check_golden",
    "diff_journals",
    "incident_report",
    "replay_under_seeds",
    "update_golden",
    "verify_replay",
]
