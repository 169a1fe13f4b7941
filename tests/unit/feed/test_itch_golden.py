"""Worked bytes and captured packets against their published values, and encoded back."""

from pathlib import Path

import numpy as np
import pytest

from tectra.core.msg import DTYPES, Template
from tectra.feed.itch import decode_message
from tectra.feed.itch_encode import encode_fields
from tectra.feed.itch_wire import DTYPES as WIRE
from tectra.feed.itch_wire import timestamp_ns

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "itch"


def cases() -> list[tuple[str, str]]:
    out = []
    for path in sorted(GOLDEN.glob("*.script")):
        lines = [line for line in path.read_text().splitlines() if line[:1] in "><"]
        for sent, wanted in zip(lines[::2], lines[1::2], strict=True):
            assert (sent[0], wanted[0]) == (">", "<")
            out.append((sent[2:], wanted[2:]))
    assert len(out) >= 16
    return out


@pytest.mark.parametrize(("sent", "wanted"), cases(), ids=lambda text: text[:24])
def test_record(sent: str, wanted: str) -> None:
    raw = decode_message(bytes.fromhex(sent))
    name, *pairs = wanted.split()
    template = Template[name.upper()]
    assert int(raw[2:4].view("<u2")[0]) == template
    record = raw.view(DTYPES[template])[0]
    for pair in pairs:
        field, value = pair.split("=")
        found = record[field].item()
        assert found == (value.encode() if isinstance(found, bytes) else int(value)), field


@pytest.mark.parametrize("sent", [sent for sent, _ in cases()], ids=lambda text: text[:24])
def test_encoded_back(sent: str) -> None:
    message = bytes.fromhex(sent)
    code = chr(message[0])
    row = np.frombuffer(message, WIRE[code])
    fields = {f: row[0][f].item() for f in WIRE[code].names[5:]}
    again = encode_fields(
        code,
        fields,
        stock_locate=int(row["stock_locate"][0]),
        tracking_number=int(row["tracking_number"][0]),
        timestamp=int(timestamp_ns(row)[0]),
    )
    assert again == message
