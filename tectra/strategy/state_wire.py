"""Tags, lengths and numbers of encoded state, out and in."""

import struct

from tectra.core.errors import FileFormatError

__all__ = ["Reader", "Refused", "Writer"]

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_F64 = struct.Struct("<d")


class Refused(Exception):
    """A value cannot be kept; its place is added where it is known."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []

    def within(self, part: str) -> "Refused":
        """The same, seen from one level further out."""
        self.path.insert(0, part)
        return self

    def place(self, root: str) -> str:
        """Where it is: state.levels[3]."""
        return root + "".join(self.path)


class Writer:
    """Appends to `data`."""

    def __init__(self) -> None:
        self.data = bytearray()

    def tag(self, letter: str) -> "Writer":
        """What comes next."""
        self.data += letter.encode()
        return self

    def number(self, value: int) -> "Writer":
        """A length or an index: u32."""
        self.data += _U32.pack(value)
        return self

    def wide(self, value: int) -> "Writer":
        """A word: u64."""
        self.data += _U64.pack(value)
        return self

    def real(self, value: float) -> "Writer":
        """The eight bytes of a float, a NaN's included."""
        self.data += _F64.pack(value)
        return self

    def blob(self, value: bytes | bytearray) -> "Writer":
        """Bytes behind their length."""
        self.number(len(value))
        self.data += value
        return self

    def text(self, value: str) -> "Writer":
        """UTF-8 behind its length; a lone surrogate is kept."""
        return self.blob(value.encode("utf-8", "surrogatepass"))

    def integer(self, value: int) -> "Writer":
        """An integer of any size, in the fewest bytes."""
        return self.blob(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


class Reader:
    """Takes from the front; FileFormatError when the bytes end too early or too late."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._at = 0

    def _take(self, size: int) -> memoryview:
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise FileFormatError("state: its bytes end too early; take an older one")
        self._at += size
        return part

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise FileFormatError("state: there are bytes behind its end; take an older one")

    def tag(self) -> str:
        """One letter."""
        return chr(self._take(1)[0])

    def number(self) -> int:
        """Inverse of Writer.number()."""
        out: int = _U32.unpack(self._take(4))[0]
        return out

    def count(self) -> int:
        """How many items follow; each has one byte at least."""
        out = self.number()
        if out > len(self._data) - self._at:
            raise FileFormatError("state: it counts more items than there are; take an older one")
        return out

    def wide(self) -> int:
        """Inverse of Writer.wide()."""
        out: int = _U64.unpack(self._take(8))[0]
        return out

    def real(self) -> float:
        """Inverse of Writer.real()."""
        out: float = _F64.unpack(self._take(8))[0]
        return out

    def blob(self) -> bytes:
        """Inverse of Writer.blob()."""
        return bytes(self._take(self.number()))

    def text(self) -> str:
        """Inverse of Writer.text()."""
        return self.blob().decode("utf-8", "surrogatepass")

    def integer(self) -> int:
        """Inverse of Writer.integer()."""
        return int.from_bytes(self.blob(), "little", signed=True)
