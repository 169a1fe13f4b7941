from typing import Final, NamedTuple

from tectra.engine.pipeline import Pipeline

LOCAL_SECTIONS: Final[tuple[str, ...]]

class ImageInfo(NamedTuple):
    ring_seq: int
    now_ns: int
    input_digest: str
    output_digest: str
    kill_reason: int
    sections: dict[str, int]

def save_state(pipeline: Pipeline) -> bytes: ...
def load_state(pipeline: Pipeline, image: bytes | memoryview) -> None: ...
def image_info(image: bytes | memoryview) -> ImageInfo: ...
def state_digest(image: bytes | memoryview) -> str: ...
