"""The running engine: which classes a configuration stands for, and what it wires. Floor 10."""

from tectra.runtime.adapter import Adapter, adapter_of, adapters
from tectra.runtime.wiring import (
    RingName,
    idle_of,
    journal_of,
    log_of,
    ring_of,
    runners_of,
    tune_ring,
)

__all__ = [
    "Adapter",
    "RingName",
    "adapter_of",
    "adapters",
    "idle_of",
    "journal_of",
    "log_of",
    "ring_of",
    "runners_of",
    "tune_ring",
]
