"""What every gateway does: take order_send records, give back execution reports."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

__all__ = ["Gateway", "RecordLike"]

# One record of the schema: its bytes, or a row of an array with its dtype.
RecordLike = bytes | np.void


@runtime_checkable
class Gateway(Protocol):
    """A way to one venue and back. One thread uses it; nothing here waits for the venue.

    Requests are order_send records (schema.xml); reports are order_ack, order_fill, order_cancel
    and order_reject records. Times are int64 nanoseconds since the epoch, UTC, and come in as
    arguments: a gateway has no clock of its own.
    """

    def send(self, record: RecordLike, *, now_ns: int) -> None:
        """Send a new order (action SUBMIT). Raises InputError for another action, CapacityError
        when nothing more fits.
        """

    def cancel(self, record: RecordLike, *, now_ns: int) -> None:
        """Ask to take what is left of an order off (action CANCEL). Raises as send does."""

    def replace(self, record: RecordLike, *, now_ns: int) -> None:
        """Ask for another price or total quantity (action MODIFY). Raises as send does."""

    def reports(self, until_ns: int | None = None) -> Sequence[np.void]:
        """Take the reports that reached us by `until_ns`, earliest first; None takes them all."""
