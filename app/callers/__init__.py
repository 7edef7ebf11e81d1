"""Who may call: teams, their keys, and recognising them on a request."""
