"""The verbs: scriptable, one JSON document each with ``--json``, exit codes that mean something."""
