"""A line is in exactly one file, whole and in order, whatever rotates, moves or fills up."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tectra.core.errors import ConfigError
from tectra.core.log_file import RotatingFile

DAY_NS = 86_400 * 10**9


def parts(path: Path) -> list[Path]:
    """Oldest first."""
    older = sorted(path.parent.glob(f"{path.name}.*"), key=lambda p: -int(p.suffix[1:]))
    return [*older, path]


def text_of(path: Path) -> str:
    return "".join(part.read_text() for part in parts(path))


def rotating(
    path: Path, bytes_max: int = 4096, keep: int = 9, *, daily: bool = True
) -> RotatingFile:
    return RotatingFile(path, bytes_max=bytes_max, keep=keep, daily=daily)


def test_many_lines_by_size(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "t.log"
    file = rotating(path, 10_000, 1_000)
    want = [f"{i} {'x' * (i % 97)}\n" for i in range(8_000)]
    assert all(file.write(line.encode(), 1) for line in want)
    file.sync()
    file.close()
    file.close()
    assert text_of(path) == "".join(want)
    assert file.rotations == len(parts(path)) - 1 > 20
    assert all(part.stat().st_size <= 10_000 for part in parts(path))
    assert all(part.read_text().endswith("\n") for part in parts(path))


def test_by_day_and_count(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    file = rotating(path, keep=2)
    for day in range(10, 15):
        for part_of_day in (0, DAY_NS - 1):
            file.write(f"{day}\n".encode(), day * DAY_NS + part_of_day)
    file.write(b"late, of the day before\n", 13 * DAY_NS)
    file.close()
    assert [part.name for part in parts(path)] == ["t.log.2", "t.log.1", "t.log"]
    assert [part.read_text() for part in parts(path)] == [
        "12\n12\n", "13\n13\n", "14\n14\nlate, of the day before\n",
    ]  # fmt: skip


def test_the_day_of_a_file_found_there_counts(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    path.write_text("old\n")
    os.utime(path, ns=(5 * DAY_NS, 5 * DAY_NS))
    file = rotating(path)
    file.write(b"new\n", 6 * DAY_NS)
    file.close()
    assert [part.read_text() for part in parts(path)] == ["old\n", "new\n"]


def test_not_daily(tmp_path: Path) -> None:
    file = rotating(tmp_path / "t.log", daily=False)
    for day in range(5):
        file.write(b"x\n", day * DAY_NS)
    file.close()
    assert file.rotations == 0


def test_what_others_left_beside_it_stays(tmp_path: Path) -> None:
    """Fewer parts than before drop the oldest; names that are not of the rotation are no part."""
    path = tmp_path / "t[1].log"
    others = ["t[1].log.gz", "t[1].log.1.gz", "t[1].log.01", "t[1].log.x", "t1.log.1"]
    for name in (*others, "t[1].log.1", "t[1].log.2", "t[1].log.7", "t[1].log"):
        (tmp_path / name).write_text(f"{name}\n")
    file = rotating(path, keep=2)
    file.write(b"x" * 5000, 0)
    file.write(b"y", 0)
    file.close()
    left = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert left.pop("t[1].log") == "y" and left.pop("t[1].log.1") == "x" * 5000
    assert left.pop("t[1].log.2") == "t[1].log\n"
    assert left == {name: f"{name}\n" for name in others}


def test_keep_none(tmp_path: Path) -> None:
    file = rotating(tmp_path / "t.log", keep=0)
    for day in range(3):
        file.write(f"{day}\n".encode(), day * DAY_NS)
    file.close()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["2\n"]


def test_a_line_longer_than_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    file = rotating(path)
    want = [b"a\n", b"b" * 9000 + b"\n", b"c\n"]
    assert all(file.write(line, 1) for line in want)
    file.close()
    assert [part.read_bytes() for part in parts(path)] == want


def test_an_outside_tool_moves_or_empties_the_file(tmp_path: Path) -> None:
    """What logrotate does, with `create` and with `copytruncate`."""
    path = tmp_path / "t.log"
    file = rotating(path)
    file.write(b"1\n", 1)
    path.rename(tmp_path / "moved")
    file.write(b"2\n", 1)
    assert (tmp_path / "moved").read_bytes() == b"1\n" and path.read_bytes() == b"2\n"
    os.truncate(path, 0)
    file.write(b"3\n", 1)
    assert path.read_bytes() == b"3\n"
    file.close()


def test_one_writer_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    first = rotating(path)
    with pytest.raises(ConfigError, match="another process writes it"):
        rotating(path)
    first.close()
    rotating(path).close()


@pytest.mark.parametrize("kind", ["directory", "link", "fifo", "under a file"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.log"
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    else:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "t.log"
    with pytest.raises(ConfigError, match=r"log file .*allowed"):
        rotating(path)
    if kind == "fifo":
        os.close(reader)


def test_where_names_cannot_be_changed_lines_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.log"
    file = rotating(path)

    def refuse(*_: object) -> Path:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "replace", refuse)
    want = [f"{i:04d}\n".encode() * 100 for i in range(30)]
    assert all(file.write(line, 1) for line in want)
    file.close()
    assert path.read_bytes() == b"".join(want)


FULL = """
import logging, resource, sys
from pathlib import Path
from tectra.core.log import LogConfig, init_logging
path, limit, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
log = init_logging(LogConfig(file=path, file_keep=10_000))
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for i in range(count // 2):
    logging.getLogger("tectra.test").info("line %d %s", i, "x" * (i % 83))
log.flush(10)
if not limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
for i in range(count // 2, count):
    logging.getLogger("tectra.test").info("line %d %s", i, "x" * (i % 83))
log.flush(10)
if not limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    logging.getLogger("tectra.test").info("space again")
dropped = log.dropped
log.close()
print(dropped)
"""


def child(path: Path, env: dict[str, str], limit: int, count: int) -> tuple[int, str]:
    """(lines it says it lost, what it said on stderr); the limit on file sizes is the child's."""
    command = [sys.executable, "-c", FULL, str(path), str(limit), str(count)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout), done.stderr


@pytest.mark.e2e
@pytest.mark.timeout(90)
def test_a_limit_that_cuts_lines_short_loses_none(
    tmp_path: Path, fresh_env: dict[str, str]
) -> None:
    """The write that meets the limit is cut inside a line: taken back, and whole in the next."""
    path = tmp_path / "t.log"
    assert child(path, fresh_env, 20_011, 3_000) == (0, "")
    assert len(parts(path)) > 10
    said = [json.loads(line)["message"].split()[1] for line in text_of(path).splitlines()]
    assert said == [str(i) for i in range(3_000)]
    assert all(part.stat().st_size <= 20_011 for part in parts(path))


@pytest.mark.e2e
@pytest.mark.timeout(90)
def test_a_full_disk_is_counted_and_said(tmp_path: Path, fresh_env: dict[str, str]) -> None:
    path = tmp_path / "t.log"
    dropped, complaint = child(path, fresh_env, 0, 200)
    assert dropped == 100 and complaint.count("takes no more lines") == 1
    said = [json.loads(line) for line in text_of(path).splitlines()]
    assert len(said) == 102 and said[-1]["message"] == "space again"
    assert said[-2]["fields"] == {"dropped": 100, "dropped_total": 100}
