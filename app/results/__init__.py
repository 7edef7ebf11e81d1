"""Finished answers, kept close: memory, then Redis, then PostgreSQL."""
