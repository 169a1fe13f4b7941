"""A/B arbitration beside its model: any packets from any line, at any time."""

from arbiter_model import REPLY, ArbiterModel
from hypothesis import given, settings
from hypothesis import strategies as st

from tectra.feed.arbiter import Arbiter, ArbiterSettings

SESSION = b"0000000001"
LINES = 3
MS = 1_000_000

# line, number of the first message, how many, nanoseconds since the packet before, give up?
PACKETS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, REPLY]),
        st.integers(1, 60),
        st.integers(0, 6),
        st.sampled_from([0, MS, 20 * MS, 120 * MS]),
        st.booleans(),
    ),
    max_size=60,
)


def message(number: int) -> bytes:
    return number.to_bytes(8, "big") * (1 + number % 3)


def packet(sequence: int, messages: list[bytes], session: bytes = SESSION) -> bytes:
    head = session + sequence.to_bytes(8, "big") + len(messages).to_bytes(2, "big")
    return head + b"".join(len(m).to_bytes(2, "big") + m for m in messages)


def faithful(model: ArbiterModel, real: Arbiter) -> None:
    assert real.expected == model.due
    assert real.held == len(model.held)
    assert real.highest == model.top
    counts = real.counts()
    assert {name: counts[name] for name in model.counts} == model.counts
    for i, line in model.lines.items():
        found = real.line(i)
        assert (found.packets, found.messages, found.heartbeats) == (
            line.packets,
            line.messages,
            line.heartbeats,
        )
        assert (found.first, found.ahead, found.lost, found.late) == (
            line.first,
            line.ahead,
            line.lost,
            line.late,
        )
        assert found.latest == max(line.next - 1, 0)
        assert found.duplicates == line.duplicates


@given(PACKETS)
@settings(max_examples=300)
def test_against_a_model(packets: list[tuple[int, int, int, int, bool]]) -> None:
    model = ArbiterModel(lines=LINES, window=16, longest=16, hold_ns=50 * MS, dead_ns=100 * MS)
    real = Arbiter(
        ArbiterSettings(lines=LINES, window=16, message_bytes=16, hold_ns=50 * MS, dead_ns=100 * MS)
    )
    out: list[bytes] = []
    given_up: list[int] = []
    now = 0
    for which, sequence, count, pause, lose in packets:
        now += pause
        messages = [message(n) for n in range(sequence, sequence + count)]
        model.offer(which, sequence, messages, now)
        kind, came, first = real.offer(which, packet(sequence, messages), now_ns=now)
        assert kind.name
        assert first <= real.expected
        out += came
        faithful(model, real)
        gap = real.gap(now)
        assert gap == model.gap(now)
        if gap is not None and lose:
            given_up += range(gap[0], gap[1] + 1)
            real.lose(gap[1])
            model.lose(gap[1])
            out += real.drain()
            faithful(model, real)
    assert out == [m for _, m in model.out]
    delivered = [n for n, _ in model.out]
    assert sorted(delivered + given_up) == list(range(1, model.due))


@given(PACKETS, st.integers(0, 30), st.integers(0, 30))
def test_held_back_for_a_while_changes_nothing_but_the_time(
    packets: list[tuple[int, int, int, int, bool]], start: int, length: int
) -> None:
    """While everything is held (a snapshot is on its way), nothing is lost or repeated."""
    plain = Arbiter(ArbiterSettings(lines=LINES, window=128))
    held = Arbiter(ArbiterSettings(lines=LINES, window=128))
    outs: tuple[list[bytes], list[bytes]] = ([], [])
    for i, (which, sequence, count, _, _) in enumerate(packets):
        held.hold(start <= i < start + length)
        outs[1].extend(held.drain())
        data = packet(sequence, [message(n) for n in range(sequence, sequence + count)])
        outs[0].extend(plain.offer(which, data, now_ns=i)[1])
        before = len(outs[1])
        outs[1].extend(held.offer(which, data, now_ns=i)[1])
        assert len(outs[1]) == before or not start <= i < start + length
    held.hold(False)
    outs[1].extend(held.drain())
    assert outs[0] == outs[1]
    ours, theirs = plain.counts(), held.counts()
    assert {n: ours[n] for n in ("taken", "recovered", "overflow")} == {
        n: theirs[n] for n in ("taken", "recovered", "overflow")
    }
    assert plain.missing(0) == held.missing(0)
