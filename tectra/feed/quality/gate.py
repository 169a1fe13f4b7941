"""What stands between a Parquet file and a backtest: a validation report of exactly this content,
and that it passed.
"""

import hashlib
from pathlib import Path
from shlex import quote

import msgspec

from tectra.core.errors import InputError
from tectra.feed.quality.report import ValidationReport

__all__ = ["content_of", "report_path", "require_validated", "save_report"]

_CHUNK = 1 << 20


def report_path(path: str | Path) -> Path:
    """Where the report of a file or a directory of files lies: beside it."""
    where = Path(path)
    return where.with_name(where.name + ".validation.json")


def content_of(path: str | Path) -> tuple[str, int]:
    """(SHA-256 as hex, bytes) of a file, or of the names and content of a directory's files.
    InputError when it cannot be read.
    """
    where = Path(path)
    digest, size = hashlib.sha256(), 0
    try:
        if where.is_dir():
            for one in sorted(p for p in where.iterdir() if p.is_file()):
                inner, length = content_of(one)
                digest.update(f"{one.name}\0{length}\0{inner}\n".encode())
                size += length
            return digest.hexdigest(), size
        with where.open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
                size += len(data)
    except OSError as error:
        raise InputError(f"cannot read {where}: {error.strerror}") from error
    return digest.hexdigest(), size


def save_report(path: str | Path, report: ValidationReport) -> Path:
    """Put a report beside what it is about, with the digest of its content; where it lies now.
    InputError when that cannot be written.
    """
    digest, size = content_of(path)
    bound = msgspec.structs.replace(report, digest=digest, content_bytes=size)
    target = report_path(path)
    fresh = target.with_name(target.name + ".part")
    try:
        fresh.write_bytes(bound.to_json() + b"\n")
        fresh.replace(target)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise InputError(f"cannot write {target}: {error.strerror}") from error
    return target


def require_validated(path: str | Path) -> ValidationReport:
    """The report of a file whose validation passed. InputError without one, with one of other
    content, or with one that failed; the message has the command that helps.
    """
    target = report_path(path)
    command = f"run: tectra data validate {quote(str(path))}"
    try:
        report = ValidationReport.from_json(target.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{path}: found no validation report ({target.name}); a backtest takes Parquet files "
            f"that passed one; {command}"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {target}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{target} is no validation report: {error}; {command}") from error
    if (report.digest, report.content_bytes) != content_of(path):
        raise InputError(
            f"{path}: it is not what {target.name} is about, but was changed since; {command}"
        )
    if not report.passed:
        wrong = ", ".join(f"{k}: {report.counts[k]:,}" for k in report.counts)
        raise InputError(
            f"{path}: its validation failed ({wrong}); mend the data, or read it without "
            f"validation on purpose (allow_unvalidated); to see each fault {command}"
        )
    return report
