"""Pictures that callers bring: taken in, kept for a while, handed to the upstream."""
