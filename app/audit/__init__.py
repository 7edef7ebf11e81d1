"""What happened, for those who have to explain it: usage, and the trail of administrative changes."""
