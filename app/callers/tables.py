"""Tables of teams, keys, and what this installation knows about itself.

Limits of money, of jobs in flight and of pictures stand beside what is used of them, in `billing/tables.py`.
"""

from sqlalchemy import ARRAY, Column, DateTime, ForeignKey, Integer, LargeBinary, Table, Text, Uuid, func

from app.storage.metadata import METADATA

TEAMS = Table(
    "teams",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("requests_per_minute", Integer),
    Column("models", ARRAY(Text)),  # globs; NULL allows every model
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

# Only a digest of a key is stored; `hint` is its last four characters, for people who compare lists.
API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Uuid, ForeignKey("teams.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("requests_per_minute", Integer),
    Column("models", ARRAY(Text)),
)

# Facts that must agree between all processes of one installation: a check value of the key pepper, and the
# digest of the admin key that was made at the first start.
INSTALLATION = Table(
    "installation",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
