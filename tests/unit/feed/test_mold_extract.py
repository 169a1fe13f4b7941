"""Captures to BinaryFILE: order, gaps, duplicates, several sessions, cut captures, real ones."""

from pathlib import Path

import pytest

from tectra.core.errors import FileFormatError, GapError, InputError
from tectra.core.rng import Random
from tectra.feed.itch_encode import encode
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.mold_extract import MessageOrder, extract_capture
from tectra.protocol.mold import MoldPacket, build_end, build_heartbeat, build_packet
from tectra.protocol.pcap import CaptureWriter, UdpPayload

MESSAGES = [encode("D", 1, n, n) for n in range(1, 41)]


def capture(path: Path, payloads: list[bytes], *, port: int = 26400) -> Path:
    with CaptureWriter(path) as out:
        for n, data in enumerate(payloads):
            out.write_udp(UdpPayload(n, "10.0.0.1", 1, "233.54.12.111", port, data))
    return path


def packets(session: str = "S1", size: int = 4, first: int = 1) -> list[bytes]:
    return [
        build_packet(session, first + at, MESSAGES[at : at + size])
        for at in range(0, len(MESSAGES), size)
    ]


def read(path: Path) -> list[bytes]:
    with ItchMessages(path) as file:
        return list(file)


@pytest.mark.parametrize("name", ["out.itch", "out.itch.gz"])
def test_whole_shuffled_and_twice(tmp_path, name):
    sent = packets() * 2
    Random(3).shuffle(sent)
    first = sent.index(build_packet("S1", 1, MESSAGES[:4]))
    sent.insert(0, sent.pop(first))
    path = capture(tmp_path / "x.pcap", [*sent, build_end("S1", 41)])
    found = extract_capture(path, tmp_path / name, strict=True)
    assert read(tmp_path / name) == MESSAGES
    assert (found.session, found.messages, found.duplicates) == ("S1", 40, 40)
    assert (found.first_sequence, found.next_sequence, found.gaps) == (1, 41, [])
    assert found.ended and found.faults() == []
    if name == "out.itch":
        assert (tmp_path / name).read_bytes()[-2:] == b"\0\0"


def test_no_end_is_written_that_was_not_there(tmp_path):
    path = capture(tmp_path / "x.pcap", packets())
    assert not extract_capture(path, tmp_path / "o").ended
    assert (tmp_path / "o").read_bytes()[-2:] != b"\0\0"


def test_gaps_in_the_middle_and_at_the_end(tmp_path):
    sent = packets()
    del sent[9], sent[3:5]
    path = capture(tmp_path / "x.pcap", [*sent, build_heartbeat("S1", 41)])
    found = extract_capture(path, tmp_path / "o")
    assert found.gaps == [(13, 8), (37, 4)] and found.missing == 12
    assert "12 messages are missing in 2 gaps: 13-20, 37-40" in found.faults()[0]
    assert read(tmp_path / "o") == MESSAGES[:12] + MESSAGES[20:36]
    with pytest.raises(GapError, match="13-20"):
        extract_capture(path, tmp_path / "strict", strict=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o", "x.pcap"]


def test_several_sessions_want_a_choice(tmp_path):
    path = capture(tmp_path / "x.pcap", packets("S1") + packets("S2", first=100))
    with pytest.raises(InputError, match=r"'S1' and 'S2'.*--session"):
        extract_capture(path, tmp_path / "o")
    assert not (tmp_path / "o").exists()
    found = extract_capture(path, tmp_path / "o", session="S2")
    assert (found.first_sequence, found.packets, found.other) == (100, 10, 10)
    assert read(tmp_path / "o") == MESSAGES


def test_only_one_port(tmp_path):
    with CaptureWriter(tmp_path / "x.pcap") as out:
        for n, data in enumerate(packets("S1") + packets("S2")):
            out.write_udp(UdpPayload(n, "10.0.0.1", 1, "10.0.0.2", 5 + n // 10, data))
    found = extract_capture(tmp_path / "x.pcap", tmp_path / "o", port=6)
    assert (found.session, found.messages) == ("S2", 40)


def test_what_is_not_mold_or_not_itch(tmp_path):
    strange = build_packet("S1", 41, [b"?", b"", MESSAGES[0]])
    path = capture(tmp_path / "x.pcap", [b"dns", *packets(), strange])
    found = extract_capture(path, tmp_path / "o")
    assert (found.other, found.not_itch, found.messages) == (1, 2, 42)
    assert found.next_sequence == 44 and found.gaps == []
    with pytest.raises(GapError, match="not ITCH"):
        extract_capture(path, tmp_path / "strict", strict=True)


def test_nothing_in_it(tmp_path):
    path = capture(tmp_path / "x.pcap", [b"dns", build_heartbeat("S1", 5)])
    with pytest.raises(FileFormatError, match="no message of MoldUDP64 in 2 UDP payloads"):
        extract_capture(path, tmp_path / "o")
    with pytest.raises(InputError, match="the capture itself"):
        extract_capture(path, path)
    with pytest.raises(InputError, match="no such file"):
        extract_capture(tmp_path / "none", tmp_path / "o")
    assert [p.name for p in tmp_path.iterdir()] == ["x.pcap"]


def test_a_cut_capture_gives_what_is_whole(tmp_path):
    path = capture(tmp_path / "x.pcap", packets())
    path.write_bytes(path.read_bytes()[:-5])
    found = extract_capture(path, tmp_path / "o")
    assert read(tmp_path / "o") == MESSAGES[:36] and "offset" in found.cut
    with pytest.raises(GapError, match="cut inside a frame"):
        extract_capture(path, tmp_path / "strict", strict=True)


def order(numbers: list[int], *, window: int) -> tuple[list[int], MessageOrder]:
    made = MessageOrder(window=window)
    out: list[int] = []
    for n in numbers:
        packet = MoldPacket("s", n, (b"%d" % n,), is_heartbeat=False, is_end=False)
        out += [int(m) for m in made.add(packet)]
    out += [int(m) for m in made.finish()]
    return out, made


def test_a_window_gives_up_a_hole_and_tells_who_comes_late():
    out, made = order([1, 3, 4, 5, 2, 6], window=2)
    assert out == [1, 3, 4, 5, 6]
    assert (made.gaps, made.late, made.duplicates) == ([(2, 1)], 1, 0)
    out, made = order([1, 3, 4, 2, 6], window=2)
    assert out == [1, 2, 3, 4, 6] and made.gaps == [(5, 1)]
    out, made = order([5, 4, 5, 6], window=9)
    assert (out, made.late, made.duplicates, made.gaps) == ([5, 6], 1, 1, [])


@pytest.mark.parametrize("seed", range(20))
def test_any_order_within_the_window_comes_out_right(seed):
    rng = Random(seed)
    numbers = list(range(1, 400))
    kept = [n for n in numbers if n == 1 or rng.chance(0.9)]
    again = [n for n in kept if rng.chance(0.2)]
    mixed = kept[1:] + again
    rng.shuffle(mixed)
    out, made = order([1, *mixed], window=1000)
    assert out == kept and made.duplicates == len(again) and made.late == 0
    missing = [n for a, count in made.gaps for n in range(a, a + count)]
    assert missing == sorted(set(range(1, kept[-1])) - set(kept))


def test_real_captures(tmp_path, test_data):
    seen = 0
    for path in sorted((test_data / "itch" / "moldudp64_pcap").rglob("*.pcap")):
        found = extract_capture(path, tmp_path / "o.itch")
        assert found.not_itch == found.other == found.late == 0
        assert len(read(tmp_path / "o.itch")) == found.messages
        seen += found.messages
    assert seen > 60
