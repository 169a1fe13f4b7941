"""The MoldUDP64 server: pacing, heartbeats, the end, faults of lines, re-requests."""

import select
import socket

import pytest

from tectra.core.errors import ClosedError, InputError
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.mold_server import MoldOptions, MoldServer, RequestServer
from tectra.feed.mold_store import MessageStore
from tectra.protocol.mold import MoldPacket, build_heartbeat, build_request, parse_packet

S = 1_000_000_000


def message(ns: int, size: int = 12) -> bytes:
    return (b"S\0\0\0\0" + ns.to_bytes(6, "big")).ljust(size, b"O")


class Wire:
    """What one line sent, parsed."""

    def __init__(self) -> None:
        self.packets: list[MoldPacket] = []

    def __call__(self, data: bytes) -> None:
        self.packets.append(parse_packet(data))

    @property
    def numbered(self) -> dict[int, bytes]:
        return {p.sequence + i: m for p in self.packets for i, m in enumerate(p.messages)}


def serve(messages, **options):
    wire = Wire()
    return MoldServer(messages, [Line(wire)], MoldOptions(**options)), wire


def test_as_fast_as_told_a_round_is_bounded():
    messages = [message(n, 50) for n in range(1000)]
    server, wire = serve(messages, packets_max=2)
    while not server.ended:
        before = server.packets
        assert server.do_work(0) > 0
        assert server.packets - before <= 2
    assert [wire.numbered[n + 1] for n in range(1000)] == messages
    assert all(len(p.messages) == 26 for p in wire.packets[:-2])
    assert server.messages == 1000 and server.next_sequence == 1001


def test_paced_by_the_times_of_the_messages():
    server, wire = serve([message(5 * S + n * S) for n in range(4)], speed=2)
    seen = []
    for half in range(5):
        server.do_work(100 * S + half * S // 2)
        seen.append(server.messages)
    assert seen == [1, 2, 3, 4, 4]
    assert [len(p.messages) for p in wire.packets if p.messages] == [1, 1, 1, 1]


def test_paced_by_rate():
    server, _ = serve([message(0)] * 100, rate=10)
    for now, want in ((0, 1), (S // 10 - 1, 1), (S // 10, 2), (S, 11), (5 * S, 51), (99 * S, 100)):
        server.do_work(now)
        assert server.messages == want


def test_heartbeats_in_silence_and_the_end_repeated():
    server, wire = serve([message(0), message(10 * S)], speed=1, end_packets=3)
    for tenth in range(150):
        server.do_work(tenth * S // 10)
    kinds = ["h" if p.is_heartbeat else "e" if p.is_end else "m" for p in wire.packets]
    assert kinds == ["m", *("h" * 9), "m", *("e" * 3)]
    assert {p.sequence for p in wire.packets if p.is_heartbeat} == {2}
    assert {p.sequence for p in wire.packets if p.is_end} == {3}
    assert server.done and server.do_work(999 * S) == 0


def test_no_messages_at_all():
    server, wire = serve([], end_packets=1)
    server.do_work(0)
    assert server.do_work(S - 1) == 0 and not server.done
    assert server.do_work(S) == 0 and server.done
    assert wire.packets == [MoldPacket("TECTRA0001", 1, (), is_heartbeat=False, is_end=True)]


def test_store_and_observer_get_every_message():
    store, seen = MessageStore(sequence=7), []
    messages = [message(n) for n in range(9)]
    server = MoldServer(
        messages, [Line(Wire())], MoldOptions(sequence=7), store=store, observe=seen.append
    )
    server.do_work(0)
    assert seen == messages and store.next_sequence == 16
    with pytest.raises(InputError, match="the same number"):
        MoldServer(messages, [Line(Wire())], store=store)
    with pytest.raises(InputError, match="lines"):
        MoldServer(messages, [])


@pytest.mark.parametrize(
    "fields",
    [{"speed": -1.0}, {"speed": 1.0, "rate": 1}, {"rate": -1}, {"sequence": 0},
     {"heartbeat_ns": 0}, {"end_packets": 0}, {"packets_max": 0}],
)  # fmt: skip
def test_options_that_are_none(fields):
    with pytest.raises(InputError, match="allowed"):
        MoldOptions(**fields)


def through(faults: LineFaults, seed: int = 1, number: int = 0, count: int = 2000):
    """Numbers of the packets that arrive, and the line."""
    out: list[int] = []
    line = Line(lambda data: out.append(int(data)), faults, seed=seed, number=number)
    for n in range(count):
        line.publish(b"%d" % n, n * 1_000_000)
    line.do_work(count * 1_000_000 * 10)
    assert line.waiting == 0 and line.sent == len(out)
    assert line.offered == count and line.sent == count - line.lost + line.duplicated
    return out, line


def test_a_line_without_faults_passes_everything_at_once():
    out: list[bytes] = []
    line = Line(out.append)
    line.publish(b"x", 5)
    assert out == [b"x"] and line.waiting == 0


def test_loss_and_duplicates_are_about_what_was_asked_for():
    got, line = through(LineFaults(loss=0.3, duplicate=0.1))
    assert 500 < line.lost < 700 and 100 < line.duplicated < 180
    assert len(set(got)) == 2000 - line.lost


def test_lines_of_one_seed_lose_independently_and_repeatably():
    a, b = (set(through(LineFaults(loss=0.2), number=n)[0]) for n in (0, 1))
    both = 2000 - len(a | b)
    assert a != b and 40 < both < 130
    assert set(through(LineFaults(loss=0.2), number=1)[0]) == b
    assert set(through(LineFaults(loss=0.2), seed=2, number=1)[0]) != b


def test_one_fault_does_not_move_another():
    plain = set(through(LineFaults(loss=0.2))[0])
    assert set(through(LineFaults(loss=0.2, duplicate=0.5, reorder=0.5))[0]) == plain


def test_reordering_and_skew():
    got, line = through(LineFaults(reorder=0.1))
    assert sorted(got) == list(range(2000)) and got != sorted(got)
    assert 140 < line.reordered < 260
    out: list[bytes] = []
    late = Line(out.append, LineFaults(skew_ns=100))
    late.publish(b"x", 0)
    assert late.do_work(99) == 0 and out == []
    assert late.do_work(100) == 1 and out == [b"x"]


def test_a_dead_line():
    assert through(LineFaults(loss=1.0))[0] == []


def test_the_end_waits_for_what_is_delayed():
    wire = Wire()
    line = Line(wire, LineFaults(skew_ns=5 * S))
    server = MoldServer([message(0)], [line], MoldOptions(end_packets=1))
    server.do_work(0)
    assert server.do_work(5 * S - 1) == 0 and server.ended and not server.done
    assert server.do_work(5 * S) == 2 and server.done


@pytest.mark.parametrize("fields", [{"loss": 1.1}, {"duplicate": -0.1}, {"reorder": float("nan")},
                                    {"skew_ns": -1}, {"jitter_ns": -1}])  # fmt: skip
def test_faults_that_are_none(fields):
    with pytest.raises(InputError, match="allowed"):
        LineFaults(**fields)


def test_store_forgets_the_oldest_and_says_so():
    store = MessageStore(capacity_bytes=2 << 20)
    sent = {store.append(b"%d" % n * 2000): b"%d" % n * 2000 for n in range(10_000)}
    assert store.first_sequence - 1 == store.forgotten > 0
    for number in (store.first_sequence, store.next_sequence - 1):
        assert store.messages(number, count=1, bytes_max=99_999) == [sent[number]]
    assert store.messages(store.first_sequence - 1, count=1, bytes_max=99_999) == []
    assert store.messages(store.next_sequence, count=1, bytes_max=99_999) == []
    everything = store.messages(store.first_sequence, count=99_999, bytes_max=1 << 30)
    assert everything == [sent[n] for n in range(store.first_sequence, store.next_sequence)]


@pytest.fixture
def requests():
    store = MessageStore()
    for n in range(100):
        store.append(b"message %d" % n)
    server = RequestServer(store, "TECTRA0001", payload_max=200)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(4)
        yield server, client
    server.close()


def ask(requests, data: bytes) -> MoldPacket | None:
    server, client = requests
    client.sendto(data, server.address)
    answered = server.answered
    while server.do_work(0) == 0:
        pass
    return parse_packet(client.recv(2048)) if server.answered > answered else None


def test_requests(requests):
    whole = ask(requests, build_request("TECTRA0001", 5, 3))
    assert whole is not None and whole.sequence == 5
    assert whole.messages == (b"message 4", b"message 5", b"message 6")
    # As many as fit; and no more than there are.
    part = ask(requests, build_request("TECTRA0001", 1, 90))
    assert part is not None and len(part.messages) == 15
    tail = ask(requests, build_request("TECTRA0001", 99, 9))
    assert tail is not None and tail.messages == (b"message 98", b"message 99")
    server, _ = requests
    assert (server.answered, server.messages) == (3, 20)


@pytest.mark.parametrize(
    ("data", "counter"),
    [
        (build_request("OTHER", 5, 3), "unknown"),
        (build_request("TECTRA0001", 0, 3), "unknown"),
        (build_request("TECTRA0001", 101, 3), "unknown"),
        (build_request("TECTRA0001", (1 << 64) - 1, 3), "unknown"),
        (build_heartbeat("TECTRA0001", 5), "damaged"),
        (b"", "damaged"),
        (b"x" * 1000, "damaged"),
    ],
)
def test_requests_without_an_answer(requests, data, counter):
    assert ask(requests, data) is None
    server, client = requests
    assert getattr(server, counter) == 1
    assert not select.select([client], [], [], 0)[0]


def test_closed(requests):
    server, _ = requests
    server.close()
    server.close()
    with pytest.raises(ClosedError):
        server.do_work(0)
