"""Lines of one stream: who is first, who is dead, what is a gap, and when a session ends."""

import pytest
from line_scene import MS, SESSION, beat, end, packet

from tectra.core.errors import FileFormatError, InputError
from tectra.feed.arbiter import REPLY, Arbiter, ArbiterSettings, PacketKind
from tectra.feed.sequence import SequenceState

OTHER = b"0000000002"


def body(first: int, count: int = 1) -> list[bytes]:
    return [b"%d" % n for n in range(first, first + count)]


def made(**settings) -> Arbiter:
    return Arbiter(ArbiterSettings(**{"lines": 2, "window": 64, **settings}))


def test_the_first_line_is_handed_on_and_the_second_is_a_duplicate():
    lines = made()
    assert lines.offer(0, packet(1, body(1, 3)), now_ns=0) == (PacketKind.NEW, body(1, 3), 1)
    assert lines.offer(1, packet(1, body(1, 3)), now_ns=MS) == (PacketKind.OLD, [], 4)
    assert (lines.line(0).first, lines.line(1).first, lines.line(1).duplicates) == (3, 0, 1)


def test_a_number_of_one_line_is_waited_for_while_the_other_may_bring_it():
    lines = made()
    lines.offer(0, packet(1, body(1)), now_ns=0)
    assert lines.offer(0, packet(3, body(3)), now_ns=MS)[0] is PacketKind.AHEAD
    assert lines.missing(MS) == (2, 2)
    assert lines.gap(MS) is None
    assert lines.offer(1, packet(1, body(1, 3)), now_ns=2 * MS)[1] == body(2, 2)
    assert lines.counts()["gaps"] == 1
    assert lines.counts()["recovered"] == 1
    assert lines.line(0).lost == 1


def test_a_gap_is_declared_when_both_lines_have_passed_it():
    lines = made()
    lines.offer(0, packet(3, body(3)), now_ns=0)
    assert lines.gap(0) is None
    lines.offer(1, packet(2, body(2)), now_ns=MS)
    assert lines.gap(MS) == (1, 1)
    assert lines.lose(1) == 1
    assert lines.drain() == body(2, 2)


def test_a_line_that_lags_beyond_hold_is_not_waited_for():
    lines = made(hold_ns=50 * MS)
    lines.offer(0, packet(3, body(3)), now_ns=0)
    assert lines.gap(49 * MS) is None
    assert lines.gap(50 * MS) == (1, 2)


def test_a_dead_line_is_not_waited_for():
    lines = made(hold_ns=10_000 * MS, dead_ns=200 * MS)
    lines.offer(0, packet(1, body(1)), now_ns=300 * MS)
    assert not lines.is_live(1, 300 * MS)
    lines.offer(0, packet(3, body(3)), now_ns=301 * MS)
    assert lines.gap(301 * MS) == (2, 2)


def test_packets_out_of_order_within_settle_are_no_gap():
    lines = made(lines=1, settle_ns=5 * MS)
    lines.offer(0, packet(1, body(1)), now_ns=100 * MS)
    lines.offer(0, packet(3, body(3)), now_ns=101 * MS)
    assert lines.gap(101 * MS) is None
    assert lines.offer(0, packet(2, body(2)), now_ns=103 * MS)[1] == body(2, 2)
    assert lines.line(0).late == 1


def test_a_heartbeat_shows_what_lacks_at_the_tail():
    lines = made(lines=1)
    lines.offer(0, packet(1, body(1)), now_ns=0)
    assert lines.offer(0, beat(2), now_ns=MS)[0] is PacketKind.BEAT
    assert lines.missing(MS) is None
    lines.offer(0, beat(5), now_ns=2 * MS)
    assert lines.gap(2 * MS) == (2, 4)
    assert lines.offer(0, beat(1), now_ns=3 * MS)[0] is PacketKind.OLD


def test_an_answer_never_counts_as_a_line():
    lines = made(lines=1)
    lines.offer(0, packet(5, body(5)), now_ns=0)
    lines.offer(REPLY, packet(1, body(1, 2)), now_ns=MS)
    assert lines.gap(MS) == (3, 4)
    assert lines.line(0).latest == 5
    assert lines.offer(REPLY, packet(3, body(3, 2)), now_ns=MS)[1] == body(3, 3)
    assert lines.offer(REPLY, packet(1, body(1), OTHER), now_ns=MS)[0] is PacketKind.STRAY


def test_the_window_refuses_what_lies_beyond_it_and_counts():
    lines = made(lines=1, window=8, message_bytes=8)
    lines.offer(0, packet(3, body(3, 9)), now_ns=0)
    assert lines.held == 6
    lines.offer(0, packet(2, [b"longer than eight"]), now_ns=0)
    assert lines.counts()["overflow"] == 4
    lines.lose(2)
    assert lines.drain() == body(3, 6)
    assert lines.missing(0) is None  # what was refused may be offered again
    lines.offer(0, beat(12), now_ns=0)
    assert lines.missing(0) == (9, 11)


def test_a_session_ends_and_another_begins():
    lines = made()
    lines.offer(0, packet(1, body(1)), now_ns=0)
    lines.offer(0, end(3), now_ns=0)
    assert not lines.ended
    lines.offer(1, packet(1, body(1, 2)), now_ns=0)
    assert lines.ended
    assert lines.state is SequenceState.ENDED
    assert lines.offer(0, packet(1, body(1), OTHER), now_ns=0)[0] is PacketKind.SESSION
    assert lines.session == SESSION
    lines.start_session(OTHER)
    assert lines.offer(0, packet(1, body(1), OTHER), now_ns=0)[1] == body(1)
    assert lines.offer(1, packet(2, body(2)), now_ns=0)[0] is PacketKind.STRAY
    assert (lines.line(1).stray, lines.counts()["sessions"], lines.expected) == (1, 1, 2)


def test_what_is_held_of_an_old_session_never_comes_out_in_the_new_one():
    lines = made(lines=1)
    lines.offer(0, packet(2, body(2)), now_ns=0)
    lines.start_session(OTHER)
    assert lines.offer(0, packet(1, [b"new"], OTHER), now_ns=0)[1] == [b"new"]
    assert lines.drain() == []


def test_the_first_packet_may_decide_where_a_stream_starts():
    lines = Arbiter(ArbiterSettings(), start=0)
    assert lines.offer(0, packet(77, body(77)), now_ns=0)[1] == body(77)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": 0},
        {"lines": 5},
        {"window": 3},
        {"window": 1 << 25},
        {"window": -1},
        {"message_bytes": 65_536},
        {"hold_ns": -1},
        {"dead_ns": 0},
    ],
)
def test_settings_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match="allowed"):
        made(**wrong)


@pytest.mark.parametrize("data", [b"", SESSION, packet(1, body(1))[:-1], packet(1, body(1)) + b"x"])
def test_a_datagram_that_is_no_packet_changes_nothing(data):
    lines = made()
    with pytest.raises(FileFormatError, match="MoldUDP64"):
        lines.offer(0, data, now_ns=0)
    assert (lines.line(0).packets, lines.expected) == (0, 1)


def test_wrong_calls_are_refused():
    lines = made()
    with pytest.raises(InputError, match="line 2"):
        lines.offer(2, packet(1, body(1)), now_ns=0)
    with pytest.raises(InputError, match="line 3"):
        lines.line(3)
    with pytest.raises(InputError, match="missing"):
        lines.lose(1)
    with pytest.raises(InputError, match="session"):
        lines.start_session(b"short")
