"""The SQL of what a team's privacy leaves to be shown of a job: the time counts, not the purge."""


def is_shown(job: str, team: str, grace: str) -> str:
    """The condition on rows of `jobs` and `teams`, with the placeholder of the grace in seconds."""
    return (
        f"({team}.privacy = 'full' OR {job}.completed_at IS NULL"
        f" OR {job}.completed_at > now() - make_interval(secs => {grace}::float8))"
    )
