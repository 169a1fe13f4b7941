"""Replays under other hash seeds: what no guard can see, the order of sets and the hashes of text,
differs there, and so does every output that depends on it.

Each replay is a process of its own, since the seed of a process is fixed when it starts; addresses
are others in each as well.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tectra.core.errors import InputError, StateError
from tectra.replay.verify import verify_replay

__all__ = ["SeedReplay", "other_seeds", "replay_under_seeds"]

_SEEDS_MAX = 4_294_967_295
_CHILD = "from tectra.replay.seeds import child; child()"


@dataclass(frozen=True)
class SeedReplay:
    """What a replay with one PYTHONHASHSEED said."""

    seed: int
    ok: bool
    output_digest: str
    difference: str | None

    def __str__(self) -> str:
        if self.ok:
            return f"PYTHONHASHSEED={self.seed}: equal"
        what = self.difference or f"output digest {self.output_digest}"
        return f"PYTHONHASHSEED={self.seed}: DIFFERENT at {what}"


def other_seeds(count: int) -> list[int]:
    """The first seeds from 1 on that are not the one of this process."""
    mine = os.environ.get("PYTHONHASHSEED", "")
    return [s for s in range(1, count + 2) if str(s) != mine][:count]


def replay_under_seeds(
    path: str | Path,
    seeds: Sequence[int],
    *,
    until_seq: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SeedReplay]:
    """Replay a journal once with each PYTHONHASHSEED, in fresh processes, one after the other.

    Raises InputError for a seed that Python does not have, StateError when a process fails.
    """
    out = []
    for number, seed in enumerate(seeds, start=1):
        if not 0 <= seed <= _SEEDS_MAX:
            raise InputError(f"seed: found {seed}; allowed: 0 to {_SEEDS_MAX}")
        out.append(_one(Path(path), seed, until_seq))
        if progress is not None:
            progress(number, len(seeds))
    return out


def _one(path: Path, seed: int, until_seq: int | None) -> SeedReplay:
    here = str(Path(__file__).resolve().parents[2])
    python_path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": python_path}
    asked = [str(path), "" if until_seq is None else str(until_seq)]
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CHILD, *asked],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise StateError(
            f"the replay with PYTHONHASHSEED={seed} ended with code {done.returncode}: {last}"
        )
    said = orjson.loads(done.stdout)
    return SeedReplay(
        seed=seed,
        ok=said["ok"],
        output_digest=said["summary"]["output_digest"],
        difference=said["difference"] or said["raised"],
    )


def child() -> None:
    """What each process runs: a replay of argv[1] up to argv[2], its report as JSON."""
    until = int(sys.argv[2]) if sys.argv[2] else None
    report = verify_replay(sys.argv[1], until_seq=until, guard=False)
    sys.stdout.write(orjson.dumps(report.as_dict(), default=str).decode())
