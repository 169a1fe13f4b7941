"""Where a replay is held and let go: by its own callback or by another thread."""

from threading import Condition, get_ident

from tectra.core.errors import StateError
from tectra.core.stop import stop_requested

__all__ = ["RunGate"]

_LOOK_S = 0.02  # how often a held run looks for a stop signal


class RunGate:
    """One run at a time passes; `pause` holds it between two records, `resume` lets it go.

    Any thread may pause, resume and stop. `pause` from another thread returns when the run is held
    or over, so that the caller may move the session.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._owner: int | None = None
        self._paused = self._held = self._stopping = False

    @property
    def running(self) -> bool:
        """Is there a run, held or not?"""
        return self._owner is not None

    @property
    def paused(self) -> bool:
        """Is the run to be held?"""
        return self._paused

    def mine(self) -> bool:
        """May this thread move the session: no run, a held one, or its own?"""
        return self._owner is None or self._held or self._owner == get_ident()

    def enter(self) -> None:
        """Begin a run."""
        with self._changed:
            if self._owner is not None:
                raise StateError("the session runs already; stop that run first")
            self._owner = get_ident()
            self._paused = self._held = self._stopping = False

    def leave(self) -> None:
        """End a run."""
        with self._changed:
            self._owner = None
            self._held = self._paused = False
            self._changed.notify_all()

    def hold(self) -> bool:
        """Wait while paused; True when it was held, which may have moved the session."""
        if not self._paused:
            return False
        with self._changed:
            while self._paused and not self._stopping and not stop_requested():
                self._held = True
                self._changed.notify_all()
                self._changed.wait(_LOOK_S)
            self._held = False
        return True

    @property
    def stopping(self) -> bool:
        """Was the run asked to end?"""
        return self._stopping

    def pause(self) -> None:
        """Hold the run; StateError when nothing runs."""
        with self._changed:
            if self._owner is None:
                raise StateError("nothing runs; pause holds a run")
            self._paused = True
            if self._owner != get_ident():
                self._changed.wait_for(lambda: self._held or self._owner is None)

    def resume(self) -> None:
        """Let a held run go; StateError when nothing is held."""
        with self._changed:
            if not self._paused:
                raise StateError("nothing is paused; resume lets a paused run go")
            self._paused = self._held = False
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask the run to end; nothing happens when nothing runs."""
        with self._changed:
            self._stopping = self._owner is not None
            self._changed.notify_all()
