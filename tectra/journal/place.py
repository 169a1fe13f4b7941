"""Where a journal may lie: directories that are made for it, and go again where nothing came of it,
and what its file system can promise. Any thread.
"""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from tectra.core.errors import JournalError
from tectra.core.lock_file import lock_directory
from tectra.core.part_file import sync_directory
from tectra.journal.mapped import file_system_type

__all__ = [
    "FileSystem",
    "check_place",
    "dangling",
    "fresh_directory",
    "held_alone",
    "held_in_place",
    "judge_file_system",
    "make_directories",
    "remove_made",
]

_LOG = logging.getLogger("tectra.journal")
_MOUNTS = Path("/proc/self/mountinfo")

# f_type of statfs(2): linux/magic.h, and the file systems' own headers.
_NETWORK = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB2",
    0x00C36400: "Ceph",
    0x5346414F: "AFS",
    0x6B414653: "AFS",
    0x73757245: "Coda",
    0x564C: "NCP",
    0x0BD00BD0: "Lustre",
    0x47504653: "GPFS",
    0x19830326: "BeeGFS",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
}
_MEMORY = {0x01021994: "tmpfs", 0x858458F6: "ramfs"}
_FUSE = 0x65735546
_P9 = (
    0x01021997  # the root of some sandboxes and virtual machines: their host's disk, not a network
)
# Of FUSE the program behind it decides; mountinfo names it.
_NETWORK_PROGRAMS = frozenset(
    f"fuse.{name}"
    for name in (
        "afp", "blobfuse", "blobfuse2", "ceph", "ceph-fuse", "curlftpfs", "davfs", "gcsfuse",
        "glusterfs", "goofys", "grpcfuse", "gvfsd-fuse", "hdfs", "juicefs", "mount-s3",
        "osxfs", "prl_fsd", "rclone", "s3fs", "sshfs", "vmhgfs-fuse",
    )
)  # fmt: skip


class FileSystem(NamedTuple):
    """A file system and what it is for a journal. `disk`: made for. `memory`: gone with the power.
    `doubtful`: a program decides what a sync is worth. `network`: no place for mapped files.
    """

    name: str
    kind: Literal["disk", "memory", "doubtful", "network"]


def judge_file_system(f_type: int, mounted: str = "") -> FileSystem:
    """Judge a file system by the f_type of statfs(2) and, for FUSE, by the type in mountinfo."""
    f_type &= 0xFFFFFFFF  # a long there: some are negative on 32-bit kernels
    if f_type in _NETWORK:
        return FileSystem(_NETWORK[f_type], "network")
    if f_type in _MEMORY:
        return FileSystem(_MEMORY[f_type], "memory")
    if f_type == _FUSE and mounted != "fuseblk":  # that one has a disk of its own
        network = mounted in _NETWORK_PROGRAMS
        return FileSystem(mounted or "fuse", "network" if network else "doubtful")
    if f_type == _P9:
        return FileSystem("9p", "doubtful")
    return FileSystem(mounted or f"{f_type:#x}", "disk")


def _mounted(path: Path) -> str:
    """The type that mountinfo gives the file system of a path, "" where it does not say."""
    with suppress(OSError, ValueError, IndexError):
        device = path.stat().st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        for line in _MOUNTS.read_text().splitlines():
            fields, _, kind = line.partition(" - ")
            if fields.split()[2] == wanted:
                return kind.split()[0]
    return ""


def _nearest(path: Path) -> Path:
    """What is there of a path; what cannot be looked at is told by whoever makes it."""
    for place in (path, *path.parents):
        with suppress(OSError):  # a name too long, or below what this user may not look into
            if place.exists():
                return place
    return Path(path.anchor)


def check_place(directory: Path, durability: str) -> None:
    """Refuse a network file system for a mapped journal; warn where the mode promises more than the
    place keeps. Looks at the nearest directory that is there. Raises JournalError.
    """
    place = _nearest(directory.absolute())
    found = judge_file_system(file_system_type(place), _mounted(place))
    if found.kind == "network":
        raise JournalError(
            f"{directory} lies on a network file system ({found.name}), where mapped files lose "
            "records and a lock does not hold; give a directory of a local disk, and copy the "
            "journal when it is closed"
        )
    if durability == "page-cache":
        return
    if found.kind == "memory":
        _LOG.warning(
            "%s lies in memory (%s): the end of the machine takes all of it, whatever the mode %s "
            "says; give a directory of a disk",
            directory, found.name, durability,
        )  # fmt: skip
    elif found.kind == "doubtful":
        _LOG.warning(
            "%s lies on %s: what a sync of the mode %s is worth there is up to that program; give "
            "a directory of a disk",
            directory, found.name, durability,
        )  # fmt: skip


def dangling(path: Path) -> str:
    """Where a link leads that leads nowhere; "" for anything else."""
    with suppress(OSError):
        return str(path.readlink()) if path.is_symlink() and not path.exists() else ""
    return ""


def make_directories(directory: Path) -> list[Path]:
    """Make a directory and what is missing above it; those that were made here, the lowest last,
    their names durable. OSError, FileExistsError where something else has the name; then nothing is
    left.
    """
    missing: list[Path] = []
    place = directory
    while not os.path.lexists(place) and place != place.parent:
        missing.append(place)
        place = place.parent
    made: list[Path] = []
    try:
        for path in reversed(missing):
            try:
                path.mkdir()
            except FileExistsError:  # another one made it at this moment
                if not path.is_dir():
                    raise
            else:
                made.append(path)
                sync_directory(path.parent)
        if not directory.is_dir():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory))
    except BaseException:
        remove_made(made)
        raise
    return made


def remove_made(made: list[Path]) -> None:
    """Remove directories that make_directories made, where they are empty."""
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir()


@contextmanager
def fresh_directory(directory: Path) -> Iterator[Path]:
    """A directory that is made for what is in the `with`; where that fails and nothing was written,
    it is gone again with all that was made above it. OSError.
    """
    made = make_directories(directory)
    try:
        yield directory
    except BaseException:
        remove_made(made)
        raise


@contextmanager
def held_in_place(directory: Path) -> Iterator[None]:
    """Hold a journal's directory while files in it are changed: nobody exchanges or removes it
    meanwhile; others who change files may be at work. Raises JournalError.
    """
    with _held(directory, "is being repaired or removed", shared=True):
        yield


@contextmanager
def held_alone(directory: Path) -> Iterator[None]:
    """Hold a journal's directory while another is put in its place, or it is removed. Raises
    JournalError while files in it are changed.
    """
    with _held(directory, "is being compacted, unpacked, signed or repaired", shared=False):
        yield


@contextmanager
def _held(directory: Path, busy: str, *, shared: bool) -> Iterator[None]:
    try:
        fd = lock_directory(directory, shared=shared)
    except (FileNotFoundError, NotADirectoryError):  # no journal: the caller says so
        yield
        return
    except OSError as error:
        raise JournalError(
            f"{directory} cannot be held: {error.strerror or error}; give a journal's directory "
            "that can be read, on a local disk"
        ) from error
    if fd is None:
        raise JournalError(f"{directory} {busy} by another process; wait for it to end")
    try:
        yield
    finally:
        os.close(fd)
