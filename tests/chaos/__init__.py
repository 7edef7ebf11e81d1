"""Random faults for as long as one asks, and a checker at the end: `python -m tests.chaos --seconds 3600`."""
