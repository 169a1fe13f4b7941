"""SoupBinTCP streams for both sides, damaged and cut at random: what they mean is told whole, the
same however they were cut, and nothing but an event comes out.
"""

from tectra.core.rng import Random
from tectra.core.secret import Secret
from tectra.protocol.soup import LoginRequest, build_accepted, build_login, build_packet
from tectra.protocol.soup_session import LoginAsked, Lost, Sequenced, SoupClient, SoupServer


def noise(rng: Random, size: int) -> bytes:
    return bytes(rng.integers(0, 256) for _ in range(size))


def stream(rng: Random, *, server: bool) -> bytes:
    """What the other side might send, mostly."""
    request = LoginRequest("user", Secret("secret"), "", rng.integers(0, 9))
    out = bytearray(build_login(request) if server else build_accepted("ABC", 1))
    for _ in range(rng.integers(0, 15)):
        kind = rng.choice("UUUUR+O" if server else "SSSSH+Z")
        out += build_packet(kind, noise(rng, rng.integers(0, 30)) if kind in "US+" else b"")
    for _ in range(rng.integers(0, 4)):
        out[rng.integers(0, len(out))] = rng.choice((0, 1, 65, 83, rng.integers(0, 256)))
    return bytes(out)


def told(data: bytes, cuts: list[int], *, server: bool) -> tuple[list[object], str]:
    """Events and final state, for bytes in pieces."""
    side: SoupServer | SoupClient
    if server:
        side = SoupServer(0)
    else:
        side = SoupClient("user", Secret("secret"))
        side.connect(0)
    events: list[object] = []
    at = 0
    for cut in [*cuts, len(data)]:
        got = side.receive_bytes(data[at:cut], 1)
        events += got
        at = cut
    side.on_time(2)
    side.bytes_to_send()
    return events, side.state.value


def run(seed: int, count: int) -> None:
    """`count` streams."""
    rng = Random(seed)
    for i in range(count):
        server = i % 2 == 1
        data = stream(rng, server=server)
        whole = told(data, [], server=server)
        cuts = sorted(rng.integers(0, len(data) + 1) for _ in range(rng.integers(0, 10)))
        assert told(data, cuts, server=server) == whole, f"{cuts}: {data.hex()}"
        lost = [e for e in whole[0] if isinstance(e, Lost)]
        assert len(lost) <= 1 and (not lost or whole[0][-1] is lost[0]), data.hex()
        numbers = [e.sequence for e in whole[0] if isinstance(e, Sequenced)]
        assert numbers == list(range(1, len(numbers) + 1)), data.hex()
        assert sum(isinstance(e, LoginAsked) for e in whole[0]) <= 1, data.hex()
