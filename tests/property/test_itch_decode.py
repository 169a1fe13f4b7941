"""The compiled ITCH decoder against the plain-Python one, on random and on damaged input."""

import gzip

import itch_model
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError
from tectra.core.msg import DTYPES, Template
from tectra.feed import BinaryFile, ItchFeed
from tectra.feed.itch import ItchScan, decode_message
from tectra.feed.itch_encode import encode_fields
from tectra.feed.itch_wire import LAYOUTS

CODES = sorted(itch_model.SIZES)
NOISE = st.binary(min_size=50, max_size=50)
MESSAGE = st.builds(
    lambda code, noise, side: itch_model.random_message(code, noise, side=side),
    st.sampled_from(CODES),
    NOISE,
    st.sampled_from([b"B", b"S"]),
)
DAMAGED = st.builds(
    lambda message, at, value: message[:at] + bytes([value]) + message[at + 1 :],
    MESSAGE,
    st.integers(0, 49),
    st.integers(0, 255),
)


def framed(messages: list[bytes]) -> bytes:
    return b"".join(len(m).to_bytes(2, "big") + m for m in messages)


def as_fields(raw: np.ndarray, names: list[str]) -> dict[str, object]:
    template = Template(int(raw[2:4].view("<u2")[0]))
    record = raw.view(DTYPES[template])[0]
    out = {}
    for name in names:
        value = record[name]
        out[name] = value.item() if value.dtype.kind != "S" else bytes(value)
    return out


def text(fields: dict[str, object]) -> dict[str, object]:
    """NumPy drops zeros at the end of texts; do it on both sides."""
    return {k: v.rstrip(b"\0") if isinstance(v, bytes) else v for k, v in fields.items()}


@pytest.mark.parametrize("code", CODES)
@settings(max_examples=40)
@given(noise=NOISE, side=st.sampled_from([b"B", b"S"]), midnight=st.integers(0, 2**61))
def test_same_record_as_the_model(code: str, noise: bytes, side: bytes, midnight: int) -> None:
    message = itch_model.random_message(code, noise, side=side)
    name, wanted = itch_model.decode(message, midnight)
    raw = decode_message(message, midnight)
    assert int(raw[2:4].view("<u2")[0]) == Template[name.upper()]
    assert text(as_fields(raw, list(wanted))) == text(wanted)


@settings(max_examples=300)
@given(st.binary(max_size=60) | DAMAGED)
def test_accepts_and_refuses_as_the_model(message: bytes) -> None:
    try:
        name, wanted = itch_model.decode(message)
    except itch_model.Bad:
        with pytest.raises(FileFormatError):
            decode_message(message)
    else:
        assert text(as_fields(decode_message(message), list(wanted))) == text(wanted)


@settings(max_examples=150)
@given(MESSAGE)
def test_encoder_is_the_inverse(message: bytes) -> None:
    code = chr(message[0])
    fields = {f.name: message[f.offset : f.offset + f.width] for f in LAYOUTS[code].fields}
    values = {
        f.name: fields[f.name] if f.is_text else int.from_bytes(fields[f.name], "big")
        for f in LAYOUTS[code].fields
    }
    again = encode_fields(
        code,
        values,
        stock_locate=int.from_bytes(message[1:3], "big"),
        tracking_number=int.from_bytes(message[3:5], "big"),
        timestamp=int.from_bytes(message[5:11], "big"),
    )
    assert again == message


@settings(max_examples=25)
@given(messages=st.lists(MESSAGE, min_size=1, max_size=6))
def test_input_split_at_every_byte_gives_equal_counts(messages: list[bytes]) -> None:
    data = framed(messages)
    whole = ItchScan()
    assert whole.update(data) == len(data)
    for cut in range(len(data) + 1):
        scan = ItchScan()
        used = scan.update(data[:cut])
        used += scan.update(data[used:])
        assert used == len(data)
        assert (scan.messages, scan.first_ns, scan.last_ns) == (
            whole.messages, whole.first_ns, whole.last_ns,
        )  # fmt: skip
        assert scan.locates.symbols() == whole.locates.symbols()


def drain(feed: ItchFeed, slots: int) -> bytes:
    parts = []
    with feed:
        while (batch := feed.next_batch(slots)) is not None:
            parts.append(batch.tobytes())
    return b"".join(parts)


def test_feed_split_at_every_byte_gives_equal_records(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gzip stream whose reads end at every possible byte, against the mapped file."""
    noise = bytes(range(1, 51))
    data = framed([itch_model.random_message(c, noise) for c in CODES])
    folder = tmp_path_factory.mktemp("split")
    (folder / "day.itch").write_bytes(data)
    wanted = drain(ItchFeed(folder / "day.itch"), 64)
    with gzip.open(folder / "day.itch.gz", "wb") as out:
        out.write(data)
    read = BinaryFile.read
    for step in range(1, len(data) + 1):
        monkeypatch.setattr(BinaryFile, "read", lambda self, size=0, n=step: read(self, n))
        assert drain(ItchFeed(folder / "day.itch.gz"), 64) == wanted, f"pieces of {step} bytes"


@settings(max_examples=60)
@given(
    messages=st.lists(MESSAGE | st.binary(min_size=1, max_size=60), min_size=1, max_size=30),
    slots=st.integers(2, 9),
)
def test_lenient_feed_passes_what_the_model_accepts(
    tmp_path_factory: pytest.TempPathFactory, messages: list[bytes], slots: int
) -> None:
    messages = [itch_model.random_message("S", b"\0" * 50), *messages]
    path = tmp_path_factory.mktemp("lenient") / "day.itch"
    path.write_bytes(framed(messages))
    wanted, unknown, malformed = b"", 0, 0
    for message in messages:
        try:
            itch_model.decode(message)
        except itch_model.Bad as bad:
            unknown += bad.kind == "type"
            malformed += bad.kind != "type"
        else:
            wanted += decode_message(message).tobytes()
    feed = ItchFeed(path)
    assert drain(feed, slots) == wanted
    assert (feed.unknown, feed.malformed, feed.messages) == (unknown, malformed, len(messages))
    scan = ItchScan()
    scan.update(framed(messages))
    assert (scan.unknown, scan.malformed) == (unknown, malformed)
