"""What each team wants kept, and who is signed in to the web pages."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

PRIVACY = "privacy IN ('full', 'hashed', 'none')"


def upgrade() -> None:
    op.add_column("teams", sa.Column("privacy", sa.Text, nullable=False, server_default="full"))
    op.create_check_constraint(op.f("ck_teams_privacy"), "teams", PRIVACY)
    op.add_column("teams", sa.Column("payload_days", sa.Integer))
    op.add_column("teams", sa.Column("job_days", sa.Integer))
    op.add_column("teams", sa.Column("image_days", sa.Integer))
    op.add_column("teams", sa.Column("keeps_images", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("teams", sa.Column("rewrites_urls", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("key_id", sa.Uuid),
        sa.Column("team_id", sa.Uuid),
        sa.Column("admin_digest", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.CheckConstraint(
            "(key_id IS NULL) <> (admin_digest IS NULL)", name=op.f("ck_sessions_one_credential")
        ),
    )
