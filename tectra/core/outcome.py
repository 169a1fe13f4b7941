"""What became of a wish to the operating system: done, or not and why. Never an exception."""

import logging
import os
from typing import NamedTuple

__all__ = ["Outcome", "refused", "told"]


class Outcome(NamedTuple):
    """`done` says whether the wish holds now; `detail` what holds, or why not and what to do."""

    wish: str
    done: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.wish}: {self.detail}" if self.done else f"{self.wish}: no, {self.detail}"


def told(log: logging.Logger, outcome: Outcome) -> Outcome:
    """Pass an outcome on; a wish that was refused leaves a warning in the log."""
    if not outcome.done:
        log.warning("%s", outcome)
    return outcome


def refused(wish: str, number: int, advice: dict[int, str]) -> Outcome:
    """An outcome from an errno, with what to do about it."""
    text = os.strerror(number)
    hint = advice.get(number, "")
    return Outcome(wish, False, f"{text}; {hint}" if hint else text)
