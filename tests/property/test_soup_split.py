"""A SoupBinTCP stream means the same however the network cut it, damaged or not."""

from hypothesis import given
from hypothesis import strategies as st

from tectra.core.secret import Secret
from tectra.protocol.soup import build_accepted, build_packet
from tectra.protocol.soup_session import Lost, Sequenced, SoupClient, SoupState

KINDS = st.sampled_from("SSSSHH+Z")
PACKETS = st.lists(st.tuples(KINDS, st.binary(max_size=20)), max_size=12)
HITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4)
CUTS = st.lists(st.integers(0, 400), max_size=20)


def run(stream: bytes, cuts: list[int]) -> tuple[list[object], SoupState, int]:
    client = SoupClient("user", Secret("secret"))
    client.connect(0)
    events: list[object] = []
    at = 0
    for cut in [*sorted({c for c in cuts if c < len(stream)}), len(stream)]:
        events += client.receive_bytes(stream[at:cut], 1)
        at = cut
    return events, client.state, client.next_sequence


def whole(packets: list[tuple[str, bytes]]) -> bytes:
    body = (build_packet(k, p if k in "S+" else b"") for k, p in packets)
    return build_accepted("ABC", 1) + b"".join(body)


@given(PACKETS, HITS, CUTS)
def test_cuts_change_nothing(packets, hits, cuts):
    stream = bytearray(whole(packets))
    for at, value in hits:
        stream[at % len(stream)] = value
    data = bytes(stream)
    once = run(data, [])
    assert run(data, cuts) == once
    assert run(data, list(range(len(data)))) == once


@given(PACKETS)
def test_whole_streams_come_back(packets):
    events, _, _ = run(whole(packets), [])
    end = next((i for i, (k, _) in enumerate(packets) if k == "Z"), len(packets))
    want = [p for k, p in packets[:end] if k == "S"]
    got = [e for e in events if isinstance(e, Sequenced)]
    assert [e.message for e in got] == want
    assert [e.sequence for e in got] == list(range(1, len(want) + 1))


@given(st.binary(max_size=300))
def test_noise_never_logs_in(noise):
    events, state, number = run(noise, [])
    assert number == 1 or noise.find(b"A") >= 0
    assert not any(isinstance(e, Sequenced) for e in events) or noise.startswith(b"\0")
    assert (state is SoupState.CLOSED) == any(
        isinstance(e, Lost) or type(e).__name__ == "Rejected" for e in events
    )
