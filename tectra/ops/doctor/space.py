"""Questions about memory and disk: what is there, what it costs, what was left over."""

from pathlib import Path

from tectra.ops.doctor.item import Item, Machine, Question, size_text

__all__ = ["CHECKS"]

GB = 1 << 30
_THP = Question(
    "transparent large pages",
    "a large book in 4 kB pages misses the address cache on almost every access; with `always` the "
    "kernel stops threads to merge pages that never asked for it",
)
_HUGETLB = Question(
    "hugetlb pages", "pages set aside at boot are there when asked for, and never split or moved"
)
_MEMLOCK = Question(
    "memlock limit", "memory that is not locked may be swapped out and costs milliseconds to touch"
)
_SWAP = Question("swap", "a trading process that is swapped out answers seconds late")
_FAULT = Question(
    "cost of a page fault", "memory that is touched first on the hot path pays it there"
)
_SHM = Question("/dev/shm", "rings, counters and the kill word between processes live there")
_LEFT = Question(
    "segments of dead owners",
    "they hold memory, and a process that attaches one talks to nobody",
)
_DISK = Question(
    "journal directory",
    "a full or slow disk stops new orders, and one in memory loses the journal with the power",
)
_CAP_IPC_LOCK = 14
_VOLATILE = ("tmpfs", "ramfs", "devtmpfs")
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "overlay")


def _thp(m: Machine) -> Item:
    path = "sys/kernel/mm/transparent_hugepage/enabled"
    text = m.text(path)
    if text is None:
        return _THP.unreadable(f"/{path}")
    chosen = text.partition("[")[2].partition("]")[0] or text
    if chosen == "madvise":
        return _THP.ok("for those who ask (madvise)")
    return _THP.warn(chosen, f"echo madvise > /{path}")


def _hugetlb(m: Machine) -> Item:
    count = m.number("proc/sys/vm/nr_hugepages")
    if count is None:
        return _HUGETLB.unreadable("/proc/sys/vm/nr_hugepages")
    if count:
        return _HUGETLB.ok(f"{count} set aside")
    return _HUGETLB.warn("none set aside", "sysctl vm.nr_hugepages=512 for 1 GB in pages of 2 MB")


def _memlock(m: Machine) -> Item:
    limit = m.limit("Max locked memory")
    if limit is None:
        return _MEMLOCK.unreadable("/proc/self/limits")
    if limit < 0 or limit >= GB:
        return _MEMLOCK.ok("unlimited" if limit < 0 else size_text(limit))
    if m.may(_CAP_IPC_LOCK):
        return _MEMLOCK.ok(f"{size_text(limit)}, and CAP_IPC_LOCK lifts it")
    return _MEMLOCK.warn(
        size_text(limit),
        "raise memlock in /etc/security/limits.d, or LimitMEMLOCK=infinity of the service",
    )


def _swap(m: Machine) -> Item:
    text = m.text("proc/swaps")
    if text is None:
        return _SWAP.unreadable("/proc/swaps")
    areas = [line.split()[0] for line in text.splitlines()[1:] if line.strip()]
    if not areas:
        return _SWAP.ok("none")
    return _SWAP.warn(", ".join(areas), "swapoff -a, or vm.swappiness = 0 and locked memory")


def _fault(m: Machine) -> Item:
    if m.page_fault_ns is None:
        return _FAULT.unreadable("mmap")
    found = f"{m.page_fault_ns:,} ns for 4 kB"
    if m.page_fault_ns <= 2_000:
        return _FAULT.ok(found)
    return _FAULT.warn(found, "large pages and faulting in beforehand; a virtual machine pays more")


def _shm(m: Machine) -> Item:
    if m.shm_total is None or m.shm_free is None:
        return _SHM.unreadable("/dev/shm")
    found = f"{size_text(m.shm_free)} free of {size_text(m.shm_total)}"
    if m.shm_free >= GB:
        return _SHM.ok(found)
    return _SHM.warn(found, "mount -o remount,size=4G /dev/shm (docker: --shm-size=4g)")


def _left(m: Machine) -> Item:
    if m.segments is None:
        return _LEFT.unreadable("/dev/shm")
    dead = [s for s in m.segments if not s.owner_alive]
    if not dead:
        return _LEFT.ok(f"none of {len(m.segments)}")
    names = ", ".join(f"{s.name} ({s.kind}, {size_text(s.bytes)})" for s in dead[:5])
    more = f" and {len(dead) - 5} more" if len(dead) > 5 else ""
    call = f"python -c \"from tectra.core.shm import reclaim; reclaim('{dead[0].name}')\""
    return _LEFT.warn(names + more, f"for each: {call}")


def _mount_of(m: Machine) -> tuple[str, str] | None:
    """Mount point and type of the file system that holds the journal directory."""
    best: tuple[str, str] | None = None
    for line in (m.text("proc/mounts") or "").splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1]
        inside = m.journal == Path(point) or Path(point) in m.journal.parents
        if inside and (best is None or len(point) >= len(best[0])):
            best = point, fields[2]
    return best


def _disk(m: Machine) -> Item:
    mount = _mount_of(m)
    if mount is None or m.journal_free is None:
        return _DISK.unreadable(f"{m.journal}")
    kind = mount[1]
    found = f"{m.journal}: {kind} on {mount[0]}, {size_text(m.journal_free)} free"
    if kind in _VOLATILE:
        return _DISK.warn(found, "choose a directory on a local disk")
    if kind in _REMOTE:
        return _DISK.warn(found, "choose a directory on a local disk (ext4 or xfs)")
    if m.journal_free < 10 * GB:
        return _DISK.warn(found, "free 10 GB, or choose another disk")
    return _DISK.ok(found)


CHECKS = (_thp, _hugetlb, _memlock, _swap, _fault, _shm, _left, _disk)
"""One function a question, in the order in which they are asked."""
