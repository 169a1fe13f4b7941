"""Checks raw captures of every venue: books rebuilt with the assembler that live feeds use, numbers
followed, checksums and best prices compared. Floor 10, since it names the venues.
"""

from tectra.runtime.capture.check import check_capture
from tectra.runtime.capture.detect import VENUES, detect
from tectra.runtime.capture.report import BookReport, CaptureReport

__all__ = ["VENUES", "BookReport", "CaptureReport", "check_capture", "detect"]
