"""Keys and secrets out of the environment, or out of files that only their owner reads."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Final, NoReturn

import msgspec

from tectra.core.config.fault import Fault, Path, error_of
from tectra.core.secret import Secret

__all__ = ["LENGTH_MIN", "Credentials", "read_credentials", "read_secret"]

LENGTH_MIN: Final = 16
_BYTES_MAX: Final = 65_536
_DISTINCT_MIN: Final = 6
# Words of manuals and samples. Long enough that no random key holds one.
_SAMPLES: Final = (
    "supersecret", "somethingrandom", "changeme", "change_me", "change-me", "password", "passw0rd",
    "secret", "example", "sample", "placeholder", "default", "yourkey", "your_", "your-", "apikey",
    "api_key", "api-key", "insert", "replace", "letmein", "dummy", "123456", "abcdef", "qwerty",
    "testtest", "xxxx", "foobar", "deadbeef", "lorem",
)  # fmt: skip


class Credentials(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The pair with which requests are signed. Never shown."""

    api_key: Secret
    secret_key: Secret


def _refuse(path: Path, found: str, allowed: str, fix: str) -> NoReturn:
    raise error_of([Fault(path=path, found=found, allowed=allowed, fix=fix, kind="credential")])


def _from_file(file: str, name: str, path: Path) -> str:
    """Content of a secret file: a regular file of ours that nobody else may read.

    It is opened once and looked at through the descriptor, so that nothing can be put in its place
    between the look and the read.
    """
    shown = f"the file that {name} names"
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags)
    except OSError as error:
        reason = (
            "a symbolic link" if FilePath(file).is_symlink() else (error.strerror or "").lower()
        )
        _refuse(
            path, f"{shown}: {reason}", "a regular file", "name the file itself in the variable"
        )
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            _refuse(path, f"{shown}: not a regular file", "a regular file", "name a file")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            _refuse(path, f"{shown}: mode {mode:04o}", "mode 0600 or 0400", "run chmod 600 on it")
        if status.st_uid not in (os.geteuid(), 0):
            owner = f"{shown}: owner {status.st_uid}"
            _refuse(path, owner, "this user or root", "run chown on it")
        if status.st_size > _BYTES_MAX:
            size = f"{shown}: {status.st_size} bytes"
            _refuse(path, size, f"up to {_BYTES_MAX} bytes", "put the secret alone into it")
        data = os.read(descriptor, _BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return _refuse(path, f"{shown}: bytes that are no text", "UTF-8 text", "write it anew")


def _check(text: str, name: str, path: Path) -> None:
    """Refuse a secret that somebody can guess; the message never shows it."""
    fix = "use the one that the venue or a generator gave"
    if not text.strip():
        _refuse(path, f"{name} is empty", f"at least {LENGTH_MIN} characters", fix)
    if text != text.strip() or any(c < " " and c != "\n" for c in text):
        _refuse(path, f"{name} has blanks around it or control characters", "the bare secret", fix)
    if len(text) < LENGTH_MIN:
        short = f"{name} of {len(text)} characters"
        _refuse(path, short, f"at least {LENGTH_MIN} characters", fix)
    folded = text.casefold()
    repeated = (text + text).find(text, 1) < len(text)
    if any(word in folded for word in _SAMPLES):
        _refuse(path, f"{name} with a word of samples in it", "a secret of your own", fix)
    if repeated or len(set(text)) < _DISTINCT_MIN:
        _refuse(path, f"{name} made of a few characters again and again", "a random secret", fix)


def read_secret(name: str, environ: Mapping[str, str] | None = None, *, path: Path = ()) -> Secret:
    """The secret of a variable, or of the file that NAME_FILE names.

    `path` is the key that named the variable. CredentialError: not set, set twice, too short, of a
    manual, or in a file that is a link, open to others, too large or no text.
    """
    environ = os.environ if environ is None else environ
    plain, file = environ.get(name), environ.get(f"{name}_FILE")
    if plain is not None and file is not None:
        both = f"both {name} and {name}_FILE"
        _refuse(path, both, "one of them", f"unset {name}")
    if file is not None:
        text = _from_file(file, f"{name}_FILE", path)
    elif plain is not None:
        text = plain
    else:
        _refuse(
            path, f"{name} is not set", "a variable with the secret",
            f"set {name}, or {name}_FILE to a file with mode 0600",
        )  # fmt: skip
    _check(text, name, path)
    return Secret(text)


def read_credentials(
    api_key_env: str, secret_key_env: str, environ: Mapping[str, str] | None = None, *, path: Path
) -> Credentials:
    """Both secrets of an account; `path` is the section that names the variables."""
    api_key = read_secret(api_key_env, environ, path=(*path, "api_key_env"))
    secret_key = read_secret(secret_key_env, environ, path=(*path, "secret_key_env"))
    if api_key == secret_key:
        _refuse(
            (*path, "secret_key_env"), f"the same text in {api_key_env} and {secret_key_env}",
            "two different texts", "look which of them is the secret",
        )  # fmt: skip
    return Credentials(api_key=api_key, secret_key=secret_key)
