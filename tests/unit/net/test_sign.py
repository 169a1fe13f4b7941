"""Signatures against the standard library, the vectors of RFC 4231 and of the venues' own pages."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.secret import Secret
from tectra.net import HmacSigner

# RFC 4231, test cases 1, 2, 6 (a key longer than a block) and 7.
RFC_4231 = [
    ("\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ("Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "data", "expected"), RFC_4231)
def test_the_vectors_of_the_rfc(key: str, data: bytes, expected: str) -> None:
    assert HmacSigner(Secret(key)).hex(data) == expected


@given(
    st.text(min_size=1, max_size=200), st.binary(max_size=500),
    st.sampled_from(["sha256", "sha384", "sha512"]),
)  # fmt: skip
def test_every_key_and_payload_as_the_standard_library_signs_it(key, payload, digest) -> None:
    signer = HmacSigner(Secret(key), digest)
    for _ in range(2):  # a signer is not used up
        assert signer.sign(payload) == hmac.digest(key.encode(), payload, digest)


def test_the_requests_that_the_venues_print(test_data: Path) -> None:
    vectors = json.loads((test_data / "vectors/signing_and_checksum_vectors.json").read_text())
    assert len(vectors["hmac"]) >= 2
    for row in vectors["hmac"]:
        signer = HmacSigner(Secret(row["secret"]))
        assert signer.hex(row["payload"].encode()) == row["hmac_sha256_hex"]
    row = vectors["kraken_rest_sign"]
    signer = HmacSigner(Secret(row["secret_b64"]), "sha512", key_encoding="base64")
    inner = hashlib.sha256((str(row["nonce"]) + row["body"]).encode()).digest()
    assert signer.base64(row["path"].encode() + inner) == row["api_sign_b64"]


def test_the_secret_is_nowhere_to_be_seen() -> None:
    signer = HmacSigner(Secret("a very secret key"))
    assert "secret key" not in repr(signer) + str(signer)
    for name in signer.__slots__:
        assert "secret key" not in repr(getattr(signer, name))


@pytest.mark.parametrize(
    ("secret", "options", "said"),
    [
        ("plain text", {}, "found str"),
        (Secret(""), {}, "found an empty one"),
        (Secret("x"), {"digest": "md5"}, "found 'md5'; allowed: sha256, sha384, sha512"),
        (Secret("@@"), {"key_encoding": "base64"}, "no base64"),
        (Secret(base64.b64encode(b"").decode()), {"key_encoding": "base64"}, "found an empty one"),
        (Secret("x"), {"key_encoding": "hex"}, "allowed: text, base64"),
    ],
)
def test_what_is_refused(secret, options, said) -> None:
    with pytest.raises(InputError, match=said) as caught:
        HmacSigner(secret, **options)
    assert "@@" not in str(caught.value)
