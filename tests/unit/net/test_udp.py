"""Datagrams on this machine: batches, kernel times, drops, cut ones, groups, refusals."""

import select
import socket
import time
from collections.abc import Iterator

import pytest

from tectra.core.clock import FakeClock
from tectra.core.errors import ClosedError, InputError, SystemCallError
from tectra.net import Datagram, UdpOptions, UdpReceiver, UdpSender, parse_endpoint

HERE = "127.0.0.1"
GROUP = "239.255.77.1"


def wait(receiver: UdpReceiver) -> None:
    """Until something lies there: the kernel says when."""
    assert select.select([receiver.fileno()], [], [], 4)[0], "nothing came within 4 s"


def take(receiver: UdpReceiver, count: int) -> list[Datagram]:
    out: list[Datagram] = []
    while len(out) < count:
        wait(receiver)
        assert receiver.poll() == len(receiver)
        out += receiver.batch()
    assert len(out) == count
    return out


@pytest.fixture
def line() -> Iterator[tuple[UdpReceiver, UdpSender]]:
    """A receiver on a port of the kernel's choice, and a sender to it."""
    with UdpReceiver(UdpOptions(host=HERE, port=0)) as receiver:
        assert receiver.address is not None
        sender = UdpSender(*receiver.address)
        yield receiver, sender
        sender.close()


def test_nothing_there(line):
    receiver, _ = line
    assert (receiver.poll(), len(receiver), receiver.batch()) == (0, 0, [])
    with pytest.raises(IndexError, match="brought 0"):
        receiver[0]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
def test_all_come_in_order_in_batches_of_at_most_64(line, count):
    receiver, sender = line
    sent = [n.to_bytes(4, "big") * (n % 200) for n in range(count)]
    assert all(sender.try_send(data) for data in sent)
    got, sizes = [], []
    while len(got) < count:
        wait(receiver)
        sizes.append(receiver.poll())
        got += [d.data for d in receiver.batch()]
    assert got == sent
    assert max(sizes) <= 64
    assert receiver.datagrams == count
    assert receiver.bytes_received == sum(map(len, sent)) == sender.bytes_sent
    assert (receiver.cut, receiver.dropped, receiver.errors) == (0, 0, 0)


def test_the_times(line):
    receiver, sender = line
    before = time.time_ns()
    sender.try_send(b"x")
    (one,) = take(receiver, 1)
    after = time.time_ns()
    assert before <= one.ts_recv_ns <= after
    asked = next(o for o in receiver.outcomes if o.wish.startswith("SO_TIMESTAMPNS"))
    if one.ts_kernel_ns:
        assert asked.done
        assert before - 1_000_000 <= one.ts_kernel_ns <= one.ts_recv_ns
        assert receiver.unstamped == 0
    else:
        assert receiver.unstamped == 1


def test_without_kernel_times_each_is_counted():
    with UdpReceiver(UdpOptions(host=HERE, port=0, timestamps=False)) as receiver:
        sender = UdpSender(*receiver.address)
        sender.try_send(b"x")
        assert take(receiver, 1)[0].ts_kernel_ns == 0
        assert receiver.unstamped == 1
        sender.close()


def test_the_clock_is_the_callers():
    with UdpReceiver(UdpOptions(host=HERE, port=0), clock=FakeClock(77)) as receiver:
        sender = UdpSender(*receiver.address)
        sender.try_send(b"x")
        assert take(receiver, 1)[0].ts_recv_ns == 77
        sender.close()


def test_longer_than_a_slot_is_cut_and_counted(line):
    receiver, sender = line
    sizes = (2047, 2048, 2049, 9000, 0, 3)
    for size in sizes:
        sender.try_send(bytes([size % 251]) * size)
    got = take(receiver, len(sizes))
    assert [len(d.data) for d in got] == [2047, 2048, 2048, 2048, 0, 3]
    assert [d.is_cut for d in got] == [False, False, True, True, False, False]
    assert receiver.cut == 2
    assert got[3].data == bytes([9000 % 251]) * 2048


def test_what_the_kernel_drops_is_told():
    with UdpReceiver(UdpOptions(host=HERE, port=0, receive_bytes=4096)) as receiver:
        sender = UdpSender(*receiver.address)
        for _ in range(200):
            sender.try_send(b"y" * 1000)
        kept = 0
        while receiver.poll():
            kept += len(receiver)
        assert 0 < kept < 200
        sender.try_send(b"next")
        assert take(receiver, 1)[0].data == b"next"
        asked = next(o for o in receiver.outcomes if o.wish.startswith("SO_RXQ_OVFL"))
        assert receiver.dropped == (200 - kept if asked.done else 0)
        sender.close()


def test_a_wish_for_more_buffer_than_there_is_gets_an_answer():
    with UdpReceiver(UdpOptions(host=HERE, port=0, receive_bytes=(1 << 30) - 1)) as receiver:
        outcome = next(o for o in receiver.outcomes if o.wish.startswith("SO_RCVBUF"))
        assert outcome.done or "rmem_max" in outcome.detail


def test_busy_poll_is_asked_for_when_wanted():
    with UdpReceiver(UdpOptions(host=HERE, port=0, busy_poll_us=20)) as receiver:
        assert [o.wish for o in receiver.outcomes if "BUSY" in o.wish] == ["SO_BUSY_POLL = 20"]
    with UdpReceiver(UdpOptions(host=HERE, port=0)) as receiver:
        assert not [o for o in receiver.outcomes if "BUSY" in o.wish]


def test_an_answer_comes_back_to_the_receiver(line):
    receiver, _ = line
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HERE, 0))
        server.settimeout(4)
        assert receiver.send_to(b"please", server.getsockname())
        data, where = server.recvfrom(100)
        assert data == b"please" and where == receiver.address
        server.sendto(b"here", where)
    assert take(receiver, 1)[0].data == b"here"


@pytest.mark.parametrize("interface", [HERE, "lo"])
@pytest.mark.parametrize("source", ["", HERE])
def test_group(interface, source):
    """On the loopback card; a datagram of ttl 0 does not leave the machine."""
    options = UdpOptions(host=GROUP, port=0, interface=interface, source=source)
    try:
        receiver = UdpReceiver(options)
    except SystemCallError as error:
        pytest.skip(f"this machine joins no group on loopback: {error}")
    with receiver, UdpReceiver(
        UdpOptions(host=GROUP, port=receiver.address[1], interface=interface)
    ) as second:  # fmt: skip
        sender = UdpSender(GROUP, receiver.address[1], interface=HERE, ttl=0)
        assert sender.try_send(b"to all")
        assert take(receiver, 1)[0].data == take(second, 1)[0].data == b"to all"
        sender.close()


def test_a_group_hears_only_its_source():
    options = UdpOptions(host=GROUP, port=0, interface=HERE, source="127.0.0.9")
    try:
        receiver = UdpReceiver(options)
    except SystemCallError as error:
        pytest.skip(f"this machine joins no group on loopback: {error}")
    with receiver, UdpReceiver(
        UdpOptions(host=GROUP, port=receiver.address[1], interface=HERE)
    ) as second:  # fmt: skip
        sender = UdpSender(GROUP, receiver.address[1], interface=HERE, ttl=0)
        sender.try_send(b"from .1")
        take(second, 1)
        assert receiver.poll() == 0
        sender.close()


def test_closed(line):
    receiver, _ = line
    receiver.close()
    receiver.close()
    assert (receiver.fileno(), receiver.address, len(receiver)) == (-1, None, 0)
    with pytest.raises(ClosedError, match="make a new one"):
        receiver.poll()
    with pytest.raises(ClosedError):
        receiver.send_to(b"x", (HERE, 9))


def test_refusals(line):
    receiver, sender = line
    with pytest.raises(SystemCallError, match=r"cannot receive at 127\.0\.0\.1"):
        UdpReceiver(UdpOptions(host=HERE, port=receiver.address[1]))
    with pytest.raises(SystemCallError, match=r"cannot receive at 203\.0\.113\.9"):
        UdpReceiver(UdpOptions(host="203.0.113.9", port=0))
    with pytest.raises(InputError, match=r"this machine has .*lo"):
        UdpReceiver(UdpOptions(host=GROUP, port=0, interface="nosuch0"))
    with pytest.raises(InputError, match="65507"):
        sender.try_send(bytes(65_508))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "nowhere", "port": 1}, "'nowhere'; allowed: an IPv4 address"),
        ({"host": "::1", "port": 1}, "IPv4"),
        ({"host": HERE, "port": 65536}, "0 to 65535"),
        ({"host": HERE, "port": 1, "interface": "lo"}, "are for groups"),
        ({"host": HERE, "port": 1, "source": HERE}, "are for groups"),
        ({"host": GROUP, "port": 1, "source": GROUP}, "address of one sender"),
    ],
)
def test_options_that_are_none(fields, words):
    with pytest.raises(InputError, match=words):
        UdpOptions(**fields)


def test_sending_after_close():
    sender = UdpSender(HERE, 9)
    sender.close()
    sender.close()
    with pytest.raises(SystemCallError, match="cannot send"):
        sender.try_send(b"x")


def test_sender_wants_a_port_and_a_hop_count():
    with pytest.raises(InputError, match="port"):
        UdpSender(HERE, 0)
    with pytest.raises(InputError, match="ttl"):
        UdpSender(HERE, 9, ttl=256)


NO_ENDPOINTS = """x 1.2.3.4 1.2.3.4: 1.2.3.4:0 1.2.3.4:65536 256.1.1.1:5 host.example:5 ::1:5"""


@pytest.mark.parametrize("text", ["", " 1.2.3.4:5", *NO_ENDPOINTS.split()])
def test_endpoint_that_is_none(text):
    with pytest.raises(InputError):
        parse_endpoint(text)


def test_endpoint():
    assert parse_endpoint("localhost:9") == (HERE, 9)
    assert parse_endpoint("239.1.2.3:26400") == ("239.1.2.3", 26400)
