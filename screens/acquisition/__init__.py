"""One acquisition: its steps and its custody lines."""
