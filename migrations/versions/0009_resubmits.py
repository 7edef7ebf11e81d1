"""Jobs that an operator has sent again stand in the ledger with what their first try may have cost."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

KINDS = "kind IN ('reserve', 'charge', 'release', 'adjust', 'resubmit')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_ledger_kind"), "ledger", type_="check")
    op.create_check_constraint(op.f("ck_ledger_kind"), "ledger", KINDS)
    op.create_index("ix_ledger_resubmit", "ledger", ["job_id"], postgresql_where=sa.text("kind = 'resubmit'"))
