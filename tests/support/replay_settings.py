"""One replay under settings of its own, in a process of its own: prints its digests as JSON.

    python -P replay_settings.py DIR JSON

The settings: `chunk` slots are stepped at once (0: whole segments), `gc` is on, off, or 1 (collects
at every allocation), `cpu` pins the process, `guard` watches callbacks, `pause` lets time pass
between chunks, `cold` drops the file's pages before.
"""

import gc
import json
import os
import sys
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

__all__ = ["replayed"]


def _cold(directory: Path) -> None:
    for path in directory.glob("segment-*.ttj"):
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def replayed(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Digests and counts of a replay; `difference` is None where every output was equal."""
    from tectra.engine.compare import Comparator
    from tectra.engine.image import save_state, state_digest
    from tectra.engine.parts import OUTPUT_MASK
    from tectra.engine.session import SessionSpec
    from tectra.journal.reader import JournalReader
    from tectra.replay.difference import difference_of
    from tectra.replay.guard import Guard

    if settings.get("cold"):
        _cold(path / "journal")
    reader = JournalReader(path / "journal")
    spec = SessionSpec.from_journal(reader.session)
    pipeline = spec.make_pipeline(
        spec.load_classes(path / "journal"), capture_mask=OUTPUT_MASK, with_out_ring=False
    )
    comparator = Comparator(pipeline)
    chunk = settings.get("chunk", 0)
    with Guard(pipeline) if settings.get("guard") else nullcontext() as guard:
        for segment, slots in reader.segments():
            starts = segment.starts.tolist()
            cuts = [0, *starts[chunk::chunk], len(slots)] if chunk else [0, len(slots)]
            for a, b in pairwise(cuts):
                if not comparator.run(slots[a:b].reshape(-1)):
                    break
                if settings.get("pause"):
                    os.sched_yield()
        difference = difference_of(comparator.finish())
    summary = pipeline.summary
    return {
        "difference": None if difference is None else str(difference),
        "caught": [] if guard is None else [str(c) for c in guard.caught],
        "inputs": summary.inputs,
        "outputs": summary.outputs,
        "input_digest": summary.input_digest,
        "output_digest": summary.output_digest,
        "state_digest": state_digest(save_state(pipeline)),
    }


if __name__ == "__main__":
    asked = json.loads(sys.argv[2])
    if asked.get("cpu") is not None:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[asked["cpu"]]})
    if asked.get("gc") == "off":
        gc.disable()
    elif asked.get("gc") == 1:
        gc.set_threshold(1)
    print(json.dumps(replayed(Path(sys.argv[1]), asked)))
