"""Where the files that ship with tectra lie: in a wheel beside the package, in a checkout at the
top of the tree.
"""

from pathlib import Path

__all__ = ["get_include", "sample_day", "schema_file"]

_PACKAGE = Path(__file__).resolve().parent


def _shipped(in_wheel: str, in_checkout: str) -> Path:
    wheel = _PACKAGE / in_wheel
    return wheel if wheel.exists() else _PACKAGE.parent / in_checkout


def get_include() -> str:
    """Directory to put on the C include path; headers are `<tectra/msg.h>` and so on."""
    return str(_shipped("include", "ext"))


def schema_file() -> Path:
    """The SBE schema that describes every record."""
    return Path(get_include()) / "tectra" / "schema.xml"


def sample_day() -> Path:
    """The bundled synthetic ITCH 5.0 day."""
    return _shipped("data", "data") / "sample.itch.gz"
