"""The registry lists every record with its version; the six payload families cover the event
stream.
"""

import re

import numpy as np
import pytest

from tectra.core import msg
from tectra.paths import schema_file
from tectra.schema import CONTRACTS, PAYLOADS, REGISTRY, describe
from tectra.schema.command import COMMAND_VERSION, COMMANDS
from tectra.schema.registry import VERSION


def test_every_message_of_the_file_is_registered() -> None:
    names = re.findall(r'<sbe:message name="(\w+)" id="(\d+)"', schema_file().read_text())
    assert [(m.name, str(m.id)) for m in REGISTRY.values()] == names
    assert len(names) > 20


def test_each_record_has_a_version() -> None:
    assert VERSION >= 1
    for message in REGISTRY.values():
        assert 0 <= message.since_version <= VERSION
        assert all(message.since_version <= f.since_version <= VERSION for f in message.fields)


def test_payload_families() -> None:
    assert set(PAYLOADS) == {
        "MarketData", "OrderIntent", "OrderAck", "Fill", "RiskDecision", "StrategyDecision",
    }  # fmt: skip
    carried = [name for names in PAYLOADS.values() for name in names]
    assert len(carried) == len(set(carried)), "a record belongs to one family"
    assert set(carried) <= set(REGISTRY)
    assert {"book_add", "trade", "quote", "gap"} <= set(PAYLOADS["MarketData"])


def test_contracts_list_what_is_exchanged() -> None:
    assert set(CONTRACTS) >= {
        "ticks", "books", "orders", "verdicts", "control", "signals", "positions", "fills", "pnl",
        "backtest configs", "backtest results", "strategy commands", "position commands",
        "pnl commands",
    }  # fmt: skip
    for name, contract in CONTRACTS.items():
        assert bool(contract.records) != bool(contract.commands), name
        assert contract.version == (VERSION if contract.records else COMMAND_VERSION) >= 1
        assert set(contract.records) <= set(REGISTRY) and set(contract.commands) <= set(COMMANDS)
    listed = [r for contract in CONTRACTS.values() for r in contract.records]
    assert sorted(listed) == sorted(REGISTRY), "each record is of one contract"
    assert sorted(c for x in CONTRACTS.values() for c in x.commands) == sorted(COMMANDS)


def test_describe() -> None:
    fields = describe("book_add")
    assert fields["px"] == ("int64", 48, 8)
    assert fields["side"][0] == "Side"
    with pytest.raises(KeyError, match=r"allowed: .*book_add"):
        describe("bok_add")


@pytest.mark.parametrize("name", REGISTRY)
def test_dtype_is_the_described_layout(name: str) -> None:
    """NumPy's own idea of the layout, against the file's."""
    message = REGISTRY[name]
    dtype = msg.DTYPES[msg.Template[name.upper()]]
    assert dtype.itemsize == message.size in (64, 128)
    header = ("block_length", "template_id", "schema_id", "version")
    assert [dtype.fields[f][1] for f in header] == [0, 2, 4, 6]
    for field, (_, offset, size) in describe(name).items():
        assert dtype.fields[field][1] == offset, field
        assert dtype.fields[field][0].itemsize == size, field


def test_order_flow_shares_offsets() -> None:
    """One view reads them all."""
    flow = ("book_add", "book_add_attributed", "book_replace", "order_intent", "order_ack")
    common = [describe(name) for name in flow if "px" in describe(name)]
    for field in ("side", "venue_id", "px", "qty"):
        offsets = {c[field][1] for c in common if field in c}
        assert len(offsets) == 1, (field, offsets)


def test_head_is_shared_by_all() -> None:
    head = ("ring_seq", "ts_event_ns", "ts_recv_ns", "instrument_id")
    for name in REGISTRY:
        fields = describe(name)
        assert [fields[f][1] for f in head] == [8, 16, 24, 32]
    assert np.zeros(1, msg.HEAD).nbytes == 64


def test_directions() -> None:
    assert {msg.DIRECTION[t] for t in msg.Template} == {"input", "output", "note"}
    assert msg.DIRECTION[msg.Template.BOOK_ADD] == "input"
    assert msg.DIRECTION[msg.Template.ORDER_VERDICT] == "output"
