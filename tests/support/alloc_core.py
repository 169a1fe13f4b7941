"""What allocates below and behind market data, as scenes for alloc_faults.py: shared pages and
rings, memory, the kernel's rings, journals, tables of orders and risk, the engine.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from alloc_scene import Scene
from book_records import add
from engine_scene import Engine, Quiet
from journal_records import stream

from tectra.core.bcast import BroadcastRing
from tectra.core.counters import Counters
from tectra.core.errlog import ErrorLog
from tectra.core.errors import JournalError, StateError, SystemCallError
from tectra.core.hist import Histogram
from tectra.core.kill import KillWord
from tectra.core.memory import MemoryBlock, page_fault_ns
from tectra.core.mpmc import MpmcRing
from tectra.core.ring import SpscRing
from tectra.core.uring import UringReceiver, uring_support
from tectra.engine.image import load_state, save_state
from tectra.journal import JournalReader, JournalWriter, verify
from tectra.net import UdpOptions, UdpReceiver
from tectra.oms.orders import OrderTable
from tectra.portfolio.position import Portfolio
from tectra.risk.chain import RiskChain
from tectra.strategy.sample.maker import Maker

__all__ = ["SCENES"]

_PAGES = {
    "ring": (SpscRing, (64,)),
    "queue": (MpmcRing, (64,)),
    "broadcast": (BroadcastRing, (64,)),
    "counters": (Counters, (64,)),
    "error log": (ErrorLog, (64,)),
    "kill word": (KillWord, ()),
}
_FREE: dict[str, Any] = {"errors": (MemoryError, SystemCallError)}


def _shared_names() -> list[str]:
    return sorted(p.name for p in Path("/dev/shm").glob(f"tt_alloc_{os.getpid()}*"))


def _page_scenes() -> list[Scene]:
    """Each page made for this process, made shared, and attached."""
    out = []
    for what, (kind, sizes) in _PAGES.items():
        name = f"tt_alloc_{os.getpid()}_{kind.__name__}"

        def private(_: Any, kind: Any = kind, sizes: Any = sizes) -> str:
            kind.private(*sizes).close()
            return "made"

        def create(_: Any, kind: Any = kind, sizes: Any = sizes, name: str = name) -> str:
            kind.create(name, *sizes).close()
            return "made"

        def owner(kind: Any = kind, sizes: Any = sizes, name: str = name) -> Any:
            return kind.create(name, *sizes)

        def attach(_: Any, kind: Any = kind, name: str = name) -> str:
            kind.attach(name).close()
            return "attached"

        def names(_: Any) -> list[str]:
            return _shared_names()

        out += [
            Scene(f"{what} private", lambda: None, private),
            Scene(f"{what} shared", lambda: None, create, names, **_FREE),
            Scene(f"{what} attached", owner, attach, names, lambda page: page.close(), **_FREE),
        ]
    return out


# ---- the kernel's rings, sockets, memory ----


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def _uring(made: socket.socket) -> str:
    UringReceiver(made, slots=4).close()
    return "made"


def _udp(_: Any) -> str:
    UdpReceiver(UdpOptions(host="127.0.0.1", port=0)).close()
    return "made"


def _block(size: int, _: Any) -> int:
    return sum(memoryview(MemoryBlock(size))[::4096])


# ---- journals ----

RECORDS = stream(160, seed=33)


def _journal_place() -> Any:
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    path = Path(tempfile.mkdtemp(prefix="tectra_test_alloc_", dir=root))
    return SimpleNamespace(path=path, runs=0, opened=False, appended=0)


def _journal(mode: str, made: Any) -> int:
    """A journal of several segments; one that was opened is not the place for another."""
    if made.opened:
        made.runs += 1
        made.opened, made.appended = False, 0
    kill = KillWord.private()
    writer = JournalWriter(
        made.path / f"j{made.runs}", session={"mode": mode}, segment_slots=40, durability=mode,
        reserve_bytes=1, kill=kill,
    )  # fmt: skip
    made.opened = True
    try:
        for number, record in enumerate(RECORDS, 1):
            writer.append(record)
            made.appended = number
            if number % 16 == 0:
                writer.commit()
    finally:
        writer.close()
    return int(made.appended)


def _journal_state(made: Any) -> str:
    """ "": nothing is there, or a journal with everything that was appended, and it is sound."""
    path = made.path / f"j{made.runs}"
    if not made.opened:
        return "".join(p.name for p in made.path.iterdir() if p == path)
    got = [bytes(view) for _, view in JournalReader(path).records()]
    if got != RECORDS[: len(got)] or len(got) < made.appended:
        return f"{len(got)} of {made.appended} records"
    report = verify(path)
    return "" if report.ok else "; ".join(report.lines())


def _journal_drop(made: Any) -> None:
    shutil.rmtree(made.path)


# ---- the engine ----


class _Talker(Quiet):
    """Says a lot, so that what is captured needs room."""

    def on_start(self, ctx):
        self.n = 0

    def on_book_update(self, ctx, book):
        self.n += 1
        ctx.signal("seen", float(self.n))


def _engine(**options: Any) -> Engine:
    return Engine(_Talker(), symbols=("AAPL", "MSFT"), **options)


_INPUTS = [
    add(ref, 1 + ref % 2, 1_000_000 + (ref % 900) * (1 if ref % 2 == 0 else -1) * 100, 5,
        ts_event_ns=10_000 + ref, ts_recv_ns=10_000 + ref, instrument_id=1 + ref % 2)
    for ref in range(1, 9_000)
]  # fmt: skip


def _stepped() -> Any:
    return SimpleNamespace(engine=_engine(), at=0, torn=False)


def _step(made: Any) -> str:
    """Step what is left. A pipeline that failed in the middle of a step refuses what comes behind;
    its records are stepped by a new one, as a replay does.
    """
    if made.torn:
        made.engine, made.at, made.torn = _engine(), 0, False
    pipeline = made.engine.pipeline
    try:
        while made.at < len(_INPUTS):
            pipeline.step_record(_INPUTS[made.at])
            made.at += 1
    except MemoryError:
        made.torn = _refuses(pipeline, _INPUTS[made.at])
        raise
    return _said(pipeline)


def _refuses(pipeline: Any, record: bytes) -> bool:
    before = pipeline.ring_seq
    try:
        pipeline.step_record(record)
    except StateError as error:
        return "not stepped to its end" in str(error) and pipeline.ring_seq == before
    except MemoryError:  # nothing of it was taken, and a fault that stays hits it again
        return False
    return False


def _said(pipeline: Any) -> str:
    summary = pipeline.summary
    return f"{summary.input_digest} {summary.output_digest} {pipeline.ring_seq}"


def _engine_state(made: Any) -> bool:
    """Is the pipeline where the inputs taken so far leave it?"""
    if made.torn:
        return True
    plain = _engine().pipeline
    for record in _INPUTS[: made.at]:
        plain.step_record(record)
    return save_state(plain) == save_state(made.engine.pipeline)


def _built(_: Any) -> int:
    return int(_engine().pipeline.ring_seq)


def _image() -> bytes:
    engine = _engine()
    for record in _INPUTS[:6_000]:
        engine.pipeline.step_record(record)
    return bytes(save_state(engine.pipeline))


IMAGE = _image()


def _load(_: Any) -> bool:
    other = Engine(_Talker(), symbols=("AAPL", "MSFT"), limits=None, start=False)
    load_state(other.pipeline, IMAGE)
    return bool(save_state(other.pipeline) == IMAGE)


def _maker() -> Any:
    maker = Maker()
    maker.load_state(bytes(64))
    return maker


def _maker_load(maker: Any) -> bytes:
    maker.load_state(bytes(range(128)))
    return bytes(maker.save_state())


def _journal_scene(mode: str) -> Scene:
    return Scene(
        f"journal {mode}", _journal_place, partial(_journal, mode), _journal_state, _journal_drop,
        absorbs="Mf", errors=(MemoryError, JournalError),
    )  # fmt: skip


def _scenes() -> list[Scene]:
    made: Callable[[], None] = lambda: None  # noqa: E731
    out = [
        *_page_scenes(),
        Scene("histogram", made, lambda _: Histogram().count),
        Scene("memory block", made, partial(_block, 10_000), absorbs="M"),
        Scene("large memory block", made, partial(_block, 5 << 20), absorbs="M"),
        Scene("page faults", made, lambda _: page_fault_ns(4) > 0),
        Scene("UDP receiver", made, _udp),
        Scene("risk chain", made, lambda _: len(RiskChain([1, 2], 3).instrument_ids)),
        Scene("order table", made, lambda _: len(OrderTable(64, 2))),
        Scene("portfolio", made, lambda _: Portfolio([1, 2], 3).slots),
        Scene("engine", made, _built),
        Scene("engine steps", _stepped, _step, _engine_state),
        Scene("engine image", made, _load),
        Scene("maker", _maker, _maker_load, lambda maker: maker.save_state()),
        *[_journal_scene(mode) for mode in ("page-cache", "group-commit", "sync")],
    ]
    if uring_support().usable:
        out.append(
            Scene("io_uring", _socket, _uring, close=lambda s: s.close(),
                  errors=(MemoryError, StateError))
        )  # fmt: skip
    return out


SCENES = _scenes()
