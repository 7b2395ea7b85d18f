"""What screens and verbs use: commands to the agent over its socket, and the feed of the read model."""
