"""The command line: one file per command group."""

from app.cli.entry import main

__all__ = ["main"]
