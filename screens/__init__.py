"""What people see: Textual screens that read the case's read model and send commands."""
