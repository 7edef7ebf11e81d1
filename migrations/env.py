"""Tells Alembic which tables there should be; the connection always comes from `app/storage/migrate.py`."""

from alembic import context

from app.audit import tables as audit_tables
from app.billing import tables as billing_tables
from app.callers import tables as caller_tables
from app.jobs import tables as job_tables
from app.retention import tables as retention_tables
from app.storage.metadata import METADATA
from app.uploads import tables as upload_tables
from app.vault import tables as vault_tables
from app.webhooks import tables as webhook_tables
from app.work import tables as work_tables

DESCRIBED_BY = (
    audit_tables,
    billing_tables,
    caller_tables,
    job_tables,
    retention_tables,
    upload_tables,
    vault_tables,
    webhook_tables,
    work_tables,
)

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
