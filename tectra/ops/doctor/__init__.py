"""What this host is like for trading: one item a question, each with what to do and why.

Owns nothing and changes nothing; needs no root. Floor 12. Checks are pure functions of a Machine:
files under its root, and a few figures that probe_machine() measured. Any thread.
"""

from tectra.ops.doctor.item import Item, Machine, Status
from tectra.ops.doctor.probe import probe_machine
from tectra.ops.doctor.report import CHECKS, as_json, examine, lines

__all__ = [
    "CHECKS",
    "Item",
    "Machine",
    "Status",
    "as_json",
    "examine",
    "lines",
    "probe_machine",
]
