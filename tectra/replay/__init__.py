"""Replay: a journal's inputs through the engine again, outputs compared. Floor 10, one thread."""

from tectra.replay.difference import Difference
from tectra.replay.verify import ReplayReport, verify_replay

__all__ = ["Difference", "ReplayReport", "verify_replay"]
