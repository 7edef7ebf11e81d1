"""Between which days a model was used: a list of its jobs need not be looked for on others.

No index has the model of a job, and every index costs every submit; without this a list of a model that
nobody uses any more would be looked for among all jobs.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from app.audit.job_filters import JobFilters, Sight
from app.audit.report_repository import ReportRepository
from app.audit.roll_up import catch_up


async def within_days_of_model(
    reports: ReportRepository, sight: Sight, filters: JobFilters
) -> JobFilters | None:
    """The same filters, kept to the days on which their model was used; None when that was never.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    if filters.model is None:
        return filters
    await catch_up(reports.database, sight.team_id)
    days = await reports.days_of_model(filters.model, sight.team_id)
    return None if days is None else within(filters, *days)


def within(filters: JobFilters, first: date, last: date) -> JobFilters | None:
    """The filters kept to these days; None when they are about other ones. Pure."""
    starts_at = max(_midnight(first), filters.starts_at or _midnight(first))
    end = _midnight(last) + timedelta(days=1)
    ends_at = min(end, filters.ends_at or end)
    return replace(filters, starts_at=starts_at, ends_at=ends_at) if starts_at < ends_at else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)
