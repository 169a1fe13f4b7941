"""What a command of the command line left."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Cli", "Done"]


@dataclass(frozen=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    def explained(self, *words: str, code: int = 1) -> str:
        """The one explanation on standard error: the exit code is right, no Python traceback, and
        these words are in it.
        """
        assert self.code == code, (self.code, self.out[-2000:], self.err[-2000:])
        assert "Traceback" not in self.err
        missing = [w for w in words if w not in self.err]
        assert not missing, (missing, self.err)
        return self.err


Cli = Callable[..., Done]
