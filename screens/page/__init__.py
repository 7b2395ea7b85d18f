"""Pages of plain lines: help, one event, one resource, the policies of a plan."""
