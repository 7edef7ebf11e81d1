"""Money: prices, allowances, the ledger. Amounts are integer micro-USD."""
