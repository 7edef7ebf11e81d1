"""Makes the pictures of `docs/screenshots/`: a gateway from scratch, a month of life in it, and a browser."""
