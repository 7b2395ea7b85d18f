"""The agent of a case: the one process that holds credentials, runs acquisitions and writes the log."""
