"""The doctor on made-up machines: every question answered well, badly and not at all."""

import json
import platform
from dataclasses import replace
from pathlib import Path

import hosts
import pytest

from tectra.core.counters import Counters
from tectra.ops.cli.main import main
from tectra.ops.doctor import CHECKS, Status, as_json, examine, lines, probe_machine
from tectra.ops.doctor.item import ClockSync, size_text

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "doctor"
MACHINES = {"tuned": hosts.tuned, "poor": hosts.poor, "bare": hosts.bare}


@pytest.fixture(autouse=True)
def x86(monkeypatch):
    """What the counter must say depends on the processor."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.fixture(params=range(len(CHECKS)), ids=lambda i: f"{CHECKS[i].__name__[1:]}{i}")
def check(request):
    return CHECKS[request.param]


@pytest.mark.parametrize("name", MACHINES)
def test_the_screen(tmp_path, name):
    """tests/golden/doctor/NAME.txt is what a person sees; change it together with the texts."""
    said = "\n".join(lines(examine(MACHINES[name](tmp_path)))) + "\n"
    assert said == (GOLDEN / f"{name}.txt").read_text()


def test_every_question_has_an_ok(check, tmp_path):
    item = check(hosts.tuned(tmp_path))
    assert item.status is Status.OK, item
    assert item.found and item.why and not item.todo


def test_every_question_has_a_warning(check, tmp_path):
    item = check(hosts.poor(tmp_path))
    assert item.status is Status.WARN, item
    assert item.found and item.why and item.todo


def test_every_question_survives_a_host_that_says_nothing(check, tmp_path):
    item = check(hosts.bare(tmp_path))
    answered = {"cores", "Python"}
    assert (item.status is Status.UNREADABLE) == (item.name not in answered), item


def test_names_are_the_questions_own():
    items = examine(hosts.bare(Path("/nonexistent")))
    assert len({i.name for i in items}) == len(items) == len(CHECKS) >= 26


def only(machine, name: str):
    return next(i for i in examine(machine) if i.name == name)


@pytest.mark.parametrize(
    ("name", "files", "status", "word"),
    [
        ("SCHED_FIFO", {"proc/self/status": "CapEff:\t0000000000800000"}, "OK", "CAP_SYS_NICE"),
        ("memlock limit", {"proc/self/status": "CapEff:\t0000000000004000"}, "OK", "CAP_IPC_LOCK"),
        ("NUMA", {"sys/devices/system/node/online": "0"}, "OK", "one node"),
        ("SMT siblings", {f"{hosts.CPU}/smt/control": "notsupported"}, "OK", "notsupported"),
        ("environment", {"proc/cpuinfo": "flags : fpu"}, "WARN", "Docker"),
        ("TCP fast open", {"proc/sys/net/ipv4/tcp_fastopen": "0"}, "WARN", "off"),
        ("TCP fast open", {"proc/sys/net/ipv4/tcp_fastopen": "1027"}, "OK", "client and server"),
        ("busy polling", {"proc/sys/net/core/busy_read": "x"}, "UNREADABLE", "busy_read"),
        ("nohz_full cores", {f"{hosts.CPU}/nohz_full": "1-3"}, "OK", "1,2,3"),
        ("time stamp counter", {"proc/cpuinfo": "flags : tsc"}, "WARN", "constant_tsc"),
        ("journal directory", {"proc/mounts": "x / ext4 rw\nh:/x /data nfs4 rw"}, "WARN", "nfs4"),
        ("journal directory", {"proc/mounts": "x / ext4 rw\ny /dat xfs rw"}, "WARN", "ext4 on /"),
        ("journal directory", {"proc/mounts": "short"}, "UNREADABLE", "/data/journal"),
    ],
)
def test_edges(tmp_path, name, files, status, word):
    machine = hosts.poor(tmp_path)
    hosts.write(tmp_path, files)
    item = only(machine, name)
    assert item.status is Status[status], item
    assert word in item.found


def test_a_clock_that_is_synchronized_badly(tmp_path):
    machine = replace(hosts.tuned(tmp_path), sync=ClockSync(True, 500_000))
    item = only(machine, "clock synchronization")
    assert item.status is Status.WARN and "within 500.0 ms, by chrony" in item.found


def test_many_left_over_segments_are_named_in_part(tmp_path):
    machine = hosts.poor(tmp_path)
    assert machine.segments is not None
    machine = replace(machine, segments=tuple(machine.segments[0] for _ in range(8)))
    item = only(machine, "segments of dead owners")
    assert "and 3 more" in item.found and "reclaim('orders')" in item.todo


def test_as_json(tmp_path):
    items = examine(hosts.poor(tmp_path))
    document = json.loads(json.dumps(as_json(items)))
    assert [i["name"] for i in document["items"]] == [i.name for i in items]
    assert {i["status"] for i in document["items"]} == {"warn"}
    assert document["counts"] == {"ok": 0, "warn": len(CHECKS), "unreadable": 0}


def test_sizes_for_people():
    assert [size_text(n) for n in (0, 1023, 1536, 10 << 20, 3 << 40, 5000 << 40)] == [
        "0 B", "1023 B", "1.5 kB", "10 MB", "3.0 TB", "5000 TB",
    ]  # fmt: skip


def test_this_host_is_examined_without_root(capsys, tmp_path):
    assert main(["doctor", "--json", "--journal", str(tmp_path / "not" / "there")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["items"]) == len(CHECKS)
    assert main(["doctor"]) == 0
    assert "not readable here\n" in capsys.readouterr().out


def test_strict_fails_exactly_when_there_is_something_to_look_at(monkeypatch, tmp_path, capsys):
    import tectra.ops.cli.doctor as module

    for make, code in ((hosts.tuned, 0), (hosts.poor, 1), (hosts.bare, 0)):
        root = tmp_path / make.__name__
        root.mkdir()
        monkeypatch.setattr(module, "probe_machine", lambda _, m=make, r=root: m(r))
        assert main(["doctor", "--strict"]) == code
        assert main(["doctor"]) == 0


def test_what_is_measured(shm_name):
    name = shm_name()
    with Counters.create(name, 16):
        machine = probe_machine()
        assert machine.segments is not None
        assert any(s.name == name and s.owner_alive for s in machine.segments)
    assert machine.cores and machine.journal == Path.cwd()
    assert machine.clock_read_ns and machine.clock_read_ns > 0
    assert machine.page_fault_ns and machine.page_fault_ns > 0
    assert machine.clock_resolution_ns and machine.journal_free
