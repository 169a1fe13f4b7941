"""The front door of "what if"."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tectra.backtest import SimConfig, SimSetup
from tectra.backtest.run import new_directory
from tectra.core.errors import InputError
from tectra.replay.diff import diff_journals
from tectra.research.whatif.change import Alternative, Plan, make_plan
from tectra.research.whatif.original import Original
from tectra.research.whatif.page import save_report
from tectra.research.whatif.report import AlternativeResult, WhatIfReport
from tectra.research.whatif.rerun import live
from tectra.research.whatif.side import RunSide, replayed_samples, side_of

__all__ = ["what_if"]

Progress = Callable[[int, int], None]
_LETTERS = "BCDEFGHIJKLMNOPQRSTUVWXYZ"


def _notes(original: Original, same: bool, results: list[AlternativeResult]) -> Iterator[str]:
    reader = original.reader
    if not original.simulated:
        yield (
            f"the fills of the alternatives are simulated; those of A came from a "
            f"{original.spec.mode} venue, or from another simulated exchange"
        )
    if not same:
        yield (
            "A does not replay: its figures end where the replay left the journal (`tectra replay "
            "verify` says where)"
        )
    if reader.tail is not None:
        yield "A was cut when its run crashed; the alternatives end where its market data do"
    for one in results:
        if one.before_equal is False and original.simulated:
            yield (
                f"{one.side.name} left A before the change was made: the set-up is not the one "
                "that ran, and the comparison says little"
            )
        if one.equal and one.said:
            yield f"{one.side.name}: the change made no difference to any record"


class _Comparison:
    """The original's figures once, and each alternative beside them."""

    def __init__(self, original: Original, progress: Progress | None, jobs: int) -> None:
        self.original = original
        self.progress = progress
        self.jobs = jobs
        self.done = 0
        samples, raised, self.same = replayed_samples(original, self._step())
        self.a = side_of(
            str(original.directory),
            original.directory,
            samples,
            strategies=original.strategy_names,
            instruments=original.instruments,
            directory=original.directory,
            raised=raised,
        )

    def _step(self) -> Progress | None:
        """Progress of one job of several."""
        if self.progress is None:
            return None
        tell, before = self.progress, self.done
        self.done += 1
        return lambda done, total: tell(before * total + done, self.jobs * total)

    def add(self, letter: str, plan: Plan, directory: Path, *, keep: bool) -> AlternativeResult:
        lived = live(self.original, plan, directory, self._step())
        side: RunSide = side_of(
            plan.alternative.label or letter,
            directory / "journal",
            lived.driver.samples,
            strategies=[s.name for s in plan.spec.strategies],
            instruments=self.original.instruments,
            directory=directory if keep else None,
            raised=lived.raised,
        )
        diff = diff_journals(self.original.directory, directory / "journal")
        return AlternativeResult(plan.said, side, diff, lived.changed_seq, self.a)


def what_if(
    path: str | Path,
    *alternatives: Alternative,
    out: str | Path | None = None,
    sim: SimConfig | SimSetup | None = None,
    progress: Progress | None = None,
) -> WhatIfReport:
    """Run a recorded run again, differently, and compare: A is the journal at `path`, each
    alternative is one more side. Without alternatives, the run as it was: it must be equal.

    The market and the operators' commands are the journal's; its reports are dropped, since they
    answer other orders: the simulated exchange of the run answers, or `sim` where it had none.
    With `out` (new or empty) the comparison is written there, and the journals of the alternatives:
    of one in `out`, of several in a directory each. Raises JournalError, InputError,
    ParameterError, StrategyLoadError before anything is written.
    """
    chosen = alternatives or (Alternative(),)
    if len(chosen) > len(_LETTERS):
        raise InputError(f"alternatives: found {len(chosen)}; allowed: 1 to {len(_LETTERS)}")
    labels = [one.label or letter for one, letter in zip(chosen, _LETTERS, strict=False)]
    twice = [n for n in labels if labels.count(n) > 1 or n == "A" or "/" in n or n in (".", "..")]
    if twice:
        raise InputError(f"label: found {twice[0]!r}; allowed: a name of its own without slashes")
    original = Original(path, sim=sim)
    plans = [make_plan(original, one) for one in chosen]
    with ExitStack() as stack:
        kept = out is not None
        root = (
            stack.enter_context(new_directory(out))
            if out is not None
            else Path(stack.enter_context(TemporaryDirectory(prefix="tectra-whatif-")))
        )
        comparison = _Comparison(original, progress, len(plans) + 1)
        results = []
        for letter, plan in zip(labels, plans, strict=True):
            directory = root if len(plans) == 1 else root / letter
            directory.mkdir(exist_ok=True)
            results.append(comparison.add(letter, plan, directory, keep=kept))
        report = WhatIfReport(
            a=comparison.a,
            alternatives=results,
            simulated_fills_only=original.simulated,
            notes=tuple(_notes(original, comparison.same, results)),
        )
        if kept:
            save_report(report, root)
    return report
