"""Operators' tools: the command line. Floor 12; reaches a running engine only by journal, counters
and control ring.
"""

__all__: list[str] = []
