"""What the gateway still owes somebody: the work table, the loop, the tick."""
