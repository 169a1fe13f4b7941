"""What every test has at hand: profiles, recorded data, no network, names for shared memory, leak
counts.
"""

import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path

import gate
import pytest
from hypothesis import HealthCheck, Verbosity, settings

ROOT = Path(__file__).resolve().parents[1]
SHM = Path("/dev/shm")
# 239.255.x.x: groups of a site; tests send to them on the loopback card, with a ttl of 0.
LOCAL_HOSTS = ("127.", "::1", "localhost", "::ffff:127.", "0.0.0.0", "::", "239.255.")

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "debug", max_examples=10, deadline=None, verbosity=Verbosity.verbose, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the checkout. The package under test may be installed elsewhere."""
    return ROOT


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Directory of recorded market data."""
    where = os.environ.get("TECTRA_TEST_DATA")
    if not where:
        pytest.skip("TECTRA_TEST_DATA does not name a directory of recorded market data")
    path = Path(where).resolve()
    if not path.is_dir():
        pytest.skip(f"TECTRA_TEST_DATA={where} is not a directory")
    return path


@pytest.fixture(scope="session")
def make_day(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Makes synthetic ITCH days of two symbols and about so many messages, each once; the same
    bytes every time.
    """
    from tectra.feed.synthetic import generate_day

    @cache
    def make(messages: int) -> Path:
        path = tmp_path_factory.mktemp("day") / "01052026.NASDAQ_ITCH50.gz"
        generate_day(path, seed=7, symbols=("AAPL", "MSFT"), messages=messages)
        return path

    return make


@pytest.fixture(scope="session")
def small_day(make_day: Callable[[int], Path]) -> Path:
    """A day of about 20,000 messages."""
    return make_day(20_000)


class NetworkGuard:
    """Refuses sockets that leave this machine. An audit hook cannot be taken off, so it has a
    switch.
    """

    def __init__(self) -> None:
        self.armed = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        if not self.armed or not event.startswith("socket."):
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = args[1]
        elif event == "socket.getaddrinfo":
            address = (args[0],)
        else:
            return
        if not isinstance(address, tuple) or not address:
            return  # a path: AF_UNIX
        host = address[0].decode() if isinstance(address[0], bytes) else address[0]
        if host and not str(host).startswith(LOCAL_HOSTS):
            raise PermissionError(
                f"a test tried to reach {host}: tests stay on this machine; "
                "use a fake venue on 127.0.0.1, or mark the test `network`"
            )


_GUARD = NetworkGuard()


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test but those marked `network` fails when it reaches for another machine."""
    _GUARD.armed = request.node.get_closest_marker("network") is None
    yield
    _GUARD.armed = False


@pytest.fixture(autouse=True)
def no_stop() -> Iterator[None]:
    """A stop that one test asked for ends no other."""
    yield
    if "tectra.core.stop" in sys.modules:
        sys.modules["tectra.core.stop"].clear_stop()


@pytest.fixture
def shm_name(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Makes names for shared memory that carry the test's id; what they name is unlinked at the
    end.
    """
    base = re.sub(r"[^A-Za-z0-9]+", "_", request.node.nodeid)[-96:]
    prefix = f"tectra_test_{os.getpid()}_{base}"

    def make(suffix: str = "") -> str:
        return f"{prefix}_{suffix}" if suffix else prefix

    yield make
    if SHM.is_dir():
        for left in SHM.glob(f"{prefix}*"):
            left.unlink(missing_ok=True)


@pytest.fixture
def retained_blocks() -> Callable[..., float]:
    """`retained_blocks(run, events=n)`: memory blocks that a run of n events keeps, per 1,000."""
    return gate.retained_blocks


@pytest.fixture(scope="session")
def fresh_env() -> dict[str, str]:
    """Environment for a child process that shall import the same tectra as this one."""
    import tectra

    parent = str(Path(tectra.__file__).resolve().parents[1])
    env = dict(os.environ)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [parent, env.get("PYTHONPATH", "")]))
    # Else `python -c` looks in the working directory first, where a checkout may lie unbuilt.
    env["PYTHONSAFEPATH"] = "1"
    return env


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was captured goes to another process when tests run side by side: as UTF-8, lone
    surrogates of hostile texts escaped.
    """
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report
