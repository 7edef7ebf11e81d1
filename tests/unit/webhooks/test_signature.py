"""Signatures: fixed by their schemes, so checked against values that were made once by hand."""

import base64
import hashlib
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.webhooks.signature import SigningKeys

# The first test vector of RFC 8032.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
# Of the same key, from RFC 8037.
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

JOB_ID = UUID("0199d5b0-0000-7000-8000-000000000001")
TEAM_ID = UUID("0199d5b0-0000-7000-8000-000000000002")
BODY = b'{"a":1}'


def test_the_key_set_is_what_receivers_expect() -> None:
    [key] = SigningKeys([SEED]).key_set["keys"]
    assert key == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64.urlsafe_b64encode(PUBLIC).rstrip(b"=").decode(),
        "kid": THUMBPRINT,
        "use": "sig",
        "alg": "EdDSA",
    }


def test_fal_s_scheme() -> None:
    headers = SigningKeys([SEED]).headers(job_id=JOB_ID, team_id=TEAM_ID, timestamp=1_700_000_000, body=BODY)
    message = f"{JOB_ID}\n{TEAM_ID}\n1700000000\n{hashlib.sha256(BODY).hexdigest()}"
    signature = bytes.fromhex(headers["x-fal-webhook-signature"])
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(signature, message.encode())
    assert headers["x-fal-webhook-request-id"] == str(JOB_ID)
    assert headers["x-fal-webhook-user-id"] == str(TEAM_ID)
    assert headers["x-fal-webhook-timestamp"] == "1700000000"


def test_the_scheme_of_standard_webhooks() -> None:
    headers = SigningKeys([SEED]).headers(job_id=JOB_ID, team_id=TEAM_ID, timestamp=1_700_000_000, body=BODY)
    version, signature = headers["webhook-signature"].split(",")
    signed = b"msg_0199d5b0-0000-7000-8000-000000000001.1700000000." + BODY
    assert version == "v1a"
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(base64.b64decode(signature), signed)


def test_the_first_key_signs_and_all_are_published() -> None:
    other = bytes(32)
    ring = SigningKeys([SEED, other])
    alone = SigningKeys([SEED])
    arguments = {"job_id": JOB_ID, "team_id": TEAM_ID}
    assert len(ring.key_set["keys"]) == 2
    assert ring.headers(**arguments, timestamp=1, body=BODY) == alone.headers(
        **arguments, timestamp=1, body=BODY
    )
