"""SoupBinTCP sessions: every state with every packet, heartbeats, dead links, coming back."""

import pytest

from tectra.core.errors import InputError, StateError
from tectra.core.secret import Secret
from tectra.protocol.soup import LoginRequest, build_accepted, build_login, build_packet
from tectra.protocol.soup_session import (
    Accepted,
    Debug,
    Ended,
    LoggedOut,
    LoginAsked,
    Lost,
    Rejected,
    Sequenced,
    SoupClient,
    SoupServer,
    SoupState,
    Unsequenced,
)

S = 1_000_000_000
IDLE, LOGIN, ASKED, OPEN, ENDED, CLOSED = SoupState
REQUEST = LoginRequest("user", Secret("secret"), "", 1)
BYTES = {
    "+": build_packet("+", b"text"),
    "A": build_accepted("ABC", 1),
    "J": build_packet("J", b"A"),
    "S": build_packet("S", b"m"),
    "H": build_packet("H"),
    "Z": build_packet("Z"),
    "L": build_login(REQUEST),
    "U": build_packet("U", b"m"),
    "R": build_packet("R"),
    "O": build_packet("O"),
    "unknown": b"\0\1?",
    "empty": b"\0\0",
}


def client(state: SoupState = OPEN) -> SoupClient:
    made = SoupClient("user", Secret("secret"))
    if state is IDLE:
        return made
    made.connect(0)
    made.bytes_to_send()
    steps = {LOGIN: "", OPEN: "A", ENDED: "AZ", CLOSED: "J"}[state]
    for step in steps:
        made.receive_bytes(BYTES[step], 0)
    assert made.state is state
    return made


def server(state: SoupState = OPEN) -> SoupServer:
    made = SoupServer(0)
    if state is not LOGIN:
        made.receive_bytes(BYTES["L"], 0)
    if state in (OPEN, ENDED):
        made.accept("ABC", 1, 0)
    if state is ENDED:
        made.end(0)
    if state is CLOSED:
        made.reject("A", 0)
    made.bytes_to_send()
    assert made.state is state
    return made


ANY = {"+": ([Debug(b"text")], None)}
CLIENT = {
    IDLE: {},
    LOGIN: ANY
    | {"H": ([], None), "A": ([Accepted("ABC", 1)], OPEN), "J": ([Rejected("A")], CLOSED)},
    OPEN: ANY | {"H": ([], None), "S": ([Sequenced(1, b"m")], None), "Z": ([Ended(1)], ENDED)},
    ENDED: ANY | {"H": ([], None)},
    CLOSED: {},
}
SERVER = {
    LOGIN: ANY | {"R": ([], None), "L": ([LoginAsked(REQUEST)], ASKED)},
    ASKED: ANY | {"R": ([], None), "O": ([LoggedOut()], CLOSED)},
    OPEN: ANY | {"R": ([], None), "U": ([Unsequenced(b"m")], None), "O": ([LoggedOut()], CLOSED)},
    ENDED: ANY | {"R": ([], None), "U": ([], None), "O": ([LoggedOut()], CLOSED)},
    CLOSED: {},
}
CASES = [
    (side, state, name, table[state].get(name))
    for side, table in ((client, CLIENT), (server, SERVER))
    for state in table
    for name in BYTES
]


@pytest.mark.parametrize(
    ("side", "state", "name", "want"),
    CASES,
    ids=[f"{side.__name__}-{state.value}-{name}" for side, state, name, _ in CASES],
)
def test_every_state_with_every_packet(side, state, name, want):
    session = side(state)
    got = session.receive_bytes(BYTES[name], S)
    if state in (IDLE, CLOSED):
        assert (got, session.state, session.dropped) == ([], state, len(BYTES[name]))
    elif want is None:
        assert [type(e) for e in got] == [Lost]
        assert session.state is CLOSED
    else:
        assert got == want[0]
        assert session.state is (want[1] or state)


@pytest.mark.parametrize("state", [s for s in SoupState if s is not ASKED])
def test_client_calls_in_every_state(state):
    for name, allowed, call in (
        ("connect", {IDLE, CLOSED}, lambda c: c.connect(0)),
        ("send", {OPEN}, lambda c: c.send(b"m", 0)),
        ("logout", {OPEN, ENDED}, lambda c: c.logout(0)),
        ("debug", {LOGIN, OPEN}, lambda c: c.send_debug(b"m", 0)),
    ):
        made = client(state)
        if state in allowed:
            call(made)
            assert made.bytes_to_send(), name
        else:
            with pytest.raises(StateError, match="allowed"):
                call(made)
            assert (made.state, made.bytes_to_send()) == (state, b""), name


@pytest.mark.parametrize("state", [s for s in SoupState if s is not IDLE])
def test_server_calls_in_every_state(state):
    for name, allowed, call in (
        ("accept", {ASKED}, lambda s: s.accept("ABC", 1, 0)),
        ("reject", {ASKED}, lambda s: s.reject("S", 0)),
        ("send", {OPEN}, lambda s: s.send(b"m", 0)),
        ("end", {OPEN}, lambda s: s.end(0)),
        ("debug", {LOGIN, ASKED, OPEN}, lambda s: s.send_debug(b"m", 0)),
    ):
        made = server(state)
        if state in allowed:
            call(made)
            assert made.bytes_to_send(), name
        else:
            with pytest.raises(StateError, match="allowed"):
                call(made)
            assert (made.state, made.bytes_to_send()) == (state, b""), name


@pytest.mark.parametrize(
    ("side", "state"), [(client, OPEN), (client, ENDED), (server, ASKED), (server, OPEN),
                        (server, ENDED)]
)  # fmt: skip
def test_heartbeat_after_a_second_of_silence(side, state):
    session = side(state)
    beat = BYTES["R" if side is client else "H"]
    assert session.on_time(S - 1) == [] and session.bytes_to_send() == b""
    assert session.on_time(S) == [] and session.bytes_to_send() == beat
    session.on_time(2 * S - 1)
    assert session.bytes_to_send() == b""
    session.on_time(2 * S)
    assert session.bytes_to_send() == beat


def test_what_is_sent_puts_the_heartbeat_off():
    session = client()
    session.send(b"m", S - 1)
    session.bytes_to_send()
    session.on_time(2 * S - 2)
    assert session.bytes_to_send() == b""
    session.on_time(2 * S - 1)
    assert session.bytes_to_send() == BYTES["R"]


@pytest.mark.parametrize("state", [LOGIN, OPEN, ENDED])
@pytest.mark.parametrize("side", [client, server])
def test_dead_after_15_seconds_of_silence(side, state):
    session = side(state)
    # Half a packet is a sign of life, too.
    session.receive_bytes(b"\0", 5 * S)
    assert session.on_time(20 * S - 1) == []
    assert session.on_time(20 * S) == [Lost("nothing came for 15 s")]
    assert session.state is CLOSED
    assert session.on_time(99 * S) == []


@pytest.mark.parametrize("state", [IDLE, CLOSED])
def test_time_means_nothing_without_a_link(state):
    session = client(state)
    assert session.on_time(99 * S) == [] and session.bytes_to_send() == b""
    assert session.receive_eof() == []


def test_connection_ends():
    session = client()
    session.receive_bytes(b"\0\5S", 0)
    assert session.receive_eof() == [
        Lost("the connection ended inside a packet, 3 bytes of it are here")
    ]
    assert client(LOGIN).receive_eof() == [Lost("the connection ended")]
    over = client(ENDED)
    assert over.receive_eof() == [] and over.state is CLOSED


def test_numbers_are_implicit_and_survive_a_reconnect():
    session = client()
    got = session.receive_bytes(BYTES["S"] * 3 + BYTES["S"][:2], S)
    assert [e.sequence for e in got] == [1, 2, 3]
    session.receive_eof()
    session.connect(2 * S)
    assert session.bytes_to_send() == build_login(LoginRequest("user", Secret("secret"), "ABC", 4))
    # The half packet of the old link is forgotten.
    got = session.receive_bytes(build_accepted("ABC", 4) + BYTES["S"], 2 * S)
    assert got == [Accepted("ABC", 4), Sequenced(4, b"m")]


@pytest.mark.parametrize(
    ("session", "sequence", "words"),
    [("XYZ", 4, "'XYZ' accepted, 'ABC'"), ("ABC", 5, "from number 5 on, 4"), ("ABC", 0, "0 on")],
)
def test_another_session_or_number_than_asked_for_is_a_gap(session, sequence, words):
    made = SoupClient("user", Secret("secret"), session="ABC", sequence=4)
    made.connect(0)
    (lost,) = made.receive_bytes(build_accepted(session, sequence), 0)
    assert isinstance(lost, Lost) and words in lost.reason
    assert made.next_sequence == 4


def test_from_the_newest_on():
    made = SoupClient("user", Secret("secret"), sequence=0)
    made.connect(0)
    assert made.receive_bytes(build_accepted("ABC", 99) + BYTES["S"], 0) == [
        Accepted("ABC", 99),
        Sequenced(99, b"m"),
    ]


def test_logout_ends_it():
    session = client()
    session.logout(0)
    assert session.bytes_to_send() == BYTES["O"]
    assert session.receive_bytes(BYTES["S"], 0) == []


def test_nothing_counts_behind_a_breach():
    session = client()
    got = session.receive_bytes(BYTES["S"] + BYTES["A"] + BYTES["S"] * 2, 0)
    assert [type(e) for e in got] == [Sequenced, Lost]
    assert session.dropped == 2 * len(BYTES["S"])


def test_login_that_is_damaged():
    session = server(LOGIN)
    (lost,) = session.receive_bytes(build_packet("L", b"\xff" * 26 + b"1".rjust(20)), 0)
    assert isinstance(lost, Lost) and "ASCII" in lost.reason


def test_server_numbers_and_refusals():
    session = server(ASKED)
    with pytest.raises(InputError, match="1 or more"):
        session.accept("ABC", 0, 0)
    with pytest.raises(InputError, match="reason"):
        session.reject("B", 0)
    session.accept("ABC", 7, 0)
    assert [session.send(b"m", 0), session.send(b"m", 0)] == [7, 8]
    assert session.bytes_to_send() == build_accepted("ABC", 7) + 2 * BYTES["S"]


def test_the_password_shows_nowhere():
    assert "secret" not in repr(client())
    with pytest.raises(InputError) as caught:
        SoupClient("user", Secret("secretsecret"))
    assert "secret" not in str(caught.value)


def test_both_sides_talk():
    here, there = client(IDLE), SoupServer(0)
    here.connect(0)
    (asked,) = there.receive_bytes(here.bytes_to_send(), 0)
    assert asked == LoginAsked(REQUEST)
    there.accept("ABC", 1, 0)
    there.send(b"one", 0)
    there.end(0)
    got = here.receive_bytes(there.bytes_to_send(), 0)
    assert got == [Accepted("ABC", 1), Sequenced(1, b"one"), Ended(2)]
    here.logout(0)
    assert there.receive_bytes(here.bytes_to_send(), 0) == [LoggedOut()]
