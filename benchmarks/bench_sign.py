"""Signing a request of usual length, against the ways the standard library has."""

import hmac

from conftest import Gate

from tectra.core.secret import Secret
from tectra.net import HmacSigner

KEY = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REQUEST = (
    b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
    b"&recvWindow=5000&timestamp=1499827319559"
)


def test_sign(gate: Gate) -> None:
    """Cached pads against hmac.new, and against the one call in C that hashes them each time."""
    signer = HmacSigner(Secret(KEY))
    key = KEY.encode()
    assert signer.sign(REQUEST) == hmac.digest(key, REQUEST, "sha256")
    gate(
        lambda: signer.sign(REQUEST),
        lambda: hmac.new(key, REQUEST, "sha256").digest(),
        "sign.to_hmac_new",
    )


def test_sign_once(gate: Gate) -> None:
    signer = HmacSigner(Secret(KEY))
    key = KEY.encode()
    gate(
        lambda: signer.sign(REQUEST), lambda: hmac.digest(key, REQUEST, "sha256"), "sign.to_digest"
    )
