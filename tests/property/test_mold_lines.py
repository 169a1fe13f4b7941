"""Two lines with faults of their own: what came on either is in order and once, and a gap is where
both lost it, and nowhere else.
"""

import pytest

from tectra.core.rng import Random
from tectra.feed.mold_extract import MessageOrder
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.mold_server import MoldOptions, MoldServer
from tectra.protocol.mold import parse_packet

MS = 1_000_000


def scenario(seed: int, count: int) -> None:
    rng = Random(seed)
    arrived: list[bytes] = []
    seen: list[set[int]] = [set(), set()]

    def hear(line: int, data: bytes) -> None:
        packet = parse_packet(data)
        seen[line].update(range(packet.sequence, packet.sequence + len(packet.messages)))
        arrived.append(data)

    dead = rng.integers(0, 10)
    lines = [
        Line(
            lambda data, at=at: hear(at, data),
            LineFaults(
                loss=1.0 if at == 1 and dead == 0 else rng.uniform(0, 0.3),
                duplicate=rng.uniform(0, 0.1),
                reorder=rng.uniform(0, 0.1),
                skew_ns=rng.integers(0, 50 * MS) * at,
                jitter_ns=rng.integers(0, MS),
            ),
            seed=seed,
            number=at,
        )
        for at in (0, 1)
    ]
    messages = [b"S" + bytes(4) + n.to_bytes(6, "big") + b"O" for n in range(count)]
    # Small packets, so that each has its own fate; the ends are repeated until one is heard.
    options = MoldOptions(payload_max=60, rate=100_000, end_packets=60, heartbeat_ns=MS)
    server = MoldServer(messages, lines, options)
    now = 0
    while not server.done:
        server.do_work(now)
        now += MS // 4
    order = MessageOrder(window=count)
    got = [m for data in arrived for m in order.add(parse_packet(data))]
    got += order.finish()
    union = sorted(n for n in seen[0] | seen[1] if n >= order.first)
    assert got == [messages[n - 1] for n in union]
    missing = [n for first, size in order.gaps for n in range(first, first + size)]
    assert missing == sorted(set(range(order.first, count + 1)) - set(union))
    assert order.next == count + 1 and order.unnumbered == 0


@pytest.mark.parametrize("seed", range(10))
def test_union_in_order(seed):
    scenario(seed, 2_000)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100))
def test_union_in_order_of_a_hundred_seeds(seed):
    scenario(1000 + seed, 100_000)
