"""Columns out of a stream of records: one structured array a record type, and the trades of a run
as an Arrow table.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tectra.core.msg import DTYPES, HEAD, FillReason, Liquidity, Side, Template
from tectra.journal.scan import walk
from tectra.refdata.instrument import Instrument

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Ledger", "trades_table"]


class Ledger:
    """Records of a run, by type. `slots` is whole 64-byte slots; the arrays are copies, in the
    order of the stream.
    """

    def __init__(self, slots: bytes | bytearray | memoryview) -> None:
        flat = np.frombuffer(slots, dtype=np.uint8)
        starts, _ = walk(flat)
        self._starts: NDArray[np.uint32] = starts
        self._rows = flat.reshape(-1, 64)
        heads = np.ascontiguousarray(self._rows[starts]).view(HEAD).reshape(-1)
        self._templates = heads["template_id"].copy()

    def __len__(self) -> int:
        return len(self._starts)

    def count(self, template: Template) -> int:
        """How many records of a type there are."""
        return int(np.count_nonzero(self._templates == template))

    def table(self, template: Template) -> NDArray[np.void]:
        """All records of a type as one structured array."""
        at = self._starts[self._templates == template].astype(np.int64)
        dtype = DTYPES[template]
        if dtype.itemsize == 64:
            return np.ascontiguousarray(self._rows[at]).view(dtype).reshape(-1)
        both = (
            np.concatenate([self._rows[at], self._rows[at + 1]], axis=1)
            if len(at)
            else np.empty((0, 128), np.uint8)
        )
        return np.ascontiguousarray(both).view(dtype).reshape(-1)


def _names(values: NDArray[Any], enum: type[Any]) -> list[str]:
    table = {int(m): m.name for m in enum}
    return [table.get(int(v), str(int(v))) for v in values]


def _scaled(mantissas: NDArray[Any], exponents: NDArray[Any]) -> NDArray[np.float64]:
    return mantissas.astype(np.float64) * 10.0 ** exponents.astype(np.float64)


def trades_table(
    ledger: Ledger, instruments: Sequence[Instrument], strategies: Sequence[str]
) -> "pa.Table":
    """One row an execution: raw mantissas beside values in units of price and money."""
    import pyarrow as pa  # noqa: PLC0415  90 ms that a run without a table of trades saves

    fills = ledger.table(Template.ORDER_FILL)
    events = ledger.table(Template.ORDER_EVENT)
    owner = dict(zip(events["order_id"].tolist(), events["strategy_id"].tolist(), strict=True))
    by_id = {i.instrument_id: i for i in instruments}
    made_for = [by_id[i] for i in fills["instrument_id"].tolist()]
    px_exponent = np.array([i.px_exponent for i in made_for], dtype=np.int64)
    qty_exponent = np.array([i.qty_exponent for i in made_for], dtype=np.int64)
    names = ["", *strategies]
    return pa.table(
        {
            "ring_seq": pa.array(fills["ring_seq"]),
            "ts_event_ns": pa.array(fills["ts_event_ns"]),
            "ts_recv_ns": pa.array(fills["ts_recv_ns"]),
            "strategy": pa.array(
                [names[owner.get(o, 0)] for o in fills["order_id"].tolist()], type=pa.string()
            ),
            "symbol": pa.array([i.symbol for i in made_for], type=pa.string()),
            "order_id": pa.array(fills["order_id"]),
            "exec_id": pa.array(fills["exec_id"]),
            "side": pa.array(_names(fills["side"], Side), type=pa.string()),
            "liquidity": pa.array(_names(fills["liquidity"], Liquidity), type=pa.string()),
            "reason": pa.array(_names(fills["fill_reason"], FillReason), type=pa.string()),
            "px": pa.array(fills["px"]),
            "qty": pa.array(fills["qty"]),
            "fee_raw": pa.array(fills["fee"]),
            "price": pa.array(_scaled(fills["px"], px_exponent)),
            "quantity": pa.array(_scaled(fills["qty"], qty_exponent)),
            "fee": pa.array(_scaled(fills["fee"], px_exponent + qty_exponent)),
            "match_id": pa.array(fills["match_id"]),
        }
    )
