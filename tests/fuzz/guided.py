"""Coverage-guided fuzzing of the Python decoders: each gives a value or raises TectraError, soon
and in bounded memory, and where the plain readings of the other fuzzers know the answer, that one.

A fault behind four nested bytes must be found by guidance before the decoders are looked at.
"""

import gzip
import importlib.util
import pkgutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import guide
import nested_fault
import venue_messages as messages
import venue_plain
import venue_seeds
import venue_wire
from feed_samples import FILES

from tectra.core.rng import Random

HERE = Path(__file__).resolve().parent


def sibling(name: str) -> Any:
    """Another fuzzer, by its path: some have the name of a module elsewhere."""
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz_importers, fuzz_pcap, soup, venue_json, venue_market = map(
    sibling, ("importers", "pcap", "soup", "venue_json", "venue_market")
)
# By name: packages export functions that have the name of their module.
BINANCE, BYBIT, BINANCE_MARKET, BYBIT_MARKET, KRAKEN, OKX, COINBASE, COINBASE_FULL = (
    importlib.import_module(f"tectra.venue.{name}")
    for name in (
        *("binance.decode", "bybit.decode", "binance.market", "bybit.market"),
        *("kraken.decode", "okx.decode", "coinbase.decode", "coinbase.full"),
    )
)
CAPTURE, SAID, JSON = (
    importlib.import_module(f"tectra.{name}")
    for name in ("feed.capture", "feed.said", "core.json_object")
)
WIRE = tuple(
    importlib.import_module(f"tectra.protocol.{name}")
    for name in ("frame", "pcap", "soup", "soup_session")
)
CANARY_SEED, CANARY_COUNT = 7, 60_000
CANARY = guide.Target("canary", nested_fault.parse, (b"a canary",), (nested_fault,))


def file_target(
    name: str,
    read: Callable[[Path], object],
    seeds: tuple[bytes, ...],
    folder: Path,
    *,
    modules: Any,
) -> guide.Target:
    """A reader of files: every input is written to the same one."""
    path = folder / name

    def run(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return guide.Target(name, run, seeds, modules)


def read_soup(data: bytes) -> None:
    """Whole, and cut where its first bytes say: the same events."""
    cuts = sorted(b % max(1, len(data)) for b in data[:6])
    for server in (False, True):
        whole = soup.told(data, [], server=server)
        assert soup.told(data, cuts, server=server) == whole, (server, cuts)


def read_binance(raw: bytes) -> None:
    table = messages.BINANCE_TABLE
    found = BINANCE_MARKET.BinanceDecoder(table).decode(raw, venue_market.RECV)
    venue_market.judge(found, lambda: venue_plain.binance_plain(raw, table, venue_market.RECV), raw)


def read_bybit(raw: bytes) -> None:
    table = messages.BYBIT_TABLE
    found = BYBIT_MARKET.BybitDecoder(table).decode(raw, venue_market.RECV)
    venue_market.judge(
        found, lambda: venue_plain.bybit_plain(raw, table, venue_market.RECV, {}), raw
    )


def wire_seeds(*kinds: type[venue_wire.Wire]) -> tuple[bytes, ...]:
    """A snapshot and updates of a venue that writes."""
    out = []
    for kind in kinds:
        wire = kind(Random(1))
        out += [wire.snapshot(), wire.update(), wire.update()]
    return tuple(out)


def venues() -> list[guide.Target]:
    """Every decoder of venue messages; Binance and Bybit beside a plain reading."""
    shared = (JSON,)
    depth = [messages.raw(venue_json.binance(Random(i))) for i in range(6)]
    book = [messages.raw(venue_json.bybit(Random(i))) for i in range(4)]
    plain: list[tuple[str, Callable[[bytes], object], tuple[bytes, ...], Any]] = [
        (
            "binance depth",
            lambda raw: venue_json.judge(raw, BINANCE.decode_depth, venue_json.check_binance),
            tuple(depth),
            BINANCE,
        ),
        (
            "bybit book",
            lambda raw: venue_json.judge(raw, BYBIT.decode_book, venue_json.check_bybit),
            tuple(book),
            BYBIT,
        ),
        (
            "binance market",
            read_binance,
            tuple(map(messages.raw, messages.BINANCE.values())),
            BINANCE_MARKET,
        ),
        (
            "bybit market",
            read_bybit,
            tuple(map(messages.raw, messages.BYBIT.values())),
            BYBIT_MARKET,
        ),
    ]
    other: list[tuple[str, Any, tuple[Any, ...], tuple[bytes, ...]]] = [
        (
            "kraken",
            KRAKEN,
            venue_seeds.KRAKEN,
            wire_seeds(venue_wire.KrakenV1Wire, venue_wire.KrakenV2Wire),
        ),
        ("okx", OKX, venue_seeds.OKX, (b"pong", *wire_seeds(venue_wire.OkxWire))),
        (
            "coinbase",
            COINBASE,
            venue_seeds.COINBASE,
            wire_seeds(venue_wire.CoinbaseWire),
        ),
    ]
    out = [guide.Target(name, run, seeds, (*shared, module)) for name, run, seeds, module in plain]
    for name, module, texts, books in other:
        watched = (*shared, module, SAID)
        if name == "coinbase":
            watched = (*watched, COINBASE_FULL)
        seeds = (*map(messages.raw, texts), *books)
        out.append(guide.Target(name, module.decode, seeds, watched))
    return out


def sessions(folder: Path) -> list[guide.Target]:
    """SoupBinTCP of both sides, and the two readers of capture files."""
    rng = Random(5)
    streams = tuple(soup.stream(rng, server=i % 2 == 1) for i in range(8))
    files = tuple(fuzz_pcap.file(rng)[0] for _ in range(8))
    raw = (
        b'1723161255030314667 {"e":"trade","t":5}\n2019-06-01T00:00:28.6Z {"a":1}\n[1,"x"]\n',
        b'{"t":"recv","conn":"X.ws.1","ts":1618678132.831468,"data":"{\\"e\\":1}"}\n{"t":"send"}\n',
        b'{"t":"http","url":"https://x/y","ts":1,"data":{"a":1}}\n{"t":"connect","ts":1}\n7 pong\n',
    )
    packed = tuple(gzip.compress(one, 1) for one in raw)
    return [
        guide.Target(
            "soup",
            read_soup,
            streams,
            WIRE[2:],
        ),
        file_target(
            "pcap",
            fuzz_pcap.told,
            (*files, gzip.compress(files[0], 1)),
            folder,
            modules=WIRE[:2],
        ),
        file_target("capture", read_capture, (*raw, *packed), folder, modules=(CAPTURE,)),
    ]


def read_capture(path: Path) -> None:
    """Every line, whose message is a part of the file when that is plain text."""
    with CAPTURE.CaptureReader(path) as reader:
        for line in reader:
            assert not (line.fault and line.data), line
            assert 0 <= line.ts_ns < 1 << 63, line


def importers(folder: Path) -> list[guide.Target]:
    """Every importer, on the file that its exporter writes; inside its compression where gzip."""
    watched = importer_modules()
    out = []
    for i, (name, make) in enumerate(FILES.items()):
        home = folder / str(i)
        home.mkdir()
        path = make(home)[0]
        for victim in sorted(p for p in path.rglob("*")) if path.is_dir() else [path]:
            data = victim.read_bytes()
            if len(data) > guide.BYTES_MAX * 16:
                continue
            packed = data[:2] == b"\x1f\x8b"
            target = importer_target(name, path, victim, data, packed=packed)
            seeds = (gzip.decompress(data),) if packed else (data,)
            label = f"{name}: {victim.name}" if path.is_dir() else name
            out.append(guide.Target(label, target, seeds, watched))
    return out


def importer_target(
    name: str, path: Path, victim: Path, whole: bytes, *, packed: bool
) -> Callable[[bytes], None]:
    """Read a file with these bytes in it, strict and not; trades must stand in its text."""

    def run(data: bytes) -> None:
        raw = gzip.compress(data, 1) if packed else data
        victim.write_bytes(raw)
        try:
            fuzz_importers.attempt(name, path, raw)
        finally:
            victim.write_bytes(whole)

    return run


def importer_modules() -> tuple[Any, ...]:
    """The modules of all importers."""
    package = importlib.import_module("tectra.feed.importer")
    names = [m.name for m in pkgutil.iter_modules(package.__path__)]
    return tuple(importlib.import_module(f"{package.__name__}.{name}") for name in names)


def targets(folder: Path) -> list[tuple[guide.Target, int]]:
    """Everything that is fuzzed here, and of how many inputs it gets one: files are slow."""
    fast = [*venues(), *sessions(folder)]
    return [(one, 1) for one in fast] + [(one, 10) for one in importers(folder)]


def find_canary() -> None:
    """Guidance finds the planted fault, and chance does not."""
    guide.campaign(CANARY, CANARY_SEED, CANARY_COUNT // 20, blind=True)
    found = ""
    try:
        guide.campaign(CANARY, CANARY_SEED, CANARY_COUNT)
    except AssertionError as error:
        found = str(error)
    assert "ZeroDivisionError" in found, "the planted fault went unseen: guidance does not guide"


def run(seed: int, count: int) -> None:
    """`count` inputs of every decoder, a tenth as many files of every importer."""
    find_canary()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for target, share in targets(Path(folder)):
            try:
                print(guide.campaign(target, seed, max(count // share, 2)))
            except AssertionError as error:
                found.append(str(error))
    assert not found, "\n".join(found)
