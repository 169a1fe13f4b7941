"""What may go wrong in a simulation, how often, and how often it did. Floor 11; any thread."""

from collections import Counter
from enum import StrEnum

import msgspec

from tectra.core.errors import InputError
from tectra.core.rng import Random

__all__ = ["Fault", "FaultCounts", "Faults"]


class Fault(StrEnum):
    """Kinds of faults, by what they strike."""

    LINE_LOSS = "line_loss"
    LINE_DUPLICATE = "line_duplicate"
    LINE_REORDER = "line_reorder"
    LINE_DOWN = "line_down"
    LINE_LATE_JOIN = "line_late_join"
    PACKET_DAMAGED = "packet_damaged"
    END_LOST = "end_lost"
    GAP = "gap"
    RESEND_REFUSED = "resend_refused"
    RESEND_SILENT = "resend_silent"
    RESEND_LATE = "resend_late"
    RESEND_PARTIAL = "resend_partial"
    SNAPSHOT_REFUSED = "snapshot_refused"
    SNAPSHOT_LATE = "snapshot_late"
    SNAPSHOT_OLD = "snapshot_old"
    HALT = "halt"
    VENUE_REJECT = "venue_reject"
    PARTIAL_FILL = "partial_fill"
    LATE_REPORT = "late_report"
    RISK_REJECT = "risk_reject"
    LIMIT = "limit"
    KILL_WORD = "kill_word"
    KILL_RECORD = "kill_record"
    CRASH_KILL = "crash_kill"
    CRASH_TORN = "crash_torn"
    CRASH_POWER = "crash_power"
    REQUEST_LOST = "request_lost"
    REPORT_MISSED = "report_missed"
    REPORT_REPEATED = "report_repeated"
    TAIL_DAMAGED = "tail_damaged"
    IMAGE_DAMAGED = "image_damaged"


class FaultCounts(Counter[Fault]):
    """How often each kind occurred."""

    def __str__(self) -> str:
        return " ".join(f"{kind.value}={self[kind]}" for kind in Fault if self[kind])


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Probabilities from 0 to 1.

    `loss`, `duplicate`, `reorder`, `damage`: of a packet on one line; `down`: that a line stays
    silent from a packet on, for up to a hundred; `late_join`: that a line is not heard at the
    beginning. `resend`, `snapshot`: that a request to that server goes wrong. `halt`: of a message
    interval that a symbol is halted in. `limit`, `kill`, `crash`: of a packet of the venue.
    `slow`: that the way to the exchange takes seconds and not milliseconds.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    damage: float = 0.0
    down: float = 0.0
    late_join: float = 0.0
    resend: float = 0.0
    snapshot: float = 0.0
    halt: float = 0.0
    limit: float = 0.0
    kill: float = 0.0
    crash: float = 0.0
    slow: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: found {getattr(self, name)}; allowed: 0 to 1")

    @classmethod
    def drawn(cls, dice: Random) -> "Faults":
        """A mixture: each fault is off, rare or frequent, apart from the others."""

        def rate(rare: float, frequent: float) -> float:
            return (0.0, rare, frequent)[dice.integers(0, 3)]

        return cls(
            loss=rate(0.01, 0.15),
            duplicate=rate(0.01, 0.2),
            reorder=rate(0.01, 0.2),
            damage=rate(0.002, 0.05),
            down=rate(0.001, 0.01),
            late_join=rate(0.2, 0.7),
            resend=rate(0.2, 0.8),
            snapshot=rate(0.2, 0.7),
            halt=rate(0.1, 0.5),
            limit=rate(0.002, 0.02),
            kill=rate(0.001, 0.01),
            crash=rate(0.0005, 0.004),
            slow=rate(0.3, 1.0),
        )
