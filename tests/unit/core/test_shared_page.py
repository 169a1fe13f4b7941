"""What every handle of a page in shared memory does: it is made by its class, closes once, says so
afterwards, and gives back what it held when it is dropped.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tectra.core.bcast import BroadcastRing
from tectra.core.counters import Counters
from tectra.core.errlog import ErrorLog
from tectra.core.errors import ClosedError, FileFormatError
from tectra.core.kill import KillWord
from tectra.core.mpmc import MpmcRing
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing
from tectra.core.shared_page import SharedPage
from tectra.core.shm import segments

Name = Callable[..., str]
MAPS = Path("/proc/self/maps")
REC = encode(Template.BOOK_ADD, px=1)
# Class, arguments of private() (of create() after the name), its words, a call that needs it open.
KINDS: dict[str, tuple[Any, tuple[int, ...], str, str, Callable[[Any], object]]] = {
    "counters": (
        Counters, (8,), "a counter page", "counters: used after close(); create or attach them",
        lambda page: page.snapshot(),
    ),
    "kill": (
        KillWord, (), "a kill word", "kill word: used after close(); create or attach it",
        lambda page: page.is_set,
    ),
    "errlog": (
        ErrorLog, (8,), "an error log", "error log: used after close(); create or attach it",
        lambda page: page.note(1, -1, 1, 1),
    ),
    "bcast": (
        BroadcastRing, (64,), "a ring", "broadcast ring: used after close(); create or attach it",
        lambda page: page.publish(REC),
    ),
    "spsc": (
        SpscRing, (64,), "a ring", "ring: used after close(); create or attach it",
        lambda page: page.try_push(REC),
    ),
    "mpmc": (
        MpmcRing, (64,), "a ring", "ring: used after close(); create or attach it",
        lambda page: page.try_push(REC),
    ),
}  # fmt: skip


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def names() -> list[str]:
    return [s.name for s in segments()]


def test_only_its_class_makes_it(kind: Any) -> None:
    cls, _, what, _, _ = kind
    by = cls.__name__
    with pytest.raises(TypeError) as info:
        cls()
    assert str(info.value) == f"make {what} with {by}.create, {by}.attach or {by}.private"
    with pytest.raises(TypeError, match=r"create, \w+\.attach or"):
        SharedPage()


def test_it_closes_once_and_says_so(kind: Any) -> None:
    cls, args, _, words, use = kind
    with cls.private(*args) as page:
        assert (page.name, page.closed, page.owner_pid) == ("", False, os.getpid())
        use(page)
    assert page.closed and page.mapping.closed
    page.close()
    for call in (use, lambda p: p.owner_pid, lambda p: p.__enter__()):
        with pytest.raises(ClosedError) as info:
            call(page)
        assert str(info.value) == f"{words} again"


def test_one_that_was_never_made_is_closed(kind: Any) -> None:
    cls, _, _, _, use = kind
    page = cls.__new__(cls)
    assert page.closed
    page.close()
    with pytest.raises(ClosedError):
        use(page)


@pytest.mark.shm
def test_the_maker_removes_the_name(kind: Any, shm_name: Name) -> None:
    cls, args, _, _, _ = kind
    with cls.create(shm_name(), *args) as page, cls.attach(shm_name()) as other:
        assert page.name == other.name == shm_name()
        other.close()
        assert shm_name() in names()
    assert shm_name() not in names()


@pytest.mark.shm
def test_another_kind_is_refused_and_let_go(kind: Any, shm_name: Name) -> None:
    cls, _, _, _, _ = kind
    wrong = KillWord if cls is not KillWord else Counters
    with wrong.create(shm_name()), pytest.raises(FileFormatError, match="give the name of a"):
        cls.attach(shm_name())
    assert shm_name() not in MAPS.read_text()


@pytest.mark.shm
def test_a_dropped_handle_goes_like_a_closed_one(kind: Any, shm_name: Name) -> None:
    cls, args, _, _, _ = kind
    page = cls.create(shm_name(), *args)
    assert shm_name() in names()
    del page
    assert shm_name() not in names()
    assert shm_name() not in MAPS.read_text()


@pytest.mark.shm
def test_a_dropped_handle_leaves_its_sides(shm_name: Name) -> None:
    with SpscRing.create(shm_name("s"), 64) as ring:
        other = SpscRing.attach(shm_name("s"))
        other.push(REC)
        assert ring.producer_pid == os.getpid()
        del other
        assert ring.producer_pid == 0
    with BroadcastRing.create(shm_name("b"), 64) as cast:
        writer = BroadcastRing.attach(shm_name("b"))
        writer.publish(REC)
        assert cast.writer_pid == os.getpid()
        del writer
        assert cast.writer_pid == 0
    with MpmcRing.create(shm_name("m"), 64) as queue:
        user = queue.handle()
        user.push(REC)
        assert len(queue.participants()) == 1
        del user
        assert queue.participants() == []


def test_the_last_handle_on_a_mapping_unmaps_it() -> None:
    first = MpmcRing.private(8)
    second, third = first.handle(), first.handle()
    mapping = first.mapping
    first.close()
    del third
    assert not mapping.closed
    second.push(REC)
    second.close()
    assert mapping.closed
