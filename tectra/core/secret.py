"""A text that nothing prints: keys, secrets and tokens, between the environment and who signs."""

import hmac
from typing import Final, NoReturn, Self, final

from tectra.core.errors import InputError, StateError

__all__ = ["HIDDEN", "Secret"]

# What stands wherever the text would.
HIDDEN: Final = "***"


@final
class Secret:
    """A text that only `reveal()` gives away. Immutable, any thread.

    repr, str and every format are `***`. It cannot be pickled, has no `__dict__`, and no JSON
    encoder knows it; one that falls back to str() writes `***`. Equality takes the same time for
    every text of a length. It has no hash: a hash is a fingerprint of the text.
    """

    __slots__ = ("__text",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise InputError(f"Secret: found {type(text).__name__}; allowed: str")
        object.__setattr__(self, "_Secret__text", text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise StateError("a Secret does not change; make a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise StateError("a Secret does not change; make a new one")

    def __init_subclass__(cls) -> NoReturn:
        raise InputError("Secret has no subclasses: one could show the text")

    def reveal(self) -> str:
        """The text itself, for the one call that needs it; do not keep it."""
        text: str = self.__text  # type: ignore[attr-defined]
        return text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise StateError("a Secret does not leave its process: it cannot be pickled")

    def __getstate__(self) -> NoReturn:
        raise StateError("a Secret does not leave its process: it has no state to show")
