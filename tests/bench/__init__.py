"""``make bench``: what the screens cost on a real terminal. Nothing here is a test: nothing is asserted."""
