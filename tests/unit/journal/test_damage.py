"""Seeded damage of eighteen kinds: verify names each with its place, nothing wrong is read, and a
repair keeps every record that was not touched.
"""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_damage import ASTRAY, KINDS, Damage, Hurt, Scene, cut, make_scene
from journal_image import scratch

from tectra.journal import JournalReader, VerifyReport, repair, verify

CASES = 200


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with scratch() as where:
        yield make_scene(where / "j")


def damaged(scene: Scene, kind: Damage, seed: int) -> tuple[Path, Hurt]:
    """A damaged copy."""
    copy = scene.path.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(scene.path, copy)
    return copy, kind(copy, scene, random.Random(seed))


def check_found(report: VerifyReport, hurt: Hurt, what: str) -> None:
    """Right cause, right segment, right offset."""
    said = "\n".join([what, *report.lines()])
    named = [f for f in report.faults if f.cause in hurt.causes]
    assert {f.segment for f in named} >= hurt.where, said
    offsets = {f.offset for f in named if f.segment in hurt.where}
    if hurt.every:
        assert offsets == hurt.offsets, said
    elif hurt.offsets:
        assert offsets <= hurt.offsets, said


def check_read(copy: Path, scene: Scene, what: str) -> None:
    got = [bytes(view) for _, view in JournalReader(copy, strict=False).records()]
    assert got == scene.records[: len(got)], what


def check_repair(copy: Path, scene: Scene, hurt: Hurt, what: str) -> None:
    out = copy.with_name("out")
    shutil.rmtree(out, ignore_errors=True)
    report = repair(copy, out)
    said = "\n".join([what, *report.lines()])
    again = verify(out)
    assert again.ok, said + "\n" + "\n".join(again.lines())
    reader = JournalReader(out)
    got = [bytes(view) for _, view in reader.records()]
    order = {body: k for k, body in enumerate(scene.records)}
    numbers = [order[body] for body in got]  # KeyError: a record that was never written
    assert numbers == sorted(set(numbers)), said
    assert not set(scene.valid(hurt.touched)) - set(got), f"dropped: {said}"
    assert report.records == len(got), said
    missing = len(scene.records) - len(got)
    assert (report.lost == missing) or not report.holes, said
    assert bool(report.holes) == bool(missing), said


@pytest.mark.timeout(60)
def test_200_cases_of_18_kinds(scene: Scene) -> None:
    assert len(KINDS) == 18
    seen: Counter[str] = Counter()
    for case in range(CASES):
        kind = KINDS[case % len(KINDS)]
        what = f"{kind.__name__}, seed {case}"
        copy, hurt = damaged(scene, kind, case)
        check_found(verify(copy), hurt, what)
        check_read(copy, scene, what)
        check_repair(copy, scene, hurt, what)
        seen[kind.__name__] += 1
    assert seen.total() == CASES
    assert min(seen.values()) >= 11


def go_astray(scene: Scene, count: int, first: int) -> None:
    for case in range(first, first + count):
        kind = ASTRAY[case % len(ASTRAY)]
        what = f"{kind.__name__}, seed {case}"
        copy, hurt = damaged(scene, kind, case)
        check_found(verify(copy), hurt, what)
        check_read(copy, scene, what)


def test_writes_gone_astray(scene: Scene) -> None:
    go_astray(scene, 300, 0)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_10_000_writes_gone_astray(scene: Scene) -> None:
    go_astray(scene, 10_000, 1000)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_2_000_repairs_of_two_damages_at_once(scene: Scene) -> None:
    """Two kinds on one copy: what neither touched is kept, and nothing else is read."""
    rng = random.Random(7)
    for case in range(2000):
        one, two = rng.sample(KINDS[:12], 2)
        if one is cut:  # the other one may want to write what would then be gone
            one, two = two, one
        copy, first = damaged(scene, one, case)
        second = two(copy, scene, random.Random(case + 1))
        what = f"{one.__name__} and {two.__name__}, seed {case}"
        assert not verify(copy).ok, what
        check_read(copy, scene, what)
        both = Hurt(first.touched | second.touched)
        check_repair(copy, scene, both, what)


def test_the_oracle_sees_a_dropped_record(scene: Scene) -> None:
    """A damage said to have touched nothing: the record it cost counts as dropped."""
    copy, hurt = damaged(scene, KINDS[0], 5)
    hurt.touched = set()
    with pytest.raises(AssertionError, match="dropped"):
        check_repair(copy, scene, hurt, "canary")
