"""Tables of uploaded files, of what each team has stored, and of the jobs that are sent with them."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from app.storage.metadata import METADATA

# A row is there from the moment its bytes are. The migration keeps `body` out of line and uncompressed:
# pictures are compressed already.
UPLOADS = Table(
    "uploads",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("team_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("token_id", Uuid),
    Column("content_type", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
)

# What the rows above have together for a team, and for a browser token; locked where the limits are checked.
# The rows of `allowances` would do, but submits wait for those.
UPLOAD_USAGE = Table(
    "upload_usage",
    METADATA,
    Column("scope_id", Uuid, primary_key=True),
    Column("stored_bytes", BigInteger, nullable=False),
)

# Which addresses in a job's input are files that go upstream as data; written before the job is.
JOB_UPLOADS = Table(
    "job_uploads",
    METADATA,
    Column("job_id", Uuid, primary_key=True),
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("upload_id", Uuid, ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("address", Text, nullable=False),
)
