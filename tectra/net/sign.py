"""Signing of requests with a shared secret: HMAC (RFC 2104) with the two padded keys hashed once.

A signature then costs two copies of a hash state and the hashing of the request itself, half of
what `hmac.new` takes. The bytes that are signed are the bytes that are sent: a signer takes bytes
and never builds a query.
"""

import base64
import hashlib
from typing import Final, Literal, final

from tectra.core.errors import InputError
from tectra.core.secret import Secret

__all__ = ["HmacSigner"]

_INNER: Final = bytes(b ^ 0x36 for b in range(256))
_OUTER: Final = bytes(b ^ 0x5C for b in range(256))
_HASHES: Final = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


@final
class HmacSigner:
    """Signs byte strings with one secret. Immutable, any thread, about 0.6 us for 100 bytes.

    `secret` is a Secret: its text is the key itself, or, with key_encoding="base64", the base64 of
    it (Kraken). Only the hashed pads are kept, not the key. Raises InputError for a secret that is
    empty or no base64, and for an unknown digest.
    """

    __slots__ = ("_inner", "_outer", "digest")

    def __init__(
        self,
        secret: Secret,
        digest: Literal["sha256", "sha384", "sha512"] = "sha256",
        *,
        key_encoding: Literal["text", "base64"] = "text",
    ) -> None:
        if not isinstance(secret, Secret):
            raise InputError(
                f"secret: found {type(secret).__name__}; allowed: tectra.core.secret.Secret, so "
                "that no log shows it"
            )
        make = _HASHES.get(digest)
        if make is None:
            raise InputError(f"digest: found {digest!r}; allowed: {', '.join(_HASHES)}")
        key = _key(secret, key_encoding)
        size = make().block_size
        if len(key) > size:
            key = make(key).digest()
        key = key.ljust(size, b"\0")
        self.digest = digest
        self._inner = make(key.translate(_INNER))
        self._outer = make(key.translate(_OUTER))

    def sign(self, payload: bytes) -> bytes:
        """The raw signature of the bytes that will be sent."""
        inner = self._inner.copy()
        inner.update(payload)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def hex(self, payload: bytes) -> str:
        """The signature in lower-case hexadecimal (Binance, Bybit, Coinbase)."""
        return self.sign(payload).hex()

    def base64(self, payload: bytes) -> str:
        """The signature in base64 (Kraken, OKX)."""
        return base64.b64encode(self.sign(payload)).decode("ascii")

    def __repr__(self) -> str:
        return f"HmacSigner({self.digest})"


def _key(secret: Secret, encoding: str) -> bytes:
    text = secret.reveal()
    if encoding == "base64":
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            raise InputError(
                "secret: found a text that is no base64; give it as the venue shows it"
            ) from None
    elif encoding == "text":
        key = text.encode()
    else:
        raise InputError(f"key_encoding: found {encoding!r}; allowed: text, base64")
    if not key:
        raise InputError("secret: found an empty one; set the variable that holds it")
    return key
