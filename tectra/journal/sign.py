"""Ed25519 keys and signatures (RFC 8032) of journal checkpoints, by the cryptography library.

A private key is a PEM file that only its owner may read; a public key is 64 hex digits. Any thread.
"""

import os
from pathlib import Path

from tectra.core.errors import InputError, StateError
from tectra.core.part_file import sync_directory

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization as _form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ImportError:  # said by _require() where it is needed
    _present = False
else:
    _present = True

__all__ = ["KEY_DIGITS", "SigningKey", "is_signed_by", "public_key"]

KEY_DIGITS = 64
_NAME_SHOWN = 60  # shorter than any private key in PEM


def _require() -> None:
    if not _present:
        raise StateError(
            "signatures need the cryptography library, which is not installed: "
            "pip install 'tectra[seal]'"
        )


class SigningKey:
    """A private key. Its text never appears in messages or representations."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @classmethod
    def create(cls, path: str | Path) -> "SigningKey":
        """Make a key and keep it in a new file with mode 0600. InputError when it is there."""
        _require()
        key = Ed25519PrivateKey.generate()
        body = key.private_bytes(
            _form.Encoding.PEM, _form.PrivateFormat.PKCS8, _form.NoEncryption()
        )
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise InputError(
                f"{path} is there already; a key is never overwritten: give another name"
            ) from error
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(fd)
            sync_directory(Path(path).parent)
        except BaseException as error:
            # Half a key would be in the way of the next try, which never overwrites.
            Path(path).unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise InputError(f"cannot write {path}: {error.strerror}") from error
            raise
        return cls(key)

    @classmethod
    def load(cls, path: str | Path) -> "SigningKey":
        """Read a key file. InputError when it holds none, or when others may read it."""
        _require()
        try:
            mode = Path(path).stat().st_mode & 0o077
            body = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read the key {path}: {error.strerror}") from error
        if mode:
            raise InputError(f"others may read the key {path}; allow only yourself: chmod 600")
        try:
            key = _form.load_pem_private_key(body, password=None)
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} holds no private key that can be read") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError(f"{path}: found another kind of key; allowed: Ed25519")
        return cls(key)

    @property
    def public(self) -> str:
        """The public key, 64 hex digits."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> bytes:
        """Signature of 64 bytes."""
        return self._key.sign(message)


def public_key(text: str | Path) -> str:
    """A public key given as 64 hex digits, or as the name of a file that holds them. InputError
    when it is neither.
    """
    word = str(text).strip()
    if _is_key(word):
        return word.lower()
    # Never repeated in a message: it may be the text of a private key, given by mistake.
    said = repr(word) if len(word) <= _NAME_SHOWN else f"{len(word)} characters"
    try:
        held = Path(word).read_text(errors="replace").strip() if Path(word).is_file() else ""
    except OSError:
        held = ""
    if not _is_key(held):
        raise InputError(
            f"public key: found {said}; allowed: {KEY_DIGITS} hex digits, or a file of them"
        )
    return held.lower()


def _is_key(word: str) -> bool:
    return len(word) == KEY_DIGITS and set(word.lower()) <= set("0123456789abcdef")


def is_signed_by(key: str, message: bytes, signature: bytes) -> bool:
    """Did the owner of the public key `key` sign `message`?"""
    _require()
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
