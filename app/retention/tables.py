"""Tables of what is left of payloads, and of how far the purge has come."""

from sqlalchemy import Column, Index, LargeBinary, Table, Uuid, text

from app.storage.metadata import METADATA

_NOTHING = text("'00000000-0000-0000-0000-000000000000'")

# What a team that keeps digests has in place of prompt, input and result; see `digests.py`.
PAYLOAD_DIGESTS = Table(
    "payload_digests",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("job_id", Uuid, primary_key=True),
    Column("prompt", LargeBinary),
    Column("input", LargeBinary),
    Column("result", LargeBinary),
    Index(
        "ix_payload_digests_prompt",
        "team_id",
        "prompt",
        "job_id",
        postgresql_where=text("prompt IS NOT NULL"),
    ),
)

# Up to these ids nothing of a team is looked for any more: what was past its time there has gone, and what
# could not go yet has a row in `work`. So a purge without anything to do costs one look into an index a team.
RETENTION_MARKS = Table(
    "retention_marks",
    METADATA,
    Column("team_id", Uuid, primary_key=True),
    Column("payloads_until", Uuid, nullable=False, server_default=_NOTHING),
    Column("jobs_until", Uuid, nullable=False, server_default=_NOTHING),
)
