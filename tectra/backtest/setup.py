"""What answered a run's orders, as plain values in its journal, so that another run may have the
same.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tectra.core.errors import JournalError
from tectra.sim.config import SimConfig

__all__ = ["SimSetup"]


class SimSetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated exchange and the driver around it. `grace_ns` is what the driver waits for
    after the last record, `utc_offset_s` what a report adds to times.
    """

    exchange: SimConfig = SimConfig()
    sample_ns: int = 1_000_000_000
    grace_ns: int = 1_000_000_000
    utc_offset_s: int = 0

    def to_journal(self) -> dict[str, object]:
        """As plain JSON values, for `SessionSpec.sim`."""
        out: dict[str, object] = msgspec.to_builtins(self)
        return out

    @classmethod
    def from_journal(cls, sim: Mapping[str, Any]) -> "SimSetup":
        """Inverse of to_journal(); JournalError when it is not one of ours."""
        try:
            return msgspec.convert(dict(sim), cls, strict=False)
        except msgspec.ValidationError as error:
            raise JournalError(
                f"the journal's manifest does not describe a simulated exchange: {error}"
            ) from error
