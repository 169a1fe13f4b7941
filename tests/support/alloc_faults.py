"""A process in which the k-th allocation of tectra's extensions fails, for all k until the
operation succeeds. A program for the preloaded library alloc_fault.c; prints one JSON line for each
scene: how many k there were, and what went wrong with which.

usage: alloc_faults.py once|sticky STEP [SCENE...]     a scene named lib:PATH is a planted library
"""

import ctypes
import faulthandler
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alloc_scene import Scene

import tectra
from tectra.core.errors import OutOfMemoryError

_K_MAX = 3000


def library() -> ctypes.CDLL:
    """The preloaded functions, told which libraries to watch."""
    found = ctypes.CDLL(None)
    found.alloc_fault_watch.argtypes = [ctypes.c_char_p]
    found.alloc_fault_arm.argtypes = [ctypes.c_long, ctypes.c_int]
    for name in ("seen", "hits", "blocks", "bytes"):
        getattr(found, f"alloc_fault_{name}").restype = ctypes.c_long
    found.alloc_fault_last.restype = ctypes.c_char
    return found


LIBRARY = library()
PACKAGE = str(Path(tectra.__file__).resolve().parent)


def stand() -> tuple[int, int]:
    """Blocks and mapped bytes that the extensions hold now."""
    gc.collect()
    return LIBRARY.alloc_fault_blocks(), LIBRARY.alloc_fault_bytes()


def _armed(act: Callable[[Any], Any], made: Any, at: int, sticky: bool) -> Any:
    """(what it returned, what it raised), with the k-th call failing."""
    LIBRARY.alloc_fault_watch(PACKAGE.encode())
    LIBRARY.alloc_fault_arm(at, sticky)
    try:
        return act(made), None
    except Exception as error:  # noqa: BLE001  what comes out is what is tested
        return None, error.with_traceback(None)
    finally:
        LIBRARY.alloc_fault_disarm()


def _case(scene: Scene, at: int, sticky: bool, want: Any) -> tuple[list[str], str]:
    """What is wrong with one k, and the letter of the call that failed ("" when none did)."""
    made = scene.make()
    before = scene.look(made)
    result, raised = _armed(scene.act, made, at, sticky)
    letter = LIBRARY.alloc_fault_last().decode() if LIBRARY.alloc_fault_hits() else ""
    wrong = []
    if raised is not None:
        text = str(raised)
        if not letter:
            wrong.append(f"failed without a fault: {raised!r}")
        if not isinstance(raised, scene.errors):
            wrong.append(f"raised {raised!r}")
        if not text or len(text.splitlines()) != 1:
            wrong.append(f"says nothing useful: {raised!r}")
        if (now := scene.look(made)) != before:
            wrong.append(f"state changed from {before} to {now}")
        cause: BaseException | None = raised
        while cause is not None:  # frames of a chained error hold what failed
            cause.__traceback__ = None
            cause = cause.__cause__ or cause.__context__
        result, raised = _armed(scene.act, made, 0, False)
        if raised is not None:
            wrong.append(f"the same operation afterwards: {raised!r}")
    elif letter and letter not in scene.absorbs:
        wrong.append("nobody noticed")
    if raised is None and (result, scene.look(made)) != want:
        wrong.append(f"another result: {(result, scene.look(made))} for {want}")
    scene.close(made)
    return wrong, letter


def run(scene: Scene, step: int, sticky: bool) -> dict[str, Any]:
    """All k of a scene."""
    for _ in range(2):  # what is made once for ever is made here
        made = scene.make()
        want = (_armed(scene.act, made, 0, False)[0], scene.look(made))
        scene.close(made)
        del made
    letters: Counter[str] = Counter()
    wrong: list[str] = []
    k = 1
    while k <= _K_MAX:
        held = stand()
        faults, letter = _case(scene, k, sticky, want)
        if (left := stand()) != held:
            faults.append(f"leaked {left[0] - held[0]} blocks, {left[1] - held[1]} bytes mapped")
        wrong += [f"k={k} ({letter}): {fault}" for fault in faults]
        if not letter:
            break
        letters[letter] += 1
        k += step
    return {"scene": scene.name, "k": sum(letters.values()), "calls": letters, "wrong": wrong}


def planted(path: str) -> Scene:
    """The scene of alloc_planted.c, built with one of its mistakes."""
    found = ctypes.CDLL(path)
    found.planted_put.argtypes = [ctypes.c_uint64]
    found.planted_digest.restype = ctypes.c_uint64
    LIBRARY.alloc_fault_watch(path.encode())

    def make() -> None:
        for value in range(4):
            assert found.planted_put(value) == 0

    def act(_: Any) -> int:
        if found.planted_put(4) != 0:
            raise OutOfMemoryError("no memory")
        return int(found.planted_digest())

    def close(_: Any) -> None:
        found.planted_drop()

    return Scene(path, make, act, lambda _: found.planted_digest(), close)


def main() -> None:
    """Run scenes, all of them unless named."""
    mode, step, *names = sys.argv[1:]
    faulthandler.enable()
    if names and names[0].startswith("lib:"):
        scenes = [planted(names[0].removeprefix("lib:"))]
    else:
        # Not at the top: a planted library needs none of this.
        import alloc_core
        import alloc_market

        scenes = [*alloc_core.SCENES, *alloc_market.SCENES]
        scenes = [s for s in scenes if not names or s.name in names]
    for scene in scenes:
        print(json.dumps({"begin": scene.name}), flush=True)
        print(json.dumps(run(scene, int(step), mode == "sticky")), flush=True)


if __name__ == "__main__":
    main()
