"""What a strategy could ask the machine that no replay can repeat: by name, why, and what to use
instead. Both the look at a source and the guard of a replay go by this table.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["SOURCES", "Source", "is_now", "needs_arguments", "source_of"]


@dataclass(frozen=True)
class Source:
    """One kind of answer that differs from run to run."""

    name: str
    why: str
    instead: str


_CTX_TIME = "ctx.now_ns, the time of the record being handled"
_CTX_RANDOM = "ctx.random, whose seed is that of the run"
_OUTSIDE = "a parameter, or records of a feed: what comes in that way is in the journal"

SOURCES: dict[str, Source] = {
    s.name: s
    for s in (
        Source("clock", "the wall clock says something else in every run", _CTX_TIME),
        Source(
            "stopwatch",
            "how long the machine took differs from run to run",
            f"{_CTX_TIME}, or ctx.set_timer",
        ),
        Source("date", "today is another day when the run is replayed", _CTX_TIME),
        Source(
            "time zone",
            "the time zone of the host decides",
            "a zone that you name: datetime.fromtimestamp(seconds, UTC)",
        ),
        Source("random", "an unseeded generator, or one the whole process shares", _CTX_RANDOM),
        Source(
            "numpy random", "an unseeded generator, or one the whole process shares", _CTX_RANDOM
        ),
        Source("uuid", "it is made from the clock, the host or entropy", "ids of ctx.submit_order"),
        Source("entropy", "the system's entropy never says the same twice", _CTX_RANDOM),
        Source(
            "set order",
            "the order of a set follows from PYTHONHASHSEED or from addresses",
            "sorted(...), or a dict or list, which keep the order of insertion",
        ),
        Source(
            "hash",
            "hashes of text follow from PYTHONHASHSEED",
            "zlib.crc32 or hashlib, or the value itself as a key",
        ),
        Source("id", "addresses differ from run to run", "a number that you count up yourself"),
        Source(
            "thread",
            "when a thread runs is up to the machine",
            "the callback itself, or ctx.set_timer",
        ),
        Source("process", "another process answers when and what it likes", _OUTSIDE),
        Source("asyncio", "when a task runs is up to the machine", "ctx.set_timer"),
        Source("network", "a peer answers when and what it likes", _OUTSIDE),
        Source("environment", "the host and its environment differ", _OUTSIDE),
        Source("file", "a file may have changed when the run is replayed", _OUTSIDE),
        Source(
            "memory",
            "when memory is collected is up to the interpreter",
            "plain references, dropped where you decide it",
        ),
        Source(
            "shared state",
            "it outlives the run: the next run in this process begins with what this one left",
            "an attribute that on_start makes",
        ),
    )
}

_NAMES: dict[str, str] = {
    "clock": (
        "time.time time.time_ns time.clock_gettime time.clock_gettime_ns time.localtime "
        "time.gmtime time.ctime time.strftime"
    ),
    "stopwatch": (
        "time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns "
        "time.process_time time.process_time_ns time.thread_time time.thread_time_ns "
        "timeit.default_timer os.times"
    ),
    "date": (
        "datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today "
        "datetime.date.today pandas.Timestamp.now pandas.Timestamp.utcnow pandas.Timestamp.today "
        "numpy.datetime64 pandas.Timestamp pandas.to_datetime pandas.DatetimeIndex"
    ),
    "time zone": (
        "datetime.datetime.fromtimestamp datetime.date.fromtimestamp time.mktime time.tzname "
        "time.timezone time.altzone"
    ),
    "uuid": "uuid.uuid1 uuid.uuid4 uuid.getnode",
    "entropy": "os.urandom os.getrandom random.SystemRandom",
    "hash": "builtins.hash",
    "id": "builtins.id",
    "thread": (
        "threading.Thread threading.Timer threading.get_ident threading.get_native_id "
        "threading.active_count threading.enumerate _thread.start_new_thread _thread.get_ident"
    ),
    "process": (
        "os.system os.popen os.fork os.forkpty os.posix_spawn os.posix_spawnp os.execv os.execve "
        "os.spawnv os.spawnl os.kill os.wait os.waitpid"
    ),
    "environment": (
        "os.environ os.environb os.getenv os.getpid os.getppid os.getcwd os.cpu_count os.uname "
        "os.getlogin os.getloadavg os.sched_getaffinity sys.argv builtins.input getpass.getuser "
        "resource.getrusage"
    ),
    "file": (
        "builtins.open io.open os.open os.listdir os.scandir os.walk os.stat os.path.exists "
        "os.path.getmtime os.path.getsize os.path.isfile os.path.isdir glob.glob glob.iglob "
        "numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.memmap sqlite3.connect "
        "pandas.read_csv pandas.read_parquet pandas.read_json pandas.read_pickle "
        "polars.read_csv polars.read_parquet polars.scan_csv polars.scan_parquet"
    ),
    "memory": (
        "gc.collect gc.get_count gc.get_objects gc.get_stats gc.callbacks gc.get_referrers "
        "weakref.finalize sys.getrefcount"
    ),
}
_BY_NAME = {name: kind for kind, names in _NAMES.items() for name in names.split()}
# Everything below these modules.
_BY_MODULE = {
    "random": "random",
    "numpy.random": "numpy random",
    "secrets": "entropy",
    "concurrent.futures": "thread",
    "multiprocessing": "process",
    "subprocess": "process",
    "asyncio": "asyncio",
    "socket": "network",
    "ssl": "network",
    "urllib.request": "network",
    "urllib3": "network",
    "http.client": "network",
    "requests": "network",
    "httpx": "network",
    "aiohttp": "network",
    "websockets": "network",
    "platform": "environment",
    "tempfile": "file",
}
# Arguments that make a call repeatable: a seed, or the time that is to be broken down.
_NEEDED = {
    "time.gmtime": 1,
    "time.ctime": 1,
    "time.strftime": 2,
    "datetime.datetime.fromtimestamp": 2,
    "random.Random": 1,
    **{
        f"numpy.random.{name}": 1
        for name in ("default_rng", "RandomState", "SeedSequence", "MT19937", "PCG64", "PCG64DXSM")
    },
    "numpy.random.Philox": 1,
    "numpy.random.SFC64": 1,
    "numpy.random.Generator": 1,
}
# What asks the clock only when the time that it is given is one of these words.
_NOW = {"now", "today"}
_BY_WORD = {"numpy.datetime64", "pandas.Timestamp", "pandas.to_datetime", "pandas.DatetimeIndex"}
_FINE = {
    "socket.inet_aton", "socket.inet_ntoa", "socket.htons", "socket.ntohs", "socket.htonl",
    "socket.ntohl", "secrets.compare_digest", "numpy.random.BitGenerator",
}  # fmt: skip


def needs_arguments(dotted: str) -> int:
    """How many arguments make a call of this name repeatable; 0 when none do."""
    return _NEEDED.get(dotted, 0)


def is_now(dotted: str, texts: Iterable[object]) -> bool | None:
    """Whether a call with these constants asks for the time; None for a name of which they say
    nothing.
    """
    return None if dotted not in _BY_WORD else not _NOW.isdisjoint(texts)


def source_of(dotted: str) -> Source | None:
    """What a full name (`time.time`, `builtins.open`) asks for; None when it asks nothing."""
    kind = _BY_NAME.get(dotted)
    if kind is None and dotted not in _FINE:
        head = dotted
        while kind is None and "." in head:
            head = head.rpartition(".")[0]
            kind = _BY_MODULE.get(head) or (_BY_NAME.get(head) if head == "os.environ" else None)
    return None if kind is None else SOURCES[kind]
