"""The four panes of a case."""
