"""One registry of commands behind keys, the ``:`` line, the palette and the help page."""
