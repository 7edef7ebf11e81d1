from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.callers.authenticate import Authenticator
from app.callers.browser_tokens import BrowserTokens
from app.callers.key_material import new_key
from app.callers.repository import CallerRepository
from app.callers.token_format import TokenClaims, TokenSigner
from app.callers.token_repository import TokenRepository
from app.errors import StorageUnavailable, Unauthorized
from app.storage.postgres import Database

SIGNER = TokenSigner([b"a secret"])
LIVING = TokenClaims(token_id=UUID(int=1), key_id=UUID(int=2), team_id=UUID(int=3), expires_ms=2**45)
DEAD = TokenClaims(token_id=UUID(int=1), key_id=UUID(int=2), team_id=UUID(int=3), expires_ms=1)
BOUND = TokenClaims(
    token_id=UUID(int=1),
    key_id=UUID(int=2),
    team_id=UUID(int=3),
    expires_ms=2**45,
    origin="https://a.example",
)


@pytest.fixture
async def authenticator() -> AsyncIterator[Authenticator]:
    """With a database that answers nobody: whoever asks it finds out."""
    database = await Database.connect("postgresql://127.0.0.1:1/x", pool_size=1, timeout_seconds=1)
    tokens = BrowserTokens(SIGNER, TokenRepository(database))
    yield Authenticator(CallerRepository(database), b"pepper", tokens)
    await database.close()


@pytest.mark.parametrize(
    "credential",
    [
        "fg_mistyped",
        "fga_mistyped",
        "fgt_altered." + "A" * 43,
        SIGNER.sign(LIVING) + "A",
        TokenSigner([b"another secret"]).sign(LIVING),
        new_key().lower(),
    ],
    # Made at random in part, but every test worker has to call a test the same.
    ids=["mistyped key", "admin", "altered", "longer", "other secret", "lower case"],
)
async def test_what_cannot_be_honoured_costs_no_question(
    authenticator: Authenticator, credential: str
) -> None:
    with pytest.raises(Unauthorized):
        await authenticator.require_caller([f"Bearer {credential}"], [])


@pytest.mark.parametrize(
    "credential",
    [new_key(), SIGNER.sign(LIVING), SIGNER.sign(DEAD), SIGNER.sign(BOUND)],
    ids=["key", "token", "dead", "bound"],
)
async def test_what_may_be_honoured_is_asked_for(authenticator: Authenticator, credential: str) -> None:
    """A token's end is by the database's clock, which is told with the answer."""
    with pytest.raises(StorageUnavailable):
        await authenticator.require_caller([f"Bearer {credential}"], [])
