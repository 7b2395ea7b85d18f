"""The plan, before anything is started."""
