"""Before a case is open: the cases of this machine, a new one, the demo, the doctor."""
