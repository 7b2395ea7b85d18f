"""Guided acquisitions: playbooks as data, and how the screens see that a step is done."""
