"""MoldUDP64: the compiled parser and builder against plain Python."""

import mold_model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import FileFormatError, TruncatedInputError
from tectra.protocol.mold import PacketBuilder, build_packet, parse_packet

SESSIONS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=10)
MESSAGES = st.lists(st.binary(max_size=70), min_size=1, max_size=20)
NUMBERS = st.one_of(st.integers(0, 100), st.integers((1 << 64) - 60, (1 << 64) - 30))


def same(data: bytes) -> None:
    """Both accept with the same values, or both refuse for the same reason."""
    kind = ""
    try:
        want = mold_model.parse(data)
    except mold_model.Bad as bad:
        kind = bad.kind
    if not kind:
        assert parse_packet(data) == want
        return
    with pytest.raises(FileFormatError) as caught:
        parse_packet(data)
    assert isinstance(caught.value, TruncatedInputError) == (kind == "cut")


@given(SESSIONS, NUMBERS, MESSAGES)
def test_round_trip(session, number, messages):
    packet = parse_packet(build_packet(session, number, messages))
    assert packet == (session, number, tuple(messages), False, False)


@given(NUMBERS, MESSAGES, st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255))),
       st.integers(0, 1500))  # fmt: skip
def test_damage(number, messages, hits, cut):
    data = bytearray(build_packet("SESSION", number, messages))
    for at, value in hits:
        data[at % len(data)] = value
    same(bytes(data))
    same(bytes(data[: cut % (len(data) + 1)]))


@given(st.binary(max_size=80))
def test_noise(data):
    same(data)


@given(st.lists(st.binary(max_size=78), max_size=200), st.integers(100, 400), st.integers(1, 9))
def test_builder_loses_nothing(messages, payload_max, number):
    builder = PacketBuilder("s", sequence=number, payload_max=payload_max)
    packets = [p for m in messages if (p := builder.add(m))]
    packets += [last] if (last := builder.flush()) else []
    got: list[bytes] = []
    for data in packets:
        packet = parse_packet(data)
        assert len(data) <= payload_max and packet.sequence == number + len(got)
        got += packet.messages
    assert got == messages
