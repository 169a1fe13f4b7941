"""Images of an engine along a journal, so that going back need not begin at the start.

Memory is bounded: at most 32 images of together at most 256 MiB. When there are more, every second
goes and the distance between two doubles, so that they always span the journal evenly. One thread.
"""

from bisect import bisect_right
from collections.abc import Callable

from tectra.core.errors import TectraError
from tectra.engine.pipeline import Pipeline

__all__ = ["BYTES_MAX", "IMAGES_MAX", "SPACING_RECORDS", "Checkpoints"]

IMAGES_MAX = 32
BYTES_MAX = 256 << 20
SPACING_RECORDS = 8_192
# An image is worth its making where at least as many records lie before it.
_BYTES_A_RECORD = 256

Save = Callable[[Pipeline], bytes]
Load = Callable[[Pipeline, bytes], None]


class Checkpoints:
    """Images by the number of the last record stepped. `refused` says why none is made."""

    def __init__(
        self,
        save: Save | None,
        load: Load | None = None,
        *,
        spacing: int = SPACING_RECORDS,
        images_max: int = IMAGES_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._save = save if load is not None else None
        self._load = load
        self._images: list[tuple[int, bytes]] = []
        self._images_max = images_max
        self._bytes_max = bytes_max
        self.spacing = spacing
        self.refused = "" if self._save is not None else "switched off"

    def __len__(self) -> int:
        return len(self._images)

    def __bool__(self) -> bool:
        return True

    @property
    def seqs(self) -> list[int]:
        """Where the images stand."""
        return [seq for seq, _ in self._images]

    @property
    def nbytes(self) -> int:
        """Memory of all images."""
        return sum(len(image) for _, image in self._images)

    def due_after(self, seq: int) -> int | None:
        """The number behind `seq` from which on the next image is wanted; None for never."""
        if self._save is None:
            return None
        at = bisect_right(self.seqs, seq)
        before = self._images[at - 1][0] if at else 0
        due = max(seq + 1, before + self.spacing)
        # Ground that has images already gets no more of them.
        following = self._images[at][0] if at < len(self._images) else None
        return due if following is None or following - due >= self.spacing else None

    def offer(self, seq: int, pipeline: Pipeline) -> None:
        """Keep an image of a pipeline whose steps up to `seq` are done. What cannot be kept ends
        the making of images.
        """
        if self._save is None or seq in self.seqs:
            return
        try:
            image = self._save(pipeline)
        except TectraError as error:
            self.refuse(str(error))
            return
        self.spacing = max(self.spacing, len(image) // _BYTES_A_RECORD)
        self._images.insert(bisect_right(self.seqs, seq), (seq, image))
        while self._images and (
            len(self._images) > self._images_max or self.nbytes > self._bytes_max
        ):
            self.spacing *= 2
            self._images = self._images[1::2]
        if not self._images:
            self.refuse(f"an image of {len(image)} bytes is larger than all may be together")

    def best(self, seq: int) -> tuple[int, bytes] | None:
        """The last image at or before a number."""
        at = bisect_right(self.seqs, seq)
        return self._images[at - 1] if at else None

    def load(self, pipeline: Pipeline, image: bytes) -> None:
        """Bring a fresh pipeline of the same session to where an image was made."""
        assert self._load is not None
        self._load(pipeline, image)

    def refuse(self, why: str) -> None:
        """Forget all images and make no more."""
        self._images = []
        self._save = None
        self.refused = why
