"""Copies of the pictures that jobs made: taken when a job ends, kept as its team wants, shown by link."""
