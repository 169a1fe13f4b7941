"""Capture files: both formats, both byte orders, cuts with their offset, an independent reader."""

import gzip
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import captures
import pcap
import pytest

from tectra.core.errors import ClosedError, FileFormatError, InputError, TruncatedInputError
from tectra.feed.itch import decode_message
from tectra.protocol.mold import parse_packet
from tectra.protocol.pcap import CaptureReader, CaptureWriter, Skip, UdpPayload

T0 = 1_700_000_000_123_456_789
FRAMES = [(T0 + n * 1_000_000_007, captures.udp_frame(bytes([n]) * n)) for n in range(5)]


def read(path: Path, data: bytes) -> tuple[list[tuple[int, bytes]], CaptureReader]:
    path.write_bytes(data)
    with CaptureReader(path) as reader:
        return [(f.ts_ns, f.data) for f in reader], reader


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [True, False])
def test_pcap(tmp_path, order, nano):
    got, reader = read(tmp_path / "x.pcap", captures.pcap(FRAMES, order=order, nano=nano))
    unit = 1 if nano else 1000
    assert got == [(t // unit * unit, f) for t, f in FRAMES]
    assert reader.frames == 5


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("resolution", "per_s"), [(None, 10**6), (9, 10**9), (3, 10**3), (0x8A, 1 << 10), (12, 10**12)]
)
def test_pcapng_times(tmp_path, order, resolution, per_s):
    ticks = 10_000_000 * per_s + per_s // 3  # of 2^64 picoseconds there are 213 days
    data = captures.section(order)
    data += captures.interface(order, resolution=resolution)
    data += captures.interface(order, resolution=resolution, offset_s=-3600)
    data += captures.enhanced(b"frame", ticks, order)
    data += captures.enhanced(b"frame!", ticks, order, which=1)
    got, _ = read(tmp_path / "x.pcapng", data)
    want = ticks * 10**9 // per_s
    assert got == [(want, b"frame"), (want - 3600 * 10**9, b"frame!")]


def test_pcapng_sections_interfaces_and_strangers(tmp_path):
    data = b""
    for order in "<>":
        data += captures.section(order)
        data += captures.block(0x0BAD, b"x" * 200_001, order)
        data += captures.interface(order, resolution=9, snap=4)
        data += captures.enhanced(b"one", 5, order)
        data += captures.block(5, b"statistics", order)
        data += captures.simple(b"simp", 900, order)
        old = struct.pack(order + "HHIIII", 0, 7, 0, 9, 3, 3) + b"old"
        data += captures.block(2, old, order)
    got, reader = read(tmp_path / "x.pcapng", data)
    assert got == [(5, b"one"), (0, b"simp"), (9, b"old")] * 2
    assert reader.untimed == 2


def test_gzip(tmp_path):
    data = captures.pcap(FRAMES)
    got, _ = read(tmp_path / "x.pcap.gz", gzip.compress(data))
    assert got == FRAMES
    with pytest.raises(TruncatedInputError, match="gzip stream ends"):
        read(tmp_path / "x.pcap.gz", gzip.compress(data)[:-12])
    damaged = bytearray(gzip.compress(data))
    damaged[-20] ^= 0xFF
    with pytest.raises(FileFormatError):
        read(tmp_path / "x.pcap.gz", bytes(damaged))


def whole_until(data: bytes, size: int, path: Path) -> tuple[int, str]:
    """Frames that a cut file gives, and what it says."""
    path.write_bytes(data[:size])
    seen = 0
    try:
        with CaptureReader(path) as reader:
            for _ in reader:
                seen += 1
    except TruncatedInputError as error:
        return seen, str(error)
    return seen, ""


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_cut_at_every_byte(tmp_path, kind):
    frames = [(t, f[:20]) for t, f in FRAMES[:2]]
    if kind == "pcap":
        head = 24
        data = captures.pcap(frames)
        sizes = [16 + len(f) for _, f in frames]
    else:
        blocks = [captures.enhanced(f, t) for t, f in frames]
        start = captures.section() + captures.interface(resolution=9)
        head, data, sizes = len(start), start + b"".join(blocks), [len(b) for b in blocks]
    ends = [head, head + sizes[0], head + sum(sizes)]
    for size in range(len(data)):
        seen, said = whole_until(data, size, tmp_path / "cut")
        whole = sum(end <= size for end in ends[1:])
        assert seen == whole
        if size in ends or (kind == "pcapng" and size == len(captures.section())):
            assert said == ""
        else:
            assert "offset" in said and f"{whole} whole frames" in said


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\3\4 a zip file", "is no capture"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 3, 0, 0, 0, 0, 1), "pcap version 3"),
        (captures.pcap([]) + struct.pack("<IIII", 1, 10**9, 4, 4) + b"abcd", "framing is lost"),
        (captures.pcap([]) + struct.pack("<IIII", 1, 0, 1 << 30, 4), "framing is lost"),
        (captures.section()[:8] + b"abcd" + bytes(16), "byte-order magic"),
        (captures.section() + captures.enhanced(b"x", 1), "0 are described"),
        (captures.section() + struct.pack("<II", 6, 13), "13 bytes"),
        (captures.section() + struct.pack("<II", 6, 1 << 30), "framing is lost"),
        (captures.section()[:-4] + struct.pack("<I", 99), "in front and 99 behind"),
        (captures.section() + captures.block(1, b"abcd"), "without its fields"),
        (captures.section() + captures.interface() + captures.block(6, b"abcd"), "without its"),
        (
            captures.section()
            + captures.interface()
            + captures.block(6, struct.pack("<IIIII", 0, 0, 0, 9, 9) + b"abcd"),
            "9 bytes in a block with 4",
        ),
    ],
)
def test_what_is_no_capture(tmp_path, data, words):
    with pytest.raises(FileFormatError, match=words):
        read(tmp_path / "x", data)


def test_a_block_of_a_gigabyte_that_is_not_there(tmp_path):
    data = captures.section() + struct.pack("<II", 0xBAD, 1 << 30) + bytes(1000)
    with pytest.raises(TruncatedInputError, match="cut inside a block"):
        read(tmp_path / "x", data)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        CaptureReader(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a directory"):
        CaptureReader(tmp_path)
    with pytest.raises(TruncatedInputError, match="0 of 4 bytes"):
        read(tmp_path / "empty", b"")


def test_udp_and_what_is_skipped(tmp_path):
    path = tmp_path / "x.pcap"
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    path.write_bytes(captures.pcap([(7, FRAMES[3][1]), (8, arp), (9, FRAMES[3][1][:-1])]))
    with CaptureReader(path) as reader:
        assert list(reader.udp()) == [
            UdpPayload(7, "10.0.0.1", 1234, "233.54.12.111", 26400, b"\3\3\3")
        ]
        assert reader.skipped == {Skip.NOT_IP: 1, Skip.CUT: 1}
        assert (reader.frames, reader.payloads) == (3, 1)
    with pytest.raises(ClosedError):
        list(reader)


@pytest.mark.parametrize("name", ["out.pcap", "out.pcap.gz"])
def test_writer(tmp_path, name):
    path = tmp_path / name
    sent = [UdpPayload(T0 + n, "10.0.0.1", 5, "127.0.0.1", 6, bytes([n]) * n) for n in range(9)]
    with CaptureWriter(path) as out:
        for payload in sent:
            out.write_udp(payload)
        assert not path.exists()
    with CaptureReader(path) as reader:
        assert list(reader.udp()) == sent
    with pytest.raises(ClosedError):
        out.write(0, b"")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="1970 to 2106"), CaptureWriter(tmp_path / "x") as out:
        out.write(-1, b"")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="cannot write"):
        CaptureWriter(tmp_path / "no" / "x")
    for there in (tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="no plain file"):
            CaptureWriter(there)


def mold_captures(test_data: Path) -> list[Path]:
    found = sorted((test_data / "itch" / "moldudp64_pcap").rglob("*.pcap"))
    return [*found, *sorted((test_data / "sbe").rglob("*.pcap"))]


def test_real_captures_against_an_independent_reader(test_data: Path):
    seen = 0
    for path in mold_captures(test_data):
        if path.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a":
            continue  # the independent reader knows pcap only
        want = list(pcap.udp_payloads(path))
        with CaptureReader(path) as reader:
            assert [p.data for p in reader.udp()] == want, path.name
            assert not reader.skipped
        seen += len(want)
    assert seen >= 68


def test_a_real_pcapng_has_every_number_of_its_channels(test_data: Path):
    """Each payload of CME's channels starts with the channel's own count, little-endian."""
    (path,) = (test_data / "sbe").rglob("Cme.Mdp3.Sbe.v6.1.pcap")
    last: dict[tuple[str, int], int] = {}
    before = 0
    with CaptureReader(path) as reader:
        for payload in reader.udp():
            channel = (payload.destination, payload.destination_port)
            number = struct.unpack_from("<I", payload.data)[0]
            assert number == last.get(channel, number - 1) + 1
            last[channel] = number
            assert payload.ts_ns > before - 1_000_000  # two cards, merged
            before = payload.ts_ns
        assert (reader.frames, reader.payloads, not reader.skipped) == (10_000, 10_000, True)
    assert len(last) == 2


@pytest.mark.timeout(60)
def test_real_mold_packets_use_every_byte(test_data: Path):
    seen = Counter[str]()
    for path in sorted((test_data / "itch" / "moldudp64_pcap").rglob("*.pcap")):
        with CaptureReader(path) as reader:
            for payload in reader.udp():
                packet = parse_packet(payload.data)
                count, messages, left = pcap.mold_messages(payload.data)
                assert (list(packet.messages), left) == (messages, 0)
                assert packet.is_end == (count == 0xFFFF)
                for message in packet.messages:
                    assert len(decode_message(message)) in (64, 128)
                    seen[chr(message[0])] += 1
    assert set(seen) >= set("AFECXDUPHYSLI")


def test_real_captures_against_tshark(test_data: Path):
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("no tshark here")
    fields = ("frame.time_epoch", "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.payload")
    for path in mold_captures(test_data)[:30]:
        command = [tshark, "-r", str(path), "-Y", "udp", "-T", "fields"]
        for field in fields:
            command += ["-e", field]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        with CaptureReader(path) as reader:
            got = [
                [f"{p.ts_ns // 10**9}.{p.ts_ns % 10**9:09}", p.source, str(p.source_port),
                 p.destination, str(p.destination_port), p.data.hex()]
                for p in reader.udp()
            ]  # fmt: skip
        assert got == [line.split("\t") for line in said.splitlines()], path.name
