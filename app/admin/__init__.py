"""What an operator may change: teams, keys, limits, prices. Every change leaves a row in the audit trail."""
