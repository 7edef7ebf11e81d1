"""What the use cases of administration work with."""

from dataclasses import dataclass

from app.audit.cursor import KEY_PURPOSE as CURSOR_PURPOSE
from app.audit.cursor import Cursors
from app.audit.trail import KEY_PURPOSE as TRAIL_PURPOSE
from app.audit.trail import AuditTrail
from app.callers.pepper import derived_key
from app.callers.repository import CallerRepository
from app.storage.postgres import Database


@dataclass(frozen=True, slots=True)
class AdminContext:
    """The parts behind every change that an operator makes.

    Attributes:
        pepper: the secret of this installation, with which keys are digested.
    """

    database: Database
    callers: CallerRepository
    trail: AuditTrail
    cursors: Cursors
    pepper: bytes

    @classmethod
    def on(cls, database: Database, pepper: bytes) -> "AdminContext":
        """The parts on one database."""
        return cls(
            database=database,
            callers=CallerRepository(database),
            trail=AuditTrail(derived_key(pepper, TRAIL_PURPOSE)),
            cursors=Cursors(derived_key(pepper, CURSOR_PURPOSE)),
            pepper=pepper,
        )
