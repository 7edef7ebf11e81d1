"""PostgreSQL, Redis, group commit, embedded servers: connections without meaning."""
