"""A record's bytes as its template and its fields, without the checks that decode() makes: for
records that come out of an engine or a checked journal.
"""

import numpy as np

from tectra.core.msg import DTYPES, Template

__all__ = ["row_of", "template_of"]


def template_of(record: bytes | bytearray | memoryview) -> Template:
    """Template of a record's bytes."""
    return Template(int.from_bytes(record[2:4], "little"))


def row_of(record: bytes | bytearray | memoryview) -> np.void:
    """A record's bytes as its fields: a view, which a bytearray lets be written."""
    row: np.void = np.frombuffer(record, dtype=DTYPES[template_of(record)])[0]
    return row
