"""``make bench``: what the screens cost, measured on a real terminal. Nothing here is a test: nothing is asserted."""
