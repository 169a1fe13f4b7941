"""The tuning script on made-up hosts: what it says, what it changes, and the sysctl file."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import hosts
import pytest

LINES = [
    "net.core.busy_read = 50",
    "net.core.busy_poll = 50",
    "net.ipv4.tcp_fastopen = 3",
]


@pytest.fixture
def infra(root) -> Path:
    path = root / "infra" / "host"
    if not path.is_dir():
        pytest.skip("not a checkout: infra/ is not here")
    return path


@pytest.fixture
def tune(infra, tmp_path):
    """Runs tune.sh on the host whose files lie under tmp_path."""

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(infra / "tune.sh"), *arguments],
            env=os.environ | {"TECTRA_ROOT": str(tmp_path)} | env,
            capture_output=True,
            text=True,
        )

    return run


def not_set(text: str) -> list[str]:
    return [m[1] for m in re.finditer(r"^NOT SET  (.+?) = ", text, re.MULTILINE)]


def test_the_file_has_exactly_the_three_lines(infra):
    text = (infra / "99-tectra.conf").read_text()
    assert [x for x in text.splitlines() if x and not x.startswith("#")] == LINES
    assert all(len(block.splitlines()) > 1 for block in text.strip().split("\n\n")[1:]), "says why"


def test_a_tuned_host(tune, infra, tmp_path):
    hosts.write(tmp_path, hosts.TUNED)
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    shutil.copy(infra / "99-tectra.conf", tmp_path / "etc/sysctl.d")
    done = tune()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT SET" not in done.stdout and not done.stderr
    for line in LINES:
        assert f"OK       {line}\n" in done.stdout
    assert "htop" in done.stdout and "ss -ti" in done.stdout


def test_a_poor_host_hears_each_item(tune, tmp_path):
    hosts.write(tmp_path, hosts.POOR | {f"{hosts.CPU}/cpu6/online": "1"})
    done = tune("--check")
    assert done.returncode == 1
    assert not_set(done.stdout) == [
        "isolcpus",
        "nohz_full",
        "rcu_nocbs",
        "governor of core 2",
        "SMT sibling 6 of core 2 online",
        "SMT sibling 7 of core 3 online",
        "net.core.busy_read",
        "net.core.busy_poll",
        "net.ipv4.tcp_fastopen",
        "99-tectra.conf installed",
    ]
    assert "OK       governor of core 3 = performance" in done.stdout
    assert "add isolcpus=2,3 to the boot parameters" in done.stdout
    assert "cpupower frequency-set -g performance" in done.stdout


def test_a_host_that_shows_nothing(tune, tmp_path):
    done = tune()
    assert done.returncode == 1
    assert len(not_set(done.stdout)) == 9 and "= nothing, wants 50" in done.stdout
    assert not any(tmp_path.iterdir()), "a check changes nothing"


def test_other_cores(tune, tmp_path):
    hosts.write(tmp_path, hosts.TUNED | {"proc/cmdline": "isolcpus=4 nohz_full=4 rcu_nocbs=4"})
    done = tune(TECTRA_CORES="4")
    assert not_set(done.stdout) == ["governor of core 4", "99-tectra.conf installed"]


def test_apply_sets_what_it_says_and_check_agrees(tune, tmp_path):
    hosts.write(tmp_path, hosts.POOR | {f"{hosts.CPU}/cpu{n}/online": "1" for n in (6, 7)})
    done = tune("--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("set      ") == 6 and "copied   99-tectra.conf" in done.stdout
    assert (tmp_path / "proc/sys/net/core/busy_poll").read_text() == "50\n"
    assert (tmp_path / hosts.CPU / "cpu6/online").read_text() == "0\n"
    assert "boot with isolcpus=2,3" in done.stdout
    assert not_set(tune().stdout) == ["isolcpus", "nohz_full", "rcu_nocbs"]
    again = tune("--apply")
    assert "set      " not in again.stdout and "copied" not in again.stdout


def test_apply_never_takes_a_trading_core_offline(tune, tmp_path):
    pair = {f"{hosts.CPU}/cpu{n}/topology/thread_siblings_list": "2-3" for n in (2, 3)}
    hosts.write(tmp_path, hosts.TUNED | pair | {f"{hosts.CPU}/cpu3/online": "1"})
    done = tune("--apply")
    assert "core 3 is a sibling and a trading core" in done.stdout
    assert (tmp_path / hosts.CPU / "cpu3/online").read_text() == "1\n"


@pytest.mark.skipif(os.getuid() == 0, reason="root may apply")
def test_apply_needs_root(tune):
    done = tune("--apply", TECTRA_ROOT="")
    assert done.returncode == 2 and "needs root" in done.stderr


def test_usage(tune):
    assert "Tunes a host" in tune("--help").stdout
    wrong = tune("--everything")
    assert wrong.returncode == 2 and "--apply" in wrong.stderr


def test_the_script_is_clean(infra):
    assert os.access(infra / "tune.sh", os.X_OK)
    for shell in ("sh", "dash", "bash"):
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(infra / "tune.sh")], check=True)
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([checker, str(infra / "tune.sh")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
