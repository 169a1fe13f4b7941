"""Made-up machines for the doctor and the tuning script: files under a root, and figures."""

from pathlib import Path

from tectra.core.shm import Segment
from tectra.ops.doctor import Machine
from tectra.ops.doctor.item import ClockSync

__all__ = ["POOR", "TUNED", "bare", "poor", "tuned", "write"]

CPU = "sys/devices/system/cpu"
CLOCK = "sys/devices/system/clocksource/clocksource0"
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max open files            {files}               524288               files
Max locked memory         {lock}            unlimited            bytes
Max realtime priority     {fifo}                   99
"""

TUNED = {
    f"{CPU}/isolated": "2-3",
    f"{CPU}/smt/control": "off",
    f"{CPU}/cpu2/cpufreq/scaling_governor": "performance",
    f"{CPU}/cpu3/cpufreq/scaling_governor": "performance",
    f"{CPU}/cpu2/topology/thread_siblings_list": "2",
    f"{CPU}/cpu3/topology/thread_siblings_list": "3",
    f"{CLOCK}/current_clocksource": "tsc",
    f"{CLOCK}/available_clocksource": "tsc hpet acpi_pm",
    "sys/devices/system/node/online": "0-1",
    "sys/devices/system/node/node0/cpulist": "0-3",
    "sys/devices/system/node/node1/cpulist": "4-7",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/class/dmi/id/sys_vendor": "Maker",
    "proc/cmdline": "quiet isolcpus=2,3 nohz_full=2,3 rcu_nocbs=2,3",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc",
    "proc/self/limits": LIMITS.format(files=65536, lock="unlimited", fifo=50),
    "proc/self/status": "Name:\ttectra\nCapEff:\t0000000000000000",
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority",
    "proc/mounts": "/dev/nvme0n1p1 / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n"
    "/dev/nvme1n1 /data xfs rw 0 0",
    "proc/sys/vm/nr_hugepages": "512",
    "proc/sys/net/core/busy_read": "50",
    "proc/sys/net/core/busy_poll": "50",
    "proc/sys/net/core/rmem_max": "16777216",
    "proc/sys/net/core/wmem_max": "4194304",
    "proc/sys/net/ipv4/tcp_fastopen": "3",
    "run/chrony/chronyd.pid": "1",
}
POOR = TUNED | {
    f"{CPU}/isolated": "",
    f"{CPU}/smt/control": "on",
    f"{CPU}/cpu2/cpufreq/scaling_governor": "powersave",
    f"{CPU}/cpu3/cpufreq/scaling_governor": "performance",
    f"{CPU}/cpu2/topology/thread_siblings_list": "2,6",
    f"{CPU}/cpu3/topology/thread_siblings_list": "3,7",
    f"{CLOCK}/current_clocksource": "hpet",
    "sys/devices/system/node/node0/cpulist": "0-2",
    "sys/devices/system/node/node1/cpulist": "3-7",
    "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
    "proc/cmdline": "quiet",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu tsc constant_tsc hypervisor",
    "proc/self/limits": LIMITS.format(files=1024, lock=8388608, fifo=0),
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 2097148 0 -2",
    "proc/mounts": "/dev/nvme0n1p1 / ext4 rw 0 0\ntmpfs /data tmpfs rw 0 0",
    "proc/sys/vm/nr_hugepages": "0",
    "proc/sys/net/core/busy_read": "0",
    "proc/sys/net/core/busy_poll": "0",
    "proc/sys/net/core/rmem_max": "212992",
    "proc/sys/net/core/wmem_max": "212992",
    "proc/sys/net/ipv4/tcp_fastopen": "1",
    ".dockerenv": "",
}
del POOR["run/chrony/chronyd.pid"]


def write(root: Path, files: dict[str, str]) -> Path:
    """Put the files of a machine under a directory."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def tuned(root: Path) -> Machine:
    """Everything as it should be."""
    return Machine(
        root=write(root, TUNED),
        cores=(0, 1, 2, 3),
        journal=Path("/data/journal"),
        python="cpython 3.13.1",
        has_gil=True,
        is_debug=False,
        clock_resolution_ns=1,
        clock_read_ns=60,
        tsc_error_ns=35,
        sync=ClockSync(synchronized=True, error_us_max=900),
        page_fault_ns=250,
        shm_total=32 << 30,
        shm_free=31 << 30,
        segments=(Segment("live", "SPSC ring", 70_000, 10, True, 0),),
        journal_free=500 << 30,
    )


def poor(root: Path) -> Machine:
    """Nothing as it should be."""
    return Machine(
        root=write(root, POOR),
        cores=(0, 1),
        journal=Path("/data/journal"),
        python="cpython 3.11.7",
        has_gil=True,
        is_debug=True,
        clock_resolution_ns=4_000_000,
        clock_read_ns=1_200,
        tsc_error_ns=45_000,
        sync=ClockSync(synchronized=False, error_us_max=16_000_000),
        page_fault_ns=15_000,
        shm_total=64 << 20,
        shm_free=64 << 20,
        segments=(
            Segment("orders", "SPSC ring", 4_194_304, 10, False, 0),
            Segment("stats", "counter page", 8192, 11, True, 0),
        ),
        journal_free=3 << 30,
    )


def bare(root: Path) -> Machine:
    """A container that shows nothing."""
    return Machine(
        root=root,
        cores=(0, 1, 2, 3),
        journal=Path("/data/journal"),
        python="cpython 3.14.0",
        has_gil=False,
        is_debug=False,
    )
