"""How long a write window lasts, in minutes: the time in which plans may be approved."""

MINUTES = 15
"""Unless another time is asked for."""
LONGEST = 60
"""More is not read-only by default any more."""
