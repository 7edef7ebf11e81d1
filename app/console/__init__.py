"""Web pages: what people look at rather than read. They show what the use cases tell, and decide nothing."""
