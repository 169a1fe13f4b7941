"""Cores and pinning. Threads are pinned, never the test's own."""

import os
import threading

import pytest

from tectra.core.cpu import (
    allowed_cores,
    governor,
    isolated_cores,
    nohz_full_cores,
    numa_node,
    numa_nodes,
    parse_cores,
    pin_to_core,
    rcu_nocbs_cores,
    smt_siblings,
    use_fifo,
)
from tectra.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "cores"),
    [("", ()), ("\n", ()), ("3", (3,)), ("0-3,8\n", (0, 1, 2, 3, 8)), ("2-2", (2,))],
)
def test_kernel_lists(text, cores):
    assert parse_cores(text) == cores


@pytest.mark.parametrize("text", ["a", "1-", "-1", "1-b", "1;2"])
def test_bad_kernel_lists(text):
    with pytest.raises(InputError, match="allowed"):
        parse_cores(text)


def test_a_thread_is_pinned_and_the_others_are_not():
    before = allowed_cores()
    seen = []

    def run() -> None:
        pin_to_core(before[-1])
        seen.append(allowed_cores())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before[-1],)]
    assert allowed_cores() == before


def test_a_core_that_is_not_there():
    with pytest.raises(InputError, match=r"found 99999; allowed here: \d"):
        pin_to_core(99999)


def test_what_the_machine_says():
    assert all(isinstance(c, int) for c in isolated_cores())
    assert isinstance(governor(allowed_cores()[0]), str)


def machine(root, files: dict[str, str]):
    """A made-up machine's files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CPU = "sys/devices/system/cpu"
NODE = "sys/devices/system/node"


def test_a_tuned_machine(tmp_path):
    root = machine(
        tmp_path,
        {
            f"{CPU}/isolated": "2-3\n",
            f"{CPU}/nohz_full": "2-3\n",
            f"{CPU}/cpu2/cpufreq/scaling_governor": "performance\n",
            f"{CPU}/cpu2/topology/thread_siblings_list": "2,6\n",
            f"{NODE}/online": "0-1\n",
            f"{NODE}/node0/cpulist": "0-1\n",
            f"{NODE}/node1/cpulist": "2-3\n",
            "proc/cmdline": "quiet isolcpus=managed_irq,2-3 rcu_nocbs=2-3 x=y\n",
        },
    )
    assert isolated_cores(root) == nohz_full_cores(root) == rcu_nocbs_cores(root) == (2, 3)
    assert governor(2, root) == "performance" and governor(3, root) == ""
    assert smt_siblings(2, root) == (6,) and smt_siblings(3, root) == ()
    assert numa_nodes(root) == (0, 1)
    assert [numa_node(core, root) for core in (0, 3, 9)] == [0, 1, None]


def test_boot_parameters_where_the_kernel_shows_no_file(tmp_path):
    root = machine(tmp_path, {"proc/cmdline": "nohz_full=1,3-4 rcu_nocbs=oops"})
    assert nohz_full_cores(root) == (1, 3, 4)
    assert rcu_nocbs_cores(root) == ()
    (root / CPU).mkdir(parents=True)
    (root / CPU / "nohz_full").write_text("  (null)\n")
    assert nohz_full_cores(root) == (1, 3, 4)


def test_a_machine_that_says_nothing(tmp_path):
    assert isolated_cores(tmp_path) == nohz_full_cores(tmp_path) == rcu_nocbs_cores(tmp_path) == ()
    assert numa_nodes(tmp_path) == () and numa_node(0, tmp_path) is None
    assert governor(0, tmp_path) == "" and smt_siblings(0, tmp_path) == ()


def test_fifo_priorities_are_checked():
    with pytest.raises(InputError, match="priority: found 0; allowed: 1 to 99"):
        use_fifo(0)


def test_fifo_says_what_became_of_it():
    seen = []

    def run() -> None:
        outcome = use_fifo(1)
        seen.append((outcome, os.sched_getscheduler(0)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    outcome, policy = seen[0]
    assert outcome.done == (policy == os.SCHED_FIFO)
    assert outcome.done or "ulimit -r" in outcome.detail
