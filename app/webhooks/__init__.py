"""Webhooks: news of ended jobs, to the addresses that callers named."""
