"""Files into a store: killed at any step and run again, the store is the same to the byte."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from feed_records import NS, START, ListFeed, drain, trade

from tectra.core.errors import FileFormatError, InputError, StoppedError
from tectra.core.stop import clear_stop, request_stop
from tectra.feed.itch import ItchFeed
from tectra.feed.selection import Selection
from tectra.feed.tick_import import content_digest, import_file
from tectra.feed.tick_store import TickStore
from tectra.feed.tick_writer import StoreOptions, TickStoreWriter

pytestmark = pytest.mark.timeout(60)  # child processes

COMMIT = 6000

# Dies without a word the n-th time that a step was, or is about to be, done.
CHILD = """
import os, signal, sys
from pathlib import Path
from tectra.feed import tick_manifest, tick_part, tick_writer
from tectra.feed.itch import ItchFeed
from tectra.feed.tick_import import import_file
from tectra.feed.tick_writer import StoreOptions, TickStoreWriter

day, store, partition, step, when, count, commit = sys.argv[1:]
owner, name = {
    "part": (tick_part.PartBuilder, "write"),
    "sync": (tick_writer, "sync_directory"),
    "manifest": (tick_manifest.Manifest, "save"),
}[step]
plain, seen = getattr(owner, name), 0

def dying(*args, **more):
    global seen
    seen += 1
    if seen == int(count) and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    out = plain(*args, **more)
    if seen == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return out

setattr(owner, name, dying)
options = StoreOptions(partition=partition)
with TickStoreWriter(Path(store), options, commit_records=int(commit)) as writer:
    import_file(writer, Path(day), ItchFeed)
"""


def tree(path: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in path.rglob("*")
        if p.is_file() and p.name != "store.lock"
    }


def take(day: Path, store: Path, partition: str) -> None:
    options = StoreOptions(partition=partition)
    with TickStoreWriter(store, options, commit_records=COMMIT) as writer:
        import_file(writer, day, ItchFeed)


@pytest.fixture(scope="module")
def whole(small_day: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The store of a run that nobody interrupted, by partition."""
    out = {}
    for partition in ("date", "symbol"):
        path = tmp_path_factory.mktemp("whole") / "s"
        take(small_day, path, partition)
        out[partition] = tree(path)
    return out


@pytest.mark.parametrize(
    ("partition", "step", "when", "count"),
    [
        pytest.param("date", "part", "before", 1, marks=pytest.mark.slow),
        ("date", "part", "after", 1),
        pytest.param("date", "part", "after", 3, marks=pytest.mark.slow),
        ("date", "sync", "before", 5),
        ("date", "manifest", "before", 1),
        ("date", "manifest", "before", 3),
        pytest.param("date", "manifest", "after", 2, marks=pytest.mark.slow),
        ("symbol", "part", "after", 4),
        pytest.param("symbol", "sync", "before", 3, marks=pytest.mark.slow),
        ("symbol", "manifest", "before", 2),
    ],
)
def test_killed_and_run_again_it_is_the_same_store(
    small_day: Path, tmp_path: Path, fresh_env: dict[str, str], whole: dict[str, dict[str, bytes]],
    partition: str, step: str, when: str, count: int,
) -> None:  # fmt: skip
    store = tmp_path / "s"
    words = (small_day, store, partition, step, when, count, COMMIT)
    command = [sys.executable, "-P", "-c", CHILD, *map(str, words)]
    child = subprocess.run(command, env=fresh_env)
    assert child.returncode == -signal.SIGKILL
    if (store / "store.json").exists():
        assert not TickStore(store).verify()
        records = TickStore(store).size.records
        assert records % COMMIT == 0
    take(small_day, store, partition)
    assert tree(store) == whole[partition]
    take(small_day, store, partition)
    assert tree(store) == whole[partition]


def test_a_stop_keeps_what_was_committed(
    small_day: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    store = tmp_path / "s"

    def stop(_done: int, _total: int) -> None:
        if writer.source.records == 2 * COMMIT:
            request_stop()

    with TickStoreWriter(store, commit_records=COMMIT) as writer:
        try:
            with pytest.raises(StoppedError, match="run the same command again"):
                import_file(writer, small_day, ItchFeed, step=stop)
        finally:
            clear_stop()
    assert TickStore(store).size.records == 2 * COMMIT
    with TickStoreWriter(store, commit_records=COMMIT) as writer:
        done = import_file(writer, small_day, ItchFeed)
    assert done.resumed == 2 * COMMIT and tree(store) == whole["date"]


def test_a_file_that_shrank_is_not_taken_for_the_same(tmp_path: Path) -> None:
    """The digest is of the content: nothing is resumed into another file."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    one = content_digest([path])
    path.write_bytes(b"y")
    assert content_digest([path]) != one
    with pytest.raises(InputError, match="no such file"):
        content_digest([tmp_path / "none"])


def test_out_of_order_is_refused_or_sorted(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    records = [trade(START + t * NS, t) for t in (0, 3, 1, 4)]
    with TickStoreWriter(tmp_path / "s") as writer:
        with pytest.raises(FileFormatError, match="record 2"):
            import_file(writer, path, lambda _: ListFeed(records))
        done = import_file(writer, path, lambda _: ListFeed(records), sort_window_ns=5 * NS)
    assert done.out_of_order == 1
    assert drain(TickStore(tmp_path / "s").feed()) == b"".join([records[i] for i in (0, 2, 1, 3)])


def test_a_selection_is_part_of_what_was_taken(small_day: Path, tmp_path: Path) -> None:
    only = Selection(symbols=("MSFT",))
    with TickStoreWriter(tmp_path / "s") as writer:
        first = import_file(writer, small_day, ItchFeed, only)
        again = import_file(writer, small_day, ItchFeed, only)
        with pytest.raises(InputError, match="another selection"):
            import_file(writer, small_day, ItchFeed)
    assert again.skipped and again.records == first.records
    assert TickStore(tmp_path / "s").feed().instruments == {1: "MSFT"}
